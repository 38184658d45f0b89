//! Collects what libbpf and the kernel's verifier say, for the error of a failed load.

use std::collections::BTreeMap;
use std::sync::Mutex;

use libbpf_rs::{PrintLevel, set_print};

/// `BPF_LOG_STATS` (Linux 5.2): the verifier's log of a program is its statistics.
pub const STATISTICS: u32 = 4;

static LINES: Mutex<Vec<String>> = Mutex::new(Vec::new());

#[expect(clippy::needless_pass_by_value, reason = "the signature is libbpf-rs's")]
fn collect(_level: PrintLevel, text: String) {
    if let Ok(mut lines) = LINES.lock() {
        lines.extend(text.lines().map(str::to_owned));
    }
}

/// Runs `operation` with the log going here; gives its result and the lines.
pub fn with_log<T>(operation: impl FnOnce() -> T) -> (T, Vec<String>) {
    with_level(PrintLevel::Warn, operation)
}

/// The same with everything that the loader says, the verifier's log of programs that it took among it.
pub fn with_whole_log<T>(operation: impl FnOnce() -> T) -> (T, Vec<String>) {
    with_level(PrintLevel::Debug, operation)
}

fn with_level<T>(level: PrintLevel, operation: impl FnOnce() -> T) -> (T, Vec<String>) {
    let before = set_print(Some((level, collect)));
    let result = operation();
    set_print(before);
    let lines = LINES.lock().map(|mut lines| std::mem::take(&mut *lines)).unwrap_or_default();
    (result, lines)
}

/// The end of a log, which is where the reason stands, and how much was left out.
#[must_use]
pub fn summary(lines: &[String], most: usize) -> String {
    let left_out = lines.len().saturating_sub(most);
    let mut out = String::new();
    if left_out > 0 {
        out.push_str(&format!("({left_out} lines left out)\n"));
    }
    out.push_str(&lines.get(left_out..).unwrap_or_default().join("\n"));
    out
}

/// How many instructions the verifier walked, by program: from the statistics at the end of each program's log
/// (`BPF_LOG_STATS`, Linux 5.2).
#[must_use]
pub fn instructions(lines: &[String]) -> BTreeMap<String, u64> {
    let mut found = BTreeMap::new();
    let mut program = None;
    for line in lines {
        if line.contains("BEGIN PROG LOAD LOG") {
            program = line.split('\'').nth(1).map(str::to_owned);
        }
        let walked = line
            .trim_start()
            .strip_prefix("processed ")
            .and_then(|rest| rest.split(' ').next()?.parse().ok());
        if let (Some(name), Some(walked)) = (&program, walked) {
            found.insert(name.clone(), walked);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_walked_instructions_are_those_of_the_program_whose_log_it_is() {
        let log = "libbpf: prog 'one': -- BEGIN PROG LOAD LOG --\nprocessed 12 insns (limit 1000000) max_states_per_insn 0\n\
                   -- END PROG LOAD LOG --\nlibbpf: prog 'two': -- BEGIN PROG LOAD LOG --\nverification time 7 usec\n\
                   processed 345 insns (limit 1000000)\n-- END PROG LOAD LOG --";
        let lines: Vec<String> = log.lines().map(str::to_owned).collect();
        assert_eq!(instructions(&lines), [("one".to_owned(), 12), ("two".to_owned(), 345)].into());
        assert_eq!(instructions(&["processed 3 insns".to_owned()]), BTreeMap::new());
    }
}
