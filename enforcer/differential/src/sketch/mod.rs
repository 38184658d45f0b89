//! Random policies as a structure that parts can be taken from, and the policy text that it stands for.
//!
//! Generated policies pass the front end like any user's, so the front end is compared as well; and a failing one is made
//! smaller by leaving out selectors, entries and values.

pub mod battery;
mod draw;
mod filters;
mod points;
mod render;
mod strings;
mod values;

use quell::policy::ast::{ArgType, Operator};

pub use draw::{Shape, draw};

/// One policy with one hook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sketch {
    /// Where it hooks.
    pub point: Point,
    /// What it reads.
    pub args: Vec<ArgSketch>,
    /// `returnArg`, and with it `return: true`.
    pub returned: Option<ArgType>,
    /// `message`, `tags` and other lines that no filter looks at, as they stand in the hook.
    pub extras: Vec<String>,
    /// Its rules.
    pub selectors: Vec<SelectorSketch>,
}

/// Kinds of hooks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Point {
    /// A kernel function.
    Function,
    /// Kernel functions by pattern.
    Functions,
    /// The entry of a system call.
    Syscall,
    /// The entry of a 32-bit system call.
    CompatSyscall,
    /// A tracepoint.
    Tracepoint,
    /// A tracepoint's own arguments.
    RawTracepoint,
    /// A hook of the security modules.
    Lsm,
    /// A kernel function, by a trampoline.
    Fentry,
    /// Functions of a program.
    Program,
    /// A static probe of a program.
    StaticProbe,
}

impl Point {
    /// Every kind.
    pub const ALL: [Self; 10] = [
        Self::Function,
        Self::Functions,
        Self::Syscall,
        Self::CompatSyscall,
        Self::Tracepoint,
        Self::RawTracepoint,
        Self::Lsm,
        Self::Fentry,
        Self::Program,
        Self::StaticProbe,
    ];

    /// Whether it is given numbers and memory of the caller only.
    const fn is_given_user_memory(self) -> bool {
        matches!(self, Self::Syscall | Self::CompatSyscall | Self::Program | Self::StaticProbe)
    }

    /// Whether its return can be looked at.
    const fn returns(self) -> bool {
        !matches!(self, Self::Tracepoint | Self::RawTracepoint | Self::Lsm | Self::StaticProbe)
    }
}

/// One listed argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ArgSketch {
    /// Which argument of the function, from 0.
    pub index: usize,
    /// Its type.
    pub ty: ArgType,
    /// Which argument has its size, from 0.
    pub size: Option<usize>,
}

/// One rule.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SelectorSketch {
    /// `label`
    pub label: Option<String>,
    /// `required`
    pub required: bool,
    /// Its keys in the order in which they are written, none twice.
    pub sections: Vec<SectionSketch>,
}

/// One key of a rule with its entries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SectionSketch {
    /// `matchArgs`, ...
    pub key: &'static str,
    /// The entries.
    pub entries: Vec<EntrySketch>,
}

/// One entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntrySketch {
    /// Everything but the values, as flow-style YAML without braces.
    pub head: String,
    /// YAML scalars; empty: the entry has no `values`.
    pub values: Vec<String>,
    /// What it compares with an argument, for the coverage of pairs.
    pub pair: Option<(Operator, ArgType)>,
}
