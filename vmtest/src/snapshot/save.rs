//! From a kernel to its snapshot: boot, hello, save, and a trial of what was saved.

use std::path::Path;

use vmtest_proto::GuestFacts;

use super::{Files, SnapshotError, restore::restore};
use crate::{
    boot::{self, BootPlan},
    limits::Limits,
    link::{Link as _, Loss},
    outcome::BrokenCause,
    qemu::Memory,
    session::{greet, millis, only_begin},
};

/// How a program ends that writes to a mapped file for which the disk has no room (SIGBUS).
const LOST_ITS_FILE: &str = "signal 7";

/// Why there is no snapshot. The three are told apart because the lab goes on differently.
#[derive(Debug)]
pub enum SaveFailure {
    /// The kernel did not come up; it would not without a snapshot either.
    Boot(BrokenCause),
    /// It came up, and could not be saved, restored or kept: its cells can share boots.
    Snapshot(String),
    /// The user wants to stop.
    Interrupted,
}

impl From<SnapshotError> for SaveFailure {
    fn from(error: SnapshotError) -> Self {
        match error {
            SnapshotError::Interrupted => Self::Interrupted,
            other => Self::Snapshot(other.to_string()),
        }
    }
}

/// A kernel, as it is booted for its snapshot.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    /// What all boots have in common, and this kernel's own words for its command line.
    pub plan: &'a BootPlan,
    /// How long everything may take.
    pub limits: Limits,
    /// Uncompressed kernel.
    pub kernel: &'a Path,
    /// `uname -r` that the guest has to report, when it is known.
    pub release: Option<&'a str>,
    /// Where traces go.
    pub traces: &'a Path,
    /// Counts the boots of this kernel, from 1.
    pub boot: u32,
}

/// Boots the kernel, saves it into `files`, and restores that once: a snapshot that can't be used is none. Returns the
/// milliseconds from the start of QEMU to hello.
///
/// # Errors
/// See [`SaveFailure`].
pub fn save(source: Source<'_>, files: &Files, remark: &mut dyn FnMut(String)) -> Result<u64, SaveFailure> {
    let Source { plan, limits, kernel, traces, boot, .. } = source;
    let boot_error =
        |error: boot::BootError| SaveFailure::Boot(BrokenCause::Lab { message: error.to_string() });
    let memory = Memory::Kept { ram: files.ram() };
    let booted = boot::start_for_snapshot(plan, kernel, memory, traces, boot).map_err(boot_error)?;
    let (mut guest, directory) = booted.into_parts();
    greet(&mut guest, limits, remark).map_err(|loss| match loss {
        Loss::Interrupted => SaveFailure::Interrupted,
        Loss::Silent { waited } => SaveFailure::Boot(BrokenCause::NoHello { waited }),
        Loss::Broken(BrokenCause::QemuEnded { how }) if how.contains(LOST_ITS_FILE) => {
            let place = files.directory().display();
            SaveFailure::Snapshot(format!(
                "QEMU could not write the guest's memory to {place}, as when the disk is full ({how})"
            ))
        }
        Loss::Broken(cause) => SaveFailure::Boot(cause),
    })?;
    let boot_ms = millis(guest.age());
    let socket = directory.path().join("state");
    guest.save(&files.state(), &socket, limits.boot).map_err(|loss| not_saved("save", loss))?;
    // It must not run on: the file of its memory is the snapshot's now.
    drop(guest);
    let facts = try_it(source, files).map_err(|loss| not_saved("restore", loss))?;
    check_clock(facts.monotonic_ns / 1_000_000, boot_ms).map_err(SaveFailure::Boot)?;
    Ok(boot_ms)
}

/// What a guest may have counted beyond its machine's time: from hello to its first answer, in a trial on a busy host.
const CLOCK_SLACK_MS: u64 = 2000;

/// A kernel that measured its clock while the host was busy with something else may count three or thirty times too fast ever after,
/// and so would every guest that goes on from its snapshot: what waits for a second would wait for a moment.
fn check_clock(guest_ms: u64, host_ms: u64) -> Result<(), BrokenCause> {
    let most_ms = host_ms + host_ms / 4 + CLOCK_SLACK_MS;
    if guest_ms > most_ms { Err(BrokenCause::Clock { guest_ms, host_ms }) } else { Ok(()) }
}

fn try_it(source: Source<'_>, files: &Files) -> Result<GuestFacts, Loss> {
    let Source { plan, limits, kernel, release, .. } = source;
    let traces = source.traces.join("snapshot-trial");
    let mut restored = restore(plan, limits, kernel, files, None, &traces, source.boot)?;
    let facts = only_begin(&mut restored.guest, limits, Vec::new())?;
    match release {
        Some(release) if release != facts.release => Err(Loss::Broken(BrokenCause::Protocol {
            what: format!("guest runs kernel {}, and {release} was booted", facts.release),
        })),
        _ => Ok(facts),
    }
}

pub(super) fn not_saved(verb: &str, loss: Loss) -> SaveFailure {
    match loss {
        Loss::Interrupted => SaveFailure::Interrupted,
        Loss::Silent { waited } => SaveFailure::Snapshot(format!("failed to {verb} it: {waited}")),
        Loss::Broken(cause) => SaveFailure::Snapshot(format!("failed to {verb} it: {cause}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_runs_ahead_of_its_machine_is_not_saved() {
        for guest_ms in [0, 900, 2600, 5000] {
            assert_eq!(check_clock(guest_ms, 2500), Ok(()), "{guest_ms}");
        }
        let cause = check_clock(7600, 2500).unwrap_err();
        assert_eq!(cause, BrokenCause::Clock { guest_ms: 7600, host_ms: 2500 });
        assert!(cause.to_string().contains("7600 ms since its boot, 2500 ms after QEMU was started"));
    }
}
