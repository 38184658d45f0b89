//! A small matrix performed in real guests by one run, and slice by slice as several machines would: both say the same. Needs
//! QEMU and a kernel, and runs only with the feature `vm-tests`.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a panic is how a test fails")]

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use tempfile::TempDir;
use vmtest::{
    exit,
    out::read_events,
    outcome::Outcome,
    report::{
        summary,
        view::{CellView, RunView},
    },
};

/// Three cells of one kernel, so that one slice has two of them and the other one. The enforcer is the one that attaches nothing:
/// it is quick, and every cell then has reasons that are compared.
const SELECTION: [&str; 4] =
    ["--kernel", "6.12", "--scenario", "{file/kill-write-by-path-at-sys-write,exec/kill-execve-by-path}"];

struct Lab {
    scratch: TempDir,
    programs: PathBuf,
    quell: PathBuf,
}

impl Lab {
    fn new() -> Self {
        let programs = build_programs();
        let quell = PathBuf::from(env!("CARGO_BIN_EXE_idle-enforcer"));
        Self { scratch: tempfile::tempdir().unwrap(), programs, quell }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.scratch.path().join(name)
    }

    /// A run into the folder of this name.
    fn run(&self, name: &str, arguments: &[&str]) -> Output {
        let temporary = self.path("tmp");
        fs::create_dir_all(&temporary).unwrap();
        let output = Command::new(env!("CARGO_BIN_EXE_vmtest"))
            .args(["run", "--cold", "--accel", "tcg", "--out"])
            .arg(self.path(name))
            .args(SELECTION)
            .arg("--quell")
            .arg(&self.quell)
            .arg("--guest")
            .arg(self.programs.join("vmtest-guest"))
            .arg("--subject")
            .arg(self.programs.join("subject"))
            .args(arguments)
            .current_dir(root())
            .env("TMPDIR", temporary)
            .stdin(Stdio::null())
            .output()
            .expect("vmtest starts");
        // Whatever follows rests on it.
        assert!(self.path(name).join("events.jsonl").exists(), "{output:?}");
        output
    }

    fn merge(&self, parts: &[&str]) -> Output {
        let parts = parts.iter().map(|name| self.path(name));
        Command::new(env!("CARGO_BIN_EXE_vmtest"))
            .arg("merge")
            .args(parts)
            .arg("--out")
            .arg(self.path("merged"))
            .output()
            .expect("vmtest starts")
    }

    fn view(&self, name: &str) -> RunView {
        RunView::of(&read_events(&self.path(name)).expect("readable events"))
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace").to_owned()
}

/// Builds the programs of the guests as this test was built, and returns where they are.
fn build_programs() -> PathBuf {
    let mut command = Command::new(env!("CARGO"));
    command.args(["build", "--quiet", "-p", "vmtest-guest", "-p", "quell-scenarios", "--bins"]);
    if !cfg!(debug_assertions) {
        command.arg("--release");
    }
    assert!(command.current_dir(root()).status().expect("cargo starts").success(), "cargo build failed");
    Path::new(env!("CARGO_BIN_EXE_vmtest")).parent().expect("a directory").to_owned()
}

/// What a cell says whoever performed it, and when: its plan, its outcome, and what was seen of the process and its effect.
fn said(view: &RunView) -> Vec<String> {
    let cells = view.cells.iter().map(|cell| {
        let seen = cell.record.as_ref().map(|record| {
            let enforced = &record.enforced;
            let counted = (record.matched, record.events, record.killed, record.lost_events);
            (enforced.fate, enforced.effect_happened, enforced.untouched, counted)
        });
        format!("{:?}: {:?}, {seen:?}", cell.planned, cell.outcome)
    });
    cells.collect()
}

#[test]
fn slices_in_real_guests_make_what_one_run_makes() {
    let lab = Lab::new();
    let whole = lab.run("whole", &[]);
    assert_eq!(whole.status.code(), Some(i32::from(exit::SCENARIO_FAILED)), "{whole:?}");
    for (name, share) in [("second", "slice:2/2"), ("first", "slice:1/2")] {
        let part = lab.run(name, &["--partition", share]);
        assert_eq!(part.status.code(), Some(i32::from(exit::SCENARIO_FAILED)), "{part:?}");
    }
    let merged = lab.merge(&["second", "first"]);
    assert_eq!(merged.status.code(), Some(i32::from(exit::SCENARIO_FAILED)), "{merged:?}");

    let (whole, merged) = (lab.view("whole"), lab.view("merged"));
    assert_eq!(whole.cells.len(), 3);
    let failed = |cell: &CellView| matches!(&cell.outcome, Outcome::Failed(reasons) if !reasons.is_empty());
    assert!(whole.cells.iter().all(failed), "{}", summary::findings(&whole));
    assert_eq!(said(&merged), said(&whole));
    assert_eq!(summary::findings(&merged), summary::findings(&whole));
    assert_eq!(summary::closing_line(&merged), summary::closing_line(&whole));
    assert_eq!(merged.kernels[0].release, whole.kernels[0].release);
    // Traces of both boots came along.
    assert!(lab.path("merged/6.12/console-1.log").exists() && lab.path("merged/6.12/console-2.log").exists());
}

#[test]
fn parts_by_another_enforcer_are_not_taken_for_one_run() {
    let mut lab = Lab::new();
    lab.run("first", &["--partition", "slice:1/2"]);
    // What follows the last section of a program changes nothing but its digest.
    let mut bytes = fs::read(&lab.quell).unwrap();
    bytes.push(0);
    lab.quell = lab.path("another-enforcer");
    fs::write(&lab.quell, bytes).unwrap();
    fs::set_permissions(&lab.quell, fs::Permissions::from_mode(0o755)).unwrap();
    let part = lab.run("second", &["--partition", "slice:2/2"]);
    assert_eq!(part.status.code(), Some(i32::from(exit::SCENARIO_FAILED)), "{part:?}");

    let merged = lab.merge(&["first", "second"]);
    assert_eq!(merged.status.code(), Some(i32::from(exit::PARTS_DIFFER)), "{merged:?}");
    let said = String::from_utf8(merged.stderr).unwrap();
    assert!(said.contains("the digest of quell is ") && said.contains("second"), "{said}");
    assert!(!lab.path("merged").exists());

    let alone = lab.merge(&["second"]);
    assert_eq!(alone.status.code(), Some(i32::from(exit::LAB_BROKEN)), "{alone:?}");
    let said = String::from_utf8(alone.stdout).unwrap();
    assert!(said.contains("6.12: part slice:1/2 is missing: 1 cell was not run"), "{said}");
}
