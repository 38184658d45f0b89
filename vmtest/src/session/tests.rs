//! Sessions with scripted guests: every way in which a guest can fail, without a guest.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use serde_json::json;
use vmtest_proto::{CellReport, GuestFacts, PROTOCOL_VERSION, ToGuest, ToHost};

use super::*;
use crate::{
    limits::Patience,
    qemu::Accel,
    testing::{good_record, killed_and_prevented},
};

/// Says what the script says, then what it says at the end for ever.
struct Script {
    heard: VecDeque<Result<Heard, Loss>>,
    sent: Vec<ToGuest>,
    ends: bool,
}

impl Link for Script {
    fn send(&mut self, message: &ToGuest) -> Result<(), Loss> {
        self.sent.push(message.clone());
        Ok(())
    }

    fn hear(&mut self, _: Patience, _: Instant) -> Result<Heard, Loss> {
        self.heard.pop_front().unwrap_or_else(|| Err(Loss::Silent { waited: "silent for 5 s".to_owned() }))
    }

    fn glance(&mut self, patience: Patience, _: Duration) -> Result<Option<Heard>, Loss> {
        self.hear(patience, Instant::now()).map(Some)
    }

    fn complaint(&mut self) -> Result<Option<BrokenCause>, Loss> {
        // In a script, what the kernel printed by now is what stands next.
        let next = self.heard.pop_front_if(|heard| matches!(heard, Ok(Heard::Complaint { .. })));
        Ok(match next {
            Some(Ok(Heard::Complaint { reason, line })) => {
                Some(BrokenCause::KernelComplained { reason, line })
            }
            _ => None,
        })
    }

    fn age(&self) -> Duration {
        Duration::from_millis(3210)
    }

    fn wait_for_end(&mut self, _: Duration) -> Result<bool, Loss> {
        Ok(self.ends)
    }
}

fn job(cell: &str) -> Job {
    Job {
        cell: cell.parse().unwrap(),
        expect: killed_and_prevented(),
        file_system: json!("tmpfs"),
        scenario: json!({}),
    }
}

fn hello() -> Result<Heard, Loss> {
    Ok(Heard::Message(ToHost::Hello { version: PROTOCOL_VERSION }))
}

fn ready() -> Result<Heard, Loss> {
    Ok(Heard::Message(ToHost::Ready { facts: GuestFacts::default() }))
}

fn verdict(cell: &str) -> Result<Heard, Loss> {
    let report = CellReport::Record(serde_json::to_value(good_record()).unwrap());
    Ok(Heard::Message(ToHost::Verdict { cell: cell.to_owned(), report }))
}

fn progress(cell: &str, phase: &str) -> Result<Heard, Loss> {
    Ok(Heard::Message(ToHost::Progress { cell: cell.to_owned(), phase: phase.to_owned() }))
}

fn bye() -> Result<Heard, Loss> {
    Ok(Heard::Message(ToHost::Bye))
}

fn complaint() -> Result<Heard, Loss> {
    Ok(Heard::Complaint { reason: "kernel warning".to_owned(), line: "WARNING: CPU: 0".to_owned() })
}

const A: &str = "6.12/file/a@tmpfs";
const B: &str = "6.12/file/b@tmpfs";

/// Runs A and B against a script; returns the end and the outcomes in the order of their events.
fn run(heard: Vec<Result<Heard, Loss>>) -> (SessionEnd, Vec<(String, Outcome)>) {
    let mut script = Script { heard: heard.into(), sent: Vec::new(), ends: true };
    let mut outcomes = Vec::new();
    let mut emit = |event| {
        if let RunEvent::CellFinished { cell, outcome, .. } = event {
            outcomes.push((cell.to_string(), outcome));
        }
    };
    let session = Session::new(&mut script, Limits::of(Accel::Tcg), "6.12", 1, &mut emit);
    let (end, decided) = session.run(&[job(A), job(B)]);
    let first_words: std::collections::BTreeSet<&String> = outcomes.iter().map(|(cell, _)| cell).collect();
    assert_eq!(decided, first_words.len(), "decided cells are those with an event");
    (end, outcomes)
}

fn cause(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Broken(cause) => cause.to_string(),
        other => panic!("expected a broken cell, not {other:?}"),
    }
}

