//! Where a call can be refused: for what a system call does, the functions of the kernel that are asked first; and what a
//! function that is asked does not see, or sees too late.

use crate::kernel::facts::KernelFacts;
use crate::kernel::functions::FunctionAnswer;
use crate::policy::entry;

/// System calls, and the functions that are asked before what they do happens, the one that says most first. A function of a
/// later kernel stands before the one that it took over from.
const ASKED: &[(&[&str], &[&str])] = &[
    (
        &[
            "write",
            "writev",
            "pwrite64",
            "pwritev",
            "pwritev2",
            "read",
            "readv",
            "pread64",
            "preadv",
            "preadv2",
            "sendfile64",
            "splice",
            "copy_file_range",
            "fallocate",
            "io_submit",
            "io_uring_enter",
            "getdents",
            "getdents64",
        ],
        &["security_file_permission"],
    ),
    (&["unlink"], &["security_path_unlink", "security_inode_unlink"]),
    (&["unlinkat"], &["security_path_unlink", "security_path_rmdir", "security_inode_unlink"]),
    (&["rmdir"], &["security_path_rmdir", "security_inode_rmdir"]),
    (&["rename", "renameat", "renameat2"], &["security_path_rename", "security_inode_rename"]),
    (&["link", "linkat"], &["security_path_link", "security_inode_link"]),
    (&["symlink", "symlinkat"], &["security_path_symlink", "security_inode_symlink"]),
    (&["mkdir", "mkdirat"], &["security_path_mkdir", "security_inode_mkdir"]),
    (&["mknod", "mknodat"], &["security_path_mknod", "security_inode_mknod"]),
    (&["open", "openat", "openat2", "open_by_handle_at"], &["security_file_open", "security_path_mknod"]),
    (&["creat"], &["security_path_mknod", "security_file_open"]),
    (&["truncate"], &["security_path_truncate"]),
    (&["ftruncate"], &["security_file_truncate", "security_path_truncate"]),
    (&["chmod", "fchmod", "fchmodat", "fchmodat2"], &["security_path_chmod", "security_inode_setattr"]),
    (&["chown", "fchown", "lchown", "fchownat"], &["security_path_chown", "security_inode_setattr"]),
    (&["utime", "utimes", "futimesat", "utimensat"], &["security_inode_setattr"]),
    (&["setxattr", "lsetxattr", "fsetxattr"], &["security_inode_setxattr"]),
    (&["removexattr", "lremovexattr", "fremovexattr"], &["security_inode_removexattr"]),
    (&["chroot"], &["security_path_chroot"]),
    (&["mmap"], &["security_mmap_file"]),
    (&["mprotect", "pkey_mprotect"], &["security_file_mprotect"]),
    (&["ioctl"], &["security_file_ioctl"]),
    (&["fcntl"], &["security_file_fcntl"]),
    (&["flock"], &["security_file_lock"]),
    (&["execve", "execveat"], &["security_bprm_check", "security_bprm_creds_for_exec"]),
    (&["clone", "clone3", "fork", "vfork"], &["security_task_alloc"]),
    (&["unshare"], &["security_create_user_ns"]),
    (&["kill", "tkill", "tgkill", "rt_sigqueueinfo", "pidfd_send_signal"], &["security_task_kill"]),
    (
        &["ptrace", "process_vm_readv", "process_vm_writev", "kcmp", "pidfd_getfd"],
        &["security_ptrace_access_check"],
    ),
    (&["setrlimit", "prlimit64"], &["security_task_setrlimit"]),
    (&["setuid", "setreuid", "setresuid", "setfsuid"], &["security_task_fix_setuid"]),
    (&["setgid", "setregid", "setresgid", "setfsgid"], &["security_task_fix_setgid"]),
    (&["capset"], &["security_capset"]),
    (&["setpriority"], &["security_task_setnice"]),
    (&["sched_setscheduler", "sched_setattr", "sched_setaffinity"], &["security_task_setscheduler"]),
    (&["socket"], &["security_socket_create"]),
    (&["socketpair"], &["security_socket_socketpair"]),
    (&["bind"], &["security_socket_bind"]),
    (&["connect"], &["security_socket_connect"]),
    (&["listen"], &["security_socket_listen"]),
    (&["accept", "accept4"], &["security_socket_accept"]),
    (&["sendto", "sendmsg", "sendmmsg"], &["security_socket_sendmsg"]),
    (&["recvfrom", "recvmsg", "recvmmsg"], &["security_socket_recvmsg"]),
    (&["setsockopt"], &["security_socket_setsockopt"]),
    (&["getsockopt"], &["security_socket_getsockopt"]),
    (&["shutdown"], &["security_socket_shutdown"]),
    (&["mount"], &["security_sb_mount"]),
    (&["umount"], &["security_sb_umount"]),
    (&["move_mount"], &["security_move_mount"]),
    (&["pivot_root"], &["security_sb_pivotroot"]),
    (&["init_module", "finit_module"], &["security_kernel_load_data", "security_kernel_read_file"]),
    (&["bpf"], &["security_bpf"]),
    (&["perf_event_open"], &["security_perf_event_open"]),
    (&["settimeofday", "clock_settime", "adjtimex", "clock_adjtime"], &["security_settime64"]),
    (&["syslog"], &["security_syslog"]),
    (&["add_key", "request_key"], &["security_key_alloc"]),
    (&["msgsnd"], &["security_msg_queue_msgsnd"]),
    (&["msgrcv"], &["security_msg_queue_msgrcv"]),
    (&["semop", "semtimedop"], &["security_sem_semop"]),
    (&["shmat"], &["security_shm_shmat"]),
    (&["quotactl"], &["security_quotactl"]),
    (&["sethostname", "setdomainname", "reboot", "swapon", "swapoff", "acct"], &["security_capable"]),
];

