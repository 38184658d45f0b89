//! What a stage proved, read from its output: libtest's results, the lab's closing line, or the exit status alone.

use std::ops::AddAssign;

/// A closing line's three numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
    pub(crate) skipped: u64,
}

impl Counts {
    /// Everything that was decided or left out.
    pub(crate) fn sum(self) -> u64 {
        self.passed + self.failed + self.skipped
    }
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

impl std::fmt::Display for Counts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} passed, {} failed, {} skipped", self.passed, self.failed, self.skipped)
    }
}

/// Where the numbers of a stage come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// The stage is one check: it passed or failed.
    ExitStatus,
    /// Sum of the lines `test result: …` of all test programs.
    Libtest,
    /// The closing line of `vmtest run`, the last line of its output.
    Lab,
    /// The closing line of a comparison between model, evaluator and kernels; what it compared is said in lines of its own.
    Comparison,
}

impl Source {
    /// What one unit is called.
    pub(crate) fn unit(self) -> &'static str {
        match self {
            Self::ExitStatus => "check",
            Self::Libtest => "test",
            Self::Lab => "cell",
            Self::Comparison => "comparison",
        }
    }

    /// Counts what a stage did. A stage that failed counts at least one failure, also when its output names none: tests
    /// that do not compile print no result. A stage that should have decided something and did not is a failure too; what
    /// was skipped is no proof.
    pub(crate) fn count(self, output: &str, success: bool) -> Counts {
        let mut counts = match self {
            Self::ExitStatus if success => Counts { passed: 1, ..Counts::default() },
            Self::ExitStatus => Counts::default(),
            Self::Libtest => libtest(output),
            Self::Lab | Self::Comparison => closing_line(output).unwrap_or_default(),
        };
        if counts.failed == 0 && (!success || counts.passed == 0) {
            counts.failed = 1;
        }
        counts
    }
}

/// Sums libtest's `test result: ok. 3 passed; 0 failed; 1 ignored; …`.
fn libtest(output: &str) -> Counts {
    let mut sum = Counts::default();
    for line in output.lines() {
        let Some((_, results)) = line.split_once("test result: ") else { continue };
        let Some((_, numbers)) = results.split_once(". ") else { continue };
        for part in numbers.split("; ") {
            let Some((number, word)) = part.split_once(' ') else { continue };
            let Ok(number) = number.parse::<u64>() else { continue };
            match word {
                "passed" => sum.passed += number,
                "failed" => sum.failed += number,
                "ignored" => sum.skipped += number,
                _ => {}
            }
        }
    }
    sum
}

/// `N passed, N failed, N skipped`, alone on its line; the last such line counts.
fn closing_line(output: &str) -> Option<Counts> {
    output.lines().rev().find_map(|line| {
        let mut parts = line.split(", ");
        let mut number = |word| parts.next()?.strip_suffix(word)?.strip_suffix(' ')?.parse().ok();
        let counts =
            Counts { passed: number("passed")?, failed: number("failed")?, skipped: number("skipped")? };
        parts.next().is_none().then_some(counts)
    })
}

/// What a comparison says about itself: how many cases, how many disagreements.
pub(crate) fn compared(output: &str) -> Vec<&str> {
    output.lines().filter_map(|line| line.strip_prefix("compared: ")).collect()
}

/// Names of tests that failed, as libtest prints them while it runs.
pub(crate) fn failed_tests(output: &str) -> Vec<&str> {
    let name = |line| str::strip_suffix(str::strip_prefix(line, "test ")?, " ... FAILED");
    output.lines().filter_map(name).collect()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const TWO_PROGRAMS: &str = "running 3 tests\ntest a ... ok\ntest b::c ... FAILED\n\
        test result: FAILED. 1 passed; 1 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.01s\n\
        test result: ok. 40 passed; 0 failed; 0 ignored; 0 measured; 2 filtered out; finished in 0.00s\n";

    fn counts(passed: u64, failed: u64, skipped: u64) -> Counts {
        Counts { passed, failed, skipped }
    }

    #[rstest]
    #[case::a_check_that_passed(Source::ExitStatus, "", true, counts(1, 0, 0))]
    #[case::a_check_that_failed(Source::ExitStatus, "", false, counts(0, 1, 0))]
    #[case::all_test_programs_are_summed(Source::Libtest, TWO_PROGRAMS, false, counts(41, 1, 1))]
    #[case::tests_that_do_not_compile(Source::Libtest, "error[E0425]", false, counts(0, 1, 0))]
    #[case::no_test_at_all(Source::Libtest, "Finished", true, counts(0, 1, 0))]
    #[case::the_last_line_of_the_lab(
        Source::Lab,
        "x\n67 passed, 1 failed, 0 skipped\n",
        false,
        counts(67, 1, 0)
    )]
    #[case::a_lab_that_did_not_finish(Source::Lab, "no kernel\n", false, counts(0, 1, 0))]
    #[case::a_green_lab_without_a_cell(Source::Lab, "0 passed, 0 failed, 0 skipped\n", true, counts(0, 1, 0))]
    #[case::a_green_lab_of_skipped_cells(
        Source::Lab,
        "0 passed, 0 failed, 4 skipped\n",
        true,
        counts(0, 1, 4)
    )]
    #[case::tests_that_are_all_ignored(
        Source::Libtest,
        "test result: ok. 0 passed; 0 failed; 2 ignored; 0 measured\n",
        true,
        counts(0, 1, 2)
    )]
    #[case::a_lab_that_fails_with_green_cells(
        Source::Lab,
        "2 passed, 0 failed, 0 skipped\n",
        false,
        counts(2, 1, 0)
    )]
    fn a_stage_counts_what_it_says(
        #[case] source: Source,
        #[case] output: &str,
        #[case] success: bool,
        #[case] expected: Counts,
    ) {
        assert_eq!(source.count(output, success), expected);
    }

    #[test]
    fn what_was_compared_is_picked_out() {
        let output = "x\ncompared: host: 10 cases, 0 disagreements\n1 passed, 0 failed, 0 skipped\n";
        assert_eq!(compared(output), ["host: 10 cases, 0 disagreements"]);
        assert_eq!(Source::Comparison.count(output, true), counts(1, 0, 0));
        assert_eq!(Source::Comparison.count("", true), counts(0, 1, 0));
    }

    #[test]
    fn a_kernel_that_could_not_be_asked_is_skipped_and_said() {
        let output = "compared: kernel of this machine: skipped: too old\n428 passed, 0 failed, 1 skipped\n";
        let counted = Source::Comparison.count(output, true);
        assert_eq!(counted, Counts { passed: 428, failed: 0, skipped: 1 });
        assert_eq!(compared(output), ["kernel of this machine: skipped: too old"]);
    }

    #[test]
    fn failed_tests_are_named() {
        assert_eq!(failed_tests(TWO_PROGRAMS), ["b::c"]);
    }
}
