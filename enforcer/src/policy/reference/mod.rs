//! The language reference, `docs/policy-language.md`, from the tables that the front end reads with.
//!
//! Its examples are data ([`EXAMPLES`]): each is parsed, compiled, and asked of the model and of the kernel's evaluator with a
//! call that matches and one that does not.

mod examples;
mod keys;
mod limits;
mod page;
mod undecided;

pub use examples::{EXAMPLES, Example};
pub use page::page;

#[cfg(test)]
mod tests;
