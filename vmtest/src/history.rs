//! What cells took when they were performed last, kept in the cache: it only decides which cell comes first.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use thiserror::Error;

use crate::{outcome::Outcome, report::view::RunView};

const FILE: &str = "durations.json";

/// The history can't be read or written.
#[derive(Debug, Error)]
#[error("failed to {verb} {path}: {source}")]
pub struct HistoryError {
    verb: &'static str,
    path: PathBuf,
    source: io::Error,
}

/// Milliseconds by cell; empty when there is no history yet.
///
/// # Errors
/// There is one, and it can't be read.
pub fn read(directory: &Path) -> Result<BTreeMap<String, u64>, HistoryError> {
    let path = directory.join(FILE);
    let failed = |source| HistoryError { verb: "read", path: path.clone(), source };
    match fs::read(&path) {
        Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| failed(error.into())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(BTreeMap::new()),
        Err(error) => Err(failed(error)),
    }
}

/// Adds what a run's events say to what is known.
///
/// # Errors
/// The file can't be written.
pub fn write(directory: &Path, mut known: BTreeMap<String, u64>, view: &RunView) -> Result<(), HistoryError> {
    for cell in &view.cells {
        // A cell that was lost says how long the lab waited, not how long the cell takes.
        if matches!(cell.outcome, Outcome::Passed | Outcome::Failed(_)) {
            known.insert(cell.planned.cell.to_string(), cell.took_ms);
        }
    }
    let path = directory.join(FILE);
    let failed = |source| HistoryError { verb: "write", path: path.clone(), source };
    let unfinished = tempfile::NamedTempFile::new_in(directory).map_err(failed)?;
    serde_json::to_writer(unfinished.as_file(), &known).map_err(|error| failed(error.into()))?;
    unfinished.persist(&path).map_err(|error| failed(error.error))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{outcome::BrokenCause, testing::RunScript};

    #[test]
    fn what_a_run_took_is_remembered_and_what_it_waited_for_is_not() {
        let directory = tempfile::tempdir().unwrap();
        let mut script = RunScript::new(&["k/s/a@none", "k/s/b@none"]);
        let lost = BrokenCause::QemuEnded { how: "x".into() };
        script.finish("k/s/a@none", Outcome::Passed).finish("k/s/b@none", Outcome::Broken(lost));
        let known = BTreeMap::from([("k/s/c@none".to_owned(), 7), ("k/s/a@none".to_owned(), 900)]);
        write(directory.path(), known, &script.view()).unwrap();
        let read = read(directory.path()).unwrap();
        assert_eq!(read, BTreeMap::from([("k/s/a@none".to_owned(), 5), ("k/s/c@none".to_owned(), 7)]));
    }

    #[test]
    fn a_first_run_has_no_history_and_a_damaged_one_is_named() {
        let directory = tempfile::tempdir().unwrap();
        assert!(read(directory.path()).unwrap().is_empty());
        fs::write(directory.path().join(FILE), "{").unwrap();
        assert!(read(directory.path()).unwrap_err().to_string().contains(FILE));
    }
}
