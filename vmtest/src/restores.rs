//! `vmtest restores`: one kernel's snapshot restored many times, measured, and each guest shown to be a fresh one.

use std::{
    collections::BTreeSet,
    fs, io,
    path::PathBuf,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use clap::Args;
use quell_kernels::{Catalogue, default_cache_dir};
use quell_scenarios::scenario::FileSystem;

use crate::{
    accel,
    boot::BootPlan,
    cli, disk, exit, image, kernels,
    limits::Limits,
    link::{Link as _, Loss},
    machine,
    out::Out,
    programs::{self, Named},
    qemu::{Accel, Clock},
    report::pace::percentile_ms,
    run::BootImage,
    session::{millis, only_begin},
    snapshot::{
        Files,
        key::Keys,
        restore::restore,
        save::{SaveFailure, Source, save},
        store::{Snapshot, SnapshotStore},
    },
};

/// Arguments of `vmtest restores`.
#[derive(Debug, Args)]
pub struct RestoresArgs {
    /// The kernel, by its catalogue id.
    #[arg(long, value_name = "ID")]
    kernel: String,
    /// How often.
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    count: u32,
    /// With a disk that is plugged in and mounted.
    #[arg(long)]
    disk: bool,
    /// Where snapshots are kept [default: `snapshots` in the cache].
    #[arg(long, value_name = "DIR")]
    snapshots: Option<PathBuf>,
    /// The enforcer in the guests [default: `quell` beside this program].
    #[arg(long, value_name = "PATH")]
    quell: Option<PathBuf>,
    /// PID 1 of the guests [default: `vmtest-guest` beside this program].
    #[arg(long, value_name = "PATH")]
    guest: Option<PathBuf>,
    /// Performs the steps of scenarios [default: `subject` beside this program].
    #[arg(long, value_name = "PATH")]
    subject: Option<PathBuf>,
    /// Where traces go.
    #[arg(long, value_name = "DIR", default_value = "out/restores")]
    out: PathBuf,
}

/// What the restores of one kernel came to.
#[derive(Debug, Default)]
struct Seen {
    boot_ids: BTreeSet<String>,
    loaded_ms: Vec<u64>,
    ready_ms: Vec<u64>,
    peak_kib: u64,
}

/// What this process holds that it could forget to let go.
#[derive(Debug, PartialEq, Eq)]
struct Held {
    descriptors: usize,
    children: usize,
}

impl Held {
    fn now() -> io::Result<Self> {
        let mut children = 0;
        for task in fs::read_dir("/proc/self/task")? {
            children += fs::read_to_string(task?.path().join("children"))?.split_whitespace().count();
        }
        Ok(Self { descriptors: fs::read_dir("/proc/self/fd")?.count(), children })
    }
}

/// Restores; the result is the exit code.
///
/// # Errors
/// The kernel can't be obtained, booted, saved or restored.
pub fn main(args: &RestoresArgs) -> anyhow::Result<u8> {
    let catalogue = Catalogue::builtin();
    let wanted = kernels::wanted_with_variants(&catalogue, true, |id| id == args.kernel);
    if wanted.is_empty() {
        eprintln!("vmtest: the catalogue has no kernel {}", args.kernel);
        return Ok(exit::NOTHING_SELECTED);
    }
    let named = Named { guest: args.guest.clone(), quell: args.quell.clone(), subject: args.subject.clone() };
    let programs = programs::find(named)?;
    let out = Out::create(&args.out, [args.kernel.as_str()].into_iter())?;
    let (_, kernel) = kernels::obtain(&wanted)?.swap_remove(0);
    let image = kernel.image.map_err(|reason| anyhow::anyhow!("kernel {}: {reason}", args.kernel))?;
    let mut plan = BootPlan {
        accel: Accel::Tcg,
        clock: Clock::Host,
        version: machine::installed_version()?,
        initramfs: out.write_initramfs(&image::build(&programs)?)?,
        kernel_parameters: kernel.parameters,
        interrupted: cli::stop_flag().context("failed to watch for signals")?,
    };
    plan.accel = accel::choose(accel::Wanted::Auto, &plan, &image.vmlinux, &out.path().join("trial")).accel;
    let directory = match &args.snapshots {
        Some(directory) => directory.clone(),
        None => default_cache_dir()?.join(cli::SNAPSHOTS),
    };
    let store = SnapshotStore::open(&directory, plan.interrupted.clone())?;
    let traces = out.path().join(&args.kernel);
    let source = Source {
        plan: &plan,
        limits: Limits::of(plan.accel),
        kernel: &image.vmlinux,
        release: image.release.as_deref(),
        traces: &traces,
        boot: 1,
    };
    let snapshot = find(&store, source)?;
    println!(
        "{}: hello {} ms after the start of QEMU; the snapshot takes {} MiB",
        args.kernel,
        snapshot.boot_ms(),
        snapshot.bytes() >> 20
    );
    let begun = Instant::now();
    let mut seen = Seen::default();
    let kind = args.disk.then_some(FileSystem::Ext4);
    let before = Held::now()?;
    for number in 1..=args.count {
        one(source, &image, snapshot.files(), kind, &mut seen)
            .with_context(|| format!("restore {number} of {} failed", args.count))?;
    }
    let after = Held::now()?;
    anyhow::ensure!(
        after == before,
        "{} restores left something open: {before:?} before, {after:?} after",
        args.count
    );
    Ok(report(args, &seen, begun.elapsed()))
}

fn find(store: &SnapshotStore, source: Source<'_>) -> anyhow::Result<Snapshot> {
    let key = Keys::default().key(source.plan, source.kernel)?;
    let mut say = |text: String| eprintln!("vmtest: {text}");
    let mut make = |files: &Files| save(source, files, &mut |text| eprintln!("vmtest: {text}"));
    let found = store.ensure(&key, &mut say, &mut make);
    found.map(|(snapshot, _)| snapshot).map_err(|failure| match failure {
        SaveFailure::Boot(cause) => anyhow::anyhow!("the kernel did not boot: {cause}"),
        SaveFailure::Snapshot(reason) => anyhow::anyhow!("no snapshot: {reason}"),
        SaveFailure::Interrupted => anyhow::anyhow!("interrupted"),
    })
}

fn one(
    source: Source<'_>,
    image: &BootImage,
    files: &Files,
    kind: Option<FileSystem>,
    seen: &mut Seen,
) -> anyhow::Result<()> {
    let lost = |loss| match loss {
        Loss::Silent { waited } => anyhow::anyhow!("the guest did not answer: {waited}"),
        Loss::Broken(cause) => anyhow::anyhow!("{cause}"),
        Loss::Interrupted => anyhow::anyhow!("interrupted"),
    };
    let Source { plan, limits, kernel, traces, .. } = source;
    let mut restored =
        restore(plan, limits, kernel, files, kind, &traces.join("restored"), 1).map_err(lost)?;
    let facts =
        only_begin(&mut restored.guest, limits, disk::mounted(&kind.into_iter().collect())).map_err(lost)?;
    if let Some(release) = &image.release
        && *release != facts.release
    {
        anyhow::bail!("the guest runs {} and not {release}", facts.release);
    }
    seen.ready_ms.push(millis(restored.guest.age()));
    seen.loaded_ms.push(millis(restored.loaded));
    seen.peak_kib = seen.peak_kib.max(restored.guest.usage().peak_kib);
    if !seen.boot_ids.insert(facts.boot_id.clone()) {
        anyhow::bail!("the guest has the boot id of an earlier one: {}", facts.boot_id);
    }
    Ok(())
}

/// Prints what was measured. A guest that was not fresh has ended the whole before: PID 1 finds the marker of an earlier
/// life, and boot ids are compared.
fn report(args: &RestoresArgs, seen: &Seen, took: Duration) -> u8 {
    let of = |times_ms: &[u64], percent| percentile_ms(times_ms, percent).unwrap_or(0);
    println!(
        "{}: {} restores{}, {} boot ids; state there after {} ms (p50) and {} ms (p99), guest ready after {} ms (p50), \
         {} ms (p99), {} ms (longest); {} MiB of memory at most; nothing left open; {} s together",
        args.kernel,
        seen.ready_ms.len(),
        if args.disk { " with a disk" } else { "" },
        seen.boot_ids.len(),
        of(&seen.loaded_ms, 50),
        of(&seen.loaded_ms, 99),
        of(&seen.ready_ms, 50),
        of(&seen.ready_ms, 99),
        of(&seen.ready_ms, 100),
        seen.peak_kib / 1024,
        took.as_secs()
    );
    exit::ALL_GREEN
}
