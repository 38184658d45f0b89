//! Snapshots, and everything that can happen to them: what a guest does to its machine, what a disk or a user does to the
//! files, what kills QEMU. A run goes on or says why it does not, and nothing is green that was not seen.
//!
//! Boots real guests, so it needs QEMU and a kernel, and runs only with the feature `vm-tests`.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a panic is how a test fails")]

mod lab;

use std::{
    env, fs,
    io::Read as _,
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::{Duration, Instant},
};

use lab::{Ended, KERNEL, Lab, ONE_CELL, PATIENCE, build_programs, qemu_of, qemu_that, root};
use nix::{
    mount::{MntFlags, MsFlags, mount, umount2},
    sys::{
        signal::{Signal, kill},
        stat::Mode,
    },
    unistd::{Pid, mkfifo},
};
use vmtest::{
    event::RunEvent,
    exit,
    outcome::{BrokenCause, Outcome},
};

/// Several cells, all of which the idle enforcer fails.
const CELLS: &str = "file/kill-*@tmpfs";

impl Ended {
    /// Every cell was performed and judged: an enforcer that attaches nothing fails all of them.
    #[track_caller]
    fn judged_all(&self) {
        for cell in &self.view.cells {
            assert!(
                matches!(cell.outcome, Outcome::Failed(_)),
                "{}: {:?}\n{}",
                cell.planned.cell,
                cell.outcome,
                self.said()
            );
        }
        assert!(!self.view.cells.is_empty());
    }

    fn restored(&self) -> usize {
        self.lines.iter().filter(|line| matches!(line.event, RunEvent::GuestRestored { .. })).count()
    }

    /// Whether each snapshot that was ready had been made by an earlier run.
    fn reused(&self) -> Vec<bool> {
        let ready = self.lines.iter().filter_map(|line| match line.event {
            RunEvent::SnapshotReady { reused, .. } => Some(reused),
            _ => None,
        });
        ready.collect()
    }

    fn has_note(&self, words: &str) -> bool {
        self.view.kernels.iter().any(|kernel| kernel.notes.iter().any(|note| note.contains(words)))
    }
}

fn snapshots_at(directory: &Path) -> [&str; 2] {
    ["--snapshots", directory.to_str().expect("a path that is text")]
}

/// The file of that name in the only snapshot of a directory.
fn file_of_snapshot(directory: &Path, name: &str) -> PathBuf {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    entries.map(|path| path.join(name)).find(|path| path.exists()).expect("a snapshot")
}

#[test]
fn a_guest_that_spoils_its_machine_leaves_the_next_one_alone() {
    let fresh = Lab::bad(CELLS, "spoil", &[]).finish();
    assert!(fresh.view.cells.len() > 2);
    fresh.judged_all();
    assert_eq!(fresh.restored(), fresh.view.cells.len());
    // The same guest where cells share a boot: what it does is really harmful.
    let shared = Lab::bad(CELLS, "spoil", &["--cold"]).finish();
    let spoilt = shared.view.cells.iter().filter(|cell| matches!(cell.outcome, Outcome::Broken(_))).count();
    assert!(spoilt > 0, "{}", shared.said());
}

#[test]
fn every_restored_guest_is_a_fresh_one_and_leaves_nothing_behind() {
    // The long version is asked for by name, because it takes minutes.
    let count = if env::var_os("QUELL_LONG_TESTS").is_some() { "200" } else { "20" };
    let programs = build_programs();
    let (scratch, out, cache) =
        (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let output = Command::new(env!("CARGO_BIN_EXE_vmtest"))
        .args(["restores", "--kernel", KERNEL, "--disk", "--count", count, "--out"])
        .arg(out.path())
        .args(snapshots_at(cache.path()))
        .args(["--quell", env!("CARGO_BIN_EXE_idle-enforcer"), "--guest"])
        .arg(programs.join("vmtest-guest"))
        .arg("--subject")
        .arg(programs.join("subject"))
        .current_dir(root())
        .env("TMPDIR", scratch.path())
        .output()
        .unwrap();
    let said =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}");
    assert!(said.contains(&format!("{count} restores with a disk, {count} boot ids")), "{said}");
    assert!(said.contains("nothing left open"), "{said}");
    assert_eq!(
        fs::read_dir(scratch.path()).unwrap().count(),
        0,
        "files are left in {}",
        scratch.path().display()
    );
    assert_eq!(fs::read_dir(cache.path()).unwrap().count(), 2, "one snapshot and its lock");
}

