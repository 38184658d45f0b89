//! Spanned tree → AST: collects every mistake of the file, and builds the AST only when there is none.

mod document;
mod kprobe;
mod number;
mod selector;
mod text;
mod values;
mod walk;

pub use document::parse;

#[cfg(test)]
mod tests;
