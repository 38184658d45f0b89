//! The kernel's names of the entries of system calls on x86-64: which functions a call of each ABI reaches.
//!
//! An entry is not always called like its call. `fstat` reaches `__x64_sys_newfstat`, while `__x64_sys_fstat` exists beside it
//! and is reached by no 64-bit program: a hook there would never fire, and nobody would notice. The tables follow the kernel's
//! `arch/x86/entry/syscalls/syscall_{64,32}.tbl`; the entries called `ia32_…` there had other names before Linux 5.7.

use quell_wire::hook::Convention;

/// Before the entries of 64-bit calls, which x32 programs reach too where there is no other for them.
pub const NATIVE: &str = "__x64_sys_";
/// Before the entries of 32-bit calls that are served like 64-bit ones.
pub const IA32: &str = "__ia32_sys_";
/// Before the entries of 32-bit calls whose arguments have another layout.
pub const IA32_COMPAT: &str = "__ia32_compat_sys_";
/// Before the entries of x32 calls whose arguments have another layout. Their registers are those of 64-bit calls.
pub const X32_COMPAT: &str = "__x32_compat_sys_";
/// The same since Linux 5.7.
pub const X32_COMPAT_LATER: &str = "__x64_compat_sys_";

/// Prefixes of entries. None is the beginning of another.
const PREFIXES: [(&str, Convention); 5] = [
    (NATIVE, Convention::Syscall64),
    (IA32, Convention::Syscall32),
    (IA32_COMPAT, Convention::Syscall32),
    (X32_COMPAT, Convention::Syscall64),
    (X32_COMPAT_LATER, Convention::Syscall64),
];

/// Entries that are not called like their 64-bit call.
const NATIVE_NAMES: &[(&str, &str)] = &[
    ("stat", "newstat"),
    ("fstat", "newfstat"),
    ("lstat", "newlstat"),
    ("uname", "newuname"),
    ("umount2", "umount"),
    ("sendfile", "sendfile64"),
    ("_sysctl", "sysctl"),
];

/// Entries that are not called like their 32-bit call; calls of 64-bit times follow rules, see [`ia32_name`].
const IA32_NAMES: &[(&str, &str)] = &[
    ("oldstat", "stat"),
    ("oldfstat", "fstat"),
    ("oldlstat", "lstat"),
    ("stat", "newstat"),
    ("fstat", "newfstat"),
    ("lstat", "newlstat"),
    ("oldolduname", "olduname"),
    ("olduname", "uname"),
    ("uname", "newuname"),
    ("umount", "oldumount"),
    ("umount2", "umount"),
    ("_sysctl", "sysctl"),
    ("select", "old_select"),
    ("_newselect", "select"),
    ("readdir", "old_readdir"),
    ("getrlimit", "old_getrlimit"),
    ("ugetrlimit", "getrlimit"),
    ("_llseek", "llseek"),
    ("mmap", "ia32_mmap"),
    ("mmap2", "mmap_pgoff"),
    ("clone", "ia32_clone"),
    ("pread64", "ia32_pread64"),
    ("pwrite64", "ia32_pwrite64"),
    ("truncate64", "ia32_truncate64"),
    ("ftruncate64", "ia32_ftruncate64"),
    ("stat64", "ia32_stat64"),
    ("lstat64", "ia32_lstat64"),
    ("fstat64", "ia32_fstat64"),
    ("fstatat64", "ia32_fstatat64"),
    ("readahead", "ia32_readahead"),
    ("fadvise64", "ia32_fadvise64"),
    ("fadvise64_64", "ia32_fadvise64_64"),
    ("sync_file_range", "ia32_sync_file_range"),
    ("fallocate", "ia32_fallocate"),
    ("time", "time32"),
    ("stime", "stime32"),
    ("utime", "utime32"),
    ("utimes", "utimes_time32"),
    ("futimesat", "futimesat_time32"),
    ("utimensat", "utimensat_time32"),
    ("adjtimex", "adjtimex_time32"),
    ("clock_adjtime", "clock_adjtime32"),
    ("clock_settime", "clock_settime32"),
    ("clock_gettime", "clock_gettime32"),
    ("clock_getres", "clock_getres_time32"),
    ("clock_nanosleep", "clock_nanosleep_time32"),
    ("nanosleep", "nanosleep_time32"),
    ("sched_rr_get_interval", "sched_rr_get_interval_time32"),
    ("rt_sigtimedwait", "rt_sigtimedwait_time32"),
    ("futex", "futex_time32"),
    ("io_getevents", "io_getevents_time32"),
    ("timer_settime", "timer_settime32"),
    ("timer_gettime", "timer_gettime32"),
    ("timerfd_settime", "timerfd_settime32"),
    ("timerfd_gettime", "timerfd_gettime32"),
    ("mq_timedsend", "mq_timedsend_time32"),
    ("mq_timedreceive", "mq_timedreceive_time32"),
    ("pselect6", "pselect6_time32"),
    ("ppoll", "ppoll_time32"),
    ("recvmmsg", "recvmmsg_time32"),
];

