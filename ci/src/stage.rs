//! One stage of `ci/test`: run with its output shown and kept, timed, and judged against its budget.

use std::ffi::OsString;
use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::count::{Counts, Source, compared, failed_tests};
use crate::{root, step::Step};

/// A stage that takes this many times its budget hangs, and is ended.
const PATIENCE: u64 = 3;
/// How much of a failed stage's output the summary repeats.
const EXCERPT_LINES: usize = 20;

/// What is to be done.
#[derive(Debug)]
pub(crate) struct Stage {
    pub(crate) name: &'static str,
    pub(crate) step: Step,
    pub(crate) source: Source,
}

/// What came of it.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) name: &'static str,
    pub(crate) source: Source,
    pub(crate) counts: Counts,
    pub(crate) took: Duration,
    pub(crate) budget_s: u64,
    /// Why it failed; empty when it did not.
    pub(crate) reasons: Vec<String>,
    /// What it says that it compared.
    pub(crate) compared: Vec<String>,
    /// The part of its output that explains a failure.
    pub(crate) excerpt: Vec<String>,
    /// All of its output; none for a stage that was over before this program began.
    pub(crate) log: Option<PathBuf>,
}

impl Stage {
    /// Runs it; everything that it prints goes to `terminal` and into `out/NAME.log`.
    ///
    /// # Errors
    /// It can't be started, or its output can't be kept.
    pub(crate) fn run(&self, budget_s: u64, out: &Path, terminal: &mut dyn Write) -> Result<Finished> {
        let log = out.join(format!("{}.log", self.name));
        let begun = Instant::now();
        let (output, success) = self.output(budget_s * PATIENCE, &log, terminal)?;
        let mut finished = judge(self, &output, success, begun.elapsed(), budget_s);
        finished.log = Some(log);
        Ok(finished)
    }

    fn output(&self, limit_s: u64, log: &Path, terminal: &mut dyn Write) -> Result<(String, bool)> {
        let mut file = File::create(log).with_context(|| format!("failed to create {}", log.display()))?;
        let (program, arguments) = guarded(&self.step, limit_s);
        let child = duct::cmd(program, arguments)
            .dir(root())
            .stdin_null()
            .stderr_to_stdout()
            .unchecked()
            .reader()
            .with_context(|| format!("failed to start `{}`", self.step.shown()))?;
        let mut all = Vec::new();
        let mut chunk = [0; 8192];
        loop {
            let length = (&child).read(&mut chunk).context("failed to read the output of a stage")?;
            if length == 0 {
                break;
            }
            all.extend_from_slice(&chunk[..length]);
            file.write_all(&chunk[..length]).with_context(|| format!("failed to write {}", log.display()))?;
            terminal
                .write_all(&chunk[..length])
                .and_then(|()| terminal.flush())
                .context("failed to print")?;
        }
        let status = child.try_wait().context("failed to wait for a stage")?;
        let success = status.is_some_and(|output| output.status.success());
        Ok((String::from_utf8_lossy(&all).into_owned(), success))
    }
}

/// The step under `timeout`, which ends whole process groups, and so that it ends when this program is ended: an
/// interrupted run must leave no build and no guest behind.
fn guarded(step: &Step, limit_s: u64) -> (OsString, Vec<OsString>) {
    let limit = format!("{limit_s}s");
    let guard = ["--pdeathsig", "TERM", "--", "timeout", "--kill-after=30s", &limit];
    let arguments = guard.into_iter().map(OsString::from).chain(step.words().iter().cloned());
    ("setpriv".into(), arguments.collect())
}

/// Everything that can be wrong with a stage.
fn judge(stage: &Stage, output: &str, success: bool, took: Duration, budget_s: u64) -> Finished {
    let mut counts = stage.source.count(output, success);
    let mut reasons = Vec::new();
    let mut excerpt = Vec::new();
    let seconds = took.as_secs();
    let hung = !success && seconds >= budget_s * PATIENCE;
    if hung {
        reasons.push(format!("it was ended after {seconds} s, {PATIENCE} times its budget"));
    } else if !success {
        reasons.push(format!("`{}` failed", stage.step.shown()));
    } else if counts.failed > 0 {
        reasons.push(format!("it succeeded without any {}", stage.source.unit()));
    }
    // Every kernel of the catalogue has everything that the scenarios need, so a skipped cell is lost coverage.
    if stage.source == Source::Lab && counts.skipped > 0 {
        reasons.push(format!(
            "{} of the lab's cells were skipped, and the whole matrix has to be performed; the table says why",
            counts.skipped
        ));
        counts.failed = counts.failed.max(1);
    }
    if !success {
        let failed = failed_tests(output);
        excerpt = if failed.is_empty() { last_lines(output) } else { lines(&failed) };
    }
    if !hung && took > Duration::from_secs(budget_s) {
        reasons.push(format!(
            "it took {seconds} s, more than its budget of {budget_s} s; find out why, or change ci/tiers.toml"
        ));
        if counts.failed == 0 {
            counts.failed = 1;
            if stage.source == Source::ExitStatus {
                counts.passed = 0;
            }
        }
    }
    Finished {
        name: stage.name,
        source: stage.source,
        counts,
        took,
        budget_s,
        reasons,
        compared: lines(&compared(output)),
        excerpt,
        log: None,
    }
}

