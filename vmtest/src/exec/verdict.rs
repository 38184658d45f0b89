//! What became of a program in a kernel, as a code and as a word.

use std::{fmt, io};

use nix::sys::signal::Signal;
use vmtest_proto::{ExecEnd, ExecReport};

use crate::{
    exit,
    link::Loss,
    outcome::BrokenCause,
    session::{ExecEnded, ExecLoss},
};

/// What became of a program in one kernel.
#[derive(Debug)]
pub enum Verdict {
    /// It ended.
    Ended(ExecReport),
    /// It did not end in time.
    TimedOut {
        /// The limit, in seconds.
        limit_s: u64,
        /// Seconds since the guest last gave a sign of life, if that is long.
        silent_s: Option<u64>,
    },
    /// The kernel can't be had.
    NoKernel(String),
    /// The guest did not boot.
    NoBoot(String),
    /// The guest was silent while the program ran.
    NoAnswer(String),
    /// The kernel crashed while the program ran.
    Crashed(String),
    /// QEMU, the protocol or the lab failed.
    Broken(String),
    /// Nobody takes the output.
    OutputClosed(io::Error),
    /// The user left.
    Left,
    /// A signal ended the lab.
    Interrupted,
}

/// A guest gives a sign of life every few seconds; one that has not for so long is stuck.
const STUCK_S: u64 = 20;

impl Verdict {
    /// The verdict on an end.
    #[must_use]
    pub fn of(ended: Result<ExecEnded, ExecLoss>, limit_s: u64) -> Self {
        match ended {
            Ok(ExecEnded::Exited(report)) => Self::Ended(report),
            Ok(ExecEnded::TimedOut { silent }) => {
                let silent_s = Some(silent.as_secs()).filter(|silent_s| *silent_s >= STUCK_S);
                Self::TimedOut { limit_s, silent_s }
            }
            Ok(ExecEnded::Left) => Self::Left,
            Ok(ExecEnded::NobodyListens(error)) => Self::OutputClosed(error),
            Err(ExecLoss::Boot(Loss::Interrupted) | ExecLoss::Run(Loss::Interrupted)) => Self::Interrupted,
            Err(ExecLoss::Boot(Loss::Silent { waited })) => Self::NoBoot(waited),
            Err(ExecLoss::Boot(Loss::Broken(cause))) => match cause {
                BrokenCause::KernelCrashed { .. } => Self::NoBoot(cause.to_string()),
                cause => Self::Broken(cause.to_string()),
            },
            Err(ExecLoss::Run(Loss::Silent { waited })) => Self::NoAnswer(waited),
            Err(ExecLoss::Run(Loss::Broken(cause))) => match cause {
                BrokenCause::KernelCrashed { .. } => Self::Crashed(cause.to_string()),
                cause => Self::Broken(cause.to_string()),
            },
        }
    }

    /// The exit code when this is the only kernel: the program's own if it ended.
    #[must_use]
    pub fn code(&self) -> u8 {
        match self {
            Self::Ended(report) => match &report.end {
                ExecEnd::Code(code) => u8::try_from(code & 0xff).unwrap_or(u8::MAX),
                ExecEnd::Signal(signal) => {
                    u8::try_from(*signal).map_or(u8::MAX, |signal| exit::SIGNAL_BASE.saturating_add(signal))
                }
                ExecEnd::NotStarted(_) => exit::EXEC_NOT_STARTED,
            },
            Self::TimedOut { .. } => exit::EXEC_TIMED_OUT,
            Self::NoKernel(_) | Self::Broken(_) => exit::EXEC_LAB_BROKEN,
            Self::NoBoot(_) => exit::EXEC_GUEST_DID_NOT_BOOT,
            Self::NoAnswer(_) => exit::EXEC_GUEST_DID_NOT_ANSWER,
            Self::Crashed(_) => exit::EXEC_KERNEL_CRASHED,
            Self::OutputClosed(error) if error.kind() == io::ErrorKind::BrokenPipe => exit::OUTPUT_CLOSED,
            Self::OutputClosed(_) => exit::EXEC_LAB_BROKEN,
            Self::Left => exit::ALL_GREEN,
            Self::Interrupted => exit::INTERRUPTED,
        }
    }

    /// Whether the code is the program's own.
    #[must_use]
    pub fn is_programs_own(&self) -> bool {
        matches!(self, Self::Ended(report) if !matches!(report.end, ExecEnd::NotStarted(_)))
            || matches!(self, Self::Left)
    }

