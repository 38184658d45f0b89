//! The validated policy: what every later stage reads instead of text.
//!
//! The structs are `#[non_exhaustive]`, so outside this crate a value can only come from [`parse`](crate::policy::parse) or from
//! decoding, and inside it only the validating pass, the decoder (and unit tests) build one. No serde and no wire numbers
//! here: the compile pass maps these enums to the wire, the reference model reads them as they are.

mod action;
mod arg;
mod operator;
mod selector;
mod values;

pub use action::{Action, ActionKind, FdArgs, Notification, Post, RateScope};
pub use arg::{Arg, ArgSource, ArgType, Step, TypeClass};
pub use operator::Operator;
pub use selector::{
    ArgFilter, BinaryFilter, CapabilityFilter, CapabilitySet, Namespace, NamespaceChangeFilter,
    NamespaceFilter, NamespaceId, PidFilter, Selector,
};
pub use values::{Network, Values};

use super::source::{Span, Spanned};

/// One policy: one document of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Policy {
    /// `metadata.name`.
    pub name: Spanned<String>,
    /// `metadata.namespace` of a `TracingPolicyNamespaced`; `None` for a `TracingPolicy`.
    pub namespace: Option<String>,
    /// Every hook: kprobes, tracepoints, lsmhooks and fentries, each kind in the order of the file. A `call: "list:NAME"` is one
    /// hook per function. Never empty.
    pub hooks: Vec<Hook>,
    /// `spec.enforcers`: functions at which NotifyEnforcer acts.
    pub enforcers: Vec<Spanned<String>>,
    /// `spec.options`.
    pub options: Options,
}

/// `spec.options`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Options {
    /// `policy-mode`: monitor even when the agent enforces; `None` when it is not given.
    pub monitor: Option<bool>,
    /// `override-method`.
    pub override_method: Option<OverrideMethod>,
    /// `disable-kprobe-multi`.
    pub disable_kprobe_multi: bool,
}

/// How a call is refused, as pinned by the author.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OverrideMethod {
    /// `fmod-ret`
    FmodRet,
    /// `override-return`
    OverrideReturn,
}

/// One place to hook, with what to read and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Hook {
    /// Where.
    pub point: HookPoint,
    /// The name as written (`call`, `event` or `hook`) with its place; of a function from a list, the function.
    pub name: Spanned<String>,
    /// What to read, in the order of the file, `args` first and then `data`; together at most `MAX_ARGS`.
    pub args: Vec<Arg>,
    /// `returnArg`, when the hook looks at what the function returns.
    pub returned: Option<Arg>,
    /// ORed, the first that matches wins, at most `MAX_SELECTORS`. Empty: every call matches, and is posted.
    pub selectors: Vec<Selector>,
    /// Text for the event.
    pub message: Option<String>,
    /// Tags for the event.
    pub tags: Vec<String>,
    /// `ignore.callNotFound`: a missing function is no error.
    pub may_be_missing: bool,
    /// The entry in the file.
    pub span: Span,
}

/// Where a hook is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum HookPoint {
    /// `kprobes`: entry of a function, and its return when `returns`.
    Kprobe {
        /// The kernel function; whether it exists is for the plan to say. `sys_write` has become `__x64_sys_write`.
        function: String,
        /// Whether the function takes its arguments from the saved registers of a system call.
        syscall: bool,
        /// `return`: the return is looked at as well.
        returns: bool,
        /// The name was the portable one (`sys_write`), which stands for the entries of every ABI.
        every_abi: bool,
    },
    /// `tracepoints`
    Tracepoint {
        /// `subsystem`
        subsystem: String,
        /// `event`
        event: String,
        /// `raw`: arguments are those of the raw tracepoint.
        raw: bool,
    },
    /// `lsmhooks`: a hook of the security modules, without `security_`.
    Lsm {
        /// `hook`
        hook: String,
    },
    /// `fentries`: like a kprobe, by a trampoline.
    Fentry {
        /// The kernel function.
        function: String,
        /// Whether it is a system call's entry.
        syscall: bool,
        /// `return`
        returns: bool,
    },
}

impl HookPoint {
    /// The key of `spec` under which such hooks stand.
    #[must_use]
    pub const fn key(&self) -> &'static str {
        match self {
            Self::Kprobe { .. } => "kprobes",
            Self::Tracepoint { .. } => "tracepoints",
            Self::Lsm { .. } => "lsmhooks",
            Self::Fentry { .. } => "fentries",
        }
    }

    /// The kernel's name of it: a function, `subsystem/event`, or an LSM hook.
    #[must_use]
    pub fn target(&self) -> String {
        match self {
            Self::Kprobe { function, .. } | Self::Fentry { function, .. } => function.clone(),
            Self::Tracepoint { subsystem, event, .. } => format!("{subsystem}/{event}"),
            Self::Lsm { hook } => hook.clone(),
        }
    }

    /// Whether arguments come from the saved registers of a system call.
    #[must_use]
    pub const fn is_syscall(&self) -> bool {
        matches!(self, Self::Kprobe { syscall: true, .. } | Self::Fentry { syscall: true, .. })
    }
}
