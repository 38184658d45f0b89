//! The conformance lab: boots stock kernels, runs scenarios in them, and says what happened.
//!
//! Data flows one way: matrix → run → session ⇄ guest → events → reports. `matrix`, `qemu`, `outcome` and `report` do
//! no I/O and read no clock; only `report::live` writes, to show progress.

pub mod accel;
pub mod agree;
pub(crate) mod begin;
pub mod bench;
pub mod boot;
pub mod cell;
pub mod channel;
pub mod ci_config;
pub mod cli;
pub mod compare;
pub mod console;
pub mod differential;
pub mod disk;
pub mod event;
pub mod exec;
pub mod exit;
pub mod facts;
pub mod foretold;
pub mod guest;
pub mod history;
pub mod identity;
pub mod image;
pub mod initramfs;
pub mod kernels;
pub mod kernels_verb;
pub mod limits;
pub mod link;
pub mod list;
pub mod loaders;
pub mod machine;
pub mod matrix;
pub mod memory;
pub mod merge;
pub mod migration;
pub mod offers;
pub mod out;
pub mod outcome;
pub mod partition;
pub mod postmortem;
pub mod programs;
pub mod qemu;
pub mod qmp;
pub mod report;
pub mod restores;
pub mod run;
pub mod schedule;
pub mod session;
pub mod snapshot;
#[cfg(test)]
mod testing;
