//! The guest's file systems, as a table with a `required` column.

use std::{
    fs, io,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use nix::mount::{MsFlags, mount};

use crate::ram_disk;

/// Where the kernel lists disks. The host gives each the name of its file system as serial number.
const DISKS: &str = "/sys/block";

/// Has the kernel look for new devices on every bus. Hot-plugging announces them too, but a kernel may take seconds to
/// believe it.
const RESCAN: &str = "/sys/bus/pci/rescan";

/// The kernel probes the disk in parallel with the start of PID 1.
const DISK_DEADLINE: Duration = Duration::from_secs(30);

struct Mount {
    source: &'static str,
    target: &'static str,
    kind: &'static str,
    /// A guest without it can't perform the scenarios: fatal.
    required: bool,
}

const fn required(source: &'static str, target: &'static str, kind: &'static str) -> Mount {
    Mount { source, target, kind, required: true }
}

const fn optional(source: &'static str, target: &'static str, kind: &'static str) -> Mount {
    Mount { source, target, kind, required: false }
}

const MOUNTS: &[Mount] = &[
    required("devtmpfs", "/dev", "devtmpfs"),
    required("sysfs", "/sys", "sysfs"),
    required("bpf", "/sys/fs/bpf", "bpf"),
    required("debugfs", "/sys/kernel/debug", "debugfs"),
    required("tracefs", "/sys/kernel/tracing", "tracefs"),
    // Only says which security modules are active.
    optional("securityfs", "/sys/kernel/security", "securityfs"),
    optional("cgroup2", "/sys/fs/cgroup", "cgroup2"),
    required("tmpfs", "/run", "tmpfs"),
    required("tmpfs", "/tmp", "tmpfs"),
    required("tmpfs", "/lab/tmpfs", "tmpfs"),
];

/// Mounts `/proc`: first, because the command line decides whether the rest is done at all.
pub(crate) fn proc() -> io::Result<()> {
    mount_one(&required("proc", "/proc", "proc"))
}

/// Mounts everything else but what cells take, and makes the plain directories. Returns the mounts that are not there.
pub(crate) fn rest() -> anyhow::Result<Vec<String>> {
    let mut missing = Vec::new();
    for entry in MOUNTS {
        match mount_one(entry) {
            Ok(()) => {}
            Err(error) if entry.required => {
                return Err(error).with_context(|| {
                    format!("failed to mount {} ({}) at {}", entry.source, entry.kind, entry.target)
                });
            }
            Err(error) => missing.push(format!("{}: {error}", entry.target)),
        }
    }
    fs::create_dir_all("/lab/none").context("failed to create /lab/none")?;
    Ok(missing)
}

/// Mounts a file system that cells take, by its name. Its disk was there when the kernel started, or has been plugged in since,
/// or is made now in the guest's own memory.
pub(crate) fn file_system(kind: &str, on_ram: bool) -> anyhow::Result<()> {
    match kind {
        "overlay" => overlay(),
        kind => mount_device(kind, &if on_ram { ram_disk::fill(kind)? } else { wait_for_disk(kind)? }),
    }
}

fn mount_one(entry: &Mount) -> io::Result<()> {
    fs::create_dir_all(entry.target)?;
    mount(Some(entry.source), entry.target, Some(entry.kind), MsFlags::empty(), None::<&str>)?;
    Ok(())
}

/// Mounts the disk with this file system at `/lab/KIND`.
fn mount_device(kind: &str, device: &str) -> anyhow::Result<()> {
    let target = format!("/lab/{kind}");
    fs::create_dir_all(&target).with_context(|| format!("failed to create {target}"))?;
    mount(Some(device), target.as_str(), Some(kind), MsFlags::empty(), options(kind))
        .with_context(|| format!("failed to mount {device} ({kind}) at {target}"))
}

/// FAT keeps no permissions: its files have those that scenarios give to theirs.
fn options(kind: &str) -> Option<&'static str> {
    (kind == "vfat").then_some("fmask=0133,dmask=0022")
}

/// Mounts an overlay whose layers are on tmpfs.
fn overlay() -> anyhow::Result<()> {
    let layers = "/run/overlay";
    for layer in ["lower", "upper", "work"] {
        let path = format!("{layers}/{layer}");
        fs::create_dir_all(&path).with_context(|| format!("failed to create {path}"))?;
    }
    let target = "/lab/overlay";
    fs::create_dir_all(target).with_context(|| format!("failed to create {target}"))?;
    let options = format!("lowerdir={layers}/lower,upperdir={layers}/upper,workdir={layers}/work");
    mount(Some("overlay"), target, Some("overlay"), MsFlags::empty(), Some(options.as_str()))
        .context("failed to mount the overlay at /lab/overlay")
}

/// The device of the disk whose serial number is `kind`. The kernel numbers disks in the order in which they answer.
fn wait_for_disk(kind: &str) -> anyhow::Result<String> {
    let deadline = Instant::now() + DISK_DEADLINE;
    let mut looked = !Path::new(RESCAN).exists();
    loop {
        for entry in fs::read_dir(DISKS).context("failed to list the disks")? {
            let entry = entry.context("failed to list the disks")?;
            let serial = fs::read_to_string(entry.path().join("device/serial")).unwrap_or_default();
            let device = format!("/dev/{}", entry.file_name().to_string_lossy());
            if serial.trim() == kind && is_ready(&device) {
                return Ok(device);
            }
        }
        if !looked {
            look_for_devices()?;
            looked = true;
            continue;
        }
        anyhow::ensure!(
            Instant::now() < deadline,
            "the disk with {kind} did not appear within {} s",
            DISK_DEADLINE.as_secs()
        );
        thread::sleep(Duration::from_millis(1));
    }
}

/// A device has its name a moment before it can be opened (`device_add` and `bdev_add` in the kernel's `add_disk_fwnode`): until then
/// that fails with ENXIO, as mounting it would.
fn is_ready(device: &str) -> bool {
    fs::File::open(device).is_ok()
}

/// Has the kernel look for devices that were plugged in.
pub(crate) fn look_for_devices() -> anyhow::Result<()> {
    fs::write(RESCAN, "1").context("failed to have the kernel look for new devices")
}

/// Whether the work directory of a file system is one: what would be written into a directory of that name instead proves nothing.
pub(crate) fn is_mounted(kind: &str, table: &str) -> bool {
    let place = format!("/lab/{kind}");
    table.lines().any(|line| {
        let mut words = line.split(' ').skip(1);
        words.next() == Some(&place) && words.next() == Some(kind)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_with_the_name_of_a_file_system_is_not_taken_for_it() {
        let table =
            "rootfs / rootfs rw 0 0\n/dev/nvme0n1 /lab/ext4 ext4 rw 0 0\ntmpfs /lab/xfs tmpfs rw 0 0\n";
        assert!(is_mounted("ext4", table));
        assert!(!is_mounted("xfs", table));
        assert!(!is_mounted("btrfs", table));
    }
}
