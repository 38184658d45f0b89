//! From a kernel of the catalogue to unpacked files: finds the mirrors, tries the suites in order,
//! downloads, unpacks, decompresses. Whatever is passed over on the way is said.

use std::path::{Path, PathBuf};

use crate::apt::{self, Apt, AptError};
use crate::build::{Build, BuildError, Stage};
use crate::catalogue::{Kernel, Suite};
use crate::digest;
use crate::lock::{self, CacheLock};
use crate::mirrors::Mirrors;
use crate::obtain_error::{Attempt, ObtainError};
use crate::offered::{self, NoOffer, Offer, Wanted};
use crate::pins::{self, Pin};
use crate::progress::{Progress, Step};
use crate::record::{BUILT_FILES, Record};
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
    wanted: Wanted<'_>,
    places: Places<'_>,
    progress: &dyn Progress,
) -> Result<Record, ObtainError> {
    let downloaded = {
        let _lock = lock_apt(kernel, places.apt, progress)?;
        progress.step(&kernel.id, &Step::FindMirrors);
        let mirrors = find_mirrors(kernel, places.apt)?;
        download(kernel, wanted, &mirrors, places, progress)?
    };
    match &kernel.build {
        Some(recipe) => compile(kernel, recipe, &downloaded, places, progress),
        None => unpack_image(kernel, &downloaded, places.artefact, progress),
    }
}

/// What the mirrors offer as the newest of the kernel's series, as a pin; nothing is downloaded but indices.
pub(crate) fn newest(kernel: &Kernel, apt_dir: &Path, progress: &dyn Progress) -> Result<Pin, ObtainError> {
    let _lock = lock_apt(kernel, apt_dir, progress)?;
    progress.step(&kernel.id, &Step::FindMirrors);
    let mirrors = find_mirrors(kernel, apt_dir)?;
    of_first_suite(kernel, &mirrors, progress, &mut |suite, uri| {
        let (_, offer) = read_index(kernel, Wanted::Newest, suite, uri, apt_dir, progress)?;
        Ok(Pin::of(kernel, &suite.name, &offer.start, &offer.parts))
    })
}

/// Kernels of one suite share its private lists, which one apt at a time may write.
fn lock_apt(kernel: &Kernel, apt_dir: &Path, progress: &dyn Progress) -> Result<CacheLock, ObtainError> {
    let path = apt_dir.join("lock");
    lock::acquire(&path, || progress.step(&kernel.id, &Step::WaitForCache))
        .map_err(|source| ObtainError::Io { action: "lock", path, source })
}

/// Builds from the source package that was downloaded.
fn compile(
    kernel: &Kernel,
    recipe: &Build,
    downloaded: &Downloaded,
    places: Places<'_>,
    progress: &dyn Progress,
) -> Result<Record, ObtainError> {
    let id = || kernel.id.clone();
    let failed = |source| ObtainError::Build { id: id(), source };
    let (deb, package) = downloaded
        .debs
        .iter()
        .find(|(_, package)| package.name == kernel.package)
        .ok_or_else(|| failed(BuildError::NoSource { deb: places.downloads.to_owned() }))?;
    let mut stage = |stage| {
        let step = match stage {
            Stage::Configure => Step::Configure,
            Stage::Compile => Step::Compile,
        };
        progress.step(&kernel.id, &step);
    };
    let work = places.downloads.join("build");
    let release = recipe.build(&kernel.id, deb, &work, places.artefact, &mut stage).map_err(failed)?;
    let names: Vec<&str> =
        BUILT_FILES.iter().copied().filter(|name| *name != "btf" || recipe.detached_btf).collect();
    let recipe = recipe.recipe().map_err(failed)?;
    let identity = pins::built_identity(&package.sha256, &recipe);
    let measured = Record::of_artefact(
        places.artefact,
        &names,
        &kernel.id,
        &downloaded.suite,
        &release,
        &package.version,
        &identity,
    );
    let mut record = measured.map_err(|source| ObtainError::Measure { id: id(), source })?;
    record.recipe = Some(recipe);
    Ok(record)
}

