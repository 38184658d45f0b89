//! Progress while the run goes: a bar for each kernel on a terminal, plain lines anywhere else.

use std::{collections::BTreeMap, io::IsTerminal, time::Duration};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use crate::{
    event::{EventLine, RunEvent},
    matrix::Decision,
    outcome::Outcome,
};

/// Shows events on standard error.
pub struct Live {
    bars: Option<MultiProgress>,
    kernels: BTreeMap<String, ProgressBar>,
}

impl Live {
    /// Bars when standard error is a terminal.
    #[must_use]
    pub fn new() -> Self {
        let bars = std::io::stderr().is_terminal().then(MultiProgress::new);
        Self { bars, kernels: BTreeMap::new() }
    }

    /// Shows one event.
    pub fn show(&mut self, line: &EventLine) {
        match &self.bars {
            Some(bars) => {
                let bars = bars.clone();
                self.move_bars(&bars, &line.event);
                if is_remarkable(&line.event) {
                    self.print(&bars, line);
                }
            }
            None => {
                if let Some(text) = text(line) {
                    eprintln!("{text}");
                }
            }
        }
    }

    fn print(&self, bars: &MultiProgress, line: &EventLine) {
        if let Some(text) = text(line) {
            // A terminal that is gone can't be told so.
            if bars.println(&text).is_err() {
                eprintln!("{text}");
            }
        }
    }

    fn move_bars(&mut self, bars: &MultiProgress, event: &RunEvent) {
        match event {
            RunEvent::RunStarted { kernels, cells, .. } => {
                for kernel in kernels {
                    let mine = |cell: &&crate::event::PlannedCell| {
                        cell.cell.kernel == *kernel && cell.decision == Decision::Run
                    };
                    let count = cells.iter().filter(mine).count();
                    let bar = bars.add(ProgressBar::new(count as u64).with_style(style()));
                    bar.set_prefix(kernel.clone());
                    bar.set_message("waiting");
                    self.kernels.insert(kernel.clone(), bar);
                }
            }
            RunEvent::BootStarted { kernel, .. } => self.with(kernel, |bar| {
                bar.enable_steady_tick(Duration::from_millis(200));
                bar.set_message("booting");
            }),
            RunEvent::CellStarted { cell } => self.with(&cell.kernel, |bar| bar.set_message(cell.row())),
            RunEvent::CellPhase { cell, phase } => {
                self.with(&cell.kernel, |bar| bar.set_message(format!("{}: {phase}", cell.row())));
            }
            RunEvent::CellFinished { cell, .. } => self.with(&cell.kernel, |bar| {
                bar.inc(1);
                if Some(bar.position()) == bar.length() {
                    bar.finish_with_message("done");
                }
            }),
            RunEvent::SnapshotReady { kernel, .. } => {
                self.with(kernel, |bar| bar.set_message("snapshot ready"));
            }
            RunEvent::CellAttaching { cell } => {
                self.with(&cell.kernel, |bar| bar.set_message(format!("{}: attaching", cell.row())));
            }
            RunEvent::CellAttached { cell, .. } => {
                self.with(&cell.kernel, |bar| bar.set_message(format!("{}: attached", cell.row())));
            }
            RunEvent::GuestEnded { kernel, .. } => self.with(kernel, |bar| bar.set_message("guest ended")),
            RunEvent::RunFinished { .. } => {
                for bar in self.kernels.values() {
                    bar.abandon();
                }
            }
            RunEvent::AccelChosen { .. }
            | RunEvent::KernelObtained { .. }
            | RunEvent::GuestReady { .. }
            | RunEvent::BootFailed { .. }
            | RunEvent::GuestLost { .. }
            | RunEvent::ConsoleTail { .. }
            | RunEvent::BootConsole { .. }
            | RunEvent::GuestRestored { .. }
            | RunEvent::RestoreFailed { .. }
            | RunEvent::GuestUsed { .. }
            | RunEvent::Remark { .. } => {}
        }
    }

    fn with(&self, kernel: &str, change: impl FnOnce(&ProgressBar)) {
        if let Some(bar) = self.kernels.get(kernel) {
            change(bar);
        }
    }
}

impl Default for Live {
    fn default() -> Self {
        Self::new()
    }
}

fn style() -> ProgressStyle {
    // The template is a constant: a mistake in it falls back to the default style and is visible at once.
    ProgressStyle::with_template("{spinner} {prefix:<6} {bar:24} {pos:>3}/{len} {elapsed:>5} {wide_msg}")
        .unwrap_or_else(|_| ProgressStyle::default_bar())
}

