//! The enforcer: policy to AST to selector bytes to plan to attached programs to events

pub mod policy;
