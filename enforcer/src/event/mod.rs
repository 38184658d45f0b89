//! From ring-buffer bytes to lines that people and programs read.

mod argument;
pub mod clock;
pub mod compact;
pub mod json;
pub mod kind;
mod names;
pub mod process;
pub mod record;
