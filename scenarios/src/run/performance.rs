//! One performance: start the subject in its place, let it go, wait for its end, look for the effect.

use std::collections::BTreeSet;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use super::ears::Ears;
use super::error::RunError;
use super::gate::{Gate, Waiting};
use super::prepare::{Prepared, paths_of};
use super::wait::{self, Owned};
use crate::effect::{Arrived, Effect};
use crate::exit;
use crate::lab::LabPaths;
use crate::order::Order;
use crate::record::{Performance, ProcessFate};
use crate::scenario::{FileSystem, Position, Scenario};
use crate::step::Step;

const SUBJECT: &str = "the subject";
const NAMESPACE: &str = "the holder of the PID namespace";

/// A scenario with its target filled in: can be performed any number of times.
#[derive(Debug)]
pub(super) struct Stage<'lab> {
    lab: &'lab LabPaths,
    position: Position,
    steps: Vec<Step>,
    effect: Vec<Effect>,
    paths: BTreeSet<PathBuf>,
}

/// What is known when the acting process is gone.
#[derive(Debug)]
pub(super) struct Acted {
    /// Its pid as the agent sees it.
    pub(super) pid: i32,
    fate: ProcessFate,
    arrived: Arrived,
    stderr: String,
}

impl<'lab> Stage<'lab> {
    pub(super) fn new(
        scenario: &Scenario,
        filesystem: FileSystem,
        lab: &'lab LabPaths,
        target: &str,
        steps: &[Step],
    ) -> Self {
        let path =
            |text: &str| lab.resolve(filesystem, &scenario.fill(text, target)).to_string_lossy().into_owned();
        let data = |text: &str| scenario.fill(text, target);
        Self {
            lab,
            position: scenario.position,
            steps: steps.iter().map(|step| step.map(&path, &data)).collect(),
            effect: scenario.effect.iter().map(|effect| effect.map(&path, &data)).collect(),
            paths: paths_of(scenario, filesystem, lab, target),
        }
    }

    /// Performs and looks.
    pub(super) fn perform_and_observe(&self, prepared: &Prepared) -> Result<(Performance, i32), RunError> {
        let acted = self.perform()?;
        Ok((self.observe(&acted, prepared)?, acted.pid))
    }

    /// Starts the subject, lets it go and waits for its end.
    pub(super) fn perform(&self) -> Result<Acted, RunError> {
        let deadline = Instant::now() + self.lab.deadlines.act;
        let perform = Order::Perform { gate: Some(self.lab.scratch.join("gate")), steps: self.steps.clone() };
        match self.position {
            Position::Host => self.start_and_await(&perform, deadline),
            Position::ChildOfNamespaceInit => {
                let child = Order::AsChild { inner: Box::new(perform) };
                self.start_and_await(&Order::AsNamespaceInit { inner: Box::new(child) }, deadline)
            }
            Position::EnteredNamespace => {
                let (held, mut holder) = self.hold_namespace(deadline)?;
                let acted = self.start_and_await(
                    &Order::InNamespaceOf { pid: held.pid, inner: Box::new(perform) },
                    deadline,
                )?;
                // Its pid 1 leaves when the gate closes, and takes the namespace with it.
                drop(held);
                match wait::end_of(&mut holder.0, NAMESPACE, deadline)?.map(wait::fate) {
                    Some(ProcessFate::Exited(0)) => Ok(acted),
                    Some(ProcessFate::Signalled(signal)) => {
                        Err(RunError::HelperKilled { process: NAMESPACE, signal })
                    }
                    Some(ProcessFate::Exited(status)) if status > exit::RELAYED_SIGNAL => {
                        Err(RunError::HelperKilled {
                            process: NAMESPACE,
                            signal: status - exit::RELAYED_SIGNAL,
                        })
                    }
                    Some(ProcessFate::Exited(status)) => Err(RunError::Process {
                        what: "keep",
                        process: NAMESPACE,
                        source: std::io::Error::other(format!(
                            "exit status {status}: {}",
                            exit::meaning(status)
                        )),
                    }),
                    None => Err(RunError::Outlived { process: NAMESPACE, waited: self.lab.deadlines.act }),
                }
            }
        }
    }

    /// Looks for the effect. Must be called before anybody else touches the files.
    pub(super) fn observe(&self, acted: &Acted, prepared: &Prepared) -> Result<Performance, RunError> {
        let mut effect_happened = true;
        // Attributes of the trusted kind are listed for few, and read by all: what was looked for is asked for by name.
        let mut attribute_set = false;
        for effect in &self.effect {
            let holds = effect
                .holds(&acted.arrived)
                .map_err(RunError::file("look at", effect.path().unwrap_or("what arrived")))?;
            effect_happened &= holds;
            attribute_set |= holds && matches!(effect, Effect::AttributeIs { .. });
        }
        let untouched = acted.arrived.is_empty() && !attribute_set && prepared.untouched(&self.paths)?;
        let failure = exit::failure(&acted.stderr);
        Ok(Performance {
            fate: acted.fate,
            effect_happened,
            untouched,
            failure,
            stderr: acted.stderr.clone(),
        })
    }

