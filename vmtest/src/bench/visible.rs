//! Which of the measured calls a hook sees, so that what is timed is known to be what was hooked.

use std::collections::BTreeMap;

use vmtest_proto::{BenchCall, CallCost};

/// Hooked functions, and how often a call of a loop passes them. A system call goes by its name without prefixes.
const TIMES: &[(&str, BenchCall, u64)] = &[
    ("read", BenchCall::Read, 1),
    ("read", BenchCall::PingPong, 2),
    ("write", BenchCall::Write, 1),
    ("write", BenchCall::WriteDeep, 1),
    ("write", BenchCall::WriteDeepest, 1),
    ("write", BenchCall::PingPong, 2),
    ("openat", BenchCall::OpenClose, 1),
    ("close", BenchCall::OpenClose, 1),
    ("rename", BenchCall::Rename, 1),
    ("connect", BenchCall::Connect, 1),
    ("execve", BenchCall::Execve, 1),
    ("security_file_permission", BenchCall::Read, 1),
    ("security_file_permission", BenchCall::Write, 1),
    ("security_file_permission", BenchCall::WriteDeep, 1),
    ("security_file_permission", BenchCall::WriteDeepest, 1),
    ("security_file_permission", BenchCall::PingPong, 4),
    ("security_file_open", BenchCall::OpenClose, 1),
    ("security_path_rename", BenchCall::Rename, 1),
    ("security_socket_connect", BenchCall::Connect, 1),
    // Hooked by the policy that stands for an agent with nothing to do.
    ("swapoff", BenchCall::Getpid, 0),
];

/// What else the few processes of a guest do while the calls are made: the program that makes them starts, opens its files and
/// prints one line, and every program that is executed is read first.
const OTHERS: u64 = 200;
const OTHERS_PER_PROCESS: u64 = 12;

/// Calls of the loops that a hook sees; `None` for a function that is not known here.
#[must_use]
pub fn made(hook: &str, calls: &BTreeMap<BenchCall, CallCost>) -> Option<u64> {
    let name = plain(hook);
    let rows = || TIMES.iter().filter(|(function, ..)| *function == name);
    rows().next()?;
    Some(rows().filter_map(|(_, call, times)| Some(calls.get(call)?.made * times)).sum())
}

/// The most that it may see.
#[must_use]
pub fn most(made: u64, calls: &BTreeMap<BenchCall, CallCost>) -> u64 {
    let processes =
        [BenchCall::Execve, BenchCall::Fork].iter().filter_map(|call| Some(calls.get(call)?.made));
    made + OTHERS + processes.sum::<u64>() * OTHERS_PER_PROCESS
}

/// `write` of `sys_write` and `__x64_sys_write`.
fn plain(hook: &str) -> &str {
    let hook = hook.strip_prefix("__x64_").unwrap_or(hook);
    hook.strip_prefix("sys_").unwrap_or(hook)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hook_is_given_the_calls_that_pass_it() {
        let cost = |made| CallCost { made, ..CallCost::default() };
        let calls = BTreeMap::from([
            (BenchCall::Write, cost(10)),
            (BenchCall::PingPong, cost(3)),
            (BenchCall::Fork, cost(1)),
        ]);
        assert_eq!(made("sys_write", &calls), Some(16));
        assert_eq!(made("__x64_sys_write", &calls), Some(16));
        assert_eq!(made("security_file_permission", &calls), Some(22));
        assert_eq!(made("sys_openat", &calls), Some(0));
        assert_eq!(made("vfs_unlink", &calls), None);
        assert_eq!(most(16, &calls), 16 + OTHERS + OTHERS_PER_PROCESS);
    }
}
