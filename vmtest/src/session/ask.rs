//! Questions to a guest that are no cells: what the kernel has, whether model and kernel agree, what becomes of policies.

use std::time::Instant;

use vmtest_proto::{PlanRequest, ToGuest, ToHost};

use super::Session;
use crate::link::{Heard, Link, Loss};

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

/// A part of what became of policies in a guest.
#[derive(Clone, Debug, PartialEq)]
pub enum PlanAnswer {
    /// What `quell check --this-kernel --format json` printed about one.
    Checked(serde_json::Value),
    /// What `quell run` did with one.
    Ran {
        /// The name of its file.
        name: String,
        /// Whether it came into force.
        in_force: bool,
        /// How the enforcer ended.
        status: String,
        /// The report that it left, or null.
        report: serde_json::Value,
        /// What it said.
        errors: String,
    },
    /// The kernel complained.
    Complaint(String),
}

impl<L: Link> Session<'_, L> {
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
        self,
        cases: u64,
        seed: u64,
        within: std::time::Duration,
        heard: &mut dyn FnMut(&serde_json::Value),
    ) -> Result<Comparison, Loss> {
        self.listen(&ToGuest::Compare { cases, seed }, within, heard)
    }

    /// Has the policies of the image loaded by two loaders in the guest.
    ///
    /// # Errors
    /// The guest did not boot, or did not answer.
    pub fn load(
        self,
        within: std::time::Duration,
        heard: &mut dyn FnMut(&serde_json::Value),
    ) -> Result<Comparison, Loss> {
        self.listen(&ToGuest::Load, within, heard)
    }

    fn listen(
        mut self,
        question: &ToGuest,
        within: std::time::Duration,
        heard: &mut dyn FnMut(&serde_json::Value),
    ) -> Result<Comparison, Loss> {
        let facts = self.hello()?;
        self.ready(facts);
        let until = Instant::now() + within;
        self.link.send(question)?;
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

    /// Has the enforcer in the guest say what it will do with policies, and do it.
    ///
    /// # Errors
    /// The guest did not boot, or did not answer.
    pub fn plans(
        mut self,
        policies: Vec<PlanRequest>,
        without: Vec<String>,
        within: std::time::Duration,
        heard: &mut dyn FnMut(PlanAnswer),
    ) -> Result<(), Loss> {
        let facts = self.hello()?;
        self.ready(facts);
        let until = Instant::now() + within;
        self.link.send(&ToGuest::Plans { policies, without })?;
        loop {
            match self.link.hear(self.limits.cell_silence, until)? {
                Heard::Message(ToHost::PlansChecked { file }) => heard(PlanAnswer::Checked(file)),
                Heard::Message(ToHost::PlanRan { name, in_force, status, report, errors }) => {
                    heard(PlanAnswer::Ran { name, in_force, status, report, errors });
                }
                Heard::Message(ToHost::PlansDone) => break,
                Heard::Message(other) => return Err(self.unexpected(other, "while plans were asked for")),
                Heard::Complaint { reason, line } => {
                    heard(PlanAnswer::Complaint(format!("{reason}: `{line}`")));
                }
            }
        }
        self.goodbye()
    }
}
