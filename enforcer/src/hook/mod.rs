//! From a policy and facts to attached programs. The only module that holds descriptors.

pub mod attach;
pub mod buffer;
pub mod effect;
pub mod fill;
pub mod layout;
pub mod load;
pub mod plan;
mod risk;
mod signature;
mod sizes;
mod unsupported;
pub mod verifier_log;
