//! Which function of the kernel asks which hook of the security modules, and how the arguments of the two relate.
//!
//! Names, number and order of arguments differ between a `security_*` function and its hook, and between kernels, so the pairs
//! are written down here and compared with the kernel's type information before use. Listed are only hooks that return an
//! error, whose return value is 0 where nobody objects, and which programs may attach to: for any other, an error returned
//! by a program would not mean a refusal, or 0 would grant something.

use crate::kernel::facts::{KernelFacts, PrototypeAnswer};
use crate::kernel::prototype::Prototype;

/// A function and the hook that it asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pair {
    /// As the kernel calls it, `security_…`.
    pub function: &'static str,
    /// Without `bpf_lsm_`.
    pub hook: &'static str,
    /// Where arguments are not the same ones in the same order: one shape per number of parameters that kernels have had.
    pub shapes: &'static [Shape],
}

/// How the parameters of a pair relate on the kernels where they have these numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Parameters of the hook.
    pub hook_parameters: usize,
    /// Per parameter of the function, which one of the hook is the same thing.
    pub of_function: &'static [Option<u8>],
}

/// Functions whose hook has their name without `security_`, and the same parameters on every kernel that has both (compared on
/// 5.10.262, 6.1.192, 6.12.117, 6.18.44 and 7.3.4).
const SAME_NAME: &[&str] = &[
    "security_binder_set_context_mgr",
    "security_binder_transaction",
    "security_binder_transfer_binder",
    "security_binder_transfer_file",
    "security_bpf",
    "security_bpf_map",
    "security_bpf_map_create",
    "security_bpf_prog",
    "security_bpf_prog_load",
    "security_bpf_token_create",
    "security_bprm_creds_for_exec",
    "security_bprm_creds_from_file",
    "security_capable",
    "security_capget",
    "security_capset",
    "security_file_fcntl",
    "security_file_ioctl",
    "security_file_ioctl_compat",
    "security_file_lock",
    "security_file_mprotect",
    "security_file_open",
    "security_file_permission",
    "security_file_post_open",
    "security_file_receive",
    "security_file_send_sigiotask",
    "security_file_truncate",
    "security_inet_conn_request",
    "security_inode_create",
    "security_inode_file_setattr",
    "security_inode_follow_link",
    "security_inode_get_acl",
    "security_inode_getattr",
    "security_inode_getxattr",
    "security_inode_link",
    "security_inode_listxattr",
    "security_inode_mkdir",
    "security_inode_mknod",
    "security_inode_permission",
    "security_inode_readlink",
    "security_inode_remove_acl",
    "security_inode_removexattr",
    "security_inode_rmdir",
    "security_inode_set_acl",
    "security_inode_setxattr",
    "security_inode_symlink",
    "security_inode_unlink",
    "security_ipc_permission",
    "security_kernel_load_data",
    "security_kernel_module_request",
    "security_kernel_post_load_data",
    "security_kernel_post_read_file",
    "security_kernel_read_file",
    "security_key_alloc",
    "security_key_permission",
    "security_locked_down",
    "security_mmap_addr",
    "security_move_mount",
    "security_msg_queue_associate",
    "security_msg_queue_msgctl",
    "security_msg_queue_msgrcv",
    "security_msg_queue_msgsnd",
    "security_netlink_send",
    "security_path_chmod",
    "security_path_chown",
    "security_path_chroot",
    "security_path_link",
    "security_path_mkdir",
    "security_path_mknod",
    "security_path_notify",
    "security_path_rmdir",
    "security_path_symlink",
    "security_path_truncate",
    "security_path_unlink",
    "security_perf_event_alloc",
    "security_perf_event_open",
    "security_perf_event_read",
    "security_perf_event_write",
    "security_ptrace_access_check",
    "security_ptrace_traceme",
    "security_quota_on",
    "security_quotactl",
    "security_sb_kern_mount",
    "security_sb_mount",
    "security_sb_pivotroot",
    "security_sb_remount",
    "security_sb_statfs",
    "security_sb_umount",
    "security_sem_associate",
    "security_sem_semctl",
    "security_sem_semop",
    "security_shm_associate",
    "security_shm_shmat",
    "security_shm_shmctl",
    "security_socket_accept",
    "security_socket_bind",
    "security_socket_connect",
    "security_socket_create",
    "security_socket_getpeername",
    "security_socket_getsockname",
    "security_socket_getsockopt",
    "security_socket_listen",
    "security_socket_post_create",
    "security_socket_recvmsg",
    "security_socket_sendmsg",
    "security_socket_setsockopt",
    "security_socket_shutdown",
    "security_socket_socketpair",
    "security_syslog",
    "security_task_alloc",
    "security_task_fix_setgid",
    "security_task_fix_setgroups",
    "security_task_fix_setuid",
    "security_task_getioprio",
    "security_task_getpgid",
    "security_task_getscheduler",
    "security_task_getsid",
    "security_task_kill",
    "security_task_movememory",
    "security_task_prlimit",
    "security_task_setioprio",
    "security_task_setnice",
    "security_task_setpgid",
    "security_task_setrlimit",
    "security_task_setscheduler",
    "security_tun_dev_attach",
    "security_tun_dev_attach_queue",
    "security_tun_dev_create",
    "security_tun_dev_open",
    "security_unix_find",
    "security_unix_may_send",
    "security_unix_stream_connect",
    "security_uring_allowed",
    "security_uring_cmd",
    "security_uring_override_creds",
    "security_uring_sqpoll",
];

