//! The lab against guests, kernels and machines that misbehave: each ends in time, says what it was, and is never
//! green. Boots real guests, so it needs QEMU and a kernel, and runs only with the feature `vm-tests`.
//!
//! Where guests go on from snapshots and where they share boots the same has to be said.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a panic is how a test fails")]

mod lab;

use lab::{Lab, ONE_CELL, dies_soon};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use rstest::rstest;
use vmtest::{
    exit,
    outcome::{BrokenCause, Outcome},
};

/// A fresh guest for each cell, or one boot for all.
const FRESH: &[&str] = &[];
const SHARED: &[&str] = &["--cold"];

#[test]
fn a_silent_guest_did_not_boot_and_is_tried_twice() {
    let ended = Lab::bad(ONE_CELL, "silent", &["--boot-limit-s", "6"]).finish();
    assert!(matches!(ended.cause(), BrokenCause::NoHello { .. }), "{}", ended.said());
    assert_eq!(ended.failed_boots, 2);
    ended.ends_with(exit::GUEST_DID_NOT_BOOT, "0 passed, 1 failed, 0 skipped", "it never said hello");
}

#[rstest]
fn a_guest_that_never_answers_is_told_from_one_that_did_not_boot(#[values(FRESH, SHARED)] mode: &[&str]) {
    let ended = Lab::bad(ONE_CELL, "mute", &[mode, &["--silence-limit-s", "5"]].concat()).finish();
    assert!(matches!(ended.cause(), BrokenCause::NoAnswer { .. }), "{}", ended.said());
    ended.ends_with(
        exit::GUEST_DID_NOT_ANSWER,
        "0 passed, 1 failed, 0 skipped",
        "guest did not answer after",
    );
}

#[rstest]
#[case::in_a_cell("panic", 0)]
#[case::during_boot("boot-panic", 2)]
fn a_panicking_kernel_is_named_with_its_console_line(#[case] how: &str, #[case] failed_boots: usize) {
    let ended = Lab::bad(ONE_CELL, how, &[]).finish();
    assert!(matches!(ended.cause(), BrokenCause::KernelCrashed { .. }), "{}", ended.said());
    assert_eq!(ended.failed_boots, failed_boots);
    ended.ends_with(exit::KERNEL_CRASHED, "0 passed, 1 failed, 0 skipped", "sysrq triggered crash");
}

#[rstest]
fn a_dying_pid_1_is_the_labs_fault_and_not_the_kernels(#[values(FRESH, SHARED)] mode: &[&str]) {
    let ended = Lab::bad(ONE_CELL, "init-exit", mode).finish();
    assert!(matches!(ended.cause(), BrokenCause::Lab { .. }), "{}", ended.said());
    ended.ends_with(exit::LAB_BROKEN, "0 passed, 1 failed, 0 skipped", "PID 1 of the guest died");
}

#[rstest]
fn a_guest_that_reports_twice_breaks_the_protocol(#[values(FRESH, SHARED)] mode: &[&str]) {
    let ended = Lab::bad(ONE_CELL, "double", mode).finish();
    assert!(matches!(ended.cause(), BrokenCause::Protocol { .. }), "{}", ended.said());
    ended.ends_with(exit::LAB_BROKEN, "0 passed, 1 failed, 0 skipped", "twice");
}

#[rstest]
fn a_guest_that_reports_twice_has_no_trusted_cell_at_all(#[values(FRESH, SHARED)] mode: &[&str]) {
    let ended = Lab::bad("file/kill-*@tmpfs", "double", mode).finish();
    assert!(ended.view.cells.len() > 2);
    for cell in &ended.view.cells {
        assert!(matches!(cell.outcome, Outcome::Broken(_)), "{}: {:?}", cell.planned.cell, cell.outcome);
    }
    assert_eq!(ended.code(), i32::from(exit::LAB_BROKEN));
}

#[rstest]
fn a_verdict_that_nobody_asked_for_breaks_the_protocol(#[values(FRESH, SHARED)] mode: &[&str]) {
    let ended = Lab::bad(ONE_CELL, "foreign", mode).finish();
    assert!(matches!(ended.cause(), BrokenCause::Protocol { .. }), "{}", ended.said());
    ended.ends_with(exit::LAB_BROKEN, "0 passed, 1 failed, 0 skipped", "which was not asked for");
}

#[rstest]
fn a_guest_of_another_protocol_version_is_refused_at_once(#[values(FRESH, SHARED)] mode: &[&str]) {
    let ended = Lab::bad(ONE_CELL, "wrong-version", mode).finish();
    assert_eq!(ended.failed_boots, 1, "a second boot would say the same");
    ended.ends_with(exit::LAB_BROKEN, "0 passed, 1 failed, 0 skipped", "guest speaks version");
}

/// Check that noise on the line changes nothing: the cell is judged as if the line were clean.
#[rstest]
fn a_noisy_line_does_no_harm(#[values(FRESH, SHARED)] mode: &[&str]) {
    let ended = Lab::bad(ONE_CELL, "noisy", mode).finish();
    assert!(matches!(ended.view.cells[0].outcome, Outcome::Failed(_)), "{}", ended.said());
    assert_eq!(ended.code(), i32::from(exit::SCENARIO_FAILED));
}

#[rstest]
fn a_qemu_that_is_killed_mid_run_is_neither_a_crash_nor_a_hang(#[values(FRESH, SHARED)] mode: &[&str]) {
    let mut running = Lab::bad(ONE_CELL, "mute", mode).start();
    let qemu = running.wait_for_cell();
    kill(Pid::from_raw(qemu), Signal::SIGKILL).unwrap();
    let ended = running.finish();
    assert!(matches!(ended.cause(), BrokenCause::QemuEnded { .. }), "{}", ended.said());
    ended.ends_with(
        exit::LAB_BROKEN,
        "0 passed, 1 failed, 0 skipped",
        "QEMU exited or was killed: killed by signal 9",
    );
}

#[test]
fn an_interrupted_run_ends_its_qemu_and_reports() {
    let mut running = Lab::bad(ONE_CELL, "mute", &[]).start();
    let qemu = running.wait_for_cell();
    kill(Pid::from_raw(running.pid()), Signal::SIGINT).unwrap();
    let ended = running.finish();
    dies_soon(qemu);
    assert_eq!(ended.view.cells[0].outcome, Outcome::NotRun);
    ended.ends_with(exit::INTERRUPTED, "0 passed, 1 failed, 0 skipped", "The run was interrupted");
}

#[test]
fn a_killed_lab_leaves_no_qemu_behind() {
    let mut running = Lab::bad(ONE_CELL, "mute", &[]).start();
    let qemu = running.wait_for_cell();
    running.child.kill().unwrap();
    running.child.wait().unwrap();
    dies_soon(qemu);
}

#[test]
fn an_enforcer_that_attaches_nothing_turns_every_scenario_red() {
    // In sequence: emulated machines die now and then, and hundreds of them would be a lottery.
    let ended = Lab::new("*", &["--cold"]).finish();
    assert!(ended.view.cells.len() > 10, "{}", ended.said());
    for cell in &ended.view.cells {
        let Outcome::Failed(reasons) = &cell.outcome else {
            panic!("{} is {:?}", cell.planned.cell, cell.outcome);
        };
        assert!(!reasons.is_empty(), "{}", cell.planned.cell);
    }
    assert_eq!(ended.code(), i32::from(exit::SCENARIO_FAILED));
}
