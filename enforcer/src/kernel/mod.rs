//! What the kernel offers: asked of the running one, or read from what was recorded about another.
//!
//! The only module that asks the running kernel.

pub mod facts;
pub mod functions;
pub mod namespaces;
pub mod probe;
pub mod prototype;
pub mod recorded;
pub mod symbols;
