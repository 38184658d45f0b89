//! The events folded into one picture of the run; every report is a rendering of it.

use std::collections::HashMap;

use quell_scenarios::record::Record;

use crate::{
    cell::CellId,
    event::{EventLine, PlannedCell, RunEvent},
    matrix::Decision,
    outcome::Outcome,
    partition::Partition,
    qemu::Accel,
    report::figures::Figures,
};

/// A run as its events tell it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RunView {
    /// Version of QEMU.
    pub qemu: String,
    /// Guests at a time.
    pub jobs: usize,
    /// Kernels in matrix order.
    pub kernels: Vec<KernelView>,
    /// Cells in matrix order.
    pub cells: Vec<CellView>,
    /// Which share of a plan these are, and how many cells the plan has; `None` when they are all of it.
    pub part: Option<(Partition, usize)>,
    /// What ran the guests, and why; `None` when nothing was booted.
    pub accel: Option<(Accel, String)>,
    /// Events about cells or kernels that were never planned: a fault of the lab, shown and never green.
    pub unplanned: Vec<String>,
    /// The run came to its end.
    pub finished: bool,
    /// The user stopped it.
    pub interrupted: bool,
    /// Time of the last event, in milliseconds since the start.
    pub wall_ms: u64,
    /// What it took.
    pub figures: Figures,
    /// Where each cell stands in `cells`: runs have thousands of them, and each is told of many times.
    places: HashMap<CellId, usize>,
}

/// One kernel of the run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct KernelView {
    /// Catalogue id.
    pub id: String,
    /// `uname -r` of its package, once known.
    pub release: Option<String>,
    /// Version of its package, once known.
    pub package: Option<String>,
    /// Number of the boot that was started last.
    pub boot: Option<u32>,
    /// From the start of QEMU to Hello, for each boot that came up, in milliseconds.
    pub boots_ms: Vec<u64>,
    /// Last lines of the console of the boot that failed last.
    pub console: Vec<String>,
    /// Its snapshot, once it can be restored.
    pub snapshot: Option<SnapshotView>,
    /// From the start of QEMU to ready, for each guest that was restored, in milliseconds.
    pub restores_ms: Vec<u64>,
    /// Boots that failed, guests that were lost, and remarks; one sentence each.
    pub notes: Vec<String>,
}

/// A kernel's snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SnapshotView {
    /// From the start of QEMU to hello when it was made, in milliseconds.
    pub boot_ms: u64,
    /// What it takes on its disk, in bytes.
    pub bytes: u64,
    /// Whether an earlier run had made it.
    pub reused: bool,
}

/// One cell of the run.
#[derive(Clone, Debug, PartialEq)]
pub struct CellView {
    /// What was planned.
    pub planned: PlannedCell,
    /// What became of it.
    pub outcome: Outcome,
    /// What was seen, when anything was.
    pub record: Option<Record>,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
    /// Boot of its kernel in which it was performed; `None` when it was never sent to a guest.
    pub boot: Option<u32>,
    /// Attempt to give it a guest of its own; `None` when it had none, or shared a boot.
    pub attempt: Option<u32>,
    /// Phases that the guest reported, in their order.
    pub phases: Vec<PhaseView>,
    /// When it was decided, in milliseconds since the start of the run.
    pub decided_ms: Option<u64>,
    /// Last lines of the console, when something went wrong.
    pub console: Vec<String>,
}

/// When a cell was sent to its guest (`request`), or reached a phase.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PhaseView {
    /// Phase name of the scenario runner, or `request`.
    pub name: String,
    /// In milliseconds since the start of the run.
    pub at_ms: u64,
}

impl CellView {
    /// Folder of the traces of its guest, within the run's, and the number in their names; `None` when it was never sent to one.
    #[must_use]
    pub fn traces(&self) -> Option<(String, u32)> {
        let cell = &self.planned.cell;
        match self.attempt {
            Some(attempt) => Some((cell.folder(), attempt)),
            None => Some((cell.kernel.clone(), self.boot?)),
        }
    }

