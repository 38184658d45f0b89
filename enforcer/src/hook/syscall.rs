//! The entries of one system call: which of them one hook serves, and which ways into the same call it leaves open.
//!
//! A portable name promises the call whatever the caller's ABI. Entries whose arguments stand in the same places, as far as
//! the policy looks at them, are served together; the others are named, so that nobody takes them for covered.

use quell_wire::hook::Convention;
use quell_wire::limits::MAX_TARGETS;

use super::mechanism::Target;
use crate::kernel::functions::{FunctionAnswer, Functions};
use crate::policy::ast::{ArgSource, Hook};
use crate::policy::entry::{self, IA32, IA32_COMPAT, NATIVE};

/// Entries of x32 calls whose arguments have another layout, since Linux 5.7; before, [`entry::X32_COMPAT`].
const X32_COMPAT_LATER: &str = "__x64_compat_sys_";

/// Entries of calls that had another name before Linux 5.7, without the prefix: `x86_` where it is `ia32_` now, and these.
const BEFORE: &[(&str, &str)] = &[("ia32_pread64", "x86_pread"), ("ia32_pwrite64", "x86_pwrite")];

/// Entries of 32-bit programs that take the first arguments where the 64-bit call has them, and how many; behind them are
/// numbers of 64 bits in two registers, ids of 16 bits, or arguments in another order.
const SHARED: &[(&str, u8)] = &[
    ("ia32_pread64", 3),
    ("ia32_pwrite64", 3),
    ("ia32_fallocate", 2),
    ("ia32_truncate64", 1),
    ("ia32_ftruncate64", 1),
    ("ia32_readahead", 1),
    ("ia32_fadvise64", 1),
    ("ia32_sync_file_range", 1),
    ("ia32_clone", 3),
    ("chown16", 1),
    ("fchown16", 1),
    ("lchown16", 1),
    // The last argument counts pages, not bytes.
    ("mmap_pgoff", 5),
    ("fcntl64", 3),
    ("stat", 2),
    ("lstat", 2),
    ("fstat", 2),
    ("ia32_stat64", 2),
    ("ia32_lstat64", 2),
    ("ia32_fstat64", 2),
    ("ia32_fstatat64", 4),
    ("llseek", 1),
    ("sendfile", 4),
    ("waitpid", 3),
    ("oldumount", 1),
];

/// Other calls of 32-bit programs that do the same.
const SAME_EFFECT: &[(&str, &[&str])] = &[
    ("ia32_truncate64", &["truncate"]),
    ("ia32_ftruncate64", &["ftruncate"]),
    ("mmap_pgoff", &["mmap"]),
    ("fcntl64", &["fcntl"]),
    ("ia32_stat64", &["newstat"]),
    ("stat", &["newstat"]),
    ("ia32_lstat64", &["newlstat"]),
    ("lstat", &["newlstat"]),
    ("ia32_fstat64", &["newfstat"]),
    ("fstat", &["newfstat"]),
    ("ia32_fstatat64", &["newfstatat"]),
    ("llseek", &["lseek"]),
    ("sendfile", &["sendfile64"]),
    ("waitpid", &["wait4"]),
    ("oldumount", &["umount"]),
    ("pselect6_time64", &["pselect6"]),
    ("ppoll_time64", &["ppoll"]),
    ("recvmmsg_time64", &["recvmmsg"]),
    ("rt_sigtimedwait_time64", &["rt_sigtimedwait"]),
    ("io_pgetevents_time64", &["io_pgetevents"]),
    (
        "socketcall",
        &[
            "socket",
            "bind",
            "connect",
            "listen",
            "accept",
            "accept4",
            "getsockname",
            "getpeername",
            "socketpair",
            "sendto",
            "recvfrom",
            "shutdown",
            "setsockopt",
            "getsockopt",
            "sendmsg",
            "recvmsg",
            "sendmmsg",
            "recvmmsg",
        ],
    ),
    (
        "ipc",
        &[
            "semop",
            "semtimedop",
            "semget",
            "semctl",
            "msgsnd",
            "msgrcv",
            "msgget",
            "msgctl",
            "shmat",
            "shmdt",
            "shmget",
            "shmctl",
        ],
    ),
];

/// What a hook at a system call is attached to, and what it leaves open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entries {
    /// Served together; empty when the kernel has none of them, or does not say.
    pub(super) targets: Vec<Target>,
    /// Entries that do the same and are not served, also such that the kernel may have.
    pub(super) open: Vec<String>,
}

