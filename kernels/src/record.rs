//! What the cache remembers of a kernel: enough to find its files and to prove them whole without
//! apt and without the network.

use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::digest;

/// Version of the record format.
const FORMAT: u32 = 1;

/// Record of one kernel, stored as `index/ID.toml` in the cache.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Record {
    version: u32,
    /// Kernel id.
    pub(crate) id: String,
    /// Suite that the packages came from.
    pub(crate) suite: String,
    /// Kernel release.
    pub(crate) release: String,
    /// Version of the packages.
    pub(crate) package_version: String,
    /// SHA-256 of the package that holds the image, as in the signed index; names the artefact.
    pub(crate) sha256: String,
    /// Of a kernel that was built here: what tells builds of one source apart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) recipe: Option<String>,
    /// The files of the artefact: those of [`FILES`], or of a kernel that was built here those of [`BUILT_FILES`].
    pub(crate) files: Vec<FileRecord>,
}

/// One file of an artefact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FileRecord {
    /// Name inside the artefact's directory.
    pub(crate) name: String,
    /// Size in bytes.
    pub(crate) size_bytes: u64,
    /// SHA-256 in lower-case hex.
    pub(crate) sha256: String,
}

/// Names of the files of a packaged kernel's artefact; the last two only where their packages can be had.
pub(crate) const FILES: &[&str] = &["vmlinuz", "vmlinux", "config", "modules.deb"];
/// Names of the files of a built kernel's artefact; the last one only where its type information is kept apart.
pub(crate) const BUILT_FILES: &[&str] = &["vmlinux", "config", "btf"];

/// Why a record or what it describes can't be used.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The record file is there but can't be read.
    #[error("failed to read {}: {source}", .path.display())]
    Read {
        /// The record file.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// The record file can't be written.
    #[error("failed to write {}: {source}", .path.display())]
    Write {
        /// The record file.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// The record doesn't say what it has to.
    #[error("the record {} is unusable: {message}", .path.display())]
    Malformed {
        /// The record file.
        path: PathBuf,
        /// What is wrong with it.
        message: String,
    },
    /// A cached file is not what was stored.
    #[error("the cached file {} is damaged: {problem}", .path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What differs.
        problem: String,
    },
    /// A record can't be put into its format; a mistake of this crate.
    #[error("failed to encode the record: {0}")]
    Encode(#[from] toml::ser::Error),
}

impl Record {
    /// Measures the files of an artefact directory, which are `names`.
    pub(crate) fn of_artefact(
        dir: &Path,
        names: &[&str],
        id: &str,
        suite: &str,
        release: &str,
        package_version: &str,
        sha256: &str,
    ) -> Result<Self, digest::DigestError> {
        let files = names
            .iter()
            .map(|name| {
                let (sha256, size_bytes) = digest::of_file(&dir.join(name))?;
                Ok(FileRecord { name: (*name).to_owned(), size_bytes, sha256 })
            })
            .collect::<Result<_, _>>()?;
        Ok(Self {
            version: FORMAT,
            id: id.to_owned(),
            suite: suite.to_owned(),
            release: release.to_owned(),
            package_version: package_version.to_owned(),
            sha256: sha256.to_owned(),
            recipe: None,
            files,
        })
    }

    /// Reads a record; `None` if there is none.
    pub(crate) fn load(path: &Path) -> Result<Option<Self>, RecordError> {
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(RecordError::Read { path: path.to_owned(), source }),
        };
        let malformed = |message: String| RecordError::Malformed { path: path.to_owned(), message };
        let record: Self = toml::from_str(&text).map_err(|error| malformed(error.message().to_owned()))?;
        if record.version != FORMAT {
            return Err(malformed(format!("format version {}, this build reads {FORMAT}", record.version)));
        }
        if !is_sha256(&record.sha256) {
            return Err(malformed("its `sha256` isn't a SHA-256".to_owned()));
        }
        let names: Vec<&str> = record.files.iter().map(|file| file.name.as_str()).collect();
        let (all, needed) = match record.recipe {
            Some(_) => (BUILT_FILES, &BUILT_FILES[..2]),
            None => (FILES, &FILES[..2]),
        };
        // Those that are there, in their order; an image without its configuration or modules is what some mirrors have left.
        let known: Vec<&str> = all.iter().copied().filter(|name| names.contains(name)).collect();
        if names != known || !needed.iter().all(|name| names.contains(name)) {
            return Err(malformed(format!("it lists the files {names:?} instead of {all:?}")));
        }
        Ok(Some(record))
    }

    /// Writes the record so that a reader sees the old one or the new one, never a part.
    pub(crate) fn save(&self, path: &Path) -> Result<(), RecordError> {
        let text = toml::to_string(self)?;
        let write = |source| RecordError::Write { path: path.to_owned(), source };
        let dir = path.parent().unwrap_or(Path::new("."));
        let file = tempfile::NamedTempFile::new_in(dir).map_err(write)?;
        std::fs::write(file.path(), text).map_err(write)?;
        file.persist(path).map_err(|error| write(error.error))?;
        Ok(())
    }

    /// Compares every file of the artefact in `dir` with the record.
    pub(crate) fn verify(&self, dir: &Path) -> Result<(), RecordError> {
        for file in &self.files {
            let path = dir.join(&file.name);
            let damaged = |problem: String| RecordError::Damaged { path: path.clone(), problem };
            let (sha256, size_bytes) =
                digest::of_file(&path).map_err(|error| damaged(error.source.to_string()))?;
            if size_bytes != file.size_bytes {
                return Err(damaged(format!("it has {size_bytes} bytes instead of {}", file.size_bytes)));
            }
            if sha256 != file.sha256 {
                return Err(damaged(format!("its SHA-256 is {sha256} instead of {}", file.sha256)));
            }
        }
        Ok(())
    }
}

/// The digest becomes a directory name, so its shape is checked wherever it is read.
fn is_sha256(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}
