//! Runs a plan: a snapshot per kernel, a guest that goes on from it for every cell, as many at a time as there is room for.
//! Where snapshots are not wanted or not possible, the cells of a kernel share boots.
//!
//! Everything that happens leaves as a [`RunEvent`]; nothing here knows what a report looks like.

mod attached;
mod fresh;
mod held;
mod pool;
mod shared;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::{
        atomic::Ordering,
        mpsc::{self, Sender},
    },
    thread,
    time::Instant,
};

use quell_kernels::KernelImage;
use quell_scenarios::scenario::{FileSystem, Scenario};

use crate::{
    accel,
    boot::BootPlan,
    event::{EVENTS_VERSION, EventLine, PlannedCell, RunEvent},
    image,
    limits::Limits,
    matrix::Decision,
    offers::Offers,
    outcome::{BrokenCause, Outcome},
    partition::Part,
    schedule::UNKNOWN_MS,
    session::{Job, millis},
    snapshot::store::SnapshotStore,
};
pub use held::{HeldCell, hold};
use pool::{Lane, Pool};

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
    /// The file systems of its cells.
    pub file_systems: BTreeSet<FileSystem>,
    /// The root file system with this kernel's modules in it; none when its cells take no modules.
    pub initramfs: Option<PathBuf>,
    /// Whether that has what it takes to have [`crate::disk::ON_RAM`] in a guest's own memory.
    pub on_ram: bool,
    /// Words of its own for the command line.
    pub parameters: Vec<String>,
    /// What the enforcer is told to do without on it.
    pub without: Vec<String>,
}

impl RunKernel {
    /// Where a guest finds the kernel's type information, if it has none in itself.
    #[must_use]
    pub fn btf_in_guest(&self) -> Option<PathBuf> {
        let image = self.image.as_ref().ok()?;
        image.btf.as_ref().map(|_| Path::new("/").join(image::btf_place(&self.id)))
    }
}

/// Files and names of a kernel.
#[derive(Clone, Debug)]
pub struct BootImage {
    /// `uname -r` of its package; unknown of a kernel that is only a file.
    pub release: Option<String>,
    /// Version of its package.
    pub package: String,
    /// What the reader of a report has to know about it.
    pub remark: Option<String>,
    /// Uncompressed, with a PVH entry.
    pub vmlinux: PathBuf,
    /// The file systems that it has.
    pub offers: Offers,
    /// Its type information, where it has none in itself.
    pub btf: Option<PathBuf>,
    /// Its files in the cache, of a kernel of the catalogue.
    pub packaged: Option<KernelImage>,
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
    /// Where snapshots are kept; without it the cells of a kernel share boots.
    pub snapshots: Option<SnapshotStore>,
    /// Whether cells have snapshots of their own, in which their policy is in force.
    pub attached: bool,
    /// Keep the traces of cells that passed, too.
    pub keep_traces: bool,
    /// What cells took when they were performed last, in milliseconds.
    pub durations: BTreeMap<String, u64>,
    /// What the run is made of, by name.
    pub digests: BTreeMap<String, String>,
    /// Which share of which plan the cells are, when they are not all of it.
    pub part: Option<Part>,
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
        digests: input.digests.clone(),
        part: input.part.clone(),
    });
    let mut lanes = Vec::new();
    for kernel in &input.kernels {
        let jobs = jobs_of(input, kernel);
        match &kernel.image {
            Ok(image) => {
                let release = image.release.clone().unwrap_or_else(|| "unknown".to_owned());
                let package = image.package.clone();
                stamp(RunEvent::KernelObtained { kernel: kernel.id.clone(), release, package });
                if let Some(text) = image.remark.clone() {
                    stamp(RunEvent::Remark { kernel: kernel.id.clone(), text });
                }
                if !jobs.is_empty() {
                    lanes.push(Lane::new(kernel.clone(), image.clone(), jobs));
                }
            }
            Err(reason) => give_up(&jobs, &BrokenCause::Lab { message: reason.clone() }, &mut stamp),
        }
    }
    if let Some(first) = lanes.first() {
        let choice = accel::choose(input.accel, &input.boot, &first.image.vmlinux, &input.out.join("trial"));
        let plan = BootPlan { accel: choice.accel, ..input.boot.clone() };
        let limits = (input.limits)(Limits::of(choice.accel));
        let accel::Choice { accel, reason, trial_ms } = choice;
        stamp(RunEvent::AccelChosen { accel, reason, trial_ms });
        run_lanes(input, &plan, limits, lanes, started, on_event);
    }
    let interrupted = input.boot.interrupted.load(Ordering::Relaxed);
    let event = RunEvent::RunFinished { interrupted };
    on_event(EventLine { version: EVENTS_VERSION, at_ms: millis(started.elapsed()), event });
}

fn run_lanes(
    input: &RunInput,
    plan: &BootPlan,
    limits: Limits,
    lanes: Vec<Lane>,
    started: Instant,
    on_event: &mut dyn FnMut(EventLine),
) {
    let pool = Pool::new(input, plan, limits, lanes);
    let (sender, receiver) = mpsc::channel();
    thread::scope(|scope| {
        for _ in 0..input.jobs.max(1) {
            let (sender, pool) = (sender.clone(), &pool);
            scope.spawn(move || pool.work(&mut |event| emit(&sender, started, event)));
        }
        drop(sender);
        for line in receiver {
            on_event(line);
        }
    });
}

/// What a cell will probably take, in milliseconds.
fn expected_ms(input: &RunInput, job: &Job) -> u64 {
    input.durations.get(&job.cell.to_string()).copied().unwrap_or(UNKNOWN_MS)
}

/// Stamps at the source, so that waiting for the receiver is not counted as time of the guest.
fn emit(sender: &Sender<EventLine>, started: Instant, event: RunEvent) {
    let line = EventLine { version: EVENTS_VERSION, at_ms: millis(started.elapsed()), event };
    // The receiver outlives every worker: `run_lanes` drops it after the last sender.
    let _ = sender.send(line);
}

fn jobs_of(input: &RunInput, kernel: &RunKernel) -> Vec<Job> {
    let scenarios: BTreeMap<&str, &Scenario> =
        input.scenarios.iter().map(|scenario| (scenario.id.as_str(), scenario)).collect();
    let mine = |planned: &&PlannedCell| planned.cell.kernel == kernel.id && planned.decision == Decision::Run;
    let job = |planned: &PlannedCell| {
        let scenario = *scenarios.get(planned.cell.scenario.as_str())?;
        let scenario = Scenario {
            policy: scenario.policy(&kernel.id, planned.cell.file_system).clone(),
            expect: planned.expect.clone(),
            without: kernel.without.clone(),
            btf: kernel.btf_in_guest(),
            ..scenario.clone()
        };
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
