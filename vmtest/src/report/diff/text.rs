//! A difference for a terminal, for the summary page of a CI job, and for other programs.

use comfy_table::{ColumnConstraint, ContentArrangement, Table};

use crate::report::{
    diff::{Change, Difference, TimeChange},
    markdown::{escape, name},
    pace,
};

/// For a terminal of this width, in columns.
#[must_use]
pub fn terminal(difference: &Difference, width: u16) -> String {
    let [first, second] = &difference.sides;
    let mut text = String::new();
    for warning in &difference.warnings {
        text.push_str(&format!("{warning}\n"));
    }
    let changes: Vec<&Change> = difference.outcomes.iter().chain(&difference.seen).collect();
    if !changes.is_empty() {
        let rows = changes.iter().map(|change| change.cells());
        text.push_str(&format!("{}\n", table(["cell", "what", first, second], rows, width)));
    }
    for (side, cells) in [(first, &difference.only_first), (second, &difference.only_second)] {
        for cell in cells {
            text.push_str(&format!("only in {side}: {cell}\n"));
        }
    }
    if !difference.times.is_empty() {
        let rows = difference.times.iter().map(TimeChange::cells);
        text.push_str(&format!("{}\n", table(["cell", "time", first, second], rows, width)));
    }
    text + &closing_line(difference) + "\n"
}

fn table<'a>(heads: [&str; 4], rows: impl Iterator<Item = [String; 4]> + 'a, width: u16) -> String {
    let mut table = Table::new();
    table.load_style(comfy_table::presets::UTF8_FULL_CONDENSED);
    table.force_no_tty();
    table.set_width(width).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(heads);
    for row in rows {
        table.add_row(row);
    }
    // A name that is broken over lines can't be searched for or copied.
    if let Some(names) = table.column_mut(0) {
        names.set_constraint(ColumnConstraint::ContentWidth);
    }
    table.trim_fmt()
}

/// As Markdown.
#[must_use]
pub fn markdown(difference: &Difference) -> String {
    let [first, second] = difference.sides.clone().map(|side| escape(&side));
    let mut text = format!("# {first} → {second}\n\n{}\n\n", escape(&closing_line(difference)));
    for warning in &difference.warnings {
        text.push_str(&format!("> **{}**\n\n", escape(warning)));
    }
    let tables = [
        ("Outcomes", "what", difference.outcomes.iter().map(Change::cells).collect::<Vec<_>>()),
        ("What was seen", "what", difference.seen.iter().map(Change::cells).collect()),
        ("Times", "ratio", difference.times.iter().map(TimeChange::cells).collect()),
    ];
    for (heading, second_head, rows) in tables {
        if rows.is_empty() {
            continue;
        }
        text.push_str(&format!(
            "## {heading}\n\n| cell | {second_head} | {first} | {second} |\n|---|---|---|---|\n"
        ));
        for row in rows {
            let [cell, rest @ ..] = row;
            let rest = rest.map(|cell| escape(&cell)).join(" | ");
            text.push_str(&format!("| {} | {rest} |\n", name(&cell)));
        }
        text.push('\n');
    }
    for (side, cells) in [(&first, &difference.only_first), (&second, &difference.only_second)] {
        if !cells.is_empty() {
            let list: String = cells.iter().map(|cell| format!("- {}\n", name(cell))).collect();
            text.push_str(&format!("## Only in {side}\n\n{list}\n"));
        }
    }
    text
}

/// One line that says it all.
#[must_use]
pub fn closing_line(difference: &Difference) -> String {
    let [first, second] = &difference.sides;
    format!(
        "{} cells compared: {} outcomes differ, {} things seen differ, {} only in {first}, {} only in {second}, {} took much \
         longer or shorter",
        difference.compared,
        difference.outcomes.len(),
        difference.seen.len(),
        difference.only_first.len(),
        difference.only_second.len(),
        difference.times.len(),
    )
}

impl Change {
    fn cells(&self) -> [String; 4] {
        [self.cell.clone(), self.what.to_owned(), self.first.clone(), self.second.clone()]
    }
}

impl TimeChange {
    fn cells(&self) -> [String; 4] {
        let times = [self.first_ms, self.second_ms].map(pace::in_words);
        let [first, second] = times;
        [self.cell.clone(), format!("× {:.1}", self.ratio), first, second]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::diff::{Side, between, tests::two_runs};

    fn difference() -> Difference {
        let [first, second] = two_runs();
        between(&Side::run("out/a", &first), &Side::run("out/b", &second), 2.0)
    }

    #[test]
    fn a_terminal_gets_tables_and_a_closing_line() {
        insta::assert_snapshot!(terminal(&difference(), 100));
    }

    #[test]
    fn a_page_of_markdown_has_the_same() {
        insta::assert_snapshot!(markdown(&difference()));
    }

    #[test]
    fn other_programs_get_all_of_it_with_a_version() {
        insta::assert_snapshot!(serde_json::to_string_pretty(&difference()).unwrap());
    }

    #[test]
    fn without_a_difference_only_the_closing_line_is_left() {
        let [first, _] = two_runs();
        let same = between(&Side::run("a", &first), &Side::run("b", &first), 2.0);
        assert_eq!(terminal(&same, 100), format!("{}\n", closing_line(&same)));
    }
}