#[test]
fn a_good_guest_gets_every_cell_decided() {
    let (end, outcomes) = run(vec![hello(), ready(), progress(A, "attach"), verdict(A), verdict(B), bye()]);
    assert_eq!(end, SessionEnd::Done);
    assert_eq!(outcomes, [(A.to_owned(), Outcome::Passed), (B.to_owned(), Outcome::Passed)]);
}

#[test]
fn silence_before_hello_is_a_failed_boot() {
    let (end, outcomes) = run(vec![]);
    assert_eq!(end, SessionEnd::BootFailed(BrokenCause::NoHello { waited: "silent for 5 s".into() }));
    assert_eq!(outcomes, []);
}

#[test]
fn silence_during_a_cell_names_the_last_phase_and_spares_the_next_cell() {
    let (end, outcomes) = run(vec![hello(), ready(), progress(A, "attach")]);
    let expected = BrokenCause::NoAnswer { phase: "attach".into(), waited: "silent for 5 s".into() };
    assert_eq!(end, SessionEnd::Lost(expected.clone()));
    assert_eq!(outcomes, [(A.to_owned(), Outcome::Broken(expected))]);
}

#[test]
fn a_crash_after_the_first_cell_leaves_its_verdict_alone() {
    let crash = BrokenCause::KernelCrashed { reason: "panic".into(), line: "Kernel panic".into() };
    let (end, outcomes) = run(vec![hello(), ready(), verdict(A), Err(Loss::Broken(crash.clone()))]);
    assert_eq!(end, SessionEnd::Lost(crash.clone()));
    assert_eq!(outcomes, [(A.to_owned(), Outcome::Passed), (B.to_owned(), Outcome::Broken(crash))]);
}

#[test]
fn a_second_verdict_breaks_the_cell_that_it_is_about() {
    let (end, outcomes) = run(vec![hello(), ready(), verdict(A), verdict(A)]);
    assert!(matches!(end, SessionEnd::Lost(BrokenCause::Protocol { .. })), "{end:?}");
    assert_eq!(outcomes[0], (A.to_owned(), Outcome::Passed));
    assert_eq!(outcomes[1].0, A);
    assert_eq!(cause(&outcomes[1].1), format!("protocol violation: guest reported {A} twice"));
    assert_eq!(outcomes[2].0, B);
    assert!(cause(&outcomes[2].1).contains("the second time during"), "{outcomes:?}");
}

#[test]
fn a_second_verdict_after_the_last_cell_is_still_heard() {
    let (end, outcomes) = run(vec![hello(), ready(), verdict(A), verdict(B), verdict(B)]);
    assert!(matches!(end, SessionEnd::Lost(BrokenCause::Protocol { .. })), "{end:?}");
    assert_eq!(outcomes[2].0, B);
    assert!(matches!(outcomes[2].1, Outcome::Broken(_)));
}

#[test]
fn a_guest_that_crashes_while_it_switches_off_breaks_its_last_cell() {
    let crash = BrokenCause::KernelCrashed { reason: "panic".into(), line: "Kernel panic".into() };
    let (end, outcomes) =
        run(vec![hello(), ready(), verdict(A), verdict(B), Err(Loss::Broken(crash.clone()))]);
    assert_eq!(end, SessionEnd::Lost(crash.clone()));
    assert_eq!(outcomes[1], (B.to_owned(), Outcome::Passed));
    assert_eq!(outcomes[2], (B.to_owned(), Outcome::Broken(crash)));
}

#[test]
fn a_verdict_for_a_cell_that_nobody_asked_for_is_a_violation() {
    let (end, outcomes) = run(vec![hello(), ready(), verdict("6.12/file/other@tmpfs")]);
    assert!(matches!(end, SessionEnd::Lost(BrokenCause::Protocol { .. })), "{end:?}");
    assert!(cause(&outcomes[0].1).contains("which was not asked for"), "{outcomes:?}");
}

#[test]
fn another_protocol_version_is_refused_before_any_cell() {
    let wrong = Heard::Message(ToHost::Hello { version: PROTOCOL_VERSION + 1 });
    let (end, outcomes) = run(vec![Ok(wrong)]);
    let SessionEnd::BootFailed(BrokenCause::Protocol { what }) = end else { panic!("{end:?}") };
    assert_eq!(what, format!("guest speaks version {}, this lab {PROTOCOL_VERSION}", PROTOCOL_VERSION + 1));
    assert_eq!(outcomes, []);
}

#[test]
fn a_verdict_before_hello_is_a_violation() {
    let (end, _) = run(vec![verdict(A)]);
    assert!(matches!(end, SessionEnd::BootFailed(BrokenCause::Protocol { .. })), "{end:?}");
}

