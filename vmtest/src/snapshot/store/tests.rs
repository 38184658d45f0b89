//! The store with snapshots that no machine has made: it only keeps files.

use std::{sync::mpsc, thread, time::Duration};

use rstest::rstest;

use super::*;

fn store(directory: &Path) -> SnapshotStore {
    SnapshotStore::open(directory, Arc::default()).unwrap()
}

fn key() -> Key {
    Key::of_text("key")
}

/// A machine's files, as far as the store is concerned.
fn fill(files: &Files) -> Result<u64, SaveFailure> {
    fs::write(files.ram(), b"memory").unwrap();
    fs::write(files.state(), b"state").unwrap();
    Ok(2500)
}

fn unwanted(_: &Files) -> Result<u64, SaveFailure> {
    panic!("there is nothing to make")
}

fn no_remark(text: String) {
    std::panic::panic_any(text);
}

#[test]
fn a_snapshot_is_made_once_and_found_afterwards() {
    let directory = tempfile::tempdir().unwrap();
    let (snapshot, reused) = store(directory.path()).ensure(&key(), &mut no_remark, &mut fill).unwrap();
    assert!(!reused);
    assert_eq!(fs::read(snapshot.files().ram()).unwrap(), b"memory");
    let (again, reused) = store(directory.path()).ensure(&key(), &mut no_remark, &mut unwanted).unwrap();
    assert!(reused);
    assert_eq!((again.boot_ms(), again.files()), (2500, snapshot.files()));
}

fn truncate(files: &Files) {
    File::options().write(true).open(files.ram()).unwrap().set_len(3).unwrap();
}

fn change(files: &Files) {
    fs::write(files.state(), b"staTe").unwrap();
}

fn lose(files: &Files) {
    fs::remove_file(files.ram()).unwrap();
}

fn unseal(files: &Files) {
    fs::write(files.directory().join(META), "{").unwrap();
}

fn of_the_future(files: &Files) {
    let path = files.directory().join(META);
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace("\"version\": 1", "\"version\": 9")).unwrap();
}

#[rstest]
#[case::truncated(truncate, "ram has 3 bytes and should have 6")]
#[case::changed(change, "state is not what was saved")]
#[case::incomplete(lose, "failed to read ram")]
#[case::without_a_seal(unseal, "failed to understand meta.json")]
#[case::of_another_lab(of_the_future, "meta.json is of version 9")]
fn a_damaged_snapshot_is_named_and_made_anew(#[case] damage: fn(&Files), #[case] words: &str) {
    let directory = tempfile::tempdir().unwrap();
    let (snapshot, _) = store(directory.path()).ensure(&key(), &mut no_remark, &mut fill).unwrap();
    damage(snapshot.files());
    drop(snapshot);
    let mut remarks = Vec::new();
    let (again, reused) =
        store(directory.path()).ensure(&key(), &mut |text| remarks.push(text), &mut fill).unwrap();
    assert!(!reused);
    assert_eq!(fs::read(again.files().ram()).unwrap(), b"memory");
    assert!(remarks.len() == 1 && remarks[0].contains(words), "{remarks:?}");
}

#[test]
fn what_could_not_be_made_leaves_nothing_behind() {
    let directory = tempfile::tempdir().unwrap();
    let mut fails = |files: &Files| {
        fs::write(files.ram(), b"half").unwrap();
        Err(SaveFailure::Snapshot("QEMU was killed".to_owned()))
    };
    let error = store(directory.path()).ensure(&key(), &mut no_remark, &mut fails).unwrap_err();
    assert!(matches!(error, SaveFailure::Snapshot(text) if text == "QEMU was killed"));
    let left: Vec<_> =
        fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, [format!("{}.lock", key()).as_str()]);
}

#[test]
fn what_a_run_that_died_has_left_is_no_snapshot() {
    let directory = tempfile::tempdir().unwrap();
    let half = store(directory.path()).unfinished(&key());
    fs::create_dir(&half).unwrap();
    fs::write(half.join("ram"), b"half").unwrap();
    let (snapshot, reused) = store(directory.path()).ensure(&key(), &mut no_remark, &mut fill).unwrap();
    assert!(!reused && !half.exists());
    assert_eq!(fs::read(snapshot.files().ram()).unwrap(), b"memory");
}

#[test]
fn two_runs_at_once_make_one_snapshot() {
    let directory = tempfile::tempdir().unwrap();
    let (begun, waits) = mpsc::channel();
    let path = directory.path().to_owned();
    let first = thread::spawn(move || {
        let mut slowly = |files: &Files| {
            begun.send(()).unwrap();
            thread::sleep(Duration::from_millis(300));
            fill(files)
        };
        store(&path).ensure(&key(), &mut no_remark, &mut slowly).unwrap().1
    });
    waits.recv_timeout(Duration::from_secs(20)).unwrap();
    let (_second, reused) = store(directory.path()).ensure(&key(), &mut no_remark, &mut unwanted).unwrap();
    assert!(reused);
    assert!(!first.join().unwrap());
}
