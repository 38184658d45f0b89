//! What a call may cost at most under the policies of the table, in instructions.
//!
//! The oldest kernel has no trampoline at what a hook of these policies needs and pays for a probe instead; its ceilings are higher.

use vmtest_proto::BenchCall;

/// Policy, call, ceiling on most kernels, ceiling on 5.10.
const CEILINGS: &[(&str, BenchCall, u64, u64)] = &[
    ("write-fd-equal", BenchCall::Write, 500, 750),
    ("write-fd-prefix", BenchCall::Write, 800, 1_100),
    ("write-fd-prefix", BenchCall::WriteDeep, 1_100, 1_600),
    ("file-permission-equal", BenchCall::Write, 250, 300),
    ("file-permission-equal", BenchCall::Read, 250, 300),
    ("openat-string", BenchCall::OpenClose, 700, 900),
];

/// The ceiling of a cell; none where no number was set as a goal.
#[must_use]
pub fn of(policy: &str, call: BenchCall, kernel: &str) -> Option<u64> {
    let row = CEILINGS.iter().find(|row| row.0 == policy && row.1 == call)?;
    Some(if kernel == "5.10" { row.3 } else { row.2 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_kernel_may_cost_more() {
        assert_eq!(of("write-fd-equal", BenchCall::Write, "6.12"), Some(500));
        assert_eq!(of("write-fd-equal", BenchCall::Write, "5.10"), Some(750));
        assert_eq!(of("write-fd-equal", BenchCall::Getpid, "5.10"), None);
    }
}
