//! Runs of the real program, for the tests that boot guests.

#![expect(dead_code, reason = "each of the test programs uses its part")]

use std::{
    env, fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

use tempfile::TempDir;
use vmtest::{
    event::{EventLine, RunEvent},
    out::read_events,
    outcome::{BrokenCause, Outcome},
    report::view::RunView,
};

/// The kernel of the self-tests.
pub(crate) const KERNEL: &str = "6.12";
/// One cell; which one does not matter where no guest performs it.
pub(crate) const ONE_CELL: &str = "file/kill-write-by-path-at-sys-write@tmpfs";
/// Far above what any of these runs takes, far below what a hanging one would.
pub(crate) const PATIENCE: Duration = Duration::from_secs(240);
/// What a run said, in its scratch folder.
const STDOUT: &str = "stdout";
const STDERR: &str = "stderr";
/// The snapshots of a run that was not told where to keep them: not those of the user.
const SNAPSHOTS: &str = "snapshots";

/// A run of the real program.
pub(crate) struct Lab {
    pub(crate) out: TempDir,
    /// Holds sockets and disks of the run, which a killed lab can't remove itself.
    pub(crate) scratch: TempDir,
    pub(crate) command: Command,
}

impl Lab {
    /// A run of these cells with `quell` being the enforcer that attaches nothing.
    pub(crate) fn new(scenario: &str, arguments: &[&str]) -> Self {
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
            .arg(programs.join("subject"));
        if !arguments.contains(&"--cold") && !arguments.contains(&"--snapshots") {
            command.arg("--snapshots").arg(scratch.path().join(SNAPSHOTS));
        }
        command
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
    pub(crate) fn bad(scenario: &str, how: &str, arguments: &[&str]) -> Self {
        let parameter = format!("quell.bad={how}");
        Self::new(scenario, &[&["--kernel-parameter", &parameter], arguments].concat())
    }

    pub(crate) fn start(mut self) -> Running {
        let child = self.command.spawn().expect("vmtest starts");
        Running { child, out: self.out, scratch: self.scratch }
    }

    pub(crate) fn finish(self) -> Ended {
        self.start().finish()
    }
}

pub(crate) struct Running {
    pub(crate) child: Child,
    pub(crate) out: TempDir,
    scratch: TempDir,
}

impl Running {
    pub(crate) fn pid(&self) -> i32 {
        i32::try_from(self.child.id()).unwrap()
    }

    /// Waits until the guest was asked for a cell, and returns the pid of QEMU.
    pub(crate) fn wait_for_cell(&mut self) -> i32 {
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

    pub(crate) fn finish(mut self) -> Ended {
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
        let left = fs::read_dir(self.scratch.path()).unwrap();
        let left = left.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned());
        let left = left.filter(|name| ![STDOUT, STDERR, SNAPSHOTS].contains(&name.as_str())).collect();
        Ended { view: RunView::of(&lines), failed_boots, lines, output, out: self.out, left }
    }
}

pub(crate) struct Ended {
    pub(crate) view: RunView,
    pub(crate) failed_boots: usize,
    pub(crate) lines: Vec<EventLine>,
    pub(crate) output: Output,
    pub(crate) out: TempDir,
    /// What the run left in its temporary folder, its output aside.
    pub(crate) left: Vec<String>,
}

impl Ended {
    pub(crate) fn code(&self) -> i32 {
        self.output.status.code().expect("an exit code")
    }

    pub(crate) fn stdout(&self) -> String {
        String::from_utf8_lossy(&self.output.stdout).into_owned()
    }

    /// Cause of the only cell.
    #[track_caller]
    pub(crate) fn cause(&self) -> &BrokenCause {
        match &self.view.cells[..] {
            [cell] => match &cell.outcome {
                Outcome::Broken(cause) => cause,
                other => panic!("expected a broken cell, not {other:?}; {}", self.said()),
            },
            cells => panic!("expected one cell, not {}", cells.len()),
        }
    }

    pub(crate) fn said(&self) -> String {
        format!("{}\n{}", self.stdout(), String::from_utf8_lossy(&self.output.stderr))
    }

    #[track_caller]
    pub(crate) fn ends_with(&self, code: u8, closing_line: &str, words: &str) {
        assert_eq!(self.code(), i32::from(code), "{}", self.said());
        assert_eq!(self.stdout().lines().last(), Some(closing_line), "{}", self.said());
        assert!(self.stdout().contains(words), "{words:?} is not in:\n{}", self.said());
    }
}

pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace").to_owned()
}

/// Builds PID 1 and the subject as this test was built, and returns where they are: a stale guest would be tested
/// otherwise, and Cargo hands only a package's own programs to its tests.
pub(crate) fn build_programs() -> PathBuf {
    let mut command = Command::new(env!("CARGO"));
    command.args(["build", "--quiet", "-p", "vmtest-guest", "-p", "quell-scenarios", "--bins"]);
    if !cfg!(debug_assertions) {
        command.arg("--release");
    }
    assert!(command.current_dir(root()).status().expect("cargo starts").success(), "cargo build failed");
    Path::new(env!("CARGO_BIN_EXE_vmtest")).parent().expect("a directory").to_owned()
}

/// The QEMU whose parent is this process.
pub(crate) fn qemu_of(parent: i32) -> Option<i32> {
    fs::read_dir("/proc").unwrap().filter_map(Result::ok).find_map(|entry| {
        let stat = fs::read_to_string(entry.path().join("stat")).ok()?;
        let (name, fields) = stat.rsplit_once(')')?;
        let its_parent: i32 = fields.split_whitespace().nth(1)?.parse().ok()?;
        let pid = entry.file_name().to_str()?.parse().ok()?;
        (its_parent == parent && name.contains("(qemu-system")).then_some(pid)
    })
}

pub(crate) fn is_alive(pid: i32) -> bool {
    // A zombie is no running QEMU; its new parent reaps it in its own time.
    fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| {
        !stat.rsplit_once(')').is_some_and(|(_, fields)| fields.trim_start().starts_with('Z'))
    })
}

#[track_caller]
pub(crate) fn dies_soon(pid: i32) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while is_alive(pid) {
        assert!(Instant::now() < deadline, "QEMU (pid {pid}) outlived its lab");
        thread::sleep(Duration::from_millis(50));
    }
}

/// A folder with a program under QEMU's name that runs `script` and then QEMU itself; to be put first on PATH.
pub(crate) fn qemu_that(script: &str) -> (TempDir, String) {
    let directory = tempfile::tempdir().unwrap();
    let path = env::var("PATH").unwrap();
    let real =
        env::split_paths(&path).map(|folder| folder.join(vmtest::qemu::PROGRAM)).find(|file| file.exists());
    let real = real.expect("QEMU is installed").display().to_string();
    let wrapper = directory.path().join(vmtest::qemu::PROGRAM);
    let here = directory.path().display();
    fs::write(&wrapper, format!("#!/bin/sh\nhere={here}\nreal={real}\n{script}\nexec $real \"$@\"\n"))
        .unwrap();
    fs::set_permissions(&wrapper, fs::Permissions::from_mode(0o755)).unwrap();
    let searched = format!("{}:{path}", directory.path().display());
    (directory, searched)
}
