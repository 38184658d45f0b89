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
    migration::{self, MigrationError},
    outcome::BrokenCause,
    qemu::{Disk, Machine, Version},
    qmp::{Qmp, QmpError},
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

/// QEMU's monitor before and after QEMU has connected.
enum Monitor {
    None,
    Waiting(Listener),
    Connected(Qmp),
}

/// What is done to a machine between its state being there and its running.
#[derive(Clone, Copy, Default)]
pub struct Change<'a> {
    /// Pages of its memory are written, by whoever is given the process id of QEMU.
    pub memory: Option<&'a dyn Fn(u32) -> io::Result<()>>,
    /// A disk is plugged in.
    pub disk: Option<&'a Disk>,
}

/// What a machine took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Processor time of QEMU, in milliseconds.
    pub cpu_ms: u64,
    /// The most memory that it had in use at a time, in KiB.
    pub peak_kib: u64,
}

/// A running guest.
pub struct Guest {
    machine: RunningMachine,
    control: Control,
    monitor: Monitor,
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
    /// Starts the machine. `control` is the socket that its specification connects to, as is its monitor's, if it has one.
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
        let monitor = match &machine.monitor {
            Some(path) => Monitor::Waiting(Listener::bind(path)?),
            None => Monitor::None,
        };
        let trace = File::create(&traces.control).map_err(trace_error(&traces.control))?;
        File::create(&machine.console).map_err(trace_error(&machine.console))?;
        let console = Console::open(&machine.console).map_err(trace_error(&machine.console))?;
        let started = Instant::now();
        let machine = RunningMachine::spawn(machine, version, &traces.qemu)?;
        Ok(Self {
            machine,
            control: Control::Waiting { listener, trace },
            monitor,
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

    /// Saves the machine: its state to `state`, after which the file of its memory is complete. `socket` is a path for the
    /// transfer. The guest does not go on; end it.
    ///
    /// # Errors
    /// QEMU can't do it, or is gone.
    pub fn save(&mut self, state: &Path, socket: &Path, at_most: Duration) -> Result<u64, Loss> {
        let deadline = Instant::now() + at_most;
        let saved = self.monitor(deadline).and_then(|qmp| migration::save(qmp, state, socket, deadline));
        saved.map_err(|error| self.excuse(&error))
    }

    /// Has a machine that was started from a snapshot take its state, does with the standing machine what is asked for, and lets
    /// it run. Returns how long it took from the start of QEMU until it could run.
    ///
    /// # Errors
    /// The snapshot is none of this machine, or is damaged; or QEMU is gone.
    pub fn restore(&mut self, change: Change<'_>, at_most: Duration) -> Result<Duration, Loss> {
        let deadline = Instant::now() + at_most;
        let (started, pid) = (self.started, self.qemu_pid());
        let loaded = self.monitor(deadline).and_then(|qmp| migration::load(qmp, deadline));
        loaded.map_err(|error| self.excuse(&error))?;
        if let Some(write) = change.memory {
            write(pid).map_err(|error| lab(format!("failed to restore the guest's memory: {error}")))?;
        }
        let resumed = self.monitor(deadline).and_then(|qmp| {
            if let Some(Disk { kind, image }) = change.disk {
                migration::plug(qmp, kind, image, deadline)?;
            }
            migration::resume(qmp, deadline)?;
            Ok(started.elapsed())
        });
        let loaded = resumed.map_err(|error| self.excuse(&error))?;
        // QEMU has opened all its sockets by now; only this side may not have looked yet.
        while !self.connect(TICK)? {
            self.watch_user()?;
            self.watch_machine()?;
            if Instant::now() >= deadline {
                return Err(lab("QEMU did not connect the control port"));
            }
        }
        Ok(loaded)
    }

    /// What it has taken so far; zeros once QEMU has ended.
    #[must_use]
    pub fn usage(&self) -> Usage {
        Usage {
            cpu_ms: self.machine.cpu_time().map_or(0, crate::session::millis),
            peak_kib: self.machine.peak_kib().unwrap_or(0),
        }
    }

    fn monitor(&mut self, deadline: Instant) -> Result<&mut Qmp, MigrationError> {
        let during = || "the start of QEMU".to_owned();
        while let Monitor::Waiting(listener) = &self.monitor {
            let accepted = listener.accept_stream(TICK).map_err(|error| QmpError::Io {
                during: during(),
                source: io::Error::other(error.to_string()),
            })?;
            if let Some(stream) = accepted {
                let qmp = Qmp::greet(stream, self.interrupted.clone(), deadline)?;
                self.monitor = Monitor::Connected(qmp);
            } else if self.interrupted.load(Ordering::Relaxed) {
                return Err(QmpError::Interrupted.into());
            } else if !matches!(self.machine.ended(), Ok(None)) {
                return Err(QmpError::Closed { during: during() }.into());
            } else if Instant::now() >= deadline {
                let waited_ms = self.started.elapsed().as_millis();
                return Err(QmpError::Late { during: during(), waited_ms }.into());
            }
        }
        match &mut self.monitor {
            Monitor::Connected(qmp) => Ok(qmp),
            Monitor::None | Monitor::Waiting(_) => Err(QmpError::Closed { during: during() }.into()),
        }
    }

    /// What stands behind an error of the monitor: the user, the end of QEMU, or only itself.
    fn excuse(&mut self, error: &MigrationError) -> Loss {
        if matches!(error, MigrationError::Qmp(QmpError::Interrupted)) {
            return Loss::Interrupted;
        }
        if matches!(error, MigrationError::Qmp(QmpError::Closed { .. })) {
            self.let_it_finish();
        }
        let found = self.watch_console().and_then(|()| match self.machine.ended() {
            Ok(Some(how)) => Err(Loss::Broken(BrokenCause::QemuEnded { how: format!("{how} ({error})") })),
            _ => Ok(()),
        });
        found.err().unwrap_or_else(|| lab(error))
    }

    /// Whether QEMU has connected the control port; waits at most so long for it.
    fn connect(&mut self, at_most: Duration) -> Result<bool, Loss> {
        if let Control::Waiting { listener, trace } = &self.control {
            let trace = trace.try_clone().map_err(lab)?;
            match listener.accept(at_most, trace).map_err(lab)? {
                Some(channel) => self.control = Control::Connected(channel),
                None => return Ok(false),
            }
        }
        Ok(true)
    }

    /// Next message, if one arrives within `at_most`.
    fn message(&mut self, at_most: Duration) -> Result<Option<vmtest_proto::ToHost>, Loss> {
        if !self.connect(at_most)? {
            return Ok(None);
        }
        match &mut self.control {
            Control::Connected(channel) => channel.receive(at_most).map_err(lab),
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
            if let Some(heard) = self.glance(patience, TICK)? {
                return Ok(heard);
            }
            if Instant::now() >= until {
                let waited = format!("not finished after {} s", (until - begun).as_secs());
                return Err(Loss::Silent { waited });
            }
        }
    }

    fn glance(&mut self, patience: Patience, at_most: Duration) -> Result<Option<Heard>, Loss> {
        self.watch_user()?;
        if let Some(message) = self.message(at_most)? {
            return Ok(Some(Heard::Message(message)));
        }
        self.watch_console()?;
        if !self.complaints.is_empty() {
            let Finding { reason, line, .. } = self.complaints.remove(0);
            return Ok(Some(Heard::Complaint { reason: reason.to_owned(), line }));
        }
        self.watch_machine()?;
        self.watch_silence(patience)?;
        Ok(None)
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
