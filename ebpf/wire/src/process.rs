//! Records of what outlives one call: the table of processes, notes for enforcers, calls that wait for their return.

use crate::limits::MAX_ANCESTORS;
use crate::schema::{numbers, record};

const IDS: usize = 1 + MAX_ANCESTORS as usize;

numbers! { FLAGS, "The rows for the C header.";
    /// Process flag: it was there before the table; its entry is from /proc, its ancestors are its parents of then.
    pub const PROCESS_SCANNED = 1;
    /// Process flag: its ancestors are more than the entry has room for.
    pub const PROCESS_ANCESTORS_CUT = 2;
    /// Process flag: what its namespaces and capabilities were when it executed its program, or when the table first saw it, could
    /// not be read.
    pub const PROCESS_AT_EXEC_UNKNOWN = 4;
    /// Process flag: the path of some program that it, or a process that it descends from, ran could not be read whole, so that
    /// a bit missing in `followed` says nothing.
    pub const PROCESS_FOLLOWED_UNKNOWN = 8;
    /// Nanoseconds of a clock tick (USER_HZ is 100 on x86-64), to which starts of processes in /proc are rounded down; so is
    /// `start_ns` of a process with PROCESS_SCANNED.
    pub const PROCESS_TICK_NS = 10000000;
    /// Nanoseconds for which a note for an enforcer holds: the call that it is about is under way.
    pub const NOTE_AGE_NS = 1000000000;
    /// Bytes of a program's arguments in the event of its execution.
    pub const PROCESS_ARGUMENT_BYTES = 256;
}

record! {
    /// What an event of an execution or an end says beside its head: the bytes of its last argument.
    pub struct ProcessDetails as "quell_process_details" {
        /// Permitted capabilities.
        pub cap_permitted: u64,
        /// Effective ones.
        pub cap_effective: u64,
        /// Inheritable ones.
        pub cap_inheritable: u64,
        /// Its id and those of the processes that it descends from by fork, nearest first, in the initial PID namespace.
        pub ids: [u32; IDS],
        /// Inode numbers of its namespaces, in the order of the subjects; zeros in the event of an end.
        pub namespaces: [u32; 10],
        /// PROCESS_* bits.
        pub flags: u32,
        /// Ancestors in `ids` that are real.
        pub ancestors: u32,
        /// Real user id.
        pub uid: u32,
        /// Real group id.
        pub gid: u32,
        /// Effective user id.
        pub euid: u32,
        /// Effective group id.
        pub egid: u32,
        /// Of an end: what wait(2) reports; else 0.
        pub exit_status: u32,
        /// Zero.
        pub reserved: u32,
    }
}

record! {
    /// One process in the table; the key is its id in the initial PID namespace (u32).
    pub struct ProcessEntry as "quell_process_entry" {
        /// Start of the process, CLOCK_BOOTTIME (before Linux 5.5: `real_start_time`), nanoseconds: another one is another process
        /// that was given the same id.
        pub start_ns: u64,
        /// Start of its parent, the same way.
        pub parent_start_ns: u64,
        /// Bit N: it, or a process that it descends from by fork, ran a program of the followed set with this bit.
        pub followed: u64,
        /// Permitted capabilities when it executed its program or when the table first saw it, whichever is later.
        pub cap_permitted: u64,
        /// Effective ones.
        pub cap_effective: u64,
        /// Inheritable ones.
        pub cap_inheritable: u64,
        /// Its id and those of the processes that it descends from by fork, nearest first; its own where there is none.
        pub ids: [u32; IDS],
        /// The same in its own PID namespace, as `quell_process` has them.
        pub ns_ids: [u32; IDS],
        /// Inode numbers of its namespaces at the same moment, in the order of the subjects; 0 for kinds that the kernel has none of.
        pub namespaces: [u32; 10],
        /// PROCESS_* bits.
        pub flags: u32,
        /// Ancestors in `ids` that are real.
        pub ancestors: u32,
    }
}

record! {
    /// What an enforcer shall do with the next call of a thread; the key is its thread and process id (u64).
    pub struct EnforcerNote as "quell_enforcer_note" {
        /// Start of the thread's process, as in ProcessEntry: ids come again.
        pub start_ns: u64,
        /// When it was left, CLOCK_MONOTONIC, nanoseconds.
        pub time_ns: u64,
        /// The error to return, negative; 0: the call goes on.
        pub error: i32,
        /// The signal to send; 0: none.
        pub signal: u32,
    }
}

record! {
    /// Key of a call that is kept until its function returns.
    pub struct KeptKey as "quell_kept_key" {
        /// Thread and process id.
        pub thread: u64,
        /// Number of the hook.
        pub hook: u32,
        /// Which target.
        pub target: u32,
    }
}
