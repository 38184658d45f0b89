//! The agent under test, used exactly as a user would: spawned, awaited by its readiness message, ended by SIGTERM.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::Instant;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::error::RunError;
use super::output::{Output, Report, parse_events};
use super::wait::{self, Owned};
use crate::lab::{Deadlines, LabPaths};
use crate::scenario::{Mode, Scenario};

const AGENT: &str = "the agent";
/// Enough of an error to see what it was: a refused policy is told in diagnostics of about twenty lines each, and a scenario may
/// expect a word of the first.
const STDERR_TAIL_LINES: usize = 80;
/// A readiness message is a few lines; longer ones are cut by the kernel, the first line is enough.
const MESSAGE_BYTES: usize = 4096;

/// An agent that enforces now.
#[derive(Debug)]
pub(super) struct Agent {
    process: Owned,
    files: Files,
    deadlines: Deadlines,
    attach_ms: u64,
}

/// Where the agent reads from and writes to.
#[derive(Debug)]
struct Files {
    policy: PathBuf,
    report: PathBuf,
    events: PathBuf,
    stderr: PathBuf,
    notify: PathBuf,
}

impl Files {
    fn under(dir: &Path) -> Self {
        Self {
            policy: dir.join("policy.yaml"),
            report: dir.join("report.json"),
            events: dir.join("events.jsonl"),
            stderr: dir.join("stderr"),
            notify: dir.join("notify"),
        }
    }

    fn stderr_tail(&self) -> String {
        match std::fs::read(&self.stderr) {
            Ok(bytes) => {
                let text = String::from_utf8_lossy(&bytes);
                let lines: Vec<&str> = text.lines().collect();
                lines[lines.len().saturating_sub(STDERR_TAIL_LINES)..].join("\n")
            }
            Err(error) => format!("(not readable: {error})"),
        }
    }
}

impl Agent {
    /// Starts the agent on the scenario's policy and waits until it says that it enforces.
    pub(super) fn attach(scenario: &Scenario, lab: &LabPaths) -> Result<Self, RunError> {
        let files = Files::under(&lab.scratch);
        std::fs::write(&files.policy, &scenario.policy.text)
            .map_err(RunError::file("write", &files.policy))?;
        let notify = UnixDatagram::bind(&files.notify).map_err(RunError::file("listen on", &files.notify))?;
        notify.set_nonblocking(true).map_err(RunError::file("listen on", &files.notify))?;
        let create = |path: &Path| File::create(path).map_err(RunError::file("create", path));
        let started = Instant::now();
        let child = Command::new(&lab.quell)
            .arg("run")
            .arg("--policy")
            .arg(&files.policy)
            .args(["--output", "json"])
            .args(match scenario.mode {
                Mode::Enforce => ["--mode", "enforce"],
                Mode::Monitor => ["--mode", "monitor"],
            })
            .args(scenario.without.iter().flat_map(|feature| ["--without", feature]))
            .args(scenario.btf.iter().flat_map(|file| [OsStr::new("--btf"), file.as_os_str()]))
            .arg("--report")
            .arg(&files.report)
            .env("NOTIFY_SOCKET", &files.notify)
            .stdin(Stdio::null())
            .stdout(create(&files.events)?)
            .stderr(create(&files.stderr)?)
            .spawn()
            .map_err(RunError::process("start", AGENT))?;
        let mut agent = Self { process: Owned(child), files, deadlines: lab.deadlines, attach_ms: 0 };
        agent.await_ready(&notify, started)?;
        agent.attach_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        Ok(agent)
    }

    fn await_ready(&mut self, notify: &UnixDatagram, started: Instant) -> Result<(), RunError> {
        let mut ended = None;
        let ready = wait::poll(started + self.deadlines.attach, || {
            if received_ready(notify).map_err(RunError::file("read", &self.files.notify))? {
                return Ok(Some(true));
            }
            ended = self.status()?;
            Ok(ended.map(|_| false))
        })?;
        let stderr_tail = || self.files.stderr_tail();
        match (ready, ended) {
            (Some(true), _) => Ok(()),
            (_, Some(status)) => {
                Err(RunError::AgentNeverReady { status: status.to_string(), stderr_tail: stderr_tail() })
            }
            (_, None) => {
                Err(RunError::AgentTooSlow { waited: self.deadlines.attach, stderr_tail: stderr_tail() })
            }
        }
    }

    /// From the start of the process to its readiness message, in milliseconds.
    pub(super) fn attach_ms(&self) -> u64 {
        self.attach_ms
    }

    /// An agent that is gone enforces nothing, whatever the act looked like.
    pub(super) fn check_alive(&mut self) -> Result<(), RunError> {
        match self.status()? {
            None => Ok(()),
            Some(status) => {
                Err(RunError::AgentGone { status: status.to_string(), stderr_tail: self.files.stderr_tail() })
            }
        }
    }

    /// Ends the agent as a user would and reads what it left.
    pub(super) fn detach(mut self) -> Result<Output, RunError> {
        let pid = i32::try_from(self.process.0.id()).map_err(|_| {
            RunError::process("signal", AGENT)(io::Error::new(ErrorKind::InvalidData, "pid out of range"))
        })?;
        kill(Pid::from_raw(pid), Signal::SIGTERM)
            .map_err(|errno| RunError::process("signal", AGENT)(errno.into()))?;
        let status = wait::end_of(&mut self.process.0, AGENT, Instant::now() + self.deadlines.detach)?;
        match status {
            Some(status) if status.success() => {}
            Some(status) => {
                return Err(RunError::AgentEndedBadly {
                    status: status.to_string(),
                    stderr_tail: self.files.stderr_tail(),
                });
            }
            None => {
                return Err(RunError::AgentDoesNotStop {
                    waited: self.deadlines.detach,
                    stderr_tail: self.files.stderr_tail(),
                });
            }
        }
        let read = |path: &Path| std::fs::read_to_string(path).map_err(RunError::file("read", path));
        Ok(Output {
            report: Report::parse(&read(&self.files.report)?)?,
            events: parse_events(&read(&self.files.events)?)?,
        })
    }

    fn status(&mut self) -> Result<Option<ExitStatus>, RunError> {
        self.process.0.try_wait().map_err(RunError::process("wait for", AGENT))
    }
}

/// Whether one of the messages that wait in the socket says that the agent is ready.
fn received_ready(notify: &UnixDatagram) -> io::Result<bool> {
    let mut message = [0; MESSAGE_BYTES];
    loop {
        match notify.recv(&mut message) {
            Ok(length) => {
                if message[..length].split(|byte| *byte == b'\n').any(|line| line == b"READY=1") {
                    return Ok(true);
                }
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
            Err(error) => return Err(error),
        }
    }
}
