//! What the agent leaves behind: its report and its events, as far as a verdict needs them.

use serde::{Deserialize, Deserializer};

use super::error::RunError;
use crate::record::Fault;

const REPORT_VERSION: u64 = 2;

/// Report and events of one agent.
#[derive(Debug)]
pub(super) struct Output {
    pub(super) report: Report,
    pub(super) events: Vec<AgentEvent>,
}

/// One event of a hook.
#[derive(Debug, PartialEq)]
pub(super) struct AgentEvent {
    /// The process that it is about.
    pub(super) pid: i32,
    /// As the agent printed it.
    pub(super) json: serde_json::Value,
}

impl Output {
    /// The events about this process.
    pub(super) fn events_of(&self, pid: i32) -> Vec<&serde_json::Value> {
        self.events.iter().filter(|event| event.pid == pid).map(|event| &event.json).collect()
    }
}

/// The report; fields that no verdict needs may come and go.
#[derive(Debug, Deserialize)]
pub(super) struct Report {
    policies: Vec<PolicyReport>,
    faults: Vec<Fault>,
    /// Records of the ring that the agent could not read.
    undecodable_events: u64,
    /// Events that the agent could not write out.
    unwritten_events: u64,
}

#[derive(Debug, Deserialize)]
struct Version {
    version: u64,
}

#[derive(Debug, Deserialize)]
struct PolicyReport {
    hooks: Vec<HookReport>,
}

#[derive(Debug, Deserialize)]
struct HookReport {
    #[serde(deserialize_with = "present")]
    recursion_misses: Option<u64>,
    counters: Counters,
}

#[derive(Debug, Deserialize)]
struct Counters {
    calls: u64,
    /// Calls of the agent itself, which are let through.
    own: u64,
    process_rejected: u64,
    filter_rejected: u64,
    unreadable: u64,
    aborted: u64,
    matched: u64,
    posted: u64,
    lost: u64,
    rate_limited: u64,
    not_posted: u64,
    killed: u64,
    kill_failed: u64,
    signalled: u64,
    signal_failed: u64,
    refused: u64,
    refuse_failed: u64,
    kept: u64,
    returned: u64,
    returns_missed: u64,
    return_rejected: u64,
}

/// `null` says that the kernel does not count; a missing field says nothing and is an error.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    Option::deserialize(deserializer)
}

/// All hooks together.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Totals {
    pub(super) calls: u64,
    /// Calls whose end was counted, one way or another.
    pub(super) accounted: u64,
    pub(super) aborted: u64,
    pub(super) matched: u64,
    /// Matches, and calls that could not be decided.
    pub(super) decided: u64,
    /// What became of them.
    pub(super) reported: u64,
    pub(super) rate_limited: u64,
    pub(super) not_posted: u64,
    pub(super) signalled: u64,
    pub(super) signal_failed: u64,
    pub(super) refused: u64,
    pub(super) refuse_failed: u64,
    pub(super) lost: u64,
    pub(super) killed: u64,
    pub(super) kill_failed: u64,
    pub(super) recursion_misses: Option<u64>,
}

impl Report {
    pub(super) fn parse(text: &str) -> Result<Self, RunError> {
        // The version first: another generation should be named as such, not by the first field that differs.
        let Version { version } = serde_json::from_str(text).map_err(RunError::Report)?;
        if version != REPORT_VERSION {
            return Err(RunError::ReportVersion { found: version, expected: REPORT_VERSION });
        }
        let report: Self = serde_json::from_str(text).map_err(RunError::Report)?;
        if report.policies.iter().all(|policy| policy.hooks.is_empty()) {
            return Err(RunError::ReportWithoutHooks);
        }
        Ok(report)
    }

    /// Helpers that failed in the kernel.
    pub(super) fn faults(&self) -> &[Fault] {
        &self.faults
    }

    pub(super) fn totals(&self) -> Totals {
        let hooks = || self.policies.iter().flat_map(|policy| &policy.hooks);
        let sum = |counter: fn(&Counters) -> u64| hooks().map(|hook| counter(&hook.counters)).sum();
        Totals {
            calls: sum(|counters| counters.calls),
            accounted: sum(|counters| {
                let Counters { own, process_rejected, filter_rejected, unreadable, aborted, matched, .. } =
                    counters;
                own + process_rejected + filter_rejected + unreadable + aborted + matched
            }),
            aborted: sum(|counters| counters.aborted),
            matched: sum(|counters| counters.matched),
            decided: sum(|counters| counters.matched + counters.unreadable),
            reported: sum(|counters| {
                // A match that is kept until its function returns is counted when it does, or when that is missed.
                let waiting = counters.kept.saturating_sub(counters.returned + counters.returns_missed);
                counters.posted
                    + counters.lost
                    + counters.rate_limited
                    + counters.not_posted
                    + counters.return_rejected
                    + waiting
            }),
            rate_limited: sum(|counters| counters.rate_limited),
            not_posted: sum(|counters| counters.not_posted),
            signalled: sum(|counters| counters.signalled),
            signal_failed: sum(|counters| counters.signal_failed),
            refused: sum(|counters| counters.refused),
            refuse_failed: sum(|counters| counters.refuse_failed),
            // Wherever an event was lost, its absence proves nothing.
            lost: sum(|counters| counters.lost) + self.undecodable_events + self.unwritten_events,
            killed: sum(|counters| counters.killed),
            kill_failed: sum(|counters| counters.kill_failed),
            // One hook without a count makes the total unknown.
            recursion_misses: hooks().map(|hook| hook.recursion_misses).sum(),
        }
    }
}

/// The kinds of events that hooks post; those about processes as such belong to no hook.
const HOOK_EVENTS: [&str; 5] =
    ["process_kprobe", "process_tracepoint", "process_lsm", "process_uprobe", "process_usdt"];