/// The entries that a kernel has of the call whose native entry is `function`. `every_abi`: of every ABI; otherwise only
/// `function` itself is served. `highest`: the highest index of an argument that the policy looks at.
pub(super) fn entries(
    function: &str,
    every_abi: bool,
    highest: Option<u8>,
    functions: &Functions,
) -> Entries {
    let target = |symbol: String, convention| Target { symbol, convention };
    let convention = entry::convention(function).unwrap_or(Convention::Function);
    let mut targets = vec![target(function.to_owned(), convention)];
    let mut open = Vec::new();
    let mut alike = entry::every(function).split_off(1);
    if let Some(plain) = function.strip_prefix(NATIVE) {
        let symbol = format!("{X32_COMPAT_LATER}{plain}");
        alike.push(entry::Entry { symbol, convention: Convention::Syscall64 });
    }
    // Served where the kernel is known to have it and to let it be probed; whatever else may be a way in stays open.
    let mut take = |symbol: String, convention, fits: bool| match functions.answer(&symbol) {
        FunctionAnswer::Absent => {}
        FunctionAnswer::Present if every_abi && fits && targets.len() < usize_of(MAX_TARGETS) => {
            targets.push(target(symbol, convention));
        }
        FunctionAnswer::Present | FunctionAnswer::Ambiguous(_) | FunctionAnswer::Blacklisted => {
            open.push(symbol);
        }
        FunctionAnswer::Unknown => open.push(format!("{symbol} (whether it is there is not known)")),
    };
    // What was named alone is served alone; its x32 form takes the same way for all that a policy can see.
    for entry in alike {
        take(entry.symbol, entry.convention, true);
    }
    if let Some(plain) = function.strip_prefix(NATIVE) {
        for (other, shared) in others(plain) {
            for prefix in [IA32, IA32_COMPAT] {
                let fits = highest.is_none_or(|highest| highest < shared);
                take(format!("{prefix}{other}"), Convention::Syscall32, fits);
            }
        }
    }
    // The entry that was named may be one that this kernel does not have, while others of the call are there.
    if every_abi && targets.len() > 1 && functions.answer(function) == FunctionAnswer::Absent {
        targets.remove(0);
    }
    Entries { targets, open }
}

/// Entries of 32-bit programs into the same call under another name, and how many arguments stand in the same places.
fn others(plain: &str) -> Vec<(String, u8)> {
    let own = entry::ia32(plain).trim_start_matches(IA32).to_owned();
    let shared = |name: &str| {
        let listed = SHARED.iter().find(|(entry, _)| *entry == name).map(|(_, shared)| *shared);
        // Times are behind pointers, which are where they are in the 64-bit call.
        listed.unwrap_or(if name.ends_with("time32") || name.ends_with("_time64") { u8::MAX } else { 0 })
    };
    let named = (own != plain).then_some(own);
    let more = SAME_EFFECT
        .iter()
        .filter(|(_, calls)| calls.contains(&plain))
        .map(|(entry, _)| (*entry).to_owned())
        // It may be what the call is named by in the 32-bit ABI.
        .filter(|entry| named.as_ref() != Some(entry))
        .collect::<Vec<_>>();
    let before = |name: &str| {
        let listed = BEFORE.iter().find(|(now, _)| *now == name).map(|(_, before)| (*before).to_owned());
        listed.or_else(|| name.strip_prefix("ia32_").map(|rest| format!("x86_{rest}")))
    };
    let both = |name: String| {
        let shared = shared(&name);
        let before = before(&name);
        std::iter::once(name).chain(before).map(move |name| (name, shared))
    };
    named.into_iter().chain(more).flat_map(both).collect()
}

/// The arguments of the target that a hook looks at, sizes included.
pub(super) fn arguments(hook: &Hook) -> impl Iterator<Item = u8> {
    let named = hook.args.iter().filter_map(|arg| match arg.source {
        ArgSource::Argument(index) => Some(index),
        ArgSource::Returned | ArgSource::CurrentTask | ArgSource::Registers => None,
    });
    named.chain(hook.args.iter().filter_map(|arg| arg.size_arg))
}

/// The highest index of an argument that a hook looks at.
pub(super) fn highest_argument(hook: &Hook) -> Option<u8> {
    arguments(hook).max()
}

