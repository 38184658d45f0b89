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
/// The enforcer does otherwise than it said that it would, or says otherwise with and without the kernel.
pub const PLANS_DIFFER: u8 = 18;
/// `vmtest merge`: the parts are not of one run, or one was given twice.
pub const PARTS_DIFFER: u8 = 19;
/// A kernel is not in the cache as it is pinned.
pub const NOT_AS_PINNED: u8 = 20;
/// A policy costs more than was agreed on, or nothing was agreed on for this kernel and QEMU.
pub const COSTS_MORE: u8 = 21;
/// `vmtest diff`: the two sides are not the same.
pub const RUNS_DIFFER: u8 = 25;
/// What the lab itself has to say when it runs a program of the user's own, whose exit codes are its own: the codes above, by so
/// much higher. Shells use numbers up to 192 for signals.
pub const EXEC_BASE: u8 = 200;
/// `exec`: the program, or something that it needs, is not on this machine; nothing was booted.
pub const EXEC_NO_PROGRAM: u8 = EXEC_BASE + SCENARIO_FAILED;
/// `exec`: the kernel crashed.
pub const EXEC_KERNEL_CRASHED: u8 = EXEC_BASE + KERNEL_CRASHED;
/// `exec`: the guest did not boot.
pub const EXEC_GUEST_DID_NOT_BOOT: u8 = EXEC_BASE + GUEST_DID_NOT_BOOT;
/// `exec`: the guest booted and then was silent.
pub const EXEC_GUEST_DID_NOT_ANSWER: u8 = EXEC_BASE + GUEST_DID_NOT_ANSWER;
/// `exec`: QEMU ended unasked, the guest broke the protocol, or the lab itself failed.
pub const EXEC_LAB_BROKEN: u8 = EXEC_BASE + LAB_BROKEN;
/// `exec`: no kernel is selected.
pub const EXEC_NO_KERNEL: u8 = EXEC_BASE + NOTHING_SELECTED;
/// `exec`: the program did not end within its time.
pub const EXEC_TIMED_OUT: u8 = 219;
/// `exec`: the guest has the program and could not start it.
pub const EXEC_NOT_STARTED: u8 = 220;
/// `exec`: the program failed in at least one of several kernels.
pub const EXEC_SOME_FAILED: u8 = 1;
/// A shell's code for a program that a signal ended is so much more than the signal.
pub const SIGNAL_BASE: u8 = 128;
/// Nobody took the output: as a program that SIGPIPE ends.
pub const OUTPUT_CLOSED: u8 = SIGNAL_BASE + 13;
/// Stopped by a signal.
pub const INTERRUPTED: u8 = 130;

/// The code of a run. When several apply, the one that makes the others doubtful wins: a broken lab before a crashed
/// kernel, that before a guest that did not come up or answer, that before a failed scenario.
#[must_use]
pub fn code(view: &RunView) -> u8 {
    if view.interrupted {
        return INTERRUPTED;
    }
    // What a share proves is for the whole run to say: some have no cell, or only some that are skipped.
    let is_part = view.part.is_some();
    if view.cells.is_empty() && !is_part {
        return NOTHING_SELECTED;
    }
    if !view.finished || !view.unplanned.is_empty() {
        return LAB_BROKEN;
    }
    let found: Vec<u8> = view.cells.iter().map(|cell| of_cell(&cell.outcome)).collect();
    [LAB_BROKEN, KERNEL_CRASHED, GUEST_DID_NOT_BOOT, GUEST_DID_NOT_ANSWER, SCENARIO_FAILED]
        .into_iter()
        .find(|code| found.contains(code))
        .unwrap_or(if view.counts().passed > 0 || is_part { ALL_GREEN } else { NOTHING_SELECTED })
}

fn of_cell(outcome: &Outcome) -> u8 {
    match outcome {
        Outcome::Passed | Outcome::Skipped(_) => ALL_GREEN,
        Outcome::Failed(_) => SCENARIO_FAILED,
        Outcome::NotRun => LAB_BROKEN,
        Outcome::Broken(cause) => match cause {
            BrokenCause::KernelCrashed { .. } | BrokenCause::KernelComplained { .. } => KERNEL_CRASHED,
            BrokenCause::NoHello { .. } | BrokenCause::Clock { .. } => GUEST_DID_NOT_BOOT,
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
    use crate::testing::{RunScript, plan_of};

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

    #[rstest]
    #[case("slice:1/3", true, ALL_GREEN)]
    #[case("slice:1/3", false, LAB_BROKEN)]
    #[case("slice:2/3", true, LAB_BROKEN)]
    fn a_share_without_cells_is_in_order_if_it_came_to_its_end(
        #[case] share: &str,
        #[case] ends: bool,
        #[case] expected: u8,
    ) {
        let mut script = RunScript::of_part(share, &plan_of(&["k/s/a@none", "k/s/b@none"]));
        if ends {
            script.end();
        }
        assert_eq!(code(&script.view()), expected);
    }

    #[test]
    fn an_empty_plan_is_never_green() {
        assert_eq!(code(&RunScript::new(&[]).end().view()), NOTHING_SELECTED);
    }
}
