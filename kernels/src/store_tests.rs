//! The cache's promises: whole files or none, no network for what is there, damage never handed out.

use std::cell::Cell;
use std::sync::Mutex;

use rstest::rstest;

use super::*;
use crate::catalogue::Catalogue;
use crate::digest;
use crate::obtain_error::Attempt;
use crate::pins::Part;
use crate::progress::Silent;
use crate::record::FILES;

const SHA: &str = "e9893e5295d0549b8852611f12a4b8b5f6cc4b8128dcc2086b9847793b904ab7";

fn kernel() -> Kernel {
    Catalogue::builtin().get("6.12").unwrap().clone()
}

/// The digest of the package with the image of a version.
fn sha_of(version: &str) -> String {
    if version == "6.12.1-1" { SHA.to_owned() } else { digest::of_text(version) }
}

fn pinned_to(version: &str) -> Pins {
    let package = format!("linux-image-{version}");
    let part = vec![Part { package: package.clone(), sha256: sha_of(version) }];
    let mut pins = Pins::default();
    let (id, suite, version) = ("6.12".into(), "trixie-security".into(), version.into());
    pins.set(Pin { id, suite, package, version, part }, |_| 0);
    pins
}

/// Stands for the network: writes an artefact of this version.
fn fetch_version(version: &'static str) -> impl Fn(Wanted<'_>, Places<'_>) -> Result<Record, ObtainError> {
    move |_, places| {
        for name in FILES {
            std::fs::write(places.artefact.join(name), format!("{name} of {version}")).unwrap();
        }
        let (suite, release, sha256) = ("trixie-security", "6.12.1-x", sha_of(version));
        Ok(Record::of_artefact(places.artefact, FILES, "6.12", suite, release, version, &sha256).unwrap())
    }
}

/// A mirror on which the pinned version is gone, and this is the newest of the series.
fn moved_on_to(version: &'static str) -> impl Fn(Wanted<'_>, Places<'_>) -> Result<Record, ObtainError> {
    move |wanted, places| match wanted {
        Wanted::Newest => fetch_version(version)(wanted, places),
        Wanted::Pinned(pin) => {
            let reason = format!("it has no {}", pin.package);
            let attempts = vec![Attempt { suite: "trixie-security".to_owned(), reason, unreachable: false }];
            Err(ObtainError::NotOffered { id: pin.id.clone(), attempts })
        }
    }
}

fn offline(_: Wanted<'_>, _: Places<'_>) -> Result<Record, ObtainError> {
    let attempt =
        Attempt { suite: "trixie-security".to_owned(), reason: "no route".to_owned(), unreachable: true };
    Err(ObtainError::Offline { id: "6.12".to_owned(), attempts: vec![attempt] })
}

/// Remembers the notes.
#[derive(Default)]
struct Notes(Mutex<Vec<String>>);

impl Progress for Notes {
    fn step(&self, _: &str, _: &Step) {}
    fn bytes(&self, _: &str, _: u64) {}
    fn note(&self, _: &str, text: &str) {
        self.0.lock().unwrap().push(text.to_owned());
    }
    fn done(&self, _: &str, _: &str) {}
}

fn filled() -> (tempfile::TempDir, Store, KernelImage) {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path().join("cache")).unwrap().with_pins(pinned_to("6.12.1-1"));
    let image = store.ensure_with(&kernel(), &Silent, fetch_version("6.12.1-1")).unwrap();
    (dir, store, image)
}

fn entries(dir: &Path) -> usize {
    std::fs::read_dir(dir).unwrap().count()
}

#[test]
fn first_run_fetches_and_the_second_needs_nobody() {
    let (_dir, store, first) = filled();
    assert_eq!(std::fs::read_to_string(&first.vmlinux).unwrap(), "vmlinux of 6.12.1-1");
    assert_eq!(first.sha256, SHA);
    let second = store.ensure_with(&kernel(), &Silent, offline).unwrap();
    assert_eq!(second, first);
    assert_eq!(entries(&store.root().join("staging")), 0);
}

#[test]
fn kernel_that_is_neither_cached_nor_reachable_is_a_clear_error() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap().with_pins(pinned_to("6.12.1-1"));
    let message = store.ensure_with(&kernel(), &Silent, offline).unwrap_err().to_string();
    assert!(
        message.starts_with(
            "kernel 6.12 isn't cached and the mirror can't be reached: trixie-security: no route"
        ),
        "{message}"
    );
}

