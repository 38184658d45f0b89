//! The cache of kernels: answers from disk without network, fetches what is missing, and never hands
//! out a file whose digest doesn't match.
//!
//! ```text
//! CACHE/lock                   held while a kernel is looked up or fetched
//! CACHE/index/ID.toml          which artefact a kernel id stands for, with the digest of every file
//! CACHE/artefacts/SHA256/      vmlinuz, vmlinux, config, modules.deb; named by the image package's digest
//! CACHE/apt/SUITE/             apt's private lists, kept so that the next update is small
//! CACHE/staging/               half-made artefacts of this run; leftovers are swept
//! ```

use std::io;
use std::path::{Path, PathBuf};

use crate::catalogue::Kernel;
use crate::lock;
use crate::obtain::{self, Places};
use crate::obtain_error::ObtainError;
use crate::progress::{Progress, Step};
use crate::record::{Record, RecordError};

/// A kernel on disk, every file of it verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KernelImage {
    /// Id in the catalogue, e.g. `6.12`.
    pub id: String,
    /// What `uname -r` says in the guest, e.g. `6.12.117+deb13-cloud-amd64`.
    pub release: String,
    /// Debian version of the package, e.g. `6.12.117-1`.
    pub package_version: String,
    /// Suite it came from.
    pub suite: String,
    /// Compressed image as packaged.
    pub vmlinuz: PathBuf,
    /// Uncompressed ELF with a PVH entry: the file for QEMU's `-kernel`.
    pub vmlinux: PathBuf,
    /// Build configuration.
    pub config: PathBuf,
    /// The package that holds `lib/modules`, still packed.
    pub modules_deb: PathBuf,
    /// SHA-256 of the package that holds the image, as in Debian's signed index.
    pub sha256: String,
}

/// A cache directory.
#[derive(Debug, Clone)]
pub struct Store {
    root: PathBuf,
}

/// Why a cache directory can't be used.
#[derive(Debug, thiserror::Error)]
#[error("failed to prepare the kernel cache {}: {source}; set QUELL_CACHE to a directory that can be written", .path.display())]
pub struct StoreError {
    /// The directory.
    pub path: PathBuf,
    /// What the operating system says.
    pub source: io::Error,
}

impl Store {
    /// Opens a cache directory and creates it if need be.
    ///
    /// # Errors
    /// [`StoreError`] if it can't be created.
    pub fn open(root: impl Into<PathBuf>) -> Result<Self, StoreError> {
        let root = root.into();
        let prepare = |path: PathBuf| {
            std::fs::create_dir_all(&path).map_err(|source| StoreError { path: path.clone(), source })
        };
        for sub in ["index", "artefacts", "apt", "staging"] {
            prepare(root.join(sub))?;
        }
        // apt resolves paths against its own root, so they must be absolute.
        let root = root.canonicalize().map_err(|source| StoreError { path: root, source })?;
        Ok(Self { root })
    }

    /// The cache directory.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The kernel from the cache, fetched first if it isn't there or is damaged. No network is used
    /// for a kernel that is cached whole.
    ///
    /// # Errors
    /// [`ObtainError`] if it can be had neither from the cache nor from a mirror.
    pub fn ensure(&self, kernel: &Kernel, progress: &dyn Progress) -> Result<KernelImage, ObtainError> {
        self.ensure_with(kernel, progress, |places| obtain::obtain(kernel, places, progress))
    }

    /// Like [`Store::ensure`], but asks the mirror also for a kernel that is cached; a newer package
    /// of the same series takes its place.
    ///
    /// # Errors
    /// [`ObtainError`] if no mirror has it; the cached kernel then stays as it was.
    pub fn refresh(&self, kernel: &Kernel, progress: &dyn Progress) -> Result<KernelImage, ObtainError> {
        let _lock = self.lock(kernel, progress)?;
        self.fetch(kernel, progress, |places| obtain::obtain(kernel, places, progress))
    }

