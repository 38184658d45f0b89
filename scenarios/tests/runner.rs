//! The runner, with agents that only pretend: it must see what happens, and must not be impressed by what is said.

#![expect(clippy::unwrap_used, reason = "a failed helper of a test is a failed test")]

mod common;

use std::path::Path;
use std::time::Duration;

use common::{PASSWD, lab, slow_write};
use quell_scenarios::judge::{Judgement, judge};
use quell_scenarios::load::load_dir;
use quell_scenarios::record::ProcessFate;
use quell_scenarios::run::{Phase, RunError, run};
use quell_scenarios::scenario::{FileSystem, Scenario};
use quell_scenarios::step::Step;
use rstest::rstest;

/// Creating PID namespaces needs root, as everything in the lab does.
#[test]
fn every_scenario_goes_red_when_nothing_is_enforced() {
    let scenarios = load_dir(Path::new(env!("CARGO_MANIFEST_DIR"))).unwrap();
    let mut cells = 0;
    for scenario in &scenarios {
        for filesystem in &scenario.filesystems {
            let dir = tempfile::tempdir().unwrap();
            let lab = lab(dir.path(), "idle");
            let record = run(scenario, *filesystem, &lab, &mut |_| ())
                .unwrap_or_else(|error| panic!("{}@{filesystem}: {error}", scenario.id));
            for performance in
                [&record.control_before, &record.enforced, &record.bystander, &record.control_after]
            {
                assert_eq!(performance.fate, ProcessFate::Exited(0), "{} {record:?}", scenario.id);
                assert!(performance.effect_happened && !performance.untouched, "{} {record:?}", scenario.id);
            }
            let judgement = judge(&scenario.expect, &record);
            assert!(matches!(judgement, Judgement::Failed(_)), "{}: {judgement:?}", scenario.id);
            assert_clean(&lab);
            cells += 1;
        }
    }
    assert!(cells >= 80, "{cells} cells");
}

fn assert_clean(lab: &quell_scenarios::lab::LabPaths) {
    assert_eq!(std::fs::read_to_string(lab.rootfs.join("etc/passwd")).unwrap(), PASSWD);
    for work_dir in [FileSystem::Tmpfs, FileSystem::Ext4, FileSystem::None].map(|of| lab.work_dir(of)) {
        assert_eq!(std::fs::read_dir(&work_dir).unwrap().count(), 0, "{}", work_dir.display());
    }
}

#[test]
fn kill_in_time_is_seen_by_fate_effect_counter_and_event() {
    let dir = tempfile::tempdir().unwrap();
    let lab = lab(dir.path(), "hunter");
    let scenario = slow_write(800);
    let mut phases = Vec::new();
    let record = run(&scenario, FileSystem::Tmpfs, &lab, &mut |phase| phases.push(phase)).unwrap();
    assert_eq!(record.enforced.fate, ProcessFate::Signalled(9));
    assert!(record.enforced.untouched && !record.enforced.effect_happened);
    assert_eq!((record.events, record.killed, record.recursion_misses), (1, 1, None));
    assert_eq!(judge(&scenario.expect, &record), Judgement::Passed);
    let expected = [
        Phase::ControlBefore,
        Phase::Attach,
        Phase::Act,
        Phase::Observe,
        Phase::Bystander,
        Phase::Detach,
        Phase::ControlAfter,
    ];
    assert_eq!(phases, expected);
    assert_clean(&lab);
}

#[test]
fn enforcer_that_kills_the_bystander_too_fails() {
    let dir = tempfile::tempdir().unwrap();
    let lab = lab(dir.path(), "massacre");
    let scenario = slow_write(800);
    let record = run(&scenario, FileSystem::Tmpfs, &lab, &mut |_| ()).unwrap();
    let Judgement::Failed(failures) = judge(&scenario.expect, &record) else { panic!("{record:?}") };
    assert!(failures.iter().any(|failure| failure.contains("the bystander should survive")), "{failures:?}");
}

#[test]
fn programs_that_the_kernel_skips_every_time_break_the_cell() {
    let dir = tempfile::tempdir().unwrap();
    let scenario = slow_write(0);
    let record = run(&scenario, FileSystem::Tmpfs, &lab(dir.path(), "skipped"), &mut |_| ()).unwrap();
    assert_eq!(record.thrown_away, [2, 2]);
    let Judgement::Broken(reason) = judge(&scenario.expect, &record) else { panic!("{record:?}") };
    assert!(reason.contains("2 times"), "{reason}");
}

#[test]
fn programs_that_the_kernel_skips_once_have_the_cell_performed_again() {
    let dir = tempfile::tempdir().unwrap();
    let scenario = slow_write(0);
    let record = run(&scenario, FileSystem::Tmpfs, &lab(dir.path(), "skipped-once"), &mut |_| ()).unwrap();
    assert_eq!((record.recursion_misses, record.thrown_away.as_slice()), (Some(0), [2].as_slice()));
    let Judgement::Failed(failures) = judge(&scenario.expect, &record) else { panic!("{record:?}") };
    assert!(failures.iter().any(|failure| failure.contains("process")), "{failures:?}");
}

