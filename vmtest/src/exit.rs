//! Exit codes are part of the interface: each says who has to act.

use crate::{
    outcome::{BrokenCause, Outcome},
    report::view::RunView,
};

/// Everything that was planned is green or skipped for a known reason.
pub const ALL_GREEN: u8 = 0;
/// The command line can't be understood (the number is the argument parser's own).
pub const USAGE: u8 = 2;
/// The enforcer did something else than a scenario claims.
pub const SCENARIO_FAILED: u8 = 10;
/// A kernel crashed, or complained on its console.
pub const KERNEL_CRASHED: u8 = 11;
/// A guest never said hello.
pub const GUEST_DID_NOT_BOOT: u8 = 12;
/// A guest said hello and then did not answer.
pub const GUEST_DID_NOT_ANSWER: u8 = 13;
/// QEMU ended unasked, the guest broke the protocol, or the lab itself failed.
pub const LAB_BROKEN: u8 = 14;
/// The filters select no cell, or every selected cell was skipped: a run that performed no cell proves nothing.
pub const NOTHING_SELECTED: u8 = 15;
/// A booted kernel disagrees with its recorded facts.
pub const FACTS_DISAGREE: u8 = 16;
/// A booted kernel decides otherwise than the reference model, or complained about being asked.
pub const KERNEL_DIFFERS: u8 = 17;
/// Stopped by a signal.
pub const INTERRUPTED: u8 = 130;

/// The code of a run. When several apply, the one that makes the others doubtful wins: a broken lab before a crashed
/// kernel, that before a guest that did not come up or answer, that before a failed scenario.
#[must_use]
pub fn code(view: &RunView) -> u8 {
    if view.interrupted {
        return INTERRUPTED;
    }
    if view.cells.is_empty() {
        return NOTHING_SELECTED;
    }
    if !view.finished || !view.unplanned.is_empty() {
        return LAB_BROKEN;
    }
    let found: Vec<u8> = view.cells.iter().map(|cell| of_cell(&cell.outcome)).collect();
    [LAB_BROKEN, KERNEL_CRASHED, GUEST_DID_NOT_BOOT, GUEST_DID_NOT_ANSWER, SCENARIO_FAILED]
        .into_iter()
        .find(|code| found.contains(code))
        .unwrap_or(if view.counts().passed > 0 { ALL_GREEN } else { NOTHING_SELECTED })
}

fn of_cell(outcome: &Outcome) -> u8 {
    match outcome {
        Outcome::Passed | Outcome::Skipped(_) => ALL_GREEN,
        Outcome::Failed(_) => SCENARIO_FAILED,
        Outcome::NotRun => LAB_BROKEN,
        Outcome::Broken(cause) => match cause {
            BrokenCause::KernelCrashed { .. } | BrokenCause::KernelComplained { .. } => KERNEL_CRASHED,
            BrokenCause::NoHello { .. } => GUEST_DID_NOT_BOOT,
            BrokenCause::NoAnswer { .. } => GUEST_DID_NOT_ANSWER,
            BrokenCause::QemuEnded { .. }
            | BrokenCause::Protocol { .. }
            | BrokenCause::Runner { .. }
            | BrokenCause::Proof { .. }
            | BrokenCause::Lab { .. } => LAB_BROKEN,
        },
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::testing::RunScript;

    fn crashed() -> Outcome {
        Outcome::Broken(BrokenCause::KernelCrashed { reason: "panic".into(), line: "x".into() })
    }

    #[rstest]
    #[case(&[Outcome::Passed, Outcome::Passed], ALL_GREEN)]
    #[case(&[Outcome::Passed, Outcome::Skipped("no ext4".into())], ALL_GREEN)]
    #[case(&[Outcome::Skipped("no ext4".into()), Outcome::Skipped("no ext4".into())], NOTHING_SELECTED)]
    #[case(&[Outcome::Passed, Outcome::Failed(vec!["x".into()])], SCENARIO_FAILED)]
    #[case(&[Outcome::Failed(vec!["x".into()]), crashed()], KERNEL_CRASHED)]
    #[case(&[Outcome::Broken(BrokenCause::NoHello { waited: "x".into() })], GUEST_DID_NOT_BOOT)]
    #[case(&[Outcome::Broken(BrokenCause::NoAnswer { phase: "a".into(), waited: "x".into() })], GUEST_DID_NOT_ANSWER)]
    #[case(&[crashed(), Outcome::Broken(BrokenCause::QemuEnded { how: "x".into() })], LAB_BROKEN)]
    #[case(&[Outcome::Passed, Outcome::NotRun], LAB_BROKEN)]
    fn the_most_doubtful_outcome_decides(#[case] outcomes: &[Outcome], #[case] expected: u8) {
        let names: Vec<String> = (0..outcomes.len()).map(|at| format!("k/s/c{at}@none")).collect();
        let mut script = RunScript::new(&names.iter().map(String::as_str).collect::<Vec<_>>());
        for (name, outcome) in names.iter().zip(outcomes).filter(|(_, outcome)| outcome.is_decided()) {
            script.finish(name, outcome.clone());
        }
        script.end();
        assert_eq!(code(&script.view()), expected);
    }

    #[test]
    fn a_run_without_an_end_is_never_green() {
        let mut script = RunScript::new(&["k/s/a@none"]);
        script.finish("k/s/a@none", Outcome::Passed);
        assert_eq!(code(&script.view()), LAB_BROKEN);
    }

    #[test]
    fn an_empty_plan_is_never_green() {
        assert_eq!(code(&RunScript::new(&[]).end().view()), NOTHING_SELECTED);
    }
}
