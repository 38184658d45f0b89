//! The kernel side: the compiled objects as bytes, and what is in them.
//!
//! One object per attach family: a loader that does not know one kind of program refuses the whole object.

use quell_wire::hook::{SetKind, Stage};

#[cfg(feature = "host-selector")]
pub mod host;

/// The generic kprobe gateway with its stages.
pub const KPROBE_OBJECT: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/kprobe.bpf.o"));
/// The same for kernels without ring buffers, whose events go through perf buffers.
pub const KPROBE_PERF_OBJECT: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/kprobe_perf.bpf.o"));

/// The evaluator and the path walk for `BPF_PROG_TEST_RUN`: [`EVALUATE_ENTRY`], [`EVALUATE_STAGES`], [`WALK_ENTRY`].
#[cfg(feature = "evaluate-object")]
pub const EVALUATE_OBJECT: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/evaluate.bpf.o"));
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

/// The program that is attached; it begins the way through the stages.
pub const KPROBE_ENTRY: &str = "generic_kprobe_event";

/// The program of a stage, for its slot in [`STAGE_MAP`].
#[must_use]
pub const fn kprobe_stage(stage: Stage) -> &'static str {
    match stage {
        Stage::ProcessFilter => "generic_kprobe_process_filter",
        Stage::Arguments => "generic_kprobe_arguments",
        Stage::Search => "generic_kprobe_search",
        Stage::Filter => "generic_kprobe_filter",
        Stage::Actions => "generic_kprobe_actions",
        Stage::Post => "generic_kprobe_post",
    }
}

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

/// Search tables, the first at index 0; sized before load.
pub const SEARCH_MAP: &str = "search_tables";
/// When events with a rate limit were last posted; sized before load.
pub const RATE_MAP: &str = "rate_limits";
/// Events to the agent.
pub const EVENT_MAP: &str = "events";
/// Maps that all hooks share: scratch memory that only one program per CPU uses at a time, and the ring.
pub const SHARED_MAPS: &[&str] = &["process_call_heap", "event_heap", EVENT_MAP];
