//! The selectors of a hook as bytes, and back to something a person can read.

pub mod compile;
pub mod explain;