    /// Each phase with its beginning since the request and its length, in milliseconds. A phase ends where the next one begins,
    /// the last one when the cell was decided.
    #[must_use]
    pub fn phase_times_ms(&self) -> Vec<(&str, u64, u64)> {
        let Some(begin_ms) = self.phases.first().map(|phase| phase.at_ms) else { return Vec::new() };
        let ends = self.phases.iter().skip(1).map(|phase| phase.at_ms).chain(self.decided_ms);
        let lengths = self.phases.iter().zip(ends);
        lengths
            .map(|(phase, end_ms)| {
                (phase.name.as_str(), phase.at_ms - begin_ms, end_ms.saturating_sub(phase.at_ms))
            })
            .collect()
    }
}

/// Cells by outcome. Broken and not-run cells count as failed in the closing line, and are told apart here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Everything expected was seen.
    pub passed: usize,
    /// Something else was seen.
    pub failed: usize,
    /// Not performed, for a known reason.
    pub skipped: usize,
    /// The lab could not find out.
    pub broken: usize,
    /// Planned and not decided.
    pub not_run: usize,
}

impl Counts {
    /// All of them.
    #[must_use]
    pub fn sum(&self) -> usize {
        self.passed + self.failed + self.skipped + self.broken + self.not_run
    }
}

impl RunView {
    /// Folds all lines.
    #[must_use]
    pub fn of(lines: &[EventLine]) -> Self {
        let mut view = Self::default();
        for line in lines {
            view.apply(line);
        }
        view
    }