#[test]
fn a_kernel_warning_breaks_only_the_cell_that_it_happened_in() {
    let (end, outcomes) = run(vec![hello(), ready(), complaint(), verdict(A), verdict(B), bye()]);
    assert_eq!(end, SessionEnd::Done);
    assert_eq!(cause(&outcomes[0].1), "kernel complained: kernel warning: `WARNING: CPU: 0`");
    assert_eq!(outcomes[1].1, Outcome::Passed);
}

#[test]
fn a_kernel_warning_within_a_tick_of_the_verdict_breaks_that_cell_and_not_the_next() {
    let (end, outcomes) = run(vec![hello(), ready(), verdict(A), complaint(), verdict(B), bye()]);
    assert_eq!(end, SessionEnd::Done);
    assert_eq!(cause(&outcomes[0].1), "kernel complained: kernel warning: `WARNING: CPU: 0`");
    assert_eq!(outcomes[1], (B.to_owned(), Outcome::Passed));
    assert_eq!(outcomes.len(), 2);
}

#[test]
fn a_kernel_warning_after_bye_breaks_the_last_cell() {
    let mut script = Script {
        heard: [hello(), ready(), verdict(A), bye(), complaint()].into(),
        sent: Vec::new(),
        ends: true,
    };
    let mut outcomes = Vec::new();
    let mut emit = |event| {
        if let RunEvent::CellFinished { outcome, .. } = event {
            outcomes.push(outcome);
        }
    };
    let (end, _) = Session::new(&mut script, Limits::of(Accel::Tcg), "6.12", 1, &mut emit).run(&[job(A)]);
    assert_eq!(end, SessionEnd::Done);
    let merged = outcomes.into_iter().fold(Outcome::NotRun, Outcome::merge);
    assert_eq!(cause(&merged), "kernel complained: kernel warning: `WARNING: CPU: 0`");
}

#[test]
fn a_guest_that_runs_another_kernel_is_refused_with_both_names() {
    let facts = GuestFacts { release: "6.1.0-56-cloud-amd64".to_owned(), ..GuestFacts::default() };
    let ready = Heard::Message(ToHost::Ready { facts });
    let mut script = Script { heard: [hello(), Ok(ready)].into(), sent: Vec::new(), ends: true };
    let mut emit = |_| {};
    let session = Session::new(&mut script, Limits::of(Accel::Tcg), "6.12", 1, &mut emit);
    let (end, decided) = session.expecting(Some("6.12.117+deb13-cloud-amd64")).run(&[job(A)]);
    let SessionEnd::BootFailed(cause @ BrokenCause::Protocol { .. }) = end else { panic!("{end:?}") };
    assert!(cause.to_string().contains("6.1.0-56-cloud-amd64"), "{cause}");
    assert!(cause.to_string().contains("6.12.117+deb13-cloud-amd64"), "{cause}");
    assert_eq!(decided, 0);
}

#[test]
fn a_warning_during_boot_changes_no_outcome() {
    let (end, outcomes) = run(vec![complaint(), hello(), ready(), verdict(A), verdict(B), bye()]);
    assert_eq!(end, SessionEnd::Done);
    assert!(outcomes.iter().all(|(_, outcome)| *outcome == Outcome::Passed));
}

#[test]
fn an_error_of_the_runner_breaks_the_cell_in_its_words() {
    let error = Heard::Message(ToHost::Verdict {
        cell: A.to_owned(),
        report: CellReport::Error("the agent ended before it was ready".to_owned()),
    });
    let (end, outcomes) = run(vec![hello(), ready(), Ok(error), verdict(B), bye()]);
    assert_eq!(end, SessionEnd::Done);
    assert!(cause(&outcomes[0].1).ends_with("the agent ended before it was ready"));
    assert_eq!(outcomes[1].1, Outcome::Passed);
}

#[test]
fn a_record_of_another_shape_breaks_the_cell() {
    let odd = Heard::Message(ToHost::Verdict {
        cell: A.to_owned(),
        report: CellReport::Record(json!({ "killed": "yes" })),
    });
    let (_, outcomes) = run(vec![hello(), ready(), Ok(odd), verdict(B), bye()]);
    assert!(cause(&outcomes[0].1).contains("record that nobody can read"), "{outcomes:?}");
}

