//! `vmtest list`: the cells that a run would perform, for people and for programs that share them out.

use clap::{Args, ValueEnum};
use quell_kernels::Catalogue;
use serde::Serialize;

use crate::{
    cli::{self, Selected, Selection},
    event::PlannedCell,
    exit, kernels,
    matrix::{Decision, MatrixKernel, plan},
    partition::Partition,
};

/// Version of the JSON form.
const FORMAT_VERSION: u32 = 1;

/// `vmtest list`
#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    #[command(flatten)]
    selection: Selection,
    /// How they are shown.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum Format {
    /// A line for each, and their number.
    #[default]
    Text,
    /// One object, for programs.
    Json,
}

/// The JSON form.
#[derive(Debug, Serialize)]
struct Listing<'a> {
    version: u32,
    /// Which share of the plan the cells are; null when they are all of it.
    partition: Option<&'a Partition>,
    /// Number of cells of the whole plan.
    planned: usize,
    /// Kernels with at least one cell here, in matrix order.
    kernels: Vec<&'a str>,
    /// In matrix order.
    cells: Vec<ListedCell<'a>>,
}

#[derive(Debug, Serialize)]
struct ListedCell<'a> {
    cell: String,
    kernel: &'a str,
    scenario: &'a str,
    file_system: String,
    title: &'a str,
    claims: &'a [String],
}

pub(crate) fn main(args: &ListArgs) -> anyhow::Result<u8> {
    let selection = &args.selection;
    let Selected { filter, scenarios } = match cli::select(selection)? {
        Ok(selected) => selected,
        Err(code) => return Ok(code),
    };
    let catalogue = Catalogue::builtin();
    let columns =
        kernels::wanted_with_variants(&catalogue, selection.is_full(), |id| filter.wants_kernel(id));
    let matrix: Vec<MatrixKernel> = columns.iter().map(kernels::Column::planned).collect();
    let whole = plan(&matrix, &scenarios, &filter);
    if whole.is_empty() {
        return Ok(cli::nothing_selected());
    }
    let partition = selection.partition.as_ref();
    if cli::is_of_no_kernel(partition, &whole) {
        return Ok(exit::USAGE);
    }
    let cells = partition.map_or_else(|| whole.iter().collect(), |partition| partition.select(&whole));
    match args.format {
        Format::Text => print!("{}", text(partition, &cells, whole.len())),
        Format::Json => {
            println!("{}", serde_json::to_string_pretty(&listing(partition, &cells, whole.len()))?);
        }
    }
    Ok(exit::ALL_GREEN)
}

fn text(partition: Option<&Partition>, cells: &[&PlannedCell], planned: usize) -> String {
    let mut text: String = cells.iter().map(|planned| line(planned)).collect();
    match partition {
        None => text.push_str(&format!("{planned} cells\n")),
        Some(partition) => text.push_str(&format!("{} of {planned} cells: {partition}\n", cells.len())),
    }
    text
}

fn line(planned: &PlannedCell) -> String {
    let decision = match &planned.decision {
        Decision::Run => String::new(),
        Decision::Skip(reason) => format!(" [skipped: {reason}]"),
    };
    format!("{:<60} {}{decision}\n", planned.cell.to_string(), planned.title)
}

fn listing<'a>(partition: Option<&'a Partition>, cells: &[&'a PlannedCell], planned: usize) -> Listing<'a> {
    let mut kernels: Vec<&str> = cells.iter().map(|planned| planned.cell.kernel.as_str()).collect();
    kernels.dedup();
    let listed = |planned: &&'a PlannedCell| ListedCell {
        cell: planned.cell.to_string(),
        kernel: &planned.cell.kernel,
        scenario: &planned.cell.scenario,
        file_system: planned.cell.file_system.to_string(),
        title: &planned.title,
        claims: &planned.claims,
    };
    Listing {
        version: FORMAT_VERSION,
        partition,
        planned,
        kernels,
        cells: cells.iter().map(listed).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::plan_of;

    const CELLS: [&str; 3] = ["5.10/file/a@tmpfs", "6.12/file/a@tmpfs", "6.12/file/b@ext4"];

    #[test]
    fn a_listed_share_says_of_how_many_cells_it_is() {
        let plan = plan_of(&CELLS);
        let share: Partition = "kernel:6.12,slice:2/2".parse().unwrap();
        let text = text(Some(&share), &share.select(&plan), plan.len());
        assert!(text.starts_with("6.12/file/b@ext4 "), "{text}");
        assert!(text.ends_with("\n1 of 3 cells: kernel:6.12,slice:2/2\n"), "{text}");
    }

    #[test]
    fn programs_get_cells_kernels_and_the_share() {
        let plan = plan_of(&CELLS);
        let share: Partition = "slice:2/3".parse().unwrap();
        let json = serde_json::to_value(listing(Some(&share), &share.select(&plan), plan.len())).unwrap();
        let cell = serde_json::json!({
            "cell": "6.12/file/a@tmpfs", "kernel": "6.12", "scenario": "file/a", "file_system": "tmpfs",
            "title": "title", "claims": ["C-01"],
        });
        let expected = serde_json::json!({
            "version": 1, "partition": "slice:2/3", "planned": 3, "kernels": ["6.12"], "cells": [cell],
        });
        assert_eq!(json, expected);
    }
}
