//! How a hook is served: the kind of program, what it is attached to, and what becomes of each rule.

use quell_wire::hook::Convention;
use serde::Serialize;

/// The kind of program that serves a hook, and how it refuses calls if it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Mechanism {
    /// A kprobe program, with a kretprobe where the return is looked at (signals from Linux 5.3). It refuses nothing.
    Kprobe,
    /// A kprobe program that refuses by `bpf_override_return` (`CONFIG_BPF_KPROBE_OVERRIDE`, a function that allows errors to be
    /// injected).
    KprobeOverride,
    /// One kprobe program at many functions (`kprobe.multi`, Linux 5.18 with `CONFIG_FPROBE`).
    KprobeMulti,
    /// A tracepoint program: fields of the record by their offsets.
    Tracepoint,
    /// A raw tracepoint program: arguments of the tracepoint itself (Linux 4.17).
    RawTracepoint,
    /// A program at a hook of the security modules, which refuses by its return value (Linux 5.7, `bpf` among the active ones).
    Lsm,
    /// A trampoline program that runs instead of a function that may be modified, such as `security_*` (Linux 5.7).
    FmodRet,
    /// A trampoline program at the entry of a function, with one at its exit where the return is looked at (Linux 5.5).
    Fentry,
    /// A uprobe program, with a uretprobe where the return is looked at.
    Uprobe,
    /// A uprobe program at a static probe.
    Usdt,
}

impl Mechanism {
    /// Every mechanism.
    pub const ALL: &[Self] = &[
        Self::Kprobe,
        Self::KprobeOverride,
        Self::KprobeMulti,
        Self::Tracepoint,
        Self::RawTracepoint,
        Self::Lsm,
        Self::FmodRet,
        Self::Fentry,
        Self::Uprobe,
        Self::Usdt,
    ];

    /// Its name in events, reports and plans.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Kprobe => "kprobe",
            Self::KprobeOverride => "kprobe override",
            Self::KprobeMulti => "kprobe.multi",
            Self::Tracepoint => "tracepoint",
            Self::RawTracepoint => "raw tracepoint",
            Self::Lsm => "lsm",
            Self::FmodRet => "fmod_ret",
            Self::Fentry => "fentry",
            Self::Uprobe => "uprobe",
            Self::Usdt => "usdt",
        }
    }

    /// Whether it can make a call return an error instead.
    #[must_use]
    pub const fn refuses(self) -> bool {
        matches!(self, Self::KprobeOverride | Self::Lsm | Self::FmodRet)
    }
}

/// One thing that a program is attached to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Target {
    /// As the kernel calls it: a function, `subsystem/event`, the name of a raw tracepoint, an LSM hook without prefix, or a
    /// user program's `path:symbol`.
    pub symbol: String,
    /// Where its arguments are.
    #[serde(skip)]
    pub convention: Convention,
}

/// What becomes of one selector on a kernel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Rule {
    /// Its position in the hook, from 0.
    pub selector: usize,
    /// Its label.
    pub label: Option<String>,
    /// How much of it is enforced as written.
    pub status: Status,
    /// What remains although it is enforced as written: the effect of a call that is only answered by a signal.
    pub risks: Vec<String>,
}

/// How much of a rule is enforced as written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// All of it.
    Full,
    /// All but these.
    Partial(Vec<String>),
    /// Nothing of it, for these reasons; the policy is not attached.
    Refused(Vec<String>),
}
