//! The enforcer as a library: policy → AST → selector bytes → plan → attached programs → events.
//!
//! Stages are types, and time flows one way: [`policy::Policy`] (validated), [`selector::compile::CompiledHook`]
//! (bytes), [`hook::plan::Plan`] (for one kernel), [`hook::attach::Attached`] (in force). Nothing before the plan knows
//! a kernel; [`run`] alone joins the stages.

pub mod bytes;
pub mod check;
mod descriptors;
pub mod event;
pub mod exit;
pub mod files;
mod heap;
pub mod hook;
pub mod kernel;
pub mod model;
pub mod policy;
pub mod process;
pub mod report;
pub mod run;
pub mod selector;
pub mod taken;
pub mod verifier;
