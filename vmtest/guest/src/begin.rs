//! From hello to ready: what a guest has to be told, because it can't know how long it lay in a snapshot.

use std::{
    fs::OpenOptions,
    io::{Read, Write},
    os::fd::AsFd,
    time::Duration,
};

use anyhow::Context as _;
use nix::{
    sys::time::TimeSpec,
    time::{ClockId, clock_settime},
};
use vmtest_proto::{ToGuest, ToHost};

use crate::{exec, facts, mounts, port::Port, random};

/// Made by the first guest that begins. A guest that finds it goes on from a state in which another one has already
/// lived, and is not fresh.
const MARKER: &str = "/run/begun";

/// Waits for the host's word, does as told, and answers.
pub(crate) fn begin(port: &mut Port, missing_mounts: Vec<String>) -> anyhow::Result<()> {
    let (unix_time_ms, seed, file_systems, on_ram) = match port.receive()? {
        ToGuest::Begin { unix_time_ms, seed, file_systems, on_ram } => {
            (unix_time_ms, seed, file_systems, on_ram)
        }
        other => anyhow::bail!("the host asked for something before it said begin: {other:?}"),
    };
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(MARKER)
        .with_context(|| format!("this guest is not fresh: failed to create {MARKER}"))?;
    wake_up(unix_time_ms, &seed)?;
    for kind in file_systems {
        mounts::file_system(&kind, on_ram)?;
    }
    port.send(&ToHost::Ready { facts: facts::read(missing_mounts)? })
}

/// Says that a cell is held, and waits until it may go on: by then another machine may have woken up from this one's memory.
/// Whoever wants to look around in such a guest runs a program in it instead; the cell is not performed then.
pub(crate) fn wait_for_go<S: Read + Write + AsFd>(port: &mut Port<S>, cell: &str) -> anyhow::Result<()> {
    port.send(&ToHost::Held { cell: cell.to_owned() })?;
    loop {
        match port.receive()? {
            ToGuest::GoOn { unix_time_ms, seed } => return wake_up(unix_time_ms, &seed),
            ToGuest::Exec(request) => {
                mounts::look_for_devices()?;
                exec::run(port, &request)?;
            }
            other => anyhow::bail!("the host asked for something while {cell} was held: {other:?}"),
        }
    }
}

fn wake_up(unix_time_ms: u64, seed: &str) -> anyhow::Result<()> {
    let now = TimeSpec::from_duration(Duration::from_millis(unix_time_ms));
    clock_settime(ClockId::CLOCK_REALTIME, now).context("failed to set the clock")?;
    random::reseed(seed)
}
