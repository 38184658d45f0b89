//! Per-hook constants, counters and fault table: what the agent gives to a program, and what it reads back.

use crate::limits::{FAULT_ERRNOS, MAX_ARGS};
use crate::schema::{codes, numbers, record};

const ARGS: usize = MAX_ARGS as usize;
const ERRNOS: usize = FAULT_ERRNOS as usize;

codes! {
    /// Slots of the `kprobe_calls` program array: the stages behind the gateway. Search and Filter call themselves, once per
    /// search and per selector that is left; with the others that is at most 1 + 1 + 8 + 16 + 2 of the kernel's 33.
    pub enum Stage {
        /// matchPIDs of every selector: ACCEPT, CONTINUE or REJECT.
        ProcessFilter = 0 as "QUELL_STAGE_PROCESS_FILTER",
        /// Reads what filters look at.
        Arguments = 1 as "QUELL_STAGE_ARGUMENTS",
        /// Searches one subject for the values of one SubString entry.
        Search = 2 as "QUELL_STAGE_SEARCH",
        /// The match sections of one selector.
        Filter = 3 as "QUELL_STAGE_FILTER",
        /// Performs the actions of the selector that matched.
        Actions = 4 as "QUELL_STAGE_ACTIONS",
        /// Builds and posts the event.
        Post = 5 as "QUELL_STAGE_POST",
    }
}

codes! {
    /// Answer of the process filter for a whole hook.
    pub enum ProcessVerdict {
        /// No selector can match: nothing more is read.
        Reject = 0 as "QUELL_PROCESS_REJECT",
        /// Argument filters decide.
        Continue = 1 as "QUELL_PROCESS_CONTINUE",
        /// The first selector left has no argument filter: it matches already.
        Accept = 2 as "QUELL_PROCESS_ACCEPT",
    }
}

codes! {
    /// Where a helper failed. One number per call site, so that a count tells which one.
    pub enum FaultSite {
        /// The registers of the system call behind its entry wrapper.
        SyscallRegisters = 0 as "QUELL_FAULT_SYSCALL_REGISTERS",
        /// Fields of the calling task.
        Task = 1 as "QUELL_FAULT_TASK",
        /// Process ids and ancestors.
        Pid = 2 as "QUELL_FAULT_PID",
        /// The task's descriptor table.
        FdTable = 3 as "QUELL_FAULT_FD_TABLE",
        /// `struct file`, `struct path`.
        File = 4 as "QUELL_FAULT_FILE",
        /// Directory entries and mounts of a path walk.
        PathWalk = 5 as "QUELL_FAULT_PATH_WALK",
        /// A string in user memory.
        UserString = 6 as "QUELL_FAULT_USER_STRING",
        /// A string in kernel memory.
        KernelString = 7 as "QUELL_FAULT_KERNEL_STRING",
        /// A buffer in user memory.
        UserBuffer = 8 as "QUELL_FAULT_USER_BUFFER",
        /// A buffer in kernel memory.
        KernelBuffer = 9 as "QUELL_FAULT_KERNEL_BUFFER",
        /// `bpf_send_signal`.
        SendSignal = 10 as "QUELL_FAULT_SEND_SIGNAL",
        /// `bpf_ringbuf_output`, or `bpf_perf_event_output`.
        RingOutput = 11 as "QUELL_FAULT_RING_OUTPUT",
        /// Copying an argument into the event.
        EventCopy = 12 as "QUELL_FAULT_EVENT_COPY",
        /// A tail call that came back; the errno slot is the stage.
        TailCall = 13 as "QUELL_FAULT_TAIL_CALL",
        /// A map lookup that cannot fail (index 0 of an array) and did; errno is ENOENT.
        MapLookup = 14 as "QUELL_FAULT_MAP_LOOKUP",
        /// Selector bytes that the evaluator cannot read; errno is EINVAL.
        Selector = 15 as "QUELL_FAULT_SELECTOR",
        /// Fields of sockets and packets.
        Socket = 16 as "QUELL_FAULT_SOCKET",
        /// `bpf_get_stack`.
        Stack = 17 as "QUELL_FAULT_STACK",
        /// Noting when an event was last posted, for its rate limit.
        RateLimit = 18 as "QUELL_FAULT_RATE_LIMIT",
    }
}

impl FaultSite {
    /// The name under which users see the count.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::SyscallRegisters => "syscall_registers",
            Self::Task => "task",
            Self::Pid => "pid",
            Self::FdTable => "fd_table",
            Self::File => "file",
            Self::PathWalk => "path_walk",
            Self::UserString => "user_string",
            Self::KernelString => "kernel_string",
            Self::UserBuffer => "user_buffer",
            Self::KernelBuffer => "kernel_buffer",
            Self::SendSignal => "send_signal",
            Self::RingOutput => "ring_output",
            Self::EventCopy => "event_copy",
            Self::TailCall => "tail_call",
            Self::MapLookup => "map_lookup",
            Self::Selector => "selector",
            Self::Socket => "socket",
            Self::Stack => "stack",
            Self::RateLimit => "rate_limit",
        }
    }
}

