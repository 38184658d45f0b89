//! The rules of the house that no compiler checks, one file each. Each is a function from what is in the tree to what is
//! wrong with it, so that it can be tested on a tree of three lines.

pub(crate) mod claims;
pub(crate) mod crate_edges;
pub(crate) mod dependencies;
pub(crate) mod finding;
pub(crate) mod guest_tree;
pub(crate) mod length;
pub(crate) mod lock_sources;
pub(crate) mod module_docs;
pub(crate) mod places;
pub(crate) mod stub_words;
pub(crate) mod top_level;
pub(crate) mod tree;
pub(crate) mod unsafe_code;
