//! Exit statuses of the subject: every way to end has a number, so that nobody has to read its text.

use crate::step::Step;

/// Every step succeeded.
pub const SUCCESS: i32 = 0;
/// The order on the command line is missing or not understood.
pub const BAD_ORDER: i32 = 2;
/// The gate of the runner can't be reached, or closed without letting the subject go.
pub const GATE: i32 = 3;
/// `unshare(CLONE_NEWPID)` or `setns` failed.
pub const NAMESPACE: i32 = 4;
/// The inner process of a relay can't be started or waited for.
pub const RELAY: i32 = 5;
/// `write` or `write_at` wrote fewer bytes than it was given.
pub const SHORT_WRITE: i32 = 6;
/// A write came before any `open`.
pub const NOTHING_OPEN: i32 = 7;
/// A string holds a NUL byte and can't be given to the kernel.
pub const NUL_IN_STRING: i32 = 8;
/// The `open` step failed.
pub const OPEN: i32 = 20;
/// The `write` step failed.
pub const WRITE: i32 = 21;
/// The `write_at` step failed.
pub const WRITE_AT: i32 = 22;
/// The `write_pipe` step failed.
pub const WRITE_PIPE: i32 = 23;
/// The `unlink` step failed.
pub const UNLINK: i32 = 24;
/// The `rename` step failed.
pub const RENAME: i32 = 25;
/// The `execve` step failed.
pub const EXECVE: i32 = 26;
/// The `pause` step was cut short.
pub const PAUSE: i32 = 27;

/// A relay (a process that only starts another one and waits for it) exits with this plus the signal number when
/// its inner process died of a signal.
pub const RELAYED_SIGNAL: i32 = 128;

/// The exit status of a failed step of this kind.
#[must_use]
pub fn of_step(step: &Step) -> i32 {
    match step {
        Step::Open { .. } => OPEN,
        Step::Write { .. } => WRITE,
        Step::WriteAt { .. } => WRITE_AT,
        Step::WritePipe { .. } => WRITE_PIPE,
        Step::Unlink { .. } => UNLINK,
        Step::Rename { .. } => RENAME,
        Step::Execve { .. } => EXECVE,
        Step::Pause { .. } => PAUSE,
    }
}

/// What an exit status of the subject means, for reports.
#[must_use]
pub fn meaning(status: i32) -> &'static str {
    match status {
        SUCCESS => "every step succeeded",
        BAD_ORDER => "its order was not understood",
        GATE => "it could not pass the runner's gate",
        NAMESPACE => "it could not enter its PID namespace",
        RELAY => "it could not start or await its inner process",
        SHORT_WRITE => "a write wrote fewer bytes than given",
        NOTHING_OPEN => "a write came before any open",
        NUL_IN_STRING => "a string holds a NUL byte",
        OPEN => "the open step failed",
        WRITE => "the write step failed",
        WRITE_AT => "the write_at step failed",
        WRITE_PIPE => "the write_pipe step failed",
        UNLINK => "the unlink step failed",
        RENAME => "the rename step failed",
        EXECVE => "the execve step failed",
        PAUSE => "the pause step was cut short",
        101 => "it panicked",
        _ => "no status that the subject knows",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_are_distinct_and_below_the_relayed_signals() {
        let all = [
            SUCCESS,
            BAD_ORDER,
            GATE,
            NAMESPACE,
            RELAY,
            SHORT_WRITE,
            NOTHING_OPEN,
            NUL_IN_STRING,
            OPEN,
            WRITE,
            WRITE_AT,
            WRITE_PIPE,
            UNLINK,
            RENAME,
            EXECVE,
            PAUSE,
        ];
        let mut sorted = all.to_vec();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(sorted.len(), all.len());
        assert!(all.iter().all(|status| *status < RELAYED_SIGNAL && meaning(*status) != meaning(-1)));
    }
}
