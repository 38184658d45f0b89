//! The messages, as plain data.
//!
//! Scenario and record travel as JSON values: this crate knows neither, so that a change of a scenario's shape is not
//! a change of the protocol.

use serde::{Deserialize, Serialize};

use crate::bench::{BenchRequest, BenchSeen};
use crate::exec::{Bytes, Chunk, ExecReport, ExecRequest, OutputStream, WindowSize};

/// Version of the messages. Host and guest are built together, so there is no negotiation: a difference means that
/// somebody passed the wrong guest binary, and the host refuses it.
pub const PROTOCOL_VERSION: u32 = 6;

/// Host to guest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum ToGuest {
    /// Begin to live: answered with [`ToHost::Ready`], once per guest. What a guest can't know by itself when it goes on from
    /// a snapshot comes with this message; a guest that was booted is told the same, so that there is one way to begin.
    Begin {
        /// Now, in milliseconds since 1970 (UTC).
        unix_time_ms: u64,
        /// 32 random bytes as hex digits; never the same for two guests.
        seed: String,
        /// File systems to mount for cells, by the kernel's names for them: each has a disk that the host has attached, with that
        /// name as its serial number, or takes none.
        file_systems: Vec<String>,
        /// Whether those of them that the image has an empty one of are mounted from the guest's own memory instead, which can
        /// be part of a snapshot.
        #[serde(default, skip_serializing_if = "is_false")]
        on_ram: bool,
    },
    /// Perform one cell; the guest answers with any number of [`ToHost::Progress`] and exactly one
    /// [`ToHost::Verdict`].
    Run {
        /// `kernel/scenario-id@fs`; opaque to the guest, which repeats it in every answer.
        cell: String,
        /// Where the act happens, in the scenario crate's own serialisation.
        file_system: serde_json::Value,
        /// The self-contained scenario, policy text included.
        scenario: serde_json::Value,
        /// Whether the guest says [`ToHost::Held`] once the policy is in force, and waits for [`ToGuest::GoOn`] before the act.
        #[serde(default, skip_serializing_if = "is_false")]
        hold: bool,
    },
    /// Perform the act of the cell that is held. Like [`ToGuest::Begin`] it tells what a guest that lay in a snapshot can't know.
    GoOn {
        /// Now, in milliseconds since 1970 (UTC).
        unix_time_ms: u64,
        /// 32 random bytes as hex digits; never the same for two guests.
        seed: String,
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
    /// Have every policy of the image loaded by two loaders; answered as [`ToGuest::Compare`] is.
    Load,
    /// Have the enforcer say what it will do with policies, and do it; the guest answers with a [`ToHost::PlansChecked`] per
    /// policy, a [`ToHost::PlanRan`] per policy that is to be run, and [`ToHost::PlansDone`].
    Plans {
        /// The policies.
        policies: Vec<PlanRequest>,
        /// What the enforcer has to do without.
        without: Vec<String>,
    },
    /// Run a program; the guest answers with any number of [`ToHost::Output`], [`ToHost::InputTaken`] and
    /// [`ToHost::Alive`], and exactly one [`ToHost::Exited`].
    Exec(Box<ExecRequest>),
    /// Input for the program that runs, at most [`crate::INPUT_WINDOW_BYTES`] ahead of [`ToHost::InputTaken`].
    Input(Bytes),
    /// No more input will come.
    InputEnd,
    /// The host has read this slot of the bulk area; it may be used again.
    SlotTaken {
        /// Its number.
        slot: u32,
    },
    /// The user's terminal has another size now.
    Resize(WindowSize),
    /// Measure what calls cost; the guest answers with a [`ToHost::BenchSeen`] per pass, and [`ToHost::BenchDone`].
    Bench(BenchRequest),
    /// Sync, say [`ToHost::Bye`] and power off.
    PowerOff,
}

/// Guest to host.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum ToHost {
    /// First message of every guest: it is up and waits for [`ToGuest::Begin`]. Snapshots are taken here.
    Hello {
        /// [`PROTOCOL_VERSION`] of the guest.
        version: u32,
    },
    /// Answer to [`ToGuest::Begin`]: everything is mounted, cells may be sent.
    Ready {
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
    /// The policy of a cell that is to be held is in force, and nothing was done under it. Snapshots of attached policies are
    /// taken here.
    Held {
        /// As in [`ToGuest::Run`].
        cell: String,
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
    /// What the enforcer says of one of the policies of [`ToGuest::Plans`].
    PlansChecked {
        /// What `quell check --this-kernel --format json` printed about its file.
        file: serde_json::Value,
    },
    /// What the enforcer did with one of them.
    PlanRan {
        /// The policy's.
        name: String,
        /// Whether it said that it enforces, until it was told to stop.
        in_force: bool,
        /// How it ended.
        status: String,
        /// The report that it left; null when it left none.
        report: serde_json::Value,
        /// What it said on standard error.
        errors: String,
    },
    /// All of [`ToGuest::Plans`] is answered.
    PlansDone,
    /// A piece of what the program of [`ToGuest::Exec`] prints.
    Output {
        /// Where it printed it.
        stream: OutputStream,
        /// The piece.
        chunk: Chunk,
    },
    /// The program was given so much of its input.
    InputTaken {
        /// Since the last such message.
        bytes: u32,
    },
    /// The program runs on and prints nothing; said every few seconds.
    Alive,
    /// The program has ended, and all of its output was sent.
    Exited(ExecReport),
    /// What was seen in one of the passes of [`ToGuest::Bench`].
    BenchSeen(Box<BenchSeen>),
    /// All of [`ToGuest::Bench`] is measured.
    BenchDone,
    /// The guest itself can't go on; it powers off after this.
    Fatal {
        /// What failed.
        reason: String,
    },
    /// Answer to [`ToGuest::PowerOff`], the last message.
    Bye,
}

/// A policy whose plan is asked for; the image has its file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlanRequest {
    /// Name of its file, without folder.
    pub name: String,
    /// Whether it is put in force, beside being checked.
    pub run: bool,
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
    /// The monotonic clock when they were read, in nanoseconds.
    #[serde(default)]
    pub monotonic_ns: u64,
    /// `/proc/sys/kernel/random/boot_id`, which the kernel draws when it is first read: no two guests have the same one,
    /// not even two that go on from one snapshot.
    pub boot_id: String,
    /// Mounts that are not required and did not succeed, each with its reason.
    pub missing_mounts: Vec<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the shape that serde asks for")]
fn is_false(value: &bool) -> bool {
    !*value
}
