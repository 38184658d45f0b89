//! Whether what was measured is what was meant: exact counting, nothing matched, every timed call seen, and an agent that lived
//! through it. A number that fails here is no result.

use std::collections::BTreeMap;

use serde_json::Value;
use vmtest_proto::{AgentSeen, BenchCall, BenchSeen, CallCost, KnownLoop};

use super::baseline;
use super::{
    cost::{AgentFigures, HookSeen, PolicyCosts, added},
    pass::{OFF, OFF_AGAIN},
    visible,
};

/// By how much the kernel's clock may differ from the counted instructions: it converts by a rate that it measured when it booted.
const CLOCK_PER_MILLE: u64 = 10;
/// By how many instructions per call the first and the last pass may differ, or by this part.
const DRIFT: u64 = 4;
const DRIFT_PER_MILLE: u64 = 5;

/// What a guest's passes come to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Judged {
    /// Of the first pass.
    pub known_loop: KnownLoop,
    /// Without an agent.
    pub plain: BTreeMap<BenchCall, CallCost>,
    /// With one.
    pub policies: Vec<PolicyCosts>,
}

/// Judges all passes of a guest.
///
/// # Errors
/// One of them is no measurement; every reason is given.
pub fn judge(passes: &[BenchSeen]) -> Result<Judged, Vec<String>> {
    let mut wrong = Vec::new();
    let named = |name: &str| passes.iter().find(|pass| pass.name == name);
    let (Some(off), Some(again)) = (named(OFF), named(OFF_AGAIN)) else {
        return Err(vec!["a pass without an agent is missing".to_owned()]);
    };
    for pass in passes {
        wrong.extend(inexact(&pass.calls.known_loop).map(|reason| format!("{}: {reason}", pass.name)));
    }
    let mut plain = BTreeMap::new();
    for (call, before) in &off.calls.calls {
        match again.calls.calls.get(call) {
            Some(after) => {
                wrong.extend(drifted(*call, before, after));
                plain
                    .insert(*call, if after.fewest < before.fewest { after.clone() } else { before.clone() });
            }
            None => wrong.push(format!("{} was not measured again in the end", call.name())),
        }
    }
    let mut policies = Vec::new();
    for pass in passes.iter().filter(|pass| ![OFF, OFF_AGAIN].contains(&pass.name.as_str())) {
        match of_policy(pass, &plain) {
            Ok(costs) => policies.push(costs),
            Err(reasons) => {
                wrong.extend(reasons.into_iter().map(|reason| format!("{}: {reason}", pass.name)));
            }
        }
    }
    if wrong.is_empty() {
        Ok(Judged { known_loop: off.calls.known_loop, plain, policies })
    } else {
        Err(wrong)
    }
}

fn inexact(seen: &KnownLoop) -> Option<String> {
    let KnownLoop { instructions, counted, clock_ns, longer } = *seen;
    if instructions == 0 || counted != instructions {
        return Some(format!(
            "a loop of {instructions} instructions was counted as {counted}: this QEMU does not count exactly"
        ));
    }
    let allowed = longer * CLOCK_PER_MILLE / 1000;
    (clock_ns.abs_diff(longer) > allowed).then(|| {
        format!("a loop of {longer} instructions took {clock_ns} ns of guest time, and an instruction is a nanosecond")
    })
}

fn drifted(call: BenchCall, before: &CallCost, after: &CallCost) -> Option<String> {
    let per_mille = call.varies_per_mille().map_or(DRIFT_PER_MILLE, u64::from);
    let drift = DRIFT.max(baseline::slack(call).unsigned_abs());
    let allowed = (drift * u64::from(before.batch)).max(before.fewest * per_mille / 1000);
    (before.batch != after.batch || before.fewest.abs_diff(after.fewest) > allowed).then(|| {
        format!(
            "{} took {} instructions per {} calls before the agents and {} after them",
            call.name(),
            before.fewest,
            before.batch,
            after.fewest
        )
    })
}

