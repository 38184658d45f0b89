//! A cell up to where its policy is in force and nothing was done under it: the point at which its guest is saved.

use std::time::{Duration, Instant};

use vmtest_proto::{GuestFacts, ToHost};

use super::{Job, Session, fatal, name, protocol};
use crate::{
    event::RunEvent,
    limits::Limits,
    link::{Heard, Link, Loss},
};

/// What became of a cell that was to be held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HoldEnded {
    /// Its policy is in force, and the guest waits.
    Held {
        /// What the guest says about itself.
        facts: GuestFacts,
        /// From the phase in which the agent is started until then.
        attach: Duration,
    },
    /// It was decided before, or the kernel complained: it has to be performed as a whole.
    NotHeld {
        /// What came instead.
        why: String,
    },
}

/// Has a guest that was just restored begin, with file systems in its own memory, and its cell be performed up to the act.
///
/// # Errors
/// The guest is lost.
pub fn hold(
    link: &mut impl Link,
    limits: Limits,
    file_systems: Vec<String>,
    job: &Job,
) -> Result<HoldEnded, Loss> {
    let mut ignore = |_: RunEvent| {};
    let mut session = Session::new(link, limits, "", 1, &mut ignore).mounting(file_systems).on_ram();
    let facts = session.begin()?;
    session.hold(job, facts)
}

impl<L: Link> Session<'_, L> {
    fn hold(&mut self, job: &Job, facts: GuestFacts) -> Result<HoldEnded, Loss> {
        let mut attach_begun = Instant::now();
        let until = attach_begun + self.limits.cell;
        let expected = job.cell.to_string();
        self.link.send(&job.request_to_hold())?;
        loop {
            match self.link.hear(self.limits.cell_silence, until)? {
                Heard::Message(ToHost::Progress { cell, phase }) if cell == expected => {
                    if phase == "attach" {
                        attach_begun = Instant::now();
                    }
                }
                Heard::Message(ToHost::Held { cell }) if cell == expected => {
                    let attach = attach_begun.elapsed();
                    // What was printed before it was held belongs to this cell, and would be lost with this guest.
                    return Ok(match self.link.complaint()? {
                        None => HoldEnded::Held { facts, attach },
                        Some(complaint) => HoldEnded::NotHeld { why: complaint.to_string() },
                    });
                }
                Heard::Message(ToHost::Verdict { cell, .. }) if cell == expected => {
                    return Ok(HoldEnded::NotHeld {
                        why: "it was over before its policy was in force".into(),
                    });
                }
                Heard::Message(ToHost::Fatal { reason }) => return Err(fatal(&reason)),
                Heard::Message(other) => return Err(protocol(format!("{} before held", name(&other)))),
                Heard::Complaint { reason, line } => {
                    return Ok(HoldEnded::NotHeld { why: format!("{reason}: `{line}`") });
                }
            }
        }
    }
}
