//! System calls as a 32-bit program makes them: by `int 0x80`, with addresses and lengths of 32 bits.
#![expect(unsafe_code, reason = "no safe wrapper enters the kernel this way")]

use std::ffi::CStr;
use std::num::NonZeroUsize;
use std::os::fd::{AsRawFd, OwnedFd};

use nix::errno::Errno;
use nix::sys::mman::{MapFlags, ProtFlags, mmap_anonymous};

/// Numbers of 32-bit system calls (arch/x86/entry/syscalls/syscall_32.tbl).
const WRITE: i32 = 4;
const UNLINK: i32 = 10;
const WRITEV: i32 = 146;

/// `write`.
pub(crate) fn write(file: &OwnedFd, data: &[u8]) -> nix::Result<usize> {
    let address = below(|_| Ok(data.to_vec()), data.len())?;
    call(WRITE, i64::from(file.as_raw_fd()), address, short(data.len())?)
}

/// `unlink`.
pub(crate) fn unlink(path: &CStr) -> nix::Result<()> {
    let bytes = path.to_bytes_with_nul();
    let address = below(|_| Ok(bytes.to_vec()), bytes.len())?;
    call(UNLINK, i64::from(address), 0, 0).map(drop)
}

/// `writev`: the vector holds 32-bit addresses and lengths.
pub(crate) fn write_parts(file: &OwnedFd, parts: &[String]) -> nix::Result<usize> {
    let vector_bytes = parts.len() * 8;
    let bytes = vector_bytes + parts.iter().map(String::len).sum::<usize>();
    let fill = |start: usize| {
        let (mut vector, mut content) = (Vec::new(), Vec::<u8>::new());
        for part in parts {
            vector.extend(short(start + vector_bytes + content.len())?.to_le_bytes());
            vector.extend(short(part.len())?.to_le_bytes());
            content.extend(part.as_bytes());
        }
        vector.extend(content);
        Ok(vector)
    };
    let vector = below(fill, bytes)?;
    call(WRITEV, i64::from(file.as_raw_fd()), vector, short(parts.len())?)
}

fn short(number: usize) -> nix::Result<u32> {
    u32::try_from(number).map_err(|_| Errno::EOVERFLOW)
}

/// Memory below 4 GiB with the bytes that `fill` makes of its address. Stays until the process ends.
fn below(fill: impl FnOnce(usize) -> nix::Result<Vec<u8>>, length: usize) -> nix::Result<u32> {
    let size = NonZeroUsize::new(length).ok_or(Errno::EINVAL)?;
    let flags = MapFlags::MAP_PRIVATE | MapFlags::MAP_32BIT;
    // SAFETY: a new mapping at an address of the kernel's choice overlaps nothing.
    let memory = unsafe { mmap_anonymous(None, size, ProtFlags::PROT_READ | ProtFlags::PROT_WRITE, flags)? };
    let bytes = fill(memory.as_ptr().addr())?;
    if bytes.len() > length {
        return Err(Errno::EOVERFLOW);
    }
    // SAFETY: the mapping has at least as many bytes as are copied, and nothing else knows of it.
    unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), memory.as_ptr().cast(), bytes.len()) };
    short(memory.as_ptr().addr())
}

fn call(number: i32, first: i64, second: u32, third: u32) -> nix::Result<usize> {
    let mut outcome = number;
    // SAFETY: the calls of this module only read, and only what their arguments point to. The compiler keeps rbx for
    // itself, so it is put back.
    unsafe {
        std::arch::asm!(
            "xchg {first:r}, rbx", "int 0x80", "xchg {first:r}, rbx",
            first = inout(reg) first => _,
            inout("eax") outcome, in("ecx") second, in("edx") third,
            out("r8") _, out("r9") _, out("r10") _, out("r11") _,
            options(nostack),
        );
    }
    usize::try_from(outcome).map_err(|_| Errno::from_raw(-outcome))
}
