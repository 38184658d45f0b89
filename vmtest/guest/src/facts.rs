//! What the booted kernel says about itself.

use std::{fs, process::Command, time::Duration};

use anyhow::Context as _;
use nix::time::{ClockId, clock_gettime};
use quell_scenarios::lab::LabPaths;
use vmtest_proto::GuestFacts;

/// Reads the facts that go out with Ready.
pub(crate) fn read(missing_mounts: Vec<String>) -> anyhow::Result<GuestFacts> {
    Ok(GuestFacts {
        release: line("/proc/sys/kernel/osrelease")?,
        version: line("/proc/sys/kernel/version")?,
        cmdline: line("/proc/cmdline")?,
        // Absent when the kernel has no securityfs, which `missing_mounts` says as well.
        lsm: line("/sys/kernel/security/lsm").unwrap_or_default(),
        btf_bytes: fs::metadata("/sys/kernel/btf/vmlinux").map_or(0, |file| file.len()),
        monotonic_ns: monotonic_ns()?,
        boot_id: line("/proc/sys/kernel/random/boot_id")?,
        missing_mounts,
    })
}

/// What the enforcer itself finds in this kernel, as it prints it.
pub(crate) fn of_enforcer() -> anyhow::Result<String> {
    let quell = LabPaths::guest().quell;
    let output = Command::new(&quell)
        .args(["probe", "--format", "toml"])
        .output()
        .with_context(|| format!("failed to start {}", quell.display()))?;
    let errors = String::from_utf8_lossy(&output.stderr);
    anyhow::ensure!(output.status.success(), "quell probe ended with {}: {errors}", output.status);
    String::from_utf8(output.stdout).context("quell probe printed something that is not text")
}

fn monotonic_ns() -> anyhow::Result<u64> {
    let now = clock_gettime(ClockId::CLOCK_MONOTONIC).context("failed to read the clock")?;
    Ok(u64::try_from(Duration::from(now).as_nanos())?)
}

fn line(path: &str) -> anyhow::Result<String> {
    let text = fs::read_to_string(path).with_context(|| format!("failed to read {path}"))?;
    Ok(text.trim_end().to_owned())
}
