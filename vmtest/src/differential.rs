//! Model and kernel, asked the same questions in every booted kernel.
//!
//! The program in the guest loads the evaluator into its kernel and compares every decision with the reference model; this
//! side boots, waits and makes a table of the numbers.

use std::{
    collections::{BTreeSet, VecDeque},
    path::{Path, PathBuf},
    sync::Mutex,
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

/// A whole comparison in one guest, in wall time: about four times what ten thousand cases take under emulation.
const WITHIN: Duration = Duration::from_secs(900);

/// From how many calls per kernel on every kind of entry must have been decided both ways, in one kernel at least.
const ENOUGH: u64 = 10_000;

/// Arguments of `vmtest differential`.
#[derive(Debug, Args)]
pub struct DifferentialArgs {
    /// Kernels, as a glob over catalogue ids (`6.*`).
    #[arg(long, value_name = "GLOB")]
    kernel: Option<String>,
    /// Generated calls per kernel.
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    cases: u64,
    /// What they are generated from, together with the kernel's id: no two kernels are asked the same.
    #[arg(long, value_name = "N", default_value_t = 20_261_123)]
    seed: u64,
    /// Guests at a time.
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..=64))]
    jobs: u16,
    /// The program that compares [default: `quell-differential` beside this program].
    #[arg(long, value_name = "PATH")]
    differential: Option<PathBuf>,
    /// Where traces go.
    #[arg(long, value_name = "DIR", default_value = "out/differential")]
    out: PathBuf,
}

