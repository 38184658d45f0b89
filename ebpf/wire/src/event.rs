//! The event record: what the ring buffer carries.
//!
//! ```text
//! event := EventHead frame… string(binary) arg…   `kernel_frames` and then `user_frames` frames; `args` arguments, first those
//!                                                 without a bit in `copied`; with EVENT_RETURNED one more
//! frame := u64                                    an instruction address, innermost first
//! arg   := EventArg bytes (padded to 8)
//! ```
//! The first EventArg is the path of the process's executable, whatever the hook; the hook's arguments follow. The bytes of a
//! sock, skb, socket or sockaddr argument are a [`crate::selector::Connection`].

use crate::limits::COMM_BYTES;
use crate::schema::{codes, numbers, record};

const COMM: usize = COMM_BYTES as usize;

codes! {
    /// What an event tells of.
    pub enum EventKind {
        /// A call that a hook saw.
        Call = 0 as "QUELL_EVENT_CALL",
        /// A process executed a program.
        Exec = 1 as "QUELL_EVENT_EXEC",
        /// A process ended.
        Exit = 2 as "QUELL_EVENT_EXIT",
    }
}

numbers! { FLAGS, "The rows for the C header.";
    /// Version of the record; the agent refuses another one.
    pub const EVENT_VERSION = 3;
    /// Event flag: an argument did not decide the selector, which enforces, and so counted as a match.
    pub const EVENT_FAILED_CLOSED = 1;
    /// Event flag: no selector matched, but an argument of one could not be read.
    pub const EVENT_UNREADABLE = 2;
    /// Event flag: an argument was cut to fit the event; filters saw it whole.
    pub const EVENT_CUT = 4;
    /// Event flag: the hook is in monitor mode, so that an enforcing action was not performed.
    pub const EVENT_MONITORED = 8;
    /// Event flag: `time_ns` is of CLOCK_MONOTONIC, on kernels that have no other clock for programs (before Linux 5.8).
    pub const EVENT_MONOTONIC = 16;
    /// Event flag: the function has returned; what it returned is one more argument, the last one.
    pub const EVENT_RETURNED = 32;
    /// Event flag: the call was refused with `error`.
    pub const EVENT_REFUSED = 64;
    /// Frames of one stack that an event carries at most.
    pub const MAX_FRAMES = 32;
    /// `signal_result` when no signal was sent.
    pub const SIGNAL_NOT_SENT = 1;
    /// `selector` when none matched.
    pub const NO_SELECTOR = 255;
}

record! {
    /// Head of an event.
    pub struct EventHead as "quell_event_head" {
        /// Bytes of the event, this head included.
        pub length: u32,
        /// EVENT_VERSION.
        pub version: u32,
        /// When the event was built, CLOCK_BOOTTIME unless EVENT_MONOTONIC is set, nanoseconds.
        pub time_ns: u64,
        /// Start of the process, CLOCK_BOOTTIME, nanoseconds.
        pub start_ns: u64,
        /// Start of the parent process, CLOCK_BOOTTIME, nanoseconds.
        pub parent_start_ns: u64,
        /// The hook, as in its constants.
        pub hook: u32,
        /// The selector that matched, from 0, or NO_SELECTOR.
        pub selector: u32,
        /// EVENT_* bits.
        pub flags: u32,
        /// Actions performed: bit N is the action with number N.
        pub actions: u32,
        /// What `bpf_send_signal` returned, or SIGNAL_NOT_SENT. With several signals: for SIGKILL, else for the last one.
        pub signal_result: i32,
        /// Process id in the initial namespace.
        pub tgid: u32,
        /// Thread id in the initial namespace.
        pub tid: u32,
        /// Process id in its own PID namespace; 0 in the initial one.
        pub ns_tgid: u32,
        /// Parent's process id in the initial namespace.
        pub parent_tgid: u32,
        /// Real user id.
        pub uid: u32,
        /// Hook arguments behind the executable's path.
        pub args: u32,
        /// The signal that `signal_result` is about; 0 when none was sent.
        pub signal: u32,
        /// Frames of the kernel's stack behind this head.
        pub kernel_frames: u32,
        /// Frames of the process's stack behind those.
        pub user_frames: u32,
        /// What the event tells of (EVENT_CALL, EVENT_EXEC, EVENT_EXIT).
        pub kind: u32,
        /// Which target of the hook was called, from 0.
        pub target: u32,
        /// With EVENT_REFUSED: the error that the call returns, negative.
        pub error: i32,
        /// Bit N: argument N was left out at the entry of the function, because the function fills it. With EVENT_RETURNED these
        /// follow the other arguments, in front of what it returned.
        pub copied: u32,
        /// Command name, NUL-padded.
        pub comm: [u8; COMM],
        /// Parent's command name, NUL-padded.
        pub parent_comm: [u8; COMM],
    }
}

record! {
    /// Head of an argument in an event.
    pub struct EventArg as "quell_event_arg" {
        /// Argument type.
        pub arg_type: u32,
        /// How reading went.
        pub status: u32,
        /// Bytes that follow, without the padding to 8.
        pub length: u32,
        /// Of a path: the type of its file (S_IF* bits), known also where it has no path; else 0.
        pub mode: u32,
        /// The number, for numbers, capabilities and descriptors; the size that was asked for, for buffers.
        pub number: u64,
    }
}
