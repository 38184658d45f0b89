//! The table of processes: what the kernel side remembers of each from its fork to its end, filled at the start with those
//! that are there already.

pub mod baseline;
pub mod followed;
pub mod scan;
pub mod stat;
pub mod tracker;
