//! `vmtest diff`: what changed between two runs, or between two kernels of one run.

use std::{io::IsTerminal, path::PathBuf};

use clap::{Args, ValueEnum};

use crate::{
    exit, out,
    report::{
        diff::{self, Side},
        view::RunView,
    },
};

/// Where standard output is no terminal.
const WIDTH: u16 = 160;

/// What to compare.
#[derive(Debug, Args)]
pub struct DiffArgs {
    /// Two runs' --out directories, or one with --kernels.
    #[arg(required = true, num_args = 1..=2, value_name = "RUN")]
    runs: Vec<PathBuf>,
    /// Compare two kernels of one run, row by row.
    #[arg(long, num_args = 2, value_names = ["KERNEL_A", "KERNEL_B"])]
    kernels: Vec<String>,
    /// How to print it.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// From which ratio on a change of time is told; it makes no difference for the exit code.
    #[arg(long, value_name = "RATIO", default_value_t = 2.0, value_parser = ratio)]
    time_ratio: f64,
}

/// How to print it.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum Format {
    /// Tables for a terminal.
    #[default]
    Text,
    /// For the summary page of a CI job.
    Markdown,
    /// For other programs.
    Json,
}

fn ratio(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(ratio) if ratio > 1.0 && ratio.is_finite() => Ok(ratio),
        _ => Err("a ratio is a number above 1".to_owned()),
    }
}

/// Compares and prints; the exit code says whether anything differs.
///
/// # Errors
/// A run's events can't be read.
pub fn main(args: &DiffArgs) -> anyhow::Result<u8> {
    let read = |directory: &PathBuf| Ok::<_, out::OutError>(RunView::of(&out::read_events(directory)?));
    let views = args.runs.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    let name = |at: usize| args.runs[at].display().to_string();
    let sides = match (views.as_slice(), args.kernels.as_slice()) {
        ([first, second], []) => [Side::run(&name(0), first), Side::run(&name(1), second)],
        ([run], [first, second]) => match [first, second].map(|kernel| Side::kernel(kernel, run)) {
            [Some(first), Some(second)] => [first, second],
            _ => {
                let known: Vec<&str> = run.kernels.iter().map(|kernel| kernel.id.as_str()).collect();
                eprintln!("vmtest: the run's kernels are {}", known.join(", "));
                return Ok(exit::USAGE);
            }
        },
        _ => {
            eprintln!("vmtest: diff takes two runs, or one run and --kernels KERNEL_A KERNEL_B");
            return Ok(exit::USAGE);
        }
    };
    let [first, second] = &sides;
    if first.is_empty() && second.is_empty() {
        eprintln!("vmtest: neither side has a cell, so there is nothing to compare");
        return Ok(exit::NOTHING_SELECTED);
    }
    let difference = diff::between(first, second, args.time_ratio);
    match args.format {
        Format::Text => print!("{}", diff::text::terminal(&difference, width())),
        Format::Markdown => print!("{}", diff::text::markdown(&difference)),
        Format::Json => println!("{}", serde_json::to_string_pretty(&difference)?),
    }
    Ok(if difference.is_none() { exit::ALL_GREEN } else { exit::RUNS_DIFFER })
}

/// Columns of the terminal; of anything else so many as a page of a log has.
fn width() -> u16 {
    let terminal = std::io::stdout().is_terminal();
    terminal.then(|| comfy_table::Table::new().width()).flatten().unwrap_or(WIDTH)
}
