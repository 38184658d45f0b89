//! From a kernel of the catalogue to unpacked files: finds the mirrors, tries the suites in order,
//! downloads, unpacks, decompresses. Whatever is passed over on the way is said.

use std::path::{Path, PathBuf};

use crate::apt::{self, Apt, AptError};
use crate::catalogue::{Kernel, Suite};
use crate::closure::{self, ClosureError};
use crate::digest;
use crate::mirrors::Mirrors;
use crate::obtain_error::{Attempt, ObtainError};
use crate::progress::{Progress, Step};
use crate::record::Record;
use crate::stanza::Package;
use crate::unpack::{self, UnpackError};
use crate::vmlinux;

/// Directories that obtaining one kernel works in.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Places<'a> {
    /// apt's private states; kept between runs.
    pub(crate) apt: &'a Path,
    /// Downloaded packages; emptied before each attempt.
    pub(crate) downloads: &'a Path,
    /// The files of the artefact.
    pub(crate) artefact: &'a Path,
}

/// Packages on disk, and the suite that they came from.
struct Downloaded {
    suite: String,
    debs: Vec<(PathBuf, Package)>,
}

/// Obtains `kernel` into `places.artefact` and returns the record that describes the artefact.
pub(crate) fn obtain(
    kernel: &Kernel,
    places: Places<'_>,
    progress: &dyn Progress,
) -> Result<Record, ObtainError> {
    progress.step(&kernel.id, &Step::FindMirrors);
    let mirrors = find_mirrors(kernel, places.apt)?;
    let downloaded = download(kernel, &mirrors, places, progress)?;
    build(kernel, &downloaded, places.artefact, progress)
}

