//! Calls that a policy tells of, and calls that a policy kills for: what the way of events is measured by.

use std::{fs::File, path::Path};

use anyhow::Context as _;
use nix::{
    sys::{
        signal::Signal,
        wait::{WaitStatus, waitpid},
    },
    time::{ClockId, clock_gettime},
    unistd::write,
};
use vmtest_proto::{Burst, Deaths};

use crate::raw;

/// Writes to this file, so often.
pub(crate) fn burst(path: &Path, calls: u64) -> anyhow::Result<Burst> {
    let file = File::create(path).with_context(|| format!("failed to create {}", path.display()))?;
    let before = now_ns()?;
    for _ in 0..calls {
        write(&file, b"x").context("failed to write")?;
    }
    let ns = now_ns()?.saturating_sub(before);
    Ok(Burst { calls, ns, ..Burst::default() })
}

/// Has so many processes write to this file, one after the other.
pub(crate) fn kills(path: &Path, processes: u64) -> anyhow::Result<Deaths> {
    let file = File::create(path).with_context(|| format!("failed to create {}", path.display()))?;
    let mut deaths = Deaths { processes, fewest: u64::MAX, ..Deaths::default() };
    for _ in 0..processes {
        let before = raw::counter();
        let pid = raw::in_child(|| _ = write(&file, b"x"))?;
        let status = waitpid(pid, None).context("failed to wait for a child")?;
        let took = raw::counter().wrapping_sub(before);
        (deaths.fewest, deaths.most) = (deaths.fewest.min(took), deaths.most.max(took));
        deaths.killed += u64::from(matches!(status, WaitStatus::Signaled(_, Signal::SIGKILL, _)));
    }
    deaths.effects = file.metadata().context("failed to look at the file")?.len();
    Ok(deaths)
}

fn now_ns() -> anyhow::Result<u64> {
    let now = clock_gettime(ClockId::CLOCK_MONOTONIC).context("failed to read the clock")?;
    Ok(u64::try_from(std::time::Duration::from(now).as_nanos())?)
}
