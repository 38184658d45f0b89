//! From ring-buffer bytes to lines that people and programs read.

pub mod clock;
pub mod compact;
pub mod json;
pub mod record;
