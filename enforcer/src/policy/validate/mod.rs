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
mod resolve;
mod returns;
mod scope;
mod selector;
mod text;
mod values;
mod walk;

pub use document::{parse, parse_one};

#[cfg(test)]
mod tests;

#[cfg(test)]
mod language_tests;
