//! The judge on tables and on arbitrary records.

use proptest::prelude::*;
use rstest::rstest;

use super::*;
use crate::record::Fault;
use crate::scenario::ExpectedFault;

fn performance(fate: ProcessFate, effect_happened: bool, untouched: bool) -> Performance {
    Performance { fate, effect_happened, untouched, failure: None, stderr: String::new() }
}

fn done() -> Performance {
    performance(ProcessFate::Exited(0), true, false)
}

/// Nothing in particular.
fn expectation() -> Expectation {
    Expectation {
        process: ExpectedProcess::Survives,
        effect: ExpectedEffect::Happens,
        matched: 0,
        killed: 0,
        events: 0,
        signalled: 0,
        rate_limited: 0,
        not_posted: 0,
        least_calls: 1,
        seen: Vec::new(),
        refused: 0,
        unsupported: Vec::new(),
        faults: Vec::new(),
    }
}

/// A write that was killed and prevented, seen exactly once.
fn killed_and_prevented() -> (Expectation, Record) {
    (
        Expectation {
            process: ExpectedProcess::Killed,
            effect: ExpectedEffect::Prevented,
            matched: 1,
            killed: 1,
            events: 1,
            faults: vec![ExpectedFault { site: "user_string".into(), errno: 14 }],
            ..expectation()
        },
        Record {
            control_before: done(),
            enforced: performance(ProcessFate::Signalled(9), false, true),
            bystander: done(),
            control_after: done(),
            calls: 17,
            accounted: 17,
            aborted: 0,
            matched: 1,
            decided: 1,
            reported: 1,
            rate_limited: 0,
            not_posted: 0,
            signalled: 0,
            signal_failed: 0,
            killed: 1,
            kill_failed: 0,
            refused: 0,
            refuse_failed: 0,
            unsupported: None,
            faults: vec![Fault { site: "user_string".into(), errno: 14, count: 3 }],
            recursion_misses: Some(0),
            thrown_away: Vec::new(),
            lost_events: 0,
            events: 1,
            shown_events: Vec::new(),
            attach_ms: 250,
        },
    )
}

/// The process goes unhindered.
fn survives() -> (Expectation, Record) {
    let (mut expect, mut record) = killed_and_prevented();
    expect.process = ExpectedProcess::Survives;
    expect.effect = ExpectedEffect::Happens;
    (expect.matched, expect.killed, expect.events) = (0, 0, 0);
    record.enforced = done();
    (record.matched, record.killed, record.events) = (0, 0, 0);
    (expect, record)
}

/// The call is refused and the process lives on to see it.
fn refused() -> (Expectation, Record) {
    let (mut expect, mut record) = killed_and_prevented();
    expect.process = ExpectedProcess::Refused(1);
    (expect.killed, expect.refused) = (0, 1);
    record.enforced.fate = ProcessFate::Exited(exit::WRITE);
    record.enforced.failure = Some((1, 1));
    (record.killed, record.refused) = (0, 1);
    (expect, record)
}

/// The agent does not take the policy, and nothing is attached.
fn unsupported() -> (Expectation, Record) {
    let record = Record::unsupported([done(), done(), done(), done()], "no bpf_override_return here".into());
    (Expectation { unsupported: vec!["override".into()], ..expectation() }, record)
}

fn failures((expect, record): (Expectation, Record)) -> Vec<String> {
    match judge(&expect, &record) {
        Judgement::Passed => Vec::new(),
        Judgement::Failed(failures) => failures,
        Judgement::Broken(reason) => panic!("{reason}"),
    }
}

#[test]
fn a_refused_call_and_a_refused_policy_pass_as_expected() {
    assert_eq!(failures(refused()), [""; 0]);
    assert_eq!(failures(unsupported()), [""; 0]);
}

#[test]
fn another_errno_is_not_the_refusal_that_was_asked_for() {
    let (expect, mut record) = refused();
    record.enforced.failure = Some((1, 13));
    let found = failures((expect, record));
    assert!(found.len() == 1 && found[0].contains("errno 1, but it saw 13 at step 1"), "{found:?}");
}

#[test]
fn a_refused_call_whose_process_goes_on_is_none() {
    let (expect, mut record) = refused();
    record.enforced.fate = ProcessFate::Exited(0);
    assert_eq!(failures((expect, record)).len(), 1);
}