/// Functions at which something has happened already, or past which some callers go: told where a selector refuses there.
const LATE: &[(&str, &str, &str)] = &[(
    "security_file_open",
    "a file that the call creates (O_CREAT) exists already when this function is asked; only opening it is refused",
    "security_path_mknod",
)];

/// The functions that can refuse what `function`, the entry of a system call, does, or what is asked about by path; of those
/// that this kernel has.
pub(super) fn refusing(function: &str, facts: Option<&KernelFacts>) -> Vec<&'static str> {
    let Some(call) = plain(function) else { return by_inode(function) };
    let has = |name: &&&str| {
        facts.is_none_or(|facts| {
            matches!(facts.functions.answer(name), FunctionAnswer::Present | FunctionAnswer::Unknown)
        })
    };
    let asked = ASKED.iter().find(|(calls, _)| calls.contains(&call)).map_or(&[][..], |(_, asked)| asked);
    let mut functions: Vec<&str> = asked.iter().filter(has).copied().collect();
    // The one of the later kernel took over; where it is there, the older one is not asked any more.
    if call == "ftruncate" {
        functions.truncate(1);
    }
    functions
}

/// What is asked about the inode after a function that is asked about its path.
fn by_inode(function: &str) -> Vec<&'static str> {
    let row =
        ASKED.iter().find(|(_, asked)| function.starts_with("security_path_") && asked.contains(&function));
    let asked = row.map_or(&[][..], |(_, asked)| asked).iter();
    asked.filter(|other| other.starts_with("security_inode_")).copied().collect()
}

/// The name of the system call whose entry a function is.
fn plain(function: &str) -> Option<&str> {
    let prefixes = [entry::NATIVE, entry::IA32, entry::IA32_COMPAT, entry::X32_COMPAT];
    prefixes.iter().find_map(|prefix| function.strip_prefix(prefix))
}

/// What has happened already when `function` is asked, and the function that is asked before.
pub(super) fn too_late(function: &str) -> Option<(&'static str, &'static str)> {
    LATE.iter().find(|(name, _, _)| *name == function).map(|(_, what, before)| (*what, *before))
}