/// Unpacks and decompresses what was downloaded.
fn unpack_image(
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
    let mut names = vec!["vmlinuz", "vmlinux"];
    match &unpacked.config {
        Some(_) => names.push("config"),
        None => progress.note(&kernel.id, "no package with its configuration can be had any more"),
    }
    let image_package =
        downloaded.debs.iter().find(|(path, _)| *path == unpacked.image_deb).map(|(_, package)| package);
    match &unpacked.modules_deb {
        Some(deb) => {
            let target = artefact.join("modules.deb");
            std::fs::rename(deb, &target).map_err(ObtainError::io("move the modules package to", &target))?;
            names.push("modules.deb");
        }
        None => progress.note(&kernel.id, "no package with its modules can be had any more"),
    }
    let image_package = image_package.ok_or_else(|| {
        unpack_error(UnpackError::Missing { what: "vmlinuz", packages: downloaded.debs.len() })
    })?;
    Record::of_artefact(
        artefact,
        &names,
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

/// The packages from the first suite that has them.
fn download(
    kernel: &Kernel,
    wanted: Wanted<'_>,
    mirrors: &Mirrors,
    places: Places<'_>,
    progress: &dyn Progress,
) -> Result<Downloaded, ObtainError> {
    of_first_suite(kernel, mirrors, progress, &mut |suite, uri| {
        try_suite(kernel, wanted, suite, uri, places, progress)
    })
}

/// Tries the suites in the order of the catalogue, each on every mirror that the machine knows.
fn of_first_suite<T>(
    kernel: &Kernel,
    mirrors: &Mirrors,
    progress: &dyn Progress,
    attempt: &mut dyn FnMut(&Suite, &str) -> Result<T, Failure>,
) -> Result<T, ObtainError> {
    let mut attempts = Vec::new();
    for suite in &kernel.suites {
        let uris = mirrors
            .of(suite.archive)
            .map_err(|source| ObtainError::NoMirror { id: kernel.id.clone(), source })?;
        for uri in uris {
            match attempt(suite, uri) {
                Ok(found) => return Ok(found),
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
    wanted: Wanted<'_>,
    suite: &Suite,
    mirror: &str,
    places: Places<'_>,
    progress: &dyn Progress,
) -> Result<Downloaded, Failure> {
    let (apt, offer) = read_index(kernel, wanted, suite, mirror, places.apt, progress)?;
    let packages = offer.parts;
    let total_bytes = packages.iter().map(|package| package.size_bytes).sum();
    progress.step(&kernel.id, &Step::Download { total_bytes });
    empty(places.downloads).map_err(Failure::stop)?;
    let mut on_bytes = |done| progress.bytes(&kernel.id, done);
    let downloaded = apt.download(&packages, places.downloads, &mut on_bytes);
    downloaded.map_err(|error| Failure::of_apt(kernel, error))?;
    let debs = check_downloads(kernel, packages, places.downloads).map_err(Failure::stop)?;
    Ok(Downloaded { suite: suite.name.clone(), debs })
}

/// Reads the signed index of one suite and looks the kernel up in it.
fn read_index(
    kernel: &Kernel,
    wanted: Wanted<'_>,
    suite: &Suite,
    mirror: &str,
    apt_dir: &Path,
    progress: &dyn Progress,
) -> Result<(Apt, Offer), Failure> {
    let of_apt = |error| Failure::of_apt(kernel, error);
    progress.step(&kernel.id, &Step::ReadIndex { suite: suite.name.clone() });
    let apt = Apt::for_suite(&apt_dir.join(&suite.name), suite, mirror).map_err(of_apt)?;
    apt.update().map_err(of_apt)?;
    if suite.frozen {
        let text = format!("{} is frozen: its signature was checked, its expiry date was not", suite.name);
        progress.note(&kernel.id, &text);
    }
    let offer = offered::look_up(kernel, wanted, &apt).map_err(|none| match none {
        NoOffer::Apt(error) => Failure::of_apt(kernel, error),
        NoOffer::Closure(source) => Failure::stop(ObtainError::Closure { id: kernel.id.clone(), source }),
        NoOffer::Absent(reason) => Failure::passed_over(reason),
    })?;
    for note in &offer.notes {
        progress.note(&kernel.id, &format!("{}: {note}", suite.name));
    }
    Ok((apt, offer))
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
