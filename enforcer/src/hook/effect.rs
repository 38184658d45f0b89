//! What a SIGKILL at the entry of a system call still lets happen, as measured.
//!
//! `bpf_send_signal` sets a pending bit. The process never returns to user space, but the call's body runs until it asks
//! for fatal signals itself, and most calls never do. The rows were measured on 5.10, 6.1, 6.12 and 7.3: write, unlink,
//! rename, openat, execve, pipes, connections and datagrams by the lab's scenarios, the others in a study before them.

/// What becomes of the side effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// It does not happen.
    Prevented,
    /// It happens, although the process dies.
    Happens,
    /// It depends; the text says on what.
    Depends(&'static str),
}

const BUFFERED: Effect = Effect::Depends(
    "prevented on tmpfs, ext4 and xfs; happens on btrfs, pipes, sockets, procfs and with O_DIRECT on a disk",
);

/// Measured rows: system call without prefix, effect.
const ROWS: &[(&str, Effect)] = &[
    ("write", BUFFERED),
    ("writev", BUFFERED),
    ("pwrite64", BUFFERED),
    ("pwritev", BUFFERED),
    ("pwritev2", BUFFERED),
    ("execve", Effect::Prevented),
    ("execveat", Effect::Prevented),
    ("clone", Effect::Prevented),
    ("process_vm_writev", Effect::Prevented),
    ("mmap", Effect::Prevented),
    (
        "io_uring_enter",
        Effect::Depends("prevented for calls made here; with SQPOLL no system call is made at all"),
    ),
    ("copy_file_range", Effect::Depends("prevented on tmpfs and ext4; happens by reflink on xfs and btrfs")),
    ("sendfile64", Effect::Depends("prevented into files; leaks into pipes from tmpfs")),
    ("splice", Effect::Depends("prevented into files; leaks into pipes from tmpfs")),
    (
        "fallocate",
        Effect::Depends(
            "prevented on tmpfs; happens on ext4 and btrfs, and on the xfs of 5.10 and 6.1 while the file is not on the disk yet",
        ),
    ),
    (
        "openat",
        Effect::Depends(
            "the file is not opened for the process, but O_TRUNC empties it and O_CREAT creates it",
        ),
    ),
    (
        "open",
        Effect::Depends(
            "the file is not opened for the process, but O_TRUNC empties it and O_CREAT creates it",
        ),
    ),
    ("unlink", Effect::Happens),
    ("unlinkat", Effect::Happens),
    ("rename", Effect::Happens),
    ("renameat", Effect::Happens),
    ("renameat2", Effect::Happens),
    ("link", Effect::Happens),
    ("linkat", Effect::Happens),
    ("symlink", Effect::Happens),
    ("symlinkat", Effect::Happens),
    ("mkdir", Effect::Happens),
    ("mkdirat", Effect::Happens),
    ("rmdir", Effect::Happens),
    ("mknod", Effect::Happens),
    ("chmod", Effect::Happens),
    ("fchmod", Effect::Happens),
    ("fchmodat", Effect::Happens),
    ("chown", Effect::Happens),
    ("fchownat", Effect::Happens),
    ("truncate", Effect::Happens),
    ("ftruncate", Effect::Happens),
    ("setxattr", Effect::Happens),
    ("utimensat", Effect::Happens),
    ("vmsplice", Effect::Happens),
    ("sendto", Effect::Happens),
    ("sendmsg", Effect::Happens),
    ("connect", Effect::Happens),
    ("bind", Effect::Happens),
    ("kill", Effect::Happens),
    ("mount", Effect::Happens),
    ("sethostname", Effect::Happens),
];

/// The measured effect of a SIGKILL at `function`; `None` when it was never measured.
#[must_use]
pub fn of_sigkill(function: &str) -> Option<Effect> {
    let hook = match function {
        "security_file_permission" => return Some(BUFFERED),
        "security_bprm_check" => return Some(Effect::Prevented),
        "security_path_unlink" => return Some(Effect::Happens),
        // The connection is made and the datagram arrives.
        "tcp_connect" | "security_socket_connect" | "ip_output" => return Some(Effect::Happens),
        "security_file_open" => {
            return Some(Effect::Depends(
                "the file is not opened for the process, but O_TRUNC empties it and O_CREAT creates it",
            ));
        }
        other => other,
    };
    let name = hook.strip_prefix("__x64_sys_")?;
    ROWS.iter().find(|(row, _)| *row == name).map(|(_, effect)| *effect)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kill_at_unlink_comes_too_late_and_one_at_execve_does_not() {
        assert_eq!(of_sigkill("__x64_sys_unlink"), Some(Effect::Happens));
        assert_eq!(of_sigkill("__x64_sys_execve"), Some(Effect::Prevented));
    }

    #[test]
    fn what_was_not_measured_is_not_claimed() {
        assert_eq!(of_sigkill("tcp_sendmsg"), None);
        assert_eq!(of_sigkill("__x64_sys_reboot"), None);
    }

    #[test]
    fn every_row_stands_once() {
        let mut names: Vec<_> = ROWS.iter().map(|(name, _)| name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), ROWS.len());
    }
}
