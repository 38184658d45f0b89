//! What became of a cell. Nothing is green by default: a cell starts as [`Outcome::NotRun`], and only a judged record
//! turns it into anything better.

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The five outcomes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Planned and not decided; counts as failed.
    #[default]
    NotRun,
    /// Everything expected was seen.
    Passed,
    /// The enforcer did something else than the scenario claims; one sentence per assertion.
    Failed(Vec<String>),
    /// Not performed, for a reason that was looked up and not assumed.
    Skipped(String),
    /// Says nothing about the enforcer: the lab could not find out. Counts as failed.
    Broken(BrokenCause),
}

/// Why a cell is broken. The causes are told apart because each needs somebody else to act.
#[derive(Clone, Debug, PartialEq, Eq, Error, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BrokenCause {
    /// The emulator ended although nobody asked it to and the kernel printed no crash.
    #[error("QEMU exited or was killed: {how}")]
    QemuEnded {
        /// Status and last words.
        how: String,
    },
    /// The kernel printed a crash marker.
    #[error("kernel crashed: {reason}: `{line}`")]
    KernelCrashed {
        /// Which marker.
        reason: String,
        /// The console line.
        line: String,
    },
    /// The kernel is alive but printed something that it should not.
    #[error("kernel complained: {reason}: `{line}`")]
    KernelComplained {
        /// Which marker.
        reason: String,
        /// The console line.
        line: String,
    },
    /// The guest never said hello.
    #[error("guest did not boot: it never said hello ({waited})")]
    NoHello {
        /// How long the lab waited, and in which clock.
        waited: String,
    },
    /// The kernel measured its clock against the host's at a moment at which the host had no time for it.
    #[error(
        "guest's clock is wrong: it counted {guest_ms} ms since its boot, {host_ms} ms after QEMU was started"
    )]
    Clock {
        /// The guest's monotonic clock, in milliseconds.
        guest_ms: u64,
        /// How long the machine had run by then, in milliseconds of the host.
        host_ms: u64,
    },
    /// The guest said hello and then nothing.
    #[error("guest did not answer after `{phase}` ({waited})")]
    NoAnswer {
        /// Last phase it reported.
        phase: String,
        /// How long the lab waited, and in which clock.
        waited: String,
    },
    /// The guest said something that the protocol forbids at this point.
    #[error("protocol violation: {what}")]
    Protocol {
        /// What was said, and what was allowed.
        what: String,
    },
    /// The guest could not perform the scenario.
    #[error("scenario could not be performed: {message}")]
    Runner {
        /// In the runner's words.
        message: String,
    },
    /// The record proves nothing, for example because the control had no effect.
    #[error("record proves nothing: {message}")]
    Proof {
        /// In the judge's words.
        message: String,
    },
    /// The host's side of the lab failed.
    #[error("lab failed: {message}")]
    Lab {
        /// What failed, and what to do.
        message: String,
    },
}

impl Outcome {
    /// Whether anything but [`Outcome::NotRun`] is known.
    #[must_use]
    pub fn is_decided(&self) -> bool {
        *self != Self::NotRun
    }

    /// Adds a report about the same cell. A second verdict is a violation of the protocol, whatever it says. What breaks
    /// a cell breaks it even after its verdict, and a broken cell stays broken for its first cause.
    #[must_use]
    pub fn merge(self, later: Self) -> Self {
        match (self, later) {
            (Self::NotRun, later) => later,
            (earlier, Self::NotRun) => earlier,
            (Self::Broken(cause), _) => Self::Broken(cause),
            (_, Self::Broken(cause)) => Self::Broken(cause),
            (earlier, later) => Self::Broken(BrokenCause::Protocol {
                what: format!("two verdicts for one cell, first {}, then {}", earlier.word(), later.word()),
            }),
        }
    }

    /// One word for messages.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::NotRun => "not run",
            Self::Passed => "passed",
            Self::Failed(_) => "failed",
            Self::Skipped(_) => "skipped",
            Self::Broken(_) => "broken",
        }
    }

    /// Everything there is to say beyond the word; empty for passed cells.
    #[must_use]
    pub fn reasons(&self) -> Vec<String> {
        match self {
            Self::NotRun | Self::Passed => Vec::new(),
            Self::Failed(reasons) => reasons.clone(),
            Self::Skipped(reason) => vec![reason.clone()],
            Self::Broken(cause) => vec![cause.to_string()],
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_outcome() -> impl Strategy<Value = Outcome> {
        prop_oneof![
            Just(Outcome::NotRun),
            Just(Outcome::Passed),
            "[a-z]{1,8}".prop_map(|reason| Outcome::Failed(vec![reason])),
            "[a-z]{1,8}".prop_map(Outcome::Skipped),
            "[a-z]{1,8}".prop_map(|how| Outcome::Broken(BrokenCause::QemuEnded { how })),
        ]
    }

    proptest! {
        #[test]
        fn two_decisions_are_never_green(first in any_outcome(), second in any_outcome()) {
            prop_assume!(first.is_decided() && second.is_decided());
            prop_assert!(matches!(first.merge(second), Outcome::Broken(_)));
        }

        #[test]
        fn not_run_changes_nothing(outcome in any_outcome()) {
            let merged = Outcome::NotRun.merge(outcome.clone()).merge(Outcome::NotRun);
            prop_assert_eq!(merged, outcome);
        }

        #[test]
        fn broken_stays_broken_for_its_first_cause(outcome in any_outcome()) {
            let broken = Outcome::Broken(BrokenCause::Runner { message: "first".into() });
            prop_assert_eq!(broken.clone().merge(outcome), broken);
        }
    }

    #[test]
    fn an_outcome_starts_as_not_run() {
        assert_eq!(Outcome::default(), Outcome::NotRun);
    }

    #[test]
    fn the_second_verdict_is_named() {
        let merged = Outcome::Passed.merge(Outcome::Failed(vec!["survived".into()]));
        assert_eq!(
            merged.reasons(),
            ["protocol violation: two verdicts for one cell, first passed, then failed"]
        );
    }
}