#[test]
fn a_refusal_that_nobody_counted_or_that_failed_is_told() {
    let (expect, mut record) = refused();
    (record.refused, record.refuse_failed) = (0, 1);
    let found = failures((expect, record));
    assert!(
        found.len() == 2 && found[0].contains("`refused`") && found[1].contains("`refuse_failed`"),
        "{found:?}"
    );
}

#[test]
fn a_policy_must_be_refused_for_the_reasons_that_are_expected() {
    let (mut expect, record) = unsupported();
    expect.unsupported.push("CONFIG_BPF_LSM".into());
    let found = failures((expect.clone(), record));
    assert!(found.len() == 1 && found[0].contains("should say `CONFIG_BPF_LSM`"), "{found:?}");
    let found = failures((expect, survives().1));
    assert!(found.iter().any(|text| text.contains("should be refused on this kernel")), "{found:?}");
    let found = failures((survives().0, unsupported().1));
    assert!(
        found.iter().any(|text| text.contains("but it was refused: no bpf_override_return")),
        "{found:?}"
    );
}

/// The process dies of another signal.
fn signalled() -> (Expectation, Record) {
    let (mut expect, mut record) = killed_and_prevented();
    expect.process = ExpectedProcess::Signalled(15);
    (expect.killed, expect.signalled) = (0, 1);
    record.enforced.fate = ProcessFate::Signalled(15);
    (record.killed, record.signalled) = (0, 1);
    (expect, record)
}

/// The process dies, the effect is there all the same.
fn killed_too_late() -> (Expectation, Record) {
    let (mut expect, mut record) = killed_and_prevented();
    expect.effect = ExpectedEffect::Happens;
    record.enforced = performance(ProcessFate::Signalled(9), true, false);
    (expect, record)
}

#[rstest]
#[case(killed_and_prevented())]
#[case(survives())]
#[case(killed_too_late())]
#[case(signalled())]
fn what_is_seen_as_expected_passes(#[case] (expect, record): (Expectation, Record)) {
    assert_eq!(judge(&expect, &record), Judgement::Passed);
}

#[test]
fn kernel_that_does_not_count_misses_can_pass() {
    let (expect, mut record) = killed_and_prevented();
    record.recursion_misses = None;
    assert_eq!(judge(&expect, &record), Judgement::Passed);
}

#[rstest]
#[case::survived(|record: &mut Record| record.enforced.fate = ProcessFate::Exited(0), "die of signal 9")]
#[case::other_signal(|record: &mut Record| record.enforced.fate = ProcessFate::Signalled(11), "died of signal 11")]
#[case::refused(|record: &mut Record| record.enforced.fate = ProcessFate::Exited(21), "the write step failed")]
#[case::happened(|record: &mut Record| record.enforced = performance(ProcessFate::Signalled(9), true, false), "but it happened")]
#[case::partly(|record: &mut Record| record.enforced.untouched = false, "a part of it happened")]
#[case::bystander_died(|record: &mut Record| record.bystander.fate = ProcessFate::Signalled(9), "bystander should survive")]
#[case::bystander_hindered(|record: &mut Record| record.bystander.effect_happened = false, "bystander's act")]
#[case::no_calls(|record: &mut Record| (record.calls, record.accounted) = (0, 0), "nothing was attached")]
#[case::unaccounted(|record: &mut Record| record.accounted = 16, "say of 16 how they ended")]
#[case::too_few_calls(|record: &mut Record| (record.calls, record.accounted) = (8, 8), "at least 9 calls")]
#[case::unreported(|record: &mut Record| record.reported = 0, "what became of their events")]
#[case::signalled(|record: &mut Record| record.signalled = 1, "(`signalled`), counted 1")]
#[case::signal_failed(|record: &mut Record| record.signal_failed = 1, "(`signal_failed`), counted 1")]
#[case::held_back(|record: &mut Record| record.rate_limited = 1, "(`rate_limited`), counted 1")]
#[case::not_posted(|record: &mut Record| record.not_posted = 1, "(`not_posted`), counted 1")]
#[case::other_event(|record: &mut Record| record.shown_events = vec![serde_json::json!({"selector": 1})], "differs at `/selector`")]
#[case::aborted(|record: &mut Record| record.aborted = 1, "(`aborted`), counted 1")]
#[case::not_matched(|record: &mut Record| record.matched = 0, "(`matched`), counted 0")]
#[case::matched_twice(|record: &mut Record| record.matched = 2, "(`matched`), counted 2")]
#[case::not_killed(|record: &mut Record| record.killed = 0, "(`killed`), counted 0")]
#[case::killed_twice(|record: &mut Record| record.killed = 2, "(`killed`), counted 2")]
#[case::kill_failed(|record: &mut Record| record.kill_failed = 1, "(`kill_failed`), counted 1")]
#[case::no_fault(|record: &mut Record| record.faults.clear(), "failed at []")]
#[case::other_fault(|record: &mut Record| record.faults[0].errno = 1, "user_string\", 1")]
#[case::not_seen(|record: &mut Record| record.events = 0, "(`events`), counted 0")]
#[case::seen_twice(|record: &mut Record| record.events = 2, "(`events`), counted 2")]
fn one_difference_is_one_failure_with_its_own_sentence(
    #[case] change: fn(&mut Record),
    #[case] sentence: &str,
) {
    let (mut expect, mut record) = killed_and_prevented();
    expect.least_calls = 9;
    expect.seen = vec![serde_json::json!({"selector": 0})];
    record.shown_events = vec![serde_json::json!({"selector": 0, "time": "now"})];
    assert_eq!(judge(&expect, &record), Judgement::Passed);
    change(&mut record);
    let Judgement::Failed(failures) = judge(&expect, &record) else { panic!("not failed") };
    assert_eq!(failures.len(), 1, "{failures:?}");
    assert!(failures[0].contains(sentence), "{failures:?}");
}

