//! The report that a run leaves behind: per hook what was counted, and what failed.

use std::collections::BTreeMap;
use std::fmt;

use quell_wire::WireRecord;
use quell_wire::hook::{FaultSite, HookCounters};
use serde::{Serialize, Serializer};

use crate::hook::attach::Detached;
use crate::hook::buffer::EventBuffer;
use crate::hook::plan::{Enforcement, Mechanism, Plan};

/// Version of the report's JSON.
const REPORT_VERSION: u32 = 1;

/// The whole report.
#[derive(Debug, Serialize)]
pub struct Report {
    version: u32,
    policies: Vec<PolicyReport>,
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
struct HookReport {
    call: String,
    mechanism: Mechanism,
    event_buffer: EventBuffer,
    enforcement: Enforcement,
    /// Absent where the kernel does not count them.
    recursion_misses: Option<u64>,
    #[serde(serialize_with = "by_name")]
    counters: HookCounters,
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
    /// One line per hook, and one per place where helpers failed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for policy in &self.policies {
            for HookReport { call, counters, recursion_misses, .. } in &policy.hooks {
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
                    (recursion_misses.unwrap_or(0), "calls not shown by the kernel"),
                ];
                for (count, what) in rare.into_iter().filter(|(count, _)| *count > 0) {
                    write!(f, ", {count} {what}")?;
                }
                if recursion_misses.is_none() {
                    write!(f, "; calls that the kernel did not show: not counted by this kernel")?;
                }
                writeln!(f)?;
            }
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

/// Joins plans and results; the results are in the order of the plans' hooks.
#[must_use]
pub fn report(plans: &[Plan], results: &Detached, undecodable_events: u64, unwritten_events: u64) -> Report {
    let mut faults: BTreeMap<(FaultSite, usize), u64> = BTreeMap::new();
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
                        event_buffer: hook.event_buffer,
                        enforcement: hook.enforcement.clone(),
                        recursion_misses: result.recursion_misses,
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
    Report { version: REPORT_VERSION, policies, faults, undecodable_events, unwritten_events }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hook::attach::HookResult;
    use crate::hook::load::HookStatistics;
    use crate::policy::{Diagnostics, Source};
    use crate::selector::compile;

    #[test]
    fn what_was_counted_is_told_in_lines_and_what_failed_is_never_left_out() {
        let text = "apiVersion: cilium.io/v1alpha1\nkind: TracingPolicy\nmetadata:\n  name: p\nspec:\n  kprobes:\n  \
                    - call: __x64_sys_write\n";
        let source = Source::new("p.yaml", text);
        let policy = crate::policy::parse(&source).unwrap().remove(0);
        let hook = crate::hook::plan::PlannedHook {
            call: "__x64_sys_write".into(),
            message: None,
            tags: vec![],
            labels: vec![],
            selector_labels: vec![],
            mechanism: Mechanism::Kprobe,
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
            }],
        };
        let report = report(&[plan], &results, 0, 5);
        assert_eq!(
            report.to_string(),
            "p: __x64_sys_write: 9 calls, 3 matched, 1 killed, 2 kills refused by the kernel, 4 events lost; \
             calls that the kernel did not show: not counted by this kernel\n\
             failed helpers: send_signal, errno 1: 2\nevents not written: 5\n"
        );
        let json = serde_json::to_value(&report).unwrap();
        assert_eq!(json["policies"][0]["hooks"][0]["recursion_misses"], serde_json::Value::Null);
        assert_eq!(json["faults"][0]["errno"], 1);
        let counters = json["policies"][0]["hooks"][0]["counters"].as_object().unwrap();
        assert_eq!(counters.len(), HookCounters::LAYOUT.fields.len());
        assert_eq!((&counters["calls"], &counters["kill_failed"]), (&9.into(), &2.into()));
    }
}
