//! What the page shows, as plain data. The page's script lays it out and computes nothing of its own.

use serde::Serialize;
use serde_json::Value;

use crate::{
    outcome::Outcome,
    report::{
        figures,
        oracle::{self, Assertion},
        pace, place, seen, summary,
        view::{CellView, KernelView, RunView},
    },
};

/// The whole run.
#[derive(Debug, Serialize)]
pub struct PageData<'a> {
    closing_line: String,
    is_green: bool,
    warnings: Vec<String>,
    facts: Vec<(&'static str, String)>,
    kernels: Vec<KernelData<'a>>,
    rows: Vec<RowData<'a>>,
    cells: Vec<CellData<'a>>,
    groups: Vec<GroupData<'a>>,
}

/// A column.
#[derive(Debug, Serialize)]
struct KernelData<'a> {
    id: &'a str,
    release: Option<&'a str>,
    package: Option<&'a str>,
    guests: String,
    boots: usize,
    notes: &'a [String],
    console: &'a [String],
}

/// A row of the heat map.
#[derive(Debug, Serialize)]
struct RowData<'a> {
    id: String,
    area: &'a str,
    name: &'a str,
    file_system: String,
    title: &'a str,
    claims: &'a [String],
}

/// A cell of it.
#[derive(Debug, Serialize)]
struct CellData<'a> {
    kernel: usize,
    row: usize,
    outcome: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    reasons: Vec<String>,
    /// Process, effect, enforcer.
    #[serde(skip_serializing_if = "Option::is_none")]
    seen: Option<[String; 3]>,
    took_ms: u64,
    /// Name, beginning, length.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    phases: Vec<(&'a str, u64, u64)>,
    #[serde(skip_serializing_if = "Option::is_none")]
    attach_ms: Option<u64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    oracle: Vec<Assertion>,
    /// What a process wrote to its standard error: who, and what.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    said: Vec<(&'static str, &'a str)>,
    #[serde(skip_serializing_if = "<[Value]>::is_empty")]
    events: &'a [Value],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    traces: Vec<(String, &'static str)>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    console: &'a [String],
    again: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    enter: Option<String>,
}

/// Cells of one row that are not green and ended alike.
#[derive(Debug, Serialize)]
struct GroupData<'a> {
    row: String,
    word: &'static str,
    reasons: Vec<String>,
    kernels: Vec<&'a str>,
}

/// Gathers it.
#[must_use]
pub fn of(view: &RunView) -> PageData<'_> {
    let mut rows: Vec<RowData<'_>> = Vec::new();
    let mut places = std::collections::HashMap::new();
    let mut cells = Vec::new();
    for cell in &view.cells {
        let id = cell.planned.cell.row();
        let row = *places.entry(id).or_insert_with_key(|id| {
            rows.push(row(cell, id));
            rows.len() - 1
        });
        let column = view.kernels.iter().position(|kernel| kernel.id == cell.planned.cell.kernel);
        if let Some(kernel) = column {
            cells.push(cell_data(cell, (kernel, &view.kernels[kernel]), row));
        }
    }
    let counts = view.counts();
    PageData {
        closing_line: summary::closing_line(view),
        is_green: view.finished
            && !view.interrupted
            && view.unplanned.is_empty()
            && counts.passed > 0
            && counts.passed + counts.skipped == counts.sum(),
        warnings: summary::warnings(view).into_iter().chain(view.unplanned.iter().cloned()).collect(),
        facts: facts(view),
        kernels: view.kernels.iter().map(kernel).collect(),
        rows,
        cells,
        groups: summary::groups(view)
            .into_iter()
            .map(|group| GroupData {
                row: group.row,
                word: group.word,
                reasons: group.reasons,
                kernels: group.kernels,
            })
            .collect(),
    }
}