#[rstest]
#[case::truncated("vmlinux", b"vmlinux")]
#[case::emptied("config", b"")]
#[case::one_byte_changed("vmlinuz", b"vmlinuz of 6.12.1-2")]
#[case::modules_changed("modules.deb", b"modules.deb of 6.12.1-X")]
fn damaged_file_is_told_fetched_again_and_never_handed_out(#[case] name: &str, #[case] content: &[u8]) {
    let (_dir, store, image) = filled();
    std::fs::write(image.vmlinux.with_file_name(name), content).unwrap();
    let notes = Notes::default();
    let again = store.ensure_with(&kernel(), &notes, fetch_version("6.12.1-1")).unwrap();
    let notes = notes.0.into_inner().unwrap();
    assert!(notes.len() == 1 && notes[0].contains("is damaged") && notes[0].contains(name), "{notes:?}");
    assert_eq!(
        std::fs::read_to_string(again.vmlinux.with_file_name(name)).unwrap(),
        format!("{name} of 6.12.1-1")
    );
}

#[test]
fn vanished_file_counts_as_damage() {
    let (_dir, store, image) = filled();
    std::fs::remove_file(image.config.unwrap()).unwrap();
    let error = store.ensure_with(&kernel(), &Silent, offline).unwrap_err();
    assert!(matches!(error, ObtainError::NotRepaired { .. }), "{error}");
}

#[test]
fn damage_that_cannot_be_repaired_offline_names_both_causes() {
    let (_dir, store, image) = filled();
    std::fs::write(&image.vmlinux, "x").unwrap();
    let message = store.ensure_with(&kernel(), &Silent, offline).unwrap_err().to_string();
    assert!(message.contains("1 bytes instead of 19") && message.contains("no route"), "{message}");
}

#[test]
fn interrupted_fetch_leaves_nothing_that_looks_like_a_kernel() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap().with_pins(pinned_to("6.12.1-1"));
    let torn = |wanted: Wanted<'_>, places: Places<'_>| {
        std::fs::write(places.artefact.join("vmlinux"), "half").unwrap();
        offline(wanted, places)
    };
    store.ensure_with(&kernel(), &Silent, torn).unwrap_err();
    assert_eq!(entries(&store.root().join("artefacts")), 0);
    assert_eq!(entries(&store.root().join("index")), 0);
    // The next run starts from an empty staging directory.
    let clean = |wanted: Wanted<'_>, places: Places<'_>| {
        assert_eq!((entries(places.artefact), entries(places.downloads)), (0, 0));
        fetch_version("6.12.1-1")(wanted, places)
    };
    store.ensure_with(&kernel(), &Silent, clean).unwrap();
}

#[test]
fn another_pin_fetches_the_kernel_anew_and_as_a_whole() {
    let (_dir, store, _) = filled();
    let store = store.with_pins(pinned_to("6.12.2-1"));
    let newer = store.ensure_with(&kernel(), &Silent, fetch_version("6.12.2-1")).unwrap();
    assert_eq!((newer.package_version.as_str(), &newer.instead_of), ("6.12.2-1", &None));
    assert_eq!(store.ensure_with(&kernel(), &Silent, offline).unwrap(), newer);
}

#[test]
fn a_pinned_version_that_has_left_the_mirror_is_replaced_by_the_newest_and_the_run_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap().with_pins(pinned_to("6.12.1-1"));
    let notes = Notes::default();
    let image = store.ensure_with(&kernel(), &notes, moved_on_to("6.12.3-1")).unwrap();
    assert_eq!(image.package_version, "6.12.3-1");
    assert_eq!(image.instead_of.as_deref(), Some("6.12.1-1"));
    let notes = notes.0.into_inner().unwrap();
    let said = notes.iter().any(|note| note.contains("pinned to 6.12.1-1") && note.contains("6.12.3-1"));
    assert!(said, "{notes:?}");
}

#[test]
fn a_locked_store_refuses_what_is_not_pinned() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap().with_pins(pinned_to("6.12.1-1")).locked(true);
    let error = store.ensure_with(&kernel(), &Silent, moved_on_to("6.12.3-1")).unwrap_err();
    assert!(matches!(&error, ObtainError::Locked { version, .. } if version == "6.12.1-1"), "{error}");
    assert_eq!(entries(&dir.path().join("index")), 0, "nothing else was fetched in its place");
    let error = store.with_pins(Pins::default()).ensure_with(&kernel(), &Silent, offline).unwrap_err();
    assert!(matches!(error, ObtainError::NotPinned { .. }), "{error}");
}

#[test]
fn a_cached_kernel_that_is_not_the_pinned_one_serves_when_that_is_gone_or_out_of_reach_and_says_so() {
    let (_dir, store, image) = filled();
    let store = store.with_pins(pinned_to("6.12.0-1"));
    let gone = store.ensure_with(&kernel(), &Silent, moved_on_to("6.12.3-1")).unwrap();
    let offline_too = store.ensure_with(&kernel(), &Silent, offline).unwrap();
    for other in [&gone, &offline_too] {
        assert_eq!(other.package_version, image.package_version);
        assert_eq!(other.instead_of.as_deref(), Some("6.12.0-1"));
    }
    let error = store.locked(true).ensure_with(&kernel(), &Silent, offline).unwrap_err().to_string();
    assert!(error.contains("cached is 6.12.1-1"), "{error}");
}