fn last_lines(output: &str) -> Vec<String> {
    let all: Vec<&str> = output.lines().filter(|line| !line.trim().is_empty()).collect();
    lines(&all[all.len().saturating_sub(EXCERPT_LINES)..])
}

fn lines(all: &[&str]) -> Vec<String> {
    all.iter().map(|line| (*line).to_owned()).collect()
}

impl Finished {
    /// A stage that was over before this program began; only its time is judged.
    pub(crate) fn earlier(name: &'static str, took: Duration, budget_s: u64) -> Self {
        let stage = Stage { name, step: Step::of(["ci/test".into()]), source: Source::ExitStatus };
        judge(&stage, "", true, took, budget_s)
    }

    /// Whether nothing is wrong with it.
    pub(crate) fn passed(&self) -> bool {
        self.reasons.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stage(source: Source) -> Stage {
        Stage { name: "x", step: Step::of(["cargo".into(), "test".into()]), source }
    }

    fn judged(source: Source, output: &str, success: bool, took_s: u64) -> Finished {
        judge(&stage(source), output, success, Duration::from_secs(took_s), 10)
    }

    #[test]
    fn a_stage_within_its_budget_passes() {
        let finished = judged(Source::ExitStatus, "", true, 9);
        assert!(finished.passed());
        assert_eq!(finished.counts, Counts { passed: 1, ..Counts::default() });
    }

    #[test]
    fn a_stage_over_its_budget_fails_and_says_so() {
        let finished = judged(Source::ExitStatus, "", true, 11);
        assert_eq!(finished.reasons.len(), 1);
        assert!(finished.reasons[0].contains("11 s, more than its budget of 10 s"), "{:?}", finished.reasons);
        assert_eq!(finished.counts, Counts { failed: 1, ..Counts::default() });
    }

    #[test]
    fn failed_tests_are_what_the_summary_repeats() {
        let output = "test a ... FAILED\nnoise\ntest result: FAILED. 0 passed; 1 failed; 0 ignored;";
        let finished = judged(Source::Libtest, output, false, 1);
        assert_eq!(finished.excerpt, ["a"]);
        assert_eq!(finished.reasons, ["`cargo test` failed"]);
    }

    #[test]
    fn a_lab_that_skips_a_cell_fails_and_says_how_many() {
        let finished = judged(Source::Lab, "67 passed, 0 failed, 1 skipped\n", true, 1);
        assert!(
            finished.reasons[0].starts_with("1 of the lab's cells were skipped"),
            "{:?}",
            finished.reasons
        );
        assert_eq!(finished.counts, Counts { passed: 67, failed: 1, skipped: 1 });
    }

    #[test]
    fn a_stage_that_hangs_is_said_to_have_been_ended() {
        let finished = judged(Source::Libtest, "", false, 30);
        assert!(finished.reasons[0].contains("ended after 30 s"), "{:?}", finished.reasons);
    }

    #[test]
    fn a_real_stage_is_run_shown_and_kept() {
        let out = tempfile::tempdir().unwrap();
        let words =
            ["sh".into(), "-c".into(), "echo 'test result: ok. 2 passed; 0 failed'; echo no >&2".into()];
        let stage = Stage { name: "real", step: Step::of(words), source: Source::Libtest };
        let mut shown = Vec::new();
        let finished = stage.run(10, out.path(), &mut shown).unwrap();
        assert!(finished.passed(), "{:?}", finished.reasons);
        assert_eq!(finished.counts.passed, 2);
        let log = std::fs::read_to_string(finished.log.unwrap()).unwrap();
        assert_eq!(log, "test result: ok. 2 passed; 0 failed\nno\n");
        assert_eq!(shown, log.as_bytes());
    }

    #[test]
    fn a_real_stage_that_hangs_is_ended_with_its_children() {
        let out = tempfile::tempdir().unwrap();
        let words = ["sh".into(), "-c".into(), "sleep 600 & wait".into()];
        let stage = Stage { name: "hang", step: Step::of(words), source: Source::ExitStatus };
        // The output ends only when the last process that could write to it has ended.
        let (_, success) = stage.output(1, &out.path().join("log"), &mut Vec::new()).unwrap();
        assert!(!success);
    }
}