    /// Whether another boot may go better: nothing of the program was seen.
    #[must_use]
    pub fn is_boot_failure(&self) -> bool {
        matches!(self, Self::NoBoot(_))
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ended(report) => match &report.end {
                ExecEnd::Code(code) => write!(formatter, "exit code {code}"),
                ExecEnd::Signal(signal) => match Signal::try_from(*signal) {
                    Ok(signal) => write!(formatter, "killed by {signal}"),
                    Err(_) => write!(formatter, "killed by signal {signal}"),
                },
                ExecEnd::NotStarted(reason) => write!(formatter, "not started: {reason}"),
            },
            Self::TimedOut { limit_s, silent_s: None } => {
                write!(formatter, "not finished after {limit_s} s (--timeout-s); the guest is alive")
            }
            Self::TimedOut { limit_s, silent_s: Some(silent_s) } => write!(
                formatter,
                "not finished after {limit_s} s (--timeout-s); the guest has given no sign of life for {silent_s} s"
            ),
            Self::NoKernel(reason) => write!(formatter, "kernel not to be had: {reason}"),
            Self::NoBoot(reason) => write!(formatter, "the guest did not boot: {reason}"),
            Self::NoAnswer(waited) => {
                write!(formatter, "the guest booted, and was lost while the program ran: {waited}")
            }
            Self::Crashed(reason) => write!(formatter, "while the program ran: {reason}"),
            Self::Broken(reason) => write!(formatter, "the lab failed: {reason}"),
            Self::OutputClosed(error) => write!(formatter, "nobody takes the program's output: {error}"),
            Self::Left => formatter.write_str("left"),
            Self::Interrupted => formatter.write_str("interrupted"),
        }
    }
}

/// The exit code of a run in several kernels: the lab's own troubles first, the most doubtful one of them, then whether the
/// program failed anywhere. In one kernel it is the program's own.
#[must_use]
pub fn code(verdicts: &[Verdict]) -> u8 {
    if let [only] = verdicts {
        return only.code();
    }
    let own: Vec<u8> =
        verdicts.iter().filter(|verdict| !verdict.is_programs_own()).map(Verdict::code).collect();
    let order = [
        exit::INTERRUPTED,
        exit::EXEC_LAB_BROKEN,
        exit::EXEC_KERNEL_CRASHED,
        exit::EXEC_GUEST_DID_NOT_BOOT,
        exit::EXEC_GUEST_DID_NOT_ANSWER,
        exit::EXEC_TIMED_OUT,
        exit::EXEC_NOT_STARTED,
        exit::OUTPUT_CLOSED,
    ];
    if let Some(code) = order.into_iter().find(|code| own.contains(code)) {
        return code;
    }
    match verdicts {
        [] => exit::EXEC_NO_KERNEL,
        _ if verdicts.iter().all(|verdict| verdict.code() == 0) => exit::ALL_GREEN,
        _ => exit::EXEC_SOME_FAILED,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rstest::rstest;

    use super::*;

    fn ended(end: ExecEnd) -> Verdict {
        Verdict::Ended(ExecReport { end, leftovers: Vec::new(), unpack_ms: 0, run_ms: 0 })
    }

    fn crash() -> BrokenCause {
        BrokenCause::KernelCrashed { reason: "panic".into(), line: "x".into() }
    }

    #[rstest]
    #[case(ended(ExecEnd::Code(0)), 0)]
    #[case(ended(ExecEnd::Code(7)), 7)]
    #[case(ended(ExecEnd::Code(255)), 255)]
    #[case(ended(ExecEnd::Signal(9)), 137)]
    #[case(ended(ExecEnd::NotStarted("x".into())), exit::EXEC_NOT_STARTED)]
    #[case(Verdict::of(Err(ExecLoss::Run(Loss::Broken(crash()))), 1), 211)]
    #[case(Verdict::of(Err(ExecLoss::Boot(Loss::Broken(crash()))), 1), 212)]
    #[case(Verdict::of(Err(ExecLoss::Boot(Loss::Silent { waited: "x".into() })), 1), 212)]
    #[case(Verdict::of(Err(ExecLoss::Run(Loss::Silent { waited: "x".into() })), 1), 213)]
    #[case(Verdict::of(Err(ExecLoss::Run(Loss::Interrupted)), 1), 130)]
    #[case(Verdict::of(Ok(ExecEnded::TimedOut { silent: Duration::ZERO }), 1), 219)]
    fn one_kernel_gives_the_programs_code_or_the_labs(#[case] verdict: Verdict, #[case] expected: u8) {
        assert_eq!(code(&[verdict]), expected);
    }

    #[test]
    fn several_kernels_are_green_only_together_and_the_labs_troubles_come_first() {
        let good = || ended(ExecEnd::Code(0));
        let bad = || ended(ExecEnd::Code(211));
        assert_eq!(code(&[good(), good()]), 0);
        assert_eq!(code(&[good(), bad()]), exit::EXEC_SOME_FAILED);
        assert_eq!(code(&[good(), Verdict::NoKernel("x".into()), bad()]), exit::EXEC_LAB_BROKEN);
        let late = Verdict::TimedOut { limit_s: 1, silent_s: None };
        assert_eq!(code(&[bad(), late]), exit::EXEC_TIMED_OUT);
        assert_eq!(code(&[]), exit::EXEC_NO_KERNEL);
    }

    #[test]
    fn a_guest_that_is_stuck_is_told_from_a_program_that_is_slow() {
        let text = |silent| Verdict::of(Ok(ExecEnded::TimedOut { silent }), 60).to_string();
        assert!(text(Duration::from_secs(3)).contains("alive"));
        assert!(text(Duration::from_secs(50)).contains("no sign of life for 50 s"));
    }
}
