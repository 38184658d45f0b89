//! What was expected beside what was seen, assertion by assertion: what the judge compared, laid out for a reader. The verdict
//! stays the judge's; a test holds the two together. What events hold is not laid out: the judge's sentences say where it differs.

use quell_scenarios::{
    record::{Performance, Record},
    scenario::{Expectation, ExpectedEffect, ExpectedProcess},
};
use serde::Serialize;

use crate::report::seen;

/// One line of the comparison.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Assertion {
    /// What was looked at.
    pub what: &'static str,
    /// What had to be seen.
    pub expected: String,
    /// What was seen.
    pub seen: String,
    /// Whether the two agree.
    pub holds: bool,
}

/// All lines. Counters that had to be zero and are zero are left out.
#[must_use]
pub fn assertions(expect: &Expectation, record: &Record) -> Vec<Assertion> {
    let mut lines = vec![
        process(expect, record),
        line("effect", effect(expect.effect), seen::effect(&record.enforced)),
        line("bystander", "survived", bystander(&record.bystander)),
        line("bystander's effect", "happened", happened(&record.bystander)),
        control("control before", &record.control_before),
        control("control after", &record.control_after),
    ];
    lines.extend(support(expect, record));
    lines.push(calls(expect, record));
    let counters = [
        ("matches", expect.matched, record.matched),
        ("events", expect.events, record.events),
        ("kills", expect.killed, record.killed),
        ("failed kills", 0, record.kill_failed),
        ("signals", expect.signalled, record.signalled),
        ("failed signals", 0, record.signal_failed),
        ("refused calls", expect.refused, record.refused),
        ("refusals that failed", 0, record.refuse_failed),
        ("events held back", expect.rate_limited, record.rate_limited),
        ("matches without event", expect.not_posted, record.not_posted),
        ("aborted calls", 0, record.aborted),
        ("lost events", 0, record.lost_events),
        ("skipped program runs", 0, record.recursion_misses.unwrap_or(0)),
        ("calls accounted for", record.calls, record.accounted),
        ("matches accounted for", record.decided, record.reported),
    ];
    let is_told = |name: &str, expected: u64, seen: u64| {
        matches!(name, "matches" | "events" | "kills") || expected != 0 || seen != 0
    };
    for (what, expected, seen) in counters {
        if is_told(what, expected, seen) {
            lines.push(line(what, &expected.to_string(), &seen.to_string()));
        }
    }
    lines.extend(faults(expect, record));
    lines
}

fn line(what: &'static str, expected: &str, seen: &str) -> Assertion {
    Assertion { what, expected: expected.to_owned(), seen: seen.to_owned(), holds: expected == seen }
}

fn process(expect: &Expectation, record: &Record) -> Assertion {
    let seen = with_failure(&record.enforced);
    let ended = seen::process(&record.enforced);
    let (expected, holds) = match expect.process {
        ExpectedProcess::Killed => ("killed".to_owned(), ended == "killed"),
        ExpectedProcess::Survives => ("survived".to_owned(), ended == "survived"),
        ExpectedProcess::Signalled(9) => ("killed".to_owned(), ended == "killed"),
        ExpectedProcess::Signalled(signal) => {
            let expected = format!("signal {signal}");
            let holds = ended == expected;
            (expected, holds)
        }
        ExpectedProcess::Refused(number) => {
            let met = matches!(record.enforced.failure, Some((_, seen)) if seen == number);
            (format!("fails with {}", seen::errno(number)), met && ended.starts_with("exit"))
        }
    };
    Assertion { what: "process", expected, seen, holds }
}

fn with_failure(performance: &Performance) -> String {
    let ended = seen::process(performance);
    match seen::failure(performance) {
        Some(failure) => format!("{ended}, {failure}"),
        None => ended,
    }
}

const fn effect(expected: ExpectedEffect) -> &'static str {
    match expected {
        ExpectedEffect::Prevented => "prevented",
        ExpectedEffect::Happens => "happened",
    }
}

fn bystander(performance: &Performance) -> &'static str {
    match seen::process(performance).as_str() {
        "survived" => "survived",
        "killed" => "killed",
        _ => "ended otherwise",
    }
}

fn happened(performance: &Performance) -> &'static str {
    if performance.effect_happened { "happened" } else { seen_absence(performance) }
}

fn seen_absence(performance: &Performance) -> &'static str {
    if performance.untouched { "nothing changed" } else { "in part" }
}

fn control(what: &'static str, performance: &Performance) -> Assertion {
    let seen = format!("{}, {}", with_failure(performance), happened(performance));
    line(what, "survived, happened", &seen)
}

fn support(expect: &Expectation, record: &Record) -> Option<Assertion> {
    let said = record.unsupported.as_deref();
    if said.is_none() && expect.unsupported.is_empty() {
        return None;
    }
    let expected = match expect.unsupported.as_slice() {
        [] => "attached".to_owned(),
        reasons => format!("refused: {}", reasons.join("; ")),
    };
    let holds = match said {
        None => expect.unsupported.is_empty(),
        Some(said) => {
            !expect.unsupported.is_empty() && expect.unsupported.iter().all(|reason| said.contains(reason))
        }
    };
    let seen = said.map_or_else(|| "attached".to_owned(), |said| format!("refused: {said}"));
    Some(Assertion { what: "policy", expected, seen, holds })
}

