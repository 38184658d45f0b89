//! A session in which calls are measured instead of cells performed.

use std::time::{Duration, Instant};

use vmtest_proto::{BenchRequest, BenchSeen, GuestFacts, ToGuest, ToHost};

use super::Session;
use crate::{
    limits::Patience,
    link::{Heard, Link, Loss},
};

/// What a measuring guest said.
#[derive(Clone, Debug)]
pub struct Measured {
    /// What its kernel says about itself.
    pub facts: GuestFacts,
    /// What the kernel complained about meanwhile.
    pub complaints: Vec<String>,
}

impl<L: Link> Session<'_, L> {
    /// Has calls measured in the guest; `heard` is told of every pass as soon as it is over.
    ///
    /// # Errors
    /// The guest did not boot, could not measure, or did not answer.
    pub fn bench(
        mut self,
        request: BenchRequest,
        within: Duration,
        heard: &mut dyn FnMut(BenchSeen),
    ) -> Result<Measured, Loss> {
        let facts = self.hello()?;
        self.ready(facts.clone());
        let until = Instant::now() + within;
        let patience = Patience { cpu: within, wall: within };
        let mut complaints = Vec::new();
        self.link.send(&ToGuest::Bench(request))?;
        loop {
            match self.link.hear(patience, until)? {
                Heard::Message(ToHost::BenchSeen(seen)) => heard(*seen),
                Heard::Message(ToHost::BenchDone) => break,
                Heard::Message(other) => return Err(self.unexpected(other, "while calls were measured")),
                Heard::Complaint { reason, line } => complaints.push(format!("{reason}: `{line}`")),
            }
        }
        while let Some(complaint) = self.link.complaint()? {
            complaints.push(complaint.to_string());
        }
        self.goodbye()?;
        Ok(Measured { facts, complaints })
    }
}
