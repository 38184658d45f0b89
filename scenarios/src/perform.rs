//! The subject's side: carries out an order. Runs in the `subject` binary only.
//!
//! A failure is an exit status (see [`crate::exit`]) and a line on standard error for the reader of a report.

mod data;
mod names;
mod network;
mod orphan;
mod pass;
mod steps;
mod thread;
mod witnessed;

use std::io::{self, Read};
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use nix::errno::Errno;
use nix::sched::{CloneFlags, setns, unshare};

use crate::exit;
use crate::order::Order;
use crate::step::Step;

/// Why an order ended early.
#[derive(Debug, thiserror::Error)]
pub enum PerformError {
    /// The gate can't be reached or closed too early.
    #[error("failed to pass the gate {path}: {source}", path = path.display())]
    Gate {
        /// Which gate.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// No namespace.
    #[error("failed to {what}: {source}")]
    Namespace {
        /// What was tried.
        what: &'static str,
        /// Why.
        source: io::Error,
    },
    /// The inner process of a relay.
    #[error("failed to {what} the inner process: {source}")]
    Relay {
        /// What was tried.
        what: &'static str,
        /// Why.
        source: io::Error,
    },
    /// A step's system call failed.
    #[error("step {index} ({step:?}) failed: {errno}")]
    Step {
        /// Position in the list, from 0.
        index: usize,
        /// Which step.
        step: Step,
        /// The errno of its one system call.
        errno: Errno,
    },
    /// A write was cut.
    #[error("step {index} wrote {written} of {given} bytes")]
    ShortWrite {
        /// Position in the list, from 0.
        index: usize,
        /// Bytes that the kernel took.
        written: usize,
        /// Bytes that it was given.
        given: usize,
    },
    /// A write without a file, or a connect without a socket.
    #[error("step {index} uses a file or socket before there is one")]
    NothingOpen {
        /// Position in the list, from 0.
        index: usize,
    },
    /// A number or address that is none.
    #[error("step {index} ({step:?}) has an argument that can't be read")]
    BadArgument {
        /// Position in the list, from 0.
        index: usize,
        /// Which step.
        step: Step,
    },
    /// A step that the kernel has to refuse was not refused.
    #[error("step {index} ({step:?}) should have been refused with {wanted}")]
    NotRefused {
        /// Position in the list, from 0.
        index: usize,
        /// Which step.
        step: Step,
        /// The errno that it should have had.
        wanted: Errno,
    },
    /// A string that can't be a C string.
    #[error("step {index} has a NUL byte in a string")]
    NulInString {
        /// Position in the list, from 0.
        index: usize,
    },
}

impl PerformError {
    /// Which step failed, from 0, and with which errno.
    #[must_use]
    pub fn failed_step(&self) -> Option<(usize, i32)> {
        match self {
            Self::Step { index, errno, .. } => Some((*index, *errno as i32)),
            _ => None,
        }
    }

    /// The exit status that tells this error.
    #[must_use]
    pub fn exit_status(&self) -> i32 {
        match self {
            Self::Gate { .. } => exit::GATE,
            Self::Namespace { .. } => exit::NAMESPACE,
            Self::Relay { .. } => exit::RELAY,
            Self::Step { step, .. } => exit::of_step(step),
            Self::ShortWrite { .. } => exit::SHORT_WRITE,
            Self::NothingOpen { .. } => exit::NOTHING_OPEN,
            Self::NulInString { .. } => exit::NUL_IN_STRING,
            Self::BadArgument { .. } => exit::BAD_ARGUMENT,
            Self::NotRefused { .. } => exit::NOT_REFUSED,
        }
    }
}

/// Carries out an order; `own_image` is the running binary, for inner processes. Returns the exit status.
///
/// # Errors
/// See [`PerformError`].
pub fn perform(order: &Order, own_image: &Path) -> Result<i32, PerformError> {
    match order {
        Order::Perform { gate, steps } => {
            if let Some(gate) = gate {
                pass_gate(gate)?;
            }
            steps::perform(steps)?;
            Ok(exit::SUCCESS)
        }
        Order::Stay { gate } => {
            stay_at_gate(gate)?;
            Ok(exit::SUCCESS)
        }
        Order::AsNamespaceInit { inner } => {
            unshare(CloneFlags::CLONE_NEWPID).map_err(|errno| PerformError::Namespace {
                what: "create a PID namespace",
                source: errno.into(),
            })?;
            relay(inner, own_image)
        }
        Order::AsChild { inner } => relay(inner, own_image),
        Order::InNamespaceOf { pid, inner } => {
            let namespace = std::fs::File::open(format!("/proc/{pid}/ns/pid"))
                .map_err(|source| PerformError::Namespace { what: "open the PID namespace", source })?;
            setns(namespace, CloneFlags::CLONE_NEWPID).map_err(|errno| PerformError::Namespace {
                what: "enter the PID namespace",
                source: errno.into(),
            })?;
            relay(inner, own_image)
        }
    }
}

/// Tells the runner which process this is (it reads the socket's credentials) and waits to be let go.
fn pass_gate(path: &Path) -> Result<(), PerformError> {
    let error = |source| PerformError::Gate { path: path.to_owned(), source };
    let mut stream = UnixStream::connect(path).map_err(error)?;
    let mut byte = [0];
    stream.read_exact(&mut byte).map_err(error)
}

fn stay_at_gate(path: &Path) -> Result<(), PerformError> {
    let error = |source| PerformError::Gate { path: path.to_owned(), source };
    let mut stream = UnixStream::connect(path).map_err(error)?;
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).map_err(error)?;
    Ok(())
}

/// Runs an inner order and turns its wait status into an exit status.
fn relay(inner: &Order, own_image: &Path) -> Result<i32, PerformError> {
    let order = serde_json::to_string(inner)
        .map_err(|error| PerformError::Relay { what: "encode the order of", source: error.into() })?;
    let status = Command::new(own_image)
        .arg(order)
        .stdin(Stdio::null())
        .spawn()
        .map_err(|source| PerformError::Relay { what: "start", source })?
        .wait()
        .map_err(|source| PerformError::Relay { what: "wait for", source })?;
    match (status.code(), status.signal()) {
        (Some(code), _) => Ok(code),
        (None, Some(signal)) => Ok(exit::RELAYED_SIGNAL + signal),
        (None, None) => Err(PerformError::Relay {
            what: "understand the end of",
            source: io::Error::other(format!("wait status {status}")),
        }),
    }
}
