//! A guest's conversation: hello, begin, the cells one after the other, goodbye. No process or socket is named here.

pub mod bench;
mod exec;

use std::time::Instant;

use quell_scenarios::{
    judge::{Judgement, judge},
    record::Record,
    scenario::Expectation,
};
use vmtest_proto::{CellReport, GuestFacts, ToGuest, ToHost};

use crate::{
    begin,
    cell::CellId,
    event::RunEvent,
    limits::Limits,
    link::{Heard, Link, Loss},
    outcome::{BrokenCause, Outcome},
};

mod ask;
mod greet;
mod hold;

pub use ask::{Comparison, PlanAnswer};
pub use exec::{ExecEnded, ExecLoss, Said, User};
pub use greet::{greet, only_begin};
pub use hold::{HoldEnded, hold};

/// A cell as a session performs it.
#[derive(Clone, Debug)]
pub struct Job {
    /// Which.
    pub cell: CellId,
    /// What has to be seen.
    pub expect: Expectation,
    /// File system and scenario, as they travel.
    pub file_system: serde_json::Value,
    /// The self-contained scenario.
    pub scenario: serde_json::Value,
}

impl Job {
    /// What the guest is sent.
    #[must_use]
    pub fn request(&self) -> ToGuest {
        self.asked(false)
    }

    /// The same for a guest that is to wait once the policy is in force.
    #[must_use]
    pub fn request_to_hold(&self) -> ToGuest {
        self.asked(true)
    }

    fn asked(&self, hold: bool) -> ToGuest {
        ToGuest::Run {
            cell: self.cell.to_string(),
            file_system: self.file_system.clone(),
            scenario: self.scenario.clone(),
            hold,
        }
    }
}

/// How a session ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SessionEnd {
    /// Every cell was decided and the guest ended as asked.
    Done,
    /// The guest never said hello.
    BootFailed(BrokenCause),
    /// The guest is gone. Cells that it had decided stay decided; the one it was performing is broken.
    Lost(BrokenCause),
    /// The user wants to stop.
    Interrupted,
}

/// One boot of one kernel.
pub struct Session<'a, L> {
    link: L,
    limits: Limits,
    kernel: &'a str,
    boot: u32,
    /// `uname -r` that the guest has to report, when it is known.
    release: Option<&'a str>,
    emit: &'a mut dyn FnMut(RunEvent),
    /// What the guest is told to mount.
    file_systems: Vec<String>,
    /// Whether it is told to mount it from its own memory.
    on_ram: bool,
    /// Cells decided in this boot: a further word about one of them is a second verdict.
    decided: Vec<CellId>,
}

/// The cell being performed.
struct Current<'a> {
    job: &'a Job,
    started: Instant,
    phase: String,
    complaint: Option<BrokenCause>,
}

impl<'a, L: Link> Session<'a, L> {
    /// A session with a machine that was just started.
    pub fn new(
        link: L,
        limits: Limits,
        kernel: &'a str,
        boot: u32,
        emit: &'a mut dyn FnMut(RunEvent),
    ) -> Self {
        Self {
            link,
            limits,
            kernel,
            boot,
            release: None,
            emit,
            file_systems: Vec::new(),
            on_ram: false,
            decided: Vec::new(),
        }
    }

    /// Has the guest mount these file systems, as [`crate::disk::mounted`] names them.
    #[must_use]
    pub fn mounting(mut self, file_systems: Vec<String>) -> Self {
        self.file_systems = file_systems;
        self
    }

    /// Has it mount them from its own memory, as far as its image has them.
    #[must_use]
    pub fn on_ram(mut self) -> Self {
        self.on_ram = true;
        self
    }

    /// Refuses a guest that runs another kernel than this release, if it is known: its cells would stand in the wrong column.
    #[must_use]
    pub fn expecting(mut self, release: Option<&'a str>) -> Self {
        self.release = release;
        self
    }

