//! What a policy costs, in guest instructions: the same number on every run and every host.
//!
//! The clock of a guest counts its instructions. A static program makes calls in loops, without an agent, with one that has no
//! policy and with each policy, in one boot per kernel; what a call takes more is the cost. Nothing is timed whose verdict was not
//! asserted, and nothing is believed of a guest whose counter is not exact.

pub mod baseline;
pub mod ceiling;
pub mod cost;
pub mod events;
mod guest;
pub mod judge;
mod other;
pub mod page;
pub mod pass;
pub mod scale;
pub mod svg;
pub mod table;
pub mod visible;

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use clap::Args;
use quell_kernels::Catalogue;
use sha2::{Digest as _, Sha256};
use vmtest_proto::{BenchCall, BenchRequest};

use crate::{
    boot::BootPlan,
    cli, exit, image, kernels, machine,
    matrix::Filter,
    out::Out,
    programs::{self, Named},
    qemu::{Accel, Clock},
};
use baseline::Baseline;
use cost::{Binary, COSTS_VERSION, Costs};

/// One instruction is one nanosecond.
const SHIFT: u8 = 0;

/// Arguments of `vmtest bench`.
#[derive(Debug, Args)]
pub struct BenchArgs {
    /// Kernels, as a glob over catalogue ids (`6.*`).
    #[arg(long, value_name = "GLOB")]
    kernel: Option<String>,
    /// A policy; may be given several times [default: every policy in benches/policies].
    #[arg(long, value_name = "FILE", num_args = 1..)]
    policy: Vec<PathBuf>,
    /// A call; may be given several times [default: all].
    #[arg(long, value_name = "NAME", num_args = 1.., value_parser = call)]
    call: Vec<BenchCall>,
    /// The enforcer under test [default: `quell` beside this program].
    #[arg(long, value_name = "PATH")]
    quell: Option<PathBuf>,
    /// PID 1 of the guests [default: `vmtest-guest` beside this program].
    #[arg(long, value_name = "PATH")]
    guest: Option<PathBuf>,
    /// Somebody else's agent, for comparison: a folder in which the program `start` runs it until SIGTERM, and says when it is in force
    /// as services do (sd_notify) or by a line `ready` on standard output. Programs in it bring their libraries. May be given several
    /// times; without --policy, only these are measured.
    #[arg(long, value_name = "DIR", conflicts_with_all = ["scale", "check", "bless", "results"])]
    agent: Vec<PathBuf>,
    /// Part of every image [default: `subject` beside this program].
    #[arg(long, value_name = "PATH")]
    subject: Option<PathBuf>,
    /// Makes the calls [default: `caller` beside this program].
    #[arg(long, value_name = "PATH")]
    caller: Option<PathBuf>,
    /// Draws curves instead: cost against the number of values, selectors, policies, components of a path, processes.
    #[arg(long, conflicts_with_all = ["policy", "call", "check", "bless"])]
    scale: bool,
    /// Measures the way of events, too: how many at once before one is lost, and that a kill waits for no reader.
    #[arg(long)]
    events: bool,
    /// Fails when a cell costs more than was agreed on, or nothing was.
    #[arg(long, conflicts_with = "bless")]
    check: bool,
    /// Agrees on what is measured, for this reason.
    #[arg(long, value_name = "REASON")]
    bless: Option<String>,
    /// Takes what an earlier run measured (its bench.json) instead of measuring again; may be given several times.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["kernel", "policy", "call", "scale", "events"])]
    results: Vec<PathBuf>,
    /// What was agreed on.
    #[arg(long, value_name = "FILE", default_value = "benches/baseline.json")]
    baseline: PathBuf,
    /// Where traces and results go.
    #[arg(long, value_name = "DIR", default_value = "out/bench")]
    out: PathBuf,
}

/// The policies of the table that is kept.
const POLICIES: &str = "benches/policies";

fn call(name: &str) -> Result<BenchCall, String> {
    BenchCall::named(name).ok_or_else(|| {
        let names: Vec<_> = BenchCall::ALL.iter().map(|call| call.name()).collect();
        format!("there is no such call; there are {}", names.join(", "))
    })
}

/// Measures; the result is the exit code.
///
/// # Errors
/// A kernel can't be obtained or booted, what was measured is no measurement, or a file can't be read or written.
pub fn main(args: &BenchArgs) -> anyhow::Result<u8> {
    if args.results.is_empty() {
        return measure(args);
    }
    let mut code = exit::ALL_GREEN;
    for path in &args.results {
        let text = fs::read_to_string(path).with_context(|| format!("failed to read {}", path.display()))?;
        let costs: Costs = serde_json::from_str(&text)
            .with_context(|| format!("failed to understand {}", path.display()))?;
        let version = costs.version;
        anyhow::ensure!(version == COSTS_VERSION, "{} is of version {version}", path.display());
        code = code.max(agree(args, &costs)?);
    }
    Ok(code)
}

