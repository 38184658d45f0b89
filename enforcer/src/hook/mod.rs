//! From a policy and facts to attached programs. The only module that holds descriptors.

pub mod attach;
pub mod effect;
pub mod layout;
pub mod load;
pub mod plan;
pub mod verifier_log;
