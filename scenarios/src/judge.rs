//! Expectation and record to verdict: pure, so that `vmtest replay` decides the same again.

mod seen;

use serde::{Deserialize, Serialize};

use crate::exit;
use crate::record::{Performance, ProcessFate, Record};
use crate::scenario::{Expectation, ExpectedEffect, ExpectedProcess};

/// The signal by which an enforced process dies.
const SIGKILL: i32 = 9;

/// What a record says about an expectation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Judgement {
    /// Everything was seen as expected.
    Passed,
    /// The enforcer does not do what is claimed; one sentence for each assertion that does not hold.
    Failed(Vec<String>),
    /// The measurement itself is worth nothing, whatever it shows; the reason.
    Broken(String),
}

/// Judges a record. A measurement that can't be trusted is broken before anything in it is compared.
#[must_use]
pub fn judge(expect: &Expectation, record: &Record) -> Judgement {
    if let Some(reason) = broken(record) {
        return Judgement::Broken(reason);
    }
    let failures: Vec<String> = [
        support(expect, record),
        process(expect, record),
        effect(expect, record),
        bystander_process(record),
        bystander_effect(record),
        hook_was_seen(expect, record),
        calls_are_accounted_for(record),
        matches_are_accounted_for(record),
        exactly("aborted", "call ended by a failed helper", 0, record.aborted),
        exactly("matched", "selector match", expect.matched, record.matched),
        exactly("killed", "successful kill", expect.killed, record.killed),
        exactly("kill_failed", "failed kill", 0, record.kill_failed),
        exactly("signalled", "successful signal", expect.signalled, record.signalled),
        exactly("signal_failed", "failed signal", 0, record.signal_failed),
        exactly("refused", "refused call", expect.refused, record.refused),
        exactly("refuse_failed", "refusal that failed", 0, record.refuse_failed),
        exactly("rate_limited", "event held back", expect.rate_limited, record.rate_limited),
        exactly("not_posted", "match without an event", expect.not_posted, record.not_posted),
        faults(expect, record),
        exactly("events", "event about the acting process", expect.events, record.events),
    ]
    .into_iter()
    .flatten()
    .chain(seen::differences(&expect.seen, &record.shown_events))
    .collect();
    if failures.is_empty() { Judgement::Passed } else { Judgement::Failed(failures) }
}

fn broken(record: &Record) -> Option<String> {
    control("before attaching", &record.control_before)
        .or_else(|| control("after detaching", &record.control_after))
        .or_else(|| {
            let misses = record.recursion_misses.filter(|misses| *misses > 0)?;
            Some(format!(
                "the kernel skipped the programs {misses} times (recursion_misses), so nothing is proven"
            ))
        })
        .or_else(|| {
            (record.lost_events > 0)
                .then(|| format!("{} events were lost, so their number proves nothing", record.lost_events))
        })
}

fn control(when: &str, control: &Performance) -> Option<String> {
    let fate = control.fate;
    if fate != ProcessFate::Exited(exit::SUCCESS) {
        return Some(format!("without the policy, {when}, the process {}", describe(control)));
    }
    (!control.effect_happened).then(|| format!("without the policy, {when}, the act had no effect"))
}

/// Whether the agent took the policy, or refused it for the expected reasons.
fn support(expect: &Expectation, record: &Record) -> Option<String> {
    match (&record.unsupported, expect.unsupported.as_slice()) {
        (None, []) => None,
        (None, _) => Some("the policy should be refused on this kernel, but it was attached".into()),
        (Some(said), []) => Some(format!("the policy should be attached, but it was refused: {said}")),
        (Some(said), reasons) => reasons
            .iter()
            .find(|reason| !said.contains(reason.as_str()))
            .map(|reason| format!("the refusal of the policy should say `{reason}`, but said: {said}")),
    }
}

fn process(expect: &Expectation, record: &Record) -> Option<String> {
    let (wanted, wanted_text) = match expect.process {
        ExpectedProcess::Killed => (ProcessFate::Signalled(SIGKILL), format!("die of signal {SIGKILL}")),
        ExpectedProcess::Survives => (ProcessFate::Exited(exit::SUCCESS), "survive".to_owned()),
        ExpectedProcess::Signalled(signal) => {
            (ProcessFate::Signalled(signal), format!("die of signal {signal}"))
        }
        ExpectedProcess::Refused(errno) => return refused(errno, &record.enforced),
    };
    (record.enforced.fate != wanted)
        .then(|| format!("the process should {wanted_text}, but it {}", describe(&record.enforced)))
}

