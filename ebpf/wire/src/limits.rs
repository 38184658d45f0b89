//! Every maximum, with its unit and the reason for its size.
//!
//! They bound loops that a verifier has to walk, or buffers that a per-CPU map value has to hold (32 KiB at most). What a
//! policy really uses is smaller and is given to the verifier as constants of the hook ([`crate::hook::HookConfig`]).

use crate::schema::numbers;

numbers! { LIMITS, "The rows for the C header.";
    /// Bytes of selector encoding per hook: the value of `filter_map`.
    pub const FILTER_BYTES = 4096;
    /// Selectors per hook: one round of the filter stage each, within the kernel's 33 tail calls.
    pub const MAX_SELECTORS = 16;
    /// Arguments and data entries per hook together.
    pub const MAX_ARGS = 5;
    /// matchPIDs entries per selector, all of which must hold.
    pub const MAX_PID_ENTRIES = 4;
    /// Process ids per matchPIDs entry.
    pub const MAX_PIDS = 16;
    /// Entries of one section (matchArgs with matchData, matchBinaries, matchNamespaces, ...) per selector, all of which
    /// must hold.
    pub const MAX_FILTERS = 16;
    /// Values of one entry that stand in the filter bytes; more of them are a set in a map.
    pub const MAX_VALUES = 64;
    /// matchActions entries per selector.
    pub const MAX_ACTIONS = 8;
    /// Bytes of one string value in the filter bytes or in a set of whole strings; a multiple of 8, because strings are
    /// compared in words.
    pub const MAX_STRING_VALUE_BYTES = 256;
    /// Bytes of one string value in a set of prefixes or postfixes: an LPM trie compares 256 bytes, 8 of which name the set.
    pub const MAX_AFFIX_SET_BYTES = 248;
    /// String comparisons that the verifier has to walk at most (entries * values * words of the largest ones); what
    /// exceeds it moves to sets.
    pub const MAX_INLINE_WORDS = 4096;
    /// Sets per hook.
    pub const MAX_SETS = 64;
    /// Members of all sets of one kind per hook.
    pub const MAX_SET_MEMBERS = 131072;
    /// SubString entries per hook: one round of the search stage each.
    pub const MAX_SEARCHES = 8;
    /// Words of 64 pattern bytes per search; a value never crosses a word.
    pub const SEARCH_WORDS = 4;
    /// Bytes of one SubString value.
    pub const MAX_PATTERN_BYTES = 64;
    /// Bytes kept of one string argument (a path, a user string, a buffer): PATH_MAX.
    pub const MAX_STRING_BYTES = 4096;
    /// Bytes behind the string of a slot, so that a whole path component or word may be read at its last byte.
    pub const STRING_SLACK_BYTES = 256;
    /// Steps of one path walk: components and mount crossings together.
    pub const MAX_PATH_STEPS = 64;
    /// Bytes of one path component (NAME_MAX).
    pub const MAX_NAME_BYTES = 255;
    /// Ancestors that followForks looks at, nearest first.
    pub const MAX_ANCESTORS = 9;
    /// Bytes of the event buffer that may be filled before an argument is cut.
    pub const EVENT_FILL_BYTES = 16384;
    /// Bytes of the event buffer: one whole string fits behind the fill mark.
    pub const EVENT_BYTES = 24576;
    /// Bytes of a task's command name (TASK_COMM_LEN).
    pub const COMM_BYTES = 16;
    /// Bytes of the ring buffer that all hooks share; a power of two and a multiple of the page size.
    pub const RING_BYTES = 1048576;
    /// Pages of the perf buffer of each CPU, where the kernel has no ring buffer; a power of two.
    pub const PERF_PAGES = 64;
    /// Functions that one load of a hook serves by comparing addresses: the entries of one system call in every ABI.
    pub const MAX_TARGETS = 4;
    /// Steps of one `resolve`.
    pub const MAX_STEPS = 10;
    /// Values of all selectors together that the early look compares one by one; more of them are told by a table.
    pub const MAX_QUICK = 8;
    /// Directory entries that the early look goes up at most; deeper paths go the whole way. So few never make a path too long.
    pub const MAX_QUICK_STEPS = 16;
    /// Sets of followChildren per hook.
    pub const MAX_FOLLOWED = 8;
    /// Words of arguments that are kept of a call.
    pub const MAX_WORDS = 6;
    /// Calls that may be under way on one CPU at a time, where the kernel lets programs interrupt or preempt each other.
    pub const MAX_CALLS = 8;
    /// Calls that are kept until their function returns, per hook; the one that has waited longest is forgotten first.
    pub const MAX_KEPT = 1024;
    /// Bytes of the event of a kept call; what does not fit is cut, and the event says so.
    pub const KEPT_BYTES = 8192;
    /// Processes in the table of processes; more of them are looked up otherwise, and counted.
    pub const MAX_PROCESSES = 32768;
    /// Notes for enforcers that may be open at a time.
    pub const MAX_NOTES = 8192;
    /// Events whose last posting a rate limit remembers, per hook; the one not seen for longest is forgotten first.
    pub const MAX_RATE_KEYS = 4096;
    /// Bytes of each argument that tell two events apart for a rate limit, beside its length: of a path the last ones, of
    /// everything else the first. A multiple of 8; both ends of a connection fit.
    pub const RATE_KEY_BYTES = 64;
    /// Buffers of a char_iovec argument that are read.
    pub const MAX_IOVECS = 32;
    /// errno slots per fault site; larger numbers are counted in the last one.
    pub const FAULT_ERRNOS = 136;
}