fn calls(expect: &Expectation, record: &Record) -> Assertion {
    let is_attached = record.unsupported.is_none();
    let least = if is_attached { expect.least_calls.max(1) } else { 0 };
    Assertion {
        what: "calls",
        expected: format!("at least {least}"),
        seen: record.calls.to_string(),
        holds: record.calls >= least,
    }
}

fn faults(expect: &Expectation, record: &Record) -> Option<Assertion> {
    if expect.faults.is_empty() && record.faults.is_empty() {
        return None;
    }
    let mut wanted: Vec<String> =
        expect.faults.iter().map(|fault| format!("{} {}", fault.site, seen::errno(fault.errno))).collect();
    let mut found: Vec<String> =
        record.faults.iter().map(|fault| format!("{} {}", fault.site, seen::errno(fault.errno))).collect();
    wanted.sort_unstable();
    found.sort_unstable();
    let holds = wanted == found;
    let or_none = |all: Vec<String>| if all.is_empty() { "none".to_owned() } else { all.join(", ") };
    Some(Assertion { what: "failed helpers", expected: or_none(wanted), seen: or_none(found), holds })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use quell_scenarios::{
        judge::{Judgement, judge},
        record::{Fault, ProcessFate},
        scenario::ExpectedFault,
    };

    use super::*;
    use crate::testing::{good_record, killed_and_prevented};

    fn all_hold(expect: &Expectation, record: &Record) -> bool {
        assertions(expect, record).iter().all(|assertion| assertion.holds)
    }

    #[test]
    fn the_good_record_holds_line_by_line() {
        let shown: Vec<String> = assertions(&killed_and_prevented(), &good_record())
            .iter()
            .map(|a| format!("{}: {} | {} | {}", a.what, a.expected, a.seen, a.holds))
            .collect();
        insta::assert_snapshot!(shown.join("\n"));
    }

    fn any_fate() -> impl Strategy<Value = ProcessFate> {
        prop_oneof![
            Just(ProcessFate::Exited(0)),
            Just(ProcessFate::Exited(20)),
            Just(ProcessFate::Signalled(9)),
            Just(ProcessFate::Signalled(11)),
        ]
    }

    fn any_performance() -> impl Strategy<Value = Performance> {
        (any_fate(), 0..3, prop::option::of((0_usize..2, 1_i32..3))).prop_map(|(fate, effect, failure)| {
            Performance {
                fate,
                effect_happened: effect == 0,
                untouched: effect == 1,
                failure: if fate == ProcessFate::Exited(0) { None } else { failure },
                stderr: String::new(),
            }
        })
    }

    /// A good record with a few things changed.
    fn any_record() -> impl Strategy<Value = Record> {
        let performance = || prop::option::weighted(0.2, any_performance());
        let counter = || prop::option::weighted(0.1, 0_u64..3);
        let performances =
            (prop::option::weighted(0.6, any_performance()), performance(), performance(), performance());
        let counters = prop::collection::vec(counter(), 14);
        (performances, counters, prop::bool::weighted(0.1), prop::bool::weighted(0.1)).prop_map(
            |((enforced, bystander, before, after), counters, unsupported, faulty)| {
                let mut record = good_record();
                let places = [
                    (&mut record.enforced, enforced),
                    (&mut record.bystander, bystander),
                    (&mut record.control_before, before),
                    (&mut record.control_after, after),
                ];
                for (place, changed) in places {
                    if let Some(changed) = changed {
                        *place = changed;
                    }
                }
                let places = [
                    &mut record.matched,
                    &mut record.events,
                    &mut record.killed,
                    &mut record.kill_failed,
                    &mut record.signalled,
                    &mut record.signal_failed,
                    &mut record.refused,
                    &mut record.refuse_failed,
                    &mut record.rate_limited,
                    &mut record.not_posted,
                    &mut record.aborted,
                    &mut record.lost_events,
                    &mut record.accounted,
                    &mut record.reported,
                ];
                for (place, changed) in places.into_iter().zip(counters) {
                    *place = changed.unwrap_or(*place);
                }
                record.unsupported = unsupported.then(|| "no such hook".to_owned());
                if faulty {
                    record.faults = vec![Fault { site: "probe_read".into(), errno: 14, count: 2 }];
                }
                record
            },
        )
    }

    fn any_expectation() -> impl Strategy<Value = Expectation> {
        let process = prop_oneof![
            3 => Just(ExpectedProcess::Killed),
            1 => Just(ExpectedProcess::Survives),
            1 => Just(ExpectedProcess::Signalled(11)),
            1 => Just(ExpectedProcess::Refused(1)),
        ];
        let effect = prop_oneof![Just(ExpectedEffect::Prevented), Just(ExpectedEffect::Happens)];
        (process, effect, prop::bool::weighted(0.1), prop::bool::weighted(0.1)).prop_map(
            |(process, effect, unsupported, faulty)| {
                let mut expect = killed_and_prevented();
                (expect.process, expect.effect) = (process, effect);
                if unsupported {
                    expect.unsupported = vec!["such".to_owned()];
                }
                if faulty {
                    expect.faults = vec![ExpectedFault { site: "probe_read".into(), errno: 14 }];
                }
                expect
            },
        )
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]
        #[test]
        fn the_lines_hold_exactly_when_the_judge_is_content(
            expect in any_expectation(),
            record in any_record(),
        ) {
            let judged = judge(&expect, &record);
            prop_assert_eq!(
                all_hold(&expect, &record),
                judged == Judgement::Passed,
                "{:?}: {:?}", judged, assertions(&expect, &record)
            );
        }
    }
}
