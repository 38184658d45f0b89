//! The end of a report: what is not green and why, then the closing line.

use crate::{outcome::Outcome, report::view::RunView};

/// The closing line, alone on its line and always in this form. Broken and not-run cells count as failed: nothing that
/// was planned may vanish from the sum.
#[must_use]
pub fn closing_line(view: &RunView) -> String {
    let counts = view.counts();
    let failed = counts.failed + counts.broken + counts.not_run;
    format!("{} passed, {failed} failed, {} skipped", counts.passed, counts.skipped)
}

/// Every cell that is not green, with its reasons, and what else went wrong. Kernels on which a row ended alike share
/// one entry: what differs between kernels then stands out.
#[must_use]
pub fn findings(view: &RunView) -> String {
    let mut text = String::new();
    for group in groups(view) {
        push(&mut text, &format!("{:<7} {} on {}", group.word, group.row, group.kernels.join(", ")));
        for reason in group.reasons {
            push(&mut text, &format!("        {reason}"));
        }
    }
    for kernel in &view.kernels {
        for note in &kernel.notes {
            push(&mut text, &format!("note    {}: {note}", kernel.id));
        }
    }
    for surprise in &view.unplanned {
        push(&mut text, &format!("broken  {surprise}"));
    }
    if let Some((partition, planned)) = &view.part {
        let performed = match view.cells.len() {
            0 => "none".to_owned(),
            some => some.to_string(),
        };
        push(
            &mut text,
            &format!(
                "part    {partition}: {performed} of {planned} cells; `vmtest merge` says what all parts prove"
            ),
        );
    }
    for warning in warnings(view) {
        push(&mut text, &warning);
    }
    text
}

/// What makes the whole run doubtful.
#[must_use]
pub fn warnings(view: &RunView) -> Vec<String> {
    let text = match (view.interrupted, view.finished) {
        (true, _) => "The run was interrupted; what was not decided counts as failed.",
        (false, false) => "The run did not come to its end; what was not decided counts as failed.",
        (false, true) => return Vec::new(),
    };
    vec![text.to_owned()]
}

/// Cells of one row that ended alike.
#[derive(Clone, Debug)]
pub struct Group<'a> {
    /// `scenario-id@fs`.
    pub row: String,
    /// What became of them.
    pub word: &'static str,
    /// Why.
    pub reasons: Vec<String>,
    /// On which kernels.
    pub kernels: Vec<&'a str>,
}

/// Cells that are not green. Kernels on which a row ended alike share one group.
#[must_use]
pub fn groups(view: &RunView) -> Vec<Group<'_>> {
    let mut groups: Vec<Group<'_>> = Vec::new();
    for cell in view.cells.iter().filter(|cell| cell.outcome != Outcome::Passed) {
        let (row, reasons) = (cell.planned.cell.row(), cell.outcome.reasons());
        let (word, kernel) = (cell.outcome.word(), cell.planned.cell.kernel.as_str());
        let alike =
            |group: &&mut Group<'_>| (&group.row, group.word, &group.reasons) == (&row, word, &reasons);
        match groups.iter_mut().find(alike) {
            Some(group) => group.kernels.push(kernel),
            None => groups.push(Group { row, word, reasons, kernels: vec![kernel] }),
        }
    }
    groups
}

fn push(text: &mut String, line: &str) {
    text.push_str(line);
    text.push('\n');
}

#[cfg(test)]
mod tests {
    use quell_scenarios::record::Record;

    use super::*;
    use crate::{
        outcome::BrokenCause,
        testing::{RunScript, good_record, plan_of},
    };

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
    fn kernels_that_ended_alike_share_an_entry() {
        let mut script = RunScript::new(&["5.10/s/a@none", "6.1/s/a@none", "6.12/s/a@none"]);
        for (cell, reason) in [("5.10/s/a@none", "x"), ("6.1/s/a@none", "y"), ("6.12/s/a@none", "x")] {
            script.finish(cell, Outcome::Failed(vec![reason.into()]));
        }
        script.end();
        let expected = "failed  s/a@none on 5.10, 6.12\n        x\nfailed  s/a@none on 6.1\n        y\n";
        assert_eq!(findings(&script.view()), expected);
    }

    #[test]
    fn a_part_says_that_it_is_one() {
        let plan = plan_of(&["k/s/a@none", "k/s/b@none"]);
        let part = |share| findings(&RunScript::of_part(share, &plan).end().view());
        assert!(part("slice:1/1").starts_with("not run s/a@none"));
        let empty = "part    slice:1/3: none of 2 cells; `vmtest merge` says what all parts prove\n";
        assert_eq!(part("slice:1/3"), empty);
    }

    #[test]
    fn a_cell_that_was_performed_again_says_why() {
        let mut script = RunScript::new(&["k/s/a@none"]);
        let record = Record { thrown_away: vec![1, 2], ..good_record() };
        script.record("k/s/a@none", Outcome::Passed, record).end();
        let expected = "note    k: s/a@none: performed 3 times, because the kernel skipped the programs 3 times before\n";
        assert_eq!(findings(&script.view()), expected);
    }

    #[test]
    fn a_green_run_has_nothing_to_explain() {
        let mut script = RunScript::new(&["k/s/a@none"]);
        script.finish("k/s/a@none", Outcome::Passed).end();
        assert_eq!(findings(&script.view()), "");
    }
}
