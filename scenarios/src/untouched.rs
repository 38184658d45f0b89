//! Opens a file whose name lies in memory that nobody has touched.
//!
//! Such a page is in the page cache and not in the process's page tables. The kernel faults it in when it copies the name;
//! a kprobe program, which must not fault, reads nothing. Ordinary programs do this all the time: every string constant of
//! a freshly started program is such memory.
#![expect(unsafe_code, reason = "a system call on a pointer that must not be looked at has no safe wrapper")]

use std::io::Write;
use std::num::NonZeroUsize;
use std::os::fd::{FromRawFd, OwnedFd};

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::libc;
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::mman::{MapFlags, ProtFlags, mmap};
use nix::sys::stat::Mode;

/// `openat(AT_FDCWD, path, flags, mode)` with the path in an untouched page. The page stays mapped.
pub(crate) fn open(path: &str, flags: OFlag, mode: Mode) -> nix::Result<OwnedFd> {
    let mut name = std::fs::File::from(memfd_create(c"name", MFdFlags::empty())?);
    // The closing NUL is the zero that follows the end of the file in its last page.
    name.write_all(path.as_bytes()).map_err(errno)?;
    let length = NonZeroUsize::new(path.len() + 1).ok_or(Errno::EINVAL)?;
    // SAFETY: a new mapping at an address of the kernel's choice overlaps nothing.
    let page = unsafe { mmap(None, length, ProtFlags::PROT_READ, MapFlags::MAP_SHARED, &name, 0)? };
    // SAFETY: the page is mapped and holds the path and a NUL; nothing in this process changes it.
    let fd =
        unsafe { libc::syscall(libc::SYS_openat, libc::AT_FDCWD, page.as_ptr(), flags.bits(), mode.bits()) };
    let fd = Errno::result(fd)?;
    let fd = i32::try_from(fd).map_err(|_| Errno::EOVERFLOW)?;
    // SAFETY: the kernel has just made this descriptor for us.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

#[expect(clippy::needless_pass_by_value, reason = "the shape that map_err wants")]
fn errno(error: std::io::Error) -> Errno {
    error.raw_os_error().map_or(Errno::EIO, Errno::from_raw)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_opened_by_a_name_in_untouched_memory() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        std::fs::write(&path, "x").unwrap();
        open(path.to_str().unwrap(), OFlag::O_RDONLY, Mode::empty()).unwrap();
        let missing = open("/nowhere/at/all", OFlag::O_RDONLY, Mode::empty());
        assert_eq!(missing.unwrap_err(), Errno::ENOENT);
    }
}
