//! Steps that move data into or out of the opened file, each by its own system call.

use std::io::{self, IoSlice};
use std::os::fd::{AsFd, OwnedFd};

use nix::errno::Errno;
use nix::fcntl::{FallocateFlags, OFlag, SpliceFFlags, copy_file_range, fallocate, open, splice, vmsplice};
use nix::sys::sendfile::sendfile;
use nix::sys::stat::Mode;
use nix::sys::uio::pwrite;
use nix::unistd::{ftruncate, pipe, write};

use super::PerformError;
use super::steps::Place;
use super::witnessed::Witness;
use crate::raw;
use crate::step::Step;

/// Performs a step of this file. A child that has to outlive the call is returned.
pub(super) fn perform(file: &OwnedFd, place: &Place<'_>) -> Result<Option<Witness>, PerformError> {
    let failed = |errno| place.failed(errno);
    match place.step() {
        Step::WriteBlock { text, shared } => {
            let block = raw::memory::block(text).map_err(failed)?;
            let sharer = shared.then(|| Witness::of(|| false, "")).transpose().map_err(failed)?;
            let written = pwrite(file, block, 0).map_err(failed)?;
            place.whole(written, block.len())?;
            return Ok(sharer);
        }
        Step::SubmitWrite { data } => {
            place.whole(raw::aio::write(file, data.as_bytes()).map_err(failed)?, data.len())?;
        }
        Step::RingWrite { data, way } => {
            place.whole(raw::ring::write(file, data.as_bytes(), *way).map_err(failed)?, data.len())?;
        }
        Step::ShortWrite { data } => {
            place.whole(raw::short::write(file, data.as_bytes()).map_err(failed)?, data.len())?;
        }
        Step::StoreMapped { data } => raw::memory::store(file, data.as_bytes()).map_err(failed)?,
        Step::Resize { length } => ftruncate(file, i64::from(*length)).map_err(failed)?,
        Step::Allocate { length } => {
            fallocate(file, FallocateFlags::empty(), 0, i64::from(*length)).map_err(failed)?;
        }
        Step::SpliceIn { data } => {
            let (from, to) = pipe().map_err(failed)?;
            place.whole(write(&to, data.as_bytes()).map_err(failed)?, data.len())?;
            let moved = splice(&from, None, file, None, data.len(), SpliceFFlags::empty());
            place.whole(moved.map_err(failed)?, data.len())?;
        }
        Step::SpliceOut { length } => {
            let length = count(*length).map_err(failed)?;
            let moved = splice(file, None, io::stdout(), None, length, SpliceFFlags::empty());
            place.whole(moved.map_err(failed)?, length)?;
        }
        Step::SendFileFrom { path, length } => {
            let (from, length) = (read_only(path).map_err(failed)?, count(*length).map_err(failed)?);
            place.whole(sendfile(file, &from, None, length).map_err(failed)?, length)?;
        }
        Step::SendFileOut { length } => {
            let length = count(*length).map_err(failed)?;
            place.whole(sendfile(io::stdout(), file, None, length).map_err(failed)?, length)?;
        }
        Step::CopyRangeFrom { path, length } => {
            let (from, length) = (read_only(path).map_err(failed)?, count(*length).map_err(failed)?);
            place.whole(copy_file_range(&from, None, file, None, length).map_err(failed)?, length)?;
        }
        // Every other step is performed elsewhere.
        _ => return Err(place.bad_argument()),
    }
    Ok(None)
}

/// `vmsplice` to standard output.
pub(super) fn vmsplice_out(data: &str, place: &Place<'_>) -> Result<(), PerformError> {
    let moved = vmsplice(io::stdout().as_fd(), &[IoSlice::new(data.as_bytes())], SpliceFFlags::empty());
    place.whole(moved.map_err(|errno| place.failed(errno))?, data.len())
}

fn read_only(path: &str) -> nix::Result<OwnedFd> {
    open(path, OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty())
}

fn count(length: u32) -> nix::Result<usize> {
    usize::try_from(length).map_err(|_| Errno::EOVERFLOW)
}
