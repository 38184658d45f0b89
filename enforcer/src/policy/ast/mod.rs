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
    /// Every hook: kprobes, tracepoints, lsmhooks, fentries, uprobes and usdts, each kind in the order of the file. A `call: "list:NAME"` is one
    /// hook per function. Never empty.
    pub hooks: Vec<Hook>,
    /// `spec.enforcers`: functions at which NotifyEnforcer acts, by the kernel's names. The entry of a system call stands for all
    /// that [`entry::every`](super::entry::every) has of it, whichever way it was written: a note is of one thread, so that acting at
    /// one more entry of its call cannot be too much.
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
    /// `lsm`: a program at the hook of the security modules.
    Lsm,
}

/// One place to hook, with what to read and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Hook {
    /// Where.
    pub point: HookPoint,
    /// The name as written (`call`, `event`, `hook`, a symbol, a static probe's `name`) with its place; of a function from a list, the
    /// function; of a list by pattern, `list:NAME`; of an offset or address in a program, the number with `0x`.
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
    /// `ignore.callNotFound`, or a system call of a generated list: a missing function is no error.
    pub may_be_missing: bool,
    /// The entry in the file.
    pub span: Span,
}

/// Where a hook is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum HookPoint {
    /// `kprobes`: entry of a function, and its return when `returns`.
    Kprobe {
        /// The kernel function; whether it exists is for the plan to say. `sys_write` has become `__x64_sys_write`, `i386/sys_write`
        /// `__ia32_sys_write`, and `sys_fstat` `__x64_sys_newfstat`, which is what that call reaches.
        function: String,
        /// Whether the function takes its arguments from the saved registers of a system call.
        syscall: bool,
        /// `return`: the return is looked at as well.
        returns: bool,
        /// The name was a portable one: `sys_write` stands for the entries of every ABI, `i386/sys_write` for both forms of the
        /// 32-bit one: [`entry::every`](super::entry::every) of the function.
        every_abi: bool,
    },
    /// `tracepoints`. The positions of arguments ([`ArgSource::Argument`]) are those of the fields in the tracepoint's `format` file,
    /// in its order and from 0, the common ones included: of `raw_syscalls/sys_enter`, 0 to 3 are common to all tracepoints, `id` is
    /// 4 and `args` 5. [`kernel::tracepoint`](crate::kernel::tracepoint) reads such files. With `raw`, they are the positions of the
    /// tracepoint's own arguments, from 0.
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
    /// `kprobes` at a generated list (`generated_ftrace`): every function of the kernel whose name the pattern matches. Which
    /// ones they are is for the plan to say. (`generated_syscalls` is known without a kernel: one hook per call.)
    Functions {
        /// A regular expression, matched anywhere in the name.
        pattern: String,
        /// `return`
        returns: bool,
    },
    /// `uprobes`: a function of a program or library.
    Uprobe {
        /// `path` of the file.
        path: String,
        /// Where in the file.
        place: UserPlace,
        /// `return`
        returns: bool,
    },
    /// `usdts`: a static probe of a program or library.
    Usdt {
        /// `path` of the file.
        path: String,
        /// `provider`
        provider: String,
        /// `name`
        name: String,
    },
}

/// Where in a file a uprobe is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum UserPlace {
    /// `symbols`
    Symbol(String),
    /// `offsets`: bytes from the start of the file.
    Offset(u64),
    /// `addrs`: an address as the file's program headers have it.
    Address(u64),
}

impl HookPoint {
    /// The key of `spec` under which such hooks stand.
    #[must_use]
    pub const fn key(&self) -> &'static str {
        match self {
            Self::Kprobe { .. } | Self::Functions { .. } => "kprobes",
            Self::Tracepoint { .. } => "tracepoints",
            Self::Lsm { .. } => "lsmhooks",
            Self::Fentry { .. } => "fentries",
            Self::Uprobe { .. } => "uprobes",
            Self::Usdt { .. } => "usdts",
        }
    }

    /// The kernel's name of it: a function, `subsystem/event`, or an LSM hook.
    #[must_use]
    pub fn target(&self) -> String {
        match self {
            Self::Kprobe { function, .. } | Self::Fentry { function, .. } => function.clone(),
            Self::Tracepoint { subsystem, event, .. } => format!("{subsystem}/{event}"),
            Self::Lsm { hook } => hook.clone(),
            Self::Functions { pattern, .. } => format!("/{pattern}/"),
            Self::Uprobe { path, place, .. } => match place {
                UserPlace::Symbol(symbol) => format!("{path}:{symbol}"),
                UserPlace::Offset(offset) => format!("{path}+{offset:#x}"),
                UserPlace::Address(address) => format!("{path}@{address:#x}"),
            },
            Self::Usdt { path, provider, name } => format!("{path}:{provider}:{name}"),
        }
    }

    /// Whether the return is looked at, by `return: true`.
    #[must_use]
    pub const fn returns(&self) -> bool {
        match self {
            Self::Kprobe { returns, .. }
            | Self::Fentry { returns, .. }
            | Self::Functions { returns, .. }
            | Self::Uprobe { returns, .. } => *returns,
            Self::Tracepoint { .. } | Self::Lsm { .. } | Self::Usdt { .. } => false,
        }
    }

    /// Whether arguments come from the saved registers of a system call.
    #[must_use]
    pub const fn is_syscall(&self) -> bool {
        matches!(self, Self::Kprobe { syscall: true, .. } | Self::Fentry { syscall: true, .. })
    }
}
