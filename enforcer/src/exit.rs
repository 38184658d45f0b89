//! Exit codes: part of the interface.

/// Everything was as asked.
pub const OK: u8 = 0;
/// Something failed that no other code names.
pub const FAILED: u8 = 1;
/// The command line is wrong (clap's own code).
pub const USAGE: u8 = 2;
/// A policy has errors; nothing was attached.
pub const POLICY: u8 = 3;
/// The kernel refused programs or hooks; nothing stays attached.
pub const KERNEL: u8 = 4;
