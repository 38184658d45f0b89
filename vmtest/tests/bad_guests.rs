//! The lab against guests, kernels and machines that misbehave: each ends in time, says what it was, and is never
//! green. Boots real guests, so it needs QEMU and a kernel, and runs only with the feature `vm-tests`.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a panic is how a test fails")]

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use rstest::rstest;
use tempfile::TempDir;
use vmtest::{
    event::RunEvent,
    exit,
    out::read_events,
    outcome::{BrokenCause, Outcome},
    report::view::RunView,
};

/// The kernel of the self-tests.
const KERNEL: &str = "6.12";
/// One cell; which one does not matter where no guest performs it.
const ONE_CELL: &str = "file/kill-write-by-path-at-sys-write@tmpfs";
/// Far above what any of these runs takes, far below what a hanging one would.
const PATIENCE: Duration = Duration::from_secs(240);
/// What a run said, in its scratch folder.
const STDOUT: &str = "stdout";
const STDERR: &str = "stderr";

/// A run of the real program.
struct Lab {
    out: TempDir,
    /// Holds sockets and disks of the run, which a killed lab can't remove itself.
    scratch: TempDir,
    command: Command,
}

impl Lab {
    /// A run of these cells with `quell` being the enforcer that attaches nothing.
    fn new(scenario: &str, arguments: &[&str]) -> Self {
        let programs = build_programs();
        let out = tempfile::tempdir().unwrap();
        let scratch = tempfile::tempdir().unwrap();
        // A socket's path has at most 107 bytes: `/vmtest-` with six letters and `/control` goes after this one.
        assert!(scratch.path().as_os_str().len() < 80, "TMPDIR is too long for sockets in it");
        let mut command = Command::new(env!("CARGO_BIN_EXE_vmtest"));
        command
            .args(["run", "--kernel", KERNEL, "--scenario", scenario, "--accel", "tcg", "--out"])
            .arg(out.path())
            .args(["--quell", env!("CARGO_BIN_EXE_idle-enforcer")])
            .arg("--guest")
            .arg(programs.join("vmtest-guest"))
            .arg("--subject")
            .arg(programs.join("subject"))
            .args(arguments)
            .current_dir(root())
            .env("TMPDIR", scratch.path())
            .stdin(Stdio::null())
            // Files take any number of words; a pipe that nobody reads before the end would hold a talkative run up.
            .stdout(fs::File::create(scratch.path().join(STDOUT)).unwrap())
            .stderr(fs::File::create(scratch.path().join(STDERR)).unwrap());
        Self { out, scratch, command }
    }

    /// A run with a guest that misbehaves in this way.
    fn bad(scenario: &str, how: &str, arguments: &[&str]) -> Self {
        let parameter = format!("quell.bad={how}");
        Self::new(scenario, &[&["--kernel-parameter", &parameter], arguments].concat())
    }

    fn start(mut self) -> Running {
        let child = self.command.spawn().expect("vmtest starts");
        Running { child, out: self.out, scratch: self.scratch }
    }

    fn finish(self) -> Ended {
        self.start().finish()
    }
}

struct Running {
    child: Child,
    out: TempDir,
    scratch: TempDir,
}

impl Running {
    fn pid(&self) -> i32 {
        i32::try_from(self.child.id()).unwrap()
    }

    /// Waits until the guest was asked for a cell, and returns the pid of QEMU.
    fn wait_for_cell(&mut self) -> i32 {
        let deadline = Instant::now() + PATIENCE;
        loop {
            assert!(Instant::now() < deadline, "no cell was started");
            assert!(self.child.try_wait().unwrap().is_none(), "vmtest ended before a cell was started");
            // While the file grows its last line may be half written; then it is read again.
            let started = fs::read_to_string(self.out.path().join("events.jsonl"))
                .is_ok_and(|text| text.contains("cell_started"));
            if started {
                return qemu_of(self.pid()).expect("a QEMU of this run");
            }
            thread::sleep(Duration::from_millis(50));
        }
    }

    fn finish(mut self) -> Ended {
        let deadline = Instant::now() + PATIENCE;
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            if Instant::now() > deadline {
                self.child.kill().unwrap();
                panic!("the run did not end within {} s", PATIENCE.as_secs());
            }
            thread::sleep(Duration::from_millis(50));
        };
        let said = |file| fs::read(self.scratch.path().join(file)).unwrap();
        let output = Output { status, stdout: said(STDOUT), stderr: said(STDERR) };
        let lines = read_events(self.out.path()).expect("readable events");
        let failed_boots =
            lines.iter().filter(|line| matches!(line.event, RunEvent::BootFailed { .. })).count();
        Ended { view: RunView::of(&lines), failed_boots, output, _out: self.out }
    }
}

