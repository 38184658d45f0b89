//! PID 1 of every guest.
fn main() {}
