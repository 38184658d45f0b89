//! The sets beside the selector bytes, as the maps of a hook hold them: keys in one map per kind.

use crate::selector::{AffixKey, NetworkKey, NumberKey, SearchTable, StringKey};

/// Members of every set of one hook, and its search tables. A member's key begins with the number of its set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sets {
    /// Sets of numbers.
    pub numbers: Vec<NumberKey>,
    /// Sets of whole strings.
    pub strings: Vec<StringKey>,
    /// Sets of prefixes.
    pub prefixes: Vec<AffixKey>,
    /// Sets of postfixes; the strings are reversed.
    pub postfixes: Vec<AffixKey>,
    /// Sets of networks.
    pub networks: Vec<NetworkKey>,
    /// Search tables; a SubString entry names one by its position, from 1.
    pub searches: Vec<SearchTable>,
}
