//! What becomes of each operation under each way to meet it, as a page of Markdown: rendered from the events of runs alone, so
//! that the page says what was seen and not what was expected.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use nix::errno::Errno;
use quell_scenarios::record::{Performance, ProcessFate, Record};
use quell_scenarios::scenario::FileSystem;

use crate::{
    cell::CellId,
    outcome::Outcome,
    report::view::{CellView, RunView},
};

/// The folder of the scenarios that the page is about.
const AREA: &str = "deny/";

/// Ways to meet an operation: the end of a scenario's name, and the heading. The first whose end fits is the way.
const WAYS: &[(&str, &str)] = &[
    ("-kill-inside", "Sigkill where the kernel asks or acts"),
    ("-refuse-and-kill", "Override and Sigkill"),
    ("-elsewhere-refuse", "Override where it comes too late"),
    ("-refuse", "Override"),
    ("-kill", "Sigkill at the system call"),
    ("-lsm", "Override as an entry of `lsmhooks`"),
    ("-modify", "Override with `override-method: fmod-ret`"),
];

/// In which order the ways stand on the page.
const ORDER: &[&str] =
    &["-kill", "-kill-inside", "-refuse", "-refuse-and-kill", "-elsewhere-refuse", "-lsm", "-modify"];

/// What was seen of all operations by way, operation and kernel.
#[derive(Debug, Default)]
struct Seen<'runs> {
    cells: BTreeMap<(&'static str, String), BTreeMap<String, &'runs CellView>>,
    kernels: BTreeSet<Kernel>,
    packages: BTreeMap<String, String>,
}

/// Orders ids of kernels by their version.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Kernel {
    version: Vec<u32>,
    id: String,
}

impl Kernel {
    fn new(id: &str) -> Self {
        let series = id.split_once('-').map_or(id, |(series, _)| series);
        Self { version: series.split('.').map_while(|part| part.parse().ok()).collect(), id: id.to_owned() }
    }
}

/// Renders the page. Of a cell that several runs performed, the last run's outcome stands.
#[must_use]
pub fn render(runs: &[RunView]) -> String {
    let seen = gather(runs);
    let mut out = head(&seen);
    for suffix in ORDER {
        let heading = WAYS.iter().find(|(way, _)| way == suffix).map_or("", |(_, heading)| *heading);
        section(&mut out, &seen, suffix, heading);
    }
    out
}

fn gather(runs: &[RunView]) -> Seen<'_> {
    let mut seen = Seen::default();
    for run in runs {
        for kernel in &run.kernels {
            if let Some(package) = &kernel.package {
                seen.packages.insert(kernel.id.clone(), package.clone());
            }
        }
        for cell in &run.cells {
            let Some((way, operation)) = of(&cell.planned.cell) else { continue };
            let id = &cell.planned.cell.kernel;
            seen.kernels.insert(Kernel::new(id));
            seen.cells.entry((way, operation)).or_default().insert(id.clone(), cell);
        }
    }
    seen
}

/// The way, and what the row is called.
fn of(cell: &CellId) -> Option<(&'static str, String)> {
    let name = cell.scenario.strip_prefix(AREA)?;
    let (way, _) = WAYS.iter().find(|(suffix, _)| name.ends_with(suffix))?;
    let operation = name.strip_suffix(way)?.replace('-', " ");
    let place = match cell.file_system {
        FileSystem::None => String::new(),
        named => format!(" ({named})"),
    };
    Some((way, format!("{operation}{place}")))
}

fn head(seen: &Seen<'_>) -> String {
    let cells = || seen.cells.values().flat_map(BTreeMap::values);
    let passed = cells().filter(|cell| cell.outcome == Outcome::Passed).count();
    let dates: BTreeSet<&str> = cells()
        .filter_map(|cell| cell.record.as_ref())
        .flat_map(|record| &record.shown_events)
        .filter_map(|event| event["time"].as_str()?.get(..10))
        .collect();
    let date = match (dates.first(), dates.last()) {
        (Some(first), Some(last)) if first == last => format!("on {first}"),
        (Some(first), Some(last)) => format!("from {first} to {last}"),
        _ => "on an unknown day".to_owned(),
    };
    let packages: Vec<String> = seen
        .kernels
        .iter()
        .map(|kernel| match seen.packages.get(&kernel.id) {
            Some(package) => format!("{} (package {package})", kernel.id),
            None => kernel.id.clone(),
        })
        .collect();
    format!(
        "# What is refused, and what happens all the same\n\n\
         <!-- Rendered by `vmtest deny OUT…` from the events of `vmtest run --scenario 'deny/*'`; not to be edited. -->\n\n\
         Seen in the lab {date}: {passed} of {} cells were as their scenarios say (scenarios/deny).\n\
         Kernels: {}.\n\n\
         A cell says what became of the process (`killed`, an errno that it saw, or `lives`), whether the effect was there afterwards,\n\
         read by another process, and by which mechanism the hook was served. `not seen`: the hook is not passed. `policy refused`: the\n\
         kernel cannot do it, the enforcer says why, and nothing is attached. Outcomes other than expected are bold.\n",
        cells().count(),
        packages.join(", "),
    )
}