/// 32-bit calls with user and group ids of 16 bits, whose entries have these at the end; `…32` is the entry without.
const SHORT_IDS: &[&str] = &[
    "chown",
    "fchown",
    "lchown",
    "getuid",
    "geteuid",
    "getgid",
    "getegid",
    "setuid",
    "setgid",
    "setreuid",
    "setregid",
    "getresuid",
    "setresuid",
    "getresgid",
    "setresgid",
    "setfsuid",
    "setfsgid",
    "getgroups",
    "setgroups",
];

/// 32-bit calls whose names end in `64` for times of 64 bits, where the entry does not.
const LONG_TIMES: &[&str] = &[
    "clock_gettime64",
    "clock_settime64",
    "clock_adjtime64",
    "timer_gettime64",
    "timer_settime64",
    "timerfd_gettime64",
    "timerfd_settime64",
];

/// One entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The kernel's function.
    pub symbol: String,
    /// Where its arguments are.
    pub convention: Convention,
}

/// Where the arguments of a function are, if it is the entry of a system call.
#[must_use]
pub fn convention(function: &str) -> Option<Convention> {
    PREFIXES.iter().find(|(prefix, _)| function.starts_with(prefix)).map(|(_, convention)| *convention)
}

/// The entry of a 64-bit call: `write` is `__x64_sys_write`.
#[must_use]
pub fn native(call: &str) -> String {
    format!("{NATIVE}{}", renamed(NATIVE_NAMES, call))
}

/// The entry of a 32-bit call; [`every`] has the other one, which the kernel may have instead.
#[must_use]
pub fn ia32(call: &str) -> String {
    format!("{IA32}{}", ia32_name(call))
}

fn renamed<'c>(names: &[(&str, &'c str)], call: &'c str) -> &'c str {
    names.iter().find(|(name, _)| *name == call).map_or(call, |(_, entry)| entry)
}

fn ia32_name(call: &str) -> String {
    if SHORT_IDS.contains(&call) {
        return format!("{call}16");
    }
    if let Some(plain) = call.strip_suffix("32").filter(|plain| SHORT_IDS.contains(plain)) {
        return plain.to_owned();
    }
    if LONG_TIMES.contains(&call) {
        return call.trim_end_matches("64").to_owned();
    }
    match call.strip_suffix("_time64") {
        // These take a structure that has a layout of its own in 32-bit programs besides the times.
        Some("pselect6" | "ppoll" | "recvmmsg" | "rt_sigtimedwait" | "io_pgetevents") => call.to_owned(),
        Some(plain) => plain.to_owned(),
        None => renamed(IA32_NAMES, call).to_owned(),
    }
}

/// The function of a name that is not the kernel's own: `sys_write`, or one ABI's `x64/sys_write` and `i386/sys_write`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Portable {
    /// The kernel's function.
    pub function: String,
    /// Whether the name stands for [`every`] entry of that function.
    pub every_abi: bool,
}

/// The function that a portable name means; `None` for a name as the kernel has it.
#[must_use]
pub fn portable(name: &str) -> Option<Portable> {
    let (abi, call) = match name.split_once('/') {
        Some((abi, call)) => (Some(abi), call),
        None => (None, name),
    };
    let call = call.strip_prefix("sys_")?;
    match abi {
        None => Some(Portable { function: native(call), every_abi: true }),
        Some("x64") => Some(Portable { function: native(call), every_abi: false }),
        Some("i386") => Some(Portable { function: ia32(call), every_abi: true }),
        Some(_) => None,
    }
}

/// Every entry that a function stands for where its call was written by its portable name (`sys_write`, `i386/sys_write`): with
/// the same arguments, in every ABI, or in both forms of the 32-bit one. A kernel has some of them. Just the function itself, if
/// it is no such entry.
#[must_use]
pub fn every(function: &str) -> Vec<Entry> {
    let call = |prefix| function.strip_prefix(prefix);
    let (plain, prefixes) = match (call(NATIVE), call(IA32)) {
        // The other name of the x32 entry is no further one.
        (Some(plain), _) => (plain, &PREFIXES[..4]),
        (None, Some(plain)) => (plain, &PREFIXES[1..3]),
        (None, None) => {
            let convention = convention(function).unwrap_or(Convention::Function);
            return vec![Entry { symbol: function.to_owned(), convention }];
        }
    };
    let entry = |(prefix, convention): &(&str, Convention)| Entry {
        symbol: format!("{prefix}{plain}"),
        convention: *convention,
    };
    prefixes.iter().map(entry).collect()
}

/// 64-bit calls that have a number and no entry in any kernel.
const NEVER_SERVED: &[&str] = &[
    "create_module",
    "get_kernel_syms",
    "query_module",
    "nfsservctl",
    "getpmsg",
    "putpmsg",
    "afs_syscall",
    "tuxcall",
    "security",
    "vserver",
    "set_thread_area",
    "get_thread_area",
    "epoll_ctl_old",
    "epoll_wait_old",
    "uselib",
];