#[test]
fn an_interruption_decides_nothing() {
    let (end, outcomes) = run(vec![hello(), ready(), verdict(A), Err(Loss::Interrupted)]);
    assert_eq!(end, SessionEnd::Interrupted);
    assert_eq!(outcomes.len(), 1);
}

#[test]
fn a_guest_that_gives_up_says_why() {
    let fatal = Heard::Message(ToHost::Fatal { reason: "failed to mount bpf".to_owned() });
    let (end, _) = run(vec![Ok(fatal)]);
    let SessionEnd::BootFailed(cause) = end else { panic!("{end:?}") };
    assert_eq!(cause.to_string(), "lab failed: PID 1 of the guest gave up: failed to mount bpf");
}

#[test]
fn a_guest_is_told_to_begin_before_anything_else() {
    let mut script =
        Script { heard: [hello(), ready(), verdict(A), bye()].into(), sent: Vec::new(), ends: true };
    let mut emit = |_| {};
    let session = Session::new(&mut script, Limits::of(Accel::Tcg), "6.12", 1, &mut emit);
    assert_eq!(session.mounting(vec!["ext4".to_owned()]).run(&[job(A)]), (SessionEnd::Done, 1));
    let Some(ToGuest::Begin { file_systems, .. }) = script.sent.first() else { panic!("{:?}", script.sent) };
    assert_eq!(file_systems, &["ext4"]);
    assert_eq!(script.sent.iter().filter(|sent| matches!(sent, ToGuest::Begin { .. })).count(), 1);
}

#[test]
fn a_guest_that_is_never_ready_has_not_booted() {
    let (end, outcomes) = run(vec![hello()]);
    assert_eq!(end, SessionEnd::BootFailed(BrokenCause::NoHello { waited: "silent for 5 s".into() }));
    assert_eq!(outcomes, []);
}

/// Performs A in a restored guest; returns the end and what was emitted.
fn run_restored(heard: Vec<Result<Heard, Loss>>) -> (SessionEnd, Vec<RunEvent>) {
    let mut script = Script { heard: heard.into(), sent: Vec::new(), ends: false };
    let mut events = Vec::new();
    let mut emit = |event| events.push(event);
    let session = Session::new(&mut script, Limits::of(Accel::Tcg), "6.12", 1, &mut emit);
    let end = session.run_restored(&job(A), 70);
    (end, events)
}

fn merged(events: &[RunEvent]) -> Outcome {
    let outcomes = events.iter().filter_map(|event| match event {
        RunEvent::CellFinished { outcome, .. } => Some(outcome.clone()),
        _ => None,
    });
    outcomes.fold(Outcome::NotRun, Outcome::merge)
}

#[test]
fn a_restored_guest_performs_its_cell_without_a_hello_and_need_not_switch_itself_off() {
    let (end, events) = run_restored(vec![ready(), verdict(A), bye()]);
    assert_eq!(end, SessionEnd::Done);
    assert!(
        matches!(&events[0], RunEvent::GuestRestored { restore_ms: 3210, loaded_ms: 70, .. }),
        "{events:?}"
    );
    assert_eq!(merged(&events), Outcome::Passed);
}

#[test]
fn a_restored_guest_that_is_never_ready_decides_nothing() {
    let (end, events) = run_restored(vec![]);
    assert!(matches!(end, SessionEnd::BootFailed(BrokenCause::NoHello { .. })), "{end:?}");
    assert_eq!(events, []);
}

#[test]
fn a_restored_guest_that_reports_twice_is_not_believed() {
    let (end, events) = run_restored(vec![ready(), verdict(A), verdict(A), bye()]);
    assert!(matches!(end, SessionEnd::Lost(BrokenCause::Protocol { .. })), "{end:?}");
    assert!(matches!(merged(&events), Outcome::Broken(_)));
}

#[test]
fn a_warning_or_a_crash_after_the_verdict_breaks_a_restored_guests_cell() {
    let (end, events) = run_restored(vec![ready(), verdict(A), complaint(), bye()]);
    assert_eq!(end, SessionEnd::Done);
    assert!(matches!(merged(&events), Outcome::Broken(BrokenCause::KernelComplained { .. })));
    let crash = BrokenCause::KernelCrashed { reason: "panic".into(), line: "Kernel panic".into() };
    let (_, events) = run_restored(vec![ready(), verdict(A), Err(Loss::Broken(crash.clone()))]);
    assert_eq!(merged(&events), Outcome::Broken(crash));
}