fn of_policy(pass: &BenchSeen, plain: &BTreeMap<BenchCall, CallCost>) -> Result<PolicyCosts, Vec<String>> {
    let Some(agent) = &pass.agent else { return Err(vec!["no agent was started".to_owned()]) };
    let mut wrong = of_agent(agent);
    let mut hooks = Vec::new();
    for policy in agent.report["policies"].as_array().into_iter().flatten() {
        let mut loads = Vec::new();
        for hook in policy["hooks"].as_array().into_iter().flatten() {
            match of_hook(hook, &pass.calls.calls) {
                Ok(seen) => loads.push(seen),
                Err(reason) => wrong.push(reason),
            }
        }
        hooks.extend(joined(loads));
    }
    wrong.extend(hooks.iter().filter_map(|hook| unseen(hook, &pass.calls.calls)));
    if hooks.is_empty() && wrong.is_empty() && !agent.other {
        wrong.push("the agent's report has no hook".to_owned());
    }
    let mut more = BTreeMap::new();
    for (call, without) in plain {
        match pass.calls.calls.get(call).and_then(|with| added(with, without)) {
            Some(count) => _ = more.insert(*call, count),
            None => wrong.push(format!("{} was not measured", call.name())),
        }
    }
    if !wrong.is_empty() {
        return Err(wrong);
    }
    Ok(PolicyCosts {
        policy: pass.name.clone(),
        added: more,
        hooks,
        agent: AgentFigures {
            ready: agent.ready_ns,
            ready_own: agent.ready_cpu_ns,
            resident_kib: agent.resident_kib,
            most_resident_kib: agent.most_resident_kib,
        },
    })
}

fn of_agent(agent: &AgentSeen) -> Vec<String> {
    let mut wrong = Vec::new();
    if !agent.alive {
        wrong.push(format!("the agent did not live through it: {}: {}", agent.status, agent.errors));
    } else if agent.other {
        // Of somebody else's agent nothing is known but that it lived: what its policy is, and what it says, is its own.
        return wrong;
    } else if !agent.status.ends_with("exit status: 0") {
        wrong.push(format!("the agent ended with {}: {}", agent.status, agent.errors));
    }
    if agent.report.is_null() {
        wrong.push("the agent left no report".to_owned());
    }
    if agent.events > 0 {
        wrong.push(format!("the agent told of {} events, and nothing was to match", agent.events));
    }
    let faults = agent.report["faults"].as_array().map_or(0, Vec::len);
    if faults > 0 {
        wrong.push(format!("helpers failed in the kernel: {}", agent.report["faults"]));
    }
    wrong
}

/// Every call that it saw was decided, and not for a match.
fn of_hook(hook: &Value, calls: &BTreeMap<BenchCall, CallCost>) -> Result<HookSeen, String> {
    let call = hook["call"].as_str().unwrap_or_default().to_owned();
    let counter = |name: &str| {
        hook["counters"][name].as_u64().ok_or_else(|| format!("{call}: the report has no counter `{name}`"))
    };
    for name in ["matched", "unreadable", "aborted", "lost", "killed", "kill_failed", "refused"] {
        let count = counter(name)?;
        if count > 0 {
            return Err(format!("{call}: {count} calls {name}, and every call was to be let go"));
        }
    }
    let (seen, own) = (counter("calls")?, counter("own")?);
    let decided = counter("process_rejected")? + counter("filter_rejected")?;
    if seen != own + decided {
        return Err(format!("{call}: {seen} calls seen, and {own} own and {decided} decided ones"));
    }
    let missed = ["recursion_misses", "missed"].iter().filter_map(|name| hook[name].as_u64()).sum::<u64>();
    if missed > 0 {
        return Err(format!("{call}: the kernel did not show {missed} calls to the programs"));
    }
    let mechanism = hook["mechanism"].as_str().unwrap_or_default().to_owned();
    // A report of an enforcer that does not say it has none.
    let programs = serde_json::from_value(hook["programs"].clone()).unwrap_or_default();
    let made = visible::made(&call, calls);
    Ok(HookSeen { call, mechanism, decided, made, programs })
}

/// A hook of a policy at several functions may be several loads, one at each of them: together they saw its calls. What the one took that saw
/// most of them is what a call takes.
fn joined(loads: Vec<HookSeen>) -> Vec<HookSeen> {
    let mut hooks: Vec<HookSeen> = Vec::new();
    for load in loads {
        let of_the_same = |hook: &&mut HookSeen| hook.call == load.call && hook.mechanism == load.mechanism;
        let Some(hook) = hooks.iter_mut().find(of_the_same) else {
            hooks.push(load);
            continue;
        };
        let decided = hook.decided + load.decided;
        if load.decided > hook.decided {
            *hook = load;
        }
        hook.decided = decided;
    }
    hooks
}

/// Why it is not shown that the timed calls were those that a hook decided.
fn unseen(hook: &HookSeen, calls: &BTreeMap<BenchCall, CallCost>) -> Option<String> {
    let HookSeen { call, decided, made, .. } = hook;
    let Some(made) = *made else {
        return (*decided == 0)
            .then(|| format!("{call}: saw no call at all, so that its cost was not measured"));
    };
    let most = visible::most(made, calls);
    (*decided < made || *decided > most)
        .then(|| format!("{call}: {made} calls were timed and {decided} decided, at most {most} expected"))
}

#[cfg(test)]
#[path = "judge_tests.rs"]
mod tests;
