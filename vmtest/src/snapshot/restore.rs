//! A guest that goes on from a snapshot: its own machine, its own disk, its own memory wherever it writes.

use std::{path::Path, time::Duration};

use quell_scenarios::scenario::FileSystem;
use tempfile::TempDir;

use super::Files;
use crate::{
    boot::{self, BootError, BootPlan},
    disk,
    guest::{Change, Guest},
    limits::Limits,
    link::Loss,
    outcome::BrokenCause,
    qemu::{Disk, Memory},
};

/// A guest that runs and waits to be told to begin.
pub struct Restored {
    /// The guest.
    pub guest: Guest,
    /// The directory that it lives in, which has to outlive it.
    pub directory: TempDir,
    /// From the start of QEMU until the state was there.
    pub loaded: Duration,
}

/// Starts a machine from these files, with a disk in its slot if this file system lies on one. Traces go to `traces`, numbered.
///
/// # Errors
/// The machine can't be started or does not take the state; or the user wants to stop.
pub fn restore(
    plan: &BootPlan,
    limits: Limits,
    kernel: &Path,
    files: &Files,
    kind: Option<FileSystem>,
    traces: &Path,
    number: u32,
) -> Result<Restored, Loss> {
    let lab = |error: BootError| Loss::Broken(BrokenCause::Lab { message: error.to_string() });
    let memory = Memory::Restored { ram: files.ram(), state: files.state() };
    let booted = boot::start_for_snapshot(plan, kernel, memory, traces, number).map_err(lab)?;
    let (mut guest, directory) = booted.into_parts();
    let disk = kind.filter(|kind| kind.is_on_disk()).map(|kind| {
        let image = directory.path().join("disk.img");
        disk::create(kind, &image).map(|()| Disk { kind: kind.name().to_owned(), image })
    });
    let disk = disk.transpose().map_err(BootError::from).map_err(lab)?;
    let loaded = guest.restore(Change { disk: disk.as_ref(), memory: None }, limits.boot)?;
    Ok(Restored { guest, directory, loaded })
}
