//! The cache of kernels: answers from disk without network, fetches what is missing, and never hands
//! out a file whose digest doesn't match.
//!
//! ```text
//! CACHE/locks/ID               held while this kernel is looked up, fetched or built: nobody who wants another one waits for it
//! CACHE/index/ID.toml          which artefact a kernel id stands for, with the digest of every file
//! CACHE/artefacts/SHA256/      vmlinuz, vmlinux, config, modules.deb; named by the image package's digest.
//!                              Of a kernel that was built here: vmlinux, config, perhaps btf
//! CACHE/modules/SHA256/         modules of a kernel, decompressed and in the order of loading, with their digests
//! CACHE/apt/SUITE/             apt's private lists, kept so that the next update is small; CACHE/apt/lock is held while apt works
//! CACHE/staging/ID/            half-made artefacts; leftovers are swept
//! ```

use std::io;
use std::path::{Path, PathBuf};

use crate::catalogue::Kernel;
use crate::lock;
use crate::modules::{self, Module, ModulesError};
use crate::obtain::{self, Places};
use crate::obtain_error::ObtainError;
use crate::offered::Wanted;
use crate::pins::{Pin, Pins};
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
    /// Compressed image as packaged; none of a kernel that was built here.
    pub vmlinuz: Option<PathBuf>,
    /// Uncompressed ELF with a PVH entry: the file for QEMU's `-kernel`.
    pub vmlinux: PathBuf,
    /// Build configuration; none where its package has left the mirror.
    pub config: Option<PathBuf>,
    /// The package that holds `lib/modules`, still packed; none of a kernel that was built here, and where it has left the mirror.
    pub modules_deb: Option<PathBuf>,
    /// The kernel's type information, of a kernel that has none in itself and was built here.
    pub btf: Option<PathBuf>,
    /// SHA-256 of the package that holds the image, as in Debian's signed index.
    pub sha256: String,
    /// The pinned version, when this is another one, because the pinned one can't be had any more.
    pub instead_of: Option<String>,
}