#[derive(Debug, Deserialize)]
struct HookEvent {
    process: Process,
}

#[derive(Debug, Deserialize)]
struct Process {
    pid: i32,
}

/// Every hook event, from the agent's JSON lines.
pub(super) fn parse_events(text: &str) -> Result<Vec<AgentEvent>, RunError> {
    let mut events = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let error = |source| RunError::Event { line: index + 1, source };
        let json: serde_json::Value = serde_json::from_str(line).map_err(error)?;
        let Some(hook) = HOOK_EVENTS.iter().find_map(|kind| json.get(kind)) else { continue };
        let pid = HookEvent::deserialize(hook).map_err(error)?.process.pid;
        events.push(AgentEvent { pid, json });
    }
    Ok(events)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn hook(misses: &str, killed: u64) -> String {
        format!(
            r#"{{"call":"f","mechanism":"kprobe","recursion_misses":{misses},"counters":{{"calls":5,"own":1,"process_rejected":0,
            "filter_rejected":1,"aborted":0,"matched":2,"posted":2,"lost":1,"killed":{killed},"kill_failed":1,"unreadable":1,
            "rate_limited":2,"not_posted":3,"signalled":4,"signal_failed":5,"refused":6,"refuse_failed":7,
            "kept":9,"returned":4,"returns_missed":2,"return_rejected":1}}}}"#
        )
    }

    #[test]
    fn totals_are_sums_over_every_hook_of_every_policy() {
        let text = format!(
            r#"{{"version":2,"policies":[{{"name":"a","hooks":[{},{}]}},{{"name":"b","hooks":[{}]}}],"faults":[],"undecodable_events":0,"unwritten_events":0}}"#,
            hook("1", 1),
            hook("0", 2),
            hook("4", 4)
        );
        let expected = Totals {
            calls: 15,
            accounted: 15,
            aborted: 0,
            matched: 6,
            decided: 9,
            reported: 36,
            rate_limited: 6,
            not_posted: 9,
            signalled: 12,
            signal_failed: 15,
            refused: 18,
            refuse_failed: 21,
            lost: 3,
            killed: 7,
            kill_failed: 3,
            recursion_misses: Some(5),
        };
        assert_eq!(Report::parse(&text).unwrap().totals(), expected);
    }

    #[test]
    fn events_lost_behind_the_ring_are_lost_too() {
        let text = format!(
            r#"{{"version":2,"policies":[{{"name":"a","hooks":[{}]}}],"faults":[],"undecodable_events":3,"unwritten_events":5}}"#,
            hook("0", 1)
        );
        assert_eq!(Report::parse(&text).unwrap().totals().lost, 9);
    }

    #[test]
    fn one_kernel_that_does_not_count_misses_makes_their_sum_unknown() {
        let text = format!(
            r#"{{"version":2,"policies":[{{"name":"a","hooks":[{},{}]}}],"faults":[],"undecodable_events":0,"unwritten_events":0}}"#,
            hook("null", 1),
            hook("0", 2)
        );
        assert_eq!(Report::parse(&text).unwrap().totals().recursion_misses, None);
    }

    #[test]
    fn missing_miss_count_is_an_error() {
        let text =
            format!(r#"{{"version":2,"policies":[{{"name":"a","hooks":[{}]}}],"faults":[],"undecodable_events":0,"unwritten_events":0}}"#, hook("0", 1))
                .replace(r#""recursion_misses":0,"#, "");
        assert!(matches!(Report::parse(&text), Err(RunError::Report(_))));
    }

    #[rstest]
    #[case(r#""own":1,"#)]
    #[case(r#","undecodable_events":0"#)]
    #[case(r#","unwritten_events":0"#)]
    fn missing_counter_is_an_error(#[case] counter: &str) {
        let text = format!(
            r#"{{"version":2,"policies":[{{"name":"a","hooks":[{}]}}],"faults":[],"undecodable_events":0,"unwritten_events":0}}"#,
            hook("0", 1)
        );
        assert!(Report::parse(&text).is_ok());
        let without = text.replace(counter, "");
        assert_ne!(without, text);
        assert!(matches!(Report::parse(&without), Err(RunError::Report(_))));
    }

    #[test]
    fn report_of_another_generation_is_refused_by_its_number() {
        let error = Report::parse(r#"{"version":3,"everything":"else"}"#).unwrap_err();
        assert!(matches!(error, RunError::ReportVersion { found: 3, expected: 2 }));
    }

    #[test]
    fn report_without_hooks_is_refused() {
        let error =
            Report::parse(r#"{"version":2,"policies":[{"name":"a","hooks":[]}],"faults":[],"undecodable_events":0,"unwritten_events":0}"#).unwrap_err();
        assert!(matches!(error, RunError::ReportWithoutHooks));
    }

    #[test]
    fn events_are_attributed_by_pid_and_other_kinds_are_not_counted() {
        let text = concat!(
            r#"{"process_kprobe":{"process":{"pid":7},"function_name":"f"},"time":"t"}"#,
            "\n",
            r#"{"process_kprobe":{"process":{"pid":8}}}"#,
            "\n",
            r#"{"process_exit":{"process":{"pid":7}}}"#,
            "\n",
            r#"{"process_kprobe":{"process":{"pid":7}}}"#,
            "\n"
        );
        let pids: Vec<i32> = parse_events(text).unwrap().iter().map(|event| event.pid).collect();
        assert_eq!(pids, [7, 8, 7]);
    }

    #[test]
    fn broken_event_line_is_named() {
        let error = parse_events("{}\n{\"process_kprobe\":{}}\n").unwrap_err();
        assert!(matches!(error, RunError::Event { line: 2, .. }));
    }
}
