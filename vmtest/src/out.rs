//! The directory that a run leaves behind.

use std::{
    fs::{self, File},
    io::{self, BufReader, Write},
    path::{Path, PathBuf},
};

use thiserror::Error;

use crate::{
    event::{EventLine, ReadEventsError, read_lines, write_line},
    report::{
        junit, markdown, page, summary,
        table::{self, Style},
        tap,
        view::RunView,
    },
};

const EVENTS: &str = "events.jsonl";
const JUNIT: &str = "junit.xml";
const TABLE: &str = "table.txt";
const TAP: &str = "report.tap";
const MARKDOWN: &str = "summary.md";
const PAGE: &str = "report.html";

/// Everything that a run leaves in its folder itself, beside what its kernels leave in theirs.
const REPORTS: [&str; 6] = [EVENTS, TABLE, JUNIT, TAP, MARKDOWN, PAGE];

const INITRAMFS: &str = "initramfs.cpio";

/// Traces of boots; those of an earlier run into the same directory go away.
const TRACES: &[&str] = &["console-", "control-", "qemu-"];

/// Folders of traces inside a kernel's.
const TRACE_FOLDERS: &[&str] = &["cells", "snapshot-trial", "restored"];

/// Why the directory can't be used.
#[derive(Debug, Error)]
pub enum OutError {
    /// Something in it can't be read or written.
    #[error("failed to {verb} {path}: {source}")]
    Io {
        /// What was tried.
        verb: &'static str,
        /// On what.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// The events are damaged or of another version.
    #[error("failed to read the events in {path}: {source}")]
    Events {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: ReadEventsError,
    },
    /// The XML can't be written.
    #[error("failed to render JUnit XML: {0}")]
    Junit(#[from] quick_junit::SerializeError),
    /// The page can't be rendered.
    #[error(transparent)]
    Page(#[from] page::PageError),
}

/// A run's directory.
#[derive(Clone, Debug)]
pub struct Out(PathBuf);

impl Out {
    /// Makes the directory and removes what an earlier run left in it: its events and reports, so that a run that dies
    /// never leaves another one's green table, and the traces of the same kernels.
    ///
    /// # Errors
    /// It can't be made or cleaned.
    pub fn create<'a>(path: &Path, kernels: impl Iterator<Item = &'a str>) -> Result<Self, OutError> {
        fs::create_dir_all(path).map_err(io_error("create", path))?;
        let out = Self::open(path)?;
        for report in REPORTS {
            remove_if_there(&out.0.join(report))?;
        }
        for kernel in kernels.chain(["trial"]) {
            remove_traces(&out.0.join(kernel))?;
        }
        Ok(out)
    }

    /// The directory of an earlier run, whose reports are to be written again.
    ///
    /// # Errors
    /// It is not there.
    pub fn open(path: &Path) -> Result<Self, OutError> {
        path.canonicalize().map_err(io_error("resolve", path)).map(Self)
    }

    /// The directory.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Writes the root file system of the guests; kept, because the kept command lines name it.
    ///
    /// # Errors
    /// The file can't be written.
    pub fn write_initramfs(&self, bytes: &[u8]) -> Result<PathBuf, OutError> {
        let path = self.0.join(INITRAMFS);
        fs::write(&path, bytes).map_err(io_error("write", &path))?;
        Ok(path)
    }

    /// A new `events.jsonl`.
    ///
    /// # Errors
    /// The file can't be made.
    pub fn events(&self) -> Result<EventLog, OutError> {
        let path = self.0.join(EVENTS);
        let file = File::create(&path).map_err(io_error("create", &path))?;
        Ok(EventLog { path, file })
    }

    /// Copies the traces of one kernel from the directory of a part of this run, its boots counted on from `boots_before`.
    ///
    /// # Errors
    /// One can't be read or written.
    pub fn adopt_traces(&self, part: &Path, kernel: &str, boots_before: u32) -> Result<(), OutError> {
        let from = part.join(kernel);
        let entries = match fs::read_dir(&from) {
            Ok(entries) => entries,
            // Only events may have been kept of a part.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(source) => return Err(io_error("read", &from)(source)),
        };
        let to = self.0.join(kernel);
        fs::create_dir_all(&to).map_err(io_error("create", &to))?;
        for entry in entries {
            let entry = entry.map_err(io_error("read", &from))?;
            if let Some(name) = renumbered(&entry.file_name().to_string_lossy(), boots_before) {
                fs::copy(entry.path(), to.join(name)).map_err(io_error("copy", &entry.path()))?;
            }
        }
        Ok(())
    }

    /// Writes every report that is a file.
    ///
    /// # Errors
    /// One can't be written.
    pub fn write_reports(&self, view: &RunView) -> Result<(), OutError> {
        let put = |name: &str, text: &str| {
            let path = self.0.join(name);
            File::create(&path)
                .and_then(|mut file| file.write_all(text.as_bytes()))
                .map_err(io_error("write", &path))
        };
        put(JUNIT, &junit::render(view)?)?;
        put(TAP, &tap::render(view))?;
        put(MARKDOWN, &markdown::render(view))?;
        put(PAGE, &page::render(view)?)?;
        let table = table::render(view, Style::default());
        put(TABLE, &format!("{table}\n{}{}\n", summary::findings(view), summary::closing_line(view)))
    }
}

/// `events.jsonl` of a run that goes on.
#[derive(Debug)]
pub struct EventLog {
    path: PathBuf,
    file: File,
}

impl EventLog {
    /// Adds one event.
    ///
    /// # Errors
    /// The file can't be written.
    pub fn add(&mut self, line: &EventLine) -> Result<(), OutError> {
        write_line(&mut self.file, line).map_err(io_error("write", &self.path))
    }
}

/// Reads the events that a run left in `directory`.
///
/// # Errors
/// They are not there, damaged, or of another version.
pub fn read_events(directory: &Path) -> Result<Vec<EventLine>, OutError> {
    let path = directory.join(EVENTS);
    let file = File::open(&path).map_err(io_error("open", &path))?;
    read_lines(BufReader::new(file)).map_err(|source| OutError::Events { path, source })
}

/// The name of a trace whose boot has another number; `None` for what is no trace.
fn renumbered(name: &str, boots_before: u32) -> Option<String> {
    let prefix = TRACES.iter().find(|prefix| name.starts_with(**prefix))?;
    let rest = &name[prefix.len()..];
    let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let boot: u32 = rest[..digits].parse().ok()?;
    Some(format!("{prefix}{}{}", boot.checked_add(boots_before)?, &rest[digits..]))
}

fn remove_if_there(path: &Path) -> Result<(), OutError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(io_error("remove", path)(error)),
        _ => Ok(()),
    }
}

