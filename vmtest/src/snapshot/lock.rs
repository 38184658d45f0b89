//! Who uses a snapshot: any number of runs at a time that restore it, or one that makes or removes it.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io,
    os::unix::fs::MetadataExt,
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use super::{SnapshotError, io_error};

/// How often a waiting run looks whether the user wants to stop.
const TICK: Duration = Duration::from_millis(50);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    Restore,
    Change,
}

/// Held as long as it lives; the operating system releases it also when the process dies.
#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
}

/// Waits for the lock.
pub(super) fn acquire(path: &Path, wanted: Use, interrupted: &AtomicBool) -> Result<Lock, SnapshotError> {
    loop {
        if let Some(lock) = try_acquire(path, wanted).map_err(io_error("lock", path))? {
            return Ok(lock);
        }
        if interrupted.load(Ordering::Relaxed) {
            return Err(SnapshotError::Interrupted);
        }
        thread::sleep(TICK);
    }
}

/// The lock, unless somebody else's use rules it out.
pub(super) fn try_acquire(path: &Path, wanted: Use) -> io::Result<Option<Lock>> {
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(path)?;
    let locked = match wanted {
        Use::Restore => file.try_lock_shared(),
        Use::Change => file.try_lock(),
    };
    match locked {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Ok(None),
        Err(TryLockError::Error(error)) => return Err(error),
    }
    // Whoever removed the snapshot removed its lock too; then this is the lock of nothing.
    let same =
        fs::metadata(path).is_ok_and(|named| file.metadata().is_ok_and(|own| own.ino() == named.ino()));
    Ok(same.then_some(Lock { _file: file }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_may_restore_and_nobody_may_change_meanwhile() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("lock");
        let one = try_acquire(&path, Use::Restore).unwrap();
        let other = try_acquire(&path, Use::Restore).unwrap();
        assert!(one.is_some() && other.is_some());
        assert!(try_acquire(&path, Use::Change).unwrap().is_none());
        drop((one, other));
        let changing = try_acquire(&path, Use::Change).unwrap();
        assert!(changing.is_some());
        assert!(try_acquire(&path, Use::Restore).unwrap().is_none());
    }

    #[test]
    fn a_lock_that_was_removed_meanwhile_locks_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("lock");
        let held = try_acquire(&path, Use::Change).unwrap();
        fs::remove_file(&path).unwrap();
        // A new file under the old name: the holder of the old one does not keep anybody from it.
        assert!(try_acquire(&path, Use::Change).unwrap().is_some());
        drop(held);
    }

    #[test]
    fn a_waiting_run_can_be_stopped() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("lock");
        let _held = try_acquire(&path, Use::Change).unwrap();
        let error = acquire(&path, Use::Restore, &AtomicBool::new(true)).unwrap_err();
        assert!(matches!(error, SnapshotError::Interrupted));
    }
}
