//! `quell-differential`: asks model, evaluator and kernel the same questions, and ends with 1 when they differ.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use anyhow::Context as _;
use clap::{Args, Parser, Subcommand, ValueEnum};
use quell::kernel::view::View;
use quell_differential::dice::Dice;
use quell_differential::kernel::loaders::{self, Row};
use quell_differential::sketch::{Shape, draw};
use quell_differential::{calls, fuzz, host, kernel, prepare, replay, report};

/// Something differs.
const DIFFERENCE: u8 = 1;
/// Nobody could be asked.
const BROKEN: u8 = 3;
/// Cases between two words about progress.
const WORD: u64 = 100_000;

/// Asks model, evaluator and kernel the same questions.
#[derive(Debug, Parser)]
#[command(
    name = "quell-differential",
    version,
    after_help = "Exit codes: 0 no difference; 1 a difference, or coverage is missing; 2 usage; 3 nobody could be asked."
)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// The evaluator built for this machine.
    Host(HostArgs),
    /// The evaluator loaded into the running kernel, and its path walk.
    Kernel(KernelArgs),
    /// One kept case: what model and evaluator say of it, side by side.
    Replay {
        /// The policy; its one hook is asked.
        #[arg(long, value_name = "FILE")]
        policy: PathBuf,
        /// The call, as `quell eval` takes it.
        #[arg(long, value_name = "FILE")]
        context: PathBuf,
    },
    /// Every program of policies, loaded into the running kernel by two loaders and not attached.
    Load(LoadArgs),
    /// Everything that reads a file, given changed files of the corpus.
    Fuzz(FuzzArgs),
    /// Prints one generated policy.
    Sketch {
        /// What it is generated from.
        seed: u64,
        /// Print a call of its hook instead.
        #[arg(long)]
        call: bool,
    },
}

#[derive(Debug, Args)]
struct LoadArgs {
    /// Policy files; those that this kernel can't enforce are named and left out
    #[arg(required = true)]
    policies: Vec<PathBuf>,
    /// Type information of this kernel, where it has none in itself
    #[arg(long, value_name = "FILE")]
    btf: Option<PathBuf>,
    /// How the result is printed.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[derive(Debug, Args)]
struct FuzzArgs {
    /// Inputs for each reader.
    #[arg(long, value_name = "N", default_value_t = 20_000)]
    inputs: u64,
    /// What they are generated from.
    #[arg(long, value_name = "N", default_value_t = 20_261_123)]
    seed: u64,
    /// Files to begin with.
    #[arg(long, value_name = "DIR", default_value = "enforcer/differential/corpus")]
    corpus: PathBuf,
    /// Where inputs go that panicked or took too long.
    #[arg(long, value_name = "DIR", default_value = "out/fuzz")]
    out: PathBuf,
}

#[derive(Debug, Args)]
struct HostArgs {
    /// Generated calls.
    #[arg(long, value_name = "N", default_value_t = 1_000_000)]
    cases: u64,
    /// What they are generated from.
    #[arg(long, value_name = "N", default_value_t = 20_261_123)]
    seed: u64,
    /// Then ask the running kernel about so many, if it can be asked.
    #[arg(long, value_name = "N", default_value_t = 0)]
    kernel_cases: u64,
    /// Print every difference in one line.
    #[arg(long)]
    every: bool,
    /// Compare nothing more after the first difference.
    #[arg(long, conflicts_with = "every")]
    stop: bool,
    /// Threads [default: one per processor].
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
    /// Where a differing case goes.
    #[arg(long, value_name = "DIR", default_value = "out/differential-host")]
    out: PathBuf,
}

#[derive(Debug, Args)]
struct KernelArgs {
    /// Generated calls.
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    cases: u64,
    /// What they are generated from.
    #[arg(long, value_name = "N", default_value_t = 20_261_123)]
    seed: u64,
    /// How the result is printed.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Where a differing case goes (text only; JSON holds it).
    #[arg(long, value_name = "DIR", default_value = "out/differential-kernel")]
    out: PathBuf,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people.
    Text,
    /// One object per line, the report last.
    Json,
}

fn main() -> ExitCode {
    let done = match Cli::parse().verb {
        Verb::Host(args) => of_host(&args),
        Verb::Kernel(args) => of_kernel(&args),
        Verb::Load(args) => of_load(&args),
        Verb::Replay { policy, context } => of_replay(&policy, &context),
        Verb::Fuzz(args) => of_fuzz(&args),
        Verb::Sketch { seed, call } => of_sketch(seed, call),
    };
    match done {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("quell-differential: {error:#}");
            ExitCode::from(BROKEN)
        }
    }
}

