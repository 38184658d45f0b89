//! The reference semantics: what a policy means, written to be read and not to be fast.
//!
//! It reads the AST and plain data, never the encoded bytes, so that it can disagree with the encoder and with the kernel's
//! evaluator: wherever they differ, one of the three is wrong.

pub mod context;
pub mod eval;

pub use context::{Argument, Context, PidNamespace, Process};
pub use eval::{Verdict, evaluate};
