//! Which object serves a mechanism, and which of its programs a hook needs.

use quell_bpf::{Family, STAGE_MAP};
use quell_wire::hook::{HOOK_OVERRIDES, HOOK_RETURNS, Stage};

use super::buffer::EventBuffer;
use super::mechanism::Mechanism;
use super::plan::PlannedHook;

/// The family of programs that serves a mechanism.
#[must_use]
pub const fn of(mechanism: Mechanism) -> Family {
    match mechanism {
        Mechanism::Kprobe | Mechanism::KprobeOverride => Family::Kprobe,
        Mechanism::KprobeMulti => Family::Multi,
        Mechanism::Tracepoint => Family::Tracepoint,
        Mechanism::RawTracepoint => Family::RawTracepoint,
        Mechanism::Lsm => Family::Lsm,
        Mechanism::FmodRet => Family::FmodRet,
        Mechanism::Fentry => Family::Fentry,
        Mechanism::Uprobe => Family::Uprobe,
        Mechanism::Usdt => Family::Usdt,
    }
}

/// Whether a program of the family is bound to one function when it is loaded, by the kernel's type information.
#[must_use]
pub const fn is_bound(family: Family) -> bool {
    matches!(family, Family::Lsm | Family::FmodRet | Family::Fentry)
}

/// The object of a family for an event buffer; `None`: there is none, because every kernel with such programs has ring buffers.
#[must_use]
pub fn object(family: Family, buffer: EventBuffer) -> Option<&'static [u8]> {
    match buffer {
        EventBuffer::Ring => Some(family.object()),
        EventBuffer::Perf => family.perf_object(),
    }
}

/// The programs that a hook needs; the others of its object are not loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Programs {
    /// The program that is attached.
    pub entry: &'static str,
    /// The program that is attached behind it, and refuses what it decided.
    pub refusing: Option<&'static str>,
    /// The program that is attached to the return.
    pub returning: Option<&'static str>,
    /// The stages behind them: the program array, the slot in it, the program.
    pub stages: Vec<(&'static str, Stage, &'static str)>,
}

impl Programs {
    /// Those of a planned hook.
    #[must_use]
    pub fn of(hook: &PlannedHook, family: Family) -> Self {
        let flags = hook.compiled.config.flags;
        let refuses = hook.mechanism == Mechanism::KprobeOverride && flags & HOOK_OVERRIDES != 0;
        let returning = family.return_entry().filter(|_| flags & HOOK_RETURNS != 0);
        let slot = |map: &'static str| move |stage: &Stage| (map, *stage, family.stage(*stage));
        let mut stages: Vec<_> = family.stages().iter().map(slot(STAGE_MAP)).collect();
        if returning.is_some() {
            stages.extend(family.return_stages().iter().map(slot(family.return_map())));
        }
        Self {
            entry: family.entry(),
            refusing: family.override_entry().filter(|_| refuses),
            returning,
            stages,
        }
    }

    /// Whether a program is one of them.
    #[must_use]
    pub fn have(&self, name: &str) -> bool {
        let attached = [Some(self.entry), self.refusing, self.returning];
        attached.contains(&Some(name)) || self.stages.iter().any(|(_, _, stage)| *stage == name)
    }
}
