//! The guest's file systems, as a table with a `required` column.

use std::{
    fs, io,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use nix::mount::{MsFlags, mount};

/// The disk that the host attaches. NVMe, PCI and ext4 are built into every cloud kernel of the matrix.
const DISK: &str = "/dev/nvme0n1";

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
    required(DISK, "/lab/ext4", "ext4"),
];

/// Mounts `/proc`: first, because the command line decides whether the rest is done at all.
pub(crate) fn proc() -> io::Result<()> {
    mount_one(&required("proc", "/proc", "proc"))
}

/// The host says so when it attached no disk, because this kernel could not use one.
const NO_DISK: &str = "quell.disk=none";

/// Mounts everything else and makes the plain directories. Returns the mounts that are not there.
pub(crate) fn rest(cmdline: &str) -> anyhow::Result<Vec<String>> {
    let mut missing = Vec::new();
    let has_disk = !cmdline.split_whitespace().any(|word| word == NO_DISK);
    for entry in MOUNTS {
        if entry.source == DISK {
            if !has_disk {
                missing.push(format!("{}: {NO_DISK}", entry.target));
                continue;
            }
            wait_for(Path::new(DISK))?;
        }
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

fn mount_one(entry: &Mount) -> io::Result<()> {
    fs::create_dir_all(entry.target)?;
    mount(Some(entry.source), entry.target, Some(entry.kind), MsFlags::empty(), None::<&str>)?;
    Ok(())
}

fn wait_for(device: &Path) -> anyhow::Result<()> {
    let deadline = Instant::now() + DISK_DEADLINE;
    while !device.exists() {
        anyhow::ensure!(
            Instant::now() < deadline,
            "the disk {} did not appear within {} s",
            device.display(),
            DISK_DEADLINE.as_secs()
        );
        thread::sleep(Duration::from_millis(5));
    }
    Ok(())
}
