//! How much memory guests may take together.

use std::{fs, io};

/// What one guest takes at most, in MiB: its memory, and what QEMU needs for itself (translated code, devices).
pub const GUEST_MIB: u64 = crate::boot::MEMORY_MIB as u64 + 256;

/// Of what is available, this share stays for everything else that the machine does.
const RESERVE: u64 = 8;

/// What guests may take by default, in MiB: what the kernel says is available, less an eighth.
///
/// # Errors
/// `/proc/meminfo` can't be read or understood.
pub fn available_mib() -> io::Result<u64> {
    let text = fs::read_to_string("/proc/meminfo")?;
    let kib = available_kib(&text)
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "/proc/meminfo has no MemAvailable"))?;
    let mib = kib / 1024;
    Ok(mib - mib / RESERVE)
}

fn available_kib(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    line.trim().strip_suffix(" kB")?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_available_is_read_and_not_what_is_free() {
        let text = "MemTotal:  100 kB\nMemFree:  10 kB\nMemAvailable:   52428 kB\n";
        assert_eq!(available_kib(text), Some(52428));
        assert_eq!(available_kib("MemFree: 10 kB\n"), None);
    }
}