struct Ended {
    view: RunView,
    failed_boots: usize,
    output: Output,
    _out: TempDir,
}

impl Ended {
    fn code(&self) -> i32 {
        self.output.status.code().expect("an exit code")
    }

    fn stdout(&self) -> String {
        String::from_utf8_lossy(&self.output.stdout).into_owned()
    }

    /// Cause of the only cell.
    #[track_caller]
    fn cause(&self) -> &BrokenCause {
        match &self.view.cells[..] {
            [cell] => match &cell.outcome {
                Outcome::Broken(cause) => cause,
                other => panic!("expected a broken cell, not {other:?}; {}", self.said()),
            },
            cells => panic!("expected one cell, not {}", cells.len()),
        }
    }

    fn said(&self) -> String {
        format!("{}\n{}", self.stdout(), String::from_utf8_lossy(&self.output.stderr))
    }

    #[track_caller]
    fn ends_with(&self, code: u8, closing_line: &str, words: &str) {
        assert_eq!(self.code(), i32::from(code), "{}", self.said());
        assert_eq!(self.stdout().lines().last(), Some(closing_line), "{}", self.said());
        assert!(self.stdout().contains(words), "{words:?} is not in:\n{}", self.said());
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace").to_owned()
}

/// Builds PID 1 and the subject as this test was built, and returns where they are: a stale guest would be tested
/// otherwise, and Cargo hands only a package's own programs to its tests.
fn build_programs() -> PathBuf {
    let mut command = Command::new(env!("CARGO"));
    command.args(["build", "--quiet", "-p", "vmtest-guest", "-p", "quell-scenarios", "--bins"]);
    if !cfg!(debug_assertions) {
        command.arg("--release");
    }
    assert!(command.current_dir(root()).status().expect("cargo starts").success(), "cargo build failed");
    Path::new(env!("CARGO_BIN_EXE_vmtest")).parent().expect("a directory").to_owned()
}

/// The QEMU whose parent is this process.
fn qemu_of(parent: i32) -> Option<i32> {
    fs::read_dir("/proc").unwrap().filter_map(Result::ok).find_map(|entry| {
        let stat = fs::read_to_string(entry.path().join("stat")).ok()?;
        let (name, fields) = stat.rsplit_once(')')?;
        let its_parent: i32 = fields.split_whitespace().nth(1)?.parse().ok()?;
        let pid = entry.file_name().to_str()?.parse().ok()?;
        (its_parent == parent && name.contains("(qemu-system")).then_some(pid)
    })
}

fn is_alive(pid: i32) -> bool {
    // A zombie is no running QEMU; its new parent reaps it in its own time.
    fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| {
        !stat.rsplit_once(')').is_some_and(|(_, fields)| fields.trim_start().starts_with('Z'))
    })
}