fn of_host(args: &HostArgs) -> anyhow::Result<u8> {
    let begun = Instant::now();
    let threads = args.threads.or_else(|| std::thread::available_parallelism().ok().map(usize::from));
    let after = match (args.every, args.stop) {
        (true, _) => host::After::ShowEvery,
        (false, true) => host::After::Stop,
        (false, false) => host::After::Count,
    };
    let said = AtomicU64::new(0);
    let progress = |done: u64| {
        if done / WORD > said.fetch_max(done / WORD, Ordering::Relaxed) {
            eprintln!("{done} cases, {:.0} s", begun.elapsed().as_secs_f64());
        }
    };
    let outcome = host::run(args.cases, args.seed, threads.unwrap_or(1), after, &progress);
    if let Some(first) = &outcome.first {
        println!("first: {}", first.summary.lines().next().unwrap_or_default());
        show(
            &args.out,
            &first.summary,
            &first.policy,
            first.context.as_ref().map(report::context_text).as_deref(),
        )?;
    }
    let coverage = &outcome.coverage;
    let gaps = coverage.gaps();
    let (decided, missing) = coverage.decided();
    // A few cases cannot cover everything, and are asked for to find out something else.
    let enough = args.cases >= 1_000_000;
    if enough || outcome.disagreements == 0 {
        for gap in &gaps {
            println!("gap: {gap}");
        }
    }
    println!("verdicts: {:?}", coverage.verdicts());
    println!(
        "compared: host: {} cases of {} policies, {} disagreements; {decided} of {} kinds of entries decided both ways, \
         {} returns, {} round trips, {} policies too large, {:.0} s",
        coverage.cases,
        coverage.policies,
        outcome.disagreements,
        decided + missing.len(),
        coverage.returns,
        outcome.round_trips,
        coverage.too_large,
        begun.elapsed().as_secs_f64()
    );
    let mut failed = usize::from(outcome.disagreements > 0) + if enough { gaps.len() } else { 0 };
    let (mut passed, mut skipped) = (decided, 0);
    if args.kernel_cases > 0 {
        match kernel::unavailable() {
            Some(reason) => {
                println!("compared: kernel of this machine: skipped: {reason}");
                skipped += 1;
            }
            None => match in_kernel(args.kernel_cases, args.seed, &args.out)? {
                true => passed += 1,
                false => failed += 1,
            },
        }
    }
    println!("{passed} passed, {failed} failed, {skipped} skipped");
    Ok(if failed == 0 { 0 } else { DIFFERENCE })
}

fn of_kernel(args: &KernelArgs) -> anyhow::Result<u8> {
    if args.format == Format::Text {
        return Ok(if in_kernel(args.cases, args.seed, &args.out)? { 0 } else { DIFFERENCE });
    }
    let mut said = 0;
    let mut progress = |done: u64| {
        if done / 500 > said {
            said = done / 500;
            println!("{}", serde_json::json!({ "progress": done }));
        }
    };
    let report = kernel::run(args.cases, args.seed, &mut progress)?;
    println!("{}", serde_json::json!({ "report": report }));
    // What a kernel was not asked, another one may have been: whoever asked them all adds that up.
    Ok(if report.differs() { DIFFERENCE } else { 0 })
}

/// Asks the running kernel, prints what came of it, and says whether nothing differs and nothing is missing.
fn in_kernel(cases: u64, seed: u64, out: &Path) -> anyhow::Result<bool> {
    let report = kernel::run(cases, seed, &mut |_| {})?;
    if let Some(first) = &report.first {
        show(out, &first.summary, &first.policy, Some(&first.context))?;
    }
    let enough = cases >= kernel::ENOUGH;
    if enough {
        for kind in &report.missing {
            println!("gap: {kind} was not decided both ways in the kernel");
        }
    }
    println!(
        "compared: kernel {}: {} cases of {} policies, {} disagreements; {} of {} kinds of entries decided both ways; \
         {} paths, {} disagreements; {} arguments, {} disagreements; {:.0} s",
        report.release,
        report.cases,
        report.policies,
        report.disagreements,
        report.decided,
        report.kinds,
        report.paths,
        report.path_disagreements,
        report.reads,
        report.read_disagreements,
        report.seconds
    );
    Ok(!report.differs() && (!enough || report.missing.is_empty()))
}

