//! TAP version 14: one test point per cell, with what is known about it as a YAML block.

use serde_json::json;

use crate::{
    outcome::Outcome,
    report::{
        place, seen,
        view::{CellView, RunView},
    },
};

/// Renders the run. What was never planned is a test point too, and fails: nothing that went wrong may be missing.
#[must_use]
pub fn render(view: &RunView) -> String {
    let mut text = format!("TAP version 14\n1..{}\n", view.cells.len() + view.unplanned.len());
    for (index, cell) in view.cells.iter().enumerate() {
        text.push_str(&point(index + 1, cell));
    }
    for (index, surprise) in view.unplanned.iter().enumerate() {
        text.push_str(&format!("not ok {} - {}\n", view.cells.len() + index + 1, description(surprise)));
    }
    if view.interrupted {
        text.push_str("Bail out! The run was interrupted\n");
    } else if !view.finished {
        text.push_str("Bail out! The run did not come to its end\n");
    }
    text
}

fn point(number: usize, cell: &CellView) -> String {
    let name = description(&cell.planned.cell.to_string());
    let (result, directive) = match &cell.outcome {
        Outcome::Passed => ("ok", String::new()),
        Outcome::Skipped(reason) => ("ok", format!(" # SKIP {}", description(reason))),
        Outcome::Failed(_) | Outcome::Broken(_) | Outcome::NotRun => ("not ok", String::new()),
    };
    format!("{result} {number} - {name}{directive}\n{}", diagnostics(cell))
}

/// The block after a test point. Every value is written as JSON, which is YAML as well.
fn diagnostics(cell: &CellView) -> String {
    let mut fields = vec![
        ("title", json!(cell.planned.title)),
        ("claims", json!(cell.planned.claims)),
        ("outcome", json!(cell.outcome.word())),
        ("duration_ms", json!(cell.took_ms)),
    ];
    if let Some(record) = &cell.record {
        fields.push(("seen", json!(seen::all(record))));
    }
    let is_green = matches!(cell.outcome, Outcome::Passed | Outcome::Skipped(_));
    if !is_green {
        fields.push(("reasons", json!(cell.outcome.reasons())));
        fields.push(("again", json!(place::command(cell, None))));
    }
    if !is_green && !cell.console.is_empty() {
        fields.push(("console", json!(cell.console)));
    }
    let lines: String = fields.iter().map(|(key, value)| format!("  {key}: {}\n", plain(value))).collect();
    format!("  ---\n{lines}  ...\n")
}

/// JSON lets characters stand for themselves that YAML and line-wise readers do not.
fn plain(value: &serde_json::Value) -> String {
    let is_bare = |c: char| {
        matches!(c, '\u{7f}'..='\u{9f}' | '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}')
    };
    let mut text = String::new();
    for c in value.to_string().chars() {
        match is_bare(c) {
            true => text.push_str(&format!("\\u{:04x}", u32::from(c))),
            false => text.push(c),
        }
    }
    text
}

/// A description is one line, in which `#` begins a directive unless it is escaped.
fn description(text: &str) -> String {
    let mut escaped = String::new();
    for c in text.chars() {
        match c {
            '#' | '\\' => escaped.extend(['\\', c]),
            c if c.is_control() => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;
    use crate::{
        outcome::BrokenCause,
        testing::{RunScript, good_record},
    };

    #[test]
    fn each_outcome_has_its_test_point() {
        let names = ["k/s/a@none", "k/s/b@none", "k/s/c@none", "k/s/d@none", "k/s/e@none"];
        let mut script = RunScript::new(&names);
        let broken = BrokenCause::KernelCrashed { reason: "panic".into(), line: "Kernel panic".into() };
        script
            .record(names[0], Outcome::Passed, good_record())
            .record(names[1], Outcome::Failed(vec!["first # of two".into(), "second".into()]), good_record())
            .finish(names[2], Outcome::Broken(broken))
            .finish(names[3], Outcome::Skipped("no ext4 # built in\nat all".into()))
            .finish("k/s/unheard@none", Outcome::Passed)
            .end();
        insta::assert_snapshot!(render(&script.view()));
    }

    #[test]
    fn a_run_without_an_end_bails_out() {
        let script = RunScript::new(&["k/s/a@none"]);
        let text = render(&script.view());
        assert!(text.starts_with("TAP version 14\n1..1\nnot ok 1 - "), "{text}");
        assert_eq!(text.lines().last(), Some("Bail out! The run did not come to its end"));
    }

    proptest! {
        #[test]
        fn any_reason_can_be_read_back_from_the_block(reason in any::<String>()) {
            let mut script = RunScript::new(&["k/s/a@none"]);
            script.finish("k/s/a@none", Outcome::Failed(vec![reason.clone()])).end();
            let view = script.view();
            let block = diagnostics(&view.cells[0]);
            let inner = block.strip_prefix("  ---\n").and_then(|rest| rest.strip_suffix("  ...\n")).unwrap();
            let read: Value = serde_saphyr::from_str(inner).unwrap();
            prop_assert_eq!(&read["reasons"][0], &Value::String(reason));
        }

        #[test]
        fn no_reason_can_add_a_line_or_a_directive(reason in any::<String>()) {
            let mut script = RunScript::new(&["k/s/a@none"]);
            script.finish("k/s/a@none", Outcome::Skipped(reason)).end();
            let text = render(&script.view());
            let points = text.split('\n').filter(|line| line.starts_with("ok") || line.starts_with("not ok"));
            prop_assert_eq!(points.count(), 1);
            prop_assert_eq!(text.split('\n').nth(2).unwrap().matches(" # ").count(), 1);
        }
    }
}