#[test]
fn a_second_run_finds_the_snapshot_of_the_first_and_a_truncated_one_is_made_anew() {
    let cache = tempfile::tempdir().unwrap();
    let run = || Lab::new(ONE_CELL, &snapshots_at(cache.path())).finish();
    assert_eq!(run().reused(), [false]);
    let second = run();
    assert_eq!(second.reused(), [true]);
    second.judged_all();
    let ram = file_of_snapshot(cache.path(), "ram");
    fs::File::options().write(true).open(&ram).unwrap().set_len(1 << 20).unwrap();
    let third = run();
    assert_eq!(third.reused(), [false]);
    assert!(third.has_note("is damaged and is made anew: ram has 1048576 bytes"), "{}", third.said());
    third.judged_all();
    assert!(third.left.is_empty(), "{:?}", third.left);
}

#[test]
fn two_runs_at_once_share_a_snapshot() {
    let cache = tempfile::tempdir().unwrap();
    let runs = [(); 2].map(|()| Lab::new(ONE_CELL, &snapshots_at(cache.path())).start());
    let ended = runs.map(lab::Running::finish);
    let mut reused = ended.each_ref().map(Ended::reused).concat();
    reused.sort_unstable();
    assert_eq!(reused, [false, true], "{}\n{}", ended[0].said(), ended[1].said());
    ended.iter().for_each(Ended::judged_all);
}

#[test]
fn a_qemu_that_can_not_save_makes_cells_share_boots_and_the_report_says_so() {
    // A disk that is there from the start can't be part of a snapshot.
    let (_wrapper, path) = qemu_that(
        "case \"$*\" in *share=on*) truncate -s 1M $here/disk; \
         set -- \"$@\" -drive if=none,id=odd,format=raw,file=$here/disk -device nvme,drive=odd,serial=odd;; esac",
    );
    let mut lab = Lab::new(CELLS, &[]);
    lab.command.env("PATH", path);
    let ended = lab.finish();
    ended.judged_all();
    assert_eq!(ended.restored(), 0);
    assert!(ended.has_note("its cells share boots, because there is no snapshot"), "{}", ended.said());
    assert!(ended.has_note("nvme"), "{}", ended.said());
}

#[test]
fn a_qemu_that_is_killed_while_it_saves_leaves_no_snapshot_and_the_run_goes_on() {
    let cache = tempfile::tempdir().unwrap();
    let mut running = Lab::new(ONE_CELL, &snapshots_at(cache.path())).start();
    // The state goes into a pipe that nobody reads, so that the lab stands still just before QEMU is told to write it.
    let deadline = Instant::now() + PATIENCE;
    let state = loop {
        assert!(Instant::now() < deadline, "no snapshot was begun");
        let entries = fs::read_dir(cache.path()).into_iter().flatten().map(|entry| entry.unwrap().path());
        if let Some(path) = entries.into_iter().find(|path| path.to_string_lossy().ends_with(".unfinished")) {
            break path.join("state");
        }
        thread::sleep(Duration::from_millis(5));
    };
    mkfifo(&state, Mode::S_IRWXU).unwrap();
    let control = running.out.path().join(KERNEL).join("control-1.jsonl");
    while !fs::read_to_string(&control).is_ok_and(|text| text.contains("hello")) {
        assert!(Instant::now() < deadline, "the guest did not say hello");
        thread::sleep(Duration::from_millis(50));
    }
    thread::sleep(Duration::from_millis(500));
    let qemu = qemu_of(running.pid()).expect("a QEMU of this run");
    kill(Pid::from_raw(qemu), Signal::SIGKILL).unwrap();
    fs::File::open(&state).unwrap().read_to_end(&mut Vec::new()).unwrap();
    assert!(running.child.try_wait().unwrap().is_none());
    let ended = running.finish();
    ended.judged_all();
    assert_eq!(ended.restored(), 0);
    assert!(ended.has_note("killed by signal 9"), "{}", ended.said());
    assert!(fs::read_dir(cache.path()).unwrap().all(|entry| !entry.unwrap().path().is_dir()));
}

