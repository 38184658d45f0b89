//! Every maximum, with its unit and the reason for its size.
//!
//! They bound loops that a verifier has to walk, or buffers that a per-CPU map value has to hold (32 KiB at most). What a
//! policy really uses is smaller and is given to the verifier as constants of the hook ([`crate::hook::HookConfig`]).

use crate::schema::numbers;

numbers! { LIMITS, "The rows for the C header.";
    /// Bytes of selector encoding per hook: the value of `filter_map`.
    pub const FILTER_BYTES = 4096;
    /// Selectors per hook: one argument-filter stage each.
    pub const MAX_SELECTORS = 5;
    /// Arguments per hook: those that the calling convention passes in registers and a kprobe can read.
    pub const MAX_ARGS = 5;
    /// matchPIDs entries per selector, all of which must hold.
    pub const MAX_PID_ENTRIES = 4;
    /// Process ids per matchPIDs entry.
    pub const MAX_PIDS = 16;
    /// matchArgs entries per selector, all of which must hold.
    pub const MAX_ARG_FILTERS = 5;
    /// Values per matchArgs entry.
    pub const MAX_VALUES = 16;
    /// matchActions entries per selector.
    pub const MAX_ACTIONS = 4;
    /// Bytes of one string value of a filter; a multiple of 8, because strings are compared in words.
    pub const MAX_STRING_VALUE_BYTES = 256;
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
    /// errno slots per fault site; larger numbers are counted in the last one.
    pub const FAULT_ERRNOS = 136;
}
