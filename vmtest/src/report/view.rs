//! The events folded into one picture of the run; every report is a rendering of it.

use quell_scenarios::record::Record;

use crate::{
    event::{EventLine, PlannedCell, RunEvent},
    matrix::Decision,
    outcome::Outcome,
    qemu::Accel,
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
    /// From the start of QEMU to Hello, for each boot that came up, in milliseconds.
    pub boots_ms: Vec<u64>,
    /// Boots that failed, guests that were lost, and remarks; one sentence each.
    pub notes: Vec<String>,
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
    /// Last phase that the guest reported.
    pub phase: Option<String>,
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
        match &line.event {
            RunEvent::RunStarted { qemu, kernels, cells, jobs } => {
                self.qemu.clone_from(qemu);
                self.jobs = *jobs;
                let kernel = |id: &String| KernelView { id: id.clone(), ..KernelView::default() };
                self.kernels = kernels.iter().map(kernel).collect();
                self.cells = cells.iter().map(planned).collect();
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
            RunEvent::Remark { kernel, text } => self.kernel(kernel, |view| view.notes.push(text.clone())),
            RunEvent::CellPhase { cell, phase } => {
                if let Some(view) = self.cells.iter_mut().find(|view| view.planned.cell == *cell) {
                    view.phase = Some(phase.clone());
                }
            }
            RunEvent::CellFinished { cell, outcome, record, took_ms } => {
                let Some(view) = self.cells.iter_mut().find(|view| view.planned.cell == *cell) else {
                    self.unplanned.push(format!("{cell} was not planned and is {}", outcome.word()));
                    return;
                };
                view.outcome = std::mem::take(&mut view.outcome).merge(outcome.clone());
                view.took_ms += took_ms;
                if let (None, Some(record)) = (&view.record, record) {
                    view.record = Some((**record).clone());
                }
            }
            RunEvent::RunFinished { interrupted } => {
                self.finished = true;
                self.interrupted = *interrupted;
            }
            RunEvent::BootStarted { .. } | RunEvent::GuestEnded { .. } | RunEvent::CellStarted { .. } => {}
        }
    }

    /// Cells by outcome.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for cell in &self.cells {
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

    fn kernel(&mut self, id: &str, change: impl FnOnce(&mut KernelView)) {
        match self.kernels.iter_mut().find(|view| view.id == id) {
            Some(view) => change(view),
            None => self.unplanned.push(format!("kernel {id} was not planned")),
        }
    }
}

fn planned(planned: &PlannedCell) -> CellView {
    let outcome = match &planned.decision {
        Decision::Run => Outcome::NotRun,
        Decision::Skip(reason) => Outcome::Skipped(reason.clone()),
    };
    CellView { planned: planned.clone(), outcome, record: None, took_ms: 0, phase: None }
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
    fn a_verdict_for_an_unplanned_cell_is_kept_apart() {
        let mut script = RunScript::new(&["6.12/file/a@tmpfs"]);
        script.finish("6.12/file/b@tmpfs", Outcome::Passed);
        let view = script.view();
        assert_eq!(view.unplanned, ["6.12/file/b@tmpfs was not planned and is passed"]);
        assert_eq!(view.counts().passed, 0);
    }
}
