//! The name of a cell: `kernel/scenario-id@fs`, the same string in filters, messages, files and reports.

use std::{fmt, str::FromStr};

use quell_scenarios::scenario::FileSystem;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// One scenario on one file system under one kernel.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct CellId {
    /// Catalogue id of the kernel; without a slash.
    pub kernel: String,
    /// `area/name`.
    pub scenario: String,
    /// Where the act happens.
    pub file_system: FileSystem,
}

/// The text names no cell.
#[derive(Debug, Error, PartialEq, Eq)]
#[error(
    "`{text}` names no cell; expected kernel/scenario-id@fs with fs one of tmpfs, ext4, xfs, btrfs, vfat, overlay, procfs, none"
)]
pub struct CellIdError {
    text: String,
}

impl CellId {
    /// Row of the table: everything but the kernel.
    #[must_use]
    pub fn row(&self) -> String {
        format!("{}@{}", self.scenario, self.file_system)
    }

    /// Folder of the scenario: its name up to the first slash.
    #[must_use]
    pub fn area(&self) -> &str {
        self.scenario.split('/').next().unwrap_or_default()
    }
}

impl CellId {
    /// Folder of the traces of a guest that performs this cell alone, within the run's.
    #[must_use]
    pub fn folder(&self) -> String {
        format!("{}/cells/{}", self.kernel, self.row().replace('/', "_"))
    }
}

impl fmt::Display for CellId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}@{}", self.kernel, self.scenario, self.file_system)
    }
}

impl FromStr for CellId {
    type Err = CellIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parse = || {
            let (kernel, rest) = text.split_once('/')?;
            let (scenario, file_system) = rest.rsplit_once('@')?;
            let file_system = FileSystem::of_name(file_system)?;
            let whole = !kernel.is_empty() && !scenario.is_empty();
            whole.then(|| Self { kernel: kernel.to_owned(), scenario: scenario.to_owned(), file_system })
        };
        parse().ok_or_else(|| CellIdError { text: text.to_owned() })
    }
}

impl From<CellId> for String {
    fn from(cell: CellId) -> Self {
        cell.to_string()
    }
}

impl TryFrom<String> for CellId {
    type Error = CellIdError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("6.12/file/kill-write-by-path-at-sys-write@ext4")]
    #[case("5.10/open-kill/host-process-survives@none")]
    fn a_name_is_read_back(#[case] text: &str) {
        assert_eq!(text.parse::<CellId>().unwrap().to_string(), text);
    }

    #[rstest]
    #[case("6.12")]
    #[case("6.12/file/x")]
    #[case("6.12/file/x@zfs")]
    #[case("/file/x@ext4")]
    #[case("6.12/@ext4")]
    fn anything_else_is_no_name(#[case] text: &str) {
        assert_eq!(text.parse::<CellId>(), Err(CellIdError { text: text.to_owned() }));
    }
}
