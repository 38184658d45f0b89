//! Whether the kernel that this runs on lets itself be asked at all.
//!
//! Only what has nothing to do with Quell's own programs is probed: a program that the verifier refuses is a failure, and
//! must never pass for a machine that can't be asked.

use std::path::Path;

use libbpf_rs::ProgramType;

/// `BPF_PROG_TEST_RUN` runs raw tracepoint programs since 5.10.
const OLDEST: (u64, u64) = (5, 10);
/// What libbpf relocates the programs by.
const TYPES: &str = "/sys/kernel/btf/vmlinux";

/// Why this kernel can't be asked; `None` when it can.
#[must_use]
pub fn unavailable() -> Option<String> {
    let release = nix::sys::utsname::uname().map(|name| name.release().to_string_lossy().into_owned());
    let raw_tracepoints = ProgramType::RawTracepoint.is_supported();
    reason(
        &release.unwrap_or_default(),
        Path::new(TYPES).exists(),
        &raw_tracepoints.map_err(|error| error.to_string()),
    )
}

fn reason(release: &str, types: bool, raw_tracepoints: &Result<bool, String>) -> Option<String> {
    let mut numbers =
        release.split(|letter: char| !letter.is_ascii_digit()).map_while(|part| part.parse().ok());
    let version = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    if version < OLDEST {
        return Some(format!(
            "kernel {release} is older than 5.10, which runs raw tracepoint programs on request"
        ));
    }
    if !types {
        return Some(format!("kernel {release} has no {TYPES}"));
    }
    match raw_tracepoints {
        Ok(true) => None,
        Ok(false) => Some(format!(
            "kernel {release} does not load a raw tracepoint program for this process, not even an empty one: it has \
             no CAP_BPF and CAP_PERFMON, or BPF is locked down"
        )),
        Err(error) => Some(format!("kernel {release} can't be asked for its program types: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::all_is_there("5.10.0-28-amd64", true, Ok(true), None)]
    #[case::newer("7.3.1", true, Ok(true), None)]
    #[case::too_old("5.9.16", true, Ok(true), Some("older than 5.10"))]
    #[case::no_type_information("6.1.0", false, Ok(true), Some("has no /sys/kernel/btf/vmlinux"))]
    #[case::not_permitted("6.1.0", true, Ok(false), Some("CAP_BPF"))]
    #[case::not_answered("6.1.0", true, Err("EINTR".to_owned()), Some("EINTR"))]
    fn what_is_missing_is_the_reason(
        #[case] release: &str,
        #[case] types: bool,
        #[case] raw_tracepoints: Result<bool, String>,
        #[case] expected: Option<&str>,
    ) {
        let found = reason(release, types, &raw_tracepoints);
        match (found, expected) {
            (None, None) => {}
            (Some(found), Some(expected)) => assert!(found.contains(expected), "{found}"),
            (found, expected) => panic!("{found:?} instead of {expected:?}"),
        }
    }
}
