//! Every check, cheapest first, each with its time budget. Nothing stops at the first failure: a comma in the wrong place
//! must not hide what the kernels say.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};

use crate::count::Source;
use crate::stage::{Finished, Stage};
use crate::step::Step;
use crate::summary::Run;
use crate::tiers::Tiers;
use crate::{root, task_clippy, task_fmt};

/// All stages in their order; the first one is over before this program begins.
pub(crate) const STAGES: [&str; 18] = [
    PREPARE,
    "fmt",
    "tidy",
    "codegen",
    "deploy",
    "clippy",
    "tests",
    "release",
    "page",
    "differential",
    "mutation",
    "facts",
    "agree",
    "kernels-differential",
    "load",
    "bench",
    "lab",
    "self-tests",
];
const PREPARE: &str = "prepare";

/// `cargo xtask test`
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Where logs and the lab's reports go.
    #[arg(long, value_name = "DIR", default_value = "out/test")]
    out: PathBuf,
    /// Only this stage; may be given several times. The others count as skipped.
    #[arg(long, value_name = "NAME")]
    stage: Vec<String>,
    /// When ci/test was started, in seconds since 1970: installing and building these checks is then judged as well.
    #[arg(long, value_name = "SECONDS")]
    started_at: Option<u64>,
}

/// Runs the stages and prints the summary.
pub(crate) fn run(args: &Args) -> Result<bool> {
    let begun = Instant::now();
    let tiers = Tiers::read()?;
    tiers.check(&STAGES)?;
    let out = root().join(&args.out);
    fs::create_dir_all(&out).with_context(|| format!("failed to create {}", out.display()))?;
    let path = out.join("summary.txt");
    // A run that dies must not leave the summary of an earlier one.
    match fs::remove_file(&path) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            return Err(error).with_context(|| format!("failed to remove {}", path.display()));
        }
        _ => {}
    }
    let (chosen, left_out) = choose(stages(&out)?, &args.stage)?;

    let mut finished = Vec::new();
    let mut before = Duration::ZERO;
    if let Some(started_at) = args.started_at {
        before = since(started_at)?;
        finished.push(Finished::earlier(PREPARE, before, tiers.budget_s(PREPARE)));
    }
    for stage in &chosen {
        println!("==> {}: {}", stage.name, stage.step.shown());
        let done = stage.run(tiers.budget_s(stage.name), &out, &mut std::io::stdout())?;
        let result = if done.passed() { "passed" } else { "FAILED" };
        println!("<== {}: {result}, {} in {:.1} s\n", stage.name, done.counts, done.took.as_secs_f64());
        finished.push(done);
    }
    let total_s = (before + begun.elapsed()).as_secs();
    let run = Run { stages: finished, left_out, total_s, total_budget_s: tiers.total_s };
    let text = run.render();
    fs::write(&path, &text).with_context(|| format!("failed to write {}", path.display()))?;
    println!("logs and reports: {}\n", out.display());
    print!("{text}");
    Ok(run.passed())
}

/// What is said of every policy with and without the kernel. Putting policies in force takes half an hour more; the lab does
/// it with each of them, cell by cell.
fn agree(out: &Path) -> Step {
    let door = root().join("ci/lab").into_os_string();
    Step::of([door, "--agree".into(), "--run".into(), "none".into(), "--out".into(), out.into()])
}

/// The page of a lab run in a browser; its screenshots are kept with the logs.
fn page(out: &Path) -> Result<Stage> {
    let words = ["page".to_owned(), "--out".to_owned(), out.display().to_string()];
    let step = Step::xtask(&words.each_ref().map(String::as_str))?;
    Ok(Stage { name: "page", step, source: Source::Libtest })
}

/// What policies cost on the oldest and on the newest long-term kernel, against what was agreed on. Counted instructions are the same
/// on every host, so that a busy one is no excuse.
fn bench(out: &Path) -> Step {
    let door = root().join("ci/lab").into_os_string();
    Step::of([
        door,
        "--bench".into(),
        "--check".into(),
        "--events".into(),
        "--kernel".into(),
        "{5.10,6.12}".into(),
        "--out".into(),
        out.into(),
    ])
}

