//! The end of a report: what is not green and why, then the closing line.

use std::fmt::Write as _;

use crate::{
    outcome::Outcome,
    report::view::{CellView, RunView},
};

/// The closing line, alone on its line and always in this form. Broken and not-run cells count as failed: nothing that
/// was planned may vanish from the sum.
#[must_use]
pub fn closing_line(view: &RunView) -> String {
    let counts = view.counts();
    let failed = counts.failed + counts.broken + counts.not_run;
    format!("{} passed, {failed} failed, {} skipped", counts.passed, counts.skipped)
}

/// Every cell that is not green, with its reasons, and what else went wrong.
#[must_use]
pub fn findings(view: &RunView) -> String {
    let mut text = String::new();
    for cell in view.cells.iter().filter(|cell| cell.outcome != Outcome::Passed) {
        push_cell(&mut text, cell);
    }
    for kernel in &view.kernels {
        for note in &kernel.notes {
            push(&mut text, &format!("note    {}: {note}", kernel.id));
        }
    }
    for surprise in &view.unplanned {
        push(&mut text, &format!("broken  {surprise}"));
    }
    if view.interrupted {
        push(&mut text, "The run was interrupted; what was not decided counts as failed.");
    } else if !view.finished {
        push(&mut text, "The run did not come to its end; what was not decided counts as failed.");
    }
    text
}

fn push_cell(text: &mut String, cell: &CellView) {
    push(text, &format!("{:<7} {}", cell.outcome.word(), cell.planned.cell));
    for reason in cell.outcome.reasons() {
        push(text, &format!("        {reason}"));
    }
}

fn push(text: &mut String, line: &str) {
    // Writing to a String can't fail.
    let _ = writeln!(text, "{line}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{outcome::BrokenCause, testing::RunScript};

    #[test]
    fn everything_that_is_neither_green_nor_skipped_counts_as_failed() {
        let mut script =
            RunScript::new(&["k/s/a@none", "k/s/b@none", "k/s/c@none", "k/s/d@none", "k/s/e@none"]);
        script
            .finish("k/s/a@none", Outcome::Passed)
            .finish("k/s/b@none", Outcome::Failed(vec!["the process survived".into()]))
            .finish(
                "k/s/c@none",
                Outcome::Broken(BrokenCause::QemuEnded { how: "killed by signal 9".into() }),
            )
            .finish("k/s/d@none", Outcome::Skipped("no ext4".into()));
        let view = script.view();
        assert_eq!(closing_line(&view), "1 passed, 3 failed, 1 skipped");
        insta::assert_snapshot!(findings(&view));
    }

    #[test]
    fn a_green_run_has_nothing_to_explain() {
        let mut script = RunScript::new(&["k/s/a@none"]);
        script.finish("k/s/a@none", Outcome::Passed).end();
        assert_eq!(findings(&script.view()), "");
    }
}
