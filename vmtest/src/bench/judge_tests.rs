//! What counts as a measurement: every way to be none is tried.

use rstest::rstest;
use serde_json::json;
use vmtest_proto::Calls;

use super::*;

const EXACT: KnownLoop =
    KnownLoop { instructions: 1_000_000, counted: 1_000_000, clock_ns: 2_000_100, longer: 2_000_000 };

fn calls(write: u64) -> Calls {
    let cost = |fewest, made| CallCost { fewest, median: fewest, batch: 64, made };
    let calls = [(BenchCall::Getpid, cost(20_000, 640)), (BenchCall::Write, cost(write, 640))];
    Calls { known_loop: EXACT, calls: BTreeMap::from(calls) }
}

fn report() -> Value {
    let names =
        ["matched", "unreadable", "aborted", "lost", "killed", "kill_failed", "refused", "process_rejected"];
    let mut counters: Value =
        names.iter().map(|name| ((*name).to_owned(), json!(0))).collect::<serde_json::Map<_, _>>().into();
    counters["calls"] = json!(660);
    counters["own"] = json!(10);
    counters["filter_rejected"] = json!(650);
    let hook = json!({"call": "sys_write", "mechanism": "kprobe", "recursion_misses": null, "missed": 0, "counters": counters});
    json!({"faults": [], "policies": [{"name": "p", "hooks": [hook]}]})
}

fn agent() -> AgentSeen {
    AgentSeen { alive: true, status: "exit status: 0".into(), report: report(), ..AgentSeen::default() }
}

fn passes(agent: AgentSeen) -> Vec<BenchSeen> {
    let off = |name: &str| BenchSeen {
        name: name.into(),
        calls: calls(64_000),
        agent: None,
        bursts: Vec::new(),
        kills: None,
    };
    let under = BenchSeen { name: "p".into(), calls: calls(128_000), agent: Some(agent), ..off("") };
    vec![off(OFF), under, off(OFF_AGAIN)]
}

#[test]
fn a_good_run_says_what_the_policy_adds_to_each_call() {
    let judged = judge(&passes(agent())).unwrap();
    let policy = &judged.policies[0];
    assert_eq!(policy.added, BTreeMap::from([(BenchCall::Getpid, 0), (BenchCall::Write, 1000)]));
    assert_eq!((policy.hooks[0].decided, policy.hooks[0].made), (650, Some(640)));
}

/// A load of the hook that saw nothing.
fn idle_load() -> Value {
    let mut load = report()["policies"][0]["hooks"][0].clone();
    for counter in ["calls", "own", "filter_rejected"] {
        load["counters"][counter] = json!(0);
    }
    load
}

#[test]
fn the_loads_of_a_hook_saw_its_calls_together_whichever_saw_them() {
    for first in [true, false] {
        let mut agent = agent();
        let hooks = agent.report["policies"][0]["hooks"].as_array_mut().unwrap();
        hooks.insert(usize::from(!first), idle_load());
        let judged = judge(&passes(agent)).unwrap();
        let seen: Vec<_> = judged.policies[0].hooks.iter().map(|hook| (hook.decided, hook.made)).collect();
        assert_eq!(seen, [(650, Some(640))]);
    }
}

#[test]
fn the_same_hook_of_two_policies_is_two_each_of_which_saw_every_call() {
    let mut agent = agent();
    let policies = agent.report["policies"].as_array_mut().unwrap();
    policies.push(policies[0].clone());
    let judged = judge(&passes(agent.clone())).unwrap();
    assert_eq!(judged.policies[0].hooks.iter().map(|hook| hook.decided).collect::<Vec<_>>(), [650, 650]);
    agent.report["policies"][1]["hooks"] = json!([idle_load()]);
    let reasons = judge(&passes(agent)).unwrap_err().join("; ");
    assert!(reasons.contains("0 decided"), "{reasons}");
}

