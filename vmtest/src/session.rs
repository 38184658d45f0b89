//! One boot's conversation: hello, the cells one after the other, goodbye. No process, socket or file is named here.

use std::time::Instant;

use quell_scenarios::{
    judge::{Judgement, judge},
    record::Record,
    scenario::Expectation,
};
use vmtest_proto::{CellReport, GuestFacts, PROTOCOL_VERSION, ToGuest, ToHost};

use crate::{
    cell::CellId,
    event::RunEvent,
    limits::Limits,
    link::{Heard, Link, Loss},
    outcome::{BrokenCause, Outcome},
};

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
    /// Cells decided in this boot: a further word about one of them is a second verdict.
    decided: Vec<CellId>,
}

/// What a comparison in a guest came to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Comparison {
    /// Whether it ended and found no difference.
    pub agree: bool,
    /// The last line that it printed: its report, when it came that far.
    pub last: Option<serde_json::Value>,
    /// How it ended, and what it said beside its lines.
    pub errors: String,
    /// What the kernel complained about meanwhile.
    pub complaints: Vec<String>,
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
        Self { link, limits, kernel, boot, release: None, emit, decided: Vec::new() }
    }

    /// Refuses a guest that runs another kernel than this release: its cells would stand in the wrong column.
    #[must_use]
    pub fn expecting(mut self, release: &'a str) -> Self {
        self.release = Some(release);
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
            if let Err(end) = self.perform(job) {
                return (end, self.decided.len());
            }
        }
        let cause = match self.goodbye() {
            Ok(()) => {
                (self.emit)(RunEvent::GuestEnded { kernel: self.kernel.to_owned(), boot: self.boot });
                return (SessionEnd::Done, self.decided.len());
            }
            Err(Loss::Interrupted) => return (SessionEnd::Interrupted, self.decided.len()),
            Err(Loss::Silent { waited }) => BrokenCause::NoAnswer { phase: "power-off".to_owned(), waited },
            Err(Loss::Broken(cause)) => cause,
        };
        // A guest that does not survive its own end casts doubt on what it did last.
        self.doubt_last(cause.clone());
        (SessionEnd::Lost(cause), self.decided.len())
    }

    /// Has the enforcer in the guest say what it finds in the kernel; the text is its own.
    ///
    /// # Errors
    /// The guest did not boot, or did not answer.
    pub fn kernel_facts(mut self) -> Result<String, Loss> {
        let facts = self.hello()?;
        self.ready(facts);
        let until = Instant::now() + self.limits.cell;
        self.link.send(&ToGuest::KernelFacts)?;
        let toml = loop {
            match self.link.hear(self.limits.cell_silence, until)? {
                Heard::Message(ToHost::KernelFacts { toml }) => break toml,
                Heard::Message(other) => return Err(self.unexpected(other, "instead of kernel facts")),
                Heard::Complaint { reason, line } => self.remark(format!("{reason}: `{line}`")),
            }
        };
        self.goodbye()?;
        Ok(toml)
    }

    /// Has model and kernel compared in the guest. A complaint of the kernel meanwhile is a difference too: nothing that
    /// the comparison does may make it complain.
    ///
    /// # Errors
    /// The guest did not boot, or did not answer.
    pub fn compare(
        mut self,
        cases: u64,
        seed: u64,
        within: std::time::Duration,
        heard: &mut dyn FnMut(&serde_json::Value),
    ) -> Result<Comparison, Loss> {
        let facts = self.hello()?;
        self.ready(facts);
        let until = Instant::now() + within;
        self.link.send(&ToGuest::Compare { cases, seed })?;
        let mut seen = Comparison::default();
        loop {
            match self.link.hear(self.limits.cell_silence, until)? {
                Heard::Message(ToHost::Difference { line }) => {
                    heard(&line);
                    seen.last = Some(line);
                }
                Heard::Message(ToHost::Compared { agree, errors }) => {
                    (seen.agree, seen.errors) = (agree, errors);
                    break;
                }
                Heard::Message(other) => return Err(self.unexpected(other, "during a comparison")),
                Heard::Complaint { reason, line } => seen.complaints.push(format!("{reason}: `{line}`")),
            }
        }
        while let Some(complaint) = self.link.complaint()? {
            seen.complaints.push(complaint.to_string());
        }
        self.goodbye()?;
        Ok(seen)
    }

    fn hello(&mut self) -> Result<GuestFacts, Loss> {
        let until = Instant::now() + self.limits.boot;
        loop {
            match self.link.hear(self.limits.boot_silence, until)? {
                Heard::Message(ToHost::Hello { version, facts }) => {
                    if version != PROTOCOL_VERSION {
                        let what = format!("guest speaks version {version}, this lab {PROTOCOL_VERSION}");
                        return Err(protocol(what));
                    }
                    return match self.release {
                        Some(release) if release != facts.release => Err(protocol(format!(
                            "guest runs kernel {}, and {release} was booted",
                            facts.release
                        ))),
                        _ => Ok(facts),
                    };
                }
                Heard::Message(ToHost::Fatal { reason }) => return Err(fatal(&reason)),
                Heard::Message(other) => return Err(protocol(format!("{} before hello", name(&other)))),
                Heard::Complaint { reason, line } => self.remark(format!("during boot: {reason}: `{line}`")),
            }
        }
    }

    fn ready(&mut self, facts: GuestFacts) {
        let boot_ms = millis(self.link.age());
        let (kernel, boot) = (self.kernel.to_owned(), self.boot);
        (self.emit)(RunEvent::GuestReady { kernel, boot, boot_ms, facts });
    }

    /// Performs one cell. `Err` means that the guest can't be used any more; the cell is decided all the same, unless
    /// the user stopped it.
    fn perform(&mut self, job: &Job) -> Result<(), SessionEnd> {
        (self.emit)(RunEvent::CellStarted { cell: job.cell.clone() });
        let mut current =
            Current { job, started: Instant::now(), phase: "request".to_owned(), complaint: None };
        let request = ToGuest::Run {
            cell: job.cell.to_string(),
            file_system: job.file_system.clone(),
            scenario: job.scenario.clone(),
        };
        let report = self.link.send(&request).and_then(|()| self.verdict(&mut current));
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

    fn goodbye(&mut self) -> Result<(), Loss> {
        let until = Instant::now() + self.limits.farewell;
        self.link.send(&ToGuest::PowerOff)?;
        loop {
            match self.link.hear(self.limits.cell_silence, until)? {
                Heard::Message(ToHost::Bye) => break,
                Heard::Message(other) => return Err(self.unexpected(other, "after the last cell")),
                Heard::Complaint { reason, line } => {
                    self.doubt_last(BrokenCause::KernelComplained { reason, line });
                }
            }
        }
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
        ToHost::Progress { .. } => "progress of another cell",
        ToHost::Verdict { .. } => "verdict",
        ToHost::KernelFacts { .. } => "kernel facts",
        ToHost::Difference { .. } => "a line of a comparison",
        ToHost::Compared { .. } => "the end of a comparison",
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
