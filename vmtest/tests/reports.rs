//! The program itself, over a run that is kept: every report is written, and what differs is said by the exit code.

#![expect(clippy::unwrap_used, reason = "a test may end by a panic, helpers included")]

use std::{fs, path::Path};

use assert_cmd::Command;
use vmtest::exit;

/// A folder with the events of the kept run, changed by `change`.
fn run(change: impl Fn(&str) -> String) -> tempfile::TempDir {
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/runs/mixed/events.jsonl");
    let directory = tempfile::tempdir().unwrap();
    let events = change(&fs::read_to_string(kept).unwrap());
    fs::write(directory.path().join("events.jsonl"), events).unwrap();
    directory
}

fn kept() -> tempfile::TempDir {
    run(str::to_owned)
}

fn vmtest(words: &[&str], directories: &[&tempfile::TempDir]) -> (i32, String) {
    let mut command = Command::cargo_bin("vmtest").unwrap();
    command.args(words).args(directories.iter().map(|directory| directory.path()));
    let output = command.output().unwrap();
    (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap())
}

#[test]
fn a_replay_writes_every_report() {
    let directory = kept();
    let (code, said) = vmtest(&["replay"], &[&directory]);
    assert_eq!(code, i32::from(exit::LAB_BROKEN), "{said}");
    for name in ["table.txt", "junit.xml", "report.tap", "summary.md", "report.html"] {
        let text = fs::read_to_string(directory.path().join(name)).unwrap();
        assert!(text.contains("kill-write-by-content-prefix"), "{name}: {text}");
    }
}

#[test]
fn a_run_is_the_same_as_itself() {
    let (first, second) = (kept(), kept());
    let (code, said) = vmtest(&["diff"], &[&first, &second]);
    assert_eq!(code, i32::from(exit::ALL_GREEN), "{said}");
    assert!(said.trim_end().ends_with("0 took much longer or shorter"), "{said}");
}

#[test]
fn a_run_in_which_an_effect_was_otherwise_differs() {
    // One process that was killed in time is said to have been killed too late.
    let late = |events: &str| {
        let at = events
            .find(r#""enforced":{"fate":{"signalled":9},"effect_happened":false,"untouched":true"#)
            .unwrap();
        let (before, after) = events.split_at(at);
        let after = after.replacen(
            r#""effect_happened":false,"untouched":true"#,
            r#""effect_happened":true,"untouched":false"#,
            1,
        );
        format!("{before}{after}")
    };
    let (first, second) = (kept(), run(late));
    let (code, said) = vmtest(&["diff", "--format", "json"], &[&first, &second]);
    assert_eq!(code, i32::from(exit::RUNS_DIFFER), "{said}");
    let difference: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!(difference["seen"].as_array().unwrap().len(), 1, "{said}");
    assert_eq!(difference["seen"][0]["what"], "effect");
    assert_eq!(difference["outcomes"].as_array().unwrap().len(), 0, "{said}");
}

#[test]
fn two_kernels_of_one_run_are_compared_and_an_unknown_one_is_refused() {
    let directory = kept();
    let path = directory.path().to_str().unwrap();
    let (code, said) = vmtest(&["diff", path, "--format", "markdown", "--kernels", "6.1", "7.3"], &[]);
    assert_eq!(code, i32::from(exit::RUNS_DIFFER), "{said}");
    assert!(said.starts_with("# 6.1 → 7.3\n"), "{said}");
    let (code, _) = vmtest(&["diff", path, "--kernels", "6.1", "5.4"], &[]);
    assert_eq!(code, i32::from(exit::USAGE));
    let (code, _) = vmtest(&["diff", path], &[]);
    assert_eq!(code, i32::from(exit::USAGE));
}