fn refused(errno: i32, performance: &Performance) -> Option<String> {
    let ended = matches!(performance.fate, ProcessFate::Exited(status) if status != exit::SUCCESS);
    match performance.failure {
        Some((_, seen)) if ended && seen == errno => None,
        Some((step, seen)) if ended => Some(format!(
            "the process should see errno {errno}, but it saw {seen} at step {step} and {}",
            describe(performance)
        )),
        _ => Some(format!("the process should see errno {errno}, but it {}", describe(performance))),
    }
}

fn effect(expect: &Expectation, record: &Record) -> Option<String> {
    let Performance { effect_happened, untouched, .. } = record.enforced;
    match (expect.effect, effect_happened, untouched) {
        (ExpectedEffect::Happens, true, _) | (ExpectedEffect::Prevented, false, true) => None,
        (ExpectedEffect::Prevented, true, _) => {
            Some("the effect should be prevented, but it happened".into())
        }
        (ExpectedEffect::Happens, false, true) => {
            Some("the effect should happen, but nothing changed".into())
        }
        (ExpectedEffect::Prevented, false, false) => {
            Some("the effect should be prevented, but a part of it happened".into())
        }
        (ExpectedEffect::Happens, false, false) => {
            Some("the effect should happen, but only a part of it did".into())
        }
    }
}

fn bystander_process(record: &Record) -> Option<String> {
    (record.bystander.fate != ProcessFate::Exited(exit::SUCCESS))
        .then(|| format!("the bystander should survive, but it {}", describe(&record.bystander)))
}

fn bystander_effect(record: &Record) -> Option<String> {
    (!record.bystander.effect_happened)
        .then(|| "the bystander's act should have its effect, but has not".into())
}

fn hook_was_seen(expect: &Expectation, record: &Record) -> Option<String> {
    // Without an agent nobody counts, and the performances alone say that nothing is attached.
    if record.unsupported.is_some() {
        return None;
    }
    let (least, calls) = (expect.least_calls.max(1), record.calls);
    match calls {
        0 => Some(
            "the programs should have seen the hooked function called, but `calls` is 0: nothing was attached".into(),
        ),
        _ => (calls < least).then(|| {
            format!("the programs should have seen at least {least} calls of the hooked functions, and saw {calls}")
        }),
    }
}

fn matches_are_accounted_for(record: &Record) -> Option<String> {
    (record.decided != record.reported).then(|| {
        format!(
            "{} calls matched or could not be decided, but the counters say of {} what became of their events",
            record.decided, record.reported
        )
    })
}

fn calls_are_accounted_for(record: &Record) -> Option<String> {
    (record.calls != record.accounted).then(|| {
        format!("the programs saw {} calls, but say of {} how they ended", record.calls, record.accounted)
    })
}

fn faults(expect: &Expectation, record: &Record) -> Option<String> {
    let mut expected: Vec<(&str, i32)> =
        expect.faults.iter().map(|fault| (fault.site.as_str(), fault.errno)).collect();
    let mut seen: Vec<(&str, i32)> =
        record.faults.iter().map(|fault| (fault.site.as_str(), fault.errno)).collect();
    expected.sort_unstable();
    seen.sort_unstable();
    (expected != seen).then(|| {
        format!(
            "helpers should have failed in the kernel at {expected:?} (place, errno), and failed at {seen:?}"
        )
    })
}

fn exactly(counter: &str, noun: &str, expected: u64, seen: u64) -> Option<String> {
    (expected != seen).then(|| format!("expected exactly {expected} × {noun} (`{counter}`), counted {seen}"))
}

fn describe(performance: &Performance) -> String {
    match performance.fate {
        ProcessFate::Signalled(signal) => format!("died of signal {signal}"),
        ProcessFate::Exited(status) => format!("exited with status {status} ({})", exit::meaning(status)),
    }
}

#[cfg(test)]
mod tests;
