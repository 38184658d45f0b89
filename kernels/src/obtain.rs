//! From a kernel of the catalogue to unpacked files: finds the mirrors, tries the suites in order,
//! downloads, unpacks, decompresses. Whatever is passed over on the way is said.

use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};

use crate::apt::{self, Apt, AptError};
use crate::catalogue::{Kernel, Suite};
use crate::closure::{self, ClosureError};
use crate::digest::{self, DigestError};
use crate::mirrors::{Mirrors, NoMirror};
use crate::progress::{Progress, Step};
use crate::record::{Record, RecordError};
use crate::stanza::Package;
use crate::unpack::{self, UnpackError};
use crate::vmlinux::{self, VmlinuxError};

/// A suite of one mirror that was tried in vain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// The suite.
    pub suite: String,
    /// Why it didn't serve.
    pub reason: String,
    /// True when no answer came at all.
    pub unreachable: bool,
}

/// Why a kernel could not be obtained.
#[derive(Debug, thiserror::Error)]
pub enum ObtainError {
    /// Not in the cache, and no network.
    #[error(
        "kernel {id} isn't cached and the mirror can't be reached: {}; check the network and apt's proxy settings, \
         or copy the kernel cache of a machine that has it", reasons(.attempts)
    )]
    Offline {
        /// The kernel.
        id: String,
        /// What was tried.
        attempts: Vec<Attempt>,
    },
    /// No suite of the catalogue offers it.
    #[error("no suite offers kernel {id}: {}; kernels/README.md tells how to move a kernel of the catalogue", reasons(.attempts))]
    NotOffered {
        /// The kernel.
        id: String,
        /// What was tried.
        attempts: Vec<Attempt>,
    },
    /// The machine's apt knows no mirror.
    #[error("failed to find a mirror for kernel {id}: {source}")]
    NoMirror {
        /// The kernel.
        id: String,
        /// Which archive, and what to do.
        source: NoMirror,
    },
    /// apt failed in a way that another suite can't mend.
    #[error("failed to obtain kernel {id}: {source}")]
    Apt {
        /// The kernel.
        id: String,
        /// apt's complaint.
        source: AptError,
    },
    /// The packages don't belong together.
    #[error("failed to resolve the packages of kernel {id}: {source}")]
    Closure {
        /// The kernel.
        id: String,
        /// What is missing.
        source: ClosureError,
    },
    /// What was downloaded isn't what the index promised.
    #[error("package {} of kernel {id} arrived with SHA-256 {found}, the signed index says {expected}", .package)]
    Digest {
        /// The kernel.
        id: String,
        /// The package.
        package: String,
        /// Digest of the file.
        found: String,
        /// Digest in the index.
        expected: String,
    },
    /// The packages could not be unpacked.
    #[error("failed to unpack kernel {id}: {source}")]
    Unpack {
        /// The kernel.
        id: String,
        /// What failed.
        source: UnpackError,
    },
    /// The image could not be turned into a vmlinux.
    #[error("failed to extract vmlinux of kernel {id} from {}: {source}", .vmlinuz.display())]
    Vmlinux {
        /// The kernel.
        id: String,
        /// The image.
        vmlinuz: PathBuf,
        /// What failed.
        source: VmlinuxError,
    },
    /// A file of the cache could not be handled.
    #[error("failed to {action} {}: {source}", .path.display())]
    Io {
        /// What was being done.
        action: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// A file could not be read back.
    #[error("failed to measure a file of kernel {id}: {source}")]
    Measure {
        /// The kernel.
        id: String,
        /// What failed.
        source: DigestError,
    },
    /// The cache's record could not be written.
    #[error("failed to record kernel {id} in the cache: {source}")]
    Record {
        /// The kernel.
        id: String,
        /// What failed.
        source: RecordError,
    },
    /// The cached files are damaged and could not be fetched again.
    #[error("the cached kernel {id} can't be used ({damage}), and it could not be replaced: {source}")]
    NotRepaired {
        /// The kernel.
        id: String,
        /// What is wrong with the cache.
        damage: RecordError,
        /// Why it could not be replaced.
        source: Box<ObtainError>,
    },
}

fn reasons(attempts: &[Attempt]) -> String {
    let mut text = String::new();
    for (n, attempt) in attempts.iter().enumerate() {
        let separator = if n == 0 { "" } else { "; " };
        // Writing to a string can't fail.
        let _ = write!(text, "{separator}{}: {}", attempt.suite, attempt.reason);
    }
    text
}

/// Where a kernel was found: a prepared apt and the packages to download.
struct Found {
    apt: Apt,
    suite: String,
    packages: Vec<Package>,
}