fn section(out: &mut String, seen: &Seen<'_>, way: &str, heading: &str) {
    let rows: Vec<_> = seen.cells.iter().filter(|((of, _), _)| *of == way).collect();
    let kernels: Vec<&str> = seen
        .kernels
        .iter()
        .map(|kernel| kernel.id.as_str())
        .filter(|id| rows.iter().any(|(_, cells)| cells.contains_key(*id)))
        .collect();
    if kernels.is_empty() {
        return;
    }
    let line = |out: &mut String, cells: &[String]| {
        // Writing to a string does not fail.
        let _ = writeln!(out, "| {} |", cells.join(" | "));
    };
    let _ = write!(out, "\n## {heading}\n\n");
    let titles: Vec<String> =
        ["operation", "hook"].iter().chain(&kernels).map(|title| (*title).to_owned()).collect();
    line(out, &titles);
    line(out, &vec!["---".to_owned(); titles.len()]);
    for ((_, operation), cells) in rows {
        let hooks: Vec<(&str, &str)> =
            kernels.iter().filter_map(|id| Some((*id, hook(cells.get(*id)?)?))).collect();
        let common = hooks.last().map(|(_, hook)| *hook);
        let mut row = vec![operation.clone(), common.map_or_else(String::new, |hook| format!("`{hook}`"))];
        row.extend(kernels.iter().map(|id| match cells.get(*id) {
            None => String::new(),
            Some(cell) => match hook(cell).filter(|own| Some(*own) != common) {
                None => shown(cell),
                Some(own) => format!("{} (`{own}`)", shown(cell)),
            },
        }));
        line(out, &row);
    }
}

/// The function that the first event of a cell names.
fn hook(cell: &CellView) -> Option<&str> {
    let event = cell.record.as_ref()?.shown_events.first()?;
    let kind = ["process_kprobe", "process_lsm"].into_iter().find(|kind| event.get(kind).is_some())?;
    event[kind]["function_name"].as_str()
}

fn shown(cell: &CellView) -> String {
    match (&cell.outcome, &cell.record) {
        (Outcome::Passed, Some(record)) => of_record(record),
        (Outcome::Failed(_), Some(record)) => format!("**{}**", of_record(record)),
        (outcome, _) => format!("**{}**", outcome.word()),
    }
}

fn of_record(record: &Record) -> String {
    if record.unsupported.is_some() {
        return "policy refused".to_owned();
    }
    let Performance { fate, effect_happened, untouched, failure, .. } = &record.enforced;
    let process = match (fate, failure) {
        (ProcessFate::Signalled(9), _) => "killed".to_owned(),
        (ProcessFate::Signalled(signal), _) => format!("signal {signal}"),
        (ProcessFate::Exited(0), _) => "lives".to_owned(),
        (ProcessFate::Exited(_), Some((_, errno))) => format!("{:?}", Errno::from_raw(*errno)),
        (ProcessFate::Exited(status), None) => format!("exit {status}"),
    };
    let effect = match (effect_happened, untouched) {
        (true, _) => "happened",
        (false, true) => "prevented",
        (false, false) => "in part",
    };
    let mechanism = record.shown_events.first().and_then(|event| event["quell"]["mechanism"].as_str());
    format!("{process} · {effect} · {}", mechanism.unwrap_or("not seen"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::{RunScript, good_record};

    fn by(mechanism: &str, hook: &str) -> Record {
        let event = json!({
            "process_kprobe": {"function_name": hook},
            "quell": {"mechanism": mechanism},
            "time": "2026-11-24T03:24:15.886639739Z",
        });
        Record { shown_events: vec![event], ..good_record() }
    }

    fn refused() -> Record {
        let mut record = by("fmod_ret", "security_file_truncate");
        record.enforced.fate = ProcessFate::Exited(20);
        record.enforced.failure = Some((1, 1));
        record
    }

    fn runs() -> Vec<RunView> {
        let cells = [
            "6.12/deny/resize-kill@tmpfs",
            "6.12/deny/resize-refuse@tmpfs",
            "5.10/deny/resize-refuse@tmpfs",
            "5.10-like-5.8/deny/resize-refuse@tmpfs",
            "6.12/file/other@tmpfs",
        ];
        let mut first = RunScript::new(&cells);
        let mut late = by("kprobe", "__x64_sys_ftruncate");
        late.enforced.effect_happened = true;
        let mut unsupported = good_record();
        unsupported.unsupported = Some("no".to_owned());
        first
            .boot("6.12", 3310)
            .record(cells[0], Outcome::Passed, late)
            .record(cells[1], Outcome::Passed, refused())
            .record(cells[3], Outcome::Passed, unsupported)
            .record(cells[4], Outcome::Passed, good_record());
        let mut second = RunScript::new(&[cells[2]]);
        let other = Record { shown_events: by("lsm", "security_path_truncate").shown_events, ..refused() };
        second.record(cells[2], Outcome::Failed(vec!["different".to_owned()]), other);
        vec![first.view(), second.view()]
    }

    #[test]
    fn the_page_says_what_was_seen_by_way_operation_and_kernel() {
        insta::assert_snapshot!(render(&runs()));
    }

    #[test]
    fn kernels_stand_in_the_order_of_their_versions() {
        let mut ids = ["6.12-nolsm", "7.3", "5.10-like-5.4", "6.1", "5.10", "6.12"].map(Kernel::new);
        ids.sort();
        assert_eq!(
            ids.map(|kernel| kernel.id),
            ["5.10", "5.10-like-5.4", "6.1", "6.12", "6.12-nolsm", "7.3"]
        );
    }

    #[test]
    fn every_way_has_its_place_on_the_page() {
        let ways: BTreeSet<&str> = WAYS.iter().map(|(suffix, _)| *suffix).collect();
        assert_eq!(ways, ORDER.iter().copied().collect());
    }
}
