//! From ring-buffer bytes to lines that people and programs read.

mod argument;
pub mod clock;
pub mod compact;
pub mod json;
mod names;
pub mod record;
