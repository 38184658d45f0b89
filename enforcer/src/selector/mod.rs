//! The selectors of a hook as bytes and sets, and back to the policy or to something a person can read.

mod actions;
pub mod canonical;
pub(crate) mod code;
pub mod compile;
mod config;
pub mod decode;
mod decode_entry;
pub mod describe;
pub mod document;
mod entries;
mod error;
pub mod explain;
pub mod host_namespaces;
pub(crate) mod place;
mod quick;
mod quick_table;
mod search;
pub mod set_document;
mod sets;
mod words;

pub use error::{CompileError, Place, section_key};