/// Unpacks and decompresses what was downloaded.
fn build(
    kernel: &Kernel,
    downloaded: &Downloaded,
    artefact: &Path,
    progress: &dyn Progress,
) -> Result<Record, ObtainError> {
    let id = || kernel.id.clone();
    let unpack_error = |source| ObtainError::Unpack { id: id(), source };
    progress.step(&kernel.id, &Step::Unpack);
    let paths: Vec<PathBuf> = downloaded.debs.iter().map(|(path, _)| path.clone()).collect();
    let unpacked = unpack::unpack(&paths, artefact).map_err(unpack_error)?;

    progress.step(&kernel.id, &Step::Decompress);
    let image = std::fs::read(&unpacked.vmlinuz).map_err(ObtainError::io("read", &unpacked.vmlinuz))?;
    let elf = vmlinux::extract(&image).map_err(|source| ObtainError::Vmlinux {
        id: id(),
        vmlinuz: unpacked.vmlinuz.clone(),
        source,
    })?;
    let target = artefact.join("vmlinux");
    std::fs::write(&target, elf).map_err(ObtainError::io("write", &target))?;
    let target = artefact.join("modules.deb");
    std::fs::rename(&unpacked.modules_deb, &target)
        .map_err(ObtainError::io("move the modules package to", &target))?;

    let image_package =
        downloaded.debs.iter().find(|(path, _)| *path == unpacked.image_deb).map(|(_, package)| package);
    let image_package = image_package.ok_or_else(|| {
        unpack_error(UnpackError::Missing { what: "vmlinuz", packages: downloaded.debs.len() })
    })?;
    Record::of_artefact(
        artefact,
        &kernel.id,
        &downloaded.suite,
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
    let needed = |mirrors: &Mirrors| kernel.suites.iter().all(|suite| mirrors.of(suite.archive).is_ok());
    let known = Mirrors::parse(&apt::machine_index_targets().map_err(apt_error)?);
    if needed(&known) {
        return Ok(known);
    }
    let apt = Apt::for_machine_sources(&apt_dir.join("machine")).map_err(apt_error)?;
    let updated = apt.update_leniently();
    let mirrors = known.or(Mirrors::parse(&apt.index_targets().map_err(apt_error)?));
    match updated {
        // Only a source that could not be read excuses a missing mirror.
        Err(AptError::Unreachable { message }) if !needed(&mirrors) => {
            let attempt =
                Attempt { suite: "this machine's sources".to_owned(), reason: message, unreachable: true };
            Err(ObtainError::Offline { id: kernel.id.clone(), attempts: vec![attempt] })
        }
        Err(error) if !needed(&mirrors) => Err(apt_error(error)),
        _ => Ok(mirrors),
    }
}

/// Tries the suites in the order of the catalogue, each on every mirror that the machine knows.
fn download(
    kernel: &Kernel,
    mirrors: &Mirrors,
    places: Places<'_>,
    progress: &dyn Progress,
) -> Result<Downloaded, ObtainError> {
    let mut attempts = Vec::new();
    for suite in &kernel.suites {
        let uris = mirrors
            .of(suite.archive)
            .map_err(|source| ObtainError::NoMirror { id: kernel.id.clone(), source })?;
        for uri in uris {
            match try_suite(kernel, suite, uri, places, progress) {
                Ok(downloaded) => return Ok(downloaded),
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
    fn passed_over(reason: String) -> Self {
        Self::Next { reason, unreachable: false }
    }

    fn stop(error: ObtainError) -> Self {
        Self::Stop(Box::new(error))
    }

    fn of_apt(kernel: &Kernel, error: AptError) -> Self {
        match error {
            AptError::Unreachable { message } => Self::Next { reason: message, unreachable: true },
            AptError::Failed { .. } => Self::passed_over(error.to_string()),
            // A bad signature or a missing program isn't mended by looking elsewhere.
            _ => Self::stop(ObtainError::Apt { id: kernel.id.clone(), source: error }),
        }
    }
}

fn try_suite(
    kernel: &Kernel,
    suite: &Suite,
    mirror: &str,
    places: Places<'_>,
    progress: &dyn Progress,
) -> Result<Downloaded, Failure> {
    let of_apt = |error| Failure::of_apt(kernel, error);
    progress.step(&kernel.id, &Step::ReadIndex { suite: suite.name.clone() });
    let apt = Apt::for_suite(&places.apt.join(&suite.name), suite, mirror).map_err(of_apt)?;
    apt.update().map_err(of_apt)?;
    if suite.frozen {
        let text = format!("{} is frozen: its signature was checked, its expiry date was not", suite.name);
        progress.note(&kernel.id, &text);
    }
    let packages = look_up(kernel, &apt)?;

    let total_bytes = packages.iter().map(|package| package.size_bytes).sum();
    progress.step(&kernel.id, &Step::Download { total_bytes });
    empty(places.downloads).map_err(Failure::stop)?;
    let mut on_bytes = |done| progress.bytes(&kernel.id, done);
    apt.download(&packages, places.downloads, &mut on_bytes).map_err(of_apt)?;
    let debs = check_downloads(kernel, packages, places.downloads).map_err(Failure::stop)?;
    Ok(Downloaded { suite: suite.name.clone(), debs })
}

/// Asks the index of one suite for every package that holds a part of the kernel.
fn look_up(kernel: &Kernel, apt: &Apt) -> Result<Vec<Package>, Failure> {
    /// Carries both kinds of failure out of the walk.
    enum Walk {
        Apt(AptError),
        Closure(ClosureError),
    }
    impl From<ClosureError> for Walk {
        fn from(error: ClosureError) -> Self {
            Self::Closure(error)
        }
    }
    let meta = apt
        .show(&kernel.package, None)
        .map_err(|error| Failure::of_apt(kernel, error))?
        .ok_or_else(|| Failure::passed_over(format!("it has no {}", kernel.package)))?;
    if !kernel.is_of_series(&meta.version) {
        let reason = format!("its {} is {}, not of series {}", meta.name, meta.version, kernel.series);
        return Err(Failure::passed_over(reason));
    }
    let all = closure::of(meta, |name, version| apt.show(name, Some(version)).map_err(Walk::Apt)).map_err(
        |error| match error {
            Walk::Apt(error) => Failure::of_apt(kernel, error),
            Walk::Closure(source) => Failure::stop(ObtainError::Closure { id: kernel.id.clone(), source }),
        },
    )?;
    Ok(all.into_iter().filter(Package::has_content).collect())
}

/// A former attempt may have left packages of another suite.
fn empty(dir: &Path) -> Result<(), ObtainError> {
    std::fs::remove_dir_all(dir).map_err(ObtainError::io("empty", dir))?;
    std::fs::create_dir(dir).map_err(ObtainError::io("create", dir))
}

/// Pairs every package with its file by digest. apt has compared them already; this also catches
/// what happens between its check and ours, and needs no rule for apt's file names.
fn check_downloads(
    kernel: &Kernel,
    packages: Vec<Package>,
    dir: &Path,
) -> Result<Vec<(PathBuf, Package)>, ObtainError> {
    let list = |source| ObtainError::Io { action: "list", path: dir.to_owned(), source };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(list)? {
        let path = entry.map_err(list)?.path();
        let (sha256, _) = digest::of_file(&path)
            .map_err(|source| ObtainError::Measure { id: kernel.id.clone(), source })?;
        files.push((path, sha256));
    }
    packages
        .into_iter()
        .map(|package| match files.iter().find(|(_, sha256)| *sha256 == package.sha256) {
            Some((path, _)) => Ok((path.clone(), package)),
            None => Err(ObtainError::Digest {
                id: kernel.id.clone(),
                arrived: files.iter().map(|(_, sha256)| sha256.clone()).collect(),
                expected: package.sha256,
                package: package.name,
            }),
        })
        .collect()
}

#[cfg(test)]
#[path = "obtain_tests.rs"]
mod tests;
