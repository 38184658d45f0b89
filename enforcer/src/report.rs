//! The report that a run leaves behind: per hook how it was served, what became of its rules and what was counted; and what failed.

use std::collections::BTreeMap;
use std::fmt;

use quell_wire::WireRecord;
use quell_wire::hook::{FaultSite, HookCounters};
use serde::{Serialize, Serializer};

use crate::hook::attach::Detached;
use crate::hook::buffer::EventBuffer;
use crate::hook::load::HookStatistics;
use crate::hook::mechanism::{Rule, Status, Target};
use crate::hook::plan::{Enforcement, Mechanism, Plan};
use crate::hook::program_size::ProgramSize;
use crate::process::tracker::Scanned;

/// Version of the report's JSON.
const REPORT_VERSION: u32 = 2;

/// The whole report.
#[derive(Debug, Serialize)]
pub struct Report {
    version: u32,
    policies: Vec<PolicyReport>,
    /// The table of processes; absent where no hook asked it.
    #[serde(skip_serializing_if = "Option::is_none")]
    processes: Option<ProcessesReport>,
    faults: Vec<FaultReport>,
    /// Ring-buffer records that were not events of this version.
    undecodable_events: u64,
    /// Events that the output did not take.
    unwritten_events: u64,
}

#[derive(Debug, Serialize)]
struct PolicyReport {
    name: String,
    hooks: Vec<HookReport>,
}

#[derive(Debug, Serialize)]
struct ProcessesReport {
    /// Processes that were there before the table.
    scanned: u64,
    /// Of those, the ones that it had no room for.
    no_room: u64,
    /// Of those, the ones that /proc does not show enough of.
    hidden: u64,
    #[serde(serialize_with = "by_name")]
    counters: HookCounters,
}

#[derive(Debug, Serialize)]
struct HookReport {
    call: String,
    mechanism: Mechanism,
    /// What its programs are attached to.
    targets: Vec<Target>,
    /// What becomes of each selector; `check` says the same beforehand.
    rules: Vec<Rule>,
    event_buffer: EventBuffer,
    enforcement: Enforcement,
    /// Absent where the kernel does not count them.
    recursion_misses: Option<u64>,
    /// Calls that the kernel's own probes missed; absent where it does not count them.
    missed: Option<u64>,
    /// How large its programs are.
    programs: BTreeMap<String, ProgramSize>,
    #[serde(serialize_with = "by_name")]
    counters: HookCounters,
}

