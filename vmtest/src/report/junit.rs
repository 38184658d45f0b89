//! JUnit XML: one suite per kernel, one case per cell, and a suite of what nobody planned.

use std::time::Duration;

use quick_junit::{NonSuccessKind, Report, SerializeError, TestCase, TestCaseStatus, TestSuite};

use crate::{
    outcome::Outcome,
    report::view::{CellView, RunView},
};

/// Renders the run.
///
/// # Errors
/// The XML can't be written, which for a buffer in memory does not happen.
pub fn render(view: &RunView) -> Result<String, SerializeError> {
    let mut report = Report::new("vmtest");
    report.set_time(Duration::from_millis(view.wall_ms));
    for kernel in &view.kernels {
        let mut suite = TestSuite::new(&kernel.id);
        for (name, value) in [("release", &kernel.release), ("package", &kernel.package)] {
            if let Some(value) = value {
                suite.add_property((name, value.as_str()));
            }
        }
        let cells = view.cells.iter().filter(|cell| cell.planned.cell.kernel == kernel.id);
        suite.add_test_cases(cells.map(case));
        report.add_test_suite(suite);
    }
    if !view.unplanned.is_empty() {
        let mut suite = TestSuite::new("not planned");
        suite.add_test_cases(view.unplanned.iter().map(|surprise| surprising(surprise)));
        report.add_test_suite(suite);
    }
    report.to_string()
}

/// What nobody planned has no place among the cells, and is an error all the same.
fn surprising(surprise: &str) -> TestCase {
    let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
    status.set_message(surprise);
    TestCase::new(surprise, status)
}

fn case(cell: &CellView) -> TestCase {
    let reasons = cell.outcome.reasons().join("\n");
    let with = |mut status: TestCaseStatus, message: &str| {
        status.set_message(message);
        status
    };
    let status = match &cell.outcome {
        Outcome::Passed => TestCaseStatus::success(),
        Outcome::Failed(_) => with(TestCaseStatus::non_success(NonSuccessKind::Failure), &reasons),
        Outcome::Broken(_) => with(TestCaseStatus::non_success(NonSuccessKind::Error), &reasons),
        Outcome::NotRun => {
            with(TestCaseStatus::non_success(NonSuccessKind::Error), "planned and not decided")
        }
        Outcome::Skipped(reason) => with(TestCaseStatus::skipped(), reason),
    };
    let mut case = TestCase::new(cell.planned.cell.row(), status);
    case.set_classname(&cell.planned.cell.kernel).set_time(Duration::from_millis(cell.took_ms));
    if let (false, Some(record)) = (cell.outcome == Outcome::Passed, &cell.record) {
        // A record is plain data; should it have no JSON form, its debug form says as much.
        let text = serde_json::to_string_pretty(record).unwrap_or_else(|_| format!("{record:?}"));
        case.set_system_out(text);
    }
    case
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{outcome::BrokenCause, testing::RunScript};

    #[test]
    fn each_outcome_has_its_element() {
        let mut script =
            RunScript::new(&["k/s/a@none", "k/s/b@none", "k/s/c@none", "k/s/d@none", "k/s/e@none"]);
        script
            .finish("k/s/a@none", Outcome::Passed)
            .finish("k/s/b@none", Outcome::Failed(vec!["first".into(), "second".into()]))
            .finish(
                "k/s/c@none",
                Outcome::Broken(BrokenCause::QemuEnded { how: "killed by signal 9".into() }),
            )
            .finish("k/s/d@none", Outcome::Skipped("no ext4".into()))
            .finish("k/s/unheard@none", Outcome::Passed)
            .end();
        insta::assert_snapshot!(render(&script.view()).unwrap());
    }
}
