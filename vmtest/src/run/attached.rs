//! The snapshot of a cell whose policy is in force: found, or made by performing the cell up to its act.

use std::{cell::RefCell, collections::BTreeSet, path::Path, sync::atomic::Ordering, time::Instant};

use super::pool::{Lane, Pool};
use crate::{
    disk,
    event::RunEvent,
    session::{Job, millis},
    snapshot::{
        attached::{self, Held, save_attached},
        save::SaveFailure,
        store::Snapshot,
    },
};

/// After so many cells of a kernel that could not be saved, no further one is tried: each attempt takes as long as the cell.
const FAILURES: u32 = 5;

impl Pool<'_> {
    /// The cell's snapshot, if cells are to have any and this one can. Why it can't is said, and changes no outcome: the cell is
    /// performed as a whole then.
    pub(super) fn attached(
        &self,
        lane: &Lane,
        base: &Snapshot,
        job: &Job,
        traces: &Path,
        emit: &mut dyn FnMut(RunEvent),
    ) -> Option<(Snapshot, Held)> {
        let store = self.input.snapshots.as_ref().filter(|_| self.input.attached)?;
        // No disk that is plugged in can be part of a snapshot.
        let kind = job.cell.file_system;
        let is_plugged_in = kind.is_on_disk() && !(lane.kernel.on_ram && kind == disk::ON_RAM);
        if is_plugged_in || lane.not_attached.load(Ordering::Relaxed) >= FAILURES {
            return None;
        }
        let begun = Instant::now();
        let plan = self.plan_of(lane);
        let found = self.keys.key(&plan, &lane.image.vmlinux).map_err(SaveFailure::from).and_then(|key| {
            let request = serde_json::to_string(&job.request_to_hold());
            let request = request.map_err(|error| SaveFailure::Snapshot(error.to_string()))?;
            let traces = attached::traces(traces);
            let source = self.source(lane, &plan, &traces, 1);
            let file_systems = disk::mounted(&BTreeSet::from([kind]));
            let emit = RefCell::new(&mut *emit);
            let mut remark =
                |text| (*emit.borrow_mut())(RunEvent::Remark { kernel: lane.id().to_owned(), text });
            let mut make = |files: &_| {
                (*emit.borrow_mut())(RunEvent::CellAttaching { cell: job.cell.clone() });
                save_attached(source, base.files(), file_systems.clone(), job, files)
            };
            let (snapshot, reused) = store.ensure(&key.attached(&request), &mut remark, &mut make)?;
            let held =
                Held::of(snapshot.files()).map_err(|error| SaveFailure::Snapshot(error.to_string()))?;
            Ok((snapshot, held, reused))
        });
        match found {
            Ok((snapshot, held, reused)) => {
                let (took_ms, attach_ms, bytes) = (millis(begun.elapsed()), held.attach_ms, snapshot.bytes());
                emit(RunEvent::CellAttached { cell: job.cell.clone(), took_ms, attach_ms, bytes, reused });
                Some((snapshot, held))
            }
            Err(SaveFailure::Interrupted) => None,
            Err(SaveFailure::Boot(cause)) => self.not_attached(lane, job, &cause.to_string(), emit),
            Err(SaveFailure::Snapshot(reason)) => self.not_attached(lane, job, &reason, emit),
        }
    }

    fn not_attached(
        &self,
        lane: &Lane,
        job: &Job,
        reason: &str,
        emit: &mut dyn FnMut(RunEvent),
    ) -> Option<(Snapshot, Held)> {
        let failures = lane.not_attached.fetch_add(1, Ordering::Relaxed) + 1;
        let mut remark = |text| emit(RunEvent::Remark { kernel: lane.id().to_owned(), text });
        remark(format!(
            "{} is performed without a snapshot of its policy in force: {reason}",
            job.cell.row()
        ));
        if failures == FAILURES {
            remark(format!(
                "no further cell is saved with its policy in force, because {failures} could not be"
            ));
        }
        None
    }
}
