//! The table: one row per scenario and file system, one column per kernel.

use std::collections::HashMap;

use comfy_table::{Cell, Color, ColumnConstraint, ContentArrangement, Table};

use crate::{
    outcome::Outcome,
    report::{
        figures, pace, seen,
        view::{CellView, RunView},
    },
};

const LEGEND: &str = "\
Each cell: what became of the acting process · whether its effect was there afterwards · whether the enforcer saw it
(kernel-side match and event). Whether a kill comes in time to prevent the effect depends on the operation: that is
what the scenario claims, and + means that all of its claims held. - a claim did not hold, ! the lab could not find
out, ~ skipped.";

/// How to draw it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Style {
    /// Colours, for a terminal.
    pub colour: bool,
    /// Columns to fit into, for a terminal.
    pub width: Option<u16>,
}

/// Draws the table with its footer.
#[must_use]
pub fn render(view: &RunView, style: Style) -> String {
    let mut table = Table::new();
    table.load_style(comfy_table::presets::UTF8_FULL_CONDENSED);
    table.force_no_tty();
    if style.colour {
        table.enforce_styling();
    }
    if let Some(width) = style.width {
        table.set_width(width).set_content_arrangement(ContentArrangement::Dynamic);
    }
    let kernels = view.kernels.iter().map(|kernel| Cell::new(&kernel.id));
    table.set_header(std::iter::once(Cell::new("scenario")).chain(kernels).collect::<Vec<_>>());
    for (row, cells) in rows(view) {
        let cells = view.kernels.iter().map(|kernel| draw(cells.get(kernel.id.as_str()).copied(), style));
        table.add_row(std::iter::once(Cell::new(&row)).chain(cells).collect::<Vec<_>>());
    }
    // A name that is broken over lines can't be searched for or copied.
    if let Some(names) = table.column_mut(0) {
        names.set_constraint(ColumnConstraint::ContentWidth);
    }
    format!("{}\n{}", table.trim_fmt(), footer(view))
}

/// Rows in the order in which the plan first names them, each with its cells by kernel.
fn rows(view: &RunView) -> Vec<(String, HashMap<&str, &CellView>)> {
    let mut rows: Vec<(String, HashMap<&str, &CellView>)> = Vec::new();
    let mut places = HashMap::new();
    for cell in &view.cells {
        let at = *places.entry(cell.planned.cell.row()).or_insert_with_key(|row| {
            rows.push((row.clone(), HashMap::new()));
            rows.len() - 1
        });
        rows[at].1.insert(&cell.planned.cell.kernel, cell);
    }
    rows
}

fn draw(cell: Option<&CellView>, style: Style) -> Cell {
    let Some(cell) = cell else { return Cell::new("") };
    let (mark, colour) = match cell.outcome {
        Outcome::Passed => ('+', Color::Green),
        Outcome::Failed(_) => ('-', Color::Red),
        Outcome::Broken(_) | Outcome::NotRun => ('!', Color::Yellow),
        Outcome::Skipped(_) => ('~', Color::DarkGrey),
    };
    let text = match (&cell.outcome, &cell.record) {
        (Outcome::Passed | Outcome::Failed(_), Some(record)) => seen::all(record),
        (outcome, _) => outcome.word().to_owned(),
    };
    let drawn = Cell::new(format!("{mark} {text}"));
    if style.colour { drawn.fg(colour) } else { drawn }
}

fn footer(view: &RunView) -> String {
    let mut text = format!("{LEGEND}\n\n");
    for kernel in &view.kernels {
        let release = kernel.release.as_deref().unwrap_or("not obtained");
        text.push_str(&format!("{:<6} {release}, {}\n", kernel.id, pace::guests_in_words(kernel)));
    }
    if let Some((accel, reason)) = &view.accel {
        text.push_str(&format!("QEMU {} with {accel}: {reason}\n", view.qemu));
    }
    text.push_str(&format!("{} cells in {} s\n", view.cells.len(), view.wall_ms / 1000));
    text.push_str(&figures::render(view));
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        outcome::BrokenCause,
        testing::{RunScript, good_record},
    };

    fn mixed() -> RunScript {
        let mut script = RunScript::new(&[
            "5.10/file/a@tmpfs",
            "5.10/file/a@ext4",
            "6.12/file/a@tmpfs",
            "6.12/file/a@ext4",
        ]);
        let mut late = good_record();
        late.enforced.effect_happened = true;
        late.enforced.untouched = false;
        script
            .boot("5.10", 2041)
            .record("5.10/file/a@tmpfs", Outcome::Passed, good_record())
            .record("5.10/file/a@ext4", Outcome::Failed(vec!["effect happened".into()]), late)
            .boot("6.12", 3310)
            .finish("6.12/file/a@tmpfs", Outcome::Broken(BrokenCause::QemuEnded { how: "x".into() }))
            .end();
        script
    }

    #[test]
    fn the_table_shows_what_was_seen_and_marks_what_was_claimed() {
        insta::assert_snapshot!(render(&mixed().view(), Style::default()));
    }

    #[test]
    fn colours_only_where_they_were_asked_for() {
        let view = mixed().view();
        assert!(!render(&view, Style::default()).contains('\u{1b}'));
        assert!(render(&view, Style { colour: true, width: None }).contains('\u{1b}'));
    }

    #[test]
    fn a_narrow_terminal_wraps_instead_of_spilling() {
        let text = render(&mixed().view(), Style { colour: false, width: Some(60) });
        let table = text.split_once("Each cell").unwrap().0;
        assert!(table.lines().all(|line| line.chars().count() <= 60), "{table}");
    }
}