fn usize_of(limit: u32) -> usize {
    usize::try_from(limit).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn functions(names: &[&str]) -> Functions {
        let text: String = names.iter().map(|name| format!("0 T {name}\n")).collect();
        Functions::from_kallsyms(&text)
    }

    const KERNEL: &[&str] = &[
        "__x64_sys_write",
        "__ia32_sys_write",
        "__x64_sys_openat",
        "__ia32_sys_openat",
        "__ia32_compat_sys_openat",
        "__x64_sys_pwrite64",
        "__ia32_sys_pwrite64",
        "__ia32_sys_ia32_pwrite64",
        "__x64_sys_connect",
        "__ia32_sys_connect",
        "__ia32_compat_sys_socketcall",
        "__x64_sys_ioctl",
        "__ia32_compat_sys_ioctl",
        "__x64_compat_sys_ioctl",
        "__x64_sys_mmap",
        "__ia32_sys_mmap_pgoff",
        "__ia32_compat_sys_x86_mmap",
        "__x64_sys_fcntl",
        "__ia32_compat_sys_fcntl",
        "__ia32_compat_sys_fcntl64",
        "__x64_sys_umount",
        "__ia32_sys_umount",
        "__ia32_sys_oldumount",
        "__x64_sys_lseek",
        "__ia32_compat_sys_lseek",
        "__ia32_sys_llseek",
        "__x64_sys_pread64",
        "__ia32_compat_sys_x86_pread",
    ];

    #[rstest]
    #[case::both("__x64_sys_write", &["__x64_sys_write", "__ia32_sys_write"], &[])]
    #[case::with_a_layout_of_its_own(
        "__x64_sys_openat",
        &["__x64_sys_openat", "__ia32_sys_openat", "__ia32_compat_sys_openat"],
        &[]
    )]
    #[case::x32("__x64_sys_ioctl", &["__x64_sys_ioctl", "__ia32_compat_sys_ioctl", "__x64_compat_sys_ioctl"], &[])]
    #[case::with_another_way_in(
        "__x64_sys_connect",
        &["__x64_sys_connect", "__ia32_sys_connect"],
        &["__ia32_compat_sys_socketcall"]
    )]
    #[case::with_a_structure_of_arguments(
        "__x64_sys_mmap",
        &["__x64_sys_mmap", "__ia32_sys_mmap_pgoff"],
        &["__ia32_compat_sys_x86_mmap"]
    )]
    #[case::with_two_numbers(
        "__x64_sys_fcntl",
        &["__x64_sys_fcntl", "__ia32_compat_sys_fcntl", "__ia32_compat_sys_fcntl64"],
        &[]
    )]
    #[case::with_fewer_arguments("__x64_sys_umount", &["__x64_sys_umount", "__ia32_sys_umount"], &["__ia32_sys_oldumount"])]
    #[case::with_a_split_number("__x64_sys_lseek", &["__x64_sys_lseek", "__ia32_compat_sys_lseek"], &["__ia32_sys_llseek"])]
    #[case::with_its_older_name("__x64_sys_pread64", &["__x64_sys_pread64", "__ia32_compat_sys_x86_pread"], &[])]
    fn a_portable_name_covers_what_the_kernel_has(
        #[case] function: &str,
        #[case] targets: &[&str],
        #[case] open: &[&str],
    ) {
        let found = entries(function, true, Some(1), &functions(KERNEL));
        let symbols: Vec<_> = found.targets.iter().map(|target| target.symbol.as_str()).collect();
        assert_eq!(symbols, targets);
        assert_eq!(found.open, open);
        for target in found.targets {
            let ia32 = target.symbol.starts_with("__ia32_");
            assert_eq!(target.convention == Convention::Syscall32, ia32, "{}", target.symbol);
        }
    }

    #[rstest]
    #[case::before_the_split_number(Some(2), true)]
    #[case::behind_it(Some(3), false)]
    #[case::nothing(None, true)]
    fn an_entry_with_another_layout_is_served_as_far_as_the_arguments_are_the_same(
        #[case] highest: Option<u8>,
        #[case] served: bool,
    ) {
        let found = entries("__x64_sys_pwrite64", true, highest, &functions(KERNEL));
        let other = "__ia32_sys_ia32_pwrite64";
        assert_eq!(found.targets.iter().any(|target| target.symbol == other), served);
        assert_eq!(found.open.contains(&other.to_owned()), !served);
    }

    #[test]
    fn one_named_entry_is_served_alone_and_the_others_are_open() {
        let found = entries("__x64_sys_write", false, None, &functions(KERNEL));
        assert_eq!((found.targets.len(), found.open), (1, vec!["__ia32_sys_write".to_owned()]));
    }

    #[test]
    fn an_entry_of_which_nothing_is_known_stays_open() {
        let recorded = functions(&["__x64_sys_write"]).recorded(&["__x64_sys_"]);
        let found = entries("__x64_sys_write", true, None, &recorded);
        assert_eq!(found.targets.len(), 1);
        assert_eq!(found.open[0], "__ia32_sys_write (whether it is there is not known)");
    }

    #[test]
    fn a_call_that_only_32_bit_programs_have_is_served_where_it_is() {
        let found = entries("__x64_sys_old", true, None, &functions(&["__ia32_sys_old"]));
        assert_eq!(found.targets.len(), 1);
        assert_eq!(found.targets[0].symbol, "__ia32_sys_old");
    }
}
