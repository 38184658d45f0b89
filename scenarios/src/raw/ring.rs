//! Requests by io_uring: system calls that no system call shows.
#![expect(unsafe_code, reason = "the kernel is handed addresses that it uses later")]

use std::ffi::CStr;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::{Duration, Instant};

use io_uring::{IoUring, opcode, squeue, types};
use nix::errno::Errno;
use nix::libc;

use crate::step::RingWay;

/// How long the kernel's thread polls before it sleeps, in milliseconds: longer than a step takes.
const POLLS_MS: u32 = 10_000;
/// How long to wait for the kernel's thread; a step that takes longer has failed.
const PATIENCE: Duration = Duration::from_secs(30);

/// Writes to the start of the file.
pub(crate) fn write(file: &OwnedFd, data: &[u8], way: RingWay) -> nix::Result<usize> {
    let length = u32::try_from(data.len()).map_err(|_| Errno::EOVERFLOW)?;
    let polled = way == RingWay::Polled;
    let mut ring = ring(polled)?;
    // Before Linux 5.11 a polled ring takes registered files only.
    ring.submitter().register_files(&[file.as_raw_fd()]).map_err(errno)?;
    if polled {
        // The thread starts asleep, and is woken by a call: not by the one that counts.
        request(&mut ring, &opcode::Nop::new().build(), false)?;
    }
    let entry = opcode::Write::new(types::Fixed(0), data.as_ptr(), length).build();
    let entry = if way == RingWay::Worker { entry.flags(squeue::Flags::ASYNC) } else { entry };
    request(&mut ring, &entry, polled)
}

/// `openat` with `O_CREAT | O_WRONLY`.
pub(crate) fn create(path: &CStr) -> nix::Result<OwnedFd> {
    let entry = opcode::OpenAt::new(types::Fd(libc::AT_FDCWD), path.as_ptr())
        .flags(libc::O_CREAT | libc::O_WRONLY)
        .mode(0o600)
        .build();
    let made = request(&mut ring(false)?, &entry, false)?;
    let made = i32::try_from(made).map_err(|_| Errno::EOVERFLOW)?;
    super::own(made)
}

fn ring(polled: bool) -> nix::Result<IoUring> {
    let mut builder = IoUring::builder();
    if polled {
        builder.setup_sqpoll(POLLS_MS);
    }
    builder.build(4).map_err(errno)
}

/// Hands over one request and waits for its result; `silent`: without any system call, for a thread that polls.
fn request(ring: &mut IoUring, entry: &squeue::Entry, silent: bool) -> nix::Result<usize> {
    // SAFETY: whatever the entry points to lives until its result has come: every caller waits here.
    unsafe { ring.submission().push(entry) }.map_err(|_| Errno::EBUSY)?;
    if silent {
        let until = Instant::now() + PATIENCE;
        while ring.completion().is_empty() {
            if Instant::now() > until {
                return Err(Errno::ETIMEDOUT);
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    } else {
        ring.submit_and_wait(1).map_err(errno)?;
    }
    let result = ring.completion().next().ok_or(Errno::EIO)?.result();
    usize::try_from(result).map_err(|_| Errno::from_raw(-result))
}

#[expect(clippy::needless_pass_by_value, reason = "the shape that map_err wants")]
fn errno(error: io::Error) -> Errno {
    error.raw_os_error().map_or(Errno::EIO, Errno::from_raw)
}
