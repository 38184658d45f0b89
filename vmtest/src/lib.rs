//! The conformance lab: boots stock kernels, runs scenarios in them, and says what happened.
//!
//! Data flows one way: matrix → run → session ⇄ guest → events → reports. `matrix`, `qemu`, `outcome` and `report` do
//! no I/O and read no clock.

pub mod boot;
pub mod cell;
pub mod channel;
pub mod console;
pub mod disk;
pub mod event;
pub mod guest;
pub mod image;
pub mod initramfs;
pub mod limits;
pub mod link;
pub mod machine;
pub mod matrix;
pub mod outcome;
pub mod qemu;
pub mod session;
#[cfg(test)]
mod testing;
