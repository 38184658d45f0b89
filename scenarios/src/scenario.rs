//! The scenario file: what is done, under which policy, and what must be seen.

use serde::{Deserialize, Serialize};

/// Where the act happens. A kill that prevents a write on one file system may come too late on another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FileSystem {
    /// Memory only; `/lab/tmpfs` in the guest.
    Tmpfs,
    /// A real ext4 on the guest's NVMe disk; `/lab/ext4` in the guest.
    Ext4,
    /// The act touches no file system (pipes, processes); runs in `/lab/none`.
    None,
}

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
}

/// Fate of the acting process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ExpectedProcess {
    /// Died of signal 9, as its parent's wait status says.
    Killed,
    /// Ran to its end with exit status 0.
    Survives,
}

/// Fate of the side effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ExpectedEffect {
    /// Not there afterwards.
    Prevented,
    /// There afterwards, although the process may have died.
    Happens,
}
