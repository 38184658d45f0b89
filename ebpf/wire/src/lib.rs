//! The one definition of everything that crosses the kernel boundary.
//!
//! Limits, operator, type, action and status numbers, the selector bytes, the per-hook constants and the event records
//! are written here and nowhere else. The C side includes `ebpf/include/wire.gen.h`, which [`emit_c::header`] prints;
//! a test fails when the committed header differs, and the layouts are compared with the BTF of the compiled objects.
//!
//! Everything is little-endian, and every record is free of implicit padding (tested).

pub mod capacity;
pub mod code;
pub mod emit_c;
pub mod event;
pub mod hook;
pub mod limits;
pub mod process;
pub mod read;
pub mod schema;
pub mod selector;
pub mod sets;
pub mod tree;
pub mod write;

pub use schema::{Field, Layout, WireRecord};
