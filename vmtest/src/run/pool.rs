//! The workers of a run: each takes the next piece of work, until there is none.

use std::{
    path::PathBuf,
    sync::{
        Condvar, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use super::{BootImage, RunInput, RunKernel, expected_ms, give_up, shared::Boots};
use crate::{
    boot::BootPlan,
    event::RunEvent,
    limits::Limits,
    outcome::BrokenCause,
    schedule::{Next, Saved, Schedule, Task},
    session::Job,
    snapshot::{key::Keys, store::Snapshot},
};

/// How often a worker without work looks whether the user wants to stop.
const TICK: Duration = Duration::from_millis(100);

/// A kernel with its cells.
pub(super) struct Lane {
    pub(super) kernel: RunKernel,
    pub(super) image: BootImage,
    pub(super) jobs: Vec<Job>,
    pub(super) snapshot: OnceLock<Snapshot>,
    /// Boots so far, for numbering.
    pub(super) boots: AtomicU32,
    /// Guests lost in a row.
    pub(super) losses: AtomicU32,
    /// Cells that could not be saved with their policy in force.
    pub(super) not_attached: AtomicU32,
}

impl Lane {
    pub(super) fn new(kernel: RunKernel, image: BootImage, jobs: Vec<Job>) -> Self {
        let [boots, losses, not_attached] = [0; 3].map(AtomicU32::new);
        Self { kernel, image, jobs, snapshot: OnceLock::new(), boots, losses, not_attached }
    }

    pub(super) fn id(&self) -> &str {
        &self.kernel.id
    }
}

/// What the workers share.
pub(super) struct Pool<'a> {
    pub(super) input: &'a RunInput,
    pub(super) plan: &'a BootPlan,
    pub(super) limits: Limits,
    pub(super) lanes: Vec<Lane>,
    pub(super) keys: Keys,
    schedule: Mutex<Schedule>,
    changed: Condvar,
}

impl<'a> Pool<'a> {
    pub(super) fn new(input: &'a RunInput, plan: &'a BootPlan, limits: Limits, lanes: Vec<Lane>) -> Self {
        let durations: Vec<Vec<u64>> =
            lanes.iter().map(|lane| lane.jobs.iter().map(|job| expected_ms(input, job)).collect()).collect();
        let schedule = Schedule::new(&durations, input.jobs.max(1), input.snapshots.is_some());
        let (schedule, changed, keys) = (Mutex::new(schedule), Condvar::new(), Keys::default());
        Self { input, plan, limits, lanes, keys, schedule, changed }
    }

    /// One worker.
    pub(super) fn work(&self, emit: &mut dyn FnMut(RunEvent)) {
        while let Some(task) = self.next() {
            match task {
                Task::Save(lane) => {
                    let mut open = OpenSave { pool: self, lane, answered: false };
                    let how = self.save(&self.lanes[lane], emit);
                    open.answered = true;
                    self.saved(lane, how, emit);
                }
                Task::Cell(lane, cell) => {
                    if let Some(cause) = self.perform(&self.lanes[lane], cell, emit) {
                        self.give_up_lane(lane, &cause, emit);
                    }
                }
                Task::Shared(lane, cells) => self.share(&self.lanes[lane], &cells, emit),
            }
        }
    }

    fn next(&self) -> Option<Task> {
        let mut schedule = self.schedule();
        loop {
            if self.plan.interrupted.load(Ordering::Relaxed) {
                return None;
            }
            match schedule.take() {
                Next::Task(task) => return Some(task),
                Next::Done => return None,
                Next::Wait => {
                    let waited = self.changed.wait_timeout(schedule, TICK);
                    schedule = waited.unwrap_or_else(PoisonError::into_inner).0;
                }
            }
        }
    }

    fn saved(&self, lane: usize, how: Saved, emit: &mut dyn FnMut(RunEvent)) {
        let others = self.schedule().saved(lane, how);
        self.changed.notify_all();
        for other in others {
            let text = format!(
                "its cells share boots: the first snapshot of this run, that of {}, could not be made",
                self.lanes[lane].id()
            );
            emit(RunEvent::Remark { kernel: self.lanes[other].id().to_owned(), text });
        }
    }

    fn give_up_lane(&self, lane: usize, cause: &BrokenCause, emit: &mut dyn FnMut(RunEvent)) {
        let left = self.schedule().give_up(lane);
        let jobs: Vec<Job> = left.into_iter().map(|cell| self.lanes[lane].jobs[cell].clone()).collect();
        give_up(&jobs, cause, emit);
    }

    fn share(&self, lane: &Lane, cells: &[usize], emit: &mut dyn FnMut(RunEvent)) {
        let jobs: Vec<Job> = cells.iter().map(|cell| lane.jobs[*cell].clone()).collect();
        let (plan, traces) = (self.plan_of(lane), self.traces_of(lane));
        let (limits, id, image) = (self.limits, lane.id(), &lane.image);
        let file_systems = &lane.kernel.file_systems;
        let boots = lane.boots.load(Ordering::Relaxed);
        Boots { plan: &plan, limits, id, image, file_systems, traces: &traces, boots }.run(&jobs, emit);
    }

    /// The plan with the kernel's own modules, and its own words for its command line.
    pub(super) fn plan_of(&self, lane: &Lane) -> BootPlan {
        let mut plan = self.plan.clone();
        plan.initramfs = lane.kernel.initramfs.clone().unwrap_or(plan.initramfs);
        plan.kernel_parameters.extend(lane.kernel.parameters.iter().cloned());
        plan
    }

    pub(super) fn traces_of(&self, lane: &Lane) -> PathBuf {
        self.input.out.join(lane.id())
    }

    fn schedule(&self) -> MutexGuard<'_, Schedule> {
        self.schedule.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A snapshot that somebody waits for. A worker that panics must not leave the others waiting: its lane is given up, and
/// what is not decided is red.
struct OpenSave<'a> {
    pool: &'a Pool<'a>,
    lane: usize,
    answered: bool,
}

impl Drop for OpenSave<'_> {
    fn drop(&mut self) {
        if !self.answered {
            self.pool.schedule().saved(self.lane, Saved::GivenUp);
            self.pool.changed.notify_all();
        }
    }
}
