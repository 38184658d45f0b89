//! Waiting for a child with a deadline, by its wait status and nothing else.

use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ExitStatus};
use std::time::{Duration, Instant};

use super::error::RunError;
use crate::record::ProcessFate;

/// Between two looks; short against any act, long against a busy loop.
const POLL: Duration = Duration::from_millis(5);

/// Calls `probe` until it has an answer; `None` when the deadline passed first.
pub(super) fn poll<T>(
    deadline: Instant,
    mut probe: impl FnMut() -> Result<Option<T>, RunError>,
) -> Result<Option<T>, RunError> {
    loop {
        if let Some(answer) = probe()? {
            return Ok(Some(answer));
        }
        if Instant::now() >= deadline {
            return Ok(None);
        }
        std::thread::sleep(POLL);
    }
}

/// Waits for the end of `child` until `deadline`; `None` when it is still running then.
pub(super) fn end_of(
    child: &mut Child,
    name: &'static str,
    deadline: Instant,
) -> Result<Option<ExitStatus>, RunError> {
    poll(deadline, || child.try_wait().map_err(RunError::process("wait for", name)))
}

/// A wait status as data.
pub(super) fn fate(status: ExitStatus) -> ProcessFate {
    match status.signal() {
        Some(signal) => ProcessFate::Signalled(signal),
        // wait() reports only ends, and an end that is no signal has a code.
        None => ProcessFate::Exited(status.code().unwrap_or(-1)),
    }
}

/// A child that does not outlive its owner, whatever way a run ends.
#[derive(Debug)]
pub(super) struct Owned(pub(super) Child);

impl Drop for Owned {
    fn drop(&mut self) {
        // Both fail only when the child is gone already, which is what is wanted here.
        if matches!(self.0.try_wait(), Ok(None)) {
            drop(self.0.kill());
            drop(self.0.wait());
        }
    }
}