#[test]
fn a_kernel_that_is_not_pinned_is_taken_as_the_mirror_has_it_and_the_run_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap().with_pins(Pins::default());
    let notes = Notes::default();
    let image = store.ensure_with(&kernel(), &notes, moved_on_to("6.12.3-1")).unwrap();
    assert_eq!((image.package_version.as_str(), image.instead_of), ("6.12.3-1", None));
    let notes = notes.0.into_inner().unwrap();
    assert!(notes.len() == 1 && notes[0].contains("does not pin"), "{notes:?}");
}

#[rstest]
#[case::no_toml("not = [toml")]
#[case::path_instead_of_digest(
    "version = 1\nid = \"6.12\"\nsuite = \"s\"\nrelease = \"r\"\npackage_version = \"6.12.1\"\nsha256 = \"../../etc\"\nfiles = []\n"
)]
#[case::newer_format(
    "version = 99\nid = \"6.12\"\nsuite = \"s\"\nrelease = \"r\"\npackage_version = \"6.12.1\"\nsha256 = \"a\"\nfiles = []\n"
)]
fn unusable_record_is_told_and_written_anew(#[case] text: &str) {
    let (_dir, store, image) = filled();
    std::fs::write(store.record_path("6.12"), text).unwrap();
    let notes = Notes::default();
    let again = store.ensure_with(&kernel(), &notes, fetch_version("6.12.1-1")).unwrap();
    assert_eq!(again, image);
    let notes = notes.0.into_inner().unwrap();
    assert!(notes.len() == 1 && notes[0].contains("unusable"), "{notes:?}");
}

#[test]
fn record_that_lists_no_files_proves_nothing() {
    let (_dir, store, _) = filled();
    let path = store.record_path("6.12");
    let text = std::fs::read_to_string(&path).unwrap();
    let bare = text.split("[[files]]").next().unwrap().to_owned() + "files = []\n";
    std::fs::write(&path, bare).unwrap();
    let error = store.ensure_with(&kernel(), &Silent, offline).unwrap_err();
    assert!(matches!(error, ObtainError::NotRepaired { .. }), "{error}");
}

#[test]
fn cached_kernel_of_another_series_is_fetched_anew() {
    let (_dir, store, _) = filled();
    let mut moved = kernel();
    moved.series = "6.13".to_owned();
    let asked = Cell::new(false);
    let fetch = |wanted: Wanted<'_>, places: Places<'_>| {
        asked.set(true);
        fetch_version("6.13.1-1")(wanted, places)
    };
    let store = store.with_pins(Pins::default());
    let image = store.ensure_with(&moved, &Silent, fetch).unwrap();
    assert!(asked.get());
    assert_eq!(image.package_version, "6.13.1-1");
}

#[test]
fn two_runs_at_once_fetch_a_kernel_once() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap().with_pins(pinned_to("6.12.1-1"));
    let fetches = Mutex::new(0);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let fetch = |wanted: Wanted<'_>, places: Places<'_>| {
                    *fetches.lock().unwrap() += 1;
                    std::thread::sleep(std::time::Duration::from_millis(30));
                    fetch_version("6.12.1-1")(wanted, places)
                };
                store.ensure_with(&kernel(), &Silent, fetch).unwrap();
            });
        }
    });
    assert_eq!(*fetches.lock().unwrap(), 1);
}

#[test]
fn a_kernel_that_is_being_built_keeps_nobody_from_another() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap().with_pins(Pins::default());
    let other = Kernel { id: "6.12-other".to_owned(), ..kernel() };
    let slow = |wanted: Wanted<'_>, places: Places<'_>| {
        let fetch = |wanted: Wanted<'_>, places: Places<'_>| {
            let mut record = fetch_version("6.12.2-1")(wanted, places)?;
            record.id = other.id.clone();
            Ok(record)
        };
        let image = store.ensure_with(&other, &Silent, fetch).unwrap();
        assert_eq!(image.id, other.id);
        assert!(places.artefact.is_dir(), "the one that is still being made was swept away");
        fetch_version("6.12.1-1")(wanted, places)
    };
    assert_eq!(store.ensure_with(&kernel(), &Silent, slow).unwrap().id, kernel().id);
}

#[test]
fn cache_that_cannot_be_created_says_what_to_set() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    std::fs::write(&file, "").unwrap();
    let message = Store::open(file.join("cache")).unwrap_err().to_string();
    assert!(message.contains("QUELL_CACHE"), "{message}");
}
