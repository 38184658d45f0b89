//! Snapshots of booted kernels: each is saved once, when its guest has said hello, and every cell goes on from there in a
//! machine of its own.
//!
//! A snapshot is a directory in the lab's cache, named by the digest of everything that is in it. It is two files, the
//! machine's memory and its state; restored machines map the memory privately, so that they share what they only read.

pub mod attached;
mod content;
mod delta;
mod inject;
pub mod key;
mod lock;
pub mod prune;
pub mod restore;
pub mod save;
pub mod store;

use std::{
    io,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use content::Content;

const RAM: &str = "ram";
const STATE: &str = "state";
const META: &str = "meta.json";

/// Why snapshots can't be kept.
#[derive(Debug, Error)]
pub enum SnapshotError {
    /// Something in the cache can't be read or written.
    #[error("failed to {verb} {path}: {source}")]
    Io {
        /// What was tried.
        verb: &'static str,
        /// On what.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// There is no room for one more.
    #[error(
        "no room for a snapshot in {path}: {free_mib} MiB are free and {needed_mib} MiB are needed; free some, or name \
         another place with --snapshots"
    )]
    Full {
        /// The directory.
        path: PathBuf,
        /// Free space, in MiB.
        free_mib: u64,
        /// What one needs at least, in MiB.
        needed_mib: u64,
    },
    /// The user wants to stop.
    #[error("interrupted")]
    Interrupted,
}

/// Files of a snapshot, also of one that is only being made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Files {
    directory: PathBuf,
}

impl Files {
    /// Those in this directory.
    #[must_use]
    pub fn of(directory: &Path) -> Self {
        Self { directory: directory.to_owned() }
    }

    /// Where they are.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The machine's memory.
    #[must_use]
    pub fn ram(&self) -> PathBuf {
        self.directory.join(RAM)
    }

    /// The rest of the machine.
    #[must_use]
    pub fn state(&self) -> PathBuf {
        self.directory.join(STATE)
    }
}

/// What is written beside the two files.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Meta {
    /// Of this file.
    version: u32,
    /// From the start of QEMU to the guest's hello, in milliseconds.
    boot_ms: u64,
    ram: Content,
    state: Content,
}

/// Of [`Meta`].
const META_VERSION: u32 = 1;

fn io_error(verb: &'static str, path: &Path) -> impl FnOnce(io::Error) -> SnapshotError {
    let path = path.to_owned();
    move |source| SnapshotError::Io { verb, path, source }
}
