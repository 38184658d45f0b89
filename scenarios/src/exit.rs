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
/// The `write_block` step failed.
pub const WRITE_BLOCK: i32 = 43;
/// The `submit_write` step failed.
pub const SUBMIT_WRITE: i32 = 44;
/// The `ring_write` step failed.
pub const RING_WRITE: i32 = 45;
/// The `ring_create` step failed.
pub const RING_CREATE: i32 = 46;
/// The `resize` step failed.
pub const RESIZE: i32 = 47;
/// The `truncate` step failed.
pub const TRUNCATE: i32 = 48;
/// The `allocate` step failed.
pub const ALLOCATE: i32 = 49;
/// The `store_mapped` step failed.
pub const STORE_MAPPED: i32 = 50;
/// The `splice_in` step failed.
pub const SPLICE_IN: i32 = 51;
/// The `splice_out` step failed.
pub const SPLICE_OUT: i32 = 52;
/// The `send_file_from` step failed.
pub const SEND_FILE_FROM: i32 = 53;
/// The `send_file_out` step failed.
pub const SEND_FILE_OUT: i32 = 54;
/// The `copy_range_from` step failed.
pub const COPY_RANGE_FROM: i32 = 55;
/// The `vmsplice_pipe` step failed.
pub const VMSPLICE_PIPE: i32 = 56;
/// The `link` step failed.
pub const LINK: i32 = 57;
/// The `symlink` step failed.
pub const SYMLINK: i32 = 58;
/// The `mkdir` step failed.
pub const MKDIR: i32 = 59;
/// The `rmdir` step failed.
pub const RMDIR: i32 = 60;
/// The `chmod` step failed.
pub const CHMOD: i32 = 61;
/// The `chown` step failed.
pub const CHOWN: i32 = 62;
/// The `set_attribute` step failed.
pub const SET_ATTRIBUTE: i32 = 63;
/// The `send` step failed.
pub const SEND: i32 = 64;
/// The `write_socket` step failed.
pub const WRITE_SOCKET: i32 = 65;
/// The `bind_name` step failed.
pub const BIND_NAME: i32 = 66;
/// The `bind_port` step failed.
pub const BIND_PORT: i32 = 67;
/// The `kill_other` step failed.
pub const KILL_OTHER: i32 = 68;
/// The `mount_over` step failed.
pub const MOUNT_OVER: i32 = 69;
/// The `host_name` step failed.
pub const HOST_NAME: i32 = 70;
/// The `write_memory` step failed.
pub const WRITE_MEMORY: i32 = 71;
/// The `fork` step failed.
pub const FORK: i32 = 72;
/// The `short_write` step failed.
pub const SHORT_WRITE_32: i32 = 73;
/// The `short_unlink` step failed.
pub const SHORT_UNLINK_32: i32 = 74;
/// The `duplicate` step failed.
pub const DUPLICATE: i32 = 75;
/// The `receive` step failed.
pub const RECEIVE: i32 = 76;
/// The `marker` step failed.
pub const MARKER: i32 = 77;
/// The `read` step failed.
pub const READ: i32 = 78;
/// The `orphan` step failed.
pub const ORPHAN: i32 = 79;
/// The `thread` step failed, or a step of it.
pub const THREAD: i32 = 80;

/// A relay (a process that only starts another one and waits for it) exits with this plus the signal number when
/// its inner process died of a signal.
pub const RELAYED_SIGNAL: i32 = 128;

/// The line on the subject's standard error that says which step failed, from 0, and with which errno. An exit status has no
/// room for it.
#[must_use]
pub fn failure_line(step: usize, errno: i32) -> String {
    format!("{FAILURE}{step} errno {errno}")
}

const FAILURE: &str = "subject: failed at step ";

