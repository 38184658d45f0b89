//! The subject's side: carries out an order. Runs in the `subject` binary only.
//!
//! A failure is an exit status (see [`crate::exit`]) and a line on standard error for the reader of a report.

use std::ffi::CString;
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::sched::{CloneFlags, setns, unshare};
use nix::sys::stat::Mode;
use nix::sys::time::TimeSpec;
use nix::time::{ClockId, ClockNanosleepFlags, clock_nanosleep};
use nix::unistd::{execve, unlink, write};

use crate::exit;
use crate::order::Order;
use crate::step::{OpenFlag, Step};
use crate::untouched;

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
    /// A write without a file.
    #[error("step {index} writes before any open")]
    NothingOpen {
        /// Position in the list, from 0.
        index: usize,
    },
    /// A string that can't be a C string.
    #[error("step {index} has a NUL byte in a string")]
    NulInString {
        /// Position in the list, from 0.
        index: usize,
    },
}

impl PerformError {
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
            perform_steps(steps)?;
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

fn perform_steps(steps: &[Step]) -> Result<(), PerformError> {
    let mut file: Option<OwnedFd> = None;
    for (index, step) in steps.iter().enumerate() {
        let failed = |errno| PerformError::Step { index, step: step.clone(), errno };
        let opened = || file.as_ref().ok_or(PerformError::NothingOpen { index });
        let whole = |written: usize, given: &str| {
            if written == given.len() {
                Ok(())
            } else {
                Err(PerformError::ShortWrite { index, written, given: given.len() })
            }
        };
        match step {
            Step::Open { path, flags, untouched_name } => {
                let name = if *untouched_name { Name::Untouched } else { Name::Resident };
                file = Some(do_open(path, flags, name).map_err(failed)?);
            }
            Step::Write { data } => whole(write(opened()?, data.as_bytes()).map_err(failed)?, data)?,
            Step::WriteAt { data, offset } => {
                let written =
                    nix::sys::uio::pwrite(opened()?, data.as_bytes(), i64::from(*offset)).map_err(failed)?;
                whole(written, data)?;
            }
            Step::WritePipe { data } => {
                whole(write(io::stdout().as_fd(), data.as_bytes()).map_err(failed)?, data)?;
            }
            Step::Unlink { path } => unlink(path.as_str()).map_err(failed)?,
            Step::Rename { from, to } => do_rename(from, to).map_err(failed)?,
            Step::Execve { path, then } => do_execve(index, step, path, then)?,
            Step::Pause { ms } => {
                let duration = TimeSpec::from_duration(Duration::from_millis(u64::from(*ms)));
                clock_nanosleep(ClockId::CLOCK_MONOTONIC, ClockNanosleepFlags::empty(), &duration)
                    .map_err(failed)?;
            }
        }
    }
    Ok(())
}

/// In what memory a path is passed.
#[derive(Clone, Copy)]
enum Name {
    Resident,
    Untouched,
}

fn do_open(path: &str, flags: &[OpenFlag], name: Name) -> nix::Result<OwnedFd> {
    let flags = flags.iter().fold(OFlag::empty(), |all, flag| {
        all | match flag {
            OpenFlag::Rdonly => OFlag::O_RDONLY,
            OpenFlag::Wronly => OFlag::O_WRONLY,
            OpenFlag::Rdwr => OFlag::O_RDWR,
            OpenFlag::Append => OFlag::O_APPEND,
            OpenFlag::Creat => OFlag::O_CREAT,
            OpenFlag::Excl => OFlag::O_EXCL,
            OpenFlag::Trunc => OFlag::O_TRUNC,
        }
    });
    let mode = Mode::S_IRUSR | Mode::S_IWUSR;
    match name {
        Name::Resident => open(path, flags, mode),
        Name::Untouched => untouched::open(path, flags, mode),
    }
}

/// `std::fs::rename` is the plain `rename` system call, which nix does not offer.
fn do_rename(from: &str, to: &str) -> nix::Result<()> {
    std::fs::rename(from, to).map_err(|error| error.raw_os_error().map_or(Errno::EINVAL, Errno::from_raw))
}

fn do_execve(index: usize, step: &Step, path: &str, then: &[Step]) -> Result<(), PerformError> {
    let nul = |_| PerformError::NulInString { index };
    let order = Order::Perform { gate: None, steps: then.to_vec() };
    let order = serde_json::to_string(&order)
        .map_err(|error| PerformError::Relay { what: "encode the order of", source: error.into() })?;
    let path = CString::new(path).map_err(nul)?;
    let args = [path.clone(), CString::new(order).map_err(nul)?];
    let environment: [CString; 0] = [];
    match execve(&path, &args, &environment) {
        Ok(never) => match never {},
        Err(errno) => Err(PerformError::Step { index, step: step.clone(), errno }),
    }
}