    /// Performs `jobs` in order; returns how it ended and how many of them were decided.
    pub fn run(mut self, jobs: &[Job]) -> (SessionEnd, usize) {
        match self.hello() {
            Ok(facts) => self.ready(facts),
            Err(Loss::Interrupted) => return (SessionEnd::Interrupted, 0),
            Err(Loss::Silent { waited }) => {
                return (SessionEnd::BootFailed(BrokenCause::NoHello { waited }), 0);
            }
            Err(Loss::Broken(cause)) => return (SessionEnd::BootFailed(cause), 0),
        }
        for job in jobs {
            if let Err(end) = self.perform(job, &job.request()) {
                return (end, self.decided.len());
            }
        }
        let ended = self.goodbye();
        let end = self.settle(ended);
        if end == SessionEnd::Done {
            (self.emit)(RunEvent::GuestEnded { kernel: self.kernel.to_owned(), boot: self.boot });
        }
        (end, self.decided.len())
    }

    /// Performs one cell in a guest that was just restored; `loaded_ms` is from the start of QEMU until the snapshot's state was there. The guest's end is the caller's: nobody waits for it to switch itself off.
    pub fn run_restored(mut self, job: &Job, loaded_ms: u64) -> SessionEnd {
        let facts = match self.begin() {
            Ok(facts) => facts,
            Err(Loss::Interrupted) => return SessionEnd::Interrupted,
            Err(Loss::Silent { waited }) => {
                return SessionEnd::BootFailed(BrokenCause::NoHello { waited });
            }
            Err(Loss::Broken(cause)) => return SessionEnd::BootFailed(cause),
        };
        self.restored(job, loaded_ms, facts.boot_id);
        self.perform_alone(job, &job.request())
    }

    /// The same with a guest that goes on from where the policy of its cell was in force. `boot_id` is what it called itself
    /// before it was saved.
    pub fn run_held(mut self, job: &Job, loaded_ms: u64, boot_id: String) -> SessionEnd {
        let go = match begin::go_on() {
            Ok(go) => go,
            Err(Loss::Broken(cause)) => return SessionEnd::BootFailed(cause),
            Err(Loss::Silent { .. } | Loss::Interrupted) => return SessionEnd::Interrupted,
        };
        self.restored(job, loaded_ms, boot_id);
        self.perform_alone(job, &go)
    }

    fn restored(&mut self, job: &Job, loaded_ms: u64, boot_id: String) {
        let (cell, restore_ms) = (job.cell.clone(), millis(self.link.age()));
        (self.emit)(RunEvent::GuestRestored { cell, attempt: self.boot, loaded_ms, restore_ms, boot_id });
    }

    fn perform_alone(mut self, job: &Job, opening: &ToGuest) -> SessionEnd {
        if let Err(end) = self.perform(job, opening) {
            return end;
        }
        let ended = self.farewell();
        self.settle(ended)
    }

    /// A guest that does not survive its own end casts doubt on what it did last.
    fn settle(&mut self, ended: Result<(), Loss>) -> SessionEnd {
        let cause = match ended {
            Ok(()) => return SessionEnd::Done,
            Err(Loss::Interrupted) => return SessionEnd::Interrupted,
            Err(Loss::Silent { waited }) => BrokenCause::NoAnswer { phase: "power-off".to_owned(), waited },
            Err(Loss::Broken(cause)) => cause,
        };
        self.doubt_last(cause.clone());
        SessionEnd::Lost(cause)
    }

    /// Waits for a guest that was just started, and has it begin.
    fn hello(&mut self) -> Result<GuestFacts, Loss> {
        greet(&mut self.link, self.limits, &mut |text| {
            let kernel = self.kernel.to_owned();
            (self.emit)(RunEvent::Remark { kernel, text });
        })?;
        self.begin()
    }

    /// Tells the guest what time it is, and waits until it is ready for cells.
    fn begin(&mut self) -> Result<GuestFacts, Loss> {
        let until = Instant::now() + self.limits.boot;
        self.link.send(&begin::message(&self.file_systems, self.on_ram)?)?;
        loop {
            match self.link.hear(self.limits.boot_silence, until)? {
                Heard::Message(ToHost::Ready { facts }) => {
                    return match self.release {
                        Some(release) if release != facts.release => Err(protocol(format!(
                            "guest runs kernel {}, and {release} was booted",
                            facts.release
                        ))),
                        _ => Ok(facts),
                    };
                }
                Heard::Message(ToHost::Fatal { reason }) => return Err(fatal(&reason)),
                Heard::Message(other) => return Err(protocol(format!("{} before ready", name(&other)))),
                Heard::Complaint { reason, line } => self.remark(format!("during boot: {reason}: `{line}`")),
            }
        }
    }

