//! Whether a task that runs in the kernel may be preempted there, as the kernel says itself.

use std::fs;

use super::facts::Answer;

/// What the kernel was built as: `#1 SMP PREEMPT_DYNAMIC Debian …` (`UTS_VERSION` of init/Makefile).
const VERSION: &str = "/proc/sys/kernel/version";
/// Which way a kernel has chosen that can choose: all of them, that one in parentheses (Linux 5.13, `sched_dynamic_show`).
const CHOSEN: &str = "/sys/kernel/debug/sched/preempt";

/// Whether nothing preempts the running kernel.
pub(super) fn is_absent() -> Answer {
    let version = match fs::read_to_string(VERSION) {
        Ok(version) => version,
        Err(error) => return Answer::Unknown(format!("failed to read {VERSION}: {error}")),
    };
    of(&version, || fs::read_to_string(CHOSEN).map_err(|error| format!("failed to read {CHOSEN}: {error}")))
}

fn of(version: &str, chosen: impl FnOnce() -> Result<String, String>) -> Answer {
    let build = version.split_ascii_whitespace().find(|word| word.starts_with("PREEMPT"));
    match build {
        None => Answer::Present,
        Some("PREEMPT_DYNAMIC") => match chosen() {
            Err(reason) => Answer::Unknown(reason),
            Ok(ways) if ["(none)", "(voluntary)"].iter().any(|way| ways.contains(way)) => Answer::Present,
            Ok(_) => Answer::Absent,
        },
        // PREEMPT, PREEMPT_LAZY, PREEMPT_RT, and whatever comes.
        Some(_) => Answer::Absent,
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::cannot_be("#1 SMP Debian 5.10.262-1 (2026-10-01)", "", Answer::Present)]
    #[case::can_be("#1 SMP PREEMPT Thu Jan 1", "", Answer::Absent)]
    #[case::is_for_latency("#1 SMP PREEMPT_RT Debian 6.12", "", Answer::Absent)]
    #[case::chosen_not("#1 SMP PREEMPT_DYNAMIC Debian 6.12", "none (voluntary) full\n", Answer::Present)]
    #[case::chosen_none("#1 SMP PREEMPT_DYNAMIC Debian 6.12", "(none) voluntary full\n", Answer::Present)]
    #[case::chosen_full("#1 SMP PREEMPT_DYNAMIC Debian 6.12", "none voluntary (full)\n", Answer::Absent)]
    #[case::chosen_lazy("#1 SMP PREEMPT_DYNAMIC Debian 7.3", "full (lazy)\n", Answer::Absent)]
    fn a_kernel_says_whether_it_is_preempted(
        #[case] version: &str,
        #[case] chosen: &str,
        #[case] expected: Answer,
    ) {
        assert_eq!(of(version, || Ok(chosen.to_owned())), expected);
    }

    #[test]
    fn a_kernel_that_can_choose_and_does_not_tell_is_unknown() {
        let answer = of("#1 SMP PREEMPT_DYNAMIC", || Err("no debugfs".to_owned()));
        assert_eq!(answer, Answer::Unknown("no debugfs".to_owned()));
    }
}