#[track_caller]
fn dies_soon(pid: i32) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while is_alive(pid) {
        assert!(Instant::now() < deadline, "QEMU (pid {pid}) outlived its lab");
        thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_silent_guest_did_not_boot_and_is_tried_twice() {
    let ended = Lab::bad(ONE_CELL, "silent", &["--boot-limit-s", "6"]).finish();
    assert!(matches!(ended.cause(), BrokenCause::NoHello { .. }), "{}", ended.said());
    assert_eq!(ended.failed_boots, 2);
    ended.ends_with(exit::GUEST_DID_NOT_BOOT, "0 passed, 1 failed, 0 skipped", "it never said hello");
}

#[test]
fn a_guest_that_never_answers_is_told_from_one_that_did_not_boot() {
    let ended = Lab::bad(ONE_CELL, "mute", &["--silence-limit-s", "5"]).finish();
    assert!(matches!(ended.cause(), BrokenCause::NoAnswer { .. }), "{}", ended.said());
    ended.ends_with(
        exit::GUEST_DID_NOT_ANSWER,
        "0 passed, 1 failed, 0 skipped",
        "guest did not answer after",
    );
}

#[rstest]
#[case::in_a_cell("panic", 0)]
#[case::during_boot("boot-panic", 2)]
fn a_panicking_kernel_is_named_with_its_console_line(#[case] how: &str, #[case] failed_boots: usize) {
    let ended = Lab::bad(ONE_CELL, how, &[]).finish();
    assert!(matches!(ended.cause(), BrokenCause::KernelCrashed { .. }), "{}", ended.said());
    assert_eq!(ended.failed_boots, failed_boots);
    ended.ends_with(exit::KERNEL_CRASHED, "0 passed, 1 failed, 0 skipped", "sysrq triggered crash");
}

#[test]
fn a_dying_pid_1_is_the_labs_fault_and_not_the_kernels() {
    let ended = Lab::bad(ONE_CELL, "init-exit", &[]).finish();
    assert!(matches!(ended.cause(), BrokenCause::Lab { .. }), "{}", ended.said());
    ended.ends_with(exit::LAB_BROKEN, "0 passed, 1 failed, 0 skipped", "PID 1 of the guest died");
}

#[test]
fn a_guest_that_reports_twice_breaks_the_protocol() {
    let ended = Lab::bad(ONE_CELL, "double", &[]).finish();
    assert!(matches!(ended.cause(), BrokenCause::Protocol { .. }), "{}", ended.said());
    ended.ends_with(exit::LAB_BROKEN, "0 passed, 1 failed, 0 skipped", "twice");
}

#[test]
fn a_guest_that_reports_twice_has_no_trusted_cell_at_all() {
    let ended = Lab::bad("file/kill-*@tmpfs", "double", &[]).finish();
    assert!(ended.view.cells.len() > 2);
    for cell in &ended.view.cells {
        assert!(matches!(cell.outcome, Outcome::Broken(_)), "{}: {:?}", cell.planned.cell, cell.outcome);
    }
    assert_eq!(ended.code(), i32::from(exit::LAB_BROKEN));
}

#[test]
fn a_verdict_that_nobody_asked_for_breaks_the_protocol() {
    let ended = Lab::bad(ONE_CELL, "foreign", &[]).finish();
    assert!(matches!(ended.cause(), BrokenCause::Protocol { .. }), "{}", ended.said());
    ended.ends_with(exit::LAB_BROKEN, "0 passed, 1 failed, 0 skipped", "which was not asked for");
}

#[test]
fn a_guest_of_another_protocol_version_is_refused_at_once() {
    let ended = Lab::bad(ONE_CELL, "wrong-version", &[]).finish();
    assert_eq!(ended.failed_boots, 1, "a second boot would say the same");
    ended.ends_with(exit::LAB_BROKEN, "0 passed, 1 failed, 0 skipped", "guest speaks version");
}

/// Check that noise on the line changes nothing: the cell is judged as if the line were clean.
#[test]
fn a_noisy_line_does_no_harm() {
    let ended = Lab::bad(ONE_CELL, "noisy", &[]).finish();
    assert!(matches!(ended.view.cells[0].outcome, Outcome::Failed(_)), "{}", ended.said());
    assert_eq!(ended.code(), i32::from(exit::SCENARIO_FAILED));
}

#[test]
fn a_qemu_that_is_killed_mid_run_is_neither_a_crash_nor_a_hang() {
    let mut running = Lab::bad(ONE_CELL, "mute", &[]).start();
    let qemu = running.wait_for_cell();
    kill(Pid::from_raw(qemu), Signal::SIGKILL).unwrap();
    let ended = running.finish();
    assert!(matches!(ended.cause(), BrokenCause::QemuEnded { .. }), "{}", ended.said());
    ended.ends_with(
        exit::LAB_BROKEN,
        "0 passed, 1 failed, 0 skipped",
        "QEMU exited or was killed: killed by signal 9",
    );
}

#[test]
fn an_interrupted_run_ends_its_qemu_and_reports() {
    let mut running = Lab::bad(ONE_CELL, "mute", &[]).start();
    let qemu = running.wait_for_cell();
    kill(Pid::from_raw(running.pid()), Signal::SIGINT).unwrap();
    let ended = running.finish();
    dies_soon(qemu);
    assert_eq!(ended.view.cells[0].outcome, Outcome::NotRun);
    ended.ends_with(exit::INTERRUPTED, "0 passed, 1 failed, 0 skipped", "The run was interrupted");
}

#[test]
fn a_killed_lab_leaves_no_qemu_behind() {
    let mut running = Lab::bad(ONE_CELL, "mute", &[]).start();
    let qemu = running.wait_for_cell();
    running.child.kill().unwrap();
    running.child.wait().unwrap();
    dies_soon(qemu);
}

#[test]
fn an_enforcer_that_attaches_nothing_turns_every_scenario_red() {
    let ended = Lab::new("*", &[]).finish();
    assert!(ended.view.cells.len() > 10, "{}", ended.said());
    for cell in &ended.view.cells {
        let Outcome::Failed(reasons) = &cell.outcome else {
            panic!("{} is {:?}", cell.planned.cell, cell.outcome);
        };
        assert!(!reasons.is_empty(), "{}", cell.planned.cell);
    }
    assert_eq!(ended.code(), i32::from(exit::SCENARIO_FAILED));
}
