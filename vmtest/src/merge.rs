//! `vmtest merge`: the parts of a run that several machines performed, put together into what one machine would have left. What
//! is no verdict of this run, a part of another plan or by another enforcer, is refused by name; a part that is missing leaves
//! its cells not run, which is red.

use std::path::{Path, PathBuf};

use clap::Args;

use crate::{
    cli, exit,
    out::{self, Out},
    report::view::RunView,
};

mod check;
mod join;

pub use check::MergeError;

use crate::event::EventLine;

/// `vmtest merge`
#[derive(Debug, Args)]
pub(crate) struct MergeArgs {
    /// The --out directories of `vmtest run --partition …`, in any order.
    #[arg(required = true)]
    directories: Vec<PathBuf>,
    /// Where the reports and traces of the whole run go.
    #[arg(long, value_name = "DIR", default_value = "out/merged")]
    out: PathBuf,
}

/// A part as it was read.
#[derive(Clone, Debug)]
pub struct Given {
    /// How messages call it.
    pub name: String,
    /// Its events.
    pub lines: Vec<EventLine>,
}

/// A run made of parts.
#[derive(Clone, Debug, PartialEq)]
pub struct Merged {
    /// Its events, as of one run. Times are those of each part, since its own start.
    pub lines: Vec<EventLine>,
    /// Where traces come from.
    pub traces: Vec<Traces>,
}

/// Traces of one kernel in one part, whose boots are counted on from those of the parts before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Traces {
    /// Which of the given parts.
    pub given: usize,
    /// Catalogue id.
    pub kernel: String,
    /// What is added to the number of a boot.
    pub boots_before: u32,
}

/// Puts parts together. The order in which they are given changes nothing.
///
/// # Errors
/// They are not parts of one run, or one was given twice; all differences are named.
pub fn merge(parts: &[Given]) -> Result<Merged, MergeError> {
    let checked = check::check(parts)?;
    Ok(join::join(&checked))
}

pub(crate) fn main(args: &MergeArgs) -> anyhow::Result<u8> {
    let mut given = Vec::new();
    for directory in &args.directories {
        given.push(Given { name: directory.display().to_string(), lines: out::read_events(directory)? });
    }
    let merged = match merge(&given) {
        Ok(merged) => merged,
        Err(error) => {
            eprintln!("vmtest: {error}");
            return Ok(exit::PARTS_DIFFER);
        }
    };
    if let Some(same) = args.directories.iter().find(|directory| is_same(directory, &args.out)) {
        eprintln!("vmtest: --out {} is one of the parts; choose another directory", same.display());
        return Ok(exit::USAGE);
    }
    let view = RunView::of(&merged.lines);
    let out = Out::create(&args.out, view.kernels.iter().map(|kernel| kernel.id.as_str()))?;
    let mut events = out.events()?;
    for line in &merged.lines {
        events.add(line)?;
    }
    for traces in &merged.traces {
        // `given` counts the directories.
        let Some(directory) = args.directories.get(traces.given) else { continue };
        out.adopt_traces(directory, &traces.kernel, traces.boots_before)?;
    }
    out.write_reports(&view)?;
    cli::print(&view);
    eprintln!("reports and traces: {}", out.path().display());
    Ok(exit::code(&view))
}

/// Whether both are the same directory; one that is not there yet is no other.
fn is_same(one: &Path, other: &Path) -> bool {
    matches!((one.canonicalize(), other.canonicalize()), (Ok(one), Ok(other)) if one == other)
}

#[cfg(test)]
mod tests;
