//! Measures what calls cost: starts and stops agents, and has the calls made by a program of its own, pass by pass in one boot.

mod agent;
mod events;

use std::{
    fs,
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use anyhow::Context as _;
use serde::de::DeserializeOwned;
use vmtest_proto::{BenchAgent, BenchCall, BenchPass, BenchRequest, BenchSeen, BenchWork, Calls, ToHost};

use agent::{Agent, FOLDER};

/// Where the image has the program that makes the calls.
const CALLER: &str = "/lab/caller";
/// What attaching left to be done later is done by then. Waiting costs nothing: an idle guest's clock jumps.
const SETTLING: Duration = Duration::from_millis(500);

/// Measures pass by pass, and says what was seen after each.
pub(crate) fn measure(
    request: &BenchRequest,
    say: &mut dyn FnMut(ToHost) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    fs::create_dir_all(FOLDER).with_context(|| format!("failed to create {FOLDER}"))?;
    for pass in &request.passes {
        let seen = one(pass, &request.calls).with_context(|| format!("failed to measure `{}`", pass.name))?;
        say(ToHost::BenchSeen(Box::new(seen)))?;
    }
    say(ToHost::BenchDone)
}

fn one(pass: &BenchPass, calls: &[BenchCall]) -> anyhow::Result<BenchSeen> {
    let mut agent = match &pass.agent {
        BenchAgent::Off => None,
        BenchAgent::Quell { policies } => Some(Agent::start(policies)?),
        BenchAgent::Other { name } => Some(Agent::start_other(name)?),
    };
    let idle = Idle::start(pass.processes)?;
    let mut seen = BenchSeen {
        name: pass.name.clone(),
        calls: Calls::default(),
        agent: None,
        bursts: Vec::new(),
        kills: None,
    };
    match (pass.work, &agent) {
        (BenchWork::Calls, _) => seen.calls = make(calls)?,
        (BenchWork::Events, Some(agent)) => seen.bursts = events::bursts(agent)?,
        (BenchWork::Stopped, Some(agent)) => seen.kills = Some(events::kills(agent)?),
        (work, None) => anyhow::bail!("{work:?} needs an agent"),
    }
    idle.end()?;
    seen.agent = agent.as_mut().map(Agent::stop).transpose()?;
    Ok(seen)
}

/// Has the calls made.
fn make(calls: &[BenchCall]) -> anyhow::Result<Calls> {
    let names: Vec<_> = calls.iter().map(|call| call.name()).collect();
    caller(&names)
}

/// Runs the program that makes calls, and reads what it prints.
fn caller<T: DeserializeOwned>(words: &[&str]) -> anyhow::Result<T> {
    thread::sleep(SETTLING);
    let output = Command::new(CALLER)
        .args(words)
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("failed to start {CALLER}"))?;
    let errors = String::from_utf8_lossy(&output.stderr);
    anyhow::ensure!(output.status.success(), "{CALLER} ended with {}: {}", output.status, errors.trim_end());
    serde_json::from_slice(&output.stdout)
        .with_context(|| format!("{CALLER} printed something else: {errors}"))
}

/// Processes that are there and do nothing.
struct Idle(Vec<Child>);

impl Idle {
    fn start(processes: u32) -> anyhow::Result<Self> {
        let one = |_| {
            let mut command = Command::new(CALLER);
            command.arg("wait").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
            command.spawn().with_context(|| format!("failed to start {CALLER}"))
        };
        Ok(Self((0..processes).map(one).collect::<anyhow::Result<_>>()?))
    }

    fn end(self) -> anyhow::Result<()> {
        for mut child in self.0 {
            child.kill().context("failed to end an idle process")?;
            child.wait().context("failed to wait for an idle process")?;
        }
        Ok(())
    }
}
