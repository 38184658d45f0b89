//! Families of programs: one object per kind of attachment, the same stages in each.
//!
//! A loader that does not know one kind of program refuses the whole object, and programs can only call programs of their own kind;
//! so each kind has an object of its own, all made of the same gateway (`c/gateway.h`).

use quell_wire::hook::Stage;

use crate::packed::{Object, packed};

/// A kind of programs, with its compiled object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// At functions of the kernel; with [`Family::override_entry`] where it refuses calls.
    Kprobe,
    /// One load at many functions of the kernel (`kprobe.multi`, Linux 5.18).
    Multi,
    /// At tracepoints; what it sees is the record.
    Tracepoint,
    /// At raw tracepoints; what it sees are the tracepoint's own arguments.
    RawTracepoint,
    /// At hooks of the security modules (Linux 5.7); it refuses by what it returns.
    Lsm,
    /// In front of functions that may be modified (Linux 5.7); it refuses by what it returns.
    FmodRet,
    /// At the entry of a function, and at its exit, by a trampoline (Linux 5.5).
    Fentry,
    /// At functions of user programs.
    Uprobe,
    /// At static probes of user programs.
    Usdt,
}

/// The program of a family with a suffix.
macro_rules! program {
    ($family:expr, $suffix:literal) => {
        match $family {
            Family::Kprobe => concat!("generic_kprobe_", $suffix),
            Family::Multi => concat!("generic_multi_", $suffix),
            Family::Tracepoint => concat!("generic_tracepoint_", $suffix),
            Family::RawTracepoint => concat!("generic_raw_tracepoint_", $suffix),
            Family::Lsm => concat!("generic_lsm_", $suffix),
            Family::FmodRet => concat!("generic_fmod_ret_", $suffix),
            Family::Fentry => concat!("generic_fentry_", $suffix),
            Family::Uprobe => concat!("generic_uprobe_", $suffix),
            Family::Usdt => concat!("generic_usdt_", $suffix),
        }
    };
}

/// A reference to an object that lives as long as the program.
macro_rules! bytes {
    ($name:literal) => {{
        static OBJECT: Object = packed!($name);
        &OBJECT
    }};
}

impl Family {
    /// Every family.
    pub const ALL: &[Self] = &[
        Self::Kprobe,
        Self::Multi,
        Self::Tracepoint,
        Self::RawTracepoint,
        Self::Lsm,
        Self::FmodRet,
        Self::Fentry,
        Self::Uprobe,
        Self::Usdt,
    ];

