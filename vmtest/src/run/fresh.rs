//! A fresh guest for every cell: the kernel's snapshot, and what goes on from it.

use std::{collections::BTreeSet, fs, path::Path, sync::atomic::Ordering, time::Instant};

use super::{
    LOSSES_IN_A_ROW, give_up,
    pool::{Lane, Pool},
    shared::is_worth_a_retry,
};
use crate::{
    boot::BootPlan,
    disk,
    event::RunEvent,
    link::Loss,
    outcome::{BrokenCause, Outcome},
    schedule::Saved,
    session::{Job, Session, SessionEnd, millis},
    snapshot::{
        attached::restore_attached,
        restore::restore,
        save::{SaveFailure, Source, save},
        store::{Snapshot, SnapshotStore},
    },
};

/// A machine may die in its first moments; twice is no accident.
const ATTEMPTS: u32 = 2;

impl Pool<'_> {
    /// Makes the lane's snapshot, or finds it.
    pub(super) fn save(&self, lane: &Lane, emit: &mut dyn FnMut(RunEvent)) -> Saved {
        let Some(store) = &self.input.snapshots else { return Saved::Impossible };
        let failure = match self.find_or_make(lane, store, emit) {
            Ok(snapshot) => {
                // Nobody else saves this lane.
                return if lane.snapshot.set(snapshot).is_ok() { Saved::Yes } else { Saved::GivenUp };
            }
            Err(failure) => failure,
        };
        match failure {
            SaveFailure::Interrupted => Saved::GivenUp,
            SaveFailure::Boot(cause) => {
                give_up(&lane.jobs, &cause, emit);
                Saved::GivenUp
            }
            SaveFailure::Snapshot(reason) => {
                let text = format!("its cells share boots, because there is no snapshot: {reason}");
                emit(RunEvent::Remark { kernel: lane.id().to_owned(), text });
                Saved::Impossible
            }
        }
    }

    fn find_or_make(
        &self,
        lane: &Lane,
        store: &SnapshotStore,
        emit: &mut dyn FnMut(RunEvent),
    ) -> Result<Snapshot, SaveFailure> {
        let begun = Instant::now();
        let (plan, traces) = (self.plan_of(lane), self.traces_of(lane));
        let kernel = lane.id().to_owned();
        let key = self.keys.key(&plan, &lane.image.vmlinux)?;
        // Both the search and the making have something to say.
        let emit = std::cell::RefCell::new(emit);
        let say = |event| (*emit.borrow_mut())(event);
        let mut remark = |text| say(RunEvent::Remark { kernel: kernel.clone(), text });
        let mut make = |files: &_| {
            let mut attempt = 1;
            loop {
                let boot = lane.boots.fetch_add(1, Ordering::Relaxed) + 1;
                say(RunEvent::BootStarted { kernel: kernel.clone(), boot });
                let source = self.source(lane, &plan, &traces, boot);
                let saved =
                    save(source, files, &mut |text| say(RunEvent::Remark { kernel: kernel.clone(), text }));
                let Err(SaveFailure::Boot(cause)) = &saved else { return saved };
                let retry = attempt < ATTEMPTS && is_worth_a_retry(cause);
                let (kernel, cause) = (kernel.clone(), cause.clone());
                say(RunEvent::BootFailed { kernel, boot, cause, retry });
                if !retry {
                    return saved;
                }
                attempt += 1;
            }
        };
        let (snapshot, reused) = store.ensure(&key, &mut remark, &mut make)?;
        let (boot_ms, bytes, took_ms) = (snapshot.boot_ms(), snapshot.bytes(), millis(begun.elapsed()));
        say(RunEvent::SnapshotReady { kernel: kernel.clone(), took_ms, boot_ms, bytes, reused });
        Ok(snapshot)
    }

    /// Performs a cell of a lane that has its snapshot. Returns why the lane's other cells are to be given up, if they are.
    pub(super) fn perform(
        &self,
        lane: &Lane,
        cell: usize,
        emit: &mut dyn FnMut(RunEvent),
    ) -> Option<BrokenCause> {
        let (job, traces) = (&lane.jobs[cell], self.input.out.join(lane.jobs[cell].cell.folder()));
        let mut outcome = Outcome::NotRun;
        let mut watch = |event: RunEvent| {
            if let RunEvent::CellFinished { outcome: next, .. } = &event {
                outcome = std::mem::take(&mut outcome).merge(next.clone());
            }
            emit(event);
        };
        let lost = self.perform_in_fresh_guest(lane, job, &traces, &mut watch);
        if outcome == Outcome::Passed && !self.input.keep_traces {
            // A folder that can't be removed is in nobody's way.
            let _ = fs::remove_dir_all(&traces);
        }
        let Some(cause) = lost else {
            lane.losses.store(0, Ordering::Relaxed);
            return None;
        };
        let losses = lane.losses.fetch_add(1, Ordering::Relaxed) + 1;
        (losses >= LOSSES_IN_A_ROW).then(|| BrokenCause::Lab {
            message: format!(
                "not performed, because {losses} guests in a row were lost; the last one: {cause}"
            ),
        })
    }

    /// Returns why the guest was lost, if it was.
    fn perform_in_fresh_guest(
        &self,
        lane: &Lane,
        job: &Job,
        traces: &Path,
        emit: &mut dyn FnMut(RunEvent),
    ) -> Option<BrokenCause> {
        let mut attempt = 1;
        loop {
            let cause = match self.attempt(lane, job, traces, attempt, emit) {
                SessionEnd::Done | SessionEnd::Interrupted => return None,
                SessionEnd::Lost(cause) => return Some(cause),
                SessionEnd::BootFailed(cause) => cause,
            };
            let retry = attempt < ATTEMPTS && is_worth_a_retry(&cause);
            let cell = job.cell.clone();
            emit(RunEvent::RestoreFailed { cell, attempt, cause: cause.clone(), retry });
            if !retry {
                give_up(std::slice::from_ref(job), &cause, emit);
                return Some(cause);
            }
            attempt += 1;
        }
    }

    fn attempt(
        &self,
        lane: &Lane,
        job: &Job,
        traces: &Path,
        attempt: u32,
        emit: &mut dyn FnMut(RunEvent),
    ) -> SessionEnd {
        let Some(snapshot) = lane.snapshot.get() else {
            let message = "a cell was to be performed before its kernel had a snapshot".to_owned();
            return SessionEnd::BootFailed(BrokenCause::Lab { message });
        };
        let (plan, kernel) = (self.plan_of(lane), &lane.image.vmlinux);
        let kind = job.cell.file_system;
        // What could not be restored once is not tried a second time in the same way.
        let attached = (attempt == 1).then(|| self.attached(lane, snapshot, job, traces, emit)).flatten();
        let restored = match &attached {
            None => restore(&plan, self.limits, kernel, snapshot.files(), Some(kind), traces, attempt),
            Some((attached, _)) => {
                let source = self.source(lane, &plan, traces, attempt);
                restore_attached(source, snapshot.files(), attached.files(), None)
            }
        };
        let mut restored = match restored {
            Ok(restored) => restored,
            Err(Loss::Interrupted) => return SessionEnd::Interrupted,
            Err(Loss::Silent { waited }) => return SessionEnd::BootFailed(BrokenCause::NoHello { waited }),
            Err(Loss::Broken(cause)) => return SessionEnd::BootFailed(cause),
        };
        let session = Session::new(&mut restored.guest, self.limits, lane.id(), attempt, emit)
            .expecting(lane.image.release.as_deref())
            .mounting(disk::mounted(&BTreeSet::from([kind])));
        let loaded_ms = millis(restored.loaded);
        let end = match attached {
            None => session.run_restored(job, loaded_ms),
            Some((_, held)) => session.run_held(job, loaded_ms, held.boot_id),
        };
        let used = restored.guest.usage();
        // A machine that has ended can't be asked any more.
        if used.peak_kib > 0 {
            let cell = job.cell.clone();
            emit(RunEvent::GuestUsed { cell, cpu_ms: used.cpu_ms, peak_kib: used.peak_kib });
        }
        end
    }

    pub(super) fn source<'a>(
        &self,
        lane: &'a Lane,
        plan: &'a BootPlan,
        traces: &'a Path,
        boot: u32,
    ) -> Source<'a> {
        Source {
            plan,
            limits: self.limits,
            kernel: &lane.image.vmlinux,
            release: lane.image.release.as_deref(),
            traces,
            boot,
        }
    }
}
