//! Batches of calls by the instruction counter, and whether that counter counts instructions.

use anyhow::Context as _;
use nix::time::{ClockId, clock_gettime};
use vmtest_proto::{BenchCall, CallCost, KnownLoop};

use crate::raw;

/// Iterations of the shorter known loop; the longer one has twice as many. Both are over before a timer tick is due.
const ITERATIONS: u64 = 500_000;
/// How often each loop is run; a tick in one of them does no harm.
const ATTEMPTS: u32 = 8;

/// Makes `call` in batches.
pub(crate) fn batches(
    call: BenchCall,
    mut make: impl FnMut() -> anyhow::Result<()>,
) -> anyhow::Result<CallCost> {
    let (batch, repeats) = (call.batch(), call.repeats());
    let mut counted = Vec::with_capacity(repeats as usize);
    for _ in 0..repeats {
        let before = raw::counter();
        for _ in 0..batch {
            make()?;
        }
        counted.push(raw::counter().wrapping_sub(before));
    }
    counted.sort_unstable();
    let fewest = *counted.first().context("no batch was made")?;
    let median = *counted.get(counted.len() / 2).context("no batch was made")?;
    Ok(CallCost { fewest, median, batch, made: u64::from(batch) * u64::from(repeats) })
}

/// Runs the known loops.
pub(crate) fn known_loop() -> anyhow::Result<KnownLoop> {
    let mut shorter = u64::MAX;
    let mut longer = u64::MAX;
    let mut clock_ns = u64::MAX;
    for _ in 0..ATTEMPTS {
        shorter = shorter.min(counted(ITERATIONS));
        longer = longer.min(counted(2 * ITERATIONS));
        let before = monotonic_ns()?;
        raw::two_instructions(2 * ITERATIONS);
        clock_ns = clock_ns.min(monotonic_ns()?.saturating_sub(before));
    }
    Ok(KnownLoop {
        instructions: 2 * ITERATIONS,
        counted: longer.saturating_sub(shorter),
        clock_ns,
        longer: 4 * ITERATIONS,
    })
}

fn counted(iterations: u64) -> u64 {
    let before = raw::counter();
    raw::two_instructions(iterations);
    raw::counter().wrapping_sub(before)
}

fn monotonic_ns() -> anyhow::Result<u64> {
    let now = clock_gettime(ClockId::CLOCK_MONOTONIC).context("failed to read the clock")?;
    let (seconds, nanoseconds) = (u64::try_from(now.tv_sec())?, u64::try_from(now.tv_nsec())?);
    Ok(seconds * 1_000_000_000 + nanoseconds)
}