/// Functions whose hook has another name, or other parameters.
const OTHERS: &[Pair] = &[
    Pair { function: "security_bprm_check", hook: "bprm_check_security", shapes: &[] },
    Pair { function: "security_create_user_ns", hook: "userns_create", shapes: &[] },
    Pair { function: "security_settime64", hook: "settime", shapes: &[] },
    // The function is given the protection that was asked for, and works out itself what the hook gets as third argument.
    Pair {
        function: "security_mmap_file",
        hook: "mmap_file",
        shapes: &[Shape { hook_parameters: 4, of_function: &[Some(0), Some(1), Some(3)] }],
    },
    // The flags are the function's own: it asks the hook twice for an exchange.
    Pair {
        function: "security_inode_rename",
        hook: "inode_rename",
        shapes: &[Shape { hook_parameters: 4, of_function: &[Some(0), Some(1), Some(2), Some(3), None] }],
    },
    // Before Linux 5.19 the flags were the function's own here, too.
    Pair {
        function: "security_path_rename",
        hook: "path_rename",
        shapes: &[
            Shape { hook_parameters: 4, of_function: &[Some(0), Some(1), Some(2), Some(3), None] },
            Shape { hook_parameters: 5, of_function: &[Some(0), Some(1), Some(2), Some(3), Some(4)] },
        ],
    },
    // Between Linux 6.0 and 6.9 the function, and not the hook, got the mount's mapping of users.
    Pair {
        function: "security_inode_setattr",
        hook: "inode_setattr",
        shapes: &[
            Shape { hook_parameters: 2, of_function: &[Some(0), Some(1)] },
            Shape { hook_parameters: 2, of_function: &[None, Some(0), Some(1)] },
            Shape { hook_parameters: 3, of_function: &[Some(0), Some(1), Some(2)] },
        ],
    },
];

/// The longest prototype of the table's functions.
const MOST_PARAMETERS: u8 = 6;

/// Every pair.
pub fn all() -> impl Iterator<Item = Pair> {
    let same = SAME_NAME.iter().filter_map(|function| {
        Some(Pair { function, hook: function.strip_prefix("security_")?, shapes: &[] })
    });
    same.chain(OTHERS.iter().copied())
}

/// The pair of a function.
#[must_use]
pub fn of_function(function: &str) -> Option<Pair> {
    all().find(|pair| pair.function == function)
}

/// The pair of a hook, named without `security_` or `bpf_lsm_`.
#[must_use]
pub fn of_hook(hook: &str) -> Option<Pair> {
    all().find(|pair| pair.hook == hook)
}

