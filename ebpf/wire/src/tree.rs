//! Selectors as a tree of numbers: what [`crate::write`] writes and [`crate::read`] reads.
//!
//! It has the structure of the bytes and the numbers of the tables, and no meaning yet: neither names nor rules.

use crate::code::{Action, ArgType, Operator, Subject};
use crate::selector::{Network, Section};

/// One selector.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SelectorTree {
    /// SELECTOR_* bits.
    pub flags: u32,
    /// matchPIDs entries.
    pub pids: Vec<PidTree>,
    /// Entries of the other match sections, in the order of the sections; no section twice, none empty.
    pub sections: Vec<(Section, Vec<EntryTree>)>,
    /// matchActions entries.
    pub actions: Vec<ActionTree>,
    /// matchReturnActions entries.
    pub return_actions: Vec<ActionTree>,
}

impl SelectorTree {
    /// The entries of a section; none when it is absent.
    #[must_use]
    pub fn section(&self, section: Section) -> &[EntryTree] {
        self.sections.iter().find(|(own, _)| *own == section).map_or(&[], |(_, entries)| entries)
    }

    /// Every entry of every section.
    pub fn entries(&self) -> impl Iterator<Item = &EntryTree> {
        self.sections.iter().flat_map(|(_, entries)| entries)
    }
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

/// One entry of another match section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryTree {
    /// Operator.
    pub op: Operator,
    /// What is compared.
    pub subject: Subject,
    /// Its type.
    pub arg_type: ArgType,
    /// Values.
    pub values: ValueTree,
    /// Number of the search table, from 1; 0 for all but SubString and SubStringIgnCase.
    pub search: u32,
    /// Of a set of strings: bytes of the longest one; else 0.
    pub longest: u32,
}

/// Values of one entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ValueTree {
    /// Numbers, extended to 64 bits.
    Numbers(Vec<u64>),
    /// Least and greatest, both included.
    Ranges(Vec<(u64, u64)>),
    /// Strings.
    Strings(Vec<Vec<u8>>),
    /// Networks.
    Networks(Vec<Network>),
    /// The set with this number, from 1; its members are in [`crate::sets::Sets`].
    Set(u32),
}

/// One action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ActionTree {
    /// What is done.
    pub action: Action,
    /// Its parameters.
    pub param: [u32; 6],
}
