//! The kernel side: the compiled objects as bytes, and what is in them.
//!
//! One object per attach family: a loader that does not know one kind of program refuses the whole object.

use quell_wire::hook::SetKind;
#[cfg(feature = "evaluate-object")]
use quell_wire::hook::Stage;

mod family;
#[cfg(feature = "host-selector")]
pub mod host;
mod packed;

pub use family::Family;
pub use packed::Object;
use packed::packed;

/// The generic kprobe gateway with its stages.
pub static KPROBE_OBJECT: Object = packed!("kprobe");
/// The same for kernels without ring buffers, whose events go through perf buffers.
pub static KPROBE_PERF_OBJECT: Object = packed!("kprobe_perf");

/// The evaluator and the path walk for `BPF_PROG_TEST_RUN`: [`EVALUATE_ENTRY`], [`EVALUATE_STAGES`], [`WALK_ENTRY`].
#[cfg(feature = "evaluate-object")]
pub static EVALUATE_OBJECT: Object = packed!("evaluate");
/// The program of [`EVALUATE_OBJECT`] that decides one call.
#[cfg(feature = "evaluate-object")]
pub const EVALUATE_ENTRY: &str = "evaluate";
/// The stages behind it, for their slots in [`STAGE_MAP`].
#[cfg(feature = "evaluate-object")]
pub const EVALUATE_STAGES: &[(Stage, &str)] =
    &[(Stage::Search, "evaluate_search"), (Stage::Filter, "evaluate_filter")];
/// The program of [`EVALUATE_OBJECT`] that walks the path of a descriptor.
#[cfg(feature = "evaluate-object")]
pub const WALK_ENTRY: &str = "walk_descriptor";
/// The program of [`EVALUATE_OBJECT`] that reads one argument out of the caller's memory.
#[cfg(feature = "evaluate-object")]
pub const READ_ENTRY: &str = "read_given";
/// The program of [`EVALUATE_OBJECT`] that looks early at one argument.
#[cfg(feature = "evaluate-object")]
pub const EARLY_ENTRY: &str = "look_early";

/// Program array of the stages.
pub const STAGE_MAP: &str = "kprobe_calls";
/// Selector bytes of the hook.
pub const FILTER_MAP: &str = "filter_map";
/// Members of the sets of one kind; sized before load.
#[must_use]
pub const fn set_map(kind: SetKind) -> &'static str {
    match kind {
        SetKind::Numbers => "number_sets",
        SetKind::Strings => "string_sets",
        SetKind::Prefixes => "prefix_sets",
        SetKind::Postfixes => "postfix_sets",
        SetKind::Networks => "network_sets",
    }
}

/// Words of the table of the early look; sized before load.
pub const EARLY_MAP: &str = "early_words";
/// Search tables, the first at index 0; sized before load.
pub const SEARCH_MAP: &str = "search_tables";
/// When events with a rate limit were last posted; sized before load.
pub const RATE_MAP: &str = "rate_limits";
/// Calls that wait for their return; `MAX_KEPT` entries before load where the hook's constants have `HOOK_RETURNS`.
pub const KEPT_MAP: &str = "kept_calls";
/// Notes for enforcers, shared by the hooks and enforcers of one policy; `MAX_NOTES` entries before load where there are any.
pub const NOTE_MAP: &str = "enforcer_notes";
/// Events to the agent.
pub const EVENT_MAP: &str = "events";

/// The programs that keep the table of processes, and tell of executions and ends.
pub static PROCESS_OBJECT: Object = packed!("process");
/// The same for kernels without ring buffers.
pub static PROCESS_PERF_OBJECT: Object = packed!("process_perf");
/// The raw tracepoints of the table of processes, each with the program for it, in the order of attaching: a process that is
/// forked before its end is watched would stay in the table.
pub const PROCESS_PROGRAMS: &[(&str, &str)] = &[
    ("sched_process_exit", "process_exit"),
    ("sched_process_exec", "process_exec"),
    ("sched_process_fork", "process_fork"),
];
/// The table of processes.
pub const PROCESS_MAP: &str = "processes";
/// Programs whose descendants are followed.
pub const FOLLOWED_MAP: &str = "followed_paths";
/// Maps of the process objects that are used; the others come with shared headers.
pub const PROCESS_MAPS: &[&str] = &[PROCESS_MAP, FOLLOWED_MAP, "process_scratch", EVENT_MAP];