    /// Its name, as its programs and its object have it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Kprobe => "kprobe",
            Self::Multi => "multi",
            Self::Tracepoint => "tracepoint",
            Self::RawTracepoint => "raw_tracepoint",
            Self::Lsm => "lsm",
            Self::FmodRet => "fmod_ret",
            Self::Fentry => "fentry",
            Self::Uprobe => "uprobe",
            Self::Usdt => "usdt",
        }
    }

    /// The object whose events go through a ring buffer (Linux 5.8).
    #[must_use]
    pub fn object(self) -> &'static [u8] {
        match self {
            Self::Kprobe => bytes!("kprobe"),
            Self::Multi => bytes!("multi"),
            Self::Tracepoint => bytes!("tracepoint"),
            Self::RawTracepoint => bytes!("raw_tracepoint"),
            Self::Lsm => bytes!("lsm"),
            Self::FmodRet => bytes!("fmod_ret"),
            Self::Fentry => bytes!("fentry"),
            Self::Uprobe => bytes!("uprobe"),
            Self::Usdt => bytes!("usdt"),
        }
    }

    /// The object whose events go through perf buffers. Families of newer kernels have none: a kernel without ring buffers counts as
    /// one without trampolines.
    #[must_use]
    pub fn perf_object(self) -> Option<&'static [u8]> {
        match self {
            Self::Kprobe => Some(bytes!("kprobe_perf")),
            Self::Tracepoint => Some(bytes!("tracepoint_perf")),
            Self::RawTracepoint => Some(bytes!("raw_tracepoint_perf")),
            Self::Uprobe => Some(bytes!("uprobe_perf")),
            Self::Usdt => Some(bytes!("usdt_perf")),
            Self::Multi | Self::Lsm | Self::FmodRet | Self::Fentry => None,
        }
    }

    /// The program that is attached; it begins the way through the stages.
    #[must_use]
    pub const fn entry(self) -> &'static str {
        program!(self, "event")
    }

    /// The program that says which error the call shall return, where that is not what [`Family::entry`] itself returns: a program
    /// with `bpf_override_return` in it can't be called by another. It is loaded only where the hook's constants have
    /// `HOOK_OVERRIDES`, and attached to the same functions **before** the entry: of several kprobes at one address the kernel
    /// runs the youngest first.
    #[must_use]
    pub const fn override_entry(self) -> Option<&'static str> {
        match self {
            Self::Kprobe => Some(program!(self, "override_event")),
            _ => None,
        }
    }

    /// The program of a stage, for its slot in [`STAGE_MAP`](crate::STAGE_MAP), or in [`Family::return_map`].
    #[must_use]
    pub const fn stage(self, stage: Stage) -> &'static str {
        match stage {
            Stage::ProcessFilter => program!(self, "process_filter"),
            Stage::Arguments => program!(self, "arguments"),
            Stage::Search => program!(self, "search"),
            Stage::Filter => program!(self, "filter"),
            Stage::Actions => program!(self, "actions"),
            Stage::Post => program!(self, "post"),
            Stage::ReturnSearch => program!(self, "return_search"),
            Stage::Return => program!(self, "return"),
            Stage::ReturnPost => program!(self, "return_post"),
        }
    }

    /// The stages behind [`Family::entry`].
    #[must_use]
    pub const fn stages(self) -> &'static [Stage] {
        &[Stage::ProcessFilter, Stage::Arguments, Stage::Search, Stage::Filter, Stage::Actions, Stage::Post]
    }

    /// Whether it sees returns.
    const fn returns(self) -> bool {
        matches!(self, Self::Kprobe | Self::Multi | Self::Fentry | Self::Uprobe)
    }

    /// The program that is attached to the returns of the same functions, where the hook's constants have `HOOK_RETURNS`, before the
    /// entry is: a call that was kept and whose return is not seen is reported late. Elsewhere it and its stages are not loaded.
    #[must_use]
    pub const fn return_entry(self) -> Option<&'static str> {
        if self.returns() { Some(program!(self, "return_event")) } else { None }
    }

    /// The stages behind [`Family::return_entry`], for their slots in [`Family::return_map`].
    #[must_use]
    pub const fn return_stages(self) -> &'static [Stage] {
        if self.returns() { &[Stage::ReturnSearch, Stage::Return, Stage::ReturnPost] } else { &[] }
    }

    /// Program array of [`Family::return_stages`]: where entry and return are programs of two kinds, each has one of its own.
    #[must_use]
    pub const fn return_map(self) -> &'static str {
        match self {
            Self::Fentry => "return_calls",
            _ => crate::STAGE_MAP,
        }
    }

    /// Whether its programs may interrupt or preempt each other on one CPU, so that each call claims scratch memory of its own.
    #[must_use]
    pub const fn claims(self) -> bool {
        !matches!(self, Self::Kprobe | Self::Multi | Self::Tracepoint)
    }

    /// The maps that all hooks of an agent share, by name: those of the same name are one map, whichever family has them.
    #[must_use]
    pub const fn shared_maps(self) -> &'static [&'static str] {
        if self.claims() {
            &["claims", "claimed_call_heap", "claimed_event_heap", crate::EVENT_MAP]
        } else {
            &["process_call_heap", "event_heap", crate::EVENT_MAP]
        }
    }
}