    /// Adds one event.
    pub fn apply(&mut self, line: &EventLine) {
        self.wall_ms = self.wall_ms.max(line.at_ms);
        self.figures.apply(line);
        match &line.event {
            RunEvent::RunStarted { qemu, kernels, cells, jobs, part, .. } => {
                self.qemu.clone_from(qemu);
                self.jobs = *jobs;
                let kernel = |id: &String| KernelView { id: id.clone(), ..KernelView::default() };
                self.kernels = kernels.iter().map(kernel).collect();
                self.cells = cells.iter().map(planned).collect();
                self.part = part.as_ref().map(|part| (part.partition.clone(), part.plan.len()));
                let places = cells.iter().enumerate().map(|(at, planned)| (planned.cell.clone(), at));
                self.places = places.collect();
            }
            RunEvent::AccelChosen { accel, reason, .. } => self.accel = Some((*accel, reason.clone())),
            RunEvent::KernelObtained { kernel, release, package } => self.kernel(kernel, |view| {
                view.release = Some(release.clone());
                view.package = Some(package.clone());
            }),
            RunEvent::GuestReady { kernel, boot_ms, facts, .. } => self.kernel(kernel, |view| {
                view.boots_ms.push(*boot_ms);
                let missing = facts.missing_mounts.iter().map(|mount| format!("not mounted: {mount}"));
                view.notes.extend(missing);
            }),
            RunEvent::BootFailed { kernel, boot, cause, retry } => self.kernel(kernel, |view| {
                let then = if *retry { "; tried once more" } else { "" };
                view.notes.push(format!("boot {boot} failed: {cause}{then}"));
            }),
            RunEvent::GuestLost { kernel, boot, cause } => {
                self.kernel(kernel, |view| view.notes.push(format!("boot {boot} lost: {cause}")));
            }
            RunEvent::SnapshotReady { kernel, boot_ms, bytes, reused, .. } => {
                let (boot_ms, bytes, reused) = (*boot_ms, *bytes, *reused);
                self.kernel(kernel, |view| view.snapshot = Some(SnapshotView { boot_ms, bytes, reused }));
            }
            RunEvent::GuestRestored { cell, attempt, restore_ms, .. } => {
                self.kernel(&cell.kernel, |view| view.restores_ms.push(*restore_ms));
                if let Some(view) = self.cell(cell) {
                    view.attempt = Some(*attempt);
                }
            }
            RunEvent::RestoreFailed { cell, attempt, cause, retry } => {
                let then = if *retry { "; tried once more" } else { "" };
                let note = format!("restore {attempt} for {} failed: {cause}{then}", cell.row());
                self.kernel(&cell.kernel, |view| view.notes.push(note));
                if let Some(view) = self.cell(cell) {
                    view.attempt = Some(*attempt);
                }
            }
            RunEvent::Remark { kernel, text } => self.kernel(kernel, |view| view.notes.push(text.clone())),
            RunEvent::ConsoleTail { cell, lines } => {
                if let Some(view) = self.cell(cell) {
                    view.console.clone_from(lines);
                }
            }
            RunEvent::BootConsole { kernel, lines, .. } => {
                self.kernel(kernel, |view| view.console.clone_from(lines));
            }
            RunEvent::BootStarted { kernel, boot } => self.kernel(kernel, |view| view.boot = Some(*boot)),
            RunEvent::CellStarted { cell } => {
                let boot = self.kernels.iter().find(|view| view.id == cell.kernel).and_then(|view| view.boot);
                if let Some(view) = self.cell(cell) {
                    view.boot = boot;
                    view.phases = vec![PhaseView { name: "request".to_owned(), at_ms: line.at_ms }];
                }
            }
            RunEvent::CellPhase { cell, phase } => {
                if let Some(view) = self.cell(cell) {
                    view.phases.push(PhaseView { name: phase.clone(), at_ms: line.at_ms });
                }
            }
            RunEvent::CellFinished { cell, outcome, record, took_ms } => {
                let Some(view) = self.cell(cell) else {
                    self.unplanned.push(format!("{cell} was not planned and is {}", outcome.word()));
                    return;
                };
                let again = record.as_ref().and_then(|record| performed_again(&record.thrown_away));
                view.outcome = std::mem::take(&mut view.outcome).merge(outcome.clone());
                view.took_ms += took_ms;
                view.decided_ms.get_or_insert(line.at_ms);
                if let (None, Some(record)) = (&view.record, record) {
                    view.record = Some((**record).clone());
                }
                if let Some(again) = again {
                    let note = format!("{}: {again}", cell.row());
                    self.kernel(&cell.kernel, |view| view.notes.push(note));
                }
            }
            RunEvent::RunFinished { interrupted } => {
                self.finished = true;
                self.interrupted = *interrupted;
            }
            RunEvent::GuestEnded { .. }
            | RunEvent::GuestUsed { .. }
            | RunEvent::CellAttaching { .. }
            | RunEvent::CellAttached { .. } => {}
        }
    }

    /// Cells by outcome.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.counts_of(|_| true)
    }

    /// Some of the cells by outcome.
    #[must_use]
    pub fn counts_of(&self, is_meant: impl Fn(&CellView) -> bool) -> Counts {
        let mut counts = Counts::default();
        for cell in self.cells.iter().filter(|cell| is_meant(cell)) {
            match cell.outcome {
                Outcome::Passed => counts.passed += 1,
                Outcome::Failed(_) => counts.failed += 1,
                Outcome::Skipped(_) => counts.skipped += 1,
                Outcome::Broken(_) => counts.broken += 1,
                Outcome::NotRun => counts.not_run += 1,
            }
        }
        counts
    }

    fn cell(&mut self, cell: &CellId) -> Option<&mut CellView> {
        let at = *self.places.get(cell)?;
        self.cells.get_mut(at)
    }

    fn kernel(&mut self, id: &str, change: impl FnOnce(&mut KernelView)) {
        match self.kernels.iter_mut().find(|view| view.id == id) {
            Some(view) => change(view),
            None => self.unplanned.push(format!("kernel {id} was not planned")),
        }
    }
}

