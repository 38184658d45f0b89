//! The digest of a file that is mostly holes: size and content, however the file system stores it.

use std::{
    fs::File,
    io,
    os::unix::fs::{FileExt, MetadataExt},
    path::Path,
};

use nix::{
    errno::Errno,
    unistd::{Whence, lseek},
};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// What is looked at at a time. One that is all zeros counts as a hole, because a file system may make it one.
const BLOCK_BYTES: usize = 64 * 1024;

/// What a file holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Content {
    /// Its length, in bytes.
    pub(crate) size_bytes: u64,
    /// SHA-256 over the places and bytes of all blocks that are not empty, as hex digits.
    pub(crate) sha256: String,
}

impl Content {
    /// Reads a file.
    pub(crate) fn of(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let size_bytes = file.metadata()?.len();
        let mut hasher = Sha256::new();
        let mut block = vec![0; BLOCK_BYTES];
        let mut at = 0;
        while let Some(data) = next_data(&file, at, size_bytes)? {
            at = data - data % BLOCK_BYTES as u64;
            let wanted = usize::try_from(size_bytes - at).map_or(BLOCK_BYTES, |left| left.min(BLOCK_BYTES));
            let bytes = &mut block[..wanted];
            file.read_exact_at(bytes, at)?;
            if bytes.iter().any(|byte| *byte != 0) {
                hasher.update(at.to_le_bytes());
                hasher.update(&*bytes);
            }
            at += wanted as u64;
        }
        Ok(Self { size_bytes, sha256: hex(&hasher.finalize()) })
    }
}

/// Copies a file and leaves its holes holes.
pub(super) fn copy_sparse(from: &Path, to: &Path) -> io::Result<()> {
    let (from, to) = (File::open(from)?, File::create_new(to)?);
    let size_bytes = from.metadata()?.len();
    to.set_len(size_bytes)?;
    let mut block = vec![0; BLOCK_BYTES];
    let mut at = 0;
    while let Some(data) = next_data(&from, at, size_bytes)? {
        at = data - data % BLOCK_BYTES as u64;
        let wanted = usize::try_from(size_bytes - at).map_or(BLOCK_BYTES, |left| left.min(BLOCK_BYTES));
        from.read_exact_at(&mut block[..wanted], at)?;
        to.write_all_at(&block[..wanted], at)?;
        at += wanted as u64;
    }
    Ok(())
}

/// What a file takes on its disk, in bytes.
pub(crate) fn stored_bytes(path: &Path) -> io::Result<u64> {
    Ok(path.metadata()?.blocks() * 512)
}

/// Hex digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Where data goes on at or after `at`; none behind the last.
pub(super) fn next_data(file: &File, at: u64, size_bytes: u64) -> io::Result<Option<u64>> {
    if at >= size_bytes {
        return Ok(None);
    }
    let from = i64::try_from(at).map_err(io::Error::other)?;
    match lseek(file, from, Whence::SeekData) {
        Ok(data) => u64::try_from(data).map(Some).map_err(io::Error::other),
        // Only holes follow.
        Err(Errno::ENXIO) => Ok(None),
        Err(errno) => Err(errno.into()),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn file(parts: &[(u64, &[u8])], size_bytes: u64) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        file.as_file().set_len(size_bytes).unwrap();
        for (at, bytes) in parts {
            file.as_file().write_all_at(bytes, *at).unwrap();
        }
        file
    }

    #[test]
    fn written_zeros_and_holes_are_the_same() {
        let zeros = vec![0; 3 * BLOCK_BYTES];
        let dense = file(&[(0, &zeros), (1000, b"x")], 1 << 20);
        let sparse = file(&[(1000, b"x")], 1 << 20);
        assert_eq!(Content::of(dense.path()).unwrap(), Content::of(sparse.path()).unwrap());
    }

    #[test]
    fn a_byte_its_place_and_the_length_count() {
        let contents = [
            file(&[(70_000, b"x")], 1 << 20),
            file(&[(70_000, b"y")], 1 << 20),
            file(&[(70_001, b"x")], 1 << 20),
            file(&[(300_000, b"x")], 1 << 20),
            file(&[(70_000, b"x")], (1 << 20) - 1),
            file(&[], 0),
        ]
        .map(|file| Content::of(file.path()).unwrap());
        for (index, content) in contents.iter().enumerate() {
            assert!(!contents[index + 1..].contains(content), "{index}: {contents:?}");
        }
    }

    #[test]
    fn the_last_byte_of_an_odd_length_is_read() {
        let (one, other) = (file(&[(99_999, b"a")], 100_000), file(&[(99_999, b"b")], 100_000));
        assert_ne!(Content::of(one.path()).unwrap(), Content::of(other.path()).unwrap());
    }

    #[test]
    fn a_copy_has_the_same_content_and_the_same_holes() {
        let original = file(&[(1000, b"x"), (5 << 20, b"y"), ((64 << 20) - 1, b"z")], 64 << 20);
        let directory = tempfile::tempdir().unwrap();
        let copy = directory.path().join("copy");
        copy_sparse(original.path(), &copy).unwrap();
        assert_eq!(Content::of(&copy).unwrap(), Content::of(original.path()).unwrap());
        assert!(stored_bytes(&copy).unwrap() < 1 << 20);
    }

    #[test]
    fn a_sparse_file_takes_less_than_its_length() {
        let sparse = file(&[(0, b"x")], 64 << 20);
        assert!(stored_bytes(sparse.path()).unwrap() < 1 << 20);
        assert_eq!(fs::metadata(sparse.path()).unwrap().len(), 64 << 20);
    }
}