/// Obtains `kernel` into the directory `artefact`, using `apt_dir` for apt's private state and
/// `downloads` for its packages. Returns the record that describes the artefact.
pub(crate) fn obtain(
    kernel: &Kernel,
    apt_dir: &Path,
    downloads: &Path,
    artefact: &Path,
    progress: &dyn Progress,
) -> Result<Record, ObtainError> {
    let id = || kernel.id.clone();
    let apt_error = |source| ObtainError::Apt { id: id(), source };

    progress.step(&kernel.id, &Step::FindMirrors);
    let mirrors = find_mirrors(kernel, apt_dir)?;
    let found = find(kernel, &mirrors, apt_dir, progress)?;

    let total_bytes = found.packages.iter().map(|package| package.size_bytes).sum();
    progress.step(&kernel.id, &Step::Download { total_bytes });
    let mut on_bytes = |done| progress.bytes(&kernel.id, done);
    found.apt.download(&found.packages, downloads, &mut on_bytes).map_err(apt_error)?;
    let debs = check_downloads(kernel, &found.packages, downloads)?;

    progress.step(&kernel.id, &Step::Unpack);
    let paths: Vec<PathBuf> = debs.iter().map(|(path, _)| path.clone()).collect();
    let unpacked =
        unpack::unpack(&paths, artefact).map_err(|source| ObtainError::Unpack { id: id(), source })?;

    progress.step(&kernel.id, &Step::Decompress);
    let io_error = |action, path: &Path| {
        let path = path.to_owned();
        move |source| ObtainError::Io { action, path, source }
    };
    let image = std::fs::read(&unpacked.vmlinuz).map_err(io_error("read", &unpacked.vmlinuz))?;
    let kernel_bytes = vmlinux::extract(&image).map_err(|source| ObtainError::Vmlinux {
        id: id(),
        vmlinuz: unpacked.vmlinuz.clone(),
        source,
    })?;
    let target = artefact.join("vmlinux");
    std::fs::write(&target, kernel_bytes).map_err(io_error("write", &target))?;
    let target = artefact.join("modules.deb");
    std::fs::rename(&unpacked.modules_deb, &target)
        .map_err(io_error("move the modules package to", &target))?;

    let image_package = debs.iter().find(|(path, _)| *path == unpacked.image_deb).map(|(_, package)| package);
    let image_package = image_package.ok_or_else(|| ObtainError::Unpack {
        id: id(),
        source: UnpackError::Missing { what: "vmlinuz", packages: debs.len() },
    })?;
    Record::of_artefact(
        artefact,
        &kernel.id,
        &found.suite,
        &unpacked.release,
        &image_package.version,
        &image_package.sha256,
    )
    .map_err(|source| ObtainError::Measure { id: id(), source })
}

/// The mirrors of the machine. Its own lists are asked first, without network; if they don't tell
/// both archives (a fresh machine), its sources are read into a private state.
fn find_mirrors(kernel: &Kernel, apt_dir: &Path) -> Result<Mirrors, ObtainError> {
    let apt_error = |source| ObtainError::Apt { id: kernel.id.clone(), source };
    let known = Mirrors::parse(&apt::machine_index_targets().map_err(apt_error)?);
    if known.is_complete() {
        return Ok(known);
    }
    let apt = Apt::for_machine_sources(&apt_dir.join("machine")).map_err(apt_error)?;
    let updated = apt.update_leniently();
    let mirrors = known.or(Mirrors::parse(&apt.index_targets().map_err(apt_error)?));
    let needed = |mirrors: &Mirrors| kernel.suites.iter().all(|suite| mirrors.of(suite.archive).is_ok());
    match updated {
        // What is still missing is told by the suite that needs it, unless the network is to blame.
        Err(AptError::Unreachable { message }) if !needed(&mirrors) => Err(ObtainError::Offline {
            id: kernel.id.clone(),
            attempts: vec![Attempt {
                suite: "this machine's sources".to_owned(),
                reason: message,
                unreachable: true,
            }],
        }),
        Err(error) if !needed(&mirrors) => Err(apt_error(error)),
        _ => Ok(mirrors),
    }
}

