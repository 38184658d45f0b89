//! The reference semantics: what a policy means, written to be read and not to be fast.
//!
//! It reads the AST and plain data, never the encoded bytes, so that it can disagree with the encoder and with the kernel's
//! evaluator: wherever they differ, one of the three is wrong.

pub mod answer;
mod argument;
mod connection;
pub mod context;
pub mod context_file;
mod context_form;
mod context_mistake;
pub mod eval;
mod process;
pub mod show;
mod text;

pub use answer::Answer;
pub use context::{Argument, Capabilities, Connection, Context, PidNamespace, Process, Value};
pub use eval::{Trace, Verdict, evaluate, evaluate_return, trace};

#[cfg(test)]
mod operator_tests;
