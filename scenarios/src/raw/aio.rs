//! Writes by `io_submit`, which has no wrapper in libc.
#![expect(unsafe_code, reason = "the kernel is handed addresses that it uses later")]

use std::os::fd::{AsRawFd, OwnedFd};

use nix::errno::Errno;
use nix::libc;

/// `struct iocb` (include/uapi/linux/aio_abi.h), little endian.
#[repr(C)]
#[derive(Default)]
struct ControlBlock {
    data: u64,
    key: u32,
    rw_flags: u32,
    opcode: u16,
    priority: i16,
    file: u32,
    buffer: u64,
    length: u64,
    offset: i64,
    reserved: u64,
    flags: u32,
    event_file: u32,
}

/// `struct io_event`.
#[repr(C)]
#[derive(Default)]
struct Event {
    data: u64,
    object: u64,
    result: i64,
    result2: i64,
}

/// `IOCB_CMD_PWRITE`.
const WRITE: u16 = 1;

/// Submits one write to the start of the file and waits for its result.
pub(crate) fn write(file: &OwnedFd, data: &[u8]) -> nix::Result<usize> {
    let mut context = 0_u64;
    // SAFETY: the kernel writes one word, which is there.
    Errno::result(unsafe { libc::syscall(libc::SYS_io_setup, 1_u64, &raw mut context) })?;
    let wide = |number: usize| u64::try_from(number).map_err(|_| Errno::EOVERFLOW);
    let block = ControlBlock {
        opcode: WRITE,
        file: u32::try_from(file.as_raw_fd()).map_err(|_| Errno::EBADF)?,
        buffer: wide(data.as_ptr().addr())?,
        length: wide(data.len())?,
        ..ControlBlock::default()
    };
    let blocks = [&raw const block];
    // SAFETY: list and block are there during the call, the data until its result is waited for below.
    Errno::result(unsafe { libc::syscall(libc::SYS_io_submit, context, 1_u64, blocks.as_ptr()) })?;
    let mut event = Event::default();
    // SAFETY: the kernel writes one event, which is there; no time limit is given.
    let outcome =
        unsafe { libc::syscall(libc::SYS_io_getevents, context, 1_u64, 1_u64, &raw mut event, 0_u64) };
    Errno::result(outcome)?;
    usize::try_from(event.result)
        .map_err(|_| i32::try_from(-event.result).map_or(Errno::EIO, Errno::from_raw))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_submitted_write_is_in_the_file() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let open = std::fs::OpenOptions::new().write(true).open(file.path()).unwrap();
        assert_eq!(write(&open.into(), b"after"), Ok(5));
        assert_eq!(std::fs::read(file.path()).unwrap(), b"after");
    }

    #[test]
    fn what_the_kernel_refuses_is_an_error() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let open = std::fs::File::open(file.path()).unwrap();
        assert_eq!(write(&open.into(), b"after"), Err(Errno::EBADF));
    }
}
