//! Programs of this machine in a real kernel: what they print and how they end arrives as if they had run here, and what is not their doing
//! is told apart. Boots real guests, so it needs QEMU and a kernel, and runs only with the feature `vm-tests`.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a panic is how a test fails")]

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    time::Duration,
};

use sha2::{Digest as _, Sha256};
use tempfile::TempDir;
use vmtest::exit;

const KERNEL: &str = "6.12";
/// Far above what any of these takes, far below what a hanging one would.
const PATIENCE: Duration = Duration::from_secs(600);

/// A folder with a script in it, and `vmtest exec` in that folder.
struct Lab {
    folder: TempDir,
    arguments: Vec<String>,
}

impl Lab {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), arguments: Vec::new() }
    }

    fn with(mut self, arguments: &[&str]) -> Self {
        self.arguments.extend(arguments.iter().map(|word| (*word).to_owned()));
        self
    }

    fn script(self, text: &str) -> Self {
        let path = self.folder.path().join("script");
        fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        self
    }

    fn run(&self, command: &[&str]) -> Output {
        let limit_s = PATIENCE.as_secs().to_string();
        let mut vmtest = Command::new("timeout");
        vmtest.args([&limit_s, env!("CARGO_BIN_EXE_vmtest"), "exec", "--kernel", KERNEL, "--accel", "tcg"]);
        vmtest.arg("--guest").arg(guest()).args(&self.arguments).arg("--").args(command);
        vmtest.current_dir(self.folder.path()).stdin(Stdio::null());
        vmtest.output().expect("timeout starts")
    }
}

/// Builds PID 1 as this test was built, and returns where it is.
fn guest() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace");
    let mut command = Command::new(env!("CARGO"));
    command.args(["build", "--quiet", "-p", "vmtest-guest", "--bins"]);
    if !cfg!(debug_assertions) {
        command.arg("--release");
    }
    assert!(command.current_dir(root).status().expect("cargo starts").success(), "cargo build failed");
    Path::new(env!("CARGO_BIN_EXE_vmtest")).with_file_name("vmtest-guest")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn a_dynamic_program_runs_with_its_files_and_all_that_it_prints_arrives_apart_and_whole() {
    let lab = Lab::new()
        .with(&[
            "--copy",
            "data",
            "--copy",
            "/bin/cat",
            "--copy",
            "data:/elsewhere/data",
            "--env",
            "WORD=a b",
        ])
        .script("cat data; echo \"$WORD\" >&2; cat /elsewhere/data >&2; printf end; exit 7");
    // No two kilobytes of it are alike, and it holds every byte.
    let content: Vec<u8> = (0_u32..1 << 15).flat_map(|number| Sha256::digest(number.to_le_bytes())).collect();
    assert_eq!(content.len(), 1 << 20);
    fs::write(lab.folder.path().join("data"), &content).unwrap();
    let output = lab.run(&["./script"]);
    let status = output.status.code();
    assert_eq!(status, Some(7), "{}", text(&output.stderr[..output.stderr.len().min(400)]));
    assert_eq!(Sha256::digest(&output.stdout), Sha256::digest([content.as_slice(), b"end"].concat()));
    // Other tests use the same cache of kernels at the same time, and waiting for them is said before anything boots.
    let mut errors = output.stderr.as_slice();
    while errors.starts_with(b"kernel ") {
        let end = errors.iter().position(|byte| *byte == b'\n').expect("a whole line");
        errors = &errors[end + 1..];
    }
    assert_eq!(Sha256::digest(errors), Sha256::digest([b"a b\n", content.as_slice()].concat()));
}

#[test]
fn a_program_that_a_signal_ends_gives_the_shells_code_for_it_and_leaves_nobody_behind() {
    let lab = Lab::new().with(&["--copy", "/bin/sleep"]).script("sleep 1000 & echo started; kill -SEGV $$");
    let output = lab.run(&["./script"]);
    let errors = text(&output.stderr);
    assert_eq!(output.status.code(), Some(i32::from(exit::SIGNAL_BASE) + 11), "{errors}");
    assert_eq!(text(&output.stdout), "started\n");
    assert!(errors.contains("left behind were ended: sleep (pid"), "{errors}");
}

