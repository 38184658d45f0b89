//! Memory that is more than memory: a file mapped and stored to, and blocks as direct input and output wants them.
#![expect(unsafe_code, reason = "a mapping is valid for as long as its maker says")]

use std::num::NonZeroUsize;
use std::os::fd::OwnedFd;

use nix::errno::Errno;
use nix::sys::mman::{MapFlags, ProtFlags, mmap, mmap_anonymous, munmap};

/// Maps the start of the file, shared and writable, and stores `data` there.
pub(crate) fn store(file: &OwnedFd, data: &[u8]) -> nix::Result<()> {
    let length = NonZeroUsize::new(data.len()).ok_or(Errno::EINVAL)?;
    let access = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
    // SAFETY: a new mapping at an address of the kernel's choice overlaps nothing.
    let memory = unsafe { mmap(None, length, access, MapFlags::MAP_SHARED, file, 0)? };
    // SAFETY: the mapping has as many bytes as are copied, and nothing else knows of it. Where the file ends before, the
    // process gets a SIGBUS, which is a fate like any other.
    unsafe {
        std::ptr::copy_nonoverlapping(data.as_ptr(), memory.as_ptr().cast(), data.len());
        munmap(memory, data.len())
    }
}

/// What direct input and output is aligned to on every file system of the lab.
pub(crate) const BLOCK: usize = 4096;

/// A block of its own page: the text, then dots. Stays mapped.
pub(crate) fn block(text: &str) -> nix::Result<&'static [u8]> {
    let length = NonZeroUsize::new(BLOCK).ok_or(Errno::EINVAL)?;
    let access = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
    let mut bytes = text.as_bytes().to_vec();
    bytes.resize(BLOCK, b'.');
    // SAFETY: a new mapping at an address of the kernel's choice overlaps nothing; it has as many bytes as are copied, is
    // never unmapped, and never written again.
    unsafe {
        let memory = mmap_anonymous(None, length, access, MapFlags::MAP_PRIVATE)?;
        std::ptr::copy_nonoverlapping(bytes.as_ptr(), memory.as_ptr().cast(), BLOCK);
        Ok(std::slice::from_raw_parts(memory.as_ptr().cast(), BLOCK))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_stored_in_a_mapping_is_in_the_file() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        std::io::Write::write_all(&mut file, b"before").unwrap();
        let open = std::fs::OpenOptions::new().read(true).write(true).open(file.path()).unwrap();
        store(&open.into(), b"after").unwrap();
        assert_eq!(std::fs::read(file.path()).unwrap(), b"aftere");
    }

    #[test]
    fn a_block_is_aligned_and_begins_with_its_text() {
        let block = block("text").unwrap();
        assert_eq!((block.len(), block.as_ptr().addr() % BLOCK, &block[..5]), (BLOCK, 0, &b"text."[..]));
    }
}
