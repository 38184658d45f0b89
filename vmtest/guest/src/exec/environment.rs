//! What a program of the user's own expects of a system, beside what every guest has.

use std::{fs, os::unix::fs::symlink, path::Path};

use anyhow::Context as _;
use nix::{
    mount::{MsFlags, mount},
    sys::resource::{RLIM_INFINITY, Resource, setrlimit},
};

/// Source, target, kind, options. A kernel without one of them is no reason not to run a program.
const MOUNTS: &[(&str, &str, &str, Option<&str>)] = &[
    // Without ptmxmode a terminal can be opened by nobody but this program.
    ("devpts", "/dev/pts", "devpts", Some("mode=620,ptmxmode=666")),
    ("tmpfs", "/dev/shm", "tmpfs", Some("mode=1777")),
    ("mqueue", "/dev/mqueue", "mqueue", None),
];

/// Names that shells and test suites take for granted.
const LINKS: &[(&str, &str)] = &[
    ("/proc/self/fd", "/dev/fd"),
    ("/proc/self/fd/0", "/dev/stdin"),
    ("/proc/self/fd/1", "/dev/stdout"),
    ("/proc/self/fd/2", "/dev/stderr"),
    ("/proc/self/mounts", "/etc/mtab"),
];

/// Brings the guest from what scenarios need to what other programs need; a second time changes nothing.
pub(crate) fn prepare(directory: &str) -> anyhow::Result<()> {
    for (source, target, kind, options) in MOUNTS {
        fs::create_dir_all(target).with_context(|| format!("failed to create {target}"))?;
        if let Err(errno) = mount(Some(*source), *target, Some(*kind), MsFlags::empty(), *options) {
            eprintln!("vmtest-guest: failed to mount {kind} at {target}: {errno}");
        }
    }
    for (target, link) in LINKS {
        if !Path::new(link).is_symlink() && !Path::new(link).exists() {
            symlink(target, link).with_context(|| format!("failed to link {link}"))?;
        }
    }
    // Before Linux 5.11 maps and programs count as locked memory, and 64 KiB of it are soon used up.
    setrlimit(Resource::RLIMIT_MEMLOCK, RLIM_INFINITY, RLIM_INFINITY)
        .context("failed to lift the limit of locked memory")?;
    for path in [directory, "/root"] {
        fs::create_dir_all(path).with_context(|| format!("failed to create {path}"))?;
    }
    Ok(())
}