/// What a reader is told of performances that proved nothing.
fn performed_again(thrown_away: &[u64]) -> Option<String> {
    let skipped: u64 = thrown_away.iter().sum();
    let performances = thrown_away.len() + 1;
    (skipped > 0).then(|| {
        format!(
            "performed {performances} times, because the kernel skipped the programs {skipped} times before"
        )
    })
}

fn planned(planned: &PlannedCell) -> CellView {
    let outcome = match &planned.decision {
        Decision::Run => Outcome::NotRun,
        Decision::Skip(reason) => Outcome::Skipped(reason.clone()),
    };
    CellView {
        planned: planned.clone(),
        outcome,
        record: None,
        took_ms: 0,
        boot: None,
        attempt: None,
        phases: Vec::new(),
        decided_ms: None,
        console: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{outcome::BrokenCause, testing::RunScript};

    #[test]
    fn a_cell_that_nothing_was_heard_of_is_not_run() {
        let view = RunScript::new(&["6.12/file/a@tmpfs"]).view();
        assert_eq!(view.cells[0].outcome, Outcome::NotRun);
        assert_eq!(view.counts(), Counts { not_run: 1, ..Counts::default() });
    }

    #[test]
    fn a_second_verdict_breaks_the_cell() {
        let mut script = RunScript::new(&["6.12/file/a@tmpfs"]);
        script.finish("6.12/file/a@tmpfs", Outcome::Passed).finish("6.12/file/a@tmpfs", Outcome::Passed);
        let view = script.view();
        assert!(matches!(view.cells[0].outcome, Outcome::Broken(BrokenCause::Protocol { .. })));
    }

    #[test]
    fn a_phase_lasts_until_the_next_one_and_the_last_until_the_verdict() {
        let (name, mut script) = ("6.12/file/a@tmpfs", RunScript::new(&["6.12/file/a@tmpfs"]));
        let cell: CellId = name.parse().unwrap();
        let phase = |phase: &str| RunEvent::CellPhase { cell: cell.clone(), phase: phase.to_owned() };
        script
            .push(RunEvent::BootStarted { kernel: "6.12".into(), boot: 2 })
            .push(RunEvent::CellStarted { cell: cell.clone() })
            .push(phase("attach"))
            .push(phase("act"))
            .finish(name, Outcome::Passed);
        let view = script.view();
        assert_eq!(view.cells[0].boot, Some(2));
        let times = view.cells[0].phase_times_ms();
        assert_eq!(times, [("request", 0, 1000), ("attach", 1000, 1000), ("act", 2000, 1000)]);
    }

    #[test]
    fn a_console_belongs_to_the_cell_that_was_performed_or_to_the_kernel_that_did_not_come_up() {
        let name = "6.12/file/a@tmpfs";
        let mut script = RunScript::new(&[name]);
        let (kernel, lines) = ("6.12".to_owned(), vec!["no boot".to_owned()]);
        let (cell, oops) = (name.parse().unwrap(), vec!["oops".to_owned()]);
        script
            .push(RunEvent::BootConsole { kernel, boot: 1, lines })
            .push(RunEvent::ConsoleTail { cell, lines: oops });
        let view = script.view();
        assert_eq!(
            (view.kernels[0].console.as_slice(), view.cells[0].console.as_slice()),
            (["no boot".to_owned()].as_slice(), ["oops".to_owned()].as_slice())
        );
    }

    #[test]
    fn a_verdict_for_an_unplanned_cell_is_kept_apart() {
        let mut script = RunScript::new(&["6.12/file/a@tmpfs"]);
        script.finish("6.12/file/b@tmpfs", Outcome::Passed);
        let view = script.view();
        assert_eq!(view.unplanned, ["6.12/file/b@tmpfs was not planned and is passed"]);
        assert_eq!(view.counts().passed, 0);
    }
}