fn stages(out: &Path) -> Result<Vec<Stage>> {
    let check = |name, step| Stage { name, step, source: Source::ExitStatus };
    let comparison = |name, step| Stage { name, step, source: Source::Comparison };
    let door = || root().join("ci/lab").into_os_string();
    let tests = Step::cargo(&["test", "--locked", "--workspace", "--no-fail-fast"]);
    // The features of the whole workspace, so that the libraries need not be built once more.
    let self_tests = [
        "test",
        "--locked",
        "--workspace",
        "--features",
        "vmtest/vm-tests",
        "--test",
        "bad_guests",
        "--test",
        "parts",
        "--test",
        "exec",
        "--test",
        "deterministic",
        "--test",
        "snapshots",
        "--test",
        "attached",
    ];
    // A million generated calls: the model, the bytes and the evaluator must agree on every one. Then ten thousand in the
    // kernel of this machine, or the reason why it can't be asked, which counts as skipped.
    let differential = [
        "run",
        "--locked",
        "--release",
        "--quiet",
        "--package",
        "quell-differential",
        "--",
        "host",
        "--cases",
        "1000000",
        "--kernel-cases",
        "10000",
    ];
    // In sequence in one guest per kernel: a fresh guest for every cell is what the self-tests prove and what a user gets, and a third
    // longer here, where nothing but the emulator is kept warm.
    let lab = Step::of([door(), "--cold".into(), "--out".into(), out.join("lab").into()]);
    Ok(vec![
        check("fmt", task_fmt::step()),
        check("tidy", Step::xtask(&["tidy"])?),
        check("codegen", Step::xtask(&["bless", "--check"])?),
        check("deploy", Step::of([root().join("ci/deploy/check").into_os_string()])),
        check("clippy", task_clippy::step()),
        Stage { name: "tests", step: tests, source: Source::Libtest },
        check("release", Step::of([door(), "--build-only".into()])),
        page(&out.join("page"))?,
        comparison("differential", Step::cargo(&differential)),
        comparison("mutation", Step::xtask(&["mutation", "--rotating"])?),
        check("facts", Step::of([door(), "--facts".into(), "--out".into(), out.join("facts").into()])),
        check("agree", agree(&out.join("agree"))),
        comparison(
            "kernels-differential",
            Step::of([door(), "--differential".into(), "--out".into(), out.join("differential").into()]),
        ),
        check("load", Step::of([door(), "--load".into(), "--out".into(), out.join("load").into()])),
        comparison("bench", bench(&out.join("bench"))),
        Stage { name: "lab", step: lab, source: Source::Lab },
        Stage { name: "self-tests", step: Step::cargo(&self_tests), source: Source::Libtest },
    ])
}

/// The stages that are asked for, and the names of the others.
fn choose(all: Vec<Stage>, wanted: &[String]) -> Result<(Vec<Stage>, Vec<&'static str>)> {
    if let Some(unknown) = wanted.iter().find(|name| !all.iter().any(|stage| stage.name == name.as_str())) {
        let names: Vec<_> = all.iter().map(|stage| stage.name).collect();
        bail!("there is no stage `{unknown}`; the stages are {}", names.join(", "));
    }
    let is_wanted = |stage: &Stage| wanted.is_empty() || wanted.iter().any(|name| name == stage.name);
    let (chosen, others): (Vec<_>, Vec<_>) = all.into_iter().partition(is_wanted);
    Ok((chosen, others.iter().map(|stage| stage.name).collect()))
}

fn since(started_at_s: u64) -> Result<Duration> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).context("the clock is before 1970")?;
    now.checked_sub(Duration::from_secs(started_at_s)).context("--started-at is in the future")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> Vec<Stage> {
        stages(Path::new("out")).unwrap()
    }

    #[test]
    fn the_stages_are_those_of_the_budgets_in_order() {
        let names: Vec<_> = all().iter().map(|stage| stage.name).collect();
        assert_eq!(names, STAGES[1..]);
    }

    #[test]
    fn a_stage_that_is_not_asked_for_is_named_as_left_out() {
        let (chosen, others) = choose(all(), &["fmt".into()]).unwrap();
        assert_eq!(chosen.len(), 1);
        assert_eq!(others.len(), STAGES.len() - 2);
        assert!(others.contains(&"lab"));
    }

    #[test]
    fn this_machines_own_kernel_is_asked_too() {
        let all = all();
        let stage = all.iter().find(|stage| stage.name == "differential").unwrap();
        assert!(
            stage.step.shown().ends_with(" host --cases 1000000 --kernel-cases 10000"),
            "{}",
            stage.step.shown()
        );
        assert_eq!(stage.source, Source::Comparison);
    }

    #[test]
    fn what_policies_cost_is_checked_on_two_kernels() {
        let all = all();
        let stage = all.iter().find(|stage| stage.name == "bench").unwrap();
        let shown = stage.step.shown();
        assert!(shown.contains("--bench --check --events") && shown.contains("5.10,6.12"), "{shown}");
        assert_eq!(stage.source, Source::Comparison);
    }

    #[test]
    fn an_unknown_stage_is_refused_with_the_known_ones() {
        let error = choose(all(), &["labs".into()]).unwrap_err().to_string();
        assert!(error.contains("`labs`") && error.contains("fmt, tidy"), "{error}");
    }
}
