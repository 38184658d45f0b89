//! Collects what libbpf and the kernel's verifier say, for the error of a failed load.

use std::sync::Mutex;

use libbpf_rs::{PrintLevel, set_print};

static LINES: Mutex<Vec<String>> = Mutex::new(Vec::new());

#[expect(clippy::needless_pass_by_value, reason = "the signature is libbpf-rs's")]
fn collect(_level: PrintLevel, text: String) {
    if let Ok(mut lines) = LINES.lock() {
        lines.extend(text.lines().map(str::to_owned));
    }
}

/// Runs `operation` with the log going here; gives its result and the lines.
pub fn with_log<T>(operation: impl FnOnce() -> T) -> (T, Vec<String>) {
    let before = set_print(Some((PrintLevel::Warn, collect)));
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
