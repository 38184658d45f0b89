//! Runs a plan: a boot per kernel, its cells in sequence, kernels in parallel, and a fresh boot when a guest is lost.
//!
//! Everything that happens leaves as a [`RunEvent`]; nothing here knows what a report looks like.

use std::{
    collections::{BTreeMap, VecDeque},
    path::PathBuf,
    sync::{
        Mutex, PoisonError,
        atomic::Ordering,
        mpsc::{self, Sender},
    },
    thread,
    time::Instant,
};

use quell_scenarios::scenario::Scenario;

use crate::{
    accel,
    boot::{self, BootPlan},
    event::{EVENTS_VERSION, EventLine, PlannedCell, RunEvent},
    limits::Limits,
    matrix::Decision,
    outcome::{BrokenCause, Outcome},
    session::{Job, Session, SessionEnd, millis},
};

/// After so many guests in a row that were lost in their first cell, the kernel's other cells are given up: each
/// loss may cost minutes, and the fourth one teaches nothing.
const LOSSES_IN_A_ROW: u32 = 3;

/// A kernel that can be booted, or the reason why it can't.
#[derive(Clone, Debug)]
pub struct RunKernel {
    /// Catalogue id.
    pub id: String,
    /// Its files.
    pub image: Result<BootImage, String>,
}

/// Files and names of a kernel.
#[derive(Clone, Debug)]
pub struct BootImage {
    /// `uname -r` of its package.
    pub release: String,
    /// Version of its package.
    pub package: String,
    /// Uncompressed, with a PVH entry.
    pub vmlinux: PathBuf,
    /// Whether it can use the ext4 disk without modules.
    pub has_disk: bool,
}

/// Everything that a run needs; nothing is looked up later.
pub struct RunInput {
    /// All cells, skipped ones included, in matrix order.
    pub cells: Vec<PlannedCell>,
    /// The scenarios of the cells.
    pub scenarios: Vec<Scenario>,
    /// The kernels of the cells.
    pub kernels: Vec<RunKernel>,
    /// What all boots have in common; its accelerator is replaced by the choice.
    pub boot: BootPlan,
    /// What the user asked for.
    pub accel: accel::Wanted,
    /// Changes the limits that go with the accelerator.
    pub limits: Box<dyn Fn(Limits) -> Limits + Send + Sync>,
    /// Guests at a time.
    pub jobs: usize,
    /// Where traces go, one directory per kernel.
    pub out: PathBuf,
}

/// Runs it. Events arrive in order and on the calling thread.
pub fn run(input: &RunInput, on_event: &mut dyn FnMut(EventLine)) {
    let started = Instant::now();
    let mut stamp = |event| {
        on_event(EventLine { version: EVENTS_VERSION, at_ms: millis(started.elapsed()), event });
    };
    stamp(RunEvent::RunStarted {
        qemu: input.boot.version.to_string(),
        kernels: input.kernels.iter().map(|kernel| kernel.id.clone()).collect(),
        cells: input.cells.clone(),
        jobs: input.jobs,
    });
    let mut queue = VecDeque::new();
    for kernel in &input.kernels {
        let jobs = jobs_of(input, &kernel.id);
        match &kernel.image {
            Ok(image) => {
                let (release, package) = (image.release.clone(), image.package.clone());
                stamp(RunEvent::KernelObtained { kernel: kernel.id.clone(), release, package });
                if !jobs.is_empty() {
                    queue.push_back((kernel.id.clone(), image.clone(), jobs));
                }
            }
            Err(reason) => give_up(&jobs, &BrokenCause::Lab { message: reason.clone() }, &mut stamp),
        }
    }
    if let Some((_, image, _)) = queue.front() {
        let choice = accel::choose(input.accel, &input.boot, &image.vmlinux, &input.out.join("trial"));
        let plan = BootPlan { accel: choice.accel, ..input.boot.clone() };
        let limits = (input.limits)(Limits::of(choice.accel));
        let accel::Choice { accel, reason, trial_ms } = choice;
        stamp(RunEvent::AccelChosen { accel, reason, trial_ms });
        run_queue(input, &plan, limits, queue, started, on_event);
    }
    let interrupted = input.boot.interrupted.load(Ordering::Relaxed);
    let event = RunEvent::RunFinished { interrupted };
    on_event(EventLine { version: EVENTS_VERSION, at_ms: millis(started.elapsed()), event });
}

