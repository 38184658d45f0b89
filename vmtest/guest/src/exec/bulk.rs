//! The way for much output: slots on a disk that guest and host both see. The serial line carries some 70 KiB/s; an emulated
//! disk a hundred times as much, and it is the one fast device that every kernel of the matrix drives without a module.

use std::{
    fs::{File, OpenOptions},
    os::unix::fs::{FileExt, OpenOptionsExt},
};

use anyhow::Context as _;
use nix::fcntl::OFlag;
use vmtest_proto::{BULK_SLOT_BYTES, BulkArea, Chunk};

/// What a device wants lengths, offsets and addresses to be multiples of when the kernel's cache is passed by.
const ALIGNMENT: usize = 4096;

/// The guest's end of a bulk area.
pub(crate) struct Bulk {
    device: File,
    at_bytes: u64,
    slots: u32,
    free: Vec<u32>,
    /// With room to begin at an aligned address.
    buffer: Vec<u8>,
}

impl Bulk {
    /// Opens the device so that a write that has returned is on the disk, where the host reads it.
    pub(crate) fn open(area: &BulkArea) -> anyhow::Result<Self> {
        let device = OpenOptions::new()
            .write(true)
            .custom_flags((OFlag::O_DIRECT | OFlag::O_CLOEXEC).bits())
            .open(&area.device)
            .with_context(|| format!("failed to open {} for output", area.device))?;
        let buffer = vec![0; BULK_SLOT_BYTES as usize + ALIGNMENT];
        let free = (0..area.slots).rev().collect();
        Ok(Self { device, at_bytes: area.at_bytes, slots: area.slots, free, buffer })
    }

    /// Whether every slot waits for the host.
    pub(crate) fn is_full(&self) -> bool {
        self.free.is_empty()
    }

    /// Writes a piece, which fits into a slot, into a free one; there has to be one.
    pub(crate) fn put(&mut self, bytes: &[u8]) -> anyhow::Result<Chunk> {
        let slot = self.free.pop().context("there is no free slot for output")?;
        let begin = self.buffer.as_ptr().align_offset(ALIGNMENT);
        let length = bytes.len().next_multiple_of(ALIGNMENT);
        let aligned = self.buffer.get_mut(begin..begin + length).context("output is larger than a slot")?;
        aligned[..bytes.len()].copy_from_slice(bytes);
        aligned[bytes.len()..].fill(0);
        let at = self.at_bytes + u64::from(slot) * u64::from(BULK_SLOT_BYTES);
        self.device.write_all_at(aligned, at).context("failed to write output to the disk")?;
        Ok(Chunk::Slot { slot, bytes: u32::try_from(bytes.len()).context("output is larger than a slot")? })
    }

    /// The host has read it.
    pub(crate) fn give_back(&mut self, slot: u32) -> anyhow::Result<()> {
        anyhow::ensure!(slot < self.slots && !self.free.contains(&slot), "slot {slot} was not in use");
        self.free.push(slot);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_slot_is_used_again_only_after_it_was_given_back() {
        // On a disk: tmpfs of older kernels knows no O_DIRECT.
        let file = std::env::current_dir().unwrap().join(format!("bulk-{}", std::process::id()));
        fs::write(&file, vec![7; 4 * BULK_SLOT_BYTES as usize]).unwrap();
        let device = file.to_str().unwrap().to_owned();
        let area = BulkArea { device, at_bytes: u64::from(BULK_SLOT_BYTES), slots: 2 };
        let opened = Bulk::open(&area);
        let written = opened.and_then(|mut bulk| {
            let first = bulk.put(b"first")?;
            let second = bulk.put(&[1; 5000])?;
            assert!(bulk.is_full() && bulk.put(b"third").is_err());
            assert!(bulk.give_back(2).is_err());
            bulk.give_back(1)?;
            assert!(!bulk.is_full() && bulk.give_back(1).is_err());
            Ok((first, second))
        });
        let bytes = fs::read(&file).unwrap();
        fs::remove_file(&file).unwrap();
        let (first, second) = written.unwrap();
        assert_eq!(first, Chunk::Slot { slot: 0, bytes: 5 });
        assert_eq!(second, Chunk::Slot { slot: 1, bytes: 5000 });
        let slot = BULK_SLOT_BYTES as usize;
        assert_eq!(&bytes[slot..slot + 6], b"first\0");
        assert_eq!(bytes[2 * slot..2 * slot + 5000], [1; 5000]);
        assert_eq!(bytes[slot - 1], 7);
    }
}
