//! One cell: what arrived as JSON becomes a scenario, the scenario crate runs it, and what it saw goes back as JSON.

use std::{error::Error, fs};

use anyhow::Context as _;
use quell_scenarios::{
    lab::LabPaths,
    record::Record,
    run::{Phase, run},
    scenario::{FileSystem, Scenario},
};
use vmtest_proto::CellReport;

use crate::{children, mounts, session::Task};

/// The phase before which a cell is held.
pub(crate) const ACT: &str = "act";

/// Performs the cell. Whatever is left running afterwards is ended, and makes the cell worthless: it may have acted,
/// or been acted upon, at any moment.
pub(crate) fn perform(task: &Task<'_>, progress: &mut dyn FnMut(&str)) -> CellReport {
    let report = record(task, progress);
    let left_over = children::clear();
    match report {
        Ok(_) if !left_over.is_empty() => {
            CellReport::Error(format!("the cell left processes behind: {}", left_over.join(", ")))
        }
        Ok(record) => CellReport::Record(record),
        Err(error) => CellReport::Error(format!("{error:#}")),
    }
}

fn record(task: &Task<'_>, progress: &mut dyn FnMut(&str)) -> anyhow::Result<serde_json::Value> {
    let scenario: Scenario =
        serde_json::from_value(task.scenario.clone()).context("failed to read the scenario")?;
    let file_system: FileSystem =
        serde_json::from_value(task.file_system.clone()).context("failed to read the file system")?;
    if !matches!(file_system, FileSystem::None | FileSystem::Procfs) {
        let table = fs::read_to_string("/proc/mounts").context("failed to read /proc/mounts")?;
        anyhow::ensure!(
            mounts::is_mounted(file_system.name(), &table),
            "{file_system} is not mounted in this guest"
        );
    }
    let record: Record = run(&scenario, file_system, &LabPaths::guest(), &mut |phase| progress(name(phase)))
        .map_err(|error| anyhow::anyhow!(with_causes(&error)))?;
    serde_json::to_value(&record).context("failed to write the record")
}

/// The name that reports show.
fn name(phase: Phase) -> &'static str {
    match phase {
        Phase::ControlBefore => "control before",
        Phase::Attach => "attach",
        Phase::Act => ACT,
        Phase::Observe => "observe",
        Phase::Bystander => "bystander",
        Phase::Detach => "detach",
        Phase::ControlAfter => "control after",
    }
}

/// An error and its causes in one sentence, without repeating a cause that a message already quotes.
fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        if !text.contains(&next) {
            text = format!("{text}: {next}");
        }
        cause = error.source();
    }
    text
}
