//! The run as Markdown, for the summary page of a CI job: counts, what is not green and why, and kernel × area.

use crate::report::{
    figures, pace,
    summary::{self, Group},
    view::{CellView, RunView},
};

/// CI systems cut a summary at a megabyte; what does not fit is said, and stands in the other reports.
const MOST_GROUPS: usize = 200;
/// Longest reason that is shown whole, in characters.
const MOST_REASON: usize = 600;

/// Renders the run.
#[must_use]
pub fn render(view: &RunView) -> String {
    let mut text = format!("# Lab: {}\n\n", summary::closing_line(view));
    for warning in summary::warnings(view) {
        text.push_str(&format!("> **{}**\n\n", escape(&warning)));
    }
    text.push_str(&kernels(view));
    text.push_str(&pace(view));
    text.push_str(&not_green(view));
    text.push_str(&notes(view));
    text.push_str(&areas(view));
    text
}

fn kernels(view: &RunView) -> String {
    let mut text = String::from(
        "| kernel | release | guests | passed | failed | broken | skipped | not run |\n\
         |---|---|---|--:|--:|--:|--:|--:|\n",
    );
    for kernel in &view.kernels {
        let counts = view.counts_of(|cell| cell.planned.cell.kernel == kernel.id);
        text.push_str(&format!(
            "| {} | {} | {} | {} | {} | {} | {} | {} |\n",
            escape(&kernel.id),
            escape(kernel.release.as_deref().unwrap_or("not obtained")),
            pace::guests_in_words(kernel),
            counts.passed,
            counts.failed,
            counts.broken,
            counts.skipped,
            counts.not_run,
        ));
    }
    text + "\n"
}

fn pace(view: &RunView) -> String {
    let mut text = format!("{} cells in {}", view.cells.len(), pace::in_words(view.wall_ms));
    if let Some(rate) = pace::cells_per_minute(view) {
        text.push_str(&format!(", {rate:.1} per minute"));
    }
    if let Some((accel, reason)) = &view.accel {
        text.push_str(&format!("; QEMU {} with {accel}: {}", escape(&view.qemu), escape(reason)));
    }
    text.push_str(".\n\n");
    let facts = figures::facts(view);
    for (name, figure) in &facts {
        text.push_str(&format!("- {name}: {}\n", escape(figure)));
    }
    if facts.is_empty() { text } else { text + "\n" }
}

fn not_green(view: &RunView) -> String {
    let groups = summary::groups(view);
    let with = |words: &[&str]| -> Vec<&Group<'_>> {
        groups.iter().filter(|group| words.contains(&group.word)).collect()
    };
    let mut text = String::new();
    let undecided = view.counts().not_run;
    for (heading, groups) in [("Not green", with(&["failed", "broken"])), ("Skipped", with(&["skipped"]))] {
        let (adds_undecided, surprises) = match heading {
            "Not green" => (undecided > 0, view.unplanned.as_slice()),
            _ => (false, [].as_slice()),
        };
        if groups.is_empty() && !adds_undecided && surprises.is_empty() {
            continue;
        }
        text.push_str(&format!("## {heading}\n\n"));
        text.extend(surprises.iter().map(|surprise| format!("- **broken** {}\n", escape(surprise))));
        text.extend(groups.iter().take(MOST_GROUPS).map(|group| entry(group)));
        if groups.len() > MOST_GROUPS {
            text.push_str(&format!("- and {} more: see table.txt\n", groups.len() - MOST_GROUPS));
        }
        if adds_undecided {
            text.push_str(&format!("- **not run** planned and not decided: {undecided}\n"));
        }
        text.push('\n');
    }
    text
}

fn entry(group: &Group<'_>) -> String {
    let kernels: Vec<String> = group.kernels.iter().map(|kernel| escape(kernel)).collect();
    let mut text = format!("- **{}** {} on {}\n", group.word, name(&group.row), kernels.join(", "));
    for reason in &group.reasons {
        text.push_str(&format!("  - {}\n", escape(&cut(reason))));
    }
    text
}

fn cut(reason: &str) -> String {
    match reason.char_indices().nth(MOST_REASON) {
        None => reason.to_owned(),
        Some((end, _)) => format!("{}…", &reason[..end]),
    }
}

