//! What changed between two runs, or between two kernels of one run: outcomes, what was seen, cells that only one of them has,
//! and cells that took much longer or shorter.

pub mod text;

use serde::Serialize;

use crate::report::{
    seen,
    view::{CellView, RunView},
};

/// Version of [`Difference`] as JSON.
pub const DIFF_VERSION: u32 = 1;
/// Below this a change of time is noise of the host, whatever the ratio, in milliseconds.
const LEAST_TIME_CHANGE_MS: u64 = 500;

/// Everything that differs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Difference {
    /// [`DIFF_VERSION`].
    pub version: u32,
    /// What the two sides are called.
    pub sides: [String; 2],
    /// Cells that both sides have.
    pub compared: usize,
    /// Outcomes, and why, where they are not the same.
    pub outcomes: Vec<Change>,
    /// What was seen, where it is not the same.
    pub seen: Vec<Change>,
    /// Cells that only the first side has.
    pub only_first: Vec<String>,
    /// Cells that only the second side has.
    pub only_second: Vec<String>,
    /// Large changes of time. They are told and make no difference: no run is as fast as another.
    pub times: Vec<TimeChange>,
    /// What makes a side doubtful: it was interrupted, or did not come to its end.
    pub warnings: Vec<String>,
}

/// One cell, and what both sides say of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    /// Which cell, as both sides call it.
    pub cell: String,
    /// What was looked at.
    pub what: &'static str,
    /// On the first side.
    pub first: String,
    /// On the second.
    pub second: String,
}

/// A cell that took much longer or shorter.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TimeChange {
    /// Which cell, as both sides call it.
    pub cell: String,
    /// On the first side, in milliseconds.
    pub first_ms: u64,
    /// On the second, in milliseconds.
    pub second_ms: u64,
    /// The second by the first.
    pub ratio: f64,
}

/// One side: its name, and its cells under the names that both sides have for them.
#[derive(Debug)]
pub struct Side<'a> {
    name: String,
    cells: Vec<(String, &'a CellView)>,
    warnings: Vec<String>,
}

impl<'a> Side<'a> {
    /// A whole run; a cell is called by its whole name.
    #[must_use]
    pub fn run(name: &str, view: &'a RunView) -> Self {
        let cells = view.cells.iter().map(|cell| (cell.planned.cell.to_string(), cell)).collect();
        Self { name: name.to_owned(), cells, warnings: warnings(name, view) }
    }

    /// One kernel of a run; a cell is called by its row. `None` when the run has no such kernel.
    #[must_use]
    pub fn kernel(kernel: &str, view: &'a RunView) -> Option<Self> {
        let is_known = view.kernels.iter().any(|known| known.id == kernel);
        let own = view.cells.iter().filter(|cell| cell.planned.cell.kernel == kernel);
        let cells = own.map(|cell| (cell.planned.cell.row(), cell)).collect();
        is_known.then(|| Self { name: kernel.to_owned(), cells, warnings: warnings(kernel, view) })
    }

    /// Whether it has no cell at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.cells.is_empty()
    }
}

fn warnings(name: &str, view: &RunView) -> Vec<String> {
    super::summary::warnings(view).iter().map(|warning| format!("{name}: {warning}")).collect()
}

/// Compares; a change of time is large from `ratio` on.
#[must_use]
pub fn between(first: &Side<'_>, second: &Side<'_>, ratio: f64) -> Difference {
    let of_second: std::collections::HashMap<&str, &CellView> =
        second.cells.iter().map(|(name, cell)| (name.as_str(), *cell)).collect();
    let of_first: std::collections::HashSet<&str> =
        first.cells.iter().map(|(name, _)| name.as_str()).collect();
    let mut difference = Difference {
        version: DIFF_VERSION,
        sides: [first.name.clone(), second.name.clone()],
        compared: 0,
        outcomes: Vec::new(),
        seen: Vec::new(),
        only_first: Vec::new(),
        only_second: second.cells.iter().map(|(name, _)| name.clone()).collect(),
        times: Vec::new(),
        warnings: first.warnings.iter().chain(&second.warnings).cloned().collect(),
    };
    difference.warnings.dedup();
    difference.only_second.retain(|name| !of_first.contains(name.as_str()));
    for (name, one) in &first.cells {
        let Some(other) = of_second.get(name.as_str()) else {
            difference.only_first.push(name.clone());
            continue;
        };
        difference.compared += 1;
        difference.outcomes.extend(outcome(name, one, other));
        difference.seen.extend(what_was_seen(name, one, other));
        difference.times.extend(time(name, one, other, ratio));
    }
    difference
}

impl Difference {
    /// Whether the two sides are the same, but for their times.
    #[must_use]
    pub fn is_none(&self) -> bool {
        self.outcomes.is_empty()
            && self.seen.is_empty()
            && self.only_first.is_empty()
            && self.only_second.is_empty()
    }
}

fn outcome(name: &str, one: &CellView, other: &CellView) -> Option<Change> {
    let told = |cell: &CellView| match cell.outcome.reasons().as_slice() {
        [] => cell.outcome.word().to_owned(),
        reasons => format!("{}: {}", cell.outcome.word(), reasons.join("; ")),
    };
    // Reasons may hold process ids and times; where the word is the same, only its kind of sentence would differ.
    (one.outcome.word() != other.outcome.word()).then(|| Change {
        cell: name.to_owned(),
        what: "outcome",
        first: told(one),
        second: told(other),
    })
}

