//! Snapshots of cells whose policy is in force: found again, made anew when they are damaged, done without where they can't be made.
//!
//! Boots real guests, so it needs QEMU and a kernel, and runs only with the feature `vm-tests`.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a panic is how a test fails")]

mod lab;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use lab::{Ended, KERNEL, Lab, qemu_that};
use vmtest::{event::RunEvent, outcome::Outcome};

/// Two cells, one of them on a disk.
const CELLS: &str = "file/kill-write-by-path-at-sys-write@*";

fn run(cache: &Path) -> Ended {
    Lab::new(CELLS, &["--attached", "--snapshots", cache.to_str().unwrap()]).finish()
}

/// Whether each cell's snapshot had been made by an earlier run.
fn reused(ended: &Ended) -> Vec<bool> {
    let attached = ended.lines.iter().filter_map(|line| match line.event {
        RunEvent::CellAttached { reused, .. } => Some(reused),
        _ => None,
    });
    attached.collect()
}

/// How many cells started an agent after they were restored.
fn loaded(ended: &Ended) -> usize {
    let phases = ended.lines.iter().filter(|line| match &line.event {
        RunEvent::CellPhase { phase, .. } => phase == "attach",
        _ => false,
    });
    phases.count()
}

/// An enforcer that attaches nothing fails every cell that was performed: it was judged.
#[track_caller]
fn judged_all(ended: &Ended) {
    assert_eq!(ended.view.cells.len(), 2);
    for cell in &ended.view.cells {
        assert!(matches!(cell.outcome, Outcome::Failed(_)), "{:?}\n{}", cell.outcome, ended.said());
    }
}

fn notes(ended: &Ended) -> String {
    ended.view.kernels.iter().flat_map(|kernel| kernel.notes.clone()).collect::<Vec<_>>().join("\n")
}

/// The memory of every snapshot but the largest, which is the kernel's.
fn deltas(cache: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(cache).unwrap().map(|entry| entry.unwrap().path().join("ram"));
    let mut files: Vec<PathBuf> = entries.filter(|path| path.exists()).collect();
    files.sort_by_key(|path| fs::metadata(path).unwrap().len());
    files.pop().expect("the kernel's snapshot");
    files
}

#[test]
fn a_second_run_loads_no_policy() {
    let cache = tempfile::tempdir().unwrap();
    let first = run(cache.path());
    judged_all(&first);
    assert_eq!((reused(&first), loaded(&first)), (vec![false, false], 0), "{}", first.said());
    let second = run(cache.path());
    judged_all(&second);
    assert_eq!((reused(&second), loaded(&second)), (vec![true, true], 0), "{}", second.said());
    for (cell, before) in second.view.cells.iter().zip(&first.view.cells) {
        assert_eq!(cell.outcome, before.outcome);
    }
    assert_eq!(notes(&second), "");
}

#[test]
fn a_damaged_snapshot_of_a_policy_is_made_anew() {
    let cache = tempfile::tempdir().unwrap();
    judged_all(&run(cache.path()));
    let [cut, changed] = deltas(cache.path()).try_into().expect("two cells");
    let bytes = fs::metadata(&cut).unwrap().len();
    fs::File::options().write(true).open(&cut).unwrap().set_len(bytes - 1).unwrap();
    let mut content = fs::read(&changed).unwrap();
    let middle = content.len() / 2;
    content[middle] ^= 1;
    fs::write(&changed, content).unwrap();
    let ended = run(cache.path());
    judged_all(&ended);
    assert_eq!(reused(&ended), [false, false], "{}", ended.said());
    assert_eq!(notes(&ended).matches("is damaged and is made anew").count(), 2, "{}", notes(&ended));
}

#[test]
fn a_cell_that_cannot_be_saved_with_its_policy_is_performed_as_a_whole() {
    let cache = tempfile::tempdir().unwrap();
    // Only a machine that is to be saved a second time goes on and keeps what it writes.
    let (_wrapper, path) = qemu_that("case \"$*\" in *share=on*incoming*) kill -9 $$;; esac");
    let mut lab = Lab::new(CELLS, &["--attached", "--snapshots", cache.path().to_str().unwrap()]);
    lab.command.env("PATH", path);
    let ended = lab.finish();
    judged_all(&ended);
    assert_eq!((reused(&ended), loaded(&ended)), (vec![], 2), "{}", ended.said());
    let notes = notes(&ended);
    assert_eq!(
        notes.matches("is performed without a snapshot of its policy in force: failed to branch it").count(),
        2
    );
    assert_eq!(deltas(cache.path()), Vec::<PathBuf>::new());
}

#[test]
fn a_user_enters_the_guest_of_a_cell_whose_policy_is_in_force() {
    let (cache, out) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    judged_all(&run(cache.path()));
    let before = deltas(cache.path());
    let programs = lab::build_programs();
    let output = Command::new(env!("CARGO_BIN_EXE_vmtest"))
        .args(["shell", "--cell"])
        .arg(format!("{KERNEL}/file/kill-write-by-path-at-sys-write@ext4"))
        .arg("--snapshots")
        .arg(cache.path())
        .arg("--out")
        .arg(out.path())
        .args(["--quell", env!("CARGO_BIN_EXE_idle-enforcer"), "--guest"])
        .arg(programs.join("vmtest-guest"))
        .arg("--subject")
        .arg(programs.join("subject"))
        .args([
            "--",
            "sh",
            "-c",
            "head -4 /lab/scratch/policy.yaml; grep /lab/ext4 /proc/mounts; cat /proc/*/comm; exit 7",
        ])
        .current_dir(lab::root())
        .output()
        .unwrap();
    let said =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(7), "{said}");
    for words in ["kind: TracingPolicy", "/dev/ram0 /lab/ext4 ext4", "\nquell"] {
        assert!(said.replace('\r', "").contains(words), "{words}: {said}");
    }
    assert_eq!(deltas(cache.path()), before, "another snapshot than that of the run");
}