/// The report that the program prints as its last line.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
struct Report {
    release: String,
    policies: u64,
    cases: u64,
    disagreements: u64,
    /// Kinds of entries that there are, and those that decided calls both ways; the names of the others.
    kinds: u64,
    decided: u64,
    missing: Vec<String>,
    paths: u64,
    path_disagreements: u64,
    reads: u64,
    read_disagreements: u64,
    /// The first case that differs, ready to be written to files.
    first: Option<Case>,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
struct Case {
    summary: String,
    policy: String,
    context: String,
}

/// One kernel's row.
#[derive(Debug)]
struct Row {
    kernel: String,
    took: Duration,
    result: Result<Report, String>,
}

/// Compares; the result is the exit code.
///
/// # Errors
/// No kernel can be obtained or booted, or a file can't be written.
pub fn main(args: &DifferentialArgs) -> anyhow::Result<u8> {
    let filter = Filter::new(args.kernel.as_deref(), None)?;
    let catalogue = Catalogue::builtin();
    let wanted = kernels::wanted(&catalogue, args.kernel.is_some(), |id| filter.wants_kernel(id));
    if wanted.is_empty() || args.cases == 0 {
        eprintln!("vmtest: no kernel of the catalogue is selected, or no case");
        return Ok(exit::NOTHING_SELECTED);
    }
    let programs = programs::find(Named { guest: None, quell: None, subject: None })?;
    let differential = programs::find_differential(args.differential.clone())?;
    let out = Out::create(&args.out, wanted.iter().map(|kernel| kernel.id.as_str()))?;
    let mut plan = BootPlan {
        accel: Accel::Tcg,
        clock: Clock::Host,
        version: machine::installed_version()?,
        initramfs: out.write_initramfs(&image::build_with_differential(&programs, &differential)?)?,
        kernel_parameters: Vec::new(),
        interrupted: cli::stop_flag().context("failed to watch for signals")?,
    };
    let mut rows = Vec::new();
    let mut queue = VecDeque::new();
    for (_, kernel) in kernels::obtain(&wanted)? {
        match kernel.image {
            Ok(image) => queue.push_back((kernel.id, image)),
            Err(reason) => rows.push(Row { kernel: kernel.id, took: Duration::ZERO, result: Err(reason) }),
        }
    }
    if let Some((_, image)) = queue.front() {
        let trial = out.path().join("trial");
        plan.accel = accel::choose(accel::Wanted::Auto, &plan, &image.vmlinux, &trial).accel;
    }
    let (queue, shared) = (Mutex::new(queue), Mutex::new(rows));
    thread::scope(|scope| {
        for _ in 0..args.jobs {
            scope.spawn(|| {
                while let Some((id, image)) = queue.lock().ok().and_then(|mut queue| queue.pop_front()) {
                    let row = ask(&plan, args, id, &image, out.path());
                    if let Ok(mut rows) = shared.lock() {
                        rows.push(row);
                    }
                }
            });
        }
    });
    let mut rows = shared.into_inner().map_err(|_| anyhow::anyhow!("a comparison panicked"))?;
    rows.sort_by_key(|row| wanted.iter().position(|kernel| kernel.id == row.kernel));
    for row in &rows {
        keep_first(row, out.path())?;
    }
    let gaps = if args.cases >= ENOUGH { gaps(&rows) } else { Vec::new() };
    print!("{}", table(&rows, &gaps));
    Ok(code(&rows, wanted.len(), &gaps))
}

/// The kinds of entries that no kernel decided both ways.
fn gaps(rows: &[Row]) -> Vec<String> {
    let mut reports = rows.iter().filter_map(|row| row.result.as_ref().ok());
    let Some(first) = reports.next() else { return Vec::new() };
    let others: Vec<_> = reports.collect();
    let everywhere = |kind: &&String| others.iter().all(|report| report.missing.contains(kind));
    first.missing.iter().filter(everywhere).cloned().collect()
}

/// What a kernel's calls are generated from: its own, and the same whichever other kernels are asked.
fn seed_of(seed: u64, kernel: &str) -> u64 {
    kernel.bytes().fold(seed, |seed, byte| seed.wrapping_mul(31).wrapping_add(u64::from(byte)))
}

fn ask(plan: &BootPlan, args: &DifferentialArgs, id: String, image: &BootImage, out: &Path) -> Row {
    let begun = Instant::now();
    let result = compare(plan, args, &id, image, &out.join(&id));
    let result = result.map_err(|error| format!("{error:#}")).and_then(|seen| judge(&seen, args.cases));
    Row { kernel: id, took: begun.elapsed(), result }
}

fn compare(
    plan: &BootPlan,
    args: &DifferentialArgs,
    id: &str,
    image: &BootImage,
    traces: &Path,
) -> anyhow::Result<Comparison> {
    let booted = boot::start(plan, &image.vmlinux, &BTreeSet::new(), traces, 1)?;
    let (guest, _directory) = booted.into_parts();
    let mut remark = |event: RunEvent| {
        if let RunEvent::Remark { kernel, text } = event {
            eprintln!("{kernel}: {text}");
        }
    };
    let session = Session::new(guest, Limits::of(plan.accel), id, 1, &mut remark);
    let session = session.expecting(image.release.as_deref());
    let mut heard = |line: &serde_json::Value| {
        if let Some(done) = line.get("progress") {
            eprintln!("{id}: {done} cases");
        }
    };
    session.compare(args.cases, seed_of(args.seed, id), WITHIN, &mut heard).map_err(|loss| match loss {
        Loss::Silent { waited } => anyhow::anyhow!("the guest did not answer: {waited}"),
        Loss::Broken(cause) => anyhow::anyhow!("{cause}"),
        Loss::Interrupted => anyhow::anyhow!("interrupted"),
    })
}

/// A report counts only when everything around it is in order: it is there, it is of enough cases, and the kernel was
/// quiet.
fn judge(seen: &Comparison, cases: u64) -> Result<Report, String> {
    let report: Option<Report> =
        seen.last.as_ref().and_then(|line| serde_json::from_value(line.get("report")?.clone()).ok());
    let Some(report) = report else {
        return Err(format!("no report; {}", seen.errors));
    };
    if let Some(complaint) = seen.complaints.first() {
        return Err(format!("the kernel complained: {complaint}"));
    }
    if report.cases < cases || report.paths == 0 || report.reads == 0 {
        return Err(format!("only {} cases and {} paths; {}", report.cases, report.paths, seen.errors));
    }
    let differs = report.disagreements + report.path_disagreements + report.read_disagreements > 0;
    if seen.agree == differs {
        return Err(format!("report and exit status contradict each other; {}", seen.errors));
    }
    Ok(report)
}

/// Writes the first differing case as the two files that `quell eval` takes.
fn keep_first(row: &Row, out: &Path) -> anyhow::Result<()> {
    let Ok(Report { first: Some(case), .. }) = &row.result else { return Ok(()) };
    let (policy, context) =
        (out.join(&row.kernel).join("policy.yaml"), out.join(&row.kernel).join("context.yaml"));
    for (path, text) in [(&policy, &case.policy), (&context, &case.context)] {
        std::fs::write(path, text).with_context(|| format!("failed to write {}", path.display()))?;
    }
    println!(
        "{}: {}\n  quell-differential replay --policy {policy} --context {context}\n  quell eval {policy} --context {context}",
        row.kernel,
        case.summary,
        policy = policy.display(),
        context = context.display()
    );
    Ok(())
}

fn table(rows: &[Row], gaps: &[String]) -> String {
    let mut text = format!(
        "{:<8} {:<28} {:>8} {:>7} {:>13} {:>9} {:>6} {:>13} {:>7}\n",
        "kernel", "release", "policies", "cases", "disagreements", "kinds", "paths", "disagreements", "s"
    );
    for row in rows {
        let line = match &row.result {
            Ok(report) => format!(
                "{:<8} {:<28} {:>8} {:>7} {:>13} {:>9} {:>6} {:>13} {:>7.1}\n",
                row.kernel,
                report.release,
                report.policies,
                report.cases,
                report.disagreements,
                format!("{}/{}", report.decided, report.kinds),
                report.paths,
                report.path_disagreements,
                row.took.as_secs_f64()
            ),
            Err(reason) => format!("{:<8} FAILED: {reason}\n", row.kernel),
        };
        text.push_str(&line);
    }
    // What the checks repeat in their summary.
    for row in rows {
        let line = match &row.result {
            Ok(report) => format!(
                "{} cases of {} policies, {} disagreements; {} of {} kinds of entries decided both ways; \
                 {} paths, {} disagreements; {} arguments, {} disagreements",
                report.cases,
                report.policies,
                report.disagreements,
                report.decided,
                report.kinds,
                report.paths,
                report.path_disagreements,
                report.reads,
                report.read_disagreements
            ),
            Err(_) => "not asked".to_owned(),
        };
        text.push_str(&format!("compared: kernel {}: {line}\n", row.kernel));
    }
    let agreed = rows.iter().filter(|row| matches!(&row.result, Ok(report) if agrees(report))).count();
    for kind in gaps {
        text.push_str(&format!("gap: {kind} was decided both ways in no kernel\n"));
    }
    text.push_str(&format!("{agreed} passed, {} failed, 0 skipped\n", rows.len() - agreed + gaps.len()));
    text
}

fn agrees(report: &Report) -> bool {
    report.disagreements + report.path_disagreements + report.read_disagreements == 0
}

fn code(rows: &[Row], wanted: usize, gaps: &[String]) -> u8 {
    if rows.len() != wanted || rows.iter().any(|row| row.result.is_err()) {
        return exit::LAB_BROKEN;
    }
    let all = rows.iter().all(|row| row.result.as_ref().is_ok_and(agrees));
    let all = all && gaps.is_empty();
    if all { exit::ALL_GREEN } else { exit::KERNEL_DIFFERS }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;

    fn report(cases: u64, disagreements: u64, paths: u64) -> Value {
        json!({ "report": {
            "release": "6.12.1", "policies": 5, "cases": cases, "disagreements": disagreements, "paths": paths,
            "kinds": 3, "decided": 2, "missing": ["Arg(Gt, Fd)"],
            "path_disagreements": 0, "reads": 9, "read_disagreements": 0, "seconds": 1.5, "first": null,
        }})
    }

    fn seen(agree: bool, last: Option<Value>) -> Comparison {
        Comparison { agree, last, errors: "exit status: 1".into(), complaints: Vec::new() }
    }

    #[rstest]
    #[case::enough_and_equal(true, Some(report(10, 0, 3)), true)]
    #[case::a_difference_is_a_report_too(false, Some(report(10, 1, 3)), true)]
    #[case::no_report(false, None, false)]
    #[case::progress_is_no_report(true, Some(json!({ "progress": 10 })), false)]
    #[case::too_few_cases(true, Some(report(9, 0, 3)), false)]
    #[case::no_path_was_walked(true, Some(report(10, 0, 0)), false)]
    #[case::a_difference_that_exits_green(true, Some(report(10, 1, 3)), false)]
    #[case::a_failure_without_a_difference(false, Some(report(10, 0, 3)), false)]
    fn only_a_complete_report_counts(#[case] agree: bool, #[case] last: Option<Value>, #[case] counts: bool) {
        assert_eq!(judge(&seen(agree, last), 10).is_ok(), counts);
    }

    #[test]
    fn a_kernel_that_complained_is_not_believed() {
        let mut seen = seen(true, Some(report(10, 0, 3)));
        seen.complaints.push("BUG: `x`".into());
        assert!(judge(&seen, 10).is_err_and(|reason| reason.contains("BUG")));
    }

    #[test]
    fn one_difference_or_one_missing_kernel_is_not_green() {
        let row = |result| Row { kernel: "6.12".into(), took: Duration::ZERO, result };
        let of = |disagreements| judge(&seen(disagreements == 0, Some(report(10, disagreements, 3))), 10);
        assert_eq!(code(&[row(of(0))], 1, &[]), exit::ALL_GREEN);
        assert_eq!(code(&[row(of(0)), row(of(2))], 2, &[]), exit::KERNEL_DIFFERS);
        assert_eq!(code(&[row(of(0)), row(Err("gone".into()))], 2, &[]), exit::LAB_BROKEN);
        assert_eq!(code(&[row(of(0))], 2, &[]), exit::LAB_BROKEN);
        let text = table(&[row(of(0)), row(of(2))], &[]);
        assert!(
            text.contains("compared: kernel 6.12: 10 cases of 5 policies, 2 disagreements; 2 of 3 kinds of entries decided both ways; 3 paths,"),
            "{text}"
        );
        assert!(text.ends_with("1 passed, 1 failed, 0 skipped\n"), "{text}");
    }

    #[test]
    fn what_no_kernel_decided_is_a_failure_and_what_one_did_is_none() {
        let row = |missing: &[&str]| {
            let missing = missing.iter().map(|kind| (*kind).to_owned()).collect();
            Row {
                kernel: "6.12".into(),
                took: Duration::ZERO,
                result: Ok(Report { missing, ..Report::default() }),
            }
        };
        let rows = [row(&["a", "b", "c"]), row(&["b", "c"]), row(&["c", "a"])];
        assert_eq!(gaps(&rows), ["c"]);
        assert_eq!(gaps(&rows[..1]), ["a", "b", "c"]);
        assert!(gaps(&[row(&["a"]), row(&["b"])]).is_empty());
        assert_eq!(code(&rows, 3, &gaps(&rows)), exit::KERNEL_DIFFERS);
        assert_eq!(code(&rows, 3, &[]), exit::ALL_GREEN);
        let text = table(&rows, &gaps(&rows));
        assert!(text.contains("gap: c was decided both ways in no kernel\n"), "{text}");
        assert!(text.ends_with("3 passed, 1 failed, 0 skipped\n"), "{text}");
    }

    #[test]
    fn no_two_kernels_are_asked_the_same() {
        let seeds: std::collections::HashSet<u64> =
            Catalogue::builtin().kernels().iter().map(|kernel| seed_of(1, &kernel.id)).collect();
        assert_eq!(seeds.len(), Catalogue::builtin().kernels().len());
        assert_eq!(seed_of(1, "6.12"), seed_of(1, "6.12"));
    }
}
