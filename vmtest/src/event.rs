//! What happens during a run, as plain data: the one interface from the runner to every report.
//!
//! Reports never ask the runner anything, so a report rendered from a kept `events.jsonl` is the report of that run.

use std::{
    collections::BTreeMap,
    io::{self, BufRead, Write},
};

use quell_scenarios::{record::Record, scenario::Expectation};
use serde::{Deserialize, Serialize};
use thiserror::Error;
use vmtest_proto::GuestFacts;

use crate::{
    cell::CellId, matrix::Decision, outcome::BrokenCause, outcome::Outcome, partition::Part, qemu::Accel,
};

/// Version of the lines in `events.jsonl`. A reader refuses any other: a report from half-understood events would lie.
pub const EVENTS_VERSION: u32 = 3;

/// One line of `events.jsonl`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EventLine {
    /// [`EVENTS_VERSION`] of the writer.
    pub version: u32,
    /// Since the start of the run, in milliseconds.
    pub at_ms: u64,
    /// What happened.
    pub event: RunEvent,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum RunEvent {
    /// First event: the whole plan, so that nothing that was planned can be missing from a report.
    RunStarted {
        /// Version of QEMU.
        qemu: String,
        /// Kernels in matrix order.
        kernels: Vec<String>,
        /// Cells in matrix order.
        cells: Vec<PlannedCell>,
        /// Guests at a time.
        jobs: usize,
        /// What the run was made of: SHA-256 in hexadecimal, by name (`identity.rs`). Parts of one run have the same.
        digests: BTreeMap<String, String>,
        /// Which share of which plan the cells are; `None` when they are all of it.
        part: Option<Part>,
    },
    /// What runs the guests, and why.
    AccelChosen {
        /// The choice.
        accel: Accel,
        /// What it rests on.
        reason: String,
        /// How long it took to find out, in milliseconds.
        trial_ms: u64,
    },
    /// A kernel is ready to boot.
    KernelObtained {
        /// Catalogue id.
        kernel: String,
        /// `uname -r` of its package.
        release: String,
        /// Version of its package.
        package: String,
    },
    /// QEMU was started.
    BootStarted {
        /// Catalogue id.
        kernel: String,
        /// Counts the boots of this kernel, from 1.
        boot: u32,
    },
    /// The guest said hello.
    GuestReady {
        /// Catalogue id.
        kernel: String,
        /// As in [`RunEvent::BootStarted`].
        boot: u32,
        /// From the start of QEMU to Hello, in milliseconds.
        boot_ms: u64,
        /// What the guest found.
        facts: GuestFacts,
    },
    /// The guest did not come up.
    BootFailed {
        /// Catalogue id.
        kernel: String,
        /// As in [`RunEvent::BootStarted`].
        boot: u32,
        /// Why.
        cause: BrokenCause,
        /// Whether the lab tries once more.
        retry: bool,
    },
    /// A guest that had come up is gone; the cells that it had not yet performed get another one.
    GuestLost {
        /// Catalogue id.
        kernel: String,
        /// As in [`RunEvent::BootStarted`].
        boot: u32,
        /// Why.
        cause: BrokenCause,
    },
    /// The guest ended as asked.
    GuestEnded {
        /// Catalogue id.
        kernel: String,
        /// As in [`RunEvent::BootStarted`].
        boot: u32,
    },
    /// A kernel's snapshot can be restored from now on.
    SnapshotReady {
        /// Catalogue id.
        kernel: String,
        /// Since the lab began to look for it, in milliseconds.
        took_ms: u64,
        /// From the start of QEMU to the guest's hello when it was made, in milliseconds.
        boot_ms: u64,
        /// What it takes on its disk, in bytes.
        bytes: u64,
        /// Whether an earlier run had made it.
        reused: bool,
    },
    /// A cell's policy is put in force in a guest that is saved then.
    CellAttaching {
        /// The cell.
        cell: CellId,
    },
    /// The snapshot of a cell in which its policy is in force can be restored from now on.
    CellAttached {
        /// The cell.
        cell: CellId,
        /// Since the lab began to look for it, in milliseconds.
        took_ms: u64,
        /// From the start of the agent until the policy was in force when it was made, in milliseconds.
        attach_ms: u64,
        /// What it takes on its disk, in bytes.
        bytes: u64,
        /// Whether an earlier run had made it.
        reused: bool,
    },
    /// A guest went on from its kernel's snapshot and is ready for its one cell.
    GuestRestored {
        /// The cell.
        cell: CellId,
        /// Counts the attempts for this cell, from 1.
        attempt: u32,
        /// From the start of QEMU until the snapshot's state was there, in milliseconds.
        loaded_ms: u64,
        /// From the start of QEMU until the guest was ready, in milliseconds.
        restore_ms: u64,
        /// The guest's boot id, which no other guest has.
        boot_id: String,
    },
    /// A guest did not come out of its kernel's snapshot.
    RestoreFailed {
        /// The cell that it was for.
        cell: CellId,
        /// As in [`RunEvent::GuestRestored`].
        attempt: u32,
        /// Why.
        cause: BrokenCause,
        /// Whether the lab tries once more.
        retry: bool,
    },
    /// What the machine of a cell took, from its start to its end.
    GuestUsed {
        /// The cell.
        cell: CellId,
        /// Processor time of QEMU, in milliseconds.
        cpu_ms: u64,
        /// The most memory that QEMU had in use at a time, in KiB.
        peak_kib: u64,
    },
    /// A remark that changes no outcome.
    Remark {
        /// Catalogue id.
        kernel: String,
        /// The remark.
        text: String,
    },
    /// The last lines of the console of a guest in which a cell failed: reports are made of events alone.
    ConsoleTail {
        /// The cell that it was performing.
        cell: CellId,
        /// Oldest first.
        lines: Vec<String>,
    },
    /// The last lines of the console of a guest that did not come up.
    BootConsole {
        /// Catalogue id.
        kernel: String,
        /// As in [`RunEvent::BootStarted`].
        boot: u32,
        /// Oldest first.
        lines: Vec<String>,
    },
    /// A cell was sent to a guest.
    CellStarted {
        /// Which.
        cell: CellId,
    },
    /// The guest reached this phase of it.
    CellPhase {
        /// Which.
        cell: CellId,
        /// Phase name of the scenario runner.
        phase: String,
    },
    /// A cell was decided. A second one for the same cell is merged by the rules of [`Outcome::merge`].
    CellFinished {
        /// Which.
        cell: CellId,
        /// What became of it.
        outcome: Outcome,
        /// What was seen, when anything was.
        record: Option<Box<Record>>,
        /// From the request to the decision, in milliseconds.
        took_ms: u64,
    },
    /// Last event.
    RunFinished {
        /// Whether the user stopped it.
        interrupted: bool,
    },
}

