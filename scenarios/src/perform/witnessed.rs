//! Steps whose effect no file shows: a child that was there before, and is in the same namespaces, looks when the subject is
//! gone, and makes a file if it finds the effect.
//!
//! It waits at a pipe whose other end only the subject has. The subject's own standard output stays open in the child, so that
//! whoever reads that to its end has waited for the child as well.

use std::io::{self, IoSlice, Read};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::{FileExt, MetadataExt};

use nix::errno::Errno;
use nix::libc;
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::sys::signal::{SigSet, Signal, kill};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, SockaddrIn, bind, getsockname, socket};
use nix::sys::uio::{RemoteIoVec, process_vm_writev};
use nix::unistd::{Pid, gethostname, sethostname};

use super::PerformError;
use super::steps::Place;
use crate::raw::{self, fork};
use crate::step::Step;

/// A child that waits for the end of the subject.
#[derive(Debug)]
pub(super) struct Witness {
    pid: Pid,
    /// Held until the subject ends, one way or another.
    _end: io::PipeWriter,
}

impl Witness {
    /// When the subject is gone, makes the file `proof` if `look` finds the effect.
    pub(super) fn of(look: impl FnOnce() -> bool, proof: &str) -> nix::Result<Self> {
        let (mut reader, writer) = io::pipe().map_err(|error| errno(&error))?;
        let held = writer.as_raw_fd();
        let pid = fork::in_child(|| {
            // The child's copy of the end that it waits for; were it not closed, the wait would never end, which shows.
            let _ = nix::unistd::close(held);
            let mut rest = Vec::new();
            // An error leaves no proof either: the effect is then taken for prevented, and the control says otherwise.
            if reader.read_to_end(&mut rest).is_ok() && look() {
                drop(std::fs::File::create(proof));
            }
        })?;
        Ok(Self { pid, _end: writer })
    }
}

/// Performs a step of this file.
pub(super) fn perform(place: &Place<'_>) -> Result<Option<Witness>, PerformError> {
    let failed = |errno| place.failed(errno);
    let outcome = match place.step() {
        Step::BindPort { to, length, proof } => {
            let to = to.parse().map_err(|_| place.bad_argument())?;
            bind_port(to, *length, proof)
        }
        Step::KillOther { signal, proof } => {
            let signal = signal.parse::<i32>().ok().and_then(|number| Signal::try_from(number).ok());
            kill_other(signal.ok_or_else(|| place.bad_argument())?, proof)
        }
        Step::MountOver { from, to, proof } => mount_over(from, to, proof),
        Step::HostName { name, proof } => host_name(name, proof),
        Step::WriteMemory { data, proof } => write_memory(data.as_bytes(), proof),
        Step::Fork { flags, proof } => {
            let flags = flags.parse().map_err(|_| place.bad_argument())?;
            fork::clone_with(flags, || drop(std::fs::File::create(proof))).map_err(failed)?;
            return Ok(None);
        }
        // Every other step is performed elsewhere.
        _ => return Err(place.bad_argument()),
    };
    outcome.map(Some).map_err(failed)
}

fn bind_port(to: std::net::SocketAddrV4, length: Option<u32>, proof: &str) -> nix::Result<Witness> {
    let socket: OwnedFd = socket(AddressFamily::Inet, SockType::Stream, SockFlag::SOCK_CLOEXEC, None)?;
    let number = socket.as_raw_fd();
    let has_port = || getsockname::<SockaddrIn>(number).is_ok_and(|name| name.port() != 0);
    let witness = Witness::of(has_port, proof)?;
    match length {
        None => bind(number, &SockaddrIn::from(to))?,
        Some(length) => raw::bind(&socket, to.into(), length)?,
    }
    Ok(witness)
}

fn kill_other(signal: Signal, proof: &str) -> nix::Result<Witness> {
    let mut blocked = SigSet::empty();
    blocked.add(signal);
    // What is blocked here is blocked in the child from its first moment.
    blocked.thread_block()?;
    let witness = Witness::of(|| is_pending(signal), proof)?;
    kill(witness.pid, signal)?;
    Ok(witness)
}

/// Whether the signal waits for this process, by `ShdPnd` of proc_pid_status(5): bit N-1 is signal N.
fn is_pending(signal: Signal) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let bits = status.lines().find_map(|line| line.strip_prefix("ShdPnd:"));
    let bits = bits.and_then(|bits| u64::from_str_radix(bits.trim(), 16).ok()).unwrap_or(0);
    u32::try_from(signal as libc::c_int).is_ok_and(|number| bits >> (number - 1) & 1 == 1)
}

fn mount_over(from: &str, to: &str, proof: &str) -> nix::Result<Witness> {
    unshare(CloneFlags::CLONE_NEWNS)?;
    // With a name for what is mounted, which nobody looks at: a policy on it shall have something to read.
    mount(Some("none"), "/", None::<&str>, MsFlags::MS_REC | MsFlags::MS_PRIVATE, None::<&str>)?;
    let same_file = || match (std::fs::metadata(from), std::fs::metadata(to)) {
        (Ok(from), Ok(to)) => (from.dev(), from.ino()) == (to.dev(), to.ino()),
        _ => false,
    };
    let witness = Witness::of(same_file, proof)?;
    mount(Some(from), to, None::<&str>, MsFlags::MS_BIND, None::<&str>)?;
    Ok(witness)
}

fn host_name(name: &str, proof: &str) -> nix::Result<Witness> {
    unshare(CloneFlags::CLONE_NEWUTS)?;
    let witness = Witness::of(|| gethostname().is_ok_and(|now| now == *name), proof)?;
    sethostname(name)?;
    Ok(witness)
}

fn write_memory(data: &[u8], proof: &str) -> nix::Result<Witness> {
    let place = vec![0_u8; data.len()];
    let address = place.as_ptr().addr();
    let is_there = || {
        let mut now = vec![0; data.len()];
        let at = u64::try_from(address).unwrap_or(u64::MAX);
        // Through the kernel: the compiler knows that nobody here writes to that memory.
        std::fs::File::open("/proc/self/mem").is_ok_and(|memory| memory.read_exact_at(&mut now, at).is_ok())
            && now == data
    };
    let witness = Witness::of(is_there, proof)?;
    let remote = [RemoteIoVec { base: address, len: data.len() }];
    let written = process_vm_writev(witness.pid, &[IoSlice::new(data)], &remote)?;
    if written == data.len() { Ok(witness) } else { Err(Errno::EIO) }
}

fn errno(error: &io::Error) -> Errno {
    error.raw_os_error().map_or(Errno::EIO, Errno::from_raw)
}
