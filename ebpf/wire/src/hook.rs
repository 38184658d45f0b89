//! Per-hook constants, counters and fault table: what the agent gives to a program, and what it reads back.

use crate::limits::{FAULT_ERRNOS, MAX_ARGS, MAX_FOLLOWED, MAX_QUICK, MAX_STEPS, MAX_TARGETS};
use crate::schema::{codes, numbers, record};

const ARGS: usize = MAX_ARGS as usize;
const ERRNOS: usize = FAULT_ERRNOS as usize;
const TARGETS: usize = MAX_TARGETS as usize;
const STEPS: usize = (MAX_ARGS * MAX_STEPS) as usize;
const FOLLOWED: usize = MAX_FOLLOWED as usize;
/// Two names per value, or two words of one text.
const QUICK: usize = 2 * MAX_QUICK as usize;

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
        /// Searches what the function returned for the values of one SubString entry.
        ReturnSearch = 6 as "QUELL_STAGE_RETURN_SEARCH",
        /// matchReturnArgs of the selector that matched at the entry, and its matchReturnActions.
        Return = 7 as "QUELL_STAGE_RETURN",
        /// Completes the event of a kept call and posts it.
        ReturnPost = 8 as "QUELL_STAGE_RETURN_POST",
    }
}

codes! {
    /// Where a target keeps its arguments. The family of the program says where the words come from (registers, the words of a
    /// trampoline's or raw tracepoint's context, the record of a tracepoint); this says what they mean.
    pub enum Convention {
        /// Arguments of a function, in the order of its prototype.
        Function = 0 as "QUELL_CONVENTION_FUNCTION",
        /// The entry of a 64-bit system call: the first argument points to the saved registers (di, si, dx, r10, r8, r9).
        Syscall64 = 1 as "QUELL_CONVENTION_SYSCALL64",
        /// The entry of a 32-bit one: the same with bx, cx, dx, si, di, bp, of which 32 bits count.
        Syscall32 = 2 as "QUELL_CONVENTION_SYSCALL32",
        /// The record of a tracepoint: `arg_index` is the offset of the field, `arg_width` its bytes.
        Record = 3 as "QUELL_CONVENTION_RECORD",
        /// A static probe of a program (USDT): arguments as its note describes them.
        StaticProbe = 4 as "QUELL_CONVENTION_STATIC_PROBE",
    }
}

codes! {
    /// Where an argument starts from, before `resolve` steps.
    pub enum Source {
        /// An argument of the target.
        Argument = 0 as "QUELL_SOURCE_ARGUMENT",
        /// What the function returned.
        Returned = 1 as "QUELL_SOURCE_RETURNED",
        /// The calling task's `struct task_struct`.
        CurrentTask = 2 as "QUELL_SOURCE_CURRENT_TASK",
        /// The registers at the hook, `struct pt_regs`.
        Registers = 3 as "QUELL_SOURCE_REGISTERS",
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
        /// `bpf_override_return`.
        Override = 19 as "QUELL_FAULT_OVERRIDE",
        /// Following `resolve` from a structure to the next.
        Resolve = 20 as "QUELL_FAULT_RESOLVE",
        /// Keeping a call until its function returns, or a note for an enforcer.
        Keep = 21 as "QUELL_FAULT_KEEP",
        /// The table of processes.
        Process = 22 as "QUELL_FAULT_PROCESS",
        /// Finding scratch memory of its own for a call; errno is EBUSY.
        Claim = 23 as "QUELL_FAULT_CLAIM",
        /// What the kernel gives to a program: the record of a tracepoint, the arguments of a static probe, and at which of the
        /// hook's targets it is (ENOENT: at none).
        Context = 24 as "QUELL_FAULT_CONTEXT",
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
            Self::Override => "override",
            Self::Resolve => "resolve",
            Self::Keep => "keep",
            Self::Process => "process",
            Self::Claim => "claim",
            Self::Context => "context",
        }
    }
}

