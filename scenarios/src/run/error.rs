//! What can keep a run from being completed. None of it is a verdict.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use crate::record::ProcessFate;
use crate::scenario::FileSystem;

/// Why a cell has no record.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The matrix asked for a cell that the scenario does not have.
    #[error("scenario {id} does not run on {filesystem}")]
    NotOnThisFileSystem {
        /// Which scenario.
        id: String,
        /// The file system that was asked for.
        filesystem: FileSystem,
    },
    /// A file or directory of the lab.
    #[error("failed to {what} {path}: {source}", path = path.display())]
    File {
        /// What was tried.
        what: &'static str,
        /// On which file.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// An order that can't be written as JSON.
    #[error("failed to encode the order of the subject: {0}")]
    Order(#[source] serde_json::Error),
    /// A process that can't be started, waited for or signalled.
    #[error("failed to {what} {process}: {source}")]
    Process {
        /// What was tried.
        what: &'static str,
        /// Which process.
        process: &'static str,
        /// Why it failed.
        source: io::Error,
    },
    /// A process ended (or was killed) before it announced itself.
    #[error("{process} ended ({fate:?}) before it reached the gate; it said: {stderr:?}")]
    NeverAtGate {
        /// Which process.
        process: &'static str,
        /// How it ended.
        fate: ProcessFate,
        /// What it wrote to standard error.
        stderr: String,
    },
    /// A performance that takes too long; the process was killed by the runner.
    #[error("{process} was still there after {waited:?} and was ended by the runner")]
    Outlived {
        /// Which process.
        process: &'static str,
        /// How long the runner waited.
        waited: Duration,
    },
    /// A process that only relays died of a signal: somebody kills what no policy means.
    #[error("a helper process ({process}), which no policy means, died of signal {signal}")]
    HelperKilled {
        /// Which process.
        process: &'static str,
        /// The signal.
        signal: i32,
    },
    /// The agent did not come to its readiness message.
    #[error("the agent ended with {status} before it was ready; end of its standard error:\n{stderr_tail}")]
    AgentNeverReady {
        /// Its wait status, readable.
        status: String,
        /// The last lines that it wrote to standard error.
        stderr_tail: String,
    },
    /// The agent neither became ready nor ended.
    #[error("the agent was not ready after {waited:?}; end of its standard error:\n{stderr_tail}")]
    AgentTooSlow {
        /// How long the runner waited.
        waited: Duration,
        /// The last lines that it wrote to standard error.
        stderr_tail: String,
    },
    /// The agent went away while it should have enforced.
    #[error(
        "the agent ended with {status} while it should have enforced; end of its standard error:\n{stderr_tail}"
    )]
    AgentGone {
        /// Its wait status, readable.
        status: String,
        /// The last lines that it wrote to standard error.
        stderr_tail: String,
    },
    /// The agent did not detach as agreed.
    #[error(
        "the agent ended with {status} instead of 0 after SIGTERM; end of its standard error:\n{stderr_tail}"
    )]
    AgentEndedBadly {
        /// Its wait status, readable.
        status: String,
        /// The last lines that it wrote to standard error.
        stderr_tail: String,
    },
    /// The agent ignores SIGTERM.
    #[error("the agent was still there {waited:?} after SIGTERM; end of its standard error:\n{stderr_tail}")]
    AgentDoesNotStop {
        /// How long the runner waited.
        waited: Duration,
        /// The last lines that it wrote to standard error.
        stderr_tail: String,
    },
    /// The agent's report is not the agreed JSON.
    #[error("failed to read the agent's report: {0}")]
    Report(#[source] serde_json::Error),
    /// A report of another generation.
    #[error("the agent's report has version {found}, this runner reads version {expected}")]
    ReportVersion {
        /// In the report.
        found: u64,
        /// Known here.
        expected: u64,
    },
    /// A report without any hook: nothing was enforced.
    #[error("the agent's report names no hook")]
    ReportWithoutHooks,
    /// An event line that is not the agreed JSON.
    #[error("failed to read line {line} of the agent's events: {source}")]
    Event {
        /// Line number, from 1.
        line: usize,
        /// Why.
        source: serde_json::Error,
    },
}

impl RunError {
    /// For `map_err` on file operations.
    pub(super) fn file(what: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { what, path, source }
    }

    /// For `map_err` on process operations.
    pub(super) fn process(what: &'static str, process: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Process { what, process, source }
    }
}
