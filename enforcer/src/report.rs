//! The report that a run leaves behind: per hook what was counted, and what failed.

use std::collections::BTreeMap;

use quell_wire::hook::{FaultSite, HookCounters};
use serde::Serialize;

use crate::hook::attach::Detached;
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
    enforcement: Enforcement,
    /// Absent where the kernel does not count them.
    recursion_misses: Option<u64>,
    counters: CounterReport,
}

#[derive(Debug, Serialize)]
struct CounterReport {
    calls: u64,
    process_rejected: u64,
    filter_rejected: u64,
    matched: u64,
    posted: u64,
    lost: u64,
    killed: u64,
    kill_failed: u64,
    unreadable: u64,
    failed_closed: u64,
    truncated: u64,
    aborted: u64,
}

impl From<HookCounters> for CounterReport {
    fn from(counters: HookCounters) -> Self {
        let HookCounters {
            calls,
            process_rejected,
            filter_rejected,
            matched,
            posted,
            lost,
            killed,
            kill_failed,
            unreadable,
            failed_closed,
            truncated,
            aborted,
        } = counters;
        Self {
            calls,
            process_rejected,
            filter_rejected,
            matched,
            posted,
            lost,
            killed,
            kill_failed,
            unreadable,
            failed_closed,
            truncated,
            aborted,
        }
    }
}

#[derive(Debug, Serialize)]
struct FaultReport {
    site: &'static str,
    errno: usize,
    count: u64,
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
                        enforcement: hook.enforcement.clone(),
                        recursion_misses: result.recursion_misses,
                        counters: result.statistics.counters.into(),
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
