//! Parts of one run → the events of that run, in one order whatever machine was first: kernel by kernel as the plan has them,
//! part by part as their shares are counted. Pure.

use std::collections::BTreeMap;

use super::{
    Merged, Traces,
    check::{Begun, Checked, kernels},
};
use crate::{
    cell::CellId,
    event::{EVENTS_VERSION, EventLine, PlannedCell, RunEvent},
    partition::Partition,
    qemu::Accel,
};

/// Joins them.
pub(super) fn join(checked: &Checked<'_>) -> Merged {
    let parts = &checked.parts;
    // `check` lets no empty list through; without a part there is nothing to say.
    let Some(first) = parts.first() else { return Merged { lines: Vec::new(), traces: Vec::new() } };
    let plan = first.part.plan.as_slice();
    let kernels = kernels(plan);
    let mut joining = Joining { merged: Merged { lines: Vec::new(), traces: Vec::new() } };
    joining.say(RunEvent::RunStarted {
        qemu: first.qemu.to_owned(),
        kernels: kernels.iter().map(|kernel| (*kernel).to_owned()).collect(),
        cells: decided(plan, parts),
        jobs: parts.iter().map(|part| part.jobs).max().unwrap_or_default(),
        digests: first.digests.clone(),
        part: None,
    });
    let accel = parts.iter().find_map(accel_of);
    joining.merged.lines.extend(accel.map(|(line, _)| line.clone()));
    for kernel in kernels {
        joining.remarks(kernel, plan, checked, accel.map(|(_, accel)| accel));
        joining.kernel(kernel, parts);
    }
    joining.strangers(plan, parts);
    // What never ended is no whole run; what is missing shows in its cells.
    let ends: Vec<bool> = parts.iter().filter_map(interrupted).collect();
    if ends.len() == parts.len() {
        let last_ms =
            joining.merged.lines.iter().map(|line| line.at_ms).chain(parts.iter().filter_map(end_ms));
        let at_ms = last_ms.max().unwrap_or_default();
        let event = RunEvent::RunFinished { interrupted: ends.contains(&true) };
        joining.merged.lines.push(EventLine { version: EVENTS_VERSION, at_ms, event });
    }
    joining.merged
}

/// The plan, with what each part found out about its own cells: a kernel's configuration may say that a cell is skipped.
fn decided(plan: &[PlannedCell], parts: &[Begun<'_>]) -> Vec<PlannedCell> {
    let known: BTreeMap<&CellId, &PlannedCell> =
        parts.iter().flat_map(|part| part.cells).map(|planned| (&planned.cell, planned)).collect();
    plan.iter().map(|planned| known.get(&planned.cell).copied().unwrap_or(planned).clone()).collect()
}

struct Joining {
    merged: Merged,
}

impl Joining {
    fn say(&mut self, event: RunEvent) {
        self.merged.lines.push(EventLine { version: EVENTS_VERSION, at_ms: 0, event });
    }

    /// What is to be known about a kernel's parts.
    fn remarks(&mut self, kernel: &str, plan: &[PlannedCell], checked: &Checked<'_>, accel: Option<Accel>) {
        let mut remark = |text| self.say(RunEvent::Remark { kernel: kernel.to_owned(), text });
        for share in checked.missing.iter().filter(|share| share.concerns(kernel)) {
            match cells_at(share, plan, kernel) {
                None => {}
                Some(0) => remark(format!("part {share} is missing; it has no cell")),
                Some(1) => remark(format!("part {share} is missing: 1 cell was not run")),
                Some(cells) => remark(format!("part {share} is missing: {cells} cells were not run")),
            }
        }
        for part in &checked.parts {
            let share = &part.part.partition;
            if cells_at(share, plan, kernel).is_none() {
                continue;
            }
            if interrupted(part).is_none() {
                remark(format!("part {share} did not come to its end"));
            }
            if let (Some(common), Some((_, own))) = (accel, accel_of(part))
                && own != common
            {
                remark(format!("part {share} ran with {own}, another one with {common}"));
            }
        }
    }

    /// All events about one kernel.
    fn kernel(&mut self, kernel: &str, parts: &[Begun<'_>]) {
        let mut boots_before = 0;
        let mut is_obtained = false;
        for part in parts {
            let mut boots = 0;
            let about = part.rest.iter().filter(|line| line.event.kernel() == Some(kernel));
            let mut said = false;
            for line in about {
                said = true;
                if matches!(line.event, RunEvent::KernelObtained { .. })
                    && std::mem::replace(&mut is_obtained, true)
                {
                    continue;
                }
                let mut line = line.clone();
                if let Some(boot) = line.event.boot_mut() {
                    boots = boots.max(*boot);
                    *boot = boot.saturating_add(boots_before);
                }
                self.merged.lines.push(line);
            }
            if said {
                self.merged.traces.push(Traces {
                    given: part.given,
                    kernel: kernel.to_owned(),
                    boots_before,
                });
            }
            boots_before = boots_before.saturating_add(boots);
        }
    }

    /// What was said of kernels that nobody planned: a fault of the lab, which stays visible.
    fn strangers(&mut self, plan: &[PlannedCell], parts: &[Begun<'_>]) {
        let is_planned = |kernel: &str| plan.iter().any(|planned| planned.cell.kernel == kernel);
        for line in parts.iter().flat_map(|part| part.rest) {
            if line.event.kernel().is_some_and(|kernel| !is_planned(kernel)) {
                self.merged.lines.push(line.clone());
            }
        }
    }
}

/// How many cells of this kernel the share has, if remarks on the share belong to the kernel: those of a share without cells
/// stand at the plan's first kernel.
fn cells_at(share: &Partition, plan: &[PlannedCell], kernel: &str) -> Option<usize> {
    let cells = share.select(plan);
    let own = cells.iter().filter(|planned| planned.cell.kernel == kernel).count();
    let is_first = plan.first().is_some_and(|planned| planned.cell.kernel == kernel);
    (own > 0 || (cells.is_empty() && is_first)).then_some(own)
}

fn accel_of<'a>(part: &Begun<'a>) -> Option<(&'a EventLine, Accel)> {
    part.rest.iter().find_map(|line| match &line.event {
        RunEvent::AccelChosen { accel, .. } => Some((line, *accel)),
        _ => None,
    })
}

/// How the part ended; `None` when it did not.
fn interrupted(part: &Begun<'_>) -> Option<bool> {
    part.rest.iter().find_map(|line| match line.event {
        RunEvent::RunFinished { interrupted } => Some(interrupted),
        _ => None,
    })
}

fn end_ms(part: &Begun<'_>) -> Option<u64> {
    part.rest.last().map(|line| line.at_ms)
}