impl RunEvent {
    /// Which kernel it is about; `None` for what is about the whole run.
    #[must_use]
    pub fn kernel(&self) -> Option<&str> {
        match self {
            Self::RunStarted { .. } | Self::AccelChosen { .. } | Self::RunFinished { .. } => None,
            Self::KernelObtained { kernel, .. }
            | Self::BootStarted { kernel, .. }
            | Self::GuestReady { kernel, .. }
            | Self::BootFailed { kernel, .. }
            | Self::GuestLost { kernel, .. }
            | Self::GuestEnded { kernel, .. }
            | Self::BootConsole { kernel, .. }
            | Self::SnapshotReady { kernel, .. }
            | Self::Remark { kernel, .. } => Some(kernel),
            Self::CellStarted { cell }
            | Self::CellPhase { cell, .. }
            | Self::ConsoleTail { cell, .. }
            | Self::CellAttaching { cell }
            | Self::CellAttached { cell, .. }
            | Self::GuestRestored { cell, .. }
            | Self::RestoreFailed { cell, .. }
            | Self::GuestUsed { cell, .. }
            | Self::CellFinished { cell, .. } => Some(&cell.kernel),
        }
    }

    /// The number of the boot that it names, for whoever counts the boots of several runs on.
    pub(crate) fn boot_mut(&mut self) -> Option<&mut u32> {
        match self {
            Self::BootStarted { boot, .. }
            | Self::GuestReady { boot, .. }
            | Self::BootFailed { boot, .. }
            | Self::GuestLost { boot, .. }
            | Self::BootConsole { boot, .. }
            | Self::GuestEnded { boot, .. } => Some(boot),
            Self::RunStarted { .. }
            | Self::AccelChosen { .. }
            | Self::KernelObtained { .. }
            | Self::Remark { .. }
            | Self::CellStarted { .. }
            | Self::CellPhase { .. }
            | Self::ConsoleTail { .. }
            | Self::SnapshotReady { .. }
            | Self::CellAttaching { .. }
            | Self::CellAttached { .. }
            | Self::GuestRestored { .. }
            | Self::RestoreFailed { .. }
            | Self::GuestUsed { .. }
            | Self::CellFinished { .. }
            | Self::RunFinished { .. } => None,
        }
    }
}