/// Every 64-bit call that has ever had an entry since Linux 5.3, by its portable name, in the order of their numbers.
pub fn all_calls() -> impl Iterator<Item = String> {
    let calls = syscalls::x86_64::Sysno::iter().map(|call| call.name());
    calls.filter(|call| !NEVER_SERVED.contains(call)).map(|call| format!("sys_{call}"))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("write", "__x64_sys_write", "__ia32_sys_write")]
    #[case("fstat", "__x64_sys_newfstat", "__ia32_sys_newfstat")]
    #[case("umount2", "__x64_sys_umount", "__ia32_sys_umount")]
    #[case("sendfile", "__x64_sys_sendfile64", "__ia32_sys_sendfile")]
    #[case("chown", "__x64_sys_chown", "__ia32_sys_chown16")]
    #[case("chown32", "__x64_sys_chown32", "__ia32_sys_chown")]
    #[case("futex", "__x64_sys_futex", "__ia32_sys_futex_time32")]
    #[case("futex_time64", "__x64_sys_futex_time64", "__ia32_sys_futex")]
    #[case("ppoll_time64", "__x64_sys_ppoll_time64", "__ia32_sys_ppoll_time64")]
    #[case("clock_gettime64", "__x64_sys_clock_gettime64", "__ia32_sys_clock_gettime")]
    fn calls_have_their_entries(#[case] call: &str, #[case] of_native: &str, #[case] of_ia32: &str) {
        assert_eq!((native(call).as_str(), ia32(call).as_str()), (of_native, of_ia32));
    }

    #[rstest]
    #[case("__x64_sys_write", Some(Convention::Syscall64))]
    #[case("__ia32_sys_write", Some(Convention::Syscall32))]
    #[case("__ia32_compat_sys_openat", Some(Convention::Syscall32))]
    #[case("__x32_compat_sys_ioctl", Some(Convention::Syscall64))]
    #[case("__x64_compat_sys_ioctl", Some(Convention::Syscall64))]
    #[case("__do_sys_write", None)]
    #[case("ksys_write", None)]
    fn a_name_says_where_the_arguments_are(#[case] function: &str, #[case] expected: Option<Convention>) {
        assert_eq!(convention(function), expected);
    }

    #[rstest]
    #[case(
        "__x64_sys_openat",
        &["__x64_sys_openat", "__ia32_sys_openat", "__ia32_compat_sys_openat", "__x32_compat_sys_openat"]
    )]
    #[case("__ia32_sys_openat", &["__ia32_sys_openat", "__ia32_compat_sys_openat"])]
    #[case("__ia32_compat_sys_openat", &["__ia32_compat_sys_openat"])]
    #[case("security_file_open", &["security_file_open"])]
    fn a_portable_name_stands_for_the_entries_of_every_abi(
        #[case] function: &str,
        #[case] expected: &[&str],
    ) {
        let entries = every(function);
        let symbols: Vec<_> = entries.iter().map(|entry| entry.symbol.as_str()).collect();
        assert_eq!(symbols, expected);
        for entry in entries {
            assert_eq!(entry.convention, convention(&entry.symbol).unwrap_or(Convention::Function));
        }
    }

    #[rstest]
    #[case("sys_fstat", Some(("__x64_sys_newfstat", true)))]
    #[case("x64/sys_write", Some(("__x64_sys_write", false)))]
    #[case("i386/sys_chown", Some(("__ia32_sys_chown16", true)))]
    #[case("arm64/sys_write", None)]
    #[case("__x64_sys_write", None)]
    #[case("nf_tables:sys_write", None)]
    fn a_portable_name_is_the_function_of_its_call(
        #[case] name: &str,
        #[case] expected: Option<(&str, bool)>,
    ) {
        let found = portable(name);
        assert_eq!(found.as_ref().map(|own| (own.function.as_str(), own.every_abi)), expected);
    }

    #[test]
    fn one_load_serves_every_entry_of_a_call() {
        assert_eq!(u32::try_from(every("__x64_sys_write").len()), Ok(quell_wire::limits::MAX_TARGETS));
    }

    #[test]
    fn the_tables_name_calls_that_there_are() {
        let native_call = |name: &str| syscalls::x86_64::Sysno::iter().any(|call| call.name() == name);
        let ia32_call = |name: &str| syscalls::x86::Sysno::iter().any(|call| call.name() == name);
        for (call, _) in NATIVE_NAMES {
            assert!(native_call(call), "{call}");
        }
        for call in NEVER_SERVED {
            assert!(native_call(call), "{call}");
        }
        for call in IA32_NAMES.iter().map(|(call, _)| call).chain(SHORT_IDS).chain(LONG_TIMES) {
            assert!(ia32_call(call), "{call}");
        }
        assert!(all_calls().count() > 300);
        assert!(all_calls().all(|call| call.starts_with("sys_")));
    }
}
