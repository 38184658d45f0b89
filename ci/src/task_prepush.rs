//! What is cheap enough to run before every push.

use anyhow::Result;

use crate::{step::Step, task_bless, task_clippy, task_fmt, task_tidy};

/// Runs all of them, whatever the first ones say.
pub(crate) fn run() -> Result<bool> {
    let mut failed = Vec::new();
    let mut note = |name, passed: bool| {
        if !passed {
            failed.push(name);
        }
    };
    let bless = task_bless::Args { check: true };
    let by_step = |step: Step| {
        eprintln!("xtask: {}", step.shown());
        step.run()
    };
    note("fmt", by_step(task_fmt::step())?);
    note("tidy", task_tidy::run()?);
    note("codegen", task_bless::run(&bless)?);
    note("clippy", by_step(task_clippy::step())?);
    if !failed.is_empty() {
        eprintln!("xtask: not ready to be pushed: {}", failed.join(", "));
    }
    Ok(failed.is_empty())
}
