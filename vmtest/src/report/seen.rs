//! What was seen, in the words of records and never of expectations: the same words in every report.

use nix::errno::Errno;
use quell_scenarios::record::{Performance, ProcessFate, Record};

/// What became of the acting process.
#[must_use]
pub fn process(performance: &Performance) -> String {
    match performance.fate {
        ProcessFate::Signalled(9) => "killed".to_owned(),
        ProcessFate::Signalled(signal) => format!("signal {signal}"),
        ProcessFate::Exited(0) => "survived".to_owned(),
        ProcessFate::Exited(status) => format!("exit {status}"),
    }
}

/// Which step failed, and how: by the process's own word.
#[must_use]
pub fn failure(performance: &Performance) -> Option<String> {
    performance.failure.map(|(step, number)| format!("step {step} failed with {}", errno(number)))
}

/// The name of an errno, or its number where it has none.
#[must_use]
pub fn errno(number: i32) -> String {
    match Errno::from_raw(number) {
        Errno::UnknownErrno => format!("errno {number}"),
        named => format!("{named:?}"),
    }
}

/// Whether the effect was there afterwards.
#[must_use]
pub fn effect(performance: &Performance) -> &'static str {
    match (performance.effect_happened, performance.untouched) {
        (true, _) => "happened",
        (false, true) => "prevented",
        (false, false) => "in part",
    }
}

/// Whether the enforcer saw it: in the kernel, and as an event.
#[must_use]
pub fn enforcer(record: &Record) -> &'static str {
    match (record.matched > 0, record.events > 0) {
        (true, true) => "seen",
        (true, false) => "no event",
        (false, true) => "event only",
        (false, false) => "–",
    }
}

/// The three together, as they stand in a cell of the table.
#[must_use]
pub fn all(record: &Record) -> String {
    format!("{} · {} · {}", process(&record.enforced), effect(&record.enforced), enforcer(record))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::good_record;

    #[test]
    fn an_errno_has_its_name() {
        assert_eq!([1, 95, 5000].map(errno), ["EPERM", "EOPNOTSUPP", "errno 5000"]);
    }

    #[test]
    fn what_was_seen_is_said_in_three_words() {
        assert_eq!(all(&good_record()), "killed · prevented · seen");
        let mut late = good_record();
        late.enforced =
            Performance { fate: ProcessFate::Exited(20), failure: Some((1, 13)), ..late.enforced };
        (late.enforced.untouched, late.events) = (false, 0);
        assert_eq!(all(&late), "exit 20 · in part · no event");
        assert_eq!(failure(&late.enforced).as_deref(), Some("step 1 failed with EACCES"));
    }
}
