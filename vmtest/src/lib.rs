//! The conformance lab: boots stock kernels, runs scenarios in them, and says what happened.
//!
//! Data flows one way: matrix → run → session ⇄ guest → events → reports. `matrix`, `qemu`, `outcome` and `report` do
//! no I/O and read no clock; only `report::live` writes, to show progress.

pub mod accel;
pub mod boot;
pub mod cell;
pub mod channel;
pub mod cli;
pub mod console;
pub mod differential;
pub mod disk;
pub mod event;
pub mod exit;
pub mod facts;
pub mod guest;
pub mod image;
pub mod initramfs;
pub mod kernels;
pub mod limits;
pub mod link;
pub mod machine;
pub mod matrix;
pub mod out;
pub mod outcome;
pub mod programs;
pub mod qemu;
pub mod report;
pub mod run;
pub mod session;
#[cfg(test)]
mod testing;