#[test]
fn control_without_effect_breaks_the_cell() {
    let dir = tempfile::tempdir().unwrap();
    let mut scenario = slow_write(0);
    scenario.steps.pop();
    let record = run(&scenario, FileSystem::Tmpfs, &lab(dir.path(), "idle"), &mut |_| ()).unwrap();
    assert!(record.control_before.untouched);
    let Judgement::Broken(reason) = judge(&scenario.expect, &record) else { panic!("{record:?}") };
    assert!(reason.contains("before attaching, the act had no effect"), "{reason}");
}

#[test]
fn half_an_effect_is_neither_effect_nor_none() {
    let dir = tempfile::tempdir().unwrap();
    let mut scenario = slow_write(0);
    scenario.steps.push(Step::WriteAt { data: "!".into(), offset: 2 });
    let record = run(&scenario, FileSystem::Tmpfs, &lab(dir.path(), "idle"), &mut |_| ()).unwrap();
    assert!(!record.enforced.untouched && !record.enforced.effect_happened);
}

#[rstest]
#[case::dies_before_ready(
    "dies-before-ready",
    "before it was ready",
    "failed to load the policy: on purpose"
)]
#[case::never_ready("never-ready", "was not ready after", "")]
#[case::dies_after_ready("dies-after-ready", "while it should have enforced", "fell over on purpose")]
#[case::ignores_sigterm("ignores-sigterm", "after SIGTERM", "")]
#[case::ends_badly("ends-badly", "instead of 0 after SIGTERM", "")]
fn agent_that_breaks_the_contract_is_an_error_that_says_how(
    #[case] agent: &str,
    #[case] sentence: &str,
    #[case] stderr: &str,
) {
    let dir = tempfile::tempdir().unwrap();
    let mut lab = lab(dir.path(), agent);
    // Short only where the deadline is what is tested: a busy machine must not turn one error into another.
    match agent {
        "never-ready" => lab.deadlines.attach = Duration::from_millis(500),
        "ignores-sigterm" => lab.deadlines.detach = Duration::from_millis(500),
        _ => {}
    }
    let error = run(&slow_write(200), FileSystem::Tmpfs, &lab, &mut |_| ()).unwrap_err().to_string();
    assert!(error.contains(sentence) && error.contains(stderr), "{error}");
    assert_clean(&lab);
}

#[test]
fn missing_agent_is_an_error_that_names_it() {
    let dir = tempfile::tempdir().unwrap();
    let mut lab = lab(dir.path(), "idle");
    lab.quell = dir.path().join("nowhere");
    let error = run(&slow_write(0), FileSystem::Tmpfs, &lab, &mut |_| ()).unwrap_err();
    assert!(matches!(error, RunError::Process { what: "start", process: "the agent", .. }), "{error}");
}

#[rstest]
#[case::host("file/kill-write-by-path-at-sys-write", FileSystem::Tmpfs)]
#[case::entered("open_kill/kill-process-that-entered-namespace", FileSystem::None)]
#[case::child_of_init("open_kill/spare-child-of-namespace-init", FileSystem::None)]
fn subject_that_does_not_end_is_ended_and_reported(#[case] id: &str, #[case] filesystem: FileSystem) {
    let dir = tempfile::tempdir().unwrap();
    let mut lab = lab(dir.path(), "idle");
    lab.deadlines.act = Duration::from_secs(3);
    let mut scenario = scenario(id);
    scenario.steps.insert(0, Step::Pause { ms: 600_000 });
    let error = run(&scenario, filesystem, &lab, &mut |_| ()).unwrap_err();
    assert!(matches!(error, RunError::Outlived { process: "the subject", .. }), "{error}");
    let marker = lab.scratch.to_str().unwrap().to_owned();
    // The relays notice a moment after their inner process.
    let gone = (0..200).any(|_| {
        std::thread::sleep(Duration::from_millis(10));
        !processes_mention(&marker)
    });
    assert!(gone, "processes are left behind");
    assert_clean(&lab);
}

fn scenario(id: &str) -> Scenario {
    let all = load_dir(Path::new(env!("CARGO_MANIFEST_DIR"))).unwrap();
    all.into_iter().find(|scenario| scenario.id == id).unwrap()
}

fn processes_mention(text: &str) -> bool {
    std::fs::read_dir("/proc").unwrap().flatten().any(|entry| {
        let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&line).contains(text)
    })
}

#[test]
fn cell_that_the_scenario_does_not_have_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let error = run(&slow_write(0), FileSystem::Ext4, &lab(dir.path(), "idle"), &mut |_| ()).unwrap_err();
    assert_eq!(error.to_string(), "scenario test/slow-write does not run on ext4");
}
