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
/// A write came before any `open`, or a socket step before any `socket`.
pub const NOTHING_OPEN: i32 = 7;
/// A string holds a NUL byte and can't be given to the kernel.
pub const NUL_IN_STRING: i32 = 8;
/// A number or address of a step can't be read.
pub const BAD_ARGUMENT: i32 = 9;
/// What the kernel had to refuse was done.
pub const NOT_REFUSED: i32 = 10;
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
/// The `write_parts` step failed.
pub const WRITE_PARTS: i32 = 28;
/// The `mkfifo` step failed.
pub const MKFIFO: i32 = 29;
/// The `look` step failed.
pub const LOOK: i32 = 30;
/// The `execve_refused` step failed.
pub const EXECVE_REFUSED: i32 = 31;
/// The `number` step failed.
pub const NUMBER: i32 = 32;
/// The `text` step failed.
pub const TEXT: i32 = 33;
/// The `capset` step failed.
pub const CAPSET: i32 = 34;
/// The `unshare` step failed.
pub const UNSHARE: i32 = 35;
/// The `rename_device` step failed.
pub const RENAME_DEVICE: i32 = 36;
/// The `socket` step failed.
pub const SOCKET: i32 = 37;
/// The `bind` step failed.
pub const BIND: i32 = 38;
/// The `listen` step failed.
pub const LISTEN: i32 = 39;
/// The `connect` step failed.
pub const CONNECT: i32 = 40;
/// The `connect_nobody` step failed.
pub const CONNECT_NOBODY: i32 = 41;
/// The `send_to` step failed.
pub const SEND_TO: i32 = 42;

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
        Step::WriteParts { .. } => WRITE_PARTS,
        Step::Mkfifo { .. } => MKFIFO,
        Step::Look { .. } => LOOK,
        Step::ExecveRefused { .. } => EXECVE_REFUSED,
        Step::Number { .. } => NUMBER,
        Step::Text { .. } => TEXT,
        Step::Capset { .. } => CAPSET,
        Step::Unshare { .. } => UNSHARE,
        Step::RenameDevice { .. } => RENAME_DEVICE,
        Step::Socket { .. } => SOCKET,
        Step::Bind { .. } => BIND,
        Step::Listen { .. } => LISTEN,
        Step::Connect { .. } => CONNECT,
        Step::ConnectNobody { .. } => CONNECT_NOBODY,
        Step::SendTo { .. } => SEND_TO,
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
        NOTHING_OPEN => "a write came before any open, or a connect before any socket",
        NUL_IN_STRING => "a string holds a NUL byte",
        BAD_ARGUMENT => "a number or address can't be read",
        NOT_REFUSED => "the kernel did what it had to refuse",
        OPEN => "the open step failed",
        WRITE => "the write step failed",
        WRITE_AT => "the write_at step failed",
        WRITE_PIPE => "the write_pipe step failed",
        UNLINK => "the unlink step failed",
        RENAME => "the rename step failed",
        EXECVE => "the execve step failed",
        PAUSE => "the pause step was cut short",
        WRITE_PARTS => "the write_parts step failed",
        MKFIFO => "the mkfifo step failed",
        LOOK => "the look step failed",
        EXECVE_REFUSED => "the execve_refused step failed",
        NUMBER => "the number step failed",
        TEXT => "the text step failed",
        CAPSET => "the capset step failed",
        UNSHARE => "the unshare step failed",
        RENAME_DEVICE => "the rename_device step failed",
        SOCKET => "the socket step failed",
        BIND => "the bind step failed",
        LISTEN => "the listen step failed",
        CONNECT => "the connect step failed",
        CONNECT_NOBODY => "the connect_nobody step failed",
        SEND_TO => "the send_to step failed",
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
            BAD_ARGUMENT,
            NOT_REFUSED,
            OPEN,
            WRITE,
            WRITE_AT,
            WRITE_PIPE,
            UNLINK,
            RENAME,
            EXECVE,
            PAUSE,
            WRITE_PARTS,
            MKFIFO,
            LOOK,
            EXECVE_REFUSED,
            NUMBER,
            TEXT,
            CAPSET,
            UNSHARE,
            RENAME_DEVICE,
            SOCKET,
            BIND,
            LISTEN,
            CONNECT,
            CONNECT_NOBODY,
            SEND_TO,
        ];
        let mut sorted = all.to_vec();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(sorted.len(), all.len());
        assert!(all.iter().all(|status| *status < RELAYED_SIGNAL && meaning(*status) != meaning(-1)));
    }
}
