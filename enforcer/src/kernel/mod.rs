//! What the kernel offers: asked of the running one, or read from what was recorded about another.
//!
//! The only module that asks the running kernel.

mod ask;
mod attempt;
mod begin;
pub mod excerpt;
pub mod facts;
pub mod feature;
pub mod functions;
pub mod index;
mod lookup;
pub mod mask;
pub mod modifiable;
mod named;
pub mod names;
pub mod namespaces;
pub mod once;
mod preemption;
pub mod probe;
pub mod prototype;
mod raw_type;
pub mod raw_types;
pub mod recorded;
pub mod resolve;
pub mod resolve_error;
mod resolve_value;
pub mod running;
mod state;
pub mod symbols;
pub mod traced;
pub mod tracepoint;
pub mod view;