    fn ready(&mut self, facts: GuestFacts) {
        let boot_ms = millis(self.link.age());
        let (kernel, boot) = (self.kernel.to_owned(), self.boot);
        (self.emit)(RunEvent::GuestReady { kernel, boot, boot_ms, facts });
    }

    /// Performs one cell, which begins with this message. `Err` means that the guest can't be used any more; the cell is decided
    /// all the same, unless the user stopped it.
    fn perform(&mut self, job: &Job, opening: &ToGuest) -> Result<(), SessionEnd> {
        (self.emit)(RunEvent::CellStarted { cell: job.cell.clone() });
        let mut current =
            Current { job, started: Instant::now(), phase: "request".to_owned(), complaint: None };
        let report = self.link.send(opening).and_then(|()| self.verdict(&mut current));
        let (outcome, record, end) = match report {
            Ok(report) => {
                let (outcome, record) = decide(&job.expect, report, current.complaint.take());
                (outcome, record, Ok(()))
            }
            Err(Loss::Interrupted) => return Err(SessionEnd::Interrupted),
            Err(loss) => {
                let cause = match loss {
                    Loss::Silent { waited } => BrokenCause::NoAnswer { phase: current.phase.clone(), waited },
                    Loss::Broken(cause) => cause,
                    Loss::Interrupted => return Err(SessionEnd::Interrupted),
                };
                (Outcome::Broken(cause.clone()), None, Err(SessionEnd::Lost(cause)))
            }
        };
        self.decided.push(job.cell.clone());
        self.finish(job.cell.clone(), outcome, record.map(Box::new), millis(current.started.elapsed()));
        end
    }

    fn verdict(&mut self, current: &mut Current<'_>) -> Result<CellReport, Loss> {
        let until = current.started + self.limits.cell;
        let expected = current.job.cell.to_string();
        loop {
            match self.link.hear(self.limits.cell_silence, until)? {
                Heard::Message(ToHost::Progress { cell, phase }) if cell == expected => {
                    current.phase.clone_from(&phase);
                    (self.emit)(RunEvent::CellPhase { cell: current.job.cell.clone(), phase });
                }
                Heard::Message(ToHost::Verdict { cell, report }) if cell == expected => {
                    // What was printed just before the verdict belongs to this cell, not to the next one.
                    while let Some(complaint) = self.link.complaint()? {
                        current.complaint.get_or_insert(complaint);
                    }
                    return Ok(report);
                }
                Heard::Message(other) => return Err(self.unexpected(other, &format!("during {expected}"))),
                Heard::Complaint { reason, line } => {
                    current.complaint.get_or_insert(BrokenCause::KernelComplained { reason, line });
                }
            }
        }
    }

    /// Asks for the end and waits for the answer: what the guest has to say about its last cell, it has said by then.
    fn farewell(&mut self) -> Result<(), Loss> {
        let until = Instant::now() + self.limits.farewell;
        self.link.send(&ToGuest::PowerOff)?;
        loop {
            match self.link.hear(self.limits.cell_silence, until)? {
                Heard::Message(ToHost::Bye) => return Ok(()),
                Heard::Message(other) => return Err(self.unexpected(other, "after the last cell")),
                Heard::Complaint { reason, line } => {
                    self.doubt_last(BrokenCause::KernelComplained { reason, line });
                }
            }
        }
    }

    fn goodbye(&mut self) -> Result<(), Loss> {
        self.farewell()?;
        let ended = self.link.wait_for_end(self.limits.farewell)?;
        while let Some(complaint) = self.link.complaint()? {
            self.doubt_last(complaint);
        }
        if ended {
            return Ok(());
        }
        Err(Loss::Silent { waited: format!("still running {} s after bye", self.limits.farewell.as_secs()) })
    }

