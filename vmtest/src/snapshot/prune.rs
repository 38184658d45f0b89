//! The cache does not grow without end: snapshots that were not used for long go, and the oldest of those that take too much.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use super::{
    META, RAM, STATE, SnapshotError,
    content::stored_bytes,
    io_error,
    lock::{Use, try_acquire},
    store::{SnapshotStore, remove_if_there},
};

/// What may stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Since it was used last.
    pub age: Duration,
    /// All snapshots together, in bytes on their disk.
    pub bytes: u64,
}

impl Default for Bounds {
    /// Two weeks, and what three generations of a catalogue of twenty kernels take: every new build of a program that is
    /// in the guests makes new ones.
    fn default() -> Self {
        Self { age: Duration::from_secs(14 * 24 * 3600), bytes: 6 << 30 }
    }
}

impl Bounds {
    /// With those of cells as well, which a change of any program makes useless: what the four thousand cells of the full tier take,
    /// and half as much again. The next run without them brings the rest down to its own bounds.
    #[must_use]
    pub fn with_attached() -> Self {
        Self { bytes: 60 << 30, ..Self::default() }
    }
}

struct Old {
    name: String,
    used: SystemTime,
    bytes: u64,
}

impl SnapshotStore {
    /// Removes what is too old or too much, and what runs that died have left; never what another run uses. Returns how many
    /// went.
    ///
    /// # Errors
    /// The directory can't be read, or something in it can't be removed.
    pub fn prune(&self, bounds: Bounds, now: SystemTime) -> Result<usize, SnapshotError> {
        let mut kept = Vec::new();
        let mut gone = 0;
        for entry in fs::read_dir(self.directory()).map_err(io_error("read", self.directory()))? {
            let entry = entry.map_err(io_error("read", self.directory()))?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if let Some(key) = name.strip_suffix(".unfinished") {
                gone += usize::from(self.remove(key)?);
            } else if !name.contains('.') && entry.path().is_dir() {
                kept.push(measured(&entry.path(), name));
            }
        }
        kept.sort_by_key(|old| std::cmp::Reverse(old.used));
        let mut bytes = 0;
        for old in kept {
            bytes += old.bytes;
            let age = now.duration_since(old.used).unwrap_or_default();
            if age > bounds.age || bytes > bounds.bytes {
                let went = self.remove(&old.name)?;
                gone += usize::from(went);
                bytes -= if went { old.bytes } else { 0 };
            }
        }
        Ok(gone)
    }

    /// Removes everything of this name, unless it is in use. Returns whether it went.
    fn remove(&self, key: &str) -> Result<bool, SnapshotError> {
        let path = |suffix: &str| self.directory().join(format!("{key}{suffix}"));
        let lock = path(".lock");
        let Some(_held) = try_acquire(&lock, Use::Change).map_err(io_error("lock", &lock))? else {
            return Ok(false);
        };
        remove_if_there(&path(".unfinished"))?;
        remove_if_there(&path(""))?;
        match fs::remove_file(&lock) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(io_error("remove", &lock)(error)),
            _ => Ok(true),
        }
    }
}

fn measured(place: &Path, name: String) -> Old {
    // What can't be read is of no use: it counts as used long ago.
    let used = fs::metadata(place.join(META)).and_then(|meta| meta.modified());
    let stored = |file: &str| -> u64 { stored_bytes(&PathBuf::from(place).join(file)).unwrap_or(0) };
    Old { name, used: used.unwrap_or(SystemTime::UNIX_EPOCH), bytes: stored(RAM) + stored(STATE) }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::snapshot::{Files, key::Key, save::SaveFailure, store::Snapshot};

    const HOUR: Duration = Duration::from_secs(3600);

    fn add(store: &SnapshotStore, name: &str, age_h: u32) -> Snapshot {
        let mut fill = |files: &Files| -> Result<u64, SaveFailure> {
            fs::write(files.ram(), vec![7; 1 << 20]).unwrap();
            fs::write(files.state(), b"state").unwrap();
            Ok(1)
        };
        let (snapshot, _) = store.ensure(&Key::of_text(name), &mut |_| {}, &mut fill).unwrap();
        let meta = snapshot.files().directory().join(META);
        let meta = fs::File::options().write(true).open(meta).unwrap();
        meta.set_modified(SystemTime::now() - HOUR * age_h).unwrap();
        snapshot
    }

    fn is_there(store: &SnapshotStore, name: &str) -> bool {
        store.place(&Key::of_text(name)).exists()
    }

    fn store() -> (tempfile::TempDir, SnapshotStore) {
        let directory = tempfile::tempdir().unwrap();
        let store = SnapshotStore::open(directory.path(), Arc::default()).unwrap();
        (directory, store)
    }

    #[test]
    fn what_is_too_old_goes_with_its_lock() {
        let (directory, store) = store();
        drop([add(&store, "old", 30), add(&store, "new", 1)]);
        let gone = store.prune(Bounds { age: HOUR * 24, bytes: u64::MAX }, SystemTime::now()).unwrap();
        assert_eq!(gone, 1);
        assert!(!is_there(&store, "old") && is_there(&store, "new"));
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 2, "one snapshot and its lock");
    }

    #[test]
    fn the_least_recently_used_of_too_many_go() {
        let (_directory, store) = store();
        drop([add(&store, "b", 2), add(&store, "a", 1), add(&store, "c", 3)]);
        store.prune(Bounds { age: HOUR * 24, bytes: 5 << 19 }, SystemTime::now()).unwrap();
        assert!(is_there(&store, "a") && is_there(&store, "b") && !is_there(&store, "c"));
    }

    #[test]
    fn what_another_run_uses_stays() {
        let (_directory, store) = store();
        let used = add(&store, "used", 30);
        let bounds = Bounds { age: HOUR, bytes: 0 };
        assert_eq!(store.prune(bounds, SystemTime::now()).unwrap(), 0);
        assert!(is_there(&store, "used"));
        drop(used);
        assert_eq!(store.prune(bounds, SystemTime::now()).unwrap(), 1);
    }

    #[test]
    fn what_a_run_that_died_has_left_goes() {
        let (directory, store) = store();
        let half = directory.path().join(format!("{}.unfinished", Key::of_text("x")));
        fs::create_dir(&half).unwrap();
        store.prune(Bounds::default(), SystemTime::now()).unwrap();
        assert!(!half.exists());
    }
}