/// Reads the last [`failure_line`] of a subject's standard error.
#[must_use]
pub fn failure(stderr: &str) -> Option<(usize, i32)> {
    let line = stderr.lines().rev().find_map(|line| line.strip_prefix(FAILURE))?;
    let (step, errno) = line.split_once(" errno ")?;
    Some((step.parse().ok()?, errno.parse().ok()?))
}

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
        Step::WriteBlock { .. } => WRITE_BLOCK,
        Step::SubmitWrite { .. } => SUBMIT_WRITE,
        Step::RingWrite { .. } => RING_WRITE,
        Step::RingCreate { .. } => RING_CREATE,
        Step::Resize { .. } => RESIZE,
        Step::Truncate { .. } => TRUNCATE,
        Step::Allocate { .. } => ALLOCATE,
        Step::StoreMapped { .. } => STORE_MAPPED,
        Step::SpliceIn { .. } => SPLICE_IN,
        Step::SpliceOut { .. } => SPLICE_OUT,
        Step::SendFileFrom { .. } => SEND_FILE_FROM,
        Step::SendFileOut { .. } => SEND_FILE_OUT,
        Step::CopyRangeFrom { .. } => COPY_RANGE_FROM,
        Step::VmsplicePipe { .. } => VMSPLICE_PIPE,
        Step::Link { .. } => LINK,
        Step::Symlink { .. } => SYMLINK,
        Step::Mkdir { .. } => MKDIR,
        Step::Rmdir { .. } => RMDIR,
        Step::Chmod { .. } => CHMOD,
        Step::Chown { .. } => CHOWN,
        Step::SetAttribute { .. } => SET_ATTRIBUTE,
        Step::Send { .. } => SEND,
        Step::WriteSocket { .. } => WRITE_SOCKET,
        Step::BindName { .. } => BIND_NAME,
        Step::BindPort { .. } => BIND_PORT,
        Step::KillOther { .. } => KILL_OTHER,
        Step::MountOver { .. } => MOUNT_OVER,
        Step::HostName { .. } => HOST_NAME,
        Step::WriteMemory { .. } => WRITE_MEMORY,
        Step::Fork { .. } => FORK,
        Step::ShortWrite { .. } => SHORT_WRITE_32,
        Step::ShortUnlink { .. } => SHORT_UNLINK_32,
        Step::Duplicate { .. } => DUPLICATE,
        Step::Read { .. } => READ,
        Step::Orphan { .. } => ORPHAN,
        Step::Thread { .. } => THREAD,
        Step::Receive { .. } => RECEIVE,
        Step::Marker { .. } => MARKER,
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
        WRITE_BLOCK => "the write_block step failed",
        SUBMIT_WRITE => "the submit_write step failed",
        RING_WRITE => "the ring_write step failed",
        RING_CREATE => "the ring_create step failed",
        RESIZE => "the resize step failed",
        TRUNCATE => "the truncate step failed",
        ALLOCATE => "the allocate step failed",
        STORE_MAPPED => "the store_mapped step failed",
        SPLICE_IN => "the splice_in step failed",
        SPLICE_OUT => "the splice_out step failed",
        SEND_FILE_FROM => "the send_file_from step failed",
        SEND_FILE_OUT => "the send_file_out step failed",
        COPY_RANGE_FROM => "the copy_range_from step failed",
        VMSPLICE_PIPE => "the vmsplice_pipe step failed",
        LINK => "the link step failed",
        SYMLINK => "the symlink step failed",
        MKDIR => "the mkdir step failed",
        RMDIR => "the rmdir step failed",
        CHMOD => "the chmod step failed",
        CHOWN => "the chown step failed",
        SET_ATTRIBUTE => "the set_attribute step failed",
        SEND => "the send step failed",
        WRITE_SOCKET => "the write_socket step failed",
        BIND_NAME => "the bind_name step failed",
        BIND_PORT => "the bind_port step failed",
        KILL_OTHER => "the kill_other step failed",
        MOUNT_OVER => "the mount_over step failed",
        HOST_NAME => "the host_name step failed",
        WRITE_MEMORY => "the write_memory step failed",
        FORK => "the fork step failed",
        SHORT_WRITE_32 => "the short_write step failed",
        SHORT_UNLINK_32 => "the short_unlink step failed",
        DUPLICATE => "the duplicate step failed",
        READ => "the read step failed",
        ORPHAN => "the orphan step failed",
        THREAD => "the thread step failed",
        RECEIVE => "the receive step failed",
        MARKER => "the marker step failed",
        101 => "it panicked",
        _ => "no status that the subject knows",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_read_back_as_it_was_said() {
        let text = format!("subject: step 1 failed\n{}", failure_line(3, 13));
        assert_eq!(failure(&text), Some((3, 13)));
        assert_eq!(failure("subject: step 1 failed"), None);
    }

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
            WRITE_BLOCK,
            SUBMIT_WRITE,
            RING_WRITE,
            RING_CREATE,
            RESIZE,
            TRUNCATE,
            ALLOCATE,
            STORE_MAPPED,
            SPLICE_IN,
            SPLICE_OUT,
            SEND_FILE_FROM,
            SEND_FILE_OUT,
            COPY_RANGE_FROM,
            VMSPLICE_PIPE,
            LINK,
            SYMLINK,
            MKDIR,
            RMDIR,
            CHMOD,
            CHOWN,
            SET_ATTRIBUTE,
            SEND,
            WRITE_SOCKET,
            BIND_NAME,
            BIND_PORT,
            KILL_OTHER,
            MOUNT_OVER,
            HOST_NAME,
            WRITE_MEMORY,
            FORK,
            SHORT_WRITE_32,
            SHORT_UNLINK_32,
            DUPLICATE,
            READ,
            ORPHAN,
            THREAD,
            RECEIVE,
            MARKER,
        ];
        let mut sorted = all.to_vec();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(sorted.len(), all.len());
        assert!(all.iter().all(|status| *status < RELAYED_SIGNAL && meaning(*status) != meaning(-1)));
    }
}
