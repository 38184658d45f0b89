//! Selectors as a tree of numbers: what [`crate::write`] writes and [`crate::read`] reads.
//!
//! It has the structure of the bytes and the numbers of the tables, and no meaning yet: neither names nor rules.

use crate::code::{Action, ArgType, Operator};

/// One selector.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SelectorTree {
    /// SELECTOR_* bits.
    pub flags: u32,
    /// matchPIDs entries.
    pub pids: Vec<PidTree>,
    /// matchArgs entries.
    pub args: Vec<ArgTree>,
    /// matchActions entries.
    pub actions: Vec<Action>,
}

/// One matchPIDs entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PidTree {
    /// In or NotIn.
    pub op: Operator,
    /// PID_* bits.
    pub flags: u32,
    /// Process ids.
    pub values: Vec<u32>,
}

/// One matchArgs entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArgTree {
    /// Operator.
    pub op: Operator,
    /// Position among the hook's arguments.
    pub arg: u32,
    /// Argument type.
    pub arg_type: ArgType,
    /// Values.
    pub values: ValueTree,
}

/// Values of one matchArgs entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ValueTree {
    /// Numbers, extended to 64 bits.
    Numbers(Vec<u64>),
    /// Strings.
    Strings(Vec<Vec<u8>>),
}
