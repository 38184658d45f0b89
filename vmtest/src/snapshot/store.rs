//! The snapshots of the cache: found, checked, or made anew; each moved into its place in one step.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    sync::{Arc, atomic::AtomicBool},
    time::SystemTime,
};

use nix::sys::statvfs::statvfs;

use super::{
    Files, META, META_VERSION, Meta, SnapshotError,
    content::{Content, stored_bytes},
    io_error,
    key::Key,
    lock::{Lock, Use, acquire},
    save::SaveFailure,
};

/// A snapshot takes about 100 MiB; with less room than this none is begun.
const NEEDED_MIB: u64 = 256;

/// How often a snapshot may vanish between being made and being used, before that is called an error.
const ATTEMPTS: u32 = 3;

/// A directory of snapshots.
#[derive(Clone, Debug)]
pub struct SnapshotStore {
    directory: PathBuf,
    interrupted: Arc<AtomicBool>,
}

/// A snapshot that can be restored, and that nobody removes as long as this lives.
#[derive(Debug)]
pub struct Snapshot {
    files: Files,
    boot_ms: u64,
    bytes: u64,
    _lock: Lock,
}

impl Snapshot {
    /// Its files.
    #[must_use]
    pub fn files(&self) -> &Files {
        &self.files
    }

    /// From the start of QEMU to the guest's hello when it was made, in milliseconds.
    #[must_use]
    pub fn boot_ms(&self) -> u64 {
        self.boot_ms
    }

    /// What it takes on its disk, in bytes.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }
}

/// What a look at a snapshot's directory found.
enum Found {
    Good(Meta),
    Absent,
    Damaged(String),
}

impl SnapshotStore {
    /// Opens the directory, which is made if it is not there. Waiting for another run ends when `interrupted` is set.
    ///
    /// # Errors
    /// It can't be made.
    pub fn open(directory: &Path, interrupted: Arc<AtomicBool>) -> Result<Self, SnapshotError> {
        fs::create_dir_all(directory).map_err(io_error("create", directory))?;
        let directory = directory.canonicalize().map_err(io_error("resolve", directory))?;
        Ok(Self { directory, interrupted })
    }

    /// The directory.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The snapshot of this name. If there is none, `make` fills a directory with its files and returns how long the boot
    /// took, in milliseconds; another run that wants the same one meanwhile waits. The second value says whether it was there.
    ///
    /// `remark` hears of a damaged snapshot, which is removed and made anew.
    ///
    /// # Errors
    /// It can't be made or kept.
    pub fn ensure(
        &self,
        key: &Key,
        remark: &mut dyn FnMut(String),
        make: &mut dyn FnMut(&Files) -> Result<u64, SaveFailure>,
    ) -> Result<(Snapshot, bool), SaveFailure> {
        let place = self.place(key);
        let mut reused = true;
        for _ in 0..ATTEMPTS {
            let lock = self.lock(key, Use::Restore)?;
            match look(&place) {
                Found::Good(meta) => return Ok((taken(place, &meta, lock)?, reused)),
                Found::Absent => {}
                Found::Damaged(what) => {
                    remark(format!("the snapshot {} is damaged and is made anew: {what}", place.display()));
                }
            }
            drop(lock);
            let _changing = self.lock(key, Use::Change)?;
            // Another run may have made it while this one waited.
            if !matches!(look(&place), Found::Good(_)) {
                self.make(key, make)?;
                reused = false;
            }
        }
        let vanished = io::Error::other("it vanished each time before it could be used");
        Err(io_error("keep", &place)(vanished).into())
    }

