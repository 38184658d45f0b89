//! The validated policy: what every later stage reads instead of text.
//!
//! The structs are `#[non_exhaustive]`, so outside this crate a value can only come from [`parse`](super::parse), and
//! inside it only the validating pass (and unit tests) build one. No serde and no wire numbers here: the compile pass maps
//! these enums to the wire, the reference model reads them as they are.

use super::source::{Span, Spanned};

/// One policy file.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Policy {
    /// `metadata.name`.
    pub name: Spanned<String>,
    /// `spec.kprobes`, in the order of the file; never empty.
    pub hooks: Vec<Kprobe>,
}

/// One function to hook, with what to read and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Kprobe {
    /// The kernel function; whether it exists is for the plan to say.
    pub call: Spanned<String>,
    /// Whether the function takes its arguments from the saved registers of a system call.
    pub syscall: bool,
    /// Arguments to read, in the order of the file, at most `MAX_ARGS`.
    pub args: Vec<Arg>,
    /// ORed, the first that matches wins, at most `MAX_SELECTORS`. Empty: every call matches, and is posted.
    pub selectors: Vec<Selector>,
    /// Text for the event.
    pub message: Option<String>,
    /// The entry in the file.
    pub span: Span,
}

/// One argument to read.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Arg {
    /// Position in the function's prototype, from 0.
    pub index: u8,
    /// How to read it.
    pub ty: ArgType,
    /// Position **from 0** of the argument with the size in bytes (`sizeArgIndex`, which counts from 1, minus one). Set exactly
    /// for [`ArgType::CharBuf`]; the argument need not be listed in `args`.
    pub size_arg: Option<u8>,
    /// Name for the event.
    pub label: Option<String>,
    /// The entry in the file.
    pub span: Span,
}

/// How an argument is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ArgType {
    /// `int8`, `sint8`
    Int8,
    /// `uint8`
    Uint8,
    /// `int16`, `sint16`
    Int16,
    /// `uint16`
    Uint16,
    /// `int`, `int32`, `sint32`
    Int32,
    /// `uint32`
    Uint32,
    /// `int64`, `sint64`, `long`
    Int64,
    /// `uint64`, `ulong`
    Uint64,
    /// `size_t`, 64 bits
    Size,
    /// A file descriptor of the caller; matched by the path of its file.
    Fd,
    /// `struct file *`; matched by its path.
    File,
    /// `struct path *`; matched by its path.
    Path,
    /// NUL-terminated string of the caller.
    String,
    /// NUL-terminated file name of the caller, as it was passed: not resolved, possibly relative.
    Filename,
    /// Bytes of the caller, as many as the size argument says.
    CharBuf,
}

impl ArgType {
    /// Every type.
    pub const ALL: [Self; 15] = [
        Self::Int8,
        Self::Uint8,
        Self::Int16,
        Self::Uint16,
        Self::Int32,
        Self::Uint32,
        Self::Int64,
        Self::Uint64,
        Self::Size,
        Self::Fd,
        Self::File,
        Self::Path,
        Self::String,
        Self::Filename,
        Self::CharBuf,
    ];

    /// What its filter values are, and how they compare.
    #[must_use]
    pub const fn class(self) -> TypeClass {
        match self {
            Self::Int8 => TypeClass::Integer { signed: true, bits: 8 },
            Self::Uint8 => TypeClass::Integer { signed: false, bits: 8 },
            Self::Int16 => TypeClass::Integer { signed: true, bits: 16 },
            Self::Uint16 => TypeClass::Integer { signed: false, bits: 16 },
            Self::Int32 => TypeClass::Integer { signed: true, bits: 32 },
            Self::Uint32 => TypeClass::Integer { signed: false, bits: 32 },
            Self::Int64 => TypeClass::Integer { signed: true, bits: 64 },
            Self::Uint64 | Self::Size => TypeClass::Integer { signed: false, bits: 64 },
            Self::Fd | Self::File | Self::Path => TypeClass::Path,
            Self::String | Self::Filename | Self::CharBuf => TypeClass::Text,
        }
    }