    /// A PID namespace with nobody in it but its pid 1, who waits at the gate.
    fn hold_namespace(&self, deadline: Instant) -> Result<(Waiting, Owned), RunError> {
        let gate_path = self.lab.scratch.join("namespace");
        let gate = Gate::open(&gate_path)?;
        let order = Order::AsNamespaceInit { inner: Box::new(Order::Stay { gate: gate_path }) };
        let mut holder = Owned(
            self.command(&order)?
                .stdout(Stdio::null())
                .spawn()
                .map_err(RunError::process("start", NAMESPACE))?,
        );
        match gate.await_arrival(&mut holder.0, NAMESPACE, deadline)? {
            Some(held) => Ok((held, holder)),
            None => Err(self.missing_at_gate(&mut holder.0, NAMESPACE, "")?),
        }
    }

    fn start_and_await(&self, order: &Order, deadline: Instant) -> Result<Acted, RunError> {
        let ears = Ears::open(&self.effect)?;
        let gate_path = self.lab.scratch.join("gate");
        let gate = Gate::open(&gate_path)?;
        let pipe = |source| RunError::Process { what: "make a pipe for", process: SUBJECT, source };
        let (stdout, stdout_end) = std::io::pipe().map_err(pipe)?;
        // No pipe: a policy on pipes must leave the subject its word about what failed.
        let (stderr, stderr_end) = UnixStream::pair().map_err(pipe)?;
        // The ends given away are closed here with the command, so that reading ends when the last process does.
        let mut child = Owned(
            self.command(order)?
                .stdout(stdout_end)
                .stderr(OwnedFd::from(stderr_end))
                .spawn()
                .map_err(RunError::process("start", SUBJECT))?,
        );
        let Some(waiting) = gate.await_arrival(&mut child.0, SUBJECT, deadline)? else {
            let said = if matches!(child.0.try_wait(), Ok(Some(_))) { text(stderr)? } else { String::new() };
            return Err(self.missing_at_gate(&mut child.0, SUBJECT, &said)?);
        };
        let pid = waiting.pid;
        waiting.release(&gate_path)?;
        let Some(status) = wait::end_of(&mut child.0, SUBJECT, deadline)? else {
            // Also what a relay has started, or reading the pipes would never end.
            kill(pid);
            return Err(RunError::Outlived { process: SUBJECT, waited: self.lab.deadlines.act });
        };
        let fate = self.unrelayed(wait::fate(status))?;
        let arrived = Arrived { pipe: bytes(stdout)?, ..ears.arrived()? };
        Ok(Acted { pid, fate, arrived, stderr: text(stderr)? })
    }

    fn command(&self, order: &Order) -> Result<Command, RunError> {
        let mut command = Command::new(&self.lab.subject);
        command.arg(serde_json::to_string(order).map_err(RunError::Order)?).env_clear().stdin(Stdio::null());
        Ok(command)
    }

    /// The fate of the subject itself, when what the runner waited for was a relay.
    fn unrelayed(&self, fate: ProcessFate) -> Result<ProcessFate, RunError> {
        match (self.position, fate) {
            (Position::Host, fate) => Ok(fate),
            (_, ProcessFate::Signalled(signal)) => Err(RunError::HelperKilled { process: "a relay", signal }),
            (_, ProcessFate::Exited(status)) if status > exit::RELAYED_SIGNAL => {
                Ok(ProcessFate::Signalled(status - exit::RELAYED_SIGNAL))
            }
            (_, exited) => Ok(exited),
        }
    }

    fn missing_at_gate(
        &self,
        child: &mut Child,
        process: &'static str,
        stderr: &str,
    ) -> Result<RunError, RunError> {
        let status = child.try_wait().map_err(RunError::process("wait for", process))?;
        Ok(match status {
            Some(status) => {
                RunError::NeverAtGate { process, fate: wait::fate(status), stderr: stderr.to_owned() }
            }
            None => RunError::Outlived { process, waited: self.lab.deadlines.act },
        })
    }
}

fn bytes(mut pipe: impl Read) -> Result<Vec<u8>, RunError> {
    let mut all = Vec::new();
    pipe.read_to_end(&mut all).map_err(RunError::process("read a pipe of", SUBJECT))?;
    Ok(all)
}

fn text(pipe: impl Read) -> Result<String, RunError> {
    Ok(String::from_utf8_lossy(&bytes(pipe)?).trim_end().to_owned())
}

fn kill(pid: i32) {
    // That it is gone already is fine: an error follows anyway.
    let _ = nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), nix::sys::signal::Signal::SIGKILL);
}