    /// Makes it beside its place and moves it there. What fails leaves nothing behind.
    fn make(
        &self,
        key: &Key,
        make: &mut dyn FnMut(&Files) -> Result<u64, SaveFailure>,
    ) -> Result<(), SaveFailure> {
        let (place, unfinished) = (self.place(key), self.unfinished(key));
        for old in [&place, &unfinished] {
            remove_if_there(old)?;
        }
        let free_mib = self.free_mib()?;
        if free_mib < NEEDED_MIB {
            let path = self.directory.clone();
            return Err(SnapshotError::Full { path, free_mib, needed_mib: NEEDED_MIB }.into());
        }
        fs::create_dir(&unfinished).map_err(io_error("create", &unfinished))?;
        let files = Files::of(&unfinished);
        let finished = make(&files)
            .and_then(|boot_ms| Ok(seal(&files, boot_ms)?))
            .and_then(|()| Ok(fs::rename(&unfinished, &place).map_err(io_error("move into place", &place))?));
        if finished.is_err() {
            // What made it fail is what counts; the next run removes what is left.
            let _ = remove_if_there(&unfinished);
        }
        finished
    }

    pub(super) fn place(&self, key: &Key) -> PathBuf {
        self.directory.join(key.to_string())
    }

    fn unfinished(&self, key: &Key) -> PathBuf {
        self.directory.join(format!("{key}.unfinished"))
    }

    fn lock(&self, key: &Key, wanted: Use) -> Result<Lock, SnapshotError> {
        acquire(&self.directory.join(format!("{key}.lock")), wanted, &self.interrupted)
    }

    fn free_mib(&self) -> Result<u64, SnapshotError> {
        let space = statvfs(&self.directory).map_err(io::Error::from);
        let space = space.map_err(io_error("look for room in", &self.directory))?;
        Ok(space.blocks_available() * space.fragment_size() / (1024 * 1024))
    }
}

/// Writes down what is in the files.
fn seal(files: &Files, boot_ms: u64) -> Result<(), SnapshotError> {
    let content = |path: PathBuf| Content::of(&path).map_err(io_error("read", &path));
    let meta =
        Meta { version: META_VERSION, boot_ms, ram: content(files.ram())?, state: content(files.state())? };
    let path = files.directory().join(META);
    let text =
        serde_json::to_string_pretty(&meta).map_err(io::Error::from).map_err(io_error("write", &path))?;
    fs::write(&path, text).map_err(io_error("write", &path))
}

/// Whether a directory holds what it says that it holds.
fn look(place: &Path) -> Found {
    if !place.exists() {
        return Found::Absent;
    }
    let files = Files::of(place);
    let text = match fs::read_to_string(place.join(META)) {
        Ok(text) => text,
        Err(error) => return Found::Damaged(format!("failed to read {META}: {error}")),
    };
    let meta: Meta = match serde_json::from_str(&text) {
        Ok(meta) => meta,
        Err(error) => return Found::Damaged(format!("failed to understand {META}: {error}")),
    };
    if meta.version != META_VERSION {
        return Found::Damaged(format!("{META} is of version {}, not {META_VERSION}", meta.version));
    }
    for (path, sealed) in [(files.ram(), &meta.ram), (files.state(), &meta.state)] {
        let name = path.file_name().unwrap_or_default().display().to_string();
        match Content::of(&path) {
            Err(error) => return Found::Damaged(format!("failed to read {name}: {error}")),
            Ok(content) if content.size_bytes != sealed.size_bytes => {
                return Found::Damaged(format!(
                    "{name} has {} bytes and should have {}",
                    content.size_bytes, sealed.size_bytes
                ));
            }
            Ok(content) if content != *sealed => {
                return Found::Damaged(format!("{name} is not what was saved"));
            }
            Ok(_) => {}
        }
    }
    Found::Good(meta)
}

fn taken(place: PathBuf, meta: &Meta, lock: Lock) -> Result<Snapshot, SnapshotError> {
    let files = Files { directory: place };
    let stored = |path: PathBuf| stored_bytes(&path).map_err(io_error("read", &path));
    let bytes = stored(files.ram())? + stored(files.state())?;
    // What was used last is removed last.
    let path = files.directory().join(META);
    File::options()
        .write(true)
        .open(&path)
        .and_then(|meta| meta.set_modified(SystemTime::now()))
        .map_err(io_error("touch", &path))?;
    Ok(Snapshot { files, boot_ms: meta.boot_ms, bytes, _lock: lock })
}

pub(super) fn remove_if_there(path: &Path) -> Result<(), SnapshotError> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(io_error("remove", path)(error)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
