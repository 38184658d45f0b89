//! One run at a time writes a part of the cache: two that fetch the same kernel would do the work twice and could see each
//! other's half-made files.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::Path;

/// Held as long as it lives; the operating system releases it also when the process dies.
#[derive(Debug)]
pub(crate) struct CacheLock {
    _file: File,
}

/// Takes the lock, calling `on_wait` once if another process holds it.
pub(crate) fn acquire(path: &Path, on_wait: impl FnOnce()) -> io::Result<CacheLock> {
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(path)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            on_wait();
            file.lock()?;
        }
        Err(TryLockError::Error(error)) => return Err(error),
    }
    Ok(CacheLock { _file: file })
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Duration;

    use super::*;

    #[test]
    fn second_holder_waits_until_the_first_is_done() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        let first = acquire(&path, || panic!("nobody else holds it")).unwrap();
        let (said, hears) = mpsc::channel();
        let second = std::thread::spawn(move || {
            let waits = said.clone();
            let lock = acquire(&path, move || waits.send("waits").unwrap()).unwrap();
            said.send("has it").unwrap();
            drop(lock);
        });
        assert_eq!(hears.recv_timeout(Duration::from_secs(20)).unwrap(), "waits");
        assert!(
            hears.recv_timeout(Duration::from_millis(100)).is_err(),
            "it got the lock while another held it"
        );
        drop(first);
        assert_eq!(hears.recv_timeout(Duration::from_secs(20)).unwrap(), "has it");
        second.join().unwrap();
    }
}
