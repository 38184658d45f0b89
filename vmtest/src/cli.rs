//! The command line: `list`, `run`, `replay`, `facts`, `differential`.

use std::{
    io::IsTerminal,
    path::{Path, PathBuf},
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};

use anyhow::Context as _;
use clap::{Args, Parser, Subcommand};
use quell_kernels::Catalogue;
use quell_scenarios::{load::load_dir, scenario::Scenario};
use signal_hook::{
    consts::{SIGINT, SIGTERM},
    flag,
};

use crate::{
    accel,
    boot::BootPlan,
    differential::{self, DifferentialArgs},
    event::{EventLine, PlannedCell},
    exit,
    facts::{self, FactsArgs},
    image, kernels, machine,
    matrix::{Decision, Filter, MatrixKernel, plan},
    out::{self, Out},
    programs::{self, Named},
    qemu::Accel,
    report::{
        live::Live,
        summary,
        table::{self, Style},
        view::RunView,
    },
    run::{RunInput, run},
};

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
17 model and kernel disagree, or kinds of entries were asked nowhere; 130 interrupted.";

#[derive(Debug, Subcommand)]
enum Command {
    /// Shows the cells that `run` would perform.
    List(Selection),
    /// Performs cells and reports.
    Run(Box<RunArgs>),
    /// Compares what the enforcer finds in each booted kernel with what is recorded about it.
    Facts(FactsArgs),
    /// Compares the reference model with the evaluator loaded into each booted kernel.
    Differential(DifferentialArgs),
    /// Renders the reports of a run again from its events.
    Replay {
        /// The run's --out directory.
        directory: PathBuf,
    },
}

#[derive(Debug, Args)]
struct Selection {
    /// Kernels, as a glob over catalogue ids (`6.*`).
    #[arg(long, value_name = "GLOB")]
    kernel: Option<String>,
    /// Scenarios, as a glob over `area/name` or `area/name@fs` (`file/*`, `*write*@ext4`).
    #[arg(long, value_name = "GLOB")]
    scenario: Option<String>,
    /// Where the scenario files are.
    #[arg(long, value_name = "DIR", default_value = "scenarios")]
    scenarios: PathBuf,
}

#[derive(Debug, Args)]
struct RunArgs {
    #[command(flatten)]
    selection: Selection,
    /// Guests at a time. An emulated guest keeps one processor busy.
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..=64))]
    jobs: u16,
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
        Command::List(selection) => list(&selection),
        Command::Run(args) => run_cells(*args),
        Command::Facts(args) => facts::main(&args),
        Command::Differential(args) => differential::main(&args),
        Command::Replay { directory } => replay(&directory),
    }
}

struct Selected {
    filter: Filter,
    scenarios: Vec<Scenario>,
}

/// Reads filters and scenarios; `Err` of the inner result is the exit code of a mistake on the command line.
fn select(selection: &Selection) -> anyhow::Result<Result<Selected, u8>> {
    let filter = match Filter::new(selection.kernel.as_deref(), selection.scenario.as_deref()) {
        Ok(filter) => filter,
        Err(error) => {
            eprintln!("vmtest: {error}");
            return Ok(Err(exit::USAGE));
        }
    };
    let scenarios = load_dir(&selection.scenarios)
        .with_context(|| format!("failed to load the scenarios in {}", selection.scenarios.display()))?;
    Ok(Ok(Selected { filter, scenarios }))
}

fn nothing_selected() -> u8 {
    eprintln!("vmtest: the filters select no cell; `vmtest list` without filters shows all of them");
    exit::NOTHING_SELECTED
}

