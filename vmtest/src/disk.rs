//! The guest's ext4 disk: a sparse image, made anew for every boot.

use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
    process::Command,
};

use thiserror::Error;

/// Size of the image; sparse, so a fresh file system takes a few hundred KiB of it.
const DISK_MIB: u64 = 64;

/// Why there is no disk.
#[derive(Debug, Error)]
pub enum DiskError {
    /// The image file can't be made.
    #[error("failed to create the disk image {path}: {source}")]
    Create {
        /// The image.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// `mkfs.ext4` can't be started.
    #[error("failed to start mkfs.ext4: {0}; on Debian it is in the package e2fsprogs")]
    Start(io::Error),
    /// `mkfs.ext4` failed.
    #[error("failed to make an ext4 file system in {path}: {message}")]
    Format {
        /// The image.
        path: PathBuf,
        /// What mkfs.ext4 said.
        message: String,
    },
}

/// Makes a disk with an empty ext4 file system.
///
/// # Errors
/// The file can't be made, or e2fsprogs is missing or fails.
pub fn create(path: &Path) -> Result<(), DiskError> {
    let not_created = |source| DiskError::Create { path: path.to_owned(), source };
    File::create(path).and_then(|file| file.set_len(DISK_MIB * 1024 * 1024)).map_err(not_created)?;
    // /usr/sbin is not on everybody's PATH.
    let search = format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap_or_default());
    let output = Command::new("mkfs.ext4")
        .env("PATH", search)
        // Whole at once: lazy initialisation would make the guest's kernel write in the background.
        .args(["-q", "-F", "-E", "lazy_itable_init=0,lazy_journal_init=0"])
        .arg(path)
        .output()
        .map_err(DiskError::Start)?;
    if output.status.success() {
        return Ok(());
    }
    let message = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(DiskError::Format { path: path.to_owned(), message })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_directory_is_named() {
        let error = create(Path::new("/nonexistent/disk.img")).unwrap_err();
        assert!(error.to_string().starts_with("failed to create the disk image /nonexistent/disk.img"));
    }
}