/// The first restore of a run is the trial of a new snapshot; the second one is of the cell, the third its other attempt.
#[test]
fn a_qemu_that_is_killed_while_it_restores_is_tried_once_more() {
    let killed_at = |which: &str| {
        let (wrapper, path) = qemu_that(&format!(
            "case \"$*\" in *share=off*) echo >> $here/count; \
             case \" {which} \" in *\" $(wc -l < $here/count) \"*) kill -9 $$;; esac;; esac"
        ));
        let mut lab = Lab::new(ONE_CELL, &[]);
        lab.command.env("PATH", path);
        let ended = lab.finish();
        drop(wrapper);
        ended
    };
    let once = killed_at("2");
    once.judged_all();
    assert!(once.has_note("restore 1 for") && once.has_note("tried once more"), "{}", once.said());
    let twice = killed_at("2 3");
    assert!(matches!(twice.cause(), BrokenCause::QemuEnded { .. }), "{}", twice.said());
    twice.ends_with(exit::LAB_BROKEN, "0 passed, 1 failed, 0 skipped", "killed by signal 9");
}

#[test]
fn a_disk_without_room_makes_cells_share_boots_and_the_report_says_so() {
    let small = tempfile::tempdir().unwrap();
    mount(Some("tmpfs"), small.path(), Some("tmpfs"), MsFlags::empty(), Some("size=40M"))
        .expect("mounting needs root");
    let ended = Lab::new(ONE_CELL, &snapshots_at(small.path())).finish();
    umount2(small.path(), MntFlags::MNT_DETACH).unwrap();
    ended.judged_all();
    assert!(ended.has_note("no room for a snapshot"), "{}", ended.said());
}

#[test]
fn a_disk_that_becomes_full_while_a_guest_boots_makes_cells_share_boots() {
    // There is room for the beginning; the guest's memory takes more than is left once half of it is gone.
    let small = tempfile::tempdir().unwrap();
    mount(Some("tmpfs"), small.path(), Some("tmpfs"), MsFlags::empty(), Some("size=300M"))
        .expect("mounting needs root");
    let (_wrapper, path) = qemu_that(&format!(
        "case \"$*\" in *share=on*) head -c 280M /dev/zero > {}/filler;; esac",
        small.path().display()
    ));
    let mut lab = Lab::new(ONE_CELL, &snapshots_at(small.path()));
    lab.command.env("PATH", path);
    let ended = lab.finish();
    umount2(small.path(), MntFlags::MNT_DETACH).unwrap();
    ended.judged_all();
    assert!(ended.has_note("as when the disk is full"), "{}", ended.said());
}

#[test]
fn without_qemu_a_run_says_which_package_has_it() {
    let nothing = tempfile::tempdir().unwrap();
    let mut lab = Lab::new(ONE_CELL, &[]);
    let output = lab.command.env("PATH", nothing.path()).stdout(std::process::Stdio::piped());
    let output = output.stderr(std::process::Stdio::piped()).output().unwrap();
    assert_eq!(output.status.code(), Some(i32::from(exit::LAB_BROKEN)));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("qemu-system-x86_64") && said.contains("package qemu-system-x86"), "{said}");
}

#[test]
fn a_cell_that_did_not_pass_keeps_its_traces() {
    let ended = Lab::new(ONE_CELL, &[]).finish();
    ended.judged_all();
    let cells = ended.out.path().join(KERNEL).join("cells");
    let folder = fs::read_dir(&cells).unwrap().next().expect("traces of the failed cell").unwrap().path();
    for name in ["console-1.log", "control-1.jsonl", "qemu-1.sh", "qemu-1.log"] {
        assert!(folder.join(name).exists(), "{name}");
    }
}
