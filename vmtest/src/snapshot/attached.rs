//! Snapshots of guests in which the policy of a cell is in force, and nothing was done under it yet.
//!
//! Putting a policy in force is most of a cell's time: programs are verified, and a restored machine translates everything anew.
//! It depends on nothing but what is in the kernel's snapshot and the cell itself, so that it is done once for both. What is kept
//! is the machine's state and the pages of its memory that the kernel's snapshot has not.

use std::{fs, io, path::Path, time::Duration};

use serde::{Deserialize, Serialize};

use super::{
    Files, SnapshotError,
    content::copy_sparse,
    delta,
    inject::GuestMemory,
    io_error,
    restore::Restored,
    save::{SaveFailure, Source, not_saved},
};
use crate::{
    boot::{self, BootError},
    guest::Change,
    link::Loss,
    outcome::BrokenCause,
    qemu::{Disk, Memory},
    session::{HoldEnded, Job, hold, millis},
};

const HELD: &str = "held.json";

/// What is known of a guest that is held.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Held {
    /// The boot id of the guest, and of all that go on from it.
    pub boot_id: String,
    /// From the start of the agent until its policy was in force, in milliseconds of this host's time.
    pub attach_ms: u64,
}

impl Held {
    /// Of this snapshot.
    ///
    /// # Errors
    /// Its file is not there or can't be understood.
    pub fn of(files: &Files) -> io::Result<Self> {
        Ok(serde_json::from_slice(&fs::read(files.directory().join(HELD))?)?)
    }
}

/// Has a guest go on from the kernel's snapshot `base` until the policy of the cell is in force, and saves it into `files`.
/// Returns the milliseconds that attaching took.
///
/// # Errors
/// See [`SaveFailure`]. A cell that is decided before its policy is in force is none that can be saved.
pub fn save_attached(
    source: Source<'_>,
    base: &Files,
    file_systems: Vec<String>,
    job: &Job,
    files: &Files,
) -> Result<u64, SaveFailure> {
    let Source { plan, limits, kernel, traces, boot, .. } = source;
    let kept = |error: SnapshotError| SaveFailure::from(error);
    let branch = files.directory().join("branch");
    copy_sparse(&base.ram(), &branch).map_err(io_error("copy the memory to", &branch)).map_err(kept)?;
    let memory = Memory::Branched { ram: branch.clone(), state: base.state() };
    let booted = boot::start_for_snapshot(plan, kernel, memory, traces, boot);
    let (mut guest, directory) = booted.map_err(|error| not_saved("branch", lab(&error)))?.into_parts();
    guest.restore(Change::default(), limits.boot).map_err(|loss| not_saved("branch", loss))?;
    let held = match hold(&mut guest, limits, file_systems, job).map_err(|loss| not_saved("branch", loss))? {
        HoldEnded::Held { facts, attach } => Held { boot_id: facts.boot_id, attach_ms: millis(attach) },
        HoldEnded::NotHeld { why } => return Err(SaveFailure::Snapshot(why)),
    };
    let socket = directory.path().join("state");
    guest.save(&files.state(), &socket, limits.boot).map_err(|loss| not_saved("save", loss))?;
    drop(guest);
    delta::write(&base.ram(), &branch, &files.ram())
        .map_err(io_error("write", &files.ram()))
        .map_err(kept)?;
    fs::remove_file(&branch).map_err(io_error("remove", &branch)).map_err(kept)?;
    let path = files.directory().join(HELD);
    let text = serde_json::to_vec(&held).map_err(io::Error::from);
    text.and_then(|text| fs::write(&path, text)).map_err(io_error("write", &path)).map_err(kept)?;
    Ok(held.attach_ms)
}

/// Has a guest go on from where the policy of its cell is in force, with one more disk if there is one. It waits to be told to go on.
///
/// # Errors
/// As [`super::restore::restore`].
pub fn restore_attached(
    source: Source<'_>,
    base: &Files,
    files: &Files,
    disk: Option<&Disk>,
) -> Result<Restored, Loss> {
    let Source { plan, limits, kernel, traces, boot, .. } = source;
    let memory = Memory::Restored { ram: base.ram(), state: files.state() };
    let booted = boot::start_for_snapshot(plan, kernel, memory, traces, boot).map_err(|error| lab(&error))?;
    let (mut guest, directory) = booted.into_parts();
    let fill = |pid: u32| {
        let memory = GuestMemory::of(pid, &base.ram())?;
        delta::read(&files.ram(), &mut |at, bytes| memory.write(at, bytes))
    };
    let loaded: Duration = guest.restore(Change { memory: Some(&fill), disk }, limits.boot)?;
    Ok(Restored { guest, directory, loaded })
}

fn lab(error: &BootError) -> Loss {
    Loss::Broken(BrokenCause::Lab { message: error.to_string() })
}

/// Where the traces of the guest go that is saved, beside those of the guests that go on from it.
#[must_use]
pub fn traces(of_cell: &Path) -> std::path::PathBuf {
    of_cell.join("attach")
}
