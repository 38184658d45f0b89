//! What must be seen for a cell to pass.

use serde::{Deserialize, Serialize};

/// What must be seen for a cell to pass. Process, effect and counters are asserted separately: "killed" alone
/// proves nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expectation {
    /// What becomes of the process that acts.
    pub process: ExpectedProcess,
    /// Whether the side effect is there afterwards.
    pub effect: ExpectedEffect,
    /// Matches that the kernel-side counter must show, exactly.
    pub matched: u64,
    /// Successful `bpf_send_signal` calls that the kernel-side counter must show, exactly.
    pub killed: u64,
    /// Events about the acting process that the agent must have printed, exactly.
    pub events: u64,
    /// Successful signals of Signal actions that the kernel-side counter must show, exactly.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub signalled: u64,
    /// Matches whose event a rate limit held back, exactly.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub rate_limited: u64,
    /// Matches of selectors with NoPost, exactly.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub not_posted: u64,
    /// Calls of the hooked functions that the programs must have seen, at least: act and bystander together.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub least_calls: u64,
    /// What the events about the acting process must hold, one by one in their order: every key that stands here; an
    /// object may have more keys, a list no more elements. The text [`PRESENT`] stands for anything but null and empty. Without entries nothing is compared.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub seen: Vec<serde_json::Value>,
    /// Calls that the kernel-side counter must show as refused, exactly.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub refused: u64,
    /// The agent must refuse the policy, and say each of these. Then nothing is attached, and the act is as without a policy.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unsupported: Vec<String>,
    /// Helpers that must have failed in the kernel; no other may have.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<ExpectedFault>,
}

/// What stands in [`Expectation::seen`] for anything that is not null, not empty.
pub const PRESENT: &str = "$present";

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the shape that serde wants")]
const fn is_zero(count: &u64) -> bool {
    *count == 0
}

const fn one() -> u64 {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the shape that serde wants")]
const fn is_one(count: &u64) -> bool {
    *count == 1
}

/// A place and an errno, however often.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExpectedFault {
    /// Where, by the enforcer's name for the place.
    pub site: String,
    /// With which errno.
    pub errno: i32,
}

/// Fate of the acting process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ExpectedProcess {
    /// Died of signal 9, as its parent's wait status says.
    Killed,
    /// Ran to its end with exit status 0.
    Survives,
    /// Died of this other signal.
    Signalled(i32),
    /// Its last step failed with this errno, and it ended by itself.
    Refused(i32),
}

/// Fate of the side effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ExpectedEffect {
    /// Nothing of it is there afterwards: everything is as prepared.
    Prevented,
    /// There afterwards, although the process may have died.
    Happens,
}