fn facts(view: &RunView) -> Vec<(&'static str, String)> {
    let mut facts = vec![
        ("Cells", format!("{} planned, {} performed", view.cells.len(), pace::performed(view))),
        ("Time", pace::in_words(view.wall_ms)),
    ];
    if let Some(rate) = pace::cells_per_minute(view) {
        facts.push(("Pace", format!("{rate:.1} cells per minute")));
    }
    let boots_ms: Vec<u64> = view.kernels.iter().flat_map(|kernel| kernel.boots_ms.clone()).collect();
    if !boots_ms.is_empty() {
        facts.push(("Boots", pace::times_in_words(&boots_ms)));
    }
    facts.push(("Guests", format!("{} at a time", view.jobs)));
    facts.extend(figures::facts(view));
    let with = |(accel, reason): &(_, String)| format!("{} with {accel}: {reason}", view.qemu);
    facts.push(("QEMU", view.accel.as_ref().map_or_else(|| view.qemu.clone(), with)));
    facts
}

fn kernel(kernel: &KernelView) -> KernelData<'_> {
    KernelData {
        id: &kernel.id,
        release: kernel.release.as_deref(),
        package: kernel.package.as_deref(),
        guests: pace::guests_in_words(kernel),
        boots: kernel.boots_ms.len(),
        notes: &kernel.notes,
        console: &kernel.console,
    }
}

fn row<'a>(cell: &'a CellView, id: &str) -> RowData<'a> {
    let planned = &cell.planned;
    let area = planned.cell.area();
    let name = planned.cell.scenario.split_once('/').map_or(planned.cell.scenario.as_str(), |(_, name)| name);
    RowData {
        id: id.to_owned(),
        area,
        name,
        file_system: planned.cell.file_system.to_string(),
        title: &planned.title,
        claims: &planned.claims,
    }
}

fn cell_data<'a>(cell: &'a CellView, (column, kernel): (usize, &KernelView), row: usize) -> CellData<'a> {
    let record = cell.record.as_ref();
    let performances = |record: &'a quell_scenarios::record::Record| {
        [
            ("control before", &record.control_before),
            ("act", &record.enforced),
            ("bystander", &record.bystander),
            ("control after", &record.control_after),
        ]
    };
    let said = record.into_iter().flat_map(performances);
    let said = said.filter(|(_, performance)| !performance.stderr.is_empty());
    CellData {
        kernel: column,
        row,
        outcome: cell.outcome.word(),
        reasons: match &cell.outcome {
            Outcome::NotRun => vec!["planned and not decided".to_owned()],
            outcome => outcome.reasons(),
        },
        seen: record.map(|record| {
            let process = seen::process(&record.enforced);
            [process, seen::effect(&record.enforced).to_owned(), seen::enforcer(record).to_owned()]
        }),
        took_ms: cell.took_ms,
        phases: cell.phase_times_ms(),
        attach_ms: record.map(|record| record.attach_ms),
        oracle: match record {
            Some(record) => oracle::assertions(&cell.planned.expect, record),
            None => Vec::new(),
        },
        said: said.map(|(who, performance)| (who, performance.stderr.as_str())).collect(),
        events: record.map_or(&[], |record| record.shown_events.as_slice()),
        traces: cell.traces().map_or_else(Vec::new, |(folder, number)| place::traces(&folder, number)),
        console: &cell.console,
        again: place::command(cell, Some(kernel)),
        enter: place::enter(cell),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{RunScript, good_record};

    fn json(script: &RunScript) -> Value {
        serde_json::to_value(of(&script.view())).unwrap()
    }

    #[test]
    fn a_run_is_green_only_when_it_ended_and_everything_passed() {
        let mut script = RunScript::new(&["k/s/a@none", "k/s/b@none"]);
        script.finish("k/s/a@none", Outcome::Passed).finish("k/s/b@none", Outcome::Skipped("x".into()));
        assert_eq!(json(&script)["is_green"], false);
        assert_eq!(json(script.end())["is_green"], true);
        let mut red = RunScript::new(&["k/s/a@none", "k/s/b@none"]);
        red.finish("k/s/a@none", Outcome::Passed).end();
        assert_eq!(json(&red)["is_green"], false);
        assert_eq!(json(RunScript::new(&[]).end())["is_green"], false);
    }

    #[test]
    fn a_cell_carries_what_is_known_about_it() {
        let name = "6.12/file/a@tmpfs";
        let mut script = RunScript::new(&[name, "6.12/file/a@ext4"]);
        script.boot("6.12", 3310).record(name, Outcome::Passed, good_record()).end();
        let data = json(&script);
        insta::assert_snapshot!(serde_json::to_string_pretty(&data).unwrap());
    }
}