/// A cell of the plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlannedCell {
    /// Which.
    pub cell: CellId,
    /// What is claimed, in one sentence.
    pub title: String,
    /// Numbers of the claims that it proves.
    pub claims: Vec<String>,
    /// What has to be seen.
    pub expect: Expectation,
    /// Whether it is performed.
    pub decision: Decision,
}

/// Why kept events can't be read.
#[derive(Debug, Error)]
pub enum ReadEventsError {
    /// The file can't be read.
    #[error("failed to read line {line}: {source}")]
    Io {
        /// From 1.
        line: usize,
        /// The reason.
        source: io::Error,
    },
    /// A line is not an event.
    #[error("line {line} is no event of version {EVENTS_VERSION}: {source}")]
    Parse {
        /// From 1.
        line: usize,
        /// The reason.
        source: serde_json::Error,
    },
    /// Another version wrote them.
    #[error(
        "line {line} has version {found}, this vmtest reads version {EVENTS_VERSION}; use the vmtest that wrote it"
    )]
    Version {
        /// From 1.
        line: usize,
        /// The writer's version.
        found: u32,
    },
}

/// Writes one line.
///
/// # Errors
/// The writer fails.
pub fn write_line(writer: &mut impl Write, line: &EventLine) -> io::Result<()> {
    let mut text = serde_json::to_string(line)?;
    text.push('\n');
    // At once: what is known shall survive a crash of the lab.
    writer.write_all(text.as_bytes())?;
    writer.flush()
}

/// Only the version of a line, whatever else is in it.
#[derive(Deserialize)]
struct VersionOnly {
    version: u32,
}

/// Reads all lines.
///
/// # Errors
/// A line can't be read, is no event, or has another version.
pub fn read_lines(reader: impl BufRead) -> Result<Vec<EventLine>, ReadEventsError> {
    let mut lines = Vec::new();
    for (index, text) in reader.lines().enumerate() {
        let line = index + 1;
        let text = text.map_err(|source| ReadEventsError::Io { line, source })?;
        let parse = |source| ReadEventsError::Parse { line, source };
        let found = serde_json::from_str::<VersionOnly>(&text).map_err(parse)?.version;
        if found != EVENTS_VERSION {
            return Err(ReadEventsError::Version { line, found });
        }
        lines.push(serde_json::from_str(&text).map_err(parse)?);
    }
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines() -> Vec<EventLine> {
        let cell: CellId = "6.12/file/x@ext4".parse().unwrap();
        let at = |at_ms, event| EventLine { version: EVENTS_VERSION, at_ms, event };
        let cause = BrokenCause::NoAnswer { phase: "attach".into(), waited: "silent for 5 s".into() };
        vec![
            at(0, RunEvent::CellStarted { cell: cell.clone() }),
            at(7, RunEvent::CellFinished { cell, outcome: Outcome::Broken(cause), record: None, took_ms: 7 }),
            at(8, RunEvent::RunFinished { interrupted: false }),
        ]
    }

    #[test]
    fn lines_are_read_back_as_they_were_written() {
        let mut bytes = Vec::new();
        for line in lines() {
            write_line(&mut bytes, &line).unwrap();
        }
        assert_eq!(read_lines(bytes.as_slice()).unwrap(), lines());
    }

    #[test]
    fn another_version_is_refused_before_anything_else_is_read() {
        let text = r#"{"version":1,"at_ms":"later","event":{"unheard_of":1}}"#;
        let error = read_lines(text.as_bytes()).unwrap_err();
        assert!(matches!(error, ReadEventsError::Version { line: 1, found: 1 }), "{error}");
    }

    #[test]
    fn a_cut_line_is_named_by_its_number() {
        let mut bytes = Vec::new();
        for line in lines() {
            write_line(&mut bytes, &line).unwrap();
        }
        bytes.truncate(bytes.len() - 5);
        let error = read_lines(bytes.as_slice()).unwrap_err();
        assert!(matches!(error, ReadEventsError::Parse { line: 3, .. }), "{error}");
    }
}