fn of_load(args: &LoadArgs) -> anyhow::Result<u8> {
    let view = View { btf: args.btf.clone(), ..View::default() };
    let mut tell = |row: &Row| match args.format {
        Format::Json => println!("{}", serde_json::json!({ "program": row })),
        Format::Text => {
            let result = match (&row.error, &row.unknown, row.instructions) {
                (Some(error), ..) => format!("FAILED: {error}"),
                (None, Some(words), _) => format!("a kind that it does not know: {words}"),
                (None, None, Some(count)) => format!("{count} instructions walked"),
                (None, None, None) => "loaded".to_owned(),
            };
            println!(
                "{}: {}: {}: {}: {}: {result}",
                row.policy, row.call, row.family, row.program, row.loader
            );
        }
    };
    let report = loaders::load(&args.policies, &view, &mut tell)?;
    if args.format == Format::Json {
        println!("{}", serde_json::json!({ "report": report }));
    } else {
        report.refused.iter().for_each(|reason| println!("left out: {reason}"));
        report.disagreements.iter().for_each(|what| println!("FAILED: {what}"));
        println!(
            "compared: kernel {}: {} policies, {} left out; {} programs by libbpf, {} by aya, {} objects of kinds that aya \
             refuses, {} failed; {} features by libbpf's probes, {} disagreements",
            report.release,
            report.policies,
            report.refused.len(),
            report.first,
            report.second,
            report.unknown,
            report.failed,
            report.probes,
            report.disagreements.len()
        );
    }
    let agree = report.failed == 0 && report.first > 0 && report.disagreements.is_empty();
    Ok(if agree { 0 } else { DIFFERENCE })
}

fn of_replay(policy: &Path, context: &Path) -> anyhow::Result<u8> {
    let found = replay::files(policy, context)?;
    print!("{found}");
    Ok(if found.differs() { DIFFERENCE } else { 0 })
}

fn of_fuzz(args: &FuzzArgs) -> anyhow::Result<u8> {
    let fuzzed = fuzz::run(&args.corpus, &args.out, args.inputs, args.seed).context("failed to fuzz")?;
    for path in &fuzzed.slow {
        println!("slow: {}", path.display());
    }
    println!(
        "compared: fuzz: {} inputs of {} MiB answered, the longest in {:.2} s, {} MiB of memory at most",
        fuzzed.inputs,
        fuzzed.bytes >> 20,
        fuzzed.longest.as_secs_f64(),
        fuzzed.memory_kib >> 10
    );
    Ok(if fuzzed.passed() { 0 } else { DIFFERENCE })
}

fn of_sketch(seed: u64, call: bool) -> anyhow::Result<u8> {
    let mut dice = Dice::new(seed);
    let sketch = draw(&mut dice, Shape::Everything, seed);
    if !call {
        print!("{}", sketch.text());
        return Ok(0);
    }
    let host = calls::host_namespaces(&mut dice);
    let prepared = prepare::prepare(&sketch.text(), &host)?;
    print!("{}", report::context_text(&calls::draw(&mut dice, prepared.hook(), host)));
    Ok(0)
}

fn show(out: &Path, summary: &str, policy: &str, context: Option<&str>) -> anyhow::Result<()> {
    println!("{summary}\n{policy}");
    if context.is_none() {
        report::write(out, policy, "")
            .with_context(|| format!("failed to write the policy into {}", out.display()))?;
    }
    if let Some(context) = context {
        let (policy, context) = report::write(out, policy, context)
            .with_context(|| format!("failed to write the case into {}", out.display()))?;
        let (policy, context) = (policy.display(), context.display());
        println!("again: quell-differential replay --policy {policy} --context {context}");
        println!("again: quell eval {policy} --context {context}");
    }
    Ok(())
}