#[rstest]
#[case::matched("matched", json!(1), "1 calls matched")]
#[case::undecided("unreadable", json!(2), "2 calls unreadable")]
#[case::not_all_decided("calls", json!(700), "700 calls seen, and 10 own and 650 decided")]
#[case::not_all_seen("filter_rejected", json!(600), "610 own")]
#[case::no_counter("aborted", Value::Null, "no counter `aborted`")]
fn a_hook_that_did_something_else_is_no_measurement(
    #[case] counter: &str,
    #[case] value: Value,
    #[case] reason: &str,
) {
    let mut agent = agent();
    agent.report["policies"][0]["hooks"][0]["counters"][counter] = value;
    if counter == "filter_rejected" {
        agent.report["policies"][0]["hooks"][0]["counters"]["own"] = json!(610);
    }
    let reasons = judge(&passes(agent)).unwrap_err().join("; ");
    assert!(reasons.contains(reason), "{reasons}");
}

#[test]
fn a_hook_that_saw_fewer_calls_than_were_timed_is_no_measurement() {
    let mut agent = agent();
    let counters = &mut agent.report["policies"][0]["hooks"][0]["counters"];
    (counters["calls"], counters["filter_rejected"]) = (json!(649), json!(639));
    let reasons = judge(&passes(agent)).unwrap_err().join("; ");
    assert!(reasons.contains("640 calls were timed and 639 decided"), "{reasons}");
}

#[test]
fn a_hook_that_saw_many_calls_of_others_is_no_measurement() {
    let mut agent = agent();
    let counters = &mut agent.report["policies"][0]["hooks"][0]["counters"];
    (counters["calls"], counters["filter_rejected"]) = (json!(2010), json!(2000));
    assert!(judge(&passes(agent)).unwrap_err()[0].contains("2000 decided"));
}

#[test]
fn calls_that_the_kernel_did_not_show_are_no_measurement() {
    let mut agent = agent();
    agent.report["policies"][0]["hooks"][0]["missed"] = json!(3);
    assert!(judge(&passes(agent)).unwrap_err()[0].contains("did not show 3 calls"));
}

#[rstest]
#[case::dead(AgentSeen { alive: false, status: "signal: 9".into(), ..agent() }, "did not live through it")]
#[case::failed(AgentSeen { status: "exit status: 1".into(), ..agent() }, "ended with exit status: 1")]
#[case::events(AgentSeen { events: 2, ..agent() }, "told of 2 events")]
#[case::no_report(AgentSeen { report: Value::Null, ..agent() }, "left no report")]
fn an_agent_that_is_not_well_is_no_measurement(#[case] agent: AgentSeen, #[case] reason: &str) {
    let reasons = judge(&passes(agent)).unwrap_err().join("; ");
    assert!(reasons.contains(reason), "{reasons}");
}

#[test]
fn a_report_without_a_hook_is_no_measurement() {
    let mut agent = agent();
    agent.report["policies"] = json!([]);
    assert!(judge(&passes(agent)).unwrap_err()[0].contains("no hook"));
}

#[rstest]
#[case::miscounted(KnownLoop { counted: 1_000_001, ..EXACT }, "counted as 1000001")]
#[case::nothing_counted(KnownLoop { instructions: 0, counted: 0, ..EXACT }, "not count exactly")]
#[case::another_clock(KnownLoop { clock_ns: 2_100_000, ..EXACT }, "2100000 ns")]
fn a_counter_that_is_not_exact_is_no_measurement(#[case] known_loop: KnownLoop, #[case] reason: &str) {
    let mut passes = passes(agent());
    passes[1].calls.known_loop = known_loop;
    let reasons = judge(&passes).unwrap_err().join("; ");
    assert!(reasons.contains(reason), "{reasons}");
}

#[test]
fn calls_that_are_not_again_what_they_were_are_no_measurement() {
    let mut passes = passes(agent());
    passes[2].calls = calls(65_000);
    assert!(judge(&passes).unwrap_err()[0].contains("write took 64000 instructions per 64 calls before"));
    passes[2].calls = calls(64_200);
    assert!(judge(&passes).is_ok());
}

#[test]
fn without_the_passes_around_there_is_nothing_to_compare_with() {
    assert!(judge(&passes(agent())[..2]).is_err());
}
