//! Spanned tree → AST: collects every mistake of the file, and builds the AST only when there is none.

mod actions;
mod args;
mod call;
mod document;
mod filter;
mod hook;
mod lists;
mod network;
mod number;
mod options;
mod process;
mod program;
mod resolve;
mod returns;
mod scope;
mod selector;
mod text;
mod values;
mod walk;

pub use document::{parse, parse_one};

// What the printer writes as it was read, and the language reference lists.
pub(super) use actions::{SCOPES, arguments};
pub(super) use args::SOURCES;
pub(super) use lists::{LIST_PREFIX, LIST_TYPES};
pub(super) use network::written as written_network;
pub(super) use options::{OPTIONS, UNSUPPORTED as UNSUPPORTED_OPTIONS};
pub(super) use process::HOST as HOST_NAMESPACE;
pub(super) use resolve::written as written_steps;

#[cfg(test)]
mod tests;

#[cfg(test)]
mod hook_tests;

#[cfg(test)]
mod language_tests;