    fn ensure_with(
        &self,
        kernel: &Kernel,
        progress: &dyn Progress,
        fetch: impl FnOnce(Places<'_>) -> Result<Record, ObtainError>,
    ) -> Result<KernelImage, ObtainError> {
        let _lock = self.lock(kernel, progress)?;
        progress.step(&kernel.id, &Step::Verify);
        match self.cached(kernel) {
            Ok(Some(image)) => {
                progress.done(&kernel.id, &format!("{} (cached)", summary(&image)));
                Ok(image)
            }
            Ok(None) => self.fetch(kernel, progress, fetch),
            Err(damage) => {
                progress.note(&kernel.id, &format!("{damage}; fetching it again"));
                self.fetch(kernel, progress, fetch).map_err(|source| ObtainError::NotRepaired {
                    id: kernel.id.clone(),
                    damage,
                    source: Box::new(source),
                })
            }
        }
    }

    fn lock(&self, kernel: &Kernel, progress: &dyn Progress) -> Result<lock::CacheLock, ObtainError> {
        let path = self.root.join("lock");
        lock::acquire(&path, || progress.step(&kernel.id, &Step::WaitForCache))
            .map_err(|source| ObtainError::Io { action: "lock", path, source })
    }

    /// The cached kernel if it is whole; `None` if there is none, or one of another series.
    fn cached(&self, kernel: &Kernel) -> Result<Option<KernelImage>, RecordError> {
        let Some(record) = Record::load(&self.record_path(&kernel.id))? else { return Ok(None) };
        if record.id != kernel.id || !kernel.is_of_series(&record.package_version) {
            return Ok(None);
        }
        let dir = self.artefact_dir(&record.sha256);
        record.verify(&dir)?;
        Ok(Some(image(&record, &dir)))
    }

    /// Fetches into a staging directory and moves the result into place in one step.
    fn fetch(
        &self,
        kernel: &Kernel,
        progress: &dyn Progress,
        fetch: impl FnOnce(Places<'_>) -> Result<Record, ObtainError>,
    ) -> Result<KernelImage, ObtainError> {
        let staging = self.root.join("staging");
        self.sweep(&staging)?;
        let (downloads, artefact) = (staging.join("downloads"), staging.join("artefact"));
        for dir in [&downloads, &artefact] {
            std::fs::create_dir_all(dir).map_err(ObtainError::io("create", dir))?;
        }
        let apt = self.root.join("apt");
        let record = fetch(Places { apt: &apt, downloads: &downloads, artefact: &artefact })?;
        let dir = self.artefact_dir(&record.sha256);
        if dir.exists() {
            // Never mend in place: the old files go aside whole, the new ones come whole.
            let aside = staging.join("replaced");
            std::fs::rename(&dir, &aside).map_err(ObtainError::io("set aside", &dir))?;
        }
        std::fs::rename(&artefact, &dir).map_err(ObtainError::io("move the new artefact to", &dir))?;
        record
            .save(&self.record_path(&kernel.id))
            .map_err(|source| ObtainError::Record { id: kernel.id.clone(), source })?;
        self.sweep(&staging)?;
        let image = image(&record, &dir);
        progress.done(&kernel.id, &format!("{} from {}", summary(&image), image.suite));
        Ok(image)
    }

    /// Empties the staging directory; the lock is held, so nobody else uses it.
    fn sweep(&self, staging: &Path) -> Result<(), ObtainError> {
        std::fs::remove_dir_all(staging).map_err(ObtainError::io("sweep", staging))?;
        std::fs::create_dir_all(staging).map_err(ObtainError::io("create", staging))
    }

    fn record_path(&self, id: &str) -> PathBuf {
        self.root.join("index").join(format!("{id}.toml"))
    }

    fn artefact_dir(&self, sha256: &str) -> PathBuf {
        self.root.join("artefacts").join(sha256)
    }
}

fn image(record: &Record, dir: &Path) -> KernelImage {
    KernelImage {
        id: record.id.clone(),
        release: record.release.clone(),
        package_version: record.package_version.clone(),
        suite: record.suite.clone(),
        vmlinuz: dir.join("vmlinuz"),
        vmlinux: dir.join("vmlinux"),
        config: dir.join("config"),
        modules_deb: dir.join("modules.deb"),
        sha256: record.sha256.clone(),
    }
}

fn summary(image: &KernelImage) -> String {
    format!("{} ({})", image.release, image.package_version)
}

#[cfg(test)]
#[path = "store_tests.rs"]
mod tests;
