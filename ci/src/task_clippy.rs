//! Lints: the table in the workspace's Cargo.toml, every warning an error.

use crate::step::Step;

/// clippy over every crate, target and feature; the feature of the lab's self-tests included.
pub(crate) fn step() -> Step {
    let everything = ["--workspace", "--all-targets", "--all-features"];
    Step::cargo(&[&["clippy", "--locked"], &everything[..], &["--", "-D", "warnings"]].concat())
}
