//! What Quell claims, executable.
//!
//! A scenario is a YAML file: which policy, which act, which effect must or must not happen. The lab runs each one
//! in a guest as control, attach, act, observe, bystander, detach, control again, and keeps what it saw as a
//! [`record::Record`]. Whether that is a pass is decided by [`judge::judge`], a pure function of expectation and
//! record, so that a report can be rendered again from recorded events.
//!
//! The crate links nothing of the enforcer: the `quell` binary is spawned as a user would spawn it.

pub mod effect;
pub mod exit;
pub mod expect;
pub mod judge;
pub mod lab;
pub mod load;
mod marker;
pub mod order;
pub mod perform;
mod raw;
pub mod record;
pub mod run;
pub mod scenario;
pub mod step;
mod untouched;