fn remove_traces(directory: &Path) -> Result<(), OutError> {
    for folder in TRACE_FOLDERS {
        let path = directory.join(folder);
        match fs::remove_dir_all(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(io_error("remove", &path)(error));
            }
            _ => {}
        }
    }
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(source) => return Err(io_error("read", directory)(source)),
    };
    for entry in entries {
        let entry = entry.map_err(io_error("read", directory))?;
        let name = entry.file_name();
        if TRACES.iter().any(|prefix| name.to_string_lossy().starts_with(prefix)) {
            fs::remove_file(entry.path()).map_err(io_error("remove", &entry.path()))?;
        }
    }
    Ok(())
}

fn io_error(verb: &'static str, path: &Path) -> impl FnOnce(io::Error) -> OutError {
    let path = path.to_owned();
    move |source| OutError::Io { verb, path, source }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{outcome::Outcome, testing::RunScript};

    #[test]
    fn reports_of_a_replay_are_those_of_the_run() {
        let directory = tempfile::tempdir().unwrap();
        let out = Out::create(directory.path(), ["6.12"].into_iter()).unwrap();
        let mut script = RunScript::new(&["6.12/file/a@tmpfs"]);
        script.boot("6.12", 3000).finish("6.12/file/a@tmpfs", Outcome::Passed).end();
        let mut log = out.events().unwrap();
        for line in script.lines() {
            log.add(line).unwrap();
        }
        out.write_reports(&script.view()).unwrap();
        let table = fs::read_to_string(out.path().join(TABLE)).unwrap();
        assert_eq!(table.lines().last(), Some("1 passed, 0 failed, 0 skipped"));
        let replayed = RunView::of(&read_events(directory.path()).unwrap());
        assert_eq!(replayed, script.view());
        let read = || REPORTS.map(|name| fs::read(out.path().join(name)).unwrap());
        let first = read();
        Out::open(directory.path()).unwrap().write_reports(&replayed).unwrap();
        assert_eq!(read(), first);
    }

    #[test]
    fn traces_of_an_earlier_run_go_and_other_files_stay() {
        let directory = tempfile::tempdir().unwrap();
        let kernel = directory.path().join("6.12");
        fs::create_dir(&kernel).unwrap();
        for name in ["console-3.log", "qemu-3.sh", "notes.txt"] {
            fs::write(kernel.join(name), "x").unwrap();
        }
        Out::create(directory.path(), ["6.12", "7.3"].into_iter()).unwrap();
        let left: Vec<_> = fs::read_dir(&kernel).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left, ["notes.txt"]);
    }

    #[test]
    fn traces_of_a_part_are_copied_with_their_boots_counted_on() {
        let (part, whole) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let kernel = part.path().join("6.12");
        fs::create_dir(&kernel).unwrap();
        for name in ["console-1.log", "control-12.jsonl", "qemu-2.sh", "qemu-x.sh", "notes.txt"] {
            fs::write(kernel.join(name), name).unwrap();
        }
        let out = Out::create(whole.path(), std::iter::empty()).unwrap();
        out.adopt_traces(part.path(), "6.12", 3).unwrap();
        out.adopt_traces(part.path(), "7.3", 3).unwrap();
        let read = fs::read_dir(whole.path().join("6.12")).unwrap();
        let mut left: Vec<_> =
            read.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
        left.sort();
        assert_eq!(left, ["console-4.log", "control-15.jsonl", "qemu-5.sh"]);
        let copied = fs::read_to_string(whole.path().join("6.12/qemu-5.sh")).unwrap();
        assert_eq!(copied, "qemu-2.sh");
    }

    #[test]
    fn a_run_that_dies_leaves_no_reports_of_an_earlier_one() {
        let directory = tempfile::tempdir().unwrap();
        let reports = REPORTS.map(|name| directory.path().join(name));
        for report in &reports {
            fs::write(report, "1 passed, 0 failed, 0 skipped").unwrap();
        }
        Out::open(directory.path()).unwrap();
        assert!(reports.iter().all(|report| report.exists()));
        Out::create(directory.path(), std::iter::empty()).unwrap();
        assert!(reports.iter().all(|report| !report.exists()));
    }

    #[test]
    fn a_directory_without_events_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let error = read_events(directory.path()).unwrap_err().to_string();
        assert!(error.contains("events.jsonl"), "{error}");
    }
}
