//! Takes the few files that the lab needs out of the packages of one kernel. The packages are
//! searched by content, because their names and layout changed with Debian 13's split images.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use duct::{Expression, cmd};

/// Where the parts of one kernel lie after unpacking.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Unpacked {
    /// Kernel release, e.g. `6.12.117+deb13-cloud-amd64`.
    pub(crate) release: String,
    /// The package that holds the image.
    pub(crate) image_deb: PathBuf,
    /// The package that holds the modules, if one does.
    pub(crate) modules_deb: Option<PathBuf>,
    /// The bzImage.
    pub(crate) vmlinuz: PathBuf,
    /// The build configuration, if a package holds it.
    pub(crate) config: Option<PathBuf>,
}

/// Why the packages of a kernel could not be unpacked.
#[derive(Debug, thiserror::Error)]
pub enum UnpackError {
    /// dpkg-deb or tar can't be started.
    #[error("failed to run dpkg-deb and tar: {source}; both are part of every Debian system")]
    Run {
        /// What the operating system says.
        source: io::Error,
    },
    /// dpkg-deb or tar refused the package.
    #[error("failed to read the package {}: {message}", .deb.display())]
    Read {
        /// The package.
        deb: PathBuf,
        /// What the programs say.
        message: String,
    },
    /// A file could not be written.
    #[error("failed to write {}: {source}", .path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// A part that every kernel has is in none of the packages.
    #[error(
        "none of the {packages} packages holds a {what}; looked for boot/{what}-* and lib/modules/*/{what}"
    )]
    Missing {
        /// `vmlinuz`.
        what: &'static str,
        /// How many packages were searched.
        packages: usize,
    },
    /// Parts of two kernels, so that no choice would be right.
    #[error("the packages hold a {what} for {first} and another for {second}")]
    Ambiguous {
        /// `vmlinuz` or `config`.
        what: &'static str,
        /// Release found first.
        first: String,
        /// Release found next.
        second: String,
    },
}

/// A member of a package, and the kernel release that its path names.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Member {
    deb: PathBuf,
    path: String,
    release: String,
}

/// Unpacks image and configuration from `debs` into the directory `into`.
pub(crate) fn unpack(debs: &[PathBuf], into: &Path) -> Result<Unpacked, UnpackError> {
    let mut vmlinuz = None;
    let mut config = None;
    let mut modules_deb = None;
    for deb in debs {
        for path in list(deb)?.lines() {
            if let Some(release) = release_of("vmlinuz", path) {
                keep(&mut vmlinuz, "vmlinuz", deb, path, release)?;
            } else if let Some(release) = release_of("config", path) {
                keep(&mut config, "config", deb, path, release)?;
            } else if modules_deb.is_none() && is_module(path) {
                modules_deb = Some(deb.clone());
            }
        }
    }
    let missing = || UnpackError::Missing { what: "vmlinuz", packages: debs.len() };
    let vmlinuz: Member = vmlinuz.ok_or_else(missing)?;
    let other = |config: &&Member| config.release != vmlinuz.release;
    if let Some(config) = config.as_ref().filter(other) {
        return Err(UnpackError::Ambiguous {
            what: "config",
            first: vmlinuz.release,
            second: config.release.clone(),
        });
    }
    Ok(Unpacked {
        vmlinuz: extract(&vmlinuz, &into.join("vmlinuz"))?,
        config: config.map(|config| extract(&config, &into.join("config"))).transpose()?,
        modules_deb,
        image_deb: vmlinuz.deb,
        release: vmlinuz.release,
    })
}

fn keep(
    slot: &mut Option<Member>,
    what: &'static str,
    deb: &Path,
    path: &str,
    release: &str,
) -> Result<(), UnpackError> {
    match slot {
        Some(first) if first.release != release => {
            Err(UnpackError::Ambiguous { what, first: first.release.clone(), second: release.to_owned() })
        }
        Some(_) => Ok(()),
        None => {
            *slot = Some(Member { deb: deb.to_owned(), path: path.to_owned(), release: release.to_owned() });
            Ok(())
        }
    }
}

/// The release in `boot/vmlinuz-RELEASE` or `[usr/]lib/modules/RELEASE/vmlinuz`.
fn release_of<'a>(what: &str, path: &'a str) -> Option<&'a str> {
    let path = path.strip_prefix("./").unwrap_or(path);
    let release = match path.strip_prefix("boot/") {
        Some(name) => name.strip_prefix(what)?.strip_prefix('-')?,
        None => below_modules(path)?.strip_suffix(what)?.strip_suffix('/')?,
    };
    (!release.is_empty() && !release.contains('/')).then_some(release)
}

fn is_module(path: &str) -> bool {
    let path = path.strip_prefix("./").unwrap_or(path);
    below_modules(path).is_some_and(|rest| {
        let name = rest.rsplit('/').next().unwrap_or_default();
        name.ends_with(".ko") || name.contains(".ko.")
    })
}

fn below_modules(path: &str) -> Option<&str> {
    path.strip_prefix("usr/").unwrap_or(path).strip_prefix("lib/modules/")
}

fn list(deb: &Path) -> Result<String, UnpackError> {
    let output = tar(deb, &["--list"], |tar| tar.stdout_capture())?;
    Ok(String::from_utf8_lossy(&output).into_owned())
}

fn extract(member: &Member, to: &Path) -> Result<PathBuf, UnpackError> {
    let file = File::create(to).map_err(|source| UnpackError::Write { path: to.to_owned(), source })?;
    tar(&member.deb, &["--extract", "--to-stdout", &member.path], |tar| tar.stdout_file(file))?;
    Ok(to.to_owned())
}

/// Runs tar over the content of a package; the output goes where `sink` sends it.
fn tar(
    deb: &Path,
    args: &[&str],
    sink: impl FnOnce(Expression) -> Expression,
) -> Result<Vec<u8>, UnpackError> {
    let all = ["--file", "-"].iter().chain(args);
    let pipe = cmd!("dpkg-deb", "--fsys-tarfile", deb).pipe(cmd("tar", all));
    let output = sink(pipe)
        .env("LC_ALL", "C")
        .stdin_null()
        .stderr_capture()
        .unchecked()
        .run()
        .map_err(|source| UnpackError::Run { source })?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let message = String::from_utf8_lossy(&output.stderr).lines().collect::<Vec<_>>().join("; ");
    Err(UnpackError::Read { deb: deb.to_owned(), message })
}

#[cfg(test)]
#[path = "unpack_tests.rs"]
mod tests;