type Queue = VecDeque<(String, BootImage, Vec<Job>)>;

fn run_queue(
    input: &RunInput,
    plan: &BootPlan,
    limits: Limits,
    queue: Queue,
    started: Instant,
    on_event: &mut dyn FnMut(EventLine),
) {
    let queue = Mutex::new(queue);
    let (sender, receiver) = mpsc::channel();
    thread::scope(|scope| {
        for _ in 0..input.jobs.max(1) {
            let (sender, queue) = (sender.clone(), &queue);
            scope.spawn(move || {
                while let Some((id, image, jobs)) = next(queue) {
                    let boots = Boots { plan, limits, id: &id, image: &image, traces: input.out.join(&id) };
                    boots.run(&jobs, &mut |event| emit(&sender, started, event));
                }
            });
        }
        drop(sender);
        for line in receiver {
            on_event(line);
        }
    });
}

fn next(queue: &Mutex<Queue>) -> Option<(String, BootImage, Vec<Job>)> {
    // A worker that panicked took its kernel with it, not the queue; its cells stay not run, which is red.
    queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
}

/// Stamps at the source, so that waiting for the receiver is not counted as time of the guest.
fn emit(sender: &Sender<EventLine>, started: Instant, event: RunEvent) {
    let line = EventLine { version: EVENTS_VERSION, at_ms: millis(started.elapsed()), event };
    // The receiver outlives every worker: `run_queue` drops it after the last sender.
    let _ = sender.send(line);
}

fn jobs_of(input: &RunInput, kernel: &str) -> Vec<Job> {
    let scenarios: BTreeMap<&str, &Scenario> =
        input.scenarios.iter().map(|scenario| (scenario.id.as_str(), scenario)).collect();
    let mine = |planned: &&PlannedCell| planned.cell.kernel == kernel && planned.decision == Decision::Run;
    let job = |planned: &PlannedCell| {
        let scenario = scenarios.get(planned.cell.scenario.as_str())?;
        Some(Job {
            cell: planned.cell.clone(),
            expect: planned.expect.clone(),
            file_system: serde_json::to_value(planned.cell.file_system).ok()?,
            scenario: serde_json::to_value(scenario).ok()?,
        })
    };
    // A cell whose scenario is missing stays not run, which is red.
    input.cells.iter().filter(mine).filter_map(job).collect()
}

fn give_up(jobs: &[Job], cause: &BrokenCause, emit: &mut dyn FnMut(RunEvent)) {
    for job in jobs {
        emit(RunEvent::CellFinished {
            cell: job.cell.clone(),
            outcome: Outcome::Broken(cause.clone()),
            record: None,
            took_ms: 0,
        });
    }
}

/// All boots of one kernel.
struct Boots<'a> {
    plan: &'a BootPlan,
    limits: Limits,
    id: &'a str,
    image: &'a BootImage,
    traces: PathBuf,
}

impl Boots<'_> {
    fn run(&self, jobs: &[Job], emit: &mut dyn FnMut(RunEvent)) {
        let mut rest = jobs;
        let mut retried = false;
        let mut losses = 0;
        let mut boot = 0;
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
        match boot::start(self.plan, &self.image.vmlinux, self.image.has_disk, &self.traces, boot) {
            Ok(booted) => {
                let (guest, _directory) = booted.into_parts();
                let session = Session::new(guest, self.limits, self.id, boot, emit);
                session.expecting(&self.image.release).run(jobs)
            }
            Err(error) => (SessionEnd::BootFailed(BrokenCause::Lab { message: error.to_string() }), 0),
        }
    }
}

/// Emulated machines die now and then while their kernel patches itself early in the boot. What the guest or the lab
/// said about itself is no accident and is the same the next time.
fn is_worth_a_retry(cause: &BrokenCause) -> bool {
    matches!(
        cause,
        BrokenCause::QemuEnded { .. } | BrokenCause::KernelCrashed { .. } | BrokenCause::NoHello { .. }
    )
}
