//! The messages, as plain data.
//!
//! Scenario and record travel as JSON values: this crate knows neither, so that a change of a scenario's shape is not
//! a change of the protocol.

use serde::{Deserialize, Serialize};

/// Version of the messages. Host and guest are built together, so there is no negotiation: a difference means that
/// somebody passed the wrong guest binary, and the host refuses it.
pub const PROTOCOL_VERSION: u32 = 3;

/// Host to guest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum ToGuest {
    /// Perform one cell; the guest answers with any number of [`ToHost::Progress`] and exactly one
    /// [`ToHost::Verdict`].
    Run {
        /// `kernel/scenario-id@fs`; opaque to the guest, which repeats it in every answer.
        cell: String,
        /// Where the act happens, in the scenario crate's own serialisation.
        file_system: serde_json::Value,
        /// The self-contained scenario, policy text included.
        scenario: serde_json::Value,
    },
    /// Have the enforcer say what it finds in this kernel; the guest answers with [`ToHost::KernelFacts`].
    KernelFacts,
    /// Have model and kernel asked the same questions; the guest answers with any number of [`ToHost::Difference`] and
    /// exactly one [`ToHost::Compared`].
    Compare {
        /// Generated calls.
        cases: u64,
        /// What they are generated from.
        seed: u64,
    },
    /// Sync, say [`ToHost::Bye`] and power off.
    PowerOff,
}

/// Guest to host.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum ToHost {
    /// First message of every guest: mounts are done, cells may be sent.
    Hello {
        /// [`PROTOCOL_VERSION`] of the guest.
        version: u32,
        /// What this kernel says about itself.
        facts: GuestFacts,
    },
    /// The cell has reached this phase.
    Progress {
        /// As in [`ToGuest::Run`].
        cell: String,
        /// Phase name of the scenario runner.
        phase: String,
    },
    /// The cell is over.
    Verdict {
        /// As in [`ToGuest::Run`].
        cell: String,
        /// What was seen, or why nothing could be seen.
        report: CellReport,
    },
    /// Answer to [`ToGuest::KernelFacts`].
    KernelFacts {
        /// What `quell probe --format toml` printed.
        toml: String,
    },
    /// A line of what the comparison printed: its progress, and in the end its report.
    Difference {
        /// In the comparison's own serialisation.
        line: serde_json::Value,
    },
    /// Answer to [`ToGuest::Compare`].
    Compared {
        /// Whether the comparison ended and found no difference.
        agree: bool,
        /// How it ended, and what it said beside its lines.
        errors: String,
    },
    /// The guest itself can't go on; it powers off after this.
    Fatal {
        /// What failed.
        reason: String,
    },
    /// Answer to [`ToGuest::PowerOff`], the last message.
    Bye,
}

/// Result of one cell as the guest sees it. The guest records, the host judges.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CellReport {
    /// The runner went through all phases; a record in the scenario crate's own serialisation.
    Record(serde_json::Value),
    /// The runner could not finish: the text says which phase and why.
    Error(String),
}

/// What a booted kernel says about itself, read by PID 1 before any scenario.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GuestFacts {
    /// `uname -r`.
    pub release: String,
    /// `uname -v`: package version and build date.
    pub version: String,
    /// `/proc/cmdline`.
    pub cmdline: String,
    /// Active security modules, comma-separated, as `/sys/kernel/security/lsm` says; empty when unreadable.
    pub lsm: String,
    /// Size of `/sys/kernel/btf/vmlinux`; 0 when the kernel has no type information.
    pub btf_bytes: u64,
    /// Mounts that are not required and did not succeed, each with its reason.
    pub missing_mounts: Vec<String>,
}