/// What stays on a terminal beside the bars.
fn is_remarkable(event: &RunEvent) -> bool {
    match event {
        RunEvent::CellFinished { outcome, .. } => *outcome != Outcome::Passed,
        RunEvent::AccelChosen { .. }
        | RunEvent::GuestReady { .. }
        | RunEvent::BootFailed { .. }
        | RunEvent::GuestLost { .. }
        | RunEvent::SnapshotReady { .. }
        | RunEvent::RestoreFailed { .. }
        | RunEvent::Remark { .. } => true,
        _ => false,
    }
}

/// The line for an event; none for those that only move a bar.
fn text(line: &EventLine) -> Option<String> {
    let text = match &line.event {
        RunEvent::RunStarted { kernels, cells, jobs, qemu, part, .. } => format!(
            "{} cells on {}, {jobs} guests at a time, QEMU {qemu}{}",
            cells.len(),
            match kernels.len() {
                1 => "1 kernel".to_owned(),
                count => format!("{count} kernels"),
            },
            part.as_ref()
                .map(|part| format!("; {} of {}", part.partition, part.plan.len()))
                .unwrap_or_default()
        ),
        RunEvent::AccelChosen { accel, reason, trial_ms } => {
            format!("guests run with {accel}: {reason} ({trial_ms} ms to find out)")
        }
        RunEvent::KernelObtained { kernel, release, package } => {
            format!("{kernel}: {release}, package version {package}")
        }
        RunEvent::BootStarted { kernel, boot } => format!("{kernel}: boot {boot}"),
        RunEvent::GuestReady { kernel, boot_ms, facts, .. } => {
            format!("{kernel}: {} is up after {boot_ms} ms", facts.release)
        }
        RunEvent::BootFailed { kernel, boot, cause, retry } => {
            let then = if *retry { "; trying once more" } else { "" };
            format!("{kernel}: boot {boot} failed: {cause}{then}")
        }
        RunEvent::GuestLost { kernel, boot, cause } => format!("{kernel}: boot {boot} lost: {cause}"),
        RunEvent::SnapshotReady { kernel, took_ms, bytes, reused, .. } => {
            let made = if *reused { "found" } else { "made" };
            format!("{kernel}: snapshot {made} in {took_ms} ms, {} MiB", bytes >> 20)
        }
        RunEvent::RestoreFailed { cell, attempt, cause, retry } => {
            let then = if *retry { "; trying once more" } else { "" };
            format!("{cell}: restore {attempt} failed: {cause}{then}")
        }
        RunEvent::Remark { kernel, text } => format!("{kernel}: {text}"),
        RunEvent::CellFinished { cell, outcome, took_ms, .. } => {
            let head = format!("{cell}: {} after {took_ms} ms", outcome.word());
            [vec![head], outcome.reasons()].concat().join("\n    ")
        }
        RunEvent::GuestEnded { .. }
        | RunEvent::CellAttaching { .. }
        | RunEvent::CellAttached { .. }
        | RunEvent::ConsoleTail { .. }
        | RunEvent::BootConsole { .. }
        | RunEvent::GuestRestored { .. }
        | RunEvent::GuestUsed { .. }
        | RunEvent::CellStarted { .. }
        | RunEvent::CellPhase { .. }
        | RunEvent::RunFinished { .. } => return None,
    };
    Some(format!("[{:>4} s] {text}", line.at_ms / 1000))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{event::EVENTS_VERSION, outcome::BrokenCause};

    fn line(event: RunEvent) -> EventLine {
        EventLine { version: EVENTS_VERSION, at_ms: 61_200, event }
    }

    #[test]
    fn a_failed_cell_is_shown_with_its_reasons() {
        let shown = text(&line(RunEvent::CellFinished {
            cell: "6.12/file/a@ext4".parse().unwrap(),
            outcome: Outcome::Failed(vec!["one".into(), "two".into()]),
            record: None,
            took_ms: 900,
        }));
        assert_eq!(
            shown.as_deref(),
            Some("[  61 s] 6.12/file/a@ext4: failed after 900 ms\n    one\n    two")
        );
    }

    #[test]
    fn a_retried_boot_is_always_shown() {
        let cause = BrokenCause::NoHello { waited: "silent for 5 s".into() };
        let event = RunEvent::BootFailed { kernel: "6.12".into(), boot: 1, cause, retry: true };
        assert!(is_remarkable(&event));
        let text = text(&line(event)).unwrap();
        assert!(text.ends_with("silent for 5 s); trying once more"), "{text}");
    }
}