#[rstest]
#[case::prevented(|record: &mut Record| record.enforced = performance(ProcessFate::Signalled(9), false, true), "nothing changed")]
#[case::partly(|record: &mut Record| record.enforced = performance(ProcessFate::Signalled(9), false, false), "only a part")]
fn effect_that_should_happen_must_happen_wholly(#[case] change: fn(&mut Record), #[case] sentence: &str) {
    let (expect, mut record) = killed_too_late();
    change(&mut record);
    let Judgement::Failed(failures) = judge(&expect, &record) else { panic!("not failed") };
    assert!(failures.len() == 1 && failures[0].contains(sentence), "{failures:?}");
}

#[rstest]
#[case::control_killed(|record: &mut Record| record.control_before.fate = ProcessFate::Signalled(9), "before attaching")]
#[case::control_failed(|record: &mut Record| record.control_before.fate = ProcessFate::Exited(20), "the open step failed")]
#[case::control_without_effect(|record: &mut Record| record.control_before.effect_happened = false, "before attaching, the act had no effect")]
#[case::still_enforced(|record: &mut Record| record.control_after.fate = ProcessFate::Signalled(9), "after detaching")]
#[case::later_control_without_effect(|record: &mut Record| record.control_after.effect_happened = false, "after detaching, the act had no effect")]
#[case::skipped(|record: &mut Record| record.recursion_misses = Some(3), "3 times")]
#[case::lost(|record: &mut Record| record.lost_events = 2, "2 events were lost")]
fn untrustworthy_measurement_is_broken_even_if_the_rest_would_fail(
    #[case] change: fn(&mut Record),
    #[case] reason: &str,
) {
    for spoil in [|_: &mut Record| (), |record: &mut Record| record.killed = 0] {
        let (expect, mut record) = killed_and_prevented();
        change(&mut record);
        spoil(&mut record);
        let Judgement::Broken(text) = judge(&expect, &record) else { panic!("not broken") };
        assert!(text.contains(reason), "{text}");
    }
}

#[test]
fn judgement_survives_json() {
    for judgement in [
        Judgement::Passed,
        Judgement::Failed(vec!["one".into(), "two".into()]),
        Judgement::Broken("reason".into()),
    ] {
        let json = serde_json::to_string(&judgement).unwrap();
        assert_eq!(serde_json::from_str::<Judgement>(&json).unwrap(), judgement);
    }
}

fn any_expectation() -> impl Strategy<Value = Expectation> {
    let process = prop_oneof![
        Just(ExpectedProcess::Killed),
        Just(ExpectedProcess::Survives),
        (1..3).prop_map(ExpectedProcess::Refused)
    ];
    let effect = prop_oneof![Just(ExpectedEffect::Prevented), Just(ExpectedEffect::Happens)];
    (process, effect, 0..3_u64, 0..3_u64, 0..3_u64).prop_map(|(process, effect, matched, killed, events)| {
        Expectation { process, effect, matched, killed, events, ..expectation() }
    })
}