/// What this kernel no longer asks `function` about, and the function that it asks instead.
pub(super) fn passed_by(function: &str, facts: &KernelFacts) -> Option<(&'static str, &'static str)> {
    let has = |name: &str| facts.functions.answer(name) == FunctionAnswer::Present;
    (function == "security_path_truncate" && has("security_file_truncate")).then_some((
        "ftruncate of an open file asks another function on this kernel",
        "security_file_truncate",
    ))
}

/// Which function a kernel without `function` asks instead.
pub(super) fn before(function: &str, facts: &KernelFacts) -> Option<&'static str> {
    let older = match function {
        "security_file_truncate" => "security_path_truncate",
        "security_bprm_creds_for_exec" | "security_bprm_creds_from_file" => "security_bprm_check",
        "security_file_ioctl_compat" => "security_file_ioctl",
        "security_bpf_map_create" | "security_bpf_prog_load" => "security_bpf",
        _ => return None,
    };
    (facts.functions.answer(older) == FunctionAnswer::Present).then_some(older)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::super::pairs;
    use super::*;
    use crate::kernel::recorded;

    #[rstest]
    #[case("5.10", "__x64_sys_ftruncate", &["security_path_truncate"])]
    #[case("6.1", "__x64_sys_ftruncate", &["security_path_truncate"])]
    #[case("6.12", "__x64_sys_ftruncate", &["security_file_truncate"])]
    #[case("7.3", "__x64_sys_ftruncate", &["security_file_truncate"])]
    #[case("6.12", "__x64_sys_truncate", &["security_path_truncate"])]
    #[case("5.10", "__ia32_sys_unlink", &["security_path_unlink", "security_inode_unlink"])]
    #[case("5.10", "__x64_sys_getpid", &[])]
    #[case("5.10", "security_path_chown", &["security_inode_setattr"])]
    #[case("5.10", "vfs_open", &[])]
    fn every_kernel_has_a_function_of_its_own_to_ask(
        #[case] kernel: &str,
        #[case] function: &str,
        #[case] expected: &[&str],
    ) {
        let facts = recorded::of_kernel(kernel).unwrap();
        assert_eq!(refusing(function, Some(&facts)), expected);
    }

    #[rstest]
    #[case("5.10", false)]
    #[case("6.1", false)]
    #[case("6.12", true)]
    #[case("7.3", true)]
    fn ftruncate_passes_by_path_truncate_where_it_has_a_function_of_its_own(
        #[case] kernel: &str,
        #[case] passes: bool,
    ) {
        let facts = recorded::of_kernel(kernel).unwrap();
        assert_eq!(passed_by("security_path_truncate", &facts).is_some(), passes);
        assert!(before("security_file_truncate", &facts).is_some());
    }

    #[test]
    fn every_function_of_the_table_can_refuse_through_a_hook_and_is_on_some_kernel() {
        let kernels: Vec<_> = ["5.10", "7.3"].map(|id| recorded::of_kernel(id).unwrap()).into();
        for function in ASKED.iter().flat_map(|(_, asked)| *asked) {
            assert!(pairs::of_function(function).is_some(), "{function}");
            let there = |facts: &KernelFacts| facts.functions.answer(function) == FunctionAnswer::Present;
            assert!(kernels.iter().any(there), "{function}");
        }
    }

    #[test]
    fn every_call_of_the_table_is_an_entry_of_some_kernel_and_stands_once() {
        let facts = recorded::of_kernel("7.3").unwrap();
        let mut seen = std::collections::BTreeSet::new();
        for call in ASKED.iter().flat_map(|(calls, _)| *calls) {
            assert!(seen.insert(call), "{call} stands twice");
            let answer = facts.functions.answer(&format!("{}{call}", entry::NATIVE));
            assert_eq!(answer, FunctionAnswer::Present, "{call}");
        }
    }
}
