//! The way of events: how fast they may come before one is lost, what they cost the agent, and that nobody who is to be killed
//! waits for it.

use std::{
    thread,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use nix::sys::signal::Signal;
use vmtest_proto::{Burst, Deaths, Kills};

use super::{
    agent::{Agent, cpu_ns},
    caller,
};

/// Written to is told of.
const TOLD: &str = "/tmp/told";
/// Written to is killed for.
const KILLED: &str = "/tmp/killed";
/// Calls of the first burst; each next one has twice as many.
const FIRST_BURST: u64 = 1_000;
/// Enough to fill any buffer; a longer burst without a loss is not tried.
const LAST_BURST: u64 = 128_000;
/// An agent that printed nothing for so long prints nothing more.
const QUIET: Duration = Duration::from_secs(1);
/// An agent that goes on printing for so long does not stop.
const PATIENCE: Duration = Duration::from_secs(120);
/// Processes to be killed.
const PROCESSES: u64 = 64;
/// More calls than events that fit into the buffer.
const FILLING: u64 = 100_000;

/// Makes bursts until one loses an event.
pub(super) fn bursts(agent: &Agent) -> anyhow::Result<Vec<Burst>> {
    let mut bursts = Vec::new();
    let mut calls = FIRST_BURST;
    while calls <= LAST_BURST {
        let (lines, time) = (agent.lines()?, cpu_ns(agent.pid()));
        let mut burst: Burst = caller(&["burst", TOLD, &calls.to_string()])?;
        until_quiet(agent)?;
        burst.events = agent.lines()?.saturating_sub(lines);
        burst.agent_ns = cpu_ns(agent.pid()).zip(time).map(|(after, before)| after.saturating_sub(before));
        let lost = burst.events < calls;
        bursts.push(burst);
        if lost {
            break;
        }
        calls *= 2;
    }
    Ok(bursts)
}

/// Waits until the agent prints nothing more.
fn until_quiet(agent: &Agent) -> anyhow::Result<()> {
    let until = Instant::now() + PATIENCE;
    let mut printed = agent.printed_bytes()?;
    while Instant::now() < until {
        thread::sleep(QUIET);
        let now = agent.printed_bytes()?;
        if now == printed {
            return Ok(());
        }
        printed = now;
    }
    anyhow::bail!("the agent goes on printing events after {} s", PATIENCE.as_secs())
}

/// Kills while the agent reads, and while it stands still and its buffer is full.
pub(super) fn kills(agent: &Agent) -> anyhow::Result<Kills> {
    let deaths = || caller::<Deaths>(&["kills", KILLED, &PROCESSES.to_string()]);
    let reading = deaths().context("failed to have processes killed while the agent reads")?;
    agent.signal(Signal::SIGSTOP)?;
    let filled: Burst = caller(&["burst", TOLD, &FILLING.to_string()])?;
    let full = deaths().context("failed to have processes killed while nobody reads");
    // Whatever was seen: a stopped agent would not end.
    agent.signal(Signal::SIGCONT)?;
    until_quiet(agent)?;
    Ok(Kills { reading, filling: filled.calls, full: full? })
}