fn list(selection: &Selection) -> anyhow::Result<u8> {
    let Selected { filter, scenarios } = match select(selection)? {
        Ok(selected) => selected,
        Err(code) => return Ok(code),
    };
    let catalogue = Catalogue::builtin();
    let wanted = kernels::wanted(&catalogue, |id| filter.wants_kernel(id));
    let matrix: Vec<MatrixKernel> = wanted
        .iter()
        .map(|kernel| MatrixKernel { id: kernel.id.clone(), ..MatrixKernel::default() })
        .collect();
    let cells = plan(&matrix, &scenarios, &filter);
    if cells.is_empty() {
        return Ok(nothing_selected());
    }
    for planned in &cells {
        println!("{}", listed(planned));
    }
    println!("{} cells", cells.len());
    Ok(exit::ALL_GREEN)
}

fn listed(planned: &PlannedCell) -> String {
    let decision = match &planned.decision {
        Decision::Run => String::new(),
        Decision::Skip(reason) => format!(" [skipped: {reason}]"),
    };
    format!("{:<60} {}{decision}", planned.cell.to_string(), planned.title)
}

fn run_cells(args: RunArgs) -> anyhow::Result<u8> {
    let Selected { filter, scenarios } = match select(&args.selection)? {
        Ok(selected) => selected,
        Err(code) => return Ok(code),
    };
    let catalogue = Catalogue::builtin();
    let wanted = kernels::wanted(&catalogue, |id| filter.wants_kernel(id));
    let rows =
        scenarios.iter().flat_map(|scenario| scenario.filesystems.iter().map(|fs| (&scenario.id, *fs)));
    let any_row = rows.into_iter().any(|(id, file_system)| filter.wants_row(id, file_system));
    if wanted.is_empty() || !any_row {
        return Ok(nothing_selected());
    }
    // First of all: a run that fails from here on must not leave the reports of an earlier one.
    let out = Out::create(&args.out, wanted.iter().map(|kernel| kernel.id.as_str()))?;
    // Cheap failures come before downloads.
    let version = machine::installed_version()?;
    let named = Named { guest: args.guest, quell: args.quell, subject: args.subject };
    let programs = programs::find(named)?;
    let initramfs = out.write_initramfs(&image::build(&programs)?)?;
    let mut events = out.events()?;

    let (matrix, kernels): (Vec<_>, Vec<_>) = kernels::obtain(&wanted)?.into_iter().unzip();
    // Only now: until here a signal ends the program itself, so that nobody has to wait for a download.
    let interrupted = stop_flag().context("failed to watch for signals")?;
    let (boot_limit, silence_limit) = (args.boot_limit_s, args.silence_limit_s);
    let input = RunInput {
        cells: plan(&matrix, &scenarios, &filter),
        scenarios,
        kernels,
        // The accelerator is chosen by the run itself; emulation is the one that always works.
        boot: BootPlan {
            accel: Accel::Tcg,
            version,
            initramfs,
            kernel_parameters: args.kernel_parameters,
            interrupted,
        },
        accel: args.accel,
        limits: Box::new(move |limits| {
            let limits = boot_limit.map_or(limits, |s| limits.with_boot(Duration::from_secs(s)));
            silence_limit.map_or(limits, |s| limits.with_silence(Duration::from_secs(s)))
        }),
        jobs: args.jobs.into(),
        out: out.path().to_owned(),
    };
    let mut live = Live::new();
    let mut view = RunView::default();
    let mut failure = None;
    run(&input, &mut |line: EventLine| {
        live.show(&line);
        view.apply(&line);
        // The run goes on without its log, and ends with this error: what it saw so far is still reported.
        if let Err(error) = events.add(&line) {
            failure.get_or_insert(error);
        }
    });
    out.write_reports(&view)?;
    print(&view);
    eprintln!("reports and traces: {}", out.path().display());
    match failure {
        Some(error) => Err(error.into()),
        None => Ok(exit::code(&view)),
    }
}

fn replay(directory: &Path) -> anyhow::Result<u8> {
    let view = RunView::of(&out::read_events(directory)?);
    let out = Out::open(directory)?;
    out.write_reports(&view)?;
    print(&view);
    Ok(exit::code(&view))
}

/// Table, findings, and the closing line alone at the end.
fn print(view: &RunView) {
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