/// Tries the suites in the order of the catalogue, each on every mirror that the machine knows.
fn find(
    kernel: &Kernel,
    mirrors: &Mirrors,
    apt_dir: &Path,
    progress: &dyn Progress,
) -> Result<Found, ObtainError> {
    let mut attempts = Vec::new();
    for suite in &kernel.suites {
        let uris = mirrors
            .of(suite.archive)
            .map_err(|source| ObtainError::NoMirror { id: kernel.id.clone(), source })?;
        for uri in uris {
            progress.step(&kernel.id, &Step::ReadIndex { suite: suite.name.clone() });
            match look_up(kernel, suite, uri, &apt_dir.join(&suite.name)) {
                Ok(found) => {
                    if suite.frozen {
                        progress.note(
                            &kernel.id,
                            &format!(
                                "{} is frozen: its signature was checked, its expiry date was not",
                                suite.name
                            ),
                        );
                    }
                    return Ok(found);
                }
                Err(Failure::Next { reason, unreachable }) => {
                    progress.note(&kernel.id, &format!("{}: {reason}", suite.name));
                    attempts.push(Attempt { suite: suite.name.clone(), reason, unreachable });
                }
                Err(Failure::Stop(error)) => return Err(*error),
            }
        }
    }
    let id = kernel.id.clone();
    if attempts.iter().all(|attempt| attempt.unreachable) {
        Err(ObtainError::Offline { id, attempts })
    } else {
        Err(ObtainError::NotOffered { id, attempts })
    }
}

/// Whether the next suite may be tried.
enum Failure {
    Next { reason: String, unreachable: bool },
    Stop(Box<ObtainError>),
}

impl Failure {
    fn of_apt(kernel: &Kernel, error: AptError) -> Self {
        match error {
            AptError::Unreachable { message } => Self::Next { reason: message, unreachable: true },
            AptError::Failed { .. } => Self::Next { reason: error.to_string(), unreachable: false },
            // A bad signature or a missing program isn't mended by looking elsewhere.
            _ => Self::Stop(Box::new(ObtainError::Apt { id: kernel.id.clone(), source: error })),
        }
    }
}

fn look_up(kernel: &Kernel, suite: &Suite, mirror: &str, dir: &Path) -> Result<Found, Failure> {
    /// Carries both kinds of failure out of the closure walk.
    enum Walk {
        Apt(AptError),
        Closure(ClosureError),
    }
    impl From<ClosureError> for Walk {
        fn from(error: ClosureError) -> Self {
            Self::Closure(error)
        }
    }
    let of_apt = |error| Failure::of_apt(kernel, error);
    let apt = Apt::for_suite(dir, suite, mirror).map_err(of_apt)?;
    apt.update().map_err(of_apt)?;
    let passed_over = |reason| Failure::Next { reason, unreachable: false };
    let meta = apt
        .show(&kernel.package, None)
        .map_err(of_apt)?
        .ok_or_else(|| passed_over(format!("it has no {}", kernel.package)))?;
    if !kernel.is_of_series(&meta.version) {
        return Err(passed_over(format!(
            "its {} is {}, not of series {}",
            meta.name, meta.version, kernel.series
        )));
    }
    let packages = closure::of(meta, |name, version| apt.show(name, Some(version)).map_err(Walk::Apt))
        .map_err(|error| match error {
            Walk::Apt(error) => Failure::of_apt(kernel, error),
            Walk::Closure(source) => {
                Failure::Stop(Box::new(ObtainError::Closure { id: kernel.id.clone(), source }))
            }
        })?;
    Ok(Found { apt, suite: suite.name.clone(), packages })
}

/// Pairs every downloaded file with its package by digest. apt has compared them already; this also
/// catches what happens between its check and ours, and needs no rule for apt's file names.
fn check_downloads(
    kernel: &Kernel,
    packages: &[Package],
    dir: &Path,
) -> Result<Vec<(PathBuf, Package)>, ObtainError> {
    let list = |source| ObtainError::Io { action: "list", path: dir.to_owned(), source };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(list)? {
        let path = entry.map_err(list)?.path();
        if path.extension().is_some_and(|extension| extension == "deb") {
            let (sha256, _) = digest::of_file(&path)
                .map_err(|source| ObtainError::Measure { id: kernel.id.clone(), source })?;
            files.push((path, sha256));
        }
    }
    packages
        .iter()
        .map(|package| {
            let file = files.iter().find(|(_, sha256)| *sha256 == package.sha256);
            let (path, _) = file.ok_or_else(|| {
                let prefix = format!("{}_", package.name);
                let named =
                    |path: &Path| path.file_name().is_some_and(|n| n.to_string_lossy().starts_with(&prefix));
                let found = files.iter().find(|(path, _)| named(path)).map(|(_, sha256)| sha256.clone());
                ObtainError::Digest {
                    id: kernel.id.clone(),
                    package: package.name.clone(),
                    found: found.unwrap_or_else(|| "(no file)".to_owned()),
                    expected: package.sha256.clone(),
                }
            })?;
            Ok((path.clone(), package.clone()))
        })
        .collect()
}

#[cfg(test)]
#[path = "obtain_tests.rs"]
mod tests;
