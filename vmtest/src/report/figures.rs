//! What a run took, in numbers, each a function of its events.

use std::collections::BTreeMap;

use crate::{
    event::{EventLine, RunEvent},
    report::{
        pace::{cells_per_minute, percentile_ms, performed},
        view::RunView,
    },
};

/// Numbers that are collected while events are folded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// From the start of QEMU to ready, of every restored guest, in milliseconds.
    pub restores_ms: Vec<u64>,
    /// The most memory that one QEMU had in use, in KiB.
    pub peak_kib: u64,
    /// Processor time of all restored machines, in milliseconds.
    pub cpu_ms: u64,
    /// Time spent in each phase of cells, over all cells, in milliseconds.
    pub phases_ms: BTreeMap<String, u64>,
    /// Cells that went on from where their policy was in force.
    pub attached: Attached,
    /// Phase and its begin, for cells that are being performed.
    open: BTreeMap<String, (String, u64)>,
}

/// Snapshots of cells whose policy is in force.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Attached {
    /// Made in this run.
    pub made: u64,
    /// Left by an earlier one.
    pub found: u64,
    /// What putting the policies in force took, in whichever run it was done, in milliseconds.
    pub attach_ms: u64,
    /// What they take on their disk, in bytes.
    pub bytes: u64,
}

impl Figures {
    /// Adds one event.
    pub(super) fn apply(&mut self, line: &EventLine) {
        match &line.event {
            RunEvent::GuestRestored { restore_ms, .. } => {
                self.restores_ms.push(*restore_ms);
                *self.phases_ms.entry("restore".to_owned()).or_default() += restore_ms;
            }
            RunEvent::GuestUsed { cpu_ms, peak_kib, .. } => {
                self.cpu_ms += cpu_ms;
                self.peak_kib = self.peak_kib.max(*peak_kib);
            }
            RunEvent::CellAttached { attach_ms, bytes, reused, .. } => {
                *(if *reused { &mut self.attached.found } else { &mut self.attached.made }) += 1;
                self.attached.attach_ms += attach_ms;
                self.attached.bytes += bytes;
            }
            RunEvent::CellStarted { cell } => {
                self.open.insert(cell.to_string(), ("request".to_owned(), line.at_ms));
            }
            RunEvent::CellPhase { cell, phase } => {
                self.close(&cell.to_string(), line.at_ms);
                self.open.insert(cell.to_string(), (phase.clone(), line.at_ms));
            }
            RunEvent::CellFinished { cell, .. } => self.close(&cell.to_string(), line.at_ms),
            _ => {}
        }
    }

    fn close(&mut self, cell: &str, at_ms: u64) {
        if let Some((phase, begun_ms)) = self.open.remove(cell) {
            *self.phases_ms.entry(phase).or_default() += at_ms.saturating_sub(begun_ms);
        }
    }
}

/// What restored guests took, for reports that say the pace themselves: a name, and what there is to say.
#[must_use]
pub fn facts(view: &RunView) -> Vec<(&'static str, String)> {
    let mut facts = Vec::new();
    let performed = performed(view) as u64;
    let restores_ms = &view.figures.restores_ms;
    if let (Some(p50), Some(p99)) = (percentile_ms(restores_ms, 50), percentile_ms(restores_ms, 99)) {
        let restored = format!(
            "{} guests restored from snapshots, ready after {p50} ms (p50) and {p99} ms (p99); the largest took {} MiB of memory",
            restores_ms.len(),
            view.figures.peak_kib / 1024
        );
        facts.push(("Restores", restored));
    }
    let Attached { made, found, attach_ms, bytes } = view.figures.attached;
    if let Some(cells) = Some(made + found).filter(|cells| *cells > 0) {
        let attached = format!(
            "{cells} cells went on from where their policy was in force ({made} saved there now, {found} before); that took \
             {} ms on average when it was done, which is not in a cell's time, and takes {} MiB of disk each{}",
            attach_ms / cells,
            (bytes / cells) >> 20,
            match performed.saturating_sub(cells) {
                0 => String::new(),
                whole => format!("; {whole} were performed as a whole"),
            }
        );
        facts.push(("Policies in force", attached));
    }
    facts
}

/// The lines of a report about what the run took.
#[must_use]
pub fn render(view: &RunView) -> String {
    let mut text = String::new();
    let performed = performed(view) as u64;
    if let Some(per_minute) = cells_per_minute(view).filter(|_| performed > 0) {
        text.push_str(&format!("{performed} cells performed, {per_minute:.1} per minute\n"));
    }
    text.extend(facts(view).iter().map(|(_, fact)| format!("{fact}\n")));
    let mut phases: Vec<(&String, &u64)> = view.figures.phases_ms.iter().collect();
    phases.sort_by_key(|(_, ms)| std::cmp::Reverse(**ms));
    if performed > 0 && !phases.is_empty() {
        let mean: Vec<String> =
            phases.iter().map(|(phase, ms)| format!("{phase} {} ms", *ms / performed)).collect();
        text.push_str(&format!("a cell's time, on average: {}\n", mean.join(", ")));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{outcome::Outcome, testing::RunScript};

    #[test]
    fn phases_restores_and_rates_are_counted_from_events() {
        let cell = "k/s/a@none";
        let id = || cell.parse().unwrap();
        let mut script = RunScript::new(&[cell]);
        script
            .push(RunEvent::GuestRestored {
                cell: id(),
                attempt: 1,
                loaded_ms: 70,
                restore_ms: 310,
                boot_id: "b".into(),
            })
            .push(RunEvent::CellStarted { cell: id() })
            .push(RunEvent::CellPhase { cell: id(), phase: "attach".into() })
            .push(RunEvent::CellPhase { cell: id(), phase: "act".into() })
            .finish(cell, Outcome::Passed)
            .push(RunEvent::GuestUsed { cell: id(), cpu_ms: 900, peak_kib: 70 << 10 })
            .end();
        let text = render(&script.view());
        assert_eq!(
            text,
            "1 cells performed, 8.6 per minute\n\
             1 guests restored from snapshots, ready after 310 ms (p50) and 310 ms (p99); the largest took 70 MiB of memory\n\
             a cell's time, on average: act 1000 ms, attach 1000 ms, request 1000 ms, restore 310 ms\n"
        );
    }

    #[test]
    fn what_loading_policies_took_is_told_apart_from_the_cells() {
        let cells = ["k/s/a@none", "k/s/b@none"];
        let whole = "k/s/c@xfs";
        let all = [cells[0], cells[1], whole];
        let mut script = RunScript::new(&all);
        for cell in all {
            script.push(RunEvent::CellStarted { cell: cell.parse().unwrap() });
        }
        for (cell, reused) in cells.into_iter().zip([true, false]) {
            let (took_ms, attach_ms, bytes) = (3, 900, 5 << 20);
            let attached =
                RunEvent::CellAttached { cell: cell.parse().unwrap(), took_ms, attach_ms, bytes, reused };
            script.push(attached).finish(cell, Outcome::Passed);
        }
        let text = render(&script.end().view());
        let expected = "2 cells went on from where their policy was in force (1 saved there now, 1 before); that took 900 ms \
                        on average when it was done, which is not in a cell's time, and takes 5 MiB of disk each; 1 were performed as a whole";
        assert!(text.lines().any(|line| line == expected), "{text}");
    }

    #[test]
    fn a_run_without_cells_has_nothing_to_say() {
        assert_eq!(render(&RunScript::new(&["k/s/a@none"]).view()), "");
    }
}
