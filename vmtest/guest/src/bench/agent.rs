//! An agent beside which calls are measured: started as a user would start it, looked at, stopped, and its report read.

use std::{
    fs::{self, File},
    io::Read as _,
    os::unix::{net::UnixDatagram, process::CommandExt as _},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::Context as _;
use nix::{
    sys::signal::{Signal, kill},
    unistd::{Pid, getpgid},
};
use quell_scenarios::lab::LabPaths;
use vmtest_proto::{AgentSeen, OTHER_AGENTS};

use crate::children;

/// Where the image has the policies.
const POLICIES: &str = "/lab/policies";
/// Where an agent says that it is ready and leaves its report.
pub(super) const FOLDER: &str = "/run/bench";
/// What a report is called there.
const REPORT: &str = "report.json";
/// What somebody else's agent prints when it is in force.
const READY_LINE: &[u8] = b"ready";
/// Where somebody else's programs are looked for.
const SEARCH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// How long an agent may take until it is ready, in guest time.
const PATIENCE: Duration = Duration::from_secs(300);
/// How often a starting agent is looked at.
const GLANCE: Duration = Duration::from_millis(50);

/// A running agent.
pub(super) struct Agent {
    child: Child,
    files: Files,
    seen: AgentSeen,
}

/// Where it reads and writes.
struct Files {
    report: PathBuf,
    events: PathBuf,
    errors: PathBuf,
    ready: PathBuf,
}

impl Agent {
    /// Starts the enforcer and waits until it enforces.
    pub(super) fn start(policies: &[String]) -> anyhow::Result<Self> {
        let mut command = Command::new(LabPaths::guest().quell);
        command.args(["run", "--output", "json", "--report"]).arg(Path::new(FOLDER).join(REPORT));
        for policy in policies {
            command.arg("--policy").arg(Path::new(POLICIES).join(policy));
        }
        Self::run(command, false)
    }

    /// Starts somebody else's agent by the program `start` in its folder, and waits until it says that it is ready: as services do
    /// (`READY=1` to NOTIFY_SOCKET), or by a line `ready` on standard output.
    pub(super) fn start_other(name: &str) -> anyhow::Result<Self> {
        let folder = Path::new(OTHER_AGENTS).join(name);
        let mut command = Command::new(folder.join("start"));
        // A program of its own for whatever it starts, so that all of it can be looked at and ended.
        command.current_dir(&folder).env("HOME", "/root").env("PATH", SEARCH).process_group(0);
        Self::run(command, true)
    }

    fn run(mut command: Command, other: bool) -> anyhow::Result<Self> {
        let folder = Path::new(FOLDER);
        let place = |name: &str| folder.join(name);
        let files = Files {
            report: place(REPORT),
            events: place("events.jsonl"),
            errors: place("errors"),
            ready: place("ready"),
        };
        for old in [&files.report, &files.ready] {
            if old.exists() {
                fs::remove_file(old).with_context(|| format!("failed to remove {}", old.display()))?;
            }
        }
        let create =
            |path: &Path| File::create(path).with_context(|| format!("failed to create {}", path.display()));
        let ready = UnixDatagram::bind(&files.ready).context("failed to bind the socket of readiness")?;
        ready.set_read_timeout(Some(GLANCE)).context("failed to set up the socket of readiness")?;
        command.env("NOTIFY_SOCKET", &files.ready).stdin(Stdio::null());
        command.stdout(create(&files.events)?).stderr(create(&files.errors)?);
        let started = Instant::now();
        let program = command.get_program().to_owned();
        let child = command.spawn().with_context(|| format!("failed to start {}", program.display()))?;
        let mut agent = Self { child, files, seen: AgentSeen { other, ..AgentSeen::default() } };
        agent.wait_until_ready(&ready)?;
        agent.seen.ready_ns = u64::try_from(started.elapsed().as_nanos()).unwrap_or(u64::MAX);
        let pid = agent.child.id();
        // One that starts others has its time spent by them.
        agent.seen.ready_cpu_ns = cpu_ns(pid).filter(|_| !other);
        agent.seen.resident_kib = agent.memory_kib("VmRSS:")?;
        Ok(agent)
    }

    fn wait_until_ready(&mut self, ready: &UnixDatagram) -> anyhow::Result<()> {
        let until = Instant::now() + PATIENCE;
        let mut message = [0; 256];
        while Instant::now() < until {
            if let Ok(length) = ready.recv(&mut message)
                && message[..length].starts_with(b"READY=1")
            {
                return Ok(());
            }
            if self.seen.other && self.says_ready()? {
                return Ok(());
            }
            if let Some(status) = self.child.try_wait().context("failed to look at the agent")? {
                anyhow::bail!("the agent ended with {status} before it was ready: {}", self.errors());
            }
        }
        self.child.kill().context("failed to end an agent that does not get ready")?;
        anyhow::bail!(
            "the agent was not ready after {} s of guest time: {}",
            PATIENCE.as_secs(),
            self.errors()
        )
    }

    fn says_ready(&self) -> anyhow::Result<bool> {
        let path = &self.files.events;
        let text = fs::read(path).with_context(|| format!("failed to read {}", path.display()))?;
        Ok(text.split(|byte| *byte == b'\n').any(|line| line.trim_ascii() == READY_LINE))
    }

    /// Memory of the agent, and of all that it has started if it is somebody else's.
    fn memory_kib(&self, line: &str) -> anyhow::Result<u64> {
        if !self.seen.other {
            return memory_kib(self.pid(), line);
        }
        let group = Pid::from_raw(i32::try_from(self.pid()).context("no process id")?);
        let mut sum = 0;
        for entry in fs::read_dir("/proc").context("failed to list processes")? {
            let name = entry.context("failed to list processes")?.file_name();
            let Some(pid) = name.to_string_lossy().parse::<i32>().ok() else { continue };
            // One that has ended meanwhile has no memory.
            if getpgid(Some(Pid::from_raw(pid))) == Ok(group) {
                sum += u32::try_from(pid).ok().and_then(|pid| memory_kib(pid, line).ok()).unwrap_or(0);
            }
        }
        Ok(sum)
    }

    /// Tells it to stop, and reads what it left.
    pub(super) fn stop(&mut self) -> anyhow::Result<AgentSeen> {
        let mut seen = std::mem::take(&mut self.seen);
        seen.alive = self.child.try_wait().context("failed to look at the agent")?.is_none();
        if seen.alive {
            self.seen.other = seen.other;
            seen.most_resident_kib = self.memory_kib("VmHWM:")?;
            self.signal(Signal::SIGTERM)?;
        }
        seen.status = self.child.wait().context("failed to wait for the agent")?.to_string();
        seen.report = match fs::read_to_string(&self.files.report) {
            Ok(text) => serde_json::from_str(&text).context("failed to read the agent's report")?,
            Err(_) => serde_json::Value::Null,
        };
        seen.events = self.lines()?;
        seen.errors = self.errors();
        if seen.other {
            // What it started and did not end must not be beside the next one.
            children::clear();
        }
        Ok(seen)
    }

    /// Its process id.
    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends it a signal.
    pub(super) fn signal(&self, signal: Signal) -> anyhow::Result<()> {
        let pid = Pid::from_raw(i32::try_from(self.pid()).context("no process id")?);
        kill(pid, signal).with_context(|| format!("failed to send {signal} to the agent"))
    }

    /// Lines that it printed so far. There may be many: they are not kept in memory.
    pub(super) fn lines(&self) -> anyhow::Result<u64> {
        let failed = || format!("failed to read {}", self.files.events.display());
        let mut file = File::open(&self.files.events).with_context(failed)?;
        let mut buffer = vec![0; 1 << 16];
        let mut lines = 0;
        loop {
            let count = file.read(&mut buffer).with_context(failed)?;
            if count == 0 {
                return Ok(lines);
            }
            lines += buffer.iter().take(count).filter(|byte| **byte == b'\n').count() as u64;
        }
    }

    /// Bytes that it printed so far.
    pub(super) fn printed_bytes(&self) -> anyhow::Result<u64> {
        let path = &self.files.events;
        Ok(fs::metadata(path).with_context(|| format!("failed to look at {}", path.display()))?.len())
    }

    fn errors(&self) -> String {
        match fs::read(&self.files.errors) {
            Ok(bytes) => String::from_utf8_lossy(&bytes).trim_end().to_owned(),
            Err(error) => format!("(not readable: {error})"),
        }
    }
}

/// Processor time of a process in nanoseconds: the first number of its `schedstat`, which has no ticks.
pub(super) fn cpu_ns(pid: u32) -> Option<u64> {
    fs::read_to_string(format!("/proc/{pid}/schedstat")).ok()?.split_whitespace().next()?.parse().ok()
}

/// A line of `/proc/PID/status` that counts memory.
fn memory_kib(pid: u32, line: &str) -> anyhow::Result<u64> {
    let path = format!("/proc/{pid}/status");
    let text = fs::read_to_string(&path).with_context(|| format!("failed to read {path}"))?;
    let value = text.lines().find_map(|own| own.strip_prefix(line)?.split_whitespace().next()?.parse().ok());
    value.with_context(|| format!("{path} has no {line}"))
}