codes! {
    /// What the entry program looks at before anything else, to see whether a call can match at all.
    pub enum Quick {
        /// Nothing: every call goes through the stages.
        Nothing = 0 as "QUELL_QUICK_NOTHING",
        /// The last name of a path.
        Last = 1 as "QUELL_QUICK_LAST",
        /// The first two names of a path.
        First = 2 as "QUELL_QUICK_FIRST",
        /// The first bytes of a text of the caller.
        Text = 3 as "QUELL_QUICK_TEXT",
        /// A number, which has to be one of the values.
        Number = 4 as "QUELL_QUICK_NUMBER",
        /// A number, which has to have one of the bits of the first mask.
        Bits = 5 as "QUELL_QUICK_BITS",
    }
}

numbers! { FLAGS, "The rows for the C header.";
    /// The helper that programs call for a cast: none that a kernel has. The agent makes calls of HookConfig's `cast` of it.
    pub const CAST_CALL = 0x51ee;
    /// What the hash of the early look's table is made with.
    pub const QUICK_MULTIPLIER = 0x9e37_79b1;
    /// Number of fault sites.
    pub const FAULT_SITES = 25;
    /// Hook flag: pointers among the arguments are the caller's: a system call, or a probe of a program.
    pub const HOOK_USER_MEMORY = 1;
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
    /// Hook flag: the return is looked at too; a matching call is kept until its function returns.
    pub const HOOK_RETURNS = 64;
    /// Hook flag: a filter needs what the table of processes knows (followChildren, changes since exec, followForks).
    pub const HOOK_TRACKED = 128;
    /// Hook flag: some selector refuses the call.
    pub const HOOK_OVERRIDES = 256;
    /// Hook flag: some selector leaves a note for an enforcer.
    pub const HOOK_NOTIFIES = 512;
    /// Hook flag: this hook is an enforcer: it acts on notes and has no selectors.
    pub const HOOK_ENFORCER = 1024;
    /// Hook flag: which target it is stands in the attach cookie, not in `target_address`.
    pub const HOOK_COOKIES = 2048;
    /// Hook flag, of the programs that keep the table of processes: they tell of every execution and every end.
    pub const HOOK_PROCESS_EVENTS = 4096;
    /// Bytes behind the start of a function in which its probe is: behind the landing pad of indirect branches, and one more,
    /// because the instruction pointer is behind the breakpoint.
    pub const TARGET_BYTES = 32;
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
        /// Targets that one load of this hook serves, at least 1.
        pub targets: u32,
        /// Per target: its address, by which a program with several knows where it is; 0 where there is only one.
        pub target_address: [u64; TARGETS],
        /// Per target: bytes behind that in which its probe is, TARGET_BYTES, or fewer where the next target begins before.
        pub target_bytes: [u32; TARGETS],
        /// Per target: where its arguments are (CONVENTION_*); with HOOK_COOKIES, the first one holds for all.
        pub target_convention: [u32; TARGETS],
        /// Parameters of the function by the kernel's type information: how many words a trampoline's context has. 0 elsewhere.
        pub parameters: u32,
        /// Type of what the function returns, as the policy names it; the type Nop when it does not.
        pub return_type: u32,
        /// Bit N: argument N is read again when the function returns, because the function fills it (`returnCopy`). One without a
        /// size argument has as many bytes as the function says that it returned.
        pub return_copies: u32,
        /// Bit N: argument N comes from the kernel's own structures, so that its pointers may be the kernel's in spite of
        /// HOOK_USER_MEMORY.
        pub kernel_args: u32,
        /// Sets of followChildren that this hook has: how many of the next two rows are used.
        pub followed: u32,
        /// Per followed set: its number in this hook, from 1.
        pub followed_set: [u32; FOLLOWED],
        /// Per followed set: its bit in the table of processes.
        pub followed_bit: [u32; FOLLOWED],
        /// Per argument: its type.
        pub arg_type: [u32; ARGS],
        /// Per argument: where it starts from (SOURCE_*).
        pub arg_source: [u32; ARGS],
        /// Per argument: bytes to read where that is not a word: a field of a tracepoint's record, the last step of `resolve`; else 0.
        pub arg_width: [u32; ARGS],
        /// Per argument: steps of `resolve`, 0 for the argument itself.
        pub arg_steps: [u32; ARGS],
        /// MAX_STEPS per argument: byte offsets. A word is read at each but the last; at the last, `arg_width` bytes are, or with 0
        /// the address itself is the argument.
        pub arg_step: [u32; STEPS],
        /// Per argument: which argument of the target it is, from 0; at a tracepoint the offset of the field in bytes.
        pub arg_index: [u32; ARGS],
        /// Per argument: which argument of the target holds its size or its count, from 0 (at a tracepoint the field's offset), or
        /// NO_SIZE_ARG.
        pub arg_size: [u32; ARGS],
        /// Per argument: bits of the size in that argument; what is above them is not part of the size.
        pub arg_size_bits: [u32; ARGS],
        /// What the early look is at (QUICK_*).
        pub quick: u32,
        /// Which argument of the target it looks at, from 0.
        pub quick_index: u32,
        /// The type of that argument.
        pub quick_type: u32,
        /// 1: the argument's type is the kernel's own, and what it points to is read by plain loads.
        pub quick_typed: u32,
        /// The kernel's function by which pointers are cast (`bpf_rdonly_cast`), by its number among the kernel's types; 0: none is
        /// cast, and the next six are not used.
        pub cast: u32,
        /// The structure of saved registers, by the same numbers, as are the next five.
        pub cast_registers: u32,
        /// That of a task.
        pub cast_task: u32,
        /// That of a mount.
        pub cast_mount: u32,
        /// That which the looked-at argument points to.
        pub cast_argument: u32,
        /// One that begins with a pointer to a file.
        pub cast_pointer: u32,
        /// One that begins with a number of eight bytes.
        pub cast_bytes: u32,
        /// 1: no pointer is cast, and the kernel gives the calling task with its type.
        pub typed_task: u32,
        /// Words of the table that tells more than MAX_QUICK values, a power of two; 0: there are not so many. Of the next rows, the
        /// first places of first and second names then say what of a call is told: whether its length is, and which bits.
        pub quick_words: u32,
        /// Values that the argument is compared with, at most MAX_QUICK: when none of them may hold, no selector does.
        pub quick_values: u32,
        /// Bit N: name N has just `quick_length` bytes, and not at least as many.
        pub quick_exact: u32,
        /// Inode number of the initial mount namespace, which lives as long as the kernel; 0 when it is not known.
        pub quick_mounts: u32,
        /// Per name (first or only names of all values, then second ones): its bytes.
        pub quick_length: [u32; QUICK],
        /// Per name: eight bytes of it, the last ones of a last name, else the first ones. Of a text: its first eight, and from
        /// MAX_QUICK on the next eight. A number is a word.
        pub quick_word: [u64; QUICK],
        /// Per name: the bits of the word that count.
        pub quick_mask: [u64; QUICK],
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
    /// `matched` and `aborted`. `matched` and `unreadable` together are the sum of `posted`, `lost`, `rate_limited`,
    /// `not_posted`, `return_rejected` and what is still kept or was forgotten (`kept` less `returned` less `returns_missed`): what
    /// matched, or could not be decided, ends in one of them. A call is forgotten, uncounted, when more than MAX_KEPT wait: mostly
    /// of a thread that has ended in the function.
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
        /// The agent's own calls, which no policy is applied to: it would report and kill itself. Those that the early look sees to match
        /// nothing are not told from others.
        pub own: u64,
        /// Calls refused: the program gave the kernel an error to return instead.
        pub refused: u64,
        /// Calls that should have been refused, and the kernel took no error from the program.
        pub refuse_failed: u64,
        /// Notes left for an enforcer; at an enforcer: notes acted on.
        pub notified: u64,
        /// Notes that could not be left, or that replaced one nobody had acted on; at an enforcer: notes of an earlier process with
        /// the same ids, and those older than NOTE_AGE_NS, which are for a call that is over.
        pub notify_failed: u64,
        /// Matches kept until their function returns.
        pub kept: u64,
        /// Of these, seen to return.
        pub returned: u64,
        /// Of these, never seen to return: another call of the thread took their place, or there was no room.
        pub returns_missed: u64,
        /// Returned, and not what matchReturnArgs asks for.
        pub return_rejected: u64,
        /// Calls by processes that the table of processes did not have; they were looked up otherwise.
        pub untracked: u64,
    }
}

record! {
    /// Failed helpers of one fault site by errno.
    pub struct FaultRow as "quell_fault_row" {
        /// Counts; the index is the errno.
        pub errno: [u64; ERRNOS],
    }
}
