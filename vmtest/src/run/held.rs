//! One cell's guest with its policy in force, for whoever wants to go on from there in another way than the cell does.

use std::path::Path;

use super::{
    RunInput, jobs_of,
    pool::{Lane, Pool},
};
use crate::{
    accel,
    boot::BootPlan,
    event::RunEvent,
    limits::Limits,
    schedule::Saved,
    snapshot::{Files, save::Source, store::Snapshot},
};

/// A guest that can be restored with its policy in force.
#[derive(Debug)]
pub struct HeldCell {
    plan: BootPlan,
    limits: Limits,
    kernel: std::path::PathBuf,
    release: Option<String>,
    base: Snapshot,
    attached: Snapshot,
}

impl HeldCell {
    /// The kernel's snapshot.
    #[must_use]
    pub fn base(&self) -> &Files {
        self.base.files()
    }

    /// What the cell's own has beside it.
    #[must_use]
    pub fn files(&self) -> &Files {
        self.attached.files()
    }

    /// How long everything may take.
    #[must_use]
    pub fn limits(&self) -> Limits {
        self.limits
    }

    /// What the guest is made of.
    #[must_use]
    pub fn source<'a>(&'a self, traces: &'a Path) -> Source<'a> {
        Source {
            plan: &self.plan,
            limits: self.limits,
            kernel: &self.kernel,
            release: self.release.as_deref(),
            traces,
            boot: 1,
        }
    }
}

/// Finds or makes the snapshots of the only cell of a run.
///
/// # Errors
/// The kernel can't be had, does not boot, or the cell can't be saved with its policy in force; `emit` has heard why.
pub fn hold(input: &RunInput, emit: &mut dyn FnMut(RunEvent)) -> anyhow::Result<HeldCell> {
    let kernel = input.kernels.first().ok_or_else(|| anyhow::anyhow!("there is no kernel"))?;
    let image = kernel.image.clone().map_err(|reason| anyhow::anyhow!("kernel {}: {reason}", kernel.id))?;
    let jobs = jobs_of(input, kernel);
    let job = jobs.first().cloned().ok_or_else(|| anyhow::anyhow!("kernel {} skips this cell", kernel.id))?;
    let choice = accel::choose(input.accel, &input.boot, &image.vmlinux, &input.out.join("trial"));
    let plan = BootPlan { accel: choice.accel, ..input.boot.clone() };
    let limits = (input.limits)(Limits::of(choice.accel));
    let release = image.release.clone();
    let lane = Lane::new(kernel.clone(), image, jobs);
    let pool = Pool::new(input, &plan, limits, vec![lane]);
    let lane = &pool.lanes[0];
    anyhow::ensure!(pool.save(lane, emit) == Saved::Yes, "kernel {} has no snapshot", kernel.id);
    let attached = lane
        .snapshot
        .get()
        .and_then(|base| pool.attached(lane, base, &job, &input.out.join(job.cell.folder()), emit));
    let (attached, _) =
        attached.ok_or_else(|| anyhow::anyhow!("{} can't be saved with its policy in force", job.cell))?;
    let (plan, kernel) = (pool.plan_of(lane), lane.image.vmlinux.clone());
    let base = pool.lanes.into_iter().next().and_then(|lane| lane.snapshot.into_inner());
    let base = base.ok_or_else(|| anyhow::anyhow!("the kernel's snapshot is gone"))?;
    Ok(HeldCell { plan, limits, kernel, release, base, attached })
}
