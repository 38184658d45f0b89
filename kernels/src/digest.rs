//! SHA-256 of files: what tells a good cache entry from a damaged one.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

/// A file could not be read for its digest.
#[derive(Debug, thiserror::Error)]
#[error("failed to read {}: {source}", .path.display())]
pub struct DigestError {
    /// The file.
    pub path: PathBuf,
    /// What the operating system says.
    pub source: io::Error,
}

/// SHA-256 of a file as 64 lower-case hex digits, and its size in bytes.
pub(crate) fn of_file(path: &Path) -> Result<(String, u64), DigestError> {
    let failed = |source| DigestError { path: path.to_owned(), source };
    let mut file = File::open(path).map_err(failed)?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0_u8; 1 << 18];
    let mut size_bytes = 0_u64;
    loop {
        let n = match file.read(&mut buffer) {
            Ok(0) => break,
            Ok(n) => n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(failed(error)),
        };
        hasher.update(&buffer[..n]);
        size_bytes += u64::try_from(n).unwrap_or(u64::MAX);
    }
    Ok((hex(hasher), size_bytes))
}

/// SHA-256 of a text as 64 lower-case hex digits.
pub(crate) fn of_text(text: &str) -> String {
    hex(Sha256::new_with_prefix(text))
}

fn hex(hasher: Sha256) -> String {
    let mut hex = String::with_capacity(64);
    for byte in hasher.finalize() {
        // Writing to a string can't fail.
        let _ = write!(hex, "{byte:02x}");
    }
    hex
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digest_of_a_known_text_is_the_published_one() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("abc");
        std::fs::write(&path, "abc").unwrap();
        let (hex, size_bytes) = of_file(&path).unwrap();
        assert_eq!(of_text("abc"), hex);
        assert_eq!(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!(size_bytes, 3);
    }

    #[test]
    fn missing_file_is_named() {
        let error = of_file(Path::new("/nonexistent/kernel")).unwrap_err().to_string();
        assert!(error.contains("/nonexistent/kernel"), "{error}");
    }
}