/// A cache directory.
#[derive(Debug, Clone)]
pub struct Store {
    root: PathBuf,
    pins: Pins,
    locked: bool,
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
        for sub in ["index", "artefacts", "modules", "apt", "staging", "locks"] {
            prepare(root.join(sub))?;
        }
        // apt resolves paths against its own root, so they must be absolute.
        let root = root.canonicalize().map_err(|source| StoreError { path: root, source })?;
        Ok(Self { root, pins: Pins::builtin(), locked: false })
    }

    /// Other pins than those of this build.
    #[must_use]
    pub fn with_pins(self, pins: Pins) -> Self {
        Self { pins, ..self }
    }

    /// Whether a kernel that is not the pinned one is refused. Otherwise the newest of its series stands in for a pinned one that
    /// can't be had any more, and [`KernelImage::instead_of`] says so.
    #[must_use]
    pub fn locked(self, locked: bool) -> Self {
        Self { locked, ..self }
    }

    /// The cache directory.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The kernel from the cache, fetched first if it isn't there or is damaged. No network is used
    /// for a kernel that is cached whole and is the pinned one.
    ///
    /// # Errors
    /// [`ObtainError`] if it can be had neither from the cache nor from a mirror, or is not the pinned one and the store is
    /// [`Store::locked`].
    pub fn ensure(&self, kernel: &Kernel, progress: &dyn Progress) -> Result<KernelImage, ObtainError> {
        self.ensure_with(kernel, progress, |wanted, places| obtain::obtain(kernel, wanted, places, progress))
    }

    /// The newest of the kernel's series that the mirrors offer now, as a pin. Only indices are downloaded.
    ///
    /// # Errors
    /// [`ObtainError`] if no mirror has it or can be reached.
    pub fn newest(&self, kernel: &Kernel, progress: &dyn Progress) -> Result<Pin, ObtainError> {
        obtain::newest(kernel, &self.root.join("apt"), progress)
    }

    /// These modules of a kernel of the cache and all that they need, decompressed, in the order in which they have to be loaded.
    ///
    /// # Errors
    /// [`ModulesError`] if the kernel's package has them not, or can't be unpacked.
    pub fn modules(
        &self,
        image: &KernelImage,
        wanted: &[&str],
        progress: &dyn Progress,
    ) -> Result<Vec<Module>, ModulesError> {
        if wanted.is_empty() {
            return Ok(Vec::new());
        }
        let deb = image.modules_deb.as_ref();
        let deb = deb.ok_or_else(|| ModulesError::NoPackage { id: image.id.clone() })?;
        let io = |action, path: &Path| {
            let path = path.to_owned();
            move |source| ModulesError::Io { action, path, source }
        };
        let lock = self.lock_file(&image.id);
        let _lock = lock::acquire(&lock, || progress.step(&image.id, &Step::WaitForCache))
            .map_err(io("lock", &lock))?;
        let set = self.root.join("modules").join(modules::set_name(&image.sha256, wanted));
        if let Some(modules) = modules::cached(&set) {
            return Ok(modules);
        }
        progress.step(&image.id, &Step::Modules);
        let staging = self.staging(&image.id);
        sweep(&staging).map_err(io("sweep", &staging))?;
        let (scratch, half) = (staging.join("scratch"), staging.join("modules"));
        modules::extract(&image.id, deb, wanted, &scratch, &half)?;
        if set.exists() {
            std::fs::remove_dir_all(&set).map_err(io("remove", &set))?;
        }
        std::fs::rename(&half, &set).map_err(io("move the modules to", &set))?;
        sweep(&staging).map_err(io("sweep", &staging))?;
        modules::cached(&set).ok_or_else(|| ModulesError::Unpack {
            path: set.clone(),
            message: "it is not what was written a moment ago".to_owned(),
        })
    }

    fn ensure_with(
        &self,
        kernel: &Kernel,
        progress: &dyn Progress,
        fetch: impl Fn(Wanted<'_>, Places<'_>) -> Result<Record, ObtainError>,
    ) -> Result<KernelImage, ObtainError> {
        let _lock = self.lock(kernel, progress)?;
        progress.step(&kernel.id, &Step::Verify);
        let pin = self.pins.get(&kernel.id);
        if pin.is_none() && self.locked {
            return Err(ObtainError::NotPinned { id: kernel.id.clone() });
        }
        match self.cached(kernel) {
            Ok(Some(image)) if image.instead_of.is_none() => {
                progress.done(&kernel.id, &format!("{} (cached)", summary(&image)));
                Ok(image)
            }
            Ok(cached) => self.fetch(kernel, progress, cached, &fetch),
            Err(damage) => {
                progress.note(&kernel.id, &format!("{damage}; fetching it again"));
                self.fetch(kernel, progress, None, &fetch).map_err(|source| ObtainError::NotRepaired {
                    id: kernel.id.clone(),
                    damage,
                    source: Box::new(source),
                })
            }
        }
    }

    /// Fetches what is pinned. When that can't be had, what there is in its place, and says so: the cached kernel, else the newest
    /// of the series.
    fn fetch(
        &self,
        kernel: &Kernel,
        progress: &dyn Progress,
        cached: Option<KernelImage>,
        fetch: &impl Fn(Wanted<'_>, Places<'_>) -> Result<Record, ObtainError>,
    ) -> Result<KernelImage, ObtainError> {
        let Some(pin) = self.pins.get(&kernel.id) else {
            progress.note(&kernel.id, "kernels.lock does not pin it; taking the newest of its series");
            return self.fetch_into_cache(kernel, progress, |places| fetch(Wanted::Newest, places));
        };
        let error = match self.fetch_into_cache(kernel, progress, |places| fetch(Wanted::Pinned(pin), places))
        {
            Err(error @ (ObtainError::NotOffered { .. } | ObtainError::Offline { .. })) => error,
            settled => return settled,
        };
        if self.locked {
            let why = match &cached {
                Some(image) => format!("{error}; cached is {}", image.package_version),
                None => error.to_string(),
            };
            return Err(ObtainError::Locked { id: kernel.id.clone(), version: pin.version.clone(), why });
        }
        let image = match (cached, error) {
            (Some(image), _) => image,
            (None, error @ ObtainError::Offline { .. }) => return Err(error),
            (None, _) => self.fetch_into_cache(kernel, progress, |places| fetch(Wanted::Newest, places))?,
        };
        let text = format!(
            "pinned to {}, which can't be had any more; {} stands in for it (`vmtest kernels update` pins what is offered now)",
            pin.version, image.package_version
        );
        progress.note(&kernel.id, &text);
        Ok(image)
    }

    fn lock(&self, kernel: &Kernel, progress: &dyn Progress) -> Result<lock::CacheLock, ObtainError> {
        let path = self.lock_file(&kernel.id);
        lock::acquire(&path, || progress.step(&kernel.id, &Step::WaitForCache))
            .map_err(|source| ObtainError::Io { action: "lock", path, source })
    }

    fn lock_file(&self, id: &str) -> PathBuf {
        self.root.join("locks").join(id)
    }

    /// Where a kernel is made; only who holds its lock writes there.
    fn staging(&self, id: &str) -> PathBuf {
        self.root.join("staging").join(id)
    }

    /// The cached kernel if it is whole; `None` if there is none, or one of another series or recipe. Nothing is fetched.
    ///
    /// # Errors
    /// A file is damaged, or the record can't be read.
    pub fn cached(&self, kernel: &Kernel) -> Result<Option<KernelImage>, RecordError> {
        let Some(record) = Record::load(&self.record_path(&kernel.id))? else { return Ok(None) };
        let same_recipe = record.recipe == kernel.recipe();
        if record.id != kernel.id || !kernel.is_of_series(&record.package_version) || !same_recipe {
            return Ok(None);
        }
        let dir = self.artefact_dir(&record.sha256);
        record.verify(&dir)?;
        Ok(Some(self.image(&record, &dir)))
    }

    /// Fetches into a staging directory and moves the result into place in one step.
    fn fetch_into_cache(
        &self,
        kernel: &Kernel,
        progress: &dyn Progress,
        fetch: impl FnOnce(Places<'_>) -> Result<Record, ObtainError>,
    ) -> Result<KernelImage, ObtainError> {
        let staging = self.staging(&kernel.id);
        sweep(&staging).map_err(ObtainError::io("sweep", &staging))?;
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
        sweep(&staging).map_err(ObtainError::io("sweep", &staging))?;
        let image = self.image(&record, &dir);
        progress.done(&kernel.id, &format!("{} from {}", summary(&image), image.suite));
        Ok(image)
    }

    fn image(&self, record: &Record, dir: &Path) -> KernelImage {
        let other = |pin: &&Pin| !pin.is_of(record);
        let instead_of = self.pins.get(&record.id).filter(other).map(|pin| pin.version.clone());
        KernelImage { instead_of, ..image(record, dir) }
    }

    fn record_path(&self, id: &str) -> PathBuf {
        self.root.join("index").join(format!("{id}.toml"))
    }

    fn artefact_dir(&self, sha256: &str) -> PathBuf {
        self.root.join("artefacts").join(sha256)
    }
}

/// Removes a directory, if there is one.
fn sweep(staging: &Path) -> io::Result<()> {
    match std::fs::remove_dir_all(staging) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn image(record: &Record, dir: &Path) -> KernelImage {
    let has = |name: &str| record.files.iter().any(|file| file.name == name).then(|| dir.join(name));
    KernelImage {
        id: record.id.clone(),
        release: record.release.clone(),
        package_version: record.package_version.clone(),
        suite: record.suite.clone(),
        vmlinuz: has("vmlinuz"),
        vmlinux: dir.join("vmlinux"),
        config: has("config"),
        modules_deb: has("modules.deb"),
        btf: has("btf"),
        sha256: record.sha256.clone(),
        instead_of: None,
    }
}

fn summary(image: &KernelImage) -> String {
    format!("{} ({})", image.release, image.package_version)
}

#[cfg(test)]
#[path = "store_tests.rs"]
mod tests;
