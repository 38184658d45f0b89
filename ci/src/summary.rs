//! The end of `ci/test`: why stages failed, a table, where the numbers come from, and the closing line.

use std::fmt::Write;

use crate::count::{Counts, Source};
use crate::stage::Finished;

/// A whole run.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) stages: Vec<Finished>,
    /// Stages that were not asked for; each counts as skipped.
    pub(crate) left_out: Vec<&'static str>,
    pub(crate) total_s: u64,
    pub(crate) total_budget_s: u64,
}

impl Run {
    /// The closing numbers.
    pub(crate) fn counts(&self) -> Counts {
        let mut sum = Counts { skipped: self.left_out.len() as u64, ..Counts::default() };
        for stage in &self.stages {
            sum += stage.counts;
        }
        if self.took_too_long() {
            sum.failed += 1;
        }
        sum
    }

    /// Whether nothing failed.
    pub(crate) fn passed(&self) -> bool {
        self.counts().failed == 0 && self.stages.iter().all(Finished::passed)
    }

    fn took_too_long(&self) -> bool {
        self.total_s > self.total_budget_s
    }

    /// Everything; ends with the closing line.
    pub(crate) fn render(&self) -> String {
        let mut text = String::new();
        for stage in self.stages.iter().filter(|stage| !stage.passed()) {
            failure(&mut text, stage);
        }
        self.table(&mut text);
        for line in self.stages.iter().flat_map(|stage| &stage.compared) {
            push(&mut text, format_args!("{line}"));
        }
        self.sources(&mut text);
        push(&mut text, format_args!("{}", self.counts()));
        text
    }

    fn table(&self, text: &mut String) {
        push(text, format_args!("{:<20} {:<8} {:>6} {:>7}   proved", "stage", "result", "s", "budget"));
        for stage in &self.stages {
            let result = if stage.passed() { "passed" } else { "FAILED" };
            push(
                text,
                format_args!(
                    "{:<20} {result:<8} {:>6.1} {:>7}   {}",
                    stage.name,
                    stage.took.as_secs_f64(),
                    stage.budget_s,
                    counted(stage.counts.passed, stage.source),
                ),
            );
        }
        for name in &self.left_out {
            push(text, format_args!("{name:<20} {:<8}", "left out"));
        }
        let result = if self.took_too_long() { "FAILED" } else { "passed" };
        push(
            text,
            format_args!("{:<20} {result:<8} {:>6} {:>7}", "total time", self.total_s, self.total_budget_s),
        );
        if self.took_too_long() {
            push(
                text,
                format_args!("The whole run is over its budget; find out why, or change ci/tiers.toml."),
            );
        }
    }

    fn sources(&self, text: &mut String) {
        let origins = [
            (Source::Libtest, "the `test result` lines of all test programs"),
            (Source::Lab, "the closing line of `vmtest run`"),
            (Source::Comparison, "the closing lines of the comparisons between model, evaluator and kernels"),
            (Source::ExitStatus, "one per stage, by its exit status"),
        ];
        for (source, origin) in origins {
            let of_source = self.stages.iter().filter(|stage| stage.source == source);
            let mut sum = Counts::default();
            of_source.for_each(|stage| sum += stage.counts);
            if sum.sum() > 0 {
                push(text, format_args!("{}: {origin}", counted(sum.sum(), source)));
            }
        }
    }
}

fn counted(number: u64, source: Source) -> String {
    format!("{number} {}{}", source.unit(), if number == 1 { "" } else { "s" })
}

fn failure(text: &mut String, stage: &Finished) {
    push(text, format_args!("FAILED {}", stage.name));
    for reason in &stage.reasons {
        push(text, format_args!("  {reason}"));
    }
    for line in &stage.excerpt {
        push(text, format_args!("  | {line}"));
    }
    if let Some(log) = &stage.log {
        push(text, format_args!("  all of its output: {}", log.display()));
    }
    text.push('\n');
}

fn push(text: &mut String, line: std::fmt::Arguments<'_>) {
    // Writing to a String can't fail.
    let _ = writeln!(text, "{line}");
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn finished(name: &'static str, source: Source, counts: Counts, reasons: &[&str]) -> Finished {
        Finished {
            name,
            source,
            counts,
            took: Duration::from_millis(1500),
            budget_s: 10,
            reasons: reasons.iter().map(|reason| (*reason).to_owned()).collect(),
            compared: vec![format!("{name}: 3 cases")],
            excerpt: Vec::new(),
            log: None,
        }
    }

    fn counts(passed: u64, failed: u64) -> Counts {
        Counts { passed, failed, skipped: 0 }
    }

    fn run(total_s: u64) -> Run {
        Run {
            stages: vec![
                finished("fmt", Source::ExitStatus, counts(0, 1), &["`cargo fmt` failed"]),
                finished("tests", Source::Libtest, counts(40, 0), &[]),
                finished("lab", Source::Lab, counts(68, 0), &[]),
            ],
            left_out: vec!["self-tests"],
            total_s,
            total_budget_s: 100,
        }
    }

    #[test]
    fn a_failed_first_stage_hides_nothing_and_is_not_hidden() {
        let run = run(60);
        let text = run.render();
        assert!(!run.passed());
        assert!(text.starts_with("FAILED fmt\n  `cargo fmt` failed\n\n"), "{text}");
        assert!(text.contains("tests                passed      1.5      10   40 tests\n"), "{text}");
        assert!(text.contains("\nlab: 3 cases\n"), "{text}");
        assert!(text.contains("68 cells: the closing line of `vmtest run`\n"), "{text}");
        assert!(text.ends_with("\n108 passed, 1 failed, 1 skipped\n"), "{text}");
    }

    #[test]
    fn a_run_over_its_whole_budget_fails() {
        let mut run = run(101);
        run.stages.remove(0);
        assert!(!run.passed());
        assert!(run.render().ends_with("\n108 passed, 1 failed, 1 skipped\n"));
        run.total_s = 100;
        assert!(run.passed());
    }
}
