//! Two boots with a counted clock say the same, to the nanosecond. Boots real guests, so it needs QEMU and a kernel, and runs only with
//! the feature `vm-tests`.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a panic is how a test fails")]

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

/// The kernel of the self-tests.
const KERNEL: &str = "6.12";

/// Runs the real program with an enforcer that attaches nothing, and returns what the guest said, message by message.
fn said(verb: &str, arguments: &[&str]) -> Vec<Value> {
    let programs = build_programs();
    let out = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_vmtest"))
        .args([verb, "--kernel", KERNEL, "--out"])
        .arg(out.path())
        .args(["--quell", env!("CARGO_BIN_EXE_idle-enforcer")])
        .arg("--guest")
        .arg(programs.join("vmtest-guest"))
        .arg("--subject")
        .arg(programs.join("subject"))
        .args(arguments)
        .current_dir(root())
        .output()
        .expect("vmtest starts");
    let trace = fs::read_to_string(out.path().join(KERNEL).join("control-1.jsonl"));
    let trace = trace.unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)));
    let lines = trace.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    // The times of the lines are the host's.
    let mut said: Vec<Value> =
        lines.filter(|line| line["direction"] == "to_host").map(|line| line["message"].clone()).collect();
    assert_eq!(said.pop(), Some(Value::from("bye")), "{}", String::from_utf8_lossy(&output.stderr));
    said
}

#[test]
fn two_deterministic_runs_say_the_same_to_the_nanosecond() {
    let run = || said("run", &["--deterministic", "--scenario", "file/kill-write-by-path-at-sys-write@*"]);
    let (first, second) = (run(), run());
    assert!(first[1]["ready"]["facts"]["monotonic_ns"].as_u64().unwrap() > 0, "{first:?}");
    assert!(first.iter().any(|message| message.get("verdict").is_some()), "{first:?}");
    assert_eq!(first, second);
}

#[test]
fn somebody_elses_agent_is_measured_in_the_same_guest() {
    let directory = tempfile::tempdir().unwrap();
    let folder = directory.path().join("theirs");
    fs::create_dir(&folder).unwrap();
    fs::copy("/bin/sleep", folder.join("sleep")).unwrap();
    let start = folder.join("start");
    fs::write(&start, "#!/bin/sh\n./sleep 100000 &\ntrap \"kill $!; exit 0\" TERM\necho ready\nwait\n")
        .unwrap();
    fs::set_permissions(&start, fs::Permissions::from_mode(0o755)).unwrap();
    let said = said("bench", &["--call", "getpid", "--agent", folder.to_str().unwrap()]);
    let passes: Vec<&Value> = said.iter().filter_map(|message| message.get("bench_seen")).collect();
    let names: Vec<_> = passes.iter().map(|pass| pass["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["off", "theirs", "off again"]);
    let agent = &passes[1]["agent"];
    assert_eq!((&agent["alive"], &agent["other"]), (&true.into(), &true.into()), "{agent}");
    assert!(agent["resident_kib"].as_u64().unwrap() > 0, "{agent}");
}

#[test]
fn two_benches_count_the_same_in_every_batch() {
    let bench =
        || said("bench", &["--policy", "benches/policies/idle.yaml", "--call", "getpid", "write", "fork"]);
    let (first, second) = (bench(), bench());
    assert_eq!(first[0], second[0], "the same boot, to the nanosecond");
    let passes = |messages: &[Value]| -> Vec<Value> {
        messages
            .iter()
            .filter_map(|message| message.get("bench_seen"))
            .map(|seen| seen["calls"].clone())
            .collect()
    };
    let (first_passes, second_passes) = (passes(&first), passes(&second));
    assert_eq!((first_passes.len(), second_passes.len()), (3, 3), "{first:?}");
    for (first, second) in first_passes.iter().zip(&second_passes) {
        let exact = ["/calls/getpid", "/calls/write", "/calls/fork/made", "/calls/fork/batch"];
        let of_loop = ["/known_loop/counted", "/known_loop/instructions", "/known_loop/longer"];
        for exact in exact.into_iter().chain(of_loop) {
            assert!(first.pointer(exact).is_some(), "{exact} of {first}");
            assert_eq!(first.pointer(exact), second.pointer(exact), "{exact}");
        }
        // A tick of the guest's timer may fall into one fork or the next; and the loop's time is the guest's clock, which rounds.
        for (near, apart) in [("/calls/fork/fewest", 200), ("/known_loop/clock_ns", 100)] {
            let count = |pass: &Value| pass.pointer(near).and_then(Value::as_u64).expect("a count");
            assert!(count(first).abs_diff(count(second)) <= apart, "{near} of {first} and {second}");
        }
    }
    // A guest that waits with nothing to do is woken by QEMU's other thread, which is a few hundred instructions early or late.
    let ready = |messages: &[Value]| {
        let seen = messages.iter().filter_map(|message| message.get("bench_seen"));
        seen.filter_map(|seen| seen["agent"]["ready_ns"].as_u64()).next().expect("an agent was started")
    };
    assert!(ready(&first).abs_diff(ready(&second)) < 10_000, "{} and {}", ready(&first), ready(&second));
}

/// The guest's programs; `cargo test` builds no other crate's.
fn build_programs() -> PathBuf {
    let mut command = Command::new(env!("CARGO"));
    command.args(["build", "--quiet", "-p", "vmtest-guest", "-p", "quell-scenarios", "--bins"]);
    if !cfg!(debug_assertions) {
        command.arg("--release");
    }
    assert!(command.current_dir(root()).status().expect("cargo starts").success(), "cargo build failed");
    Path::new(env!("CARGO_BIN_EXE_vmtest")).parent().expect("a directory").to_owned()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("a parent").to_owned()
}
