//! The path walk of the running kernel against what procfs says of the same descriptors.

use std::fs::{self, File};
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use nix::fcntl::{OFlag, open, openat};
use nix::sys::stat::{Mode, fstat, mkdirat};
use quell_wire::code::ArgStatus;
use quell_wire::limits::MAX_PATH_STEPS;
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, OpenTreeFlags, fsconfig_create, fsmount, fsopen, open_tree,
};

use super::early::{EarlyError, look_at};
use super::evaluator::{Evaluator, KernelError};
use crate::dice::Dice;

/// Nested files that the early look is asked about, too.
const LOOKED_AT: usize = 30;

/// What was walked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PathReport {
    /// Descriptors.
    pub paths: u64,
    /// Those of which the walk says something else than procfs, each described.
    pub disagreements: Vec<String>,
}

/// Why no path could be walked.
#[derive(Debug, thiserror::Error)]
pub enum WalkError {
    /// The kernel could not be asked.
    #[error(transparent)]
    Kernel(#[from] KernelError),
    /// The early look could not be asked.
    #[error(transparent)]
    Early(#[from] EarlyError),
    /// The files could not be made.
    #[error("failed to make files to walk to in {place}: {source}")]
    Files {
        /// Where.
        place: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// Walks to files of many kinds, in a directory of its own below `place`.
///
/// # Errors
/// When the kernel can't be asked, or the files can't be made.
pub fn walk_paths(dice: &mut Dice, place: &Path, count: usize) -> Result<PathReport, WalkError> {
    let walk = Evaluator::load_walk()?;
    let own = place.join(format!("quell-paths-{}", std::process::id()));
    let result = walk_in(&walk, dice, &own, count);
    // Deeper than any path can be long, hence not removable by path alone; what stays is in a temporary directory.
    let _ = fs::remove_dir_all(&own);
    result
}

fn walk_in(walk: &Evaluator, dice: &mut Dice, own: &Path, count: usize) -> Result<PathReport, WalkError> {
    let failed = |source| WalkError::Files { place: own.to_owned(), source };
    fs::create_dir_all(own).map_err(failed)?;
    let mut report = PathReport::default();
    let mut early = special(own).map_err(failed)?;
    for descriptor in &early {
        check(walk, descriptor, &mut report)?;
    }
    let nowhere = mounted_nowhere(own).map_err(failed)?;
    for descriptor in &nowhere {
        check_disconnected(walk, descriptor, &mut report)?;
    }
    early.extend(nowhere);
    for number in 0..count {
        let descriptor = nested(dice, own, number).map_err(failed)?;
        check(walk, &descriptor, &mut report)?;
        if number < LOOKED_AT {
            early.push(descriptor);
        }
    }
    report.disagreements.extend(look_at(walk, &early)?);
    Ok(report)
}

/// One of each kind.
fn special(own: &Path) -> io::Result<Vec<OwnedFd>> {
    let plain = own.join("plain");
    let gone = own.join("gone");
    fs::write(&plain, b"x")?;
    let (reading, writing) = nix::unistd::pipe()?;
    let (one, other) = UnixStream::pair()?;
    let deleted = File::create(&gone)?;
    fs::remove_file(&gone)?;
    let mut all: Vec<OwnedFd> =
        vec![reading, writing, one.into(), other.into(), deleted.into(), File::open(&plain)?.into()];
    for path in ["/", "/proc", "/proc/self/status", "/sys", "/dev/null", "/tmp"] {
        // A machine may lack one of these.
        if let Ok(file) = File::open(path) {
            all.push(file.into());
        }
    }
    Ok(all)
}

/// Trees of mounts that nobody has mounted anywhere, and a file in each: their paths lead to no root, whatever procfs says.
fn mounted_nowhere(own: &Path) -> io::Result<Vec<OwnedFd>> {
    let flags = OFlag::O_RDONLY | OFlag::O_CLOEXEC;
    let clone = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC;
    let copy = open_tree(rustix::fs::CWD, own, clone)?;
    let copied = openat(&copy, "plain", flags, Mode::empty())?;
    let made = fsopen("tmpfs", FsOpenFlags::FSOPEN_CLOEXEC)?;
    fsconfig_create(&made)?;
    let fresh = fsmount(&made, FsMountFlags::FSMOUNT_CLOEXEC, MountAttrFlags::empty())?;
    let inside = openat(&fresh, "inside", OFlag::O_CREAT | OFlag::O_RDWR | OFlag::O_CLOEXEC, Mode::S_IRWXU)?;
    Ok(vec![copy, copied, fresh, inside])
}

/// A file at some depth, with names of some length; some deeper than the walk goes, some deleted.
fn nested(dice: &mut Dice, own: &Path, number: usize) -> io::Result<OwnedFd> {
    let limit = usize::try_from(MAX_PATH_STEPS).unwrap_or(64);
    let depth = dice.pick(&[0, 1, 2, 3, 7, 20, limit - 6, limit - 3, limit - 2, limit - 1, limit, limit + 3]);
    let length = dice.pick(&[1_usize, 2, 7, 8, 9, 31, 100, 254, 255]);
    let flags = OFlag::O_RDONLY | OFlag::O_CLOEXEC;
    let mut at = open(own, flags | OFlag::O_DIRECTORY, Mode::empty())?;
    for level in 0..=depth {
        let mut name = format!("{number:x}-{level:x}-");
        let letter = dice.pick(&['a', 'b', ' ', '.', '\\', '\n']);
        // Names are counted in bytes, and these letters are one each.
        while name.len() < length {
            name.push(letter);
        }
        if level < depth {
            mkdirat(&at, name.as_str(), Mode::S_IRWXU)?;
            at = openat(&at, name.as_str(), flags | OFlag::O_DIRECTORY, Mode::empty())?;
        } else {
            at =
                openat(&at, name.as_str(), OFlag::O_RDWR | OFlag::O_CREAT | OFlag::O_CLOEXEC, Mode::S_IRWXU)?;
        }
    }
    Ok(at)
}

fn check(walk: &Evaluator, descriptor: &OwnedFd, report: &mut PathReport) -> Result<(), KernelError> {
    let number = descriptor.as_fd().as_raw_fd();
    let (status, found, mode) = walk.walk(number)?;
    report.paths += 1;
    let linked = fs::read_link(format!("/proc/self/fd/{number}"));
    let real_mode = fstat(descriptor).map(|found| found.st_mode & 0o170_000).unwrap_or_default();
    let agrees = match &linked {
        Ok(path) => agree(path.as_os_str().as_bytes(), status, &found),
        // Longer than procfs can say.
        Err(error) if error.raw_os_error() == Some(nix::errno::Errno::ENAMETOOLONG as i32) => {
            status == ArgStatus::Truncated
        }
        Err(_) => false,
    };
    if !agrees || mode != real_mode {
        report.disagreements.push(format!(
            "descriptor {number}: walked {status:?} {:?} of type {mode:o}, and procfs says {linked:?} of type {real_mode:o}",
            String::from_utf8_lossy(&found)
        ));
    }
    Ok(())
}

fn check_disconnected(
    walk: &Evaluator,
    descriptor: &OwnedFd,
    report: &mut PathReport,
) -> Result<(), KernelError> {
    let number = descriptor.as_raw_fd();
    let (status, found, _) = walk.walk(number)?;
    report.paths += 1;
    if status != ArgStatus::Disconnected {
        report.disagreements.push(format!(
            "descriptor {number}: walked {status:?} {:?} in a tree that is mounted nowhere",
            String::from_utf8_lossy(&found)
        ));
    }
    Ok(())
}

/// Whether the walk says what procfs says.
fn agree(linked: &[u8], status: ArgStatus, found: &[u8]) -> bool {
    if !linked.starts_with(b"/") {
        return status == ArgStatus::NoPath;
    }
    let path = linked.strip_suffix(b" (deleted)").unwrap_or(linked);
    match status {
        ArgStatus::Ok => found == path,
        // The end of it, from a whole component on, as much as fits; all of it where the last step led to the root, which
        // nobody looked at any more.
        ArgStatus::Truncated => path.ends_with(found) && found.starts_with(b"/"),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_agrees_only_when_all_of_it_does() {
        assert!(agree(b"/a/b", ArgStatus::Ok, b"/a/b") && !agree(b"/a/b", ArgStatus::Ok, b"/a"));
        assert!(agree(b"/a/b (deleted)", ArgStatus::Ok, b"/a/b"));
        assert!(agree(b"/a/b", ArgStatus::Truncated, b"/b") && !agree(b"/a/b", ArgStatus::Truncated, b"b"));
        assert!(agree(b"/b", ArgStatus::Truncated, b"/b") && !agree(b"/b", ArgStatus::Truncated, b"/a/b"));
        assert!(agree(b"pipe:[1]", ArgStatus::NoPath, b"") && !agree(b"/a", ArgStatus::NoPath, b""));
    }
}
