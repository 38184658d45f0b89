//! One step after the other, each one system call.

use std::ffi::CString;
use std::io::{self, IoSlice};
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, open};
use nix::sched::{CloneFlags, unshare};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::stat::{Mode, SFlag, mknod};
use nix::sys::time::TimeSpec;
use nix::sys::uio::{pwrite, writev};
use nix::time::{ClockId, ClockNanosleepFlags, clock_nanosleep};
use nix::unistd::{AccessFlags, access, execve, execveat, unlink, write};

use super::PerformError;
use super::network::Sockets;
use crate::order::Order;
use crate::raw;
use crate::step::{NamespaceKind, OpenFlag, Step};
use crate::untouched;

/// Performs all of them, or those before the first that fails.
pub(super) fn perform(steps: &[Step]) -> Result<(), PerformError> {
    let mut hands = Hands { file: None, sockets: Sockets::default() };
    steps.iter().enumerate().try_for_each(|(index, step)| hands.perform(&Place { index, step }))
}

/// What earlier steps have opened.
#[derive(Debug)]
struct Hands {
    file: Option<OwnedFd>,
    sockets: Sockets,
}

/// Which step of the list it is: for errors.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place<'a> {
    index: usize,
    step: &'a Step,
}

impl Place<'_> {
    /// The system call failed.
    pub(super) fn failed(&self, errno: Errno) -> PerformError {
        PerformError::Step { index: self.index, step: self.step.clone(), errno }
    }

    /// There is no file or socket yet.
    pub(super) fn nothing_open(&self) -> PerformError {
        PerformError::NothingOpen { index: self.index }
    }

    /// An argument of the step is none.
    pub(super) fn bad_argument(&self) -> PerformError {
        PerformError::BadArgument { index: self.index, step: self.step.clone() }
    }

    /// The kernel took fewer bytes than it was given.
    pub(super) fn whole(&self, written: usize, given: usize) -> Result<(), PerformError> {
        if written == given {
            Ok(())
        } else {
            Err(PerformError::ShortWrite { index: self.index, written, given })
        }
    }

    /// What the kernel has to refuse.
    pub(super) fn refused<T>(&self, outcome: &nix::Result<T>, wanted: Errno) -> Result<(), PerformError> {
        match outcome {
            Err(errno) if *errno == wanted => Ok(()),
            Err(errno) => Err(self.failed(*errno)),
            Ok(_) => Err(PerformError::NotRefused { index: self.index, step: self.step.clone(), wanted }),
        }
    }

    fn c_string(&self, text: &str) -> Result<CString, PerformError> {
        CString::new(text).map_err(|_| PerformError::NulInString { index: self.index })
    }
}

impl Hands {
    fn perform(&mut self, place: &Place<'_>) -> Result<(), PerformError> {
        let failed = |errno| place.failed(errno);
        match place.step {
            Step::Open { path, flags, untouched_name } => {
                let name = if *untouched_name { Name::Untouched } else { Name::Resident };
                self.file = Some(do_open(path, flags, name).map_err(failed)?);
            }
            Step::Write { data } => {
                let written = write(self.opened(place)?, data.as_bytes()).map_err(failed)?;
                place.whole(written, data.len())?;
            }
            Step::WriteAt { data, offset } => {
                let file = self.opened(place)?;
                let written = pwrite(file, data.as_bytes(), i64::from(*offset)).map_err(failed)?;
                place.whole(written, data.len())?;
            }
            Step::WriteParts { parts, short: true } => {
                let written = raw::write_parts_short(self.opened(place)?, parts).map_err(failed)?;
                place.whole(written, parts.iter().map(String::len).sum())?;
            }
            Step::WriteParts { parts, .. } => {
                let buffers: Vec<IoSlice<'_>> =
                    parts.iter().map(|part| IoSlice::new(part.as_bytes())).collect();
                let written = writev(self.opened(place)?, &buffers).map_err(failed)?;
                place.whole(written, parts.iter().map(String::len).sum())?;
            }
            Step::WritePipe { data } => {
                let written = write(io::stdout().as_fd(), data.as_bytes()).map_err(failed)?;
                place.whole(written, data.len())?;
            }
            Step::Unlink { path } => unlink(path.as_str()).map_err(failed)?,
            Step::Rename { from, to } => do_rename(from, to).map_err(failed)?,
            Step::Mkfifo { path } => {
                mknod(path.as_str(), SFlag::S_IFIFO, OWNER, 0).map_err(failed)?;
            }
            Step::Look { path } => match access(path.as_str(), AccessFlags::F_OK) {
                Ok(()) | Err(Errno::ENOENT) => {}
                Err(errno) => return Err(failed(errno)),
            },
            Step::Execve { path, in_memory, then } => do_execve(place, path, *in_memory, then)?,
            Step::ExecveRefused { path } => {
                let path = place.c_string(path)?;
                let environment: [CString; 0] = [];
                let outcome = execve(&path, std::slice::from_ref(&path), &environment);
                place.refused(&outcome, Errno::ENOEXEC)?;
            }
            Step::Pause { ms } => {
                let duration = TimeSpec::from_duration(Duration::from_millis(u64::from(*ms)));
                clock_nanosleep(ClockId::CLOCK_MONOTONIC, ClockNanosleepFlags::empty(), &duration)
                    .map_err(failed)?;
            }
            Step::Number { value, case } => {
                let value: i64 = value.parse().map_err(|_| place.bad_argument())?;
                raw::prctl_number(value, *case).map_err(failed)?;
            }
            Step::Text { text, case } => {
                raw::prctl_text(&place.c_string(text)?, *case).map_err(failed)?;
            }
            Step::Capset { effective, permitted, inheritable } => {
                raw::capset(*effective, *permitted, *inheritable).map_err(failed)?;
            }
            Step::Unshare { namespaces } => {
                let flags = namespaces.iter().fold(CloneFlags::empty(), |all, kind| all | clone_flag(*kind));
                unshare(flags).map_err(failed)?;
            }
            Step::RenameDevice { .. }
            | Step::Socket { .. }
            | Step::Bind { .. }
            | Step::Listen {}
            | Step::Connect { .. }
            | Step::ConnectNobody { .. }
            | Step::SendTo { .. } => self.sockets.perform(place.step, place)?,
        }
        Ok(())
    }

