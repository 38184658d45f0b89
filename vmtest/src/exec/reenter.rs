//! `vmtest shell --cell`: the user's terminal in the guest of a cell, at the point where its policy is in force and nothing was done
//! under it yet. What the user does there, the policy judges.

use std::{
    fs::{self, File, OpenOptions},
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use clap::Args;
use quell_kernels::{Catalogue, default_cache_dir};
use quell_scenarios::{load::load_dir, scenario::FileSystem};
use vmtest_proto::{BULK_SLOT_BYTES, BulkArea, ExecRequest, Input as GuestInput, Payload as Place};

use super::{
    input::Input,
    job::{DEVICE, Host, Job, Quiet, SLOTS, text},
    output::Output,
    terminal::{self, Raw},
    verdict::Verdict,
};
use crate::{
    boot::BootPlan,
    cell::CellId,
    cli,
    event::RunEvent,
    image, kernels, machine,
    matrix::{Filter, plan},
    programs::{self, Named},
    qemu::{Accel, Clock, Disk},
    run::{self, RunInput},
    session::{ExecLoss, Session},
    snapshot::{attached::restore_attached, store::SnapshotStore},
};

/// How the disk with the user's programs is called.
const RAW: &str = "raw";

/// Which cell, and what it is made of.
#[derive(Clone, Debug, Args)]
pub struct CellArgs {
    /// Instead of a kernel: a cell (`kernel/area/name@fs`), in the guest in which its policy is in force. It is the one that a run with
    /// --attached goes on from, and is made if there is none. The policy, the agent's events and its messages are in /lab/scratch.
    #[arg(long = "cell", value_name = "CELL", conflicts_with = "kernel")]
    pub cell: Option<CellId>,
    /// Where the scenario files are.
    #[arg(long, value_name = "DIR", default_value = "scenarios", requires = "cell")]
    scenarios: PathBuf,
    /// The enforcer [default: `quell` beside this program].
    #[arg(long, value_name = "PATH", requires = "cell")]
    quell: Option<PathBuf>,
    /// Performs the steps of scenarios [default: `subject` beside this program].
    #[arg(long, value_name = "PATH", requires = "cell")]
    subject: Option<PathBuf>,
    /// Where snapshots are kept [default: `snapshots` in the cache].
    #[arg(long, value_name = "DIR", requires = "cell")]
    snapshots: Option<PathBuf>,
}

/// Runs the program of `job` in the guest of a cell; traces go to `traces`.
///
/// # Errors
/// There is no such cell, or something of this machine kept its guest from being entered.
pub fn reenter(job: &Job, args: &CellArgs, cell: &CellId, traces: &Path) -> anyhow::Result<Verdict> {
    let input = input(job, args, cell, traces)?;
    let mut say = |event: RunEvent| {
        if let RunEvent::Remark { text, .. } = event {
            eprintln!("vmtest: {text}");
        }
    };
    let held = run::hold(&input, &mut say)?;
    let archive = job.payload.layout.archive()?;
    let bytes = u64::try_from(archive.len()).context("the payload is too large")?;
    let area_at = bytes.next_multiple_of(u64::from(BULK_SLOT_BYTES));
    let path = traces.join("payload.img");
    let disk = disk(&path, &archive, area_at + u64::from(SLOTS) * u64::from(BULK_SLOT_BYTES))?;
    let disk = Disk { kind: RAW.to_owned(), image: disk };
    let restored = restore_attached(held.source(traces), held.base(), held.files(), Some(&disk));
    let mut restored = match restored {
        Ok(restored) => restored,
        Err(loss) => return Ok(Verdict::of(Err(ExecLoss::Boot(loss)), job.within.as_secs())),
    };
    let size = terminal::size();
    let request = ExecRequest {
        program: text(&job.program)?,
        arguments: job.arguments.clone(),
        environment: job.environment.clone(),
        directory: text(&job.directory)?,
        payload: Some(Place { place: DEVICE.to_owned(), bytes }),
        bulk: Some(BulkArea { device: DEVICE.to_owned(), at_bytes: area_at, slots: SLOTS }),
        input: GuestInput::Terminal(size),
    };
    let content = File::open(&path).with_context(|| format!("failed to open {}", path.display()))?;
    let mut user =
        Host { output: Output::plain(), input: Input::terminal(size), disk: Some((content, area_at)) };
    let session = Session::new(&mut restored.guest, held.limits(), &cell.kernel, 1, &mut say);
    let raw = Raw::new().context("failed to set up the terminal")?;
    let ended = session.exec_held(request, job.within, &mut user);
    drop(raw);
    let verdict = Verdict::of(ended, job.within.as_secs());
    Ok(match user.output.finish() {
        Ok(()) => verdict,
        Err(error) => Verdict::OutputClosed(error),
    })
}

/// A run of this cell alone, as a run of all would have it: so it finds the same snapshots.
fn input(job: &Job, args: &CellArgs, cell: &CellId, traces: &Path) -> anyhow::Result<RunInput> {
    let scenarios = load_dir(&args.scenarios)
        .with_context(|| format!("failed to load the scenarios in {}", args.scenarios.display()))?;
    let catalogue = Catalogue::builtin();
    let mut columns = kernels::wanted_with_variants(&catalogue, true, |id| id == cell.kernel);
    columns.retain(|column| column.id == cell.kernel);
    let obtained = kernels::obtain_with(&columns, false, &Quiet)?;
    let (matrix, mut kernels): (Vec<_>, Vec<_>) = obtained.into_iter().unzip();
    let mut cells = plan(&matrix, &scenarios, &Filter::default().full(true));
    cells.retain(|planned| planned.cell == *cell);
    anyhow::ensure!(
        !cells.is_empty(),
        "there is no cell {cell}; `vmtest list --full` shows those that there are"
    );
    let named = Named { guest: job.guest.clone(), quell: args.quell.clone(), subject: args.subject.clone() };
    let programs = programs::find(named)?;
    let with_btf: Vec<(String, PathBuf)> = kernels
        .iter()
        .filter_map(|kernel| Some((kernel.id.clone(), kernel.image.as_ref().ok()?.btf.clone()?)))
        .collect();
    let initramfs = traces.join("initramfs.cpio");
    fs::write(&initramfs, image::build_with_btf(&programs, &with_btf)?)
        .with_context(|| format!("failed to write {}", initramfs.display()))?;
    for kernel in &mut kernels {
        kernels::equip(kernel, &cells, &initramfs, traces, true)?;
    }
    if cell.file_system.is_on_disk() && cell.file_system != FileSystem::Ext4 {
        anyhow::bail!("a guest with {} on a disk can't be saved with its policy in force", cell.file_system);
    }
    let interrupted = cli::stop_flag().context("failed to watch for signals")?;
    let snapshots = match &args.snapshots {
        Some(directory) => directory.clone(),
        None => default_cache_dir()?.join(cli::SNAPSHOTS),
    };
    Ok(RunInput {
        cells,
        scenarios,
        kernels,
        boot: BootPlan {
            accel: Accel::Tcg,
            clock: Clock::Host,
            version: machine::installed_version()?,
            initramfs,
            kernel_parameters: job.kernel_parameters.clone(),
            interrupted: interrupted.clone(),
        },
        accel: job.accel,
        limits: Box::new(|limits| limits),
        jobs: 1,
        out: traces.to_owned(),
        snapshots: Some(SnapshotStore::open(&snapshots, interrupted)?),
        attached: true,
        keep_traces: true,
        durations: std::collections::BTreeMap::new(),
        digests: std::collections::BTreeMap::new(),
        part: None,
    })
}

fn disk(path: &Path, archive: &[u8], bytes: u64) -> anyhow::Result<PathBuf> {
    let failed = || format!("failed to write {}", path.display());
    fs::write(path, archive).with_context(failed)?;
    OpenOptions::new().write(true).open(path).and_then(|file| file.set_len(bytes)).with_context(failed)?;
    Ok(path.to_owned())
}
