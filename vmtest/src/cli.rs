//! The command line: `list`, `run`, `restores`, `merge`, `ci-config`, `replay`, `diff`, `deny`, `kernels`, `facts`, `agree`,
//! `differential`, `load`, `bench`, `exec`, `runner`, `shell`.

use std::{
    collections::BTreeSet,
    io::IsTerminal,
    path::{Path, PathBuf},
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};

use anyhow::Context as _;
use clap::{Args, Parser, Subcommand};
use quell_kernels::{Catalogue, default_cache_dir};
use quell_scenarios::{load::load_dir, scenario::Scenario};
use signal_hook::{
    consts::{SIGINT, SIGTERM},
    flag,
};

use crate::{
    accel,
    agree::{self, AgreeArgs},
    bench::{self, BenchArgs},
    boot::BootPlan,
    cell::CellId,
    ci_config::{self, CiConfigArgs},
    compare::{self, DiffArgs},
    differential::{self, DifferentialArgs},
    event::{EventLine, PlannedCell},
    exec::{self, ExecArgs, runner::RunnerArgs, shell::ShellArgs},
    exit,
    facts::{self, FactsArgs},
    history, identity, image, kernels,
    kernels_verb::{self, KernelsArgs},
    list::{self, ListArgs},
    loaders::{self, LoadArgs},
    machine,
    matrix::{Filter, MatrixKernel, plan},
    memory,
    merge::{self, MergeArgs},
    out::{self, Out},
    partition::{Part, Partition},
    postmortem::Postmortem,
    programs::{self, Named},
    qemu::{Accel, Clock},
    report::{
        deny,
        live::Live,
        summary,
        table::{self, Style},
        view::RunView,
    },
    restores::{self, RestoresArgs},
    run::{RunInput, run},
    schedule::guests_at_a_time,
    snapshot::{prune::Bounds, store::SnapshotStore},
};

/// What clocks go by in a deterministic run: eight nanoseconds for an instruction. Deadlines in guests are in seconds, and so are those of
/// the kernel's own watchdogs.
const DETERMINISTIC: Clock = Clock::Instructions { shift: 3 };

/// Where snapshots are kept, in the cache.
pub(crate) const SNAPSHOTS: &str = "snapshots";

/// Boots stock kernels and proves in them what Quell claims.
#[derive(Debug, Parser)]
#[command(name = "vmtest", version, after_help = EXIT_CODES)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXIT_CODES: &str = "\
Exit codes: 0 all green; 2 usage; 10 a scenario failed; 11 a kernel crashed; 12 a guest did not boot; \
13 a guest did not answer; 14 the lab or QEMU is broken; 15 nothing selected, or all of it skipped; 16 recorded facts disagree; \
17 model and kernel disagree, kinds of entries were asked nowhere, or a program does not load or is over its ceiling; 18 what the enforcer says and what it does differ; \
19 parts of a run do not belong together; 20 a kernel is not cached as pinned; 21 a policy costs more than was agreed on; 25 `diff`: the two runs or kernels differ; 130 interrupted. \
`exec`, `runner`, `shell`: in one kernel the program's own code (128 + signal), in several 0 or 1; else 210 it or what it needs is not here; \
211 to 215 as 11 to 15; 219 out of time; 220 it could not be started.";