#[test]
fn a_program_that_does_not_end_in_time_and_a_kernel_that_crashes_under_one_are_told_apart() {
    let lab = Lab::new().with(&["--timeout-s", "1", "--copy", "/bin/sleep"]).script("exec sleep 1000");
    let output = lab.run(&["./script"]);
    let errors = text(&output.stderr);
    assert_eq!(output.status.code(), Some(i32::from(exit::EXEC_TIMED_OUT)), "{errors}");
    assert!(errors.contains("not finished after 1 s") && errors.contains("the guest is alive"), "{errors}");

    // What was printed just before a crash may still lie in the guest; a moment later it has arrived.
    let lab = Lab::new()
        .with(&["--copy", "/bin/sleep"])
        .script("echo before; sleep 1; echo c > /proc/sysrq-trigger; echo after");
    let output = lab.run(&["./script"]);
    let errors = text(&output.stderr);
    assert_eq!(output.status.code(), Some(i32::from(exit::EXEC_KERNEL_CRASHED)), "{errors}");
    assert_eq!(text(&output.stdout), "before\n");
    assert!(errors.contains("sysrq triggered crash"), "{errors}");
}

#[test]
fn what_is_missing_here_is_said_before_anything_boots() {
    for (arguments, command, missing) in [
        (&["--copy", "/bin/cat"][..], "no-such-program", "no-such-program"),
        (&["--copy", "no-such-file"][..], "/bin/cat", "no-such-file"),
        (&["--copy", "none/*.o"][..], "/bin/cat", "none/*.o"),
        (&["--copy", "/bin/cat:/proc/cat"][..], "/bin/cat", "/proc/cat"),
    ] {
        let out = tempfile::tempdir().unwrap();
        let traces = out.path().join("traces");
        let lab = Lab::new().with(arguments).with(&["--out", traces.to_str().unwrap()]);
        let output = lab.run(&[command]);
        let errors = text(&output.stderr);
        assert_eq!(output.status.code(), Some(i32::from(exit::EXEC_NO_PROGRAM)), "{errors}");
        assert!(errors.contains(missing), "{errors}");
        assert!(!traces.exists(), "something was booted");
    }
}

/// `vmtest runner` as cargo calls it, on this very test program.
fn runner(guest: &Path, arguments: &[&str]) -> Output {
    let mut vmtest = Command::new(env!("CARGO_BIN_EXE_vmtest"));
    vmtest.args(["runner", "--kernel", KERNEL, "--accel", "tcg", "--guest"]).arg(guest);
    vmtest.arg(std::env::current_exe().unwrap()).args(arguments).stdin(Stdio::null());
    vmtest.output().expect("vmtest starts")
}

#[test]
fn where_a_test_runs_is_said() {
    println!("\nrelease {}", fs::read_to_string("/proc/sys/kernel/osrelease").unwrap().trim());
    println!("package {}", std::env::var("CARGO_PKG_NAME").unwrap());
}

#[test]
fn a_test_that_cargo_hands_to_the_runner_runs_in_the_kernel() {
    let output = runner(&guest(), &["--exact", "where_a_test_runs_is_said", "--nocapture"]);
    let (printed, errors) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(0), "{errors}");
    assert!(printed.contains(&format!("\nrelease {KERNEL}.")), "{printed}");
    assert!(printed.contains("\npackage vmtest\n"), "{printed}");
    assert!(printed.contains("test result: ok. 1 passed"), "{printed}");
}

#[test]
fn a_test_that_is_asked_for_its_names_answers_here() {
    // With this PID 1 nothing would boot.
    let output = runner(Path::new("/nonexistent/guest"), &["--list", "--format", "terse"]);
    let printed = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(printed.contains("where_a_test_runs_is_said: test\n"), "{printed}");
    assert_eq!(text(&output.stderr), "");
}
