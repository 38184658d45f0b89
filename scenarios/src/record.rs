//! What one run of a scenario saw: plain data, no verdict.

use serde::{Deserialize, Serialize};

/// How the acting process ended, from its parent's wait status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProcessFate {
    /// Died of this signal.
    Signalled(i32),
    /// Left with this status; 0 means that every step succeeded (see [`crate::exit`] for the others).
    Exited(i32),
}

/// One performance of the act: the process and, read by somebody else afterwards, the effect.
///
/// The effect can be there, be absent, or be something in between; in the third case both flags are false.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Performance {
    /// How the acting process ended.
    pub fate: ProcessFate,
    /// Whether the whole effect was there afterwards.
    pub effect_happened: bool,
    /// Whether everything that the act may touch was exactly as prepared.
    pub untouched: bool,
    /// Which step failed, from 0, and with which errno: by its own word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<(usize, i32)>,
    /// What the process wrote to its standard error: for the reader of a report, never judged.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub stderr: String,
}

/// A helper that failed in the kernel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// Where, by the enforcer's name for the place.
    pub site: String,
    /// With which errno.
    pub errno: i32,
    /// How often.
    pub count: u64,
}

/// Everything that one cell saw.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Without the policy, before: must have its effect, or the cell is broken.
    pub control_before: Performance,
    /// Under the policy.
    pub enforced: Performance,
    /// An identical program that the policy does not match, while the policy is attached.
    pub bystander: Performance,
    /// Without the policy, after detach: must have its effect again.
    pub control_after: Performance,
    /// Calls of the hooked functions that the programs saw, by any process.
    pub calls: u64,
    /// Calls whose end a counter names: rejected by process or filter, undecided, aborted or matched.
    pub accounted: u64,
    /// Calls that ended without a decision because a helper failed in the kernel.
    pub aborted: u64,
    /// Selector matches, from the kernel-side counter.
    pub matched: u64,
    /// Matches and undecided calls: each of them ends in an event, or in a counter that says why there is none.
    pub decided: u64,
    /// Events handed on, lost, held back by a rate limit, or not wanted.
    pub reported: u64,
    /// Matches whose event a rate limit held back.
    pub rate_limited: u64,
    /// Matches of selectors with NoPost.
    pub not_posted: u64,
    /// Successful signals of Signal actions.
    pub signalled: u64,
    /// Failed ones.
    pub signal_failed: u64,
    /// Successful `bpf_send_signal` calls, from the kernel-side counter.
    pub killed: u64,
    /// Failed `bpf_send_signal` calls.
    pub kill_failed: u64,
    /// Calls that a program refused.
    #[serde(default)]
    pub refused: u64,
    /// Calls that it should have refused and could not.
    #[serde(default)]
    pub refuse_failed: u64,
    /// What the agent said when it refused the policy; nothing was attached then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unsupported: Option<String>,
    /// Helpers that failed in the kernel, whoever's call it was.
    pub faults: Vec<Fault>,
    /// Program runs that the kernel skipped (`bpf_prog_info.recursion_misses`); `None` where the kernel does not
    /// count them for kprobes (before 6.7).
    pub recursion_misses: Option<u64>,
    /// Earlier performances of the cell, of which nothing is kept but this: how many program runs the kernel skipped in
    /// each, which is why it proved nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub thrown_away: Vec<u64>,
    /// Events lost on their way: no room in the ring buffer, not readable, or not written out by the agent.
    pub lost_events: u64,
    /// Events that the agent printed about the acting process.
    pub events: u64,
    /// The first of them, as the agent printed them. Judged only against what a scenario expects to be seen in them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shown_events: Vec<serde_json::Value>,
    /// From starting the agent to its readiness message, in guest milliseconds.
    pub attach_ms: u64,
}

impl Record {
    /// A run whose policy the agent refused: control, act, bystander, control, and no counter of anything.
    #[must_use]
    pub fn unsupported(performances: [Performance; 4], said: String) -> Self {
        let [control_before, enforced, bystander, control_after] = performances;
        Self {
            control_before,
            enforced,
            bystander,
            control_after,
            calls: 0,
            accounted: 0,
            aborted: 0,
            matched: 0,
            decided: 0,
            reported: 0,
            rate_limited: 0,
            not_posted: 0,
            signalled: 0,
            signal_failed: 0,
            killed: 0,
            kill_failed: 0,
            refused: 0,
            refuse_failed: 0,
            unsupported: Some(said),
            faults: Vec::new(),
            recursion_misses: None,
            thrown_away: Vec::new(),
            lost_events: 0,
            events: 0,
            shown_events: Vec::new(),
            attach_ms: 0,
        }
    }
}