/// Which argument of the other side an argument is; `None` for one that the other side is not given.
pub type Arguments = Vec<Option<u8>>;

/// Why a pair cannot be used on a kernel.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PairError {
    /// The kernel's type information has them otherwise than the table.
    #[error(
        "`{function}` is {function_has} and its hook {hook_has} on this kernel, which no known pair is like"
    )]
    Unlike {
        /// The function.
        function: &'static str,
        /// Its prototype.
        function_has: String,
        /// The prototype of the hook.
        hook_has: String,
    },
    /// How many arguments the two have decides how they relate, and it is not known.
    #[error("the arguments of `{function}` and of its hook on this kernel are not known")]
    NotKnown {
        /// The function.
        function: &'static str,
    },
}

impl Pair {
    /// The name of the hook's function in the kernel's type information.
    #[must_use]
    pub fn symbol(&self) -> String {
        format!("bpf_lsm_{}", self.hook)
    }

    /// Per argument of the function, which one of the hook it is on this kernel.
    ///
    /// # Errors
    /// When the kernel has one of them otherwise than this table knows it.
    pub fn to_hook(&self, facts: &KernelFacts) -> Result<Arguments, PairError> {
        let of = |name: &str| match facts.prototype(name) {
            PrototypeAnswer::Known(prototype) => Some(prototype.clone()),
            PrototypeAnswer::NotDescribed | PrototypeAnswer::NotAsked => None,
        };
        match (of(self.function), of(&self.symbol())) {
            (Some(function), Some(hook)) => self.compare(&function, &hook),
            // Nothing but the table says how they relate; where it has one answer, that is enough.
            _ => self.only().ok_or(PairError::NotKnown { function: self.function }),
        }
    }

    /// Per argument of the hook, which one of the function it is on this kernel.
    ///
    /// # Errors
    /// When the kernel has one of them otherwise than this table knows it.
    pub fn to_function(&self, facts: &KernelFacts) -> Result<Arguments, PairError> {
        Ok(inverse(&self.to_hook(facts)?))
    }

    /// The one way in which they relate on every kernel, if there is only one.
    fn only(&self) -> Option<Arguments> {
        match self.shapes {
            [] => Some((0..MOST_PARAMETERS).map(Some).collect()),
            [only] => Some(only.of_function.to_vec()),
            _ => None,
        }
    }

    /// How the arguments relate where the two have these prototypes.
    ///
    /// # Errors
    /// When the table has no such shape, or an argument is of another type on the other side.
    pub fn compare(&self, function: &Prototype, hook: &Prototype) -> Result<Arguments, PairError> {
        let unlike = || PairError::Unlike {
            function: self.function,
            function_has: function.to_string(),
            hook_has: hook.to_string(),
        };
        let counts = |shape: &&Shape| {
            shape.hook_parameters == hook.parameters.len()
                && shape.of_function.len() == function.parameters.len()
        };
        let arguments: Arguments = match self.shapes.iter().find(counts) {
            Some(shape) => shape.of_function.to_vec(),
            None if self.shapes.is_empty() && function.parameters.len() == hook.parameters.len() => {
                (0_u8..).map(Some).take(function.parameters.len()).collect()
            }
            None => return Err(unlike()),
        };
        let alike = arguments.iter().zip(&function.parameters).all(|(index, parameter)| {
            index.is_none_or(|index| hook.parameters.get(usize::from(index)) == Some(parameter))
        });
        if alike && function.returns == hook.returns { Ok(arguments) } else { Err(unlike()) }
    }
}

/// The same relation from the other side.
fn inverse(arguments: &[Option<u8>]) -> Arguments {
    let most = arguments.iter().flatten().max().map_or(0, |most| usize::from(*most) + 1);
    let mut back = vec![None; most];
    for (index, other) in (0_u8..).zip(arguments) {
        if let Some(slot) = other.and_then(|other| back.get_mut(usize::from(other))) {
            *slot = Some(index);
        }
    }
    back
}

#[cfg(test)]
#[path = "pairs_tests.rs"]
mod tests;
