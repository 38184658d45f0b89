//! Steps on names and on what stands beside the content of a file, each one system call.

use std::os::fd::OwnedFd;

use nix::errno::Errno;
use nix::sys::stat::{FchmodatFlags, Mode, SFlag, fchmodat, mknod};
use nix::unistd::{AccessFlags, Uid, access, chown, mkdir, truncate, unlink};
use rustix::fs::{XattrFlags, setxattr};

use super::PerformError;
use super::steps::{OWNER, Place};
use crate::raw;
use crate::step::Step;

/// Performs a step of this file. `RingCreate` opens one.
pub(super) fn perform(place: &Place<'_>) -> Result<Option<OwnedFd>, PerformError> {
    let failed = |errno| place.failed(errno);
    match place.step() {
        Step::Unlink { path } => unlink(path.as_str()).map_err(failed)?,
        Step::ShortUnlink { path } => raw::short::unlink(&place.c_string(path)?).map_err(failed)?,
        Step::Rename { from, to } => std::fs::rename(from, to).map_err(|error| failed(errno(&error)))?,
        Step::Mkfifo { path } => mknod(path.as_str(), SFlag::S_IFIFO, OWNER, 0).map_err(failed)?,
        Step::Look { path } => match access(path.as_str(), AccessFlags::F_OK) {
            Ok(()) | Err(Errno::ENOENT) => {}
            Err(errno) => return Err(failed(errno)),
        },
        Step::RingCreate { path } => {
            return raw::ring::create(&place.c_string(path)?).map(Some).map_err(failed);
        }
        Step::Truncate { path, length } => truncate(path.as_str(), i64::from(*length)).map_err(failed)?,
        Step::Link { from, to } => std::fs::hard_link(from, to).map_err(|error| failed(errno(&error)))?,
        Step::Symlink { text, path } => {
            std::os::unix::fs::symlink(text, path).map_err(|error| failed(errno(&error)))?;
        }
        Step::Mkdir { path } => mkdir(path.as_str(), Mode::S_IRWXU).map_err(failed)?,
        Step::Rmdir { path } => std::fs::remove_dir(path).map_err(|error| failed(errno(&error)))?,
        Step::Chmod { path, mode } => {
            let mode = Mode::from_bits_truncate(*mode);
            fchmodat(nix::fcntl::AT_FDCWD, path.as_str(), mode, FchmodatFlags::FollowSymlink)
                .map_err(failed)?;
        }
        Step::Chown { path, uid } => chown(path.as_str(), Some(Uid::from_raw(*uid)), None).map_err(failed)?,
        Step::SetAttribute { path, name, value } => {
            setxattr(path, name, value.as_bytes(), XattrFlags::empty())
                .map_err(|error| failed(Errno::from_raw(error.raw_os_error())))?;
        }
        // Every other step is performed elsewhere.
        _ => return Err(place.bad_argument()),
    }
    Ok(None)
}

fn errno(error: &std::io::Error) -> Errno {
    error.raw_os_error().map_or(Errno::EINVAL, Errno::from_raw)
}
