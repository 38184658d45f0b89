//! Every program, loaded into every booted kernel by two loaders, and what each takes of the verifier.
//!
//! The limit is a million instructions; the committed ceilings are just above what was measured, so that a change that makes the verifier
//! walk more is seen long before a kernel refuses it.

mod ceilings;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use clap::Args;
use quell_kernels::Catalogue;
use serde::Deserialize;

use crate::{
    accel,
    boot::{self, BootPlan},
    cli,
    event::RunEvent,
    exit, image, kernels,
    limits::Limits,
    link::Loss,
    machine,
    matrix::Filter,
    out::Out,
    programs::{self, Named},
    qemu::{Accel, Clock},
    run::BootImage,
    session::{Comparison, Session},
};
use ceilings::Ceilings;

/// Guests at a time: each keeps one processor busy.
const AT_A_TIME: usize = 2;

/// How long one kernel may take for all of them.
const WITHIN: Duration = Duration::from_secs(600);

/// Policies that have at least one hook of every family, and those whose programs are walked longest.
const POLICIES: &[&str] = &[
    "scenarios/policies/kill-write-at-every-limit.yaml",
    "scenarios/policies/report-by-every-operator-on-executables.yaml",
    "scenarios/policies/report-write-with-stacks.yaml",
    "scenarios/policies/deny-unlink-lsm.yaml",
    "scenarios/policies/deny-unlink-modify.yaml",
    "scenarios/policies/deny-unlink-refuse-and-kill.yaml",
    "scenarios/policies/kill-call-in-user-program.yaml",
    "scenarios/policies/kill-at-static-probe.yaml",
    "scenarios/policies/kill-write-at-tracepoint.yaml",
    "scenarios/policies/kill-execve-at-raw-tracepoint.yaml",
    "scenarios/policies/report-at-functions-of-a-pattern.yaml",
    "scenarios/policies/report-write-at-fentry-with-return.yaml",
    "scenarios/policies/report-write-by-what-it-returned.yaml",
    "scenarios/policies/report-call-in-user-program.yaml",
];

/// Arguments of `vmtest load`.
#[derive(Debug, Args)]
pub struct LoadArgs {
    /// Kernels, as a glob over catalogue ids (`6.*`).
    #[arg(long, value_name = "GLOB")]
    kernel: Option<String>,
    /// Another policy than those that are loaded always; may be given several times.
    #[arg(long, value_name = "FILE")]
    policy: Vec<PathBuf>,
    /// The ceilings.
    #[arg(long, value_name = "FILE", default_value = "kernels/verifier-budget.toml")]
    budget: PathBuf,
    /// Writes what was measured, and a tenth more, as the ceilings of the kernels that were asked.
    #[arg(long)]
    bless: bool,
    /// Where traces and the table go.
    #[arg(long, value_name = "DIR", default_value = "out/loaders")]
    out: PathBuf,
}

/// One program and one loader, as `quell-differential load` tells it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
struct Row {
    loader: String,
    policy: String,
    call: String,
    family: String,
    program: String,
    instructions: Option<u64>,
    error: Option<String>,
}

/// Its last line.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
struct Report {
    policies: usize,
    refused: Vec<String>,
    first: usize,
    second: usize,
    unknown: usize,
    failed: usize,
    probes: usize,
    disagreements: Vec<String>,
}

/// The most that any policy made the verifier walk: by family and program, by kernel.
type Walked = BTreeMap<(String, String), BTreeMap<String, u64>>;

