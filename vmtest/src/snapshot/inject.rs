//! Pages written into the memory of a machine that stands still: QEMU maps a snapshot's file privately, so that what is written
//! there from outside is this machine's own, like what its guest writes.

use std::{
    fs,
    io::{self, IoSlice},
    path::Path,
};

use nix::{
    sys::uio::{RemoteIoVec, process_vm_writev},
    unistd::Pid,
};

/// The memory of a guest in the address space of its QEMU.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct GuestMemory {
    pid: Pid,
    address: usize,
    bytes: usize,
}

impl GuestMemory {
    /// Looks for the mapping of `ram` in this process.
    ///
    /// # Errors
    /// The process can't be asked, or has no such mapping.
    pub(super) fn of(pid: u32, ram: &Path) -> io::Result<Self> {
        let maps = fs::read_to_string(format!("/proc/{pid}/maps"))?;
        let (address, bytes) = mapping(&maps, &ram.to_string_lossy())
            .ok_or_else(|| io::Error::other(format!("QEMU has not mapped {}", ram.display())))?;
        let pid = Pid::from_raw(i32::try_from(pid).map_err(io::Error::other)?);
        Ok(Self { pid, address, bytes })
    }

    /// Writes at a place of the guest's memory.
    ///
    /// # Errors
    /// It lies outside, or the kernel does not let one process write into another's memory here.
    pub(super) fn write(self, at: u64, bytes: &[u8]) -> io::Result<()> {
        let at = usize::try_from(at).map_err(io::Error::other)?;
        if at.checked_add(bytes.len()).is_none_or(|end| end > self.bytes) {
            return Err(io::Error::other(format!("{at:#x} lies outside of the guest's memory")));
        }
        let remote = RemoteIoVec { base: self.address + at, len: bytes.len() };
        let written = process_vm_writev(self.pid, &[IoSlice::new(bytes)], &[remote])?;
        if written == bytes.len() { Ok(()) } else { Err(io::ErrorKind::WriteZero.into()) }
    }
}

/// Address and length of the mapping of a file from its beginning, in the text of `/proc/PID/maps`.
fn mapping(maps: &str, file: &str) -> Option<(usize, usize)> {
    maps.lines().find_map(|line| {
        let mut words = line.splitn(6, ' ');
        let (start, end) = words.next()?.split_once('-')?;
        let offset = words.nth(1)?;
        let path = words.nth(2)?.trim_start();
        if path != file || usize::from_str_radix(offset, 16).ok()? != 0 {
            return None;
        }
        let start = usize::from_str_radix(start, 16).ok()?;
        Some((start, usize::from_str_radix(end, 16).ok()?.checked_sub(start)?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAPS: &str = "555555554000-555555a00000 r--p 00000000 08:01 77                         /usr/bin/qemu\n\
                        7fff00000000-7fff40000000 rw-p 00000000 08:01 99                         /cache/a b/ram\n\
                        7fff40000000-7fff40001000 rw-p 00001000 08:01 98                         /cache/ram\n";

    #[test]
    fn the_mapping_of_the_whole_file_is_found_by_its_path() {
        assert_eq!(mapping(MAPS, "/cache/a b/ram"), Some((0x7fff_0000_0000, 0x4000_0000)));
        assert_eq!(mapping(MAPS, "/cache/ram"), None, "a part of a file is not its beginning");
        assert_eq!(mapping(MAPS, "/cache/b/ram"), None);
    }

    #[test]
    fn a_place_outside_of_the_memory_is_refused() {
        let memory = GuestMemory { pid: Pid::this(), address: 0x1000, bytes: 8192 };
        for (at, bytes) in [(8192, 1), (8000, 4096), (u64::MAX, 1)] {
            assert!(memory.write(at, &vec![0; bytes]).unwrap_err().to_string().contains("outside"));
        }
    }
}