    /// The preferred name in a policy; aliases are in [`typing`](super::typing).
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Int8 => "int8",
            Self::Uint8 => "uint8",
            Self::Int16 => "int16",
            Self::Uint16 => "uint16",
            Self::Int32 => "int",
            Self::Uint32 => "uint32",
            Self::Int64 => "int64",
            Self::Uint64 => "uint64",
            Self::Size => "size_t",
            Self::Fd => "fd",
            Self::File => "file",
            Self::Path => "path",
            Self::String => "string",
            Self::Filename => "filename",
            Self::CharBuf => "char_buf",
        }
    }
}

/// What the values of a filter are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TypeClass {
    /// A number of this width.
    Integer {
        /// Two's complement.
        signed: bool,
        /// 8, 16, 32 or 64.
        bits: u8,
    },
    /// Bytes read from the caller, from their start.
    Text,
    /// The absolute path of an open file, assembled from its end.
    Path,
}

/// One rule of a hook: all its filters must hold.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Selector {
    /// `matchPIDs`, all of which must hold, at most `MAX_PID_ENTRIES`.
    pub pids: Vec<PidFilter>,
    /// `matchArgs`, all of which must hold, at most `MAX_ARG_FILTERS`.
    pub args: Vec<ArgFilter>,
    /// Never empty: a selector without `matchActions` posts. No kind twice.
    pub actions: Vec<Action>,
    /// The entry in the file.
    pub span: Span,
}

impl Selector {
    /// Whether a match does more than report.
    #[must_use]
    pub fn enforces(&self) -> bool {
        self.actions.iter().any(|action| action.enforces())
    }
}

/// One `matchPIDs` entry.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PidFilter {
    /// `In` or `NotIn`.
    pub op: PidOperator,
    /// `isNamespacePID`: compare ids of the process's own innermost PID namespace; 0 stands for the initial one.
    pub namespace: bool,
    /// `followForks`: an ancestor with a listed id counts as well.
    pub follow_forks: bool,
    /// Process ids, at least one, at most `MAX_PIDS`, no id twice.
    pub values: Vec<u32>,
    /// The entry in the file.
    pub span: Span,
}

/// Operators of `matchPIDs`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PidOperator {
    /// One of the ids.
    In,
    /// None of the ids.
    NotIn,
}

/// One `matchArgs` entry.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ArgFilter {
    /// Position in [`Kprobe::args`], always in range.
    pub arg: usize,
    /// How the argument compares.
    pub op: Operator,
    /// With what, at least one, at most `MAX_VALUES`, none twice; of the kind that the argument's class asks for.
    pub values: Values,
    /// The entry in the file.
    pub span: Span,
}

/// Operators of `matchArgs`. With several values, the positive ones mean "any of" and the negative ones "none of".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Operator {
    /// Equal to any value.
    Equal,
    /// Equal to no value.
    NotEqual,
    /// Starts with any value.
    Prefix,
    /// Ends with any value.
    Postfix,
    /// Member of the set.
    In,
    /// Not a member of the set.
    NotIn,
}

impl Operator {
    /// Every operator.
    pub const ALL: [Self; 6] =
        [Self::Equal, Self::NotEqual, Self::Prefix, Self::Postfix, Self::In, Self::NotIn];

    /// Its name in a policy.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Equal => "Equal",
            Self::NotEqual => "NotEqual",
            Self::Prefix => "Prefix",
            Self::Postfix => "Postfix",
            Self::In => "In",
            Self::NotIn => "NotIn",
        }
    }
}

/// The values of an argument filter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Values {
    /// Two's complement, extended to 64 bits by the sign of the argument's type.
    Integers(Vec<u64>),
    /// Bytes without a terminating NUL; 1 to `MAX_STRING_VALUE_BYTES` each.
    Strings(Vec<Vec<u8>>),
}

impl Values {
    /// How many values.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Integers(values) => values.len(),
            Self::Strings(values) => values.len(),
        }
    }

    /// Whether there is none; never true after validation.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// What happens on a match.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Action {
    /// Report an event.
    Post,
    /// Send SIGKILL to the calling process. The return value of the call does not change (kernel 5.3 on).
    Sigkill,
}

impl Action {
    /// Every action.
    pub const ALL: [Self; 2] = [Self::Post, Self::Sigkill];

    /// Its name in a policy.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Post => "Post",
            Self::Sigkill => "Sigkill",
        }
    }

    /// Whether it does more than report.
    #[must_use]
    pub const fn enforces(self) -> bool {
        matches!(self, Self::Sigkill)
    }
}