    fn opened(&self, place: &Place<'_>) -> Result<&OwnedFd, PerformError> {
        self.file.as_ref().ok_or_else(|| place.nothing_open())
    }
}

const OWNER: Mode = Mode::S_IRUSR.union(Mode::S_IWUSR);

/// In what memory a path is passed.
#[derive(Clone, Copy)]
enum Name {
    Resident,
    Untouched,
}

fn do_open(path: &str, flags: &[OpenFlag], name: Name) -> nix::Result<OwnedFd> {
    let flags = flags.iter().fold(OFlag::empty(), |all, flag| {
        all | match flag {
            OpenFlag::Rdonly => OFlag::O_RDONLY,
            OpenFlag::Wronly => OFlag::O_WRONLY,
            OpenFlag::Rdwr => OFlag::O_RDWR,
            OpenFlag::Append => OFlag::O_APPEND,
            OpenFlag::Creat => OFlag::O_CREAT,
            OpenFlag::Excl => OFlag::O_EXCL,
            OpenFlag::Trunc => OFlag::O_TRUNC,
        }
    });
    match name {
        Name::Resident => open(path, flags, OWNER),
        Name::Untouched => untouched::open(path, flags, OWNER),
    }
}

/// `std::fs::rename` is the plain `rename` system call, which nix does not offer.
fn do_rename(from: &str, to: &str) -> nix::Result<()> {
    std::fs::rename(from, to).map_err(|error| error.raw_os_error().map_or(Errno::EINVAL, Errno::from_raw))
}

fn do_execve(place: &Place<'_>, path: &str, in_memory: bool, then: &[Step]) -> Result<(), PerformError> {
    let order = Order::Perform { gate: None, steps: then.to_vec() };
    let order = serde_json::to_string(&order)
        .map_err(|error| PerformError::Relay { what: "encode the order of", source: error.into() })?;
    let name = place.c_string(path)?;
    let args = [name.clone(), place.c_string(&order)?];
    let environment: [CString; 0] = [];
    let outcome = if in_memory {
        let image = copy_in_memory(path).map_err(|errno| place.failed(errno))?;
        execveat(&image, c"", &args, &environment, AtFlags::AT_EMPTY_PATH)
    } else {
        execve(&name, &args, &environment)
    };
    match outcome {
        Ok(never) => match never {},
        Err(errno) => Err(place.failed(errno)),
    }
}

/// A copy of a file in memory that has no name anywhere.
fn copy_in_memory(path: &str) -> nix::Result<OwnedFd> {
    let errno = |error: io::Error| error.raw_os_error().map_or(Errno::EIO, Errno::from_raw);
    let mut from = std::fs::File::open(path).map_err(errno)?;
    let mut copy = std::fs::File::from(memfd_create(c"image", MFdFlags::MFD_CLOEXEC)?);
    io::copy(&mut from, &mut copy).map_err(errno)?;
    Ok(copy.into())
}

const fn clone_flag(kind: NamespaceKind) -> CloneFlags {
    match kind {
        NamespaceKind::Uts => CloneFlags::CLONE_NEWUTS,
        NamespaceKind::Ipc => CloneFlags::CLONE_NEWIPC,
        NamespaceKind::Mnt => CloneFlags::CLONE_NEWNS,
        NamespaceKind::Net => CloneFlags::CLONE_NEWNET,
        NamespaceKind::Cgroup => CloneFlags::CLONE_NEWCGROUP,
        NamespaceKind::User => CloneFlags::CLONE_NEWUSER,
    }
}
