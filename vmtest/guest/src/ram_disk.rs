//! A disk in the guest's own memory: the one kind that a snapshot of the guest holds, too.

use std::{
    fs::{self, OpenOptions},
    os::unix::fs::FileExt,
};

use anyhow::Context as _;
use vmtest_proto::disk;

const DEVICE: &str = "/dev/ram0";

/// Writes the empty file system of this name, which the host has put into the image, to the disk. Returns the disk.
pub(crate) fn fill(kind: &str) -> anyhow::Result<String> {
    let path = format!("/{}", disk::place(kind));
    let image = fs::read(&path).with_context(|| format!("failed to read {path}"))?;
    let device =
        OpenOptions::new().write(true).open(DEVICE).with_context(|| format!("failed to open {DEVICE}"))?;
    for block in disk::blocks(&image).with_context(|| format!("{path} is no image of a disk"))? {
        let (at, bytes) = block;
        device.write_all_at(bytes, at).with_context(|| format!("failed to write {DEVICE}"))?;
    }
    device.sync_all().with_context(|| format!("failed to write {DEVICE}"))?;
    Ok(DEVICE.to_owned())
}