fn any_fate() -> impl Strategy<Value = ProcessFate> {
    prop_oneof![
        Just(ProcessFate::Signalled(9)),
        (1..32).prop_map(ProcessFate::Signalled),
        Just(ProcessFate::Exited(0)),
        (0..128).prop_map(ProcessFate::Exited)
    ]
}

fn any_performance() -> impl Strategy<Value = Performance> {
    (any_fate(), any::<bool>(), any::<bool>(), prop::option::of((1..3_usize, 1..3))).prop_map(
        |(fate, happened, untouched, failure)| Performance {
            failure,
            ..performance(fate, happened, untouched && !happened)
        },
    )
}

fn any_record() -> impl Strategy<Value = Record> {
    let performances = (any_performance(), any_performance(), any_performance(), any_performance());
    let counters = (0..3_u64, 0..3_u64, 0..3_u64, 0..2_u64, prop::option::of(0..2_u64), 0..2_u64, 0..3_u64);
    let refusals = (0..3_u64, 0..2_u64, prop::option::of(Just("no mechanism".to_owned())));
    (performances, counters, refusals).prop_map(|(performances, counters, refusals)| {
        let (control_before, enforced, bystander, control_after) = performances;
        let (calls, matched, killed, kill_failed, recursion_misses, lost_events, events) = counters;
        let (refused, refuse_failed, unsupported) = refusals;
        Record {
            control_before,
            enforced,
            bystander,
            control_after,
            calls,
            accounted: calls,
            aborted: 0,
            matched,
            decided: matched,
            reported: matched,
            rate_limited: 0,
            not_posted: 0,
            signalled: 0,
            signal_failed: 0,
            killed,
            kill_failed,
            refused,
            refuse_failed,
            unsupported,
            faults: Vec::new(),
            recursion_misses,
            thrown_away: Vec::new(),
            lost_events,
            events,
            shown_events: Vec::new(),
            attach_ms: 1,
        }
    })
}

proptest! {
    /// Everything happens as without a policy, and no program has counted anything.
    #[test]
    fn enforcer_that_did_nothing_never_passes(expect in any_expectation()) {
        let (_, mut record) = survives();
        record.calls = 0;
        prop_assert!(matches!(judge(&expect, &record), Judgement::Failed(_)));
    }

    /// An enforcer that attaches and never acts can't pass where a kill is expected, whatever it claims to have done.
    #[test]
    fn lying_counters_do_not_make_a_kill(expect in any_expectation(), mut record in any_record()) {
        let (matched, killed, events) = (expect.matched, expect.killed, expect.events);
        let expect = Expectation { process: ExpectedProcess::Killed, ..expect };
        record.enforced = done();
        (record.matched, record.killed, record.events) = (matched, killed, events);
        prop_assert_ne!(judge(&expect, &record), Judgement::Passed);
    }

    /// Whatever passes has a working control on both sides, a surviving bystander, and exactly the expected counts.
    #[test]
    fn what_passes_is_what_was_expected(expect in any_expectation(), record in any_record()) {
        let passed = judge(&expect, &record) == Judgement::Passed;
        let unhindered = |performance: &Performance| {
            performance.fate == ProcessFate::Exited(0) && performance.effect_happened
        };
        let fate = match expect.process {
            ExpectedProcess::Killed => record.enforced.fate == ProcessFate::Signalled(9),
            ExpectedProcess::Survives => record.enforced.fate == ProcessFate::Exited(0),
            ExpectedProcess::Signalled(signal) => record.enforced.fate == ProcessFate::Signalled(signal),
            ExpectedProcess::Refused(errno) => {
                matches!(record.enforced.fate, ProcessFate::Exited(status) if status != 0)
                    && record.enforced.failure.is_some_and(|(_, seen)| seen == errno)
            }
        };
        let effect = match expect.effect {
            ExpectedEffect::Happens => record.enforced.effect_happened,
            ExpectedEffect::Prevented => record.enforced.untouched && !record.enforced.effect_happened,
        };
        let as_expected = [&record.control_before, &record.bystander, &record.control_after].into_iter().all(unhindered)
            && fate
            && effect
            && record.calls > 0
            && (record.matched, record.killed, record.events) == (expect.matched, expect.killed, expect.events)
            && (record.kill_failed, record.refuse_failed, record.lost_events) == (0, 0, 0)
            && record.refused == expect.refused
            && record.unsupported.is_none()
            && record.recursion_misses.unwrap_or(0) == 0;
        prop_assert_eq!(passed, as_expected);
    }
}