impl HookReport {
    /// How it was served, and what remains of rules that are not enforced as written, or not without a risk.
    fn write_service(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let targets: Vec<&str> = self.targets.iter().map(|target| target.symbol.as_str()).collect();
        writeln!(f, "  {} at {}", self.mechanism.name(), targets.join(", "))?;
        for Rule { selector, label, status, risks } in &self.rules {
            let (status, reasons) = match status {
                Status::Full => ("full", &[][..]),
                Status::Partial(reasons) => ("partial", reasons.as_slice()),
                Status::Refused(reasons) => ("refused", reasons.as_slice()),
            };
            match label {
                Some(label) => write!(f, "  rule `{label}`: {status}")?,
                None => write!(f, "  rule {}: {status}", selector + 1)?,
            }
            for what in reasons.iter().chain(risks) {
                write!(f, "; {what}")?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

/// A counter record as a map from the names of its fields, as the schema has them.
fn by_name<S: Serializer>(counters: &HookCounters, serializer: S) -> Result<S::Ok, S::Error> {
    let mut bytes = Vec::new();
    counters.write(&mut bytes);
    serializer.collect_map(HookCounters::LAYOUT.fields.iter().map(|field| {
        let value = bytes.get(field.offset..).and_then(<[u8]>::first_chunk).copied().map(u64::from_le_bytes);
        (field.name, value)
    }))
}

#[derive(Debug, Serialize)]
struct FaultReport {
    site: &'static str,
    errno: usize,
    count: u64,
}

impl fmt::Display for Report {
    /// Of each hook a line of counts, one of its mechanism and one per rule; and a line per place where helpers failed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for policy in &self.policies {
            for hook in &policy.hooks {
                let HookReport { call, counters, recursion_misses, missed, .. } = hook;
                let HookCounters { calls, matched, killed, .. } = counters;
                write!(f, "{}: {call}: {calls} calls, {matched} matched, {killed} killed", policy.name)?;
                let rare = [
                    (counters.kill_failed, "kills refused by the kernel"),
                    (counters.signalled, "signalled"),
                    (counters.signal_failed, "signals refused by the kernel"),
                    (counters.rate_limited, "events held back by a rate limit"),
                    (counters.not_posted, "not posted, as the policy says"),
                    (counters.unreadable, "unreadable"),
                    (counters.failed_closed, "taken for a match because undecided"),
                    (counters.aborted, "let through because a helper failed"),
                    (counters.lost, "events lost"),
                    (counters.refused, "refused"),
                    (counters.refuse_failed, "not refused although they should have been"),
                    (counters.notified, "notes for an enforcer"),
                    (counters.notify_failed, "notes lost"),
                    (counters.returned, "seen to return"),
                    (counters.return_rejected, "that returned something else"),
                    (counters.returns_missed, "not seen to return"),
                    (counters.untracked, "by processes that were not in the table"),
                    (recursion_misses.unwrap_or(0) + missed.unwrap_or(0), "calls not shown by the kernel"),
                ];
                for (count, what) in rare.into_iter().filter(|(count, _)| *count > 0) {
                    write!(f, ", {count} {what}")?;
                }
                if recursion_misses.is_none() {
                    write!(f, "; calls that the kernel did not show: not counted by this kernel")?;
                }
                writeln!(f)?;
                hook.write_service(f)?;
            }
        }
        if let Some(ProcessesReport { scanned, no_room, hidden, counters }) = &self.processes {
            write!(f, "processes: {scanned} older than the agent")?;
            let rare = [
                (*no_room, "of them without room in the table"),
                (*hidden, "of them not shown by /proc"),
                (counters.untracked, "made up from what lives"),
                (counters.aborted, "forks, executions or ends missed because a helper failed"),
                (counters.lost, "events lost"),
            ];
            for (count, what) in rare.into_iter().filter(|(count, _)| *count > 0) {
                write!(f, ", {count} {what}")?;
            }
            writeln!(f)?;
        }
        for FaultReport { site, errno, count } in &self.faults {
            writeln!(f, "failed helpers: {site}, errno {errno}: {count}")?;
        }
        let behind = [(self.undecodable_events, "not understood"), (self.unwritten_events, "not written")];
        for (count, what) in behind.into_iter().filter(|(count, _)| *count > 0) {
            writeln!(f, "events {what}: {count}")?;
        }
        Ok(())
    }
}

/// Joins plans and results; the results are in the order of the plans' hooks. `processes` is what the table of processes
/// counted, if there was one.
#[must_use]
pub fn report(
    plans: &[Plan],
    results: &Detached,
    processes: Option<(Scanned, HookStatistics)>,
    undecodable_events: u64,
    unwritten_events: u64,
) -> Report {
    let mut faults: BTreeMap<(FaultSite, usize), u64> = BTreeMap::new();
    let processes = processes.map(|(scanned, statistics)| {
        for (site, errno, count) in &statistics.faults {
            *faults.entry((*site, *errno)).or_default() += count;
        }
        ProcessesReport {
            scanned: scanned.added,
            no_room: scanned.no_room,
            hidden: scanned.hidden,
            counters: statistics.counters,
        }
    });
    let mut results = results.hooks.iter();
    let policies = plans
        .iter()
        .map(|plan| PolicyReport {
            name: plan.policy.clone(),
            hooks: plan
                .hooks
                .iter()
                .zip(results.by_ref())
                .map(|(hook, result)| {
                    for (site, errno, count) in &result.statistics.faults {
                        *faults.entry((*site, *errno)).or_default() += count;
                    }
                    HookReport {
                        call: hook.call.clone(),
                        mechanism: hook.mechanism,
                        targets: hook.targets.clone(),
                        rules: hook.rules.clone(),
                        event_buffer: hook.event_buffer,
                        enforcement: hook.enforcement.clone(),
                        recursion_misses: result.recursion_misses,
                        missed: result.missed,
                        programs: result.programs.clone(),
                        counters: result.statistics.counters,
                    }
                })
                .collect(),
        })
        .collect();
    let faults = faults
        .into_iter()
        .map(|((site, errno), count)| FaultReport { site: site.label(), errno, count })
        .collect();
    Report { version: REPORT_VERSION, policies, processes, faults, undecodable_events, unwritten_events }
}

#[cfg(test)]
mod tests {
    use quell_wire::hook::Convention;

    use super::*;
    use crate::hook::attach::HookResult;
    use crate::policy::{Diagnostics, Source};
    use crate::selector::compile;

    #[test]
    fn what_was_counted_is_told_in_lines_and_what_failed_is_never_left_out() {
        let text = "apiVersion: cilium.io/v1alpha1\nkind: TracingPolicy\nmetadata:\n  name: p\nspec:\n  kprobes:\n  \
                    - call: __x64_sys_write\n";
        let source = Source::new("p.yaml", text);
        let policy = crate::policy::parse(&source).unwrap().remove(0);
        let hook = crate::hook::plan::PlannedHook {
            hook: policy.hooks[0].clone(),
            call: "__x64_sys_write".into(),
            message: None,
            tags: vec![],
            labels: vec![],
            selector_labels: vec![],
            mechanism: Mechanism::Kprobe,
            targets: vec![Target { symbol: "__x64_sys_write".into(), convention: Convention::Function }],
            rules: vec![Rule {
                selector: 0,
                label: Some("writes".into()),
                status: Status::Partial(vec!["half of it".into()]),
                risks: vec!["the write happens".into()],
            }],
            returns: false,
            return_label: None,
            enforcement: Enforcement::Full,
            sends: vec!["SIGKILL".into()],
            event_buffer: EventBuffer::Ring,
            monitor: false,
            host_namespaces: Vec::new(),
            rate_limits: false,
            kernel_stacks: false,
            user_stacks: false,
            compiled: compile::hook(&policy.hooks[0], 0).unwrap(),
        };
        let plan = Plan { policy: "p".into(), hooks: vec![hook], remarks: Diagnostics::new(source, vec![]) };
        let counters = HookCounters {
            calls: 9,
            matched: 3,
            killed: 1,
            kill_failed: 2,
            lost: 4,
            ..HookCounters::default()
        };
        let results = Detached {
            hooks: vec![HookResult {
                call: "__x64_sys_write".into(),
                statistics: HookStatistics { counters, faults: vec![(FaultSite::SendSignal, 1, 2)] },
                recursion_misses: None,
                missed: None,
                programs: BTreeMap::new(),
            }],
        };
        let report = report(&[plan], &results, None, 0, 5);
        assert_eq!(
            report.to_string(),
            "p: __x64_sys_write: 9 calls, 3 matched, 1 killed, 2 kills refused by the kernel, 4 events lost; \
             calls that the kernel did not show: not counted by this kernel\n  kprobe at __x64_sys_write\n  \
             rule `writes`: partial; half of it; the write happens\n\
             failed helpers: send_signal, errno 1: 2\nevents not written: 5\n"
        );
        let json = serde_json::to_value(&report).unwrap();
        assert_eq!(json["policies"][0]["hooks"][0]["recursion_misses"], serde_json::Value::Null);
        assert_eq!(json["version"], REPORT_VERSION);
        let hook = &json["policies"][0]["hooks"][0];
        assert_eq!(hook["targets"], serde_json::json!([{"symbol": "__x64_sys_write"}]));
        let rule = serde_json::json!({"selector": 0, "label": "writes", "status": {"partial": ["half of it"]},
                                      "risks": ["the write happens"]});
        assert_eq!(hook["rules"], serde_json::json!([rule]));
        assert_eq!(json["faults"][0]["errno"], 1);
        let counters = json["policies"][0]["hooks"][0]["counters"].as_object().unwrap();
        assert_eq!(counters.len(), HookCounters::LAYOUT.fields.len());
        assert_eq!((&counters["calls"], &counters["kill_failed"]), (&9.into(), &2.into()));
    }
}
