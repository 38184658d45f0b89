//! The selectors of a hook as bytes and sets, and back to the policy or to something a person can read.

mod actions;
pub mod canonical;
mod code;
pub mod compile;
mod config;
mod entries;
mod error;
pub mod explain;
pub mod host_namespaces;
mod place;
mod search;
mod sets;
mod words;

pub use error::{CompileError, Place, section_key};