/// Loads; the result is the exit code.
///
/// # Errors
/// A kernel can't be obtained or booted, or a file can't be read or written.
pub fn main(args: &LoadArgs) -> anyhow::Result<u8> {
    let filter = Filter::new(args.kernel.as_deref(), None)?;
    let catalogue = Catalogue::builtin();
    let wanted = kernels::wanted(&catalogue, args.kernel.is_some(), |id| filter.wants_kernel(id));
    if wanted.is_empty() {
        eprintln!("vmtest: no kernel of the catalogue is selected");
        return Ok(exit::NOTHING_SELECTED);
    }
    let mut ceilings = Ceilings::read(&args.budget)?;
    let programs = programs::find(Named { guest: None, quell: None, subject: None })?;
    let differential = programs::find_differential(None)?;
    let policies: Vec<PathBuf> = POLICIES.iter().map(PathBuf::from).chain(args.policy.clone()).collect();
    let out = Out::create(&args.out, wanted.iter().map(|kernel| kernel.id.as_str()))?;
    let mut plan = BootPlan {
        accel: Accel::Tcg,
        clock: Clock::Host,
        version: machine::installed_version()?,
        initramfs: out.write_initramfs(&image::build_with_loaders(&programs, &differential, &policies)?)?,
        kernel_parameters: Vec::new(),
        interrupted: cli::stop_flag().context("failed to watch for signals")?,
    };
    let (mut walked, mut found, mut asked) = (Walked::new(), Vec::new(), Vec::new());
    let mut passed = 0;
    let mut kernels = Vec::new();
    for (_, kernel) in kernels::obtain(&wanted)? {
        let image = kernel.image.map_err(|reason| anyhow::anyhow!("kernel {}: {reason}", kernel.id))?;
        kernels.push((kernel.id, image));
    }
    if let Some((_, image)) = kernels.first() {
        plan.accel =
            accel::choose(accel::Wanted::Auto, &plan, &image.vmlinux, &out.path().join("trial")).accel;
    }
    let ask_timed = |id: &str, image: &BootImage| {
        let begun = Instant::now();
        ask(&plan, id, image, &out.path().join(id)).map(|(rows, seen)| (rows, seen, begun.elapsed()))
    };
    let ask_timed = &ask_timed;
    let mut answers = Vec::new();
    for some in kernels.chunks(AT_A_TIME) {
        thread::scope(|scope| {
            let asked: Vec<_> =
                some.iter().map(|(id, image)| (id, scope.spawn(move || ask_timed(id, image)))).collect();
            for (id, thread) in asked {
                let answer =
                    thread.join().unwrap_or_else(|_| Err(anyhow::anyhow!("kernel {id}: the lab panicked")));
                answers.push((id.clone(), answer));
            }
        });
    }
    for (id, answer) in answers {
        let (rows, seen, took) = answer?;
        let report = judge(&id, &rows, &seen, &mut found);
        add(&mut walked, &id, &rows);
        report.refused.iter().for_each(|reason| println!("{id}: left out: {reason}"));
        println!(
            "compared: kernel {}: {} policies, {} left out; {} programs by libbpf, {} by aya, {} objects of kinds that aya \
             refuses, {} failed; {} features by libbpf's probes, {} disagreements; {:.0} s",
            id,
            report.policies,
            report.refused.len(),
            report.first,
            report.second,
            report.unknown,
            report.failed,
            report.probes,
            report.disagreements.len(),
            took.as_secs_f64()
        );
        passed += report.first + report.second;
        asked.push(id);
    }
    let text = table(&walked, &asked);
    print!("{text}");
    let path = out.path().join("programs.md");
    fs::write(&path, &text).with_context(|| format!("failed to write {}", path.display()))?;
    if args.bless {
        ceilings.renew(&walked, &asked);
        ceilings.write(&args.budget)?;
    } else {
        found.extend(ceilings.exceeded(&walked));
    }
    found.iter().for_each(|problem| println!("FAILED: {problem}"));
    println!("{passed} passed, {} failed, 0 skipped", found.len());
    Ok(if found.is_empty() { exit::ALL_GREEN } else { exit::KERNEL_DIFFERS })
}