fn measure(args: &BenchArgs) -> anyhow::Result<u8> {
    let filter = Filter::new(args.kernel.as_deref(), None)?;
    let catalogue = Catalogue::builtin();
    let wanted = kernels::wanted(&catalogue, args.kernel.is_some(), |id| filter.wants_kernel(id));
    if wanted.is_empty() {
        eprintln!("vmtest: no kernel of the catalogue is selected");
        return Ok(exit::NOTHING_SELECTED);
    }
    let programs = programs::find(Named {
        guest: args.guest.clone(),
        quell: args.quell.clone(),
        subject: args.subject.clone(),
    })?;
    let caller = programs::find_caller(args.caller.clone())?;
    let out = Out::create(&args.out, wanted.iter().map(|kernel| kernel.id.as_str()))?;
    let Asked { request, policies } = asked(args, out.path())?;
    let plan = BootPlan {
        accel: Accel::Tcg,
        clock: Clock::Instructions { shift: SHIFT },
        version: machine::installed_version()?,
        initramfs: out.write_initramfs(
            &[image::build_with_caller(&programs, &caller, &policies)?, other::archive(&args.agent)?]
                .concat(),
        )?,
        kernel_parameters: Vec::new(),
        interrupted: cli::stop_flag().context("failed to watch for signals")?,
    };
    let mut costs = Costs {
        version: COSTS_VERSION,
        qemu: machine::version_line()?,
        icount_shift: SHIFT,
        quell: binary(&programs.quell)?,
        kernels: Vec::new(),
    };
    let mut failed = Vec::new();
    for (_, kernel) in kernels::obtain(&wanted)? {
        let measured = kernel.image.map_err(|reason| vec![reason]).and_then(|image| {
            guest::measure(&plan, &kernel.id, &image, &request, &out.path().join(&kernel.id))
        });
        match measured {
            Ok(measured) => costs.kernels.push(measured),
            Err(reasons) => {
                failed.extend(reasons.into_iter().map(|reason| format!("{}: {reason}", kernel.id)));
            }
        }
    }
    report(&costs, out.path())?;
    if !failed.is_empty() {
        failed.iter().for_each(|reason| println!("{reason}"));
        println!("{}", closing_line(0, failed.len()));
        return Ok(exit::LAB_BROKEN);
    }
    agree(args, &costs)
}

/// Agrees on what was measured, or compares it with what was agreed on, as was asked for.
fn agree(args: &BenchArgs, costs: &Costs) -> anyhow::Result<u8> {
    let mut baseline = Baseline::read(&args.baseline)?;
    if let Some(reason) = &args.bless {
        baseline.bless(costs, reason);
        baseline.write(&args.baseline)?;
        println!("agreed on in {}", args.baseline.display());
    }
    let grown = if args.check { baseline.exceeded(costs) } else { Vec::new() };
    grown.iter().for_each(|sentence| println!("{sentence}"));
    let cells = costs.kernels.iter().flat_map(|kernel| &kernel.policies).map(|policy| policy.added.len());
    println!("{}", closing_line(cells.sum(), grown.len()));
    Ok(if grown.is_empty() { exit::ALL_GREEN } else { exit::COSTS_MORE })
}

/// What guests are asked, and the policies that they need for it.
struct Asked {
    request: BenchRequest,
    policies: Vec<PathBuf>,
}

fn asked(args: &BenchArgs, out: &Path) -> anyhow::Result<Asked> {
    let mut policies = Vec::new();
    let (calls, mut passes) = if args.scale {
        let folder = out.join("policies");
        fs::create_dir_all(&folder).with_context(|| format!("failed to create {}", folder.display()))?;
        for scale::Generated { file, text } in scale::policies() {
            let path = folder.join(file);
            write(&path, &text)?;
            policies.push(path);
        }
        (scale::CALLS.to_vec(), pass::between(scale::passes()))
    } else {
        policies = if args.policy.is_empty() && args.agent.is_empty() {
            policies_of(Path::new(POLICIES))?
        } else {
            args.policy.clone()
        };
        let calls = if args.call.is_empty() { BenchCall::ALL.to_vec() } else { args.call.clone() };
        (calls, pass::passes(&policies, &other::names(&args.agent)?))
    };
    if args.events {
        policies.push(events::POLICY.into());
        passes.extend(events::passes());
    }
    Ok(Asked { request: BenchRequest { calls, passes }, policies })
}

/// Everything that a run leaves, and the tables on standard output.
fn report(costs: &Costs, out: &Path) -> anyhow::Result<()> {
    let json = serde_json::to_string_pretty(costs).context("failed to write down what was measured")?;
    write(&out.join("bench.json"), &(json + "\n"))?;
    let mut text = table::render(costs);
    let mut sections = Vec::new();
    for kernel in &costs.kernels {
        if !kernel.charts.is_empty() {
            text.push_str(&scale::text(&kernel.kernel, &kernel.charts));
            sections.push(scale::section(&kernel.kernel, &kernel.charts));
        }
        if let Some(figures) = &kernel.events {
            text.push_str(&events::text(&kernel.kernel, figures));
            sections.push(events::section(&kernel.kernel, figures));
        }
    }
    write(&out.join("bench.txt"), &text)?;
    write(&out.join("bench.html"), &page::render(costs, &sections))?;
    print!("{text}");
    eprintln!("results and traces: {}", out.display());
    Ok(())
}

/// What the checks count.
fn closing_line(cells: usize, failed: usize) -> String {
    format!("{} passed, {failed} failed, 0 skipped", cells.saturating_sub(failed))
}

/// The policies of a folder, by name.
fn policies_of(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).with_context(|| format!("failed to read {}", folder.display()))?;
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.with_context(|| format!("failed to read {}", folder.display()))?.path();
        if path.extension().is_some_and(|extension| extension == "yaml") {
            files.push(path);
        }
    }
    files.sort();
    anyhow::ensure!(!files.is_empty(), "there is no policy in {}", folder.display());
    Ok(files)
}

fn binary(path: &Path) -> anyhow::Result<Binary> {
    let bytes = fs::read(path).with_context(|| format!("failed to read {}", path.display()))?;
    let digest = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(Binary { digest, bytes: bytes.len() as u64 })
}

fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    fs::write(path, text).with_context(|| format!("failed to write {}", path.display()))
}