numbers! { FLAGS, "The rows for the C header.";
    /// Number of fault sites.
    pub const FAULT_SITES = 19;
    /// Hook flag: the function is a system-call entry, whose arguments are in the registers its argument points to.
    pub const HOOK_SYSCALL = 1;
    /// Hook flag: some matchPIDs entry looks at ancestors.
    pub const HOOK_FOLLOW_FORKS = 2;
    /// Hook flag: some matchPIDs entry looks at ids of a PID namespace.
    pub const HOOK_NAMESPACE_PIDS = 4;
    /// Hook flag: monitor mode; matches are posted, and no signal is sent.
    pub const HOOK_MONITOR = 8;
    /// Hook flag: some selector's events have a rate limit.
    pub const HOOK_RATE_LIMITS = 16;
    /// Hook flag: some selector's events carry stacks.
    pub const HOOK_STACKS = 32;
    /// `arg_size` of an argument without a size argument.
    pub const NO_SIZE_ARG = 255;
}

record! {
    /// Constants of one hook, set before load: the verifier deletes what this hook does not use.
    pub struct HookConfig as "quell_hook_config" {
        /// Operators that occur: bit N is the operator with number N; NotMask counts as Mask.
        pub operators: u64,
        /// Types that occur in entries: bit N is the type with number N.
        pub types: u64,
        /// Number under which events name the hook.
        pub hook: u32,
        /// HOOK_* bits.
        pub flags: u32,
        /// Arguments that the policy names.
        pub args: u32,
        /// Selectors in the filter bytes.
        pub selectors: u32,
        /// Sections that occur: bit N is the section with number N.
        pub sections: u32,
        /// Largest number of matchPIDs entries in a selector.
        pub pid_entries: u32,
        /// Largest number of ids in a matchPIDs entry.
        pub pids: u32,
        /// Largest number of entries in any other match section.
        pub filters: u32,
        /// Largest number of values in an entry, sets not counted.
        pub values: u32,
        /// Largest number of string values in an entry, sets and searches not counted.
        pub string_values: u32,
        /// Largest number of 8-byte words in a string value, sets and searches not counted.
        pub string_words: u32,
        /// Searches.
        pub searches: u32,
        /// Largest number of words in a search.
        pub search_words: u32,
        /// Largest number of actions in a selector.
        pub actions: u32,
        /// Bit N: an entry looks at subject N, so that it is read before the filters; arguments without such a bit are read
        /// for the event only.
        pub filtered: u32,
        /// Bit N: an entry has a set of kind N.
        pub set_kinds: u32,
        /// Process id of the agent in the initial PID namespace, whose own calls are let through; 0 when it has none.
        pub agent_tgid: u32,
        /// Zero.
        pub reserved: u32,
        /// Per argument: its type.
        pub arg_type: [u32; ARGS],
        /// Per argument: which argument of the function it is, from 0.
        pub arg_index: [u32; ARGS],
        /// Per argument: which argument of the function holds its size or its count, from 0, or NO_SIZE_ARG.
        pub arg_size: [u32; ARGS],
        /// Per argument: bits of the size in that argument; what is above them is not part of the size.
        pub arg_size_bits: [u32; ARGS],
    }
}

codes! {
    /// Kinds of sets, each in a map of its own.
    pub enum SetKind {
        /// Numbers: a hash table of NumberKey.
        Numbers = 0 as "QUELL_SET_NUMBERS",
        /// Whole strings: a hash table of StringKey.
        Strings = 1 as "QUELL_SET_STRINGS",
        /// Prefixes: an LPM trie of AffixKey.
        Prefixes = 2 as "QUELL_SET_PREFIXES",
        /// Postfixes, reversed: an LPM trie of AffixKey.
        Postfixes = 3 as "QUELL_SET_POSTFIXES",
        /// Networks: an LPM trie of NetworkKey.
        Networks = 4 as "QUELL_SET_NETWORKS",
    }
}

record! {
    /// Counters of one hook. `calls` is the sum of `own`, `process_rejected`, `filter_rejected`, `unreadable`,
    /// `matched` and `aborted`. `matched` and `unreadable` together are the sum of `posted`, `lost`, `rate_limited` and
    /// `not_posted`: what matched, or could not be decided, ends in one of them.
    pub struct HookCounters as "quell_hook_counters" {
        /// Calls of the function that the program saw.
        pub calls: u64,
        /// Ended at the process filter.
        pub process_rejected: u64,
        /// Ended at the argument filters.
        pub filter_rejected: u64,
        /// A selector matched.
        pub matched: u64,
        /// Events handed to the buffer for the agent.
        pub posted: u64,
        /// Events lost because the buffer was full, or because a helper failed before the event was built.
        pub lost: u64,
        /// `bpf_send_signal` returned 0 for SIGKILL.
        pub killed: u64,
        /// `bpf_send_signal` returned an error for SIGKILL.
        pub kill_failed: u64,
        /// `bpf_send_signal` returned 0 for the signal of a Signal action.
        pub signalled: u64,
        /// `bpf_send_signal` returned an error for it.
        pub signal_failed: u64,
        /// Matches whose event was held back by a rate limit.
        pub rate_limited: u64,
        /// Matches of selectors with NoPost.
        pub not_posted: u64,
        /// No selector matched, but one could not be decided because an argument could not be read.
        pub unreadable: u64,
        /// Matches that an enforcing selector took because what was read did not decide it.
        pub failed_closed: u64,
        /// Strings that were longer than is kept.
        pub truncated: u64,
        /// Ended without a decision because a helper failed; the fault table says which.
        pub aborted: u64,
        /// The agent's own calls, which no policy is applied to: it would report and kill itself.
        pub own: u64,
    }
}

record! {
    /// Failed helpers of one fault site by errno.
    pub struct FaultRow as "quell_fault_row" {
        /// Counts; the index is the errno.
        pub errno: [u64; ERRNOS],
    }
}