fn notes(view: &RunView) -> String {
    let notes: Vec<String> = view
        .kernels
        .iter()
        .flat_map(|kernel| {
            kernel.notes.iter().map(|note| format!("- {}: {}\n", escape(&kernel.id), escape(note)))
        })
        .collect();
    if notes.is_empty() { String::new() } else { format!("## Notes\n\n{}\n", notes.concat()) }
}

/// Kernel × area, collapsed: passed cells of all.
fn areas(view: &RunView) -> String {
    let mut areas: Vec<&str> = Vec::new();
    for cell in &view.cells {
        if !areas.contains(&area(cell)) {
            areas.push(area(cell));
        }
    }
    let ids = view.kernels.iter().map(|kernel| format!(" {} |", escape(&kernel.id))).collect::<String>();
    let mut text = format!(
        "<details><summary>Kernel × area: passed cells of all</summary>\n\n| area |{ids}\n|---|{}\n",
        "--:|".repeat(view.kernels.len())
    );
    for name in areas {
        text.push_str(&format!("| {} |", escape(name)));
        for kernel in &view.kernels {
            let counts = view.counts_of(|cell| cell.planned.cell.kernel == kernel.id && area(cell) == name);
            text.push_str(&match counts.sum() {
                0 => " |".to_owned(),
                sum if sum == counts.passed => format!(" {sum} |"),
                sum => format!(" **{}/{sum}** |", counts.passed),
            });
        }
        text.push('\n');
    }
    text + "\n</details>\n"
}

/// The folder of a cell's scenario.
fn area(cell: &CellView) -> &str {
    cell.planned.cell.area()
}

/// The name of a cell, as code: `@ext4` is nobody who wants to be told.
pub(crate) fn name(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/@._-+ ".contains(c);
    if text.chars().all(is_plain) { format!("`{text}`") } else { escape(text) }
}

/// Text that stands for itself, on one line: nothing in a scenario or on a console may become markup.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::new();
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '\\' | '|' | '`' | '*' | '_' | '[' | ']' | '~' | '#' | '$' | '!' | '@' | ':' => {
                escaped.extend(['\\', c]);
            }
            c if c.is_control() => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        event::RunEvent,
        outcome::{BrokenCause, Outcome},
        testing::RunScript,
    };

    #[test]
    fn a_summary_counts_explains_and_collapses() {
        let names = ["5.10/file/a@none", "5.10/pipe/b@none", "6.12/file/a@none", "6.12/pipe/b@none"];
        let mut script = RunScript::new(&names);
        script
            .boot("5.10", 2041)
            .boot("6.12", 3310)
            .push(RunEvent::Remark { kernel: "6.12".into(), text: "clock <unstable>".into() })
            .finish(names[0], Outcome::Passed)
            .finish(names[1], Outcome::Failed(vec!["a | b".into()]))
            .finish(names[2], Outcome::Skipped("no *ext4*".into()))
            .finish(names[3], Outcome::Broken(BrokenCause::QemuEnded { how: "killed by signal 9".into() }))
            .finish("6.12/file/unheard@none", Outcome::Passed)
            .end();
        insta::assert_snapshot!(render(&script.view()));
    }

    #[test]
    fn nothing_in_a_reason_becomes_markup() {
        let escaped = escape("</details><img src=x> a|b `c` [d](javascript:e) @everyone\n# f");
        assert!(!escaped.contains(['<', '>', '\n']), "{escaped}");
        assert_eq!(
            escaped,
            r"&lt;/details&gt;&lt;img src=x&gt; a\|b \`c\` \[d\](javascript\:e) \@everyone \# f"
        );
    }

    #[test]
    fn more_than_a_summary_can_hold_is_counted() {
        let names: Vec<String> = (0..MOST_GROUPS + 3).map(|at| format!("k/s/c{at}@none")).collect();
        let mut script = RunScript::new(&names.iter().map(String::as_str).collect::<Vec<_>>());
        for name in &names[1..] {
            script.finish(name, Outcome::Failed(vec!["x".into()]));
        }
        let text = render(&script.view());
        assert!(text.contains("- **not run** planned and not decided: 1"), "{text}");
        assert!(text.contains("- and 2 more: see table.txt"), "{text}");
    }
}