/// Process, effect and counters, each on its own. A cell that only one side has seen anything of differs in its outcome.
fn what_was_seen(name: &str, one: &CellView, other: &CellView) -> Vec<Change> {
    let (Some(one), Some(other)) = (&one.record, &other.record) else { return Vec::new() };
    let policy = |said: &Option<String>| if said.is_some() { "refused" } else { "attached" }.to_owned();
    let process = |record: &quell_scenarios::record::Record| {
        let ended = seen::process(&record.enforced);
        seen::failure(&record.enforced).map_or(ended.clone(), |failure| format!("{ended}, {failure}"))
    };
    let mechanism = |record: &quell_scenarios::record::Record| {
        let event = record.shown_events.first();
        event.and_then(|event| event["quell"]["mechanism"].as_str()).unwrap_or("no event").to_owned()
    };
    let looked_at = [
        ("policy", policy(&one.unsupported), policy(&other.unsupported)),
        ("process", process(one), process(other)),
        ("effect", seen::effect(&one.enforced).to_owned(), seen::effect(&other.enforced).to_owned()),
        ("bystander", seen::process(&one.bystander), seen::process(&other.bystander)),
        ("mechanism", mechanism(one), mechanism(other)),
        ("matches", one.matched.to_string(), other.matched.to_string()),
        ("events", one.events.to_string(), other.events.to_string()),
        ("kills", one.killed.to_string(), other.killed.to_string()),
        ("signals", one.signalled.to_string(), other.signalled.to_string()),
        ("refused calls", one.refused.to_string(), other.refused.to_string()),
    ];
    let differing = looked_at.into_iter().filter(|(_, first, second)| first != second);
    differing.map(|(what, first, second)| Change { cell: name.to_owned(), what, first, second }).collect()
}

fn time(name: &str, one: &CellView, other: &CellView, least: f64) -> Option<TimeChange> {
    let (first_ms, second_ms) = (one.took_ms, other.took_ms);
    if first_ms == 0 || second_ms == 0 || first_ms.abs_diff(second_ms) < LEAST_TIME_CHANGE_MS {
        return None;
    }
    #[expect(clippy::cast_precision_loss, reason = "milliseconds of a cell are far below 2^52")]
    let ratio = second_ms as f64 / first_ms as f64;
    let is_large = ratio >= least || ratio <= 1.0 / least;
    is_large.then(|| TimeChange { cell: name.to_owned(), first_ms, second_ms, ratio })
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::{
        outcome::Outcome,
        testing::{RunScript, good_record},
    };

    pub(crate) const CELLS: [&str; 4] =
        ["6.1/file/a@ext4", "6.1/file/b@ext4", "7.3/file/a@ext4", "7.3/file/b@ext4"];

    pub(crate) fn two_runs() -> [RunView; 2] {
        let mut first = RunScript::new(&CELLS[..3]);
        let mut second = RunScript::new(&[CELLS[0], CELLS[2], CELLS[3]]);
        let mut late = good_record();
        (late.enforced.effect_happened, late.enforced.untouched, late.events) = (true, false, 2);
        first
            .record(CELLS[0], Outcome::Passed, good_record())
            .record(CELLS[1], Outcome::Passed, good_record())
            .took(CELLS[2], 1000)
            .end();
        second
            .record(CELLS[0], Outcome::Failed(vec!["the effect | happened".into()]), late)
            .took(CELLS[2], 4000)
            .record(CELLS[3], Outcome::Passed, good_record());
        [first.view(), second.view()]
    }

    #[test]
    fn a_run_does_not_differ_from_itself() {
        for view in two_runs() {
            let side = || Side::run("a", &view);
            let difference = between(&side(), &side(), 2.0);
            assert!(difference.is_none(), "{difference:?}");
            assert_eq!((difference.compared, difference.times.len()), (3, 0));
        }
    }

    #[test]
    fn every_kind_of_difference_is_found_once() {
        let [first, second] = two_runs();
        let difference = between(&Side::run("a", &first), &Side::run("b", &second), 2.0);
        let outcomes: Vec<_> = difference.outcomes.iter().map(|change| change.cell.as_str()).collect();
        assert_eq!(outcomes, ["6.1/file/a@ext4"]);
        let seen: Vec<_> =
            difference.seen.iter().map(|change| (change.what, change.second.as_str())).collect();
        assert_eq!(seen, [("effect", "happened"), ("events", "2")]);
        assert_eq!(difference.only_first, ["6.1/file/b@ext4"]);
        assert_eq!(difference.only_second, ["7.3/file/b@ext4"]);
        assert_eq!(difference.times.iter().map(|time| time.ratio).collect::<Vec<_>>(), [4.0]);
        assert_eq!(
            difference.warnings,
            ["b: The run did not come to its end; what was not decided counts as failed."]
        );
        assert!(!difference.is_none());
    }

    #[test]
    fn a_change_of_time_alone_is_told_and_is_no_difference() {
        let runs = [1000, 2000].map(|ms| {
            let mut script = RunScript::new(&CELLS[..1]);
            script.took(CELLS[0], ms).end();
            script.view()
        });
        let compare = |ratio| between(&Side::run("a", &runs[0]), &Side::run("b", &runs[1]), ratio);
        assert_eq!(compare(2.0).times.len(), 1);
        assert!(compare(2.0).is_none());
        assert_eq!(compare(2.1).times.len(), 0);
    }

    #[test]
    fn two_kernels_are_compared_row_by_row() {
        let [_, second] = two_runs();
        let (one, other) = (Side::kernel("6.1", &second).unwrap(), Side::kernel("7.3", &second).unwrap());
        let difference = between(&one, &other, 2.0);
        assert_eq!(
            (difference.compared, difference.only_second.as_slice()),
            (1, ["file/b@ext4".to_owned()].as_slice())
        );
        assert_eq!(difference.outcomes[0].cell, "file/a@ext4");
        assert!(Side::kernel("5.4", &second).is_none());
    }
}