    /// A message that the protocol forbids here. When it is a further verdict about a decided cell, that cell is no
    /// longer what it was.
    fn unexpected(&mut self, message: ToHost, when: &str) -> Loss {
        let what = match message {
            ToHost::Fatal { reason } => return fatal(&reason),
            ToHost::Verdict { cell, .. } => {
                match self.decided.iter().find(|decided| decided.to_string() == cell).cloned() {
                    Some(decided) => {
                        let what = format!("guest reported {cell} twice");
                        let twice = BrokenCause::Protocol { what: what.clone() };
                        self.finish(decided, Outcome::Broken(twice), None, 0);
                        format!("{what}, the second time {when}")
                    }
                    None => format!("verdict for {cell}, which was not asked for, {when}"),
                }
            }
            other => format!("{} {when}", name(&other)),
        };
        protocol(what)
    }

    /// What goes wrong after the last cell breaks that cell; without any cell it is a remark.
    fn doubt_last(&mut self, cause: BrokenCause) {
        match self.decided.last().cloned() {
            Some(last) => self.finish(last, Outcome::Broken(cause), None, 0),
            None => self.remark(format!("without any cell: {cause}")),
        }
    }

    fn finish(&mut self, cell: CellId, outcome: Outcome, record: Option<Box<Record>>, took_ms: u64) {
        (self.emit)(RunEvent::CellFinished { cell, outcome, record, took_ms });
    }

    fn remark(&mut self, text: String) {
        (self.emit)(RunEvent::Remark { kernel: self.kernel.to_owned(), text });
    }
}

/// Turns what the guest reported into an outcome.
fn decide(
    expect: &Expectation,
    report: CellReport,
    complaint: Option<BrokenCause>,
) -> (Outcome, Option<Record>) {
    let record = match report {
        CellReport::Error(message) => return (Outcome::Broken(BrokenCause::Runner { message }), None),
        CellReport::Record(value) => match serde_json::from_value::<Record>(value) {
            Ok(record) => record,
            Err(error) => {
                let what = format!("guest sent a record that nobody can read: {error}");
                return (Outcome::Broken(BrokenCause::Protocol { what }), None);
            }
        },
    };
    let outcome = match (complaint, judge(expect, &record)) {
        (Some(cause), _) => Outcome::Broken(cause),
        (None, Judgement::Passed) => Outcome::Passed,
        (None, Judgement::Failed(reasons)) => Outcome::Failed(reasons),
        (None, Judgement::Broken(message)) => Outcome::Broken(BrokenCause::Proof { message }),
    };
    (outcome, Some(record))
}

fn name(message: &ToHost) -> &'static str {
    match message {
        ToHost::Hello { .. } => "hello",
        ToHost::Ready { .. } => "ready",
        ToHost::Progress { .. } => "progress of another cell",
        ToHost::Held { .. } => "held",
        ToHost::Verdict { .. } => "verdict",
        ToHost::KernelFacts { .. } => "kernel facts",
        ToHost::Difference { .. } => "a line of a comparison",
        ToHost::Compared { .. } => "the end of a comparison",
        ToHost::PlansChecked { .. } => "plans",
        ToHost::PlanRan { .. } => "a policy that was run",
        ToHost::BenchSeen(_) => "measured calls",
        ToHost::BenchDone => "an end of measuring",
        ToHost::PlansDone => "the end of plans",
        ToHost::Output { .. } => "output of a program",
        ToHost::InputTaken { .. } => "input that was taken",
        ToHost::Alive => "a sign of life",
        ToHost::Exited(_) => "the end of a program",
        ToHost::Fatal { .. } => "fatal",
        ToHost::Bye => "bye",
    }
}

fn protocol(what: String) -> Loss {
    Loss::Broken(BrokenCause::Protocol { what })
}

fn fatal(reason: &str) -> Loss {
    Loss::Broken(BrokenCause::Lab { message: format!("PID 1 of the guest gave up: {reason}") })
}

/// Whole milliseconds; a run of half a billion years saturates.
pub(crate) fn millis(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
