//! A booted guest on this host: QEMU, control channel and console, watched together.

use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use thiserror::Error;
use vmtest_proto::ToGuest;

use crate::{
    channel::{Channel, ChannelError, Listener},
    console::{Console, Finding, Severity},
    limits::Patience,
    link::{Heard, Link, Loss},
    machine::{RunningMachine, SpawnError},
    outcome::BrokenCause,
    qemu::{Machine, Version},
};

/// How often the watch looks at everything that can't be waited for together.
const TICK: Duration = Duration::from_millis(50);

/// A crashed kernel goes on printing for a moment; its console log shall be whole.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// Where a boot keeps its traces.
#[derive(Clone, Debug)]
pub struct TracePaths {
    /// Control channel, one JSON line per message.
    pub control: PathBuf,
    /// QEMU's own messages.
    pub qemu: PathBuf,
}

/// Why a guest can't be started.
#[derive(Debug, Error)]
pub enum StartError {
    /// QEMU can't be started.
    #[error(transparent)]
    Spawn(#[from] SpawnError),
    /// The control channel can't be made.
    #[error(transparent)]
    Channel(#[from] ChannelError),
    /// A trace can't be written.
    #[error("failed to create {path}: {source}")]
    Trace {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
}

/// The channel before and after QEMU has connected.
enum Control {
    Waiting { listener: Listener, trace: File },
    Connected(Channel),
}

/// A running guest.
pub struct Guest {
    machine: RunningMachine,
    control: Control,
    console: Console,
    interrupted: Arc<AtomicBool>,
    started: Instant,
    /// Complaints found together; handed out one by one.
    complaints: Vec<Finding>,
    life: Life,
}

/// The last sign of life.
struct Life {
    bytes: u64,
    at: Instant,
    cpu: Duration,
}

impl Guest {
    /// Starts the machine. `control` is the socket that its specification connects to.
    ///
    /// # Errors
    /// QEMU can't be started, or a file can't be made.
    pub fn start(
        machine: &Machine,
        version: Version,
        control: &Path,
        traces: &TracePaths,
        interrupted: Arc<AtomicBool>,
    ) -> Result<Self, StartError> {
        let trace_error = |path: &Path| {
            let path = path.to_owned();
            move |source| StartError::Trace { path, source }
        };
        let listener = Listener::bind(control)?;
        let trace = File::create(&traces.control).map_err(trace_error(&traces.control))?;
        File::create(&machine.console).map_err(trace_error(&machine.console))?;
        let console = Console::open(&machine.console).map_err(trace_error(&machine.console))?;
        let started = Instant::now();
        let machine = RunningMachine::spawn(machine, version, &traces.qemu)?;
        Ok(Self {
            machine,
            control: Control::Waiting { listener, trace },
            console,
            interrupted,
            started,
            complaints: Vec::new(),
            life: Life { bytes: 0, at: started, cpu: Duration::ZERO },
        })
    }

    /// Process id of QEMU.
    #[must_use]
    pub fn qemu_pid(&self) -> u32 {
        self.machine.id()
    }

    /// Next message, if one arrives within a tick.
    fn message(&mut self) -> Result<Option<vmtest_proto::ToHost>, Loss> {
        if let Control::Waiting { listener, trace } = &self.control {
            let trace = trace.try_clone().map_err(lab)?;
            match listener.accept(TICK, trace).map_err(lab)? {
                Some(channel) => self.control = Control::Connected(channel),
                None => return Ok(None),
            }
        }
        match &mut self.control {
            Control::Connected(channel) => channel.receive(TICK).map_err(lab),
            Control::Waiting { .. } => Ok(None),
        }
    }

    /// Sorts console findings: a crash ends the guest, complaints are kept.
    fn watch_console(&mut self) -> Result<(), Loss> {
        let found = self.console.poll().map_err(lab)?;
        self.sort(found)
    }

    fn sort(&mut self, found: Vec<Finding>) -> Result<(), Loss> {
        for finding in found {
            match finding.severity {
                Severity::Complaint => self.complaints.push(finding),
                Severity::Crash => {
                    self.let_it_finish();
                    let reason = finding.reason.to_owned();
                    return Err(Loss::Broken(BrokenCause::KernelCrashed { reason, line: finding.line }));
                }
                Severity::InitDied => {
                    self.let_it_finish();
                    return Err(Loss::Broken(BrokenCause::Lab {
                        message: format!("{}: `{}`", finding.reason, finding.line),
                    }));
                }
            }
        }
        Ok(())
    }

    fn let_it_finish(&mut self) {
        let deadline = Instant::now() + LAST_WORDS;
        while Instant::now() < deadline && matches!(self.machine.ended(), Ok(None)) {
            std::thread::sleep(TICK);
        }
    }

    /// Whether QEMU has ended. What the kernel printed last decides whose fault it was.
    fn watch_machine(&mut self) -> Result<(), Loss> {
        let Some(how) = self.machine.ended().map_err(lab)? else { return Ok(()) };
        // Its last words may still be in the socket; they come to an end, because nobody else has the other side.
        if matches!(&self.control, Control::Connected(channel) if !channel.has_ended()) {
            return Ok(());
        }
        let found = self.console.poll_to_end().map_err(lab)?;
        self.sort(found)?;
        Err(Loss::Broken(BrokenCause::QemuEnded { how }))
    }

    fn watch_silence(&mut self, patience: Patience) -> Result<(), Loss> {
        let heard = match &self.control {
            Control::Connected(channel) => channel.bytes,
            Control::Waiting { .. } => 0,
        };
        let bytes = self.console.bytes + heard;
        let now = Instant::now();
        // QEMU may have ended since the last look; then its time no longer matters.
        let cpu = self.machine.cpu_time().unwrap_or(self.life.cpu);
        if bytes != self.life.bytes {
            self.life = Life { bytes, at: now, cpu };
        }
        if cpu.saturating_sub(self.life.cpu) >= patience.cpu {
            let waited = format!("silent for {} s of processor time", patience.cpu.as_secs());
            return Err(Loss::Silent { waited });
        }
        if now - self.life.at >= patience.wall {
            return Err(Loss::Silent { waited: format!("silent for {} s", patience.wall.as_secs()) });
        }
        Ok(())
    }

    fn watch_user(&self) -> Result<(), Loss> {
        if self.interrupted.load(Ordering::Relaxed) { Err(Loss::Interrupted) } else { Ok(()) }
    }
}

impl Link for Guest {
    fn send(&mut self, message: &ToGuest) -> Result<(), Loss> {
        // The time from here on is the guest's.
        self.life.at = Instant::now();
        match &mut self.control {
            Control::Connected(channel) => match channel.send(message) {
                Ok(()) => Ok(()),
                // A guest that is gone says why when it is heard next; anything else is the lab's failure.
                Err(error) => {
                    self.let_it_finish();
                    self.watch_console()?;
                    self.watch_machine()?;
                    Err(lab(error))
                }
            },
            Control::Waiting { .. } => {
                Err(lab("a message was sent to a guest that has not connected its control port"))
            }
        }
    }

    fn hear(&mut self, patience: Patience, until: Instant) -> Result<Heard, Loss> {
        let begun = Instant::now();
        loop {
            self.watch_user()?;
            if let Some(message) = self.message()? {
                return Ok(Heard::Message(message));
            }
            self.watch_console()?;
            if !self.complaints.is_empty() {
                let Finding { reason, line, .. } = self.complaints.remove(0);
                return Ok(Heard::Complaint { reason: reason.to_owned(), line });
            }
            self.watch_machine()?;
            self.watch_silence(patience)?;
            if Instant::now() >= until {
                let waited = format!("not finished after {} s", (until - begun).as_secs());
                return Err(Loss::Silent { waited });
            }
        }
    }

    fn complaint(&mut self) -> Result<Option<BrokenCause>, Loss> {
        self.watch_console()?;
        if self.complaints.is_empty() {
            return Ok(None);
        }
        let Finding { reason, line, .. } = self.complaints.remove(0);
        Ok(Some(BrokenCause::KernelComplained { reason: reason.to_owned(), line }))
    }

    fn age(&self) -> Duration {
        self.started.elapsed()
    }

    fn wait_for_end(&mut self, at_most: Duration) -> Result<bool, Loss> {
        let deadline = Instant::now() + at_most;
        while Instant::now() < deadline {
            self.watch_user()?;
            self.watch_console()?;
            if self.machine.ended().map_err(lab)?.is_some() {
                let found = self.console.poll_to_end().map_err(lab)?;
                return self.sort(found).map(|()| true);
            }
            std::thread::sleep(TICK);
        }
        Ok(false)
    }
}

#[expect(clippy::needless_pass_by_value, reason = "the shape that map_err wants")]
fn lab(error: impl ToString) -> Loss {
    Loss::Broken(BrokenCause::Lab { message: error.to_string() })
}
