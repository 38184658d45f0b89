//! What can be wrong with a folder of scenarios.

use std::fmt;
use std::io;
use std::path::PathBuf;

/// Everything that is wrong with a folder of scenarios.
#[derive(Debug, thiserror::Error)]
pub struct LoadError {
    /// At least one.
    pub problems: Vec<Problem>,
}

impl fmt::Display for LoadError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "failed to load scenarios, {} problem(s)", self.problems.len())?;
        for problem in &self.problems {
            write!(formatter, "\n  {problem}")?;
        }
        Ok(())
    }
}

/// One thing that is wrong, and where.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// A file or folder that can't be read.
    #[error("{path}: {source}", path = path.display())]
    Unreadable {
        /// Which one.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// No scenario at all.
    #[error("{dir}: no <area>/<name>.yaml in this folder", dir = dir.display())]
    NoScenario {
        /// Which folder.
        dir: PathBuf,
    },
    /// A file that looks like a scenario in a place or under a name where it is none.
    #[error("{path}: name it <area>/<name>.yaml, in lower case letters, digits, - and _", path = path.display())]
    Misnamed {
        /// Which file.
        path: PathBuf,
    },
    /// Not YAML, or not of a scenario's form; the source names line and column.
    #[error("{path}: {source}", path = path.display())]
    NotAScenario {
        /// Which file.
        path: PathBuf,
        /// Where and why.
        source: Box<serde_saphyr::Error>,
    },
    /// Of a scenario's form, but without sense.
    #[error("{path}: {what}", path = path.display())]
    Invalid {
        /// Which file.
        path: PathBuf,
        /// What, and what to do.
        what: String,
    },
}