fn ask(
    plan: &BootPlan,
    id: &str,
    image: &BootImage,
    traces: &Path,
) -> anyhow::Result<(Vec<Row>, Comparison)> {
    let booted = boot::start(plan, &image.vmlinux, &BTreeSet::new(), traces, 1)?;
    let (guest, _directory) = booted.into_parts();
    let mut remark = |event: RunEvent| {
        if let RunEvent::Remark { kernel, text } = event {
            eprintln!("{kernel}: {text}");
        }
    };
    let mut rows = Vec::new();
    let mut heard = |line: &serde_json::Value| {
        let row = line.get("program").cloned().and_then(|row| serde_json::from_value::<Row>(row).ok());
        rows.extend(row);
    };
    let session = Session::new(guest, Limits::of(plan.accel), id, 1, &mut remark);
    let seen = session.expecting(image.release.as_deref()).load(WITHIN, &mut heard);
    seen.map(|seen| (rows, seen)).map_err(|loss| match loss {
        Loss::Silent { waited } => anyhow::anyhow!("kernel {id}: the guest did not answer: {waited}"),
        Loss::Broken(cause) => anyhow::anyhow!("kernel {id}: {cause}"),
        Loss::Interrupted => anyhow::anyhow!("interrupted"),
    })
}

/// Everything that is wrong with one kernel's answer, beside ceilings.
fn judge(kernel: &str, rows: &[Row], seen: &Comparison, found: &mut Vec<String>) -> Report {
    let mut wrong = |text: String| found.push(format!("{kernel}: {text}"));
    seen.complaints.iter().for_each(|complaint| wrong(format!("the kernel complained: {complaint}")));
    for row in rows {
        if let Some(error) = &row.error {
            let Row { loader, policy, call, family, program, .. } = row;
            wrong(format!("{policy}: {call}: {family}: {program} by {loader}: {error}"));
        }
    }
    let report: Option<Report> =
        seen.last.as_ref().and_then(|line| serde_json::from_value(line.get("report")?.clone()).ok());
    let Some(report) = report else {
        wrong(format!("no report; {}", seen.errors));
        return Report::default();
    };
    for what in &report.disagreements {
        wrong(format!("probes disagree: {what}"));
    }
    let failed = rows.iter().filter(|row| row.error.is_some()).count();
    let agrees = report.failed == 0 && report.disagreements.is_empty();
    if seen.agree != agrees || failed != report.failed {
        wrong(format!("its report and its rows contradict each other; {}", seen.errors));
    }
    if report.first == 0 || report.second == 0 {
        wrong("one of the loaders loaded nothing".to_owned());
    }
    if report.probes == 0 {
        wrong("libbpf was asked about no feature".to_owned());
    }
    report
}

fn add(walked: &mut Walked, kernel: &str, rows: &[Row]) {
    for row in rows {
        if let Some(instructions) = row.instructions {
            let most = walked.entry((row.family.clone(), row.program.clone())).or_default();
            let most = most.entry(kernel.to_owned()).or_default();
            *most = instructions.max(*most);
        }
    }
}

/// The table of programs and kernels, and the largest of each family.
fn table(walked: &Walked, kernels: &[String]) -> String {
    let mut text = String::from("| program |");
    kernels.iter().for_each(|kernel| _ = write!(text, " {kernel} |"));
    text.push_str("\n|---|");
    text.push_str(&"---:|".repeat(kernels.len()));
    text.push('\n');
    let mut row = |name: &str, cells: &dyn Fn(&str) -> Option<u64>| {
        _ = write!(text, "| {name} |");
        for kernel in kernels {
            _ = match cells(kernel) {
                Some(count) => write!(text, " {count} |"),
                None => write!(text, " – |"),
            };
        }
        text.push('\n');
    };
    for ((_, program), by_kernel) in walked {
        row(program, &|kernel| by_kernel.get(kernel).copied());
    }
    let families: BTreeSet<&String> = walked.keys().map(|(family, _)| family).collect();
    for family in families {
        let of_family = || walked.iter().filter(|((own, _), _)| own == family);
        row(&format!("**largest of {family}**"), &|kernel| {
            of_family().filter_map(|(_, by_kernel)| by_kernel.get(kernel).copied()).max()
        });
    }
    text
}

#[cfg(test)]
#[path = "loaders/tests.rs"]
mod tests;
