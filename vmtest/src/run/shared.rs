//! Cells of a kernel that share boots: one after the other, and a fresh boot when a guest is lost.

use std::{collections::BTreeSet, path::Path};

use quell_scenarios::scenario::FileSystem;
use vmtest_proto::ToGuest;

use super::{BootImage, LOSSES_IN_A_ROW, give_up};
use crate::{
    boot::{self, BootPlan},
    disk,
    event::RunEvent,
    limits::Limits,
    outcome::BrokenCause,
    session::{Job, Session, SessionEnd},
};

/// All boots of one kernel.
pub(super) struct Boots<'a> {
    /// With the kernel's own words for its command line.
    pub(super) plan: &'a BootPlan,
    pub(super) limits: Limits,
    pub(super) id: &'a str,
    pub(super) image: &'a BootImage,
    pub(super) file_systems: &'a BTreeSet<FileSystem>,
    pub(super) traces: &'a Path,
    /// Boots that this kernel has already had.
    pub(super) boots: u32,
}

impl Boots<'_> {
    pub(super) fn run(&self, jobs: &[Job], emit: &mut dyn FnMut(RunEvent)) {
        let mut rest = jobs;
        let mut retried = false;
        let mut losses = 0;
        let mut boot = self.boots;
        while !rest.is_empty() {
            boot += 1;
            emit(RunEvent::BootStarted { kernel: self.id.to_owned(), boot });
            let (end, decided) = self.boot(boot, rest, emit);
            rest = rest.get(decided..).unwrap_or_default();
            match end {
                SessionEnd::Done => {}
                SessionEnd::Interrupted => return,
                SessionEnd::BootFailed(cause) => {
                    let retry = !retried && is_worth_a_retry(&cause);
                    retried = true;
                    let kernel = self.id.to_owned();
                    emit(RunEvent::BootFailed { kernel, boot, cause: cause.clone(), retry });
                    if !retry {
                        return give_up(rest, &cause, emit);
                    }
                }
                SessionEnd::Lost(cause) => {
                    emit(RunEvent::GuestLost { kernel: self.id.to_owned(), boot, cause: cause.clone() });
                    losses = if decided <= 1 { losses + 1 } else { 1 };
                    if losses >= LOSSES_IN_A_ROW {
                        let message = format!(
                            "not performed, because {losses} guests in a row were lost; the last one: {cause}"
                        );
                        return give_up(rest, &BrokenCause::Lab { message }, emit);
                    }
                }
            }
        }
    }

    fn boot(&self, boot: u32, jobs: &[Job], emit: &mut dyn FnMut(RunEvent)) -> (SessionEnd, usize) {
        let requests = jobs.iter().map(Job::request).chain([ToGuest::PowerOff]).collect();
        let (kernel, file_systems) = (&self.image.vmlinux, self.file_systems);
        match boot::start_foretold(self.plan, kernel, file_systems, self.traces, boot, requests) {
            Ok((guest, _directory)) => {
                let session = Session::new(guest, self.limits, self.id, boot, emit)
                    .mounting(disk::mounted(file_systems));
                session.expecting(self.image.release.as_deref()).run(jobs)
            }
            Err(error) => (SessionEnd::BootFailed(BrokenCause::Lab { message: error.to_string() }), 0),
        }
    }
}

/// Emulated machines die now and then while their kernel patches itself early in the boot. What the guest or the lab
/// said about itself is no accident and is the same the next time.
pub(super) fn is_worth_a_retry(cause: &BrokenCause) -> bool {
    matches!(
        cause,
        BrokenCause::QemuEnded { .. }
            | BrokenCause::KernelCrashed { .. }
            | BrokenCause::NoHello { .. }
            | BrokenCause::Clock { .. }
    )
}
