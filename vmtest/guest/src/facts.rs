//! What the booted kernel says about itself.

use std::fs;

use anyhow::Context as _;
use vmtest_proto::GuestFacts;

/// Reads the facts that go out with Hello.
pub(crate) fn read(missing_mounts: Vec<String>) -> anyhow::Result<GuestFacts> {
    Ok(GuestFacts {
        release: line("/proc/sys/kernel/osrelease")?,
        version: line("/proc/sys/kernel/version")?,
        cmdline: line("/proc/cmdline")?,
        // Absent when the kernel has no securityfs, which `missing_mounts` says as well.
        lsm: line("/sys/kernel/security/lsm").unwrap_or_default(),
        btf_bytes: fs::metadata("/sys/kernel/btf/vmlinux").map_or(0, |file| file.len()),
        missing_mounts,
    })
}

fn line(path: &str) -> anyhow::Result<String> {
    let text = fs::read_to_string(path).with_context(|| format!("failed to read {path}"))?;
    Ok(text.trim_end().to_owned())
}