#[derive(Debug, Subcommand)]
enum Command {
    /// Shows the cells that `run` would perform.
    List(ListArgs),
    /// Performs cells and reports.
    Run(Box<RunArgs>),
    /// Puts the parts of a run together that several machines performed (`run --partition`), and reports as one run would.
    Merge(MergeArgs),
    /// Prints how CI systems and clusters share the lab out, from the catalogue.
    CiConfig(CiConfigArgs),
    /// Lists, fetches, pins and verifies the kernels of the catalogue.
    Kernels(KernelsArgs),
    /// Compares what the enforcer finds in each booted kernel with what is recorded about it.
    Facts(FactsArgs),
    /// Compares what the enforcer says of policies without a kernel, what it says in it, and what it then does there.
    Agree(AgreeArgs),
    /// Compares the reference model with the evaluator loaded into each booted kernel.
    Differential(DifferentialArgs),
    /// Has two loaders load every program in each booted kernel, and compares what the verifier walks with the ceilings.
    Load(LoadArgs),
    /// Runs a program of this machine, with its libraries, in chosen kernels.
    Exec(ExecArgs),
    /// Runs a test in a kernel, as cargo and nextest want it: for CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUNNER.
    Runner(RunnerArgs),
    /// Gives the terminal to a shell, or another program, in a kernel.
    Shell(ShellArgs),
    /// Counts the guest instructions that policies add to system calls, and what the agent itself takes.
    Bench(Box<BenchArgs>),
    /// Restores one kernel's snapshot many times, measures that, and shows that every guest is a fresh one.
    Restores(RestoresArgs),
    /// Renders the reports of a run again from its events.
    Replay {
        /// The run's --out directory.
        directory: PathBuf,
    },
    /// Says what changed between two runs, or between two kernels of one run.
    Diff(DiffArgs),
    /// Prints what became of each operation under each way to meet it (docs/deny.md), from the events of runs.
    Deny {
        /// The runs' --out directories; of a cell that several performed, the last one counts.
        #[arg(required = true)]
        directories: Vec<PathBuf>,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Selection {
    /// Kernels, as a glob over catalogue ids (`6.*`).
    #[arg(long, value_name = "GLOB")]
    kernel: Option<String>,
    /// Scenarios, as a glob over `area/name` or `area/name@fs` (`file/*`, `*write*@ext4`).
    #[arg(long, value_name = "GLOB")]
    scenario: Option<String>,
    /// Where the scenario files are.
    #[arg(long, value_name = "DIR", default_value = "scenarios")]
    scenarios: PathBuf,
    /// Kernels, variants and scenarios of the full tier as well. A kernel that --kernel names by its id alone is run whatever its tier is.
    #[arg(long)]
    full: bool,
    /// Only a share of the selected cells: slice:K/N, hash:K/N, kernel:ID, or kernel:ID,slice:K/N, with K from 1 to N.
    #[arg(long, value_name = "SHARE")]
    pub(crate) partition: Option<Partition>,
}

impl Selection {
    /// Whether variants of the full tier take part.
    pub(crate) fn is_full(&self) -> bool {
        self.full || self.kernel.as_ref().is_some_and(|glob| !glob.contains(['*', '?', '[', '{']))
    }
}

#[derive(Debug, Args)]
struct RunArgs {
    #[command(flatten)]
    selection: Selection,
    /// Boot this kernel (bzImage or vmlinux) instead of those of the catalogue.
    #[arg(long, value_name = "FILE", conflicts_with = "kernel")]
    kernel_image: Option<PathBuf>,
    /// Its configuration: which file systems it has. Without it everything that the lab needs is taken for built in.
    #[arg(long, value_name = "FILE", requires = "kernel_image")]
    kernel_config: Option<PathBuf>,
    /// Its type information, for a kernel without any in itself.
    #[arg(long, value_name = "FILE", requires = "kernel_image")]
    btf: Option<PathBuf>,
    /// Guests at a time; an emulated guest keeps one processor busy [default: the number of processors,
    /// and half as many again with --attached].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=64))]
    jobs: Option<u16>,
    /// Memory that all guests together may take, which bounds --jobs [default: what is available, less an eighth].
    #[arg(long, value_name = "MIB")]
    memory_mib: Option<u64>,
    /// Boot once per kernel and perform its cells one after the other, instead of a fresh guest for each.
    #[arg(long)]
    cold: bool,
    /// Where snapshots of booted kernels are kept [default: `snapshots` in the cache].
    #[arg(long, value_name = "DIR", conflicts_with = "cold")]
    snapshots: Option<PathBuf>,
    /// Save every cell once more when its policy is in force, and go on from there the next time: a run that changes neither
    /// the programs nor the scenarios then loads no policy. Not for cells on a disk that is plugged in.
    #[arg(long, conflicts_with_all = ["cold", "deterministic"])]
    attached: bool,
    /// Keep the traces of cells that passed, too.
    #[arg(long)]
    keep_traces: bool,
    /// Where reports and traces go.
    #[arg(long, value_name = "DIR", default_value = "out/vmtest")]
    out: PathBuf,
    /// The enforcer under test [default: `quell` beside this program].
    #[arg(long, value_name = "PATH")]
    quell: Option<PathBuf>,
    /// PID 1 of the guests [default: `vmtest-guest` beside this program].
    #[arg(long, value_name = "PATH")]
    guest: Option<PathBuf>,
    /// Performs the steps of scenarios [default: `subject` beside this program].
    #[arg(long, value_name = "PATH")]
    subject: Option<PathBuf>,
    /// What runs the guests.
    #[arg(long, value_enum, default_value_t)]
    accel: accel::Wanted,
    /// Refuse kernels other than the pinned ones (kernels/kernels.lock).
    #[arg(long)]
    locked: bool,
    /// Clocks of guests count instructions, and nothing is random: the same run gives the same times in the guests, to the
    /// nanosecond. Emulated, about twice as slow, and without a disk, which would answer in the host's time.
    #[arg(long, conflicts_with = "accel")]
    deterministic: bool,
    /// Seconds from the start of QEMU to the guest's hello [default: by accelerator].
    #[arg(long, value_name = "SECONDS")]
    boot_limit_s: Option<u64>,
    /// Seconds that a guest may be silent during a cell [default: by accelerator].
    #[arg(long, value_name = "SECONDS")]
    silence_limit_s: Option<u64>,
    /// Adds a word to the kernels' command line; the lab's own tests use it to boot bad guests.
    #[arg(long = "kernel-parameter", value_name = "WORD")]
    kernel_parameters: Vec<String>,
}

/// Runs the command line and returns the exit code.
///
/// # Errors
/// Something kept the command from being carried out; the exit code is then [`exit::LAB_BROKEN`].
pub fn main(cli: Cli) -> anyhow::Result<u8> {
    match cli.command {
        Command::List(args) => list::main(&args),
        Command::Run(args) => run_cells(*args),
        Command::Merge(args) => merge::main(&args),
        Command::CiConfig(args) => ci_config::main(&args),
        Command::Kernels(args) => kernels_verb::main(&args),
        Command::Facts(args) => facts::main(&args),
        Command::Agree(args) => agree::main(&args),
        Command::Differential(args) => differential::main(&args),
        Command::Load(args) => loaders::main(&args),
        Command::Exec(args) => exec::main(&args),
        Command::Runner(args) => exec::runner::main(&args),
        Command::Shell(args) => exec::shell::main(&args),
        Command::Bench(args) => bench::main(&args),
        Command::Restores(args) => restores::main(&args),
        Command::Replay { directory } => replay(&directory),
        Command::Diff(args) => compare::main(&args),
        Command::Deny { directories } => refusals(&directories),
    }
}

pub(crate) struct Selected {
    pub(crate) filter: Filter,
    pub(crate) scenarios: Vec<Scenario>,
}

/// Reads filters and scenarios; `Err` of the inner result is the exit code of a mistake on the command line.
pub(crate) fn select(selection: &Selection) -> anyhow::Result<Result<Selected, u8>> {
    let filter = match Filter::new(selection.kernel.as_deref(), selection.scenario.as_deref()) {
        Ok(filter) => filter.full(selection.full),
        Err(error) => {
            eprintln!("vmtest: {error}");
            return Ok(Err(exit::USAGE));
        }
    };
    let scenarios = load_dir(&selection.scenarios)
        .with_context(|| format!("failed to load the scenarios in {}", selection.scenarios.display()))?;
    Ok(Ok(Selected { filter, scenarios }))
}

pub(crate) fn nothing_selected() -> u8 {
    eprintln!("vmtest: the filters select no cell; `vmtest list` without filters shows all of them");
    exit::NOTHING_SELECTED
}

/// A share of a kernel that the plan does not have would be empty and in order on every machine: a slip of the pen must not be.
pub(crate) fn is_of_no_kernel(partition: Option<&Partition>, plan: &[PlannedCell]) -> bool {
    let Some(partition) = partition else { return false };
    let is_unknown = !plan.iter().any(|planned| partition.concerns(&planned.cell.kernel));
    if is_unknown {
        eprintln!(
            "vmtest: --partition {partition}: no selected cell is of this kernel; `vmtest list` shows those that there are"
        );
    }
    is_unknown
}

fn run_cells(args: RunArgs) -> anyhow::Result<u8> {
    let Selected { filter, scenarios } = match select(&args.selection)? {
        Ok(selected) => selected,
        Err(code) => return Ok(code),
    };
    let catalogue = Catalogue::builtin();
    let mut columns =
        kernels::wanted_with_variants(&catalogue, args.selection.is_full(), |id| filter.wants_kernel(id));
    let planned: Vec<MatrixKernel> = match &args.kernel_image {
        Some(image) => vec![kernels::planned_of_file(image)],
        None => columns.iter().map(kernels::Column::planned).collect(),
    };
    let whole = plan(&planned, &scenarios, &filter);
    if whole.is_empty() {
        return Ok(nothing_selected());
    }
    let partition = args.selection.partition;
    if is_of_no_kernel(partition.as_ref(), &whole) {
        return Ok(exit::USAGE);
    }
    let chosen: BTreeSet<CellId> = match &partition {
        None => whole.iter().map(|planned| planned.cell.clone()).collect(),
        Some(partition) => partition.select(&whole).into_iter().map(|planned| planned.cell.clone()).collect(),
    };
    // A kernel without a cell here need not be fetched.
    columns.retain(|column| chosen.iter().any(|cell| cell.kernel == column.id));
    let part = partition.map(|partition| Part { partition, plan: whole });
    // First of all: a run that fails from here on must not leave the reports of an earlier one.
    let out = Out::create(&args.out, columns.iter().map(|column| column.id.as_str()))?;
    // Cheap failures come before downloads.
    let version = machine::installed_version()?;
    let named = Named { guest: args.guest, quell: args.quell, subject: args.subject };
    let programs = programs::find(named)?;
    let mut events = out.events()?;

    let obtained = match &args.kernel_image {
        Some(image) => {
            let (config, btf) = (args.kernel_config.as_deref(), args.btf.as_deref());
            vec![kernels::of_file(image, config, btf, out.path())?]
        }
        None => kernels::obtain_with(&columns, args.locked, quell_kernels::for_stderr().as_ref())?,
    };
    let (mut matrix, mut kernels): (Vec<_>, Vec<_>) = obtained.into_iter().unzip();
    if args.deterministic {
        matrix.iter_mut().for_each(kernels::without_disks);
    }
    let with_btf: Vec<(String, PathBuf)> = kernels
        .iter()
        .filter_map(|kernel| Some((kernel.id.clone(), kernel.image.as_ref().ok()?.btf.clone()?)))
        .collect();
    let initramfs = out.write_initramfs(&image::build_with_btf(&programs, &with_btf)?)?;
    let mut cells = plan(&matrix, &scenarios, &filter);
    cells.retain(|planned| chosen.contains(&planned.cell));
    for kernel in &mut kernels {
        kernels::equip(kernel, &cells, &initramfs, out.path(), args.attached)?;
    }
    // Only now: until here a signal ends the program itself, so that nobody has to wait for a download.
    let interrupted = stop_flag().context("failed to watch for signals")?;
    let (boot_limit, silence_limit) = (args.boot_limit_s, args.silence_limit_s);
    let jobs = jobs(args.jobs, args.attached, args.memory_mib)?;
    let cache = default_cache_dir()?;
    // Where clocks count instructions, a guest has to begin at the beginning.
    let snapshots = match (args.cold || args.deterministic, args.snapshots) {
        (true, _) => None,
        (false, named) => {
            let bounds = if args.attached { Bounds::with_attached() } else { Bounds::default() };
            open_snapshots(&named.unwrap_or_else(|| cache.join(SNAPSHOTS)), bounds, &interrupted)
        }
    };
    // Without it the order of cells is another one, and nothing else.
    let known = history::read(&cache).unwrap_or_else(|error| {
        eprintln!("vmtest: {error}; cells are performed in the order of the plan");
        Default::default()
    });
    let input = RunInput {
        cells,
        digests: identity::digests(&programs, &scenarios)?,
        part,
        scenarios,
        kernels,
        // The accelerator is chosen by the run itself; emulation is the one that always works.
        boot: BootPlan {
            accel: Accel::Tcg,
            clock: if args.deterministic { DETERMINISTIC } else { Clock::Host },
            version,
            initramfs,
            kernel_parameters: args.kernel_parameters,
            interrupted,
        },
        accel: if args.deterministic { accel::Wanted::Tcg } else { args.accel },
        limits: Box::new(move |limits| {
            let limits = boot_limit.map_or(limits, |s| limits.with_boot(Duration::from_secs(s)));
            silence_limit.map_or(limits, |s| limits.with_silence(Duration::from_secs(s)))
        }),
        jobs,
        out: out.path().to_owned(),
        snapshots,
        attached: args.attached,
        keep_traces: args.keep_traces,
        durations: known.clone(),
    };
    let mut live = Live::new();
    let mut view = RunView::default();
    let mut failure = None;
    let postmortem = Postmortem::new(out.path());
    run(&input, &mut |line: EventLine| {
        let mut add = |view: &mut RunView, line: &EventLine| {
            live.show(line);
            view.apply(line);
            // The run goes on without its log, and ends with this error: what it saw so far is still reported.
            if let Err(error) = events.add(line) {
                failure.get_or_insert(error);
            }
        };
        add(&mut view, &line);
        if let Some(tail) = postmortem.after(&view, &line) {
            add(&mut view, &tail);
        }
    });
    if let Err(error) = history::write(&cache, known, &view) {
        eprintln!("vmtest: {error}");
    }
    out.write_reports(&view)?;
    print(&view);
    eprintln!("reports and traces: {}", out.path().display());
    match failure {
        Some(error) => Err(error.into()),
        None => Ok(exit::code(&view)),
    }
}

/// Guests at a time: as many as there are processors or as were asked for, as far as memory goes.
fn jobs(asked: Option<u16>, attached: bool, memory_mib: Option<u64>) -> anyhow::Result<usize> {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    // A guest that only takes a policy back waits for its kernel's grace periods for a third of its time.
    let wanted = if attached { processors + processors.div_ceil(2) } else { processors };
    let asked = asked.map_or(wanted, usize::from);
    let budget_mib = match memory_mib {
        Some(mib) => mib,
        None => memory::available_mib().context("failed to find out how much memory there is")?,
    };
    let jobs = guests_at_a_time(asked, budget_mib, memory::GUEST_MIB);
    if jobs < asked {
        eprintln!(
            "vmtest: {jobs} guests at a time instead of {asked}: each may take {} MiB, and there are {budget_mib} MiB",
            memory::GUEST_MIB
        );
    }
    Ok(jobs)
}

/// Opens the store and removes what is old in it. A run can do without, and says so.
fn open_snapshots(directory: &Path, bounds: Bounds, interrupted: &Arc<AtomicBool>) -> Option<SnapshotStore> {
    let store = match SnapshotStore::open(directory, interrupted.clone()) {
        Ok(store) => store,
        Err(error) => {
            eprintln!("vmtest: {error}; the cells of each kernel share boots");
            return None;
        }
    };
    if let Err(error) = store.prune(bounds, std::time::SystemTime::now()) {
        eprintln!("vmtest: {error}; old snapshots stay");
    }
    Some(store)
}

fn replay(directory: &Path) -> anyhow::Result<u8> {
    let view = RunView::of(&out::read_events(directory)?);
    let out = Out::open(directory)?;
    out.write_reports(&view)?;
    print(&view);
    Ok(exit::code(&view))
}

fn refusals(directories: &[PathBuf]) -> anyhow::Result<u8> {
    let runs: Vec<RunView> = directories
        .iter()
        .map(|directory| Ok(RunView::of(&out::read_events(directory)?)))
        .collect::<Result<_, out::OutError>>()?;
    print!("{}", deny::render(&runs));
    Ok(exit::ALL_GREEN)
}

/// Table, findings, and the closing line alone at the end.
pub(crate) fn print(view: &RunView) {
    let terminal = std::io::stdout().is_terminal();
    let width = terminal.then(|| comfy_table::Table::new().width()).flatten();
    // Below that, a table of four kernels is broken into letters; the terminal's own wrapping reads better.
    let width = width.filter(|columns| *columns >= 120);
    println!("{}", table::render(view, Style { colour: terminal, width }));
    print!("{}", summary::findings(view));
    println!("{}", summary::closing_line(view));
}

/// Set by the first SIGINT or SIGTERM, which lets the run end orderly; the second one ends the process at once, and the
/// kernel then ends every QEMU.
pub(crate) fn stop_flag() -> std::io::Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        flag::register_conditional_shutdown(signal, exit::INTERRUPTED.into(), stop.clone())?;
        flag::register(signal, stop.clone())?;
    }
    Ok(stop)
}
