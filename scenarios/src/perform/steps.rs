//! One step after the other, each one system call.

use std::ffi::CString;
use std::io::{self, IoSlice};
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, open};
use nix::sched::{CloneFlags, unshare};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::stat::Mode;
use nix::sys::time::TimeSpec;
use nix::sys::uio::{pwrite, writev};
use nix::time::{ClockId, ClockNanosleepFlags, clock_nanosleep};
use nix::unistd::{dup, execve, execveat, read, write};

use super::network::Sockets;
use super::witnessed::Witness;
use super::{PerformError, data, names, orphan, pass, thread, witnessed};
use crate::order::Order;
use crate::step::{NamespaceKind, OpenFlag, Step};
use crate::untouched;
use crate::{marker, raw};

/// Performs all of them, or those before the first that fails.
pub(super) fn perform(steps: &[Step]) -> Result<(), PerformError> {
    let mut hands = Hands { file: None, sockets: Sockets::default(), witnesses: Vec::new() };
    steps.iter().enumerate().try_for_each(|(index, step)| hands.perform(&Place { index, step }))
}

/// What earlier steps have opened.
#[derive(Debug)]
struct Hands {
    file: Option<OwnedFd>,
    sockets: Sockets,
    /// Children that wait for the end of the subject.
    witnesses: Vec<Witness>,
}

/// Which step of the list it is: for errors.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place<'a> {
    index: usize,
    step: &'a Step,
}

impl<'a> Place<'a> {
    /// What is to be done.
    pub(super) fn step(&self) -> &'a Step {
        self.step
    }

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

    pub(super) fn c_string(&self, text: &str) -> Result<CString, PerformError> {
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
                let written = raw::short::write_parts(self.opened(place)?, parts).map_err(failed)?;
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
            Step::Read { length } => {
                let length = usize::try_from(*length).ok().filter(|length| *length <= READ_BYTES);
                let mut buffer = vec![0; length.ok_or_else(|| place.bad_argument())?];
                read(self.opened(place)?, &mut buffer).map_err(failed)?;
            }
            Step::Orphan { then } => orphan::perform(then).map_err(failed)?,
            Step::Thread { then } => thread::perform(then).map_err(failed)?,
            Step::Duplicate {} => self.file = Some(dup(self.opened(place)?).map_err(failed)?),
            Step::Receive { path, flags } => {
                self.file = Some(pass::receive(path, flags).map_err(failed)?);
            }
            Step::Marker { number, text } => {
                let number = number.parse().map_err(|_| place.bad_argument())?;
                marker::call(number, &place.c_string(text)?);
            }
            Step::VmsplicePipe { data } => data::vmsplice_out(data, place)?,
            Step::WriteBlock { .. }
            | Step::SubmitWrite { .. }
            | Step::RingWrite { .. }
            | Step::ShortWrite { .. }
            | Step::StoreMapped { .. }
            | Step::Resize { .. }
            | Step::Allocate { .. }
            | Step::SpliceIn { .. }
            | Step::SpliceOut { .. }
            | Step::SendFileFrom { .. }
            | Step::SendFileOut { .. }
            | Step::CopyRangeFrom { .. } => self.witnesses.extend(data::perform(self.opened(place)?, place)?),
            Step::BindPort { .. }
            | Step::KillOther { .. }
            | Step::MountOver { .. }
            | Step::HostName { .. }
            | Step::WriteMemory { .. }
            | Step::Fork { .. } => self.witnesses.extend(witnessed::perform(place)?),
            Step::Unlink { .. }
            | Step::ShortUnlink { .. }
            | Step::Rename { .. }
            | Step::Mkfifo { .. }
            | Step::Look { .. }
            | Step::Truncate { .. }
            | Step::Link { .. }
            | Step::Symlink { .. }
            | Step::Mkdir { .. }
            | Step::Rmdir { .. }
            | Step::Chmod { .. }
            | Step::Chown { .. }
            | Step::SetAttribute { .. } => drop(names::perform(place)?),
            Step::RingCreate { .. } => self.file = names::perform(place)?,
            Step::RenameDevice { .. }
            | Step::Send { .. }
            | Step::WriteSocket { .. }
            | Step::BindName { .. }
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

/// What a `read` step reads at most.
const READ_BYTES: usize = 4096;

/// Permissions of what a step makes.
pub(super) const OWNER: Mode = Mode::S_IRUSR.union(Mode::S_IWUSR);

/// In what memory a path is passed.
#[derive(Clone, Copy)]
enum Name {
    Resident,
    Untouched,
}

/// `openat` with exactly these flags.
pub(super) fn plain_open(path: &str, flags: &[OpenFlag]) -> nix::Result<OwnedFd> {
    do_open(path, flags, Name::Resident)
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
            OpenFlag::Direct => OFlag::O_DIRECT,
        }
    });
    match name {
        Name::Resident => open(path, flags, OWNER),
        Name::Untouched => untouched::open(path, flags, OWNER),
    }
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
