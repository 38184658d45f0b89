//! The files of a scenario: fresh before each performance, back as they were afterwards.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{File, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use super::error::RunError;
use crate::effect::{PERMISSIONS, name_exists};
use crate::lab::LabPaths;
use crate::scenario::{FileSystem, Scenario};

/// What a path is before a performance.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Initial {
    /// Not there.
    Absent,
    /// A file of the work directory with this content.
    File(Vec<u8>),
    /// The same, and may be executed.
    Executable(Vec<u8>),
    /// An empty directory of the work directory.
    Directory,
    /// A symbolic link to the subject.
    Link(PathBuf),
    /// A file of the machine, with the content that it had when the run began.
    Machine(Vec<u8>),
}

/// Everything that a scenario touches, for its act and its bystander.
#[derive(Debug)]
pub(super) struct Prepared {
    initial: BTreeMap<PathBuf, Initial>,
}

/// The paths of one performance, real ones.
pub(super) fn paths_of(
    scenario: &Scenario,
    filesystem: FileSystem,
    lab: &LabPaths,
    target: &str,
) -> BTreeSet<PathBuf> {
    scenario.paths(target).iter().map(|path| lab.resolve(filesystem, path)).collect()
}

impl Prepared {
    /// Looks at the files of the machine and decides what every path has to be.
    pub(super) fn new(scenario: &Scenario, filesystem: FileSystem, lab: &LabPaths) -> Result<Self, RunError> {
        let mut initial = BTreeMap::new();
        for target in [&scenario.target.act, &scenario.target.bystander] {
            for path in paths_of(scenario, filesystem, lab, target) {
                initial.entry(path).or_insert(Initial::Absent);
            }
            for file in &scenario.files {
                let name = scenario.fill(&file.path, target);
                let path = lab.resolve(filesystem, &name);
                let state = if name.starts_with('/') {
                    let content = std::fs::read(&path).map_err(RunError::file("read", &path))?;
                    Initial::Machine(content)
                } else if file.link_to_subject {
                    Initial::Link(lab.subject.clone())
                } else if file.directory {
                    Initial::Directory
                } else if file.executable {
                    Initial::Executable(scenario.fill(&file.content, target).into_bytes())
                } else {
                    Initial::File(scenario.fill(&file.content, target).into_bytes())
                };
                initial.insert(path, state);
            }
        }
        Ok(Self { initial })
    }

    /// Makes every path what it has to be.
    pub(super) fn refresh(&mut self) -> Result<(), RunError> {
        for (path, initial) in &self.initial {
            match initial {
                Initial::Absent => remove(path)?,
                Initial::File(content) => {
                    remove(path)?;
                    write(path, content, ORDINARY)?;
                }
                Initial::Directory => {
                    remove(path)?;
                    std::fs::create_dir(path).map_err(RunError::file("create", path))?;
                }
                Initial::Executable(content) => {
                    remove(path)?;
                    write(path, content, EXECUTABLE)?;
                }
                Initial::Link(to) => {
                    remove(path)?;
                    symlink(to, path).map_err(RunError::file("link", path))?;
                }
                Initial::Machine(content) => put_back(path, content)?,
            }
        }
        Ok(())
    }

    /// Whether each of these paths is as [`Self::refresh`] made it.
    pub(super) fn untouched(&self, paths: &BTreeSet<PathBuf>) -> Result<bool, RunError> {
        for path in paths {
            let same = match self.initial.get(path).unwrap_or(&Initial::Absent) {
                Initial::Absent => !name_exists(path).map_err(RunError::file("look at", path))?,
                Initial::File(content) => holds(path, content)? && is_as_made(path, ORDINARY)?,
                Initial::Executable(content) => holds(path, content)? && is_as_made(path, EXECUTABLE)?,
                Initial::Machine(content) => holds(path, content)?,
                Initial::Directory => path.is_dir(),
                Initial::Link(to) => std::fs::read_link(path).is_ok_and(|now| now == *to),
            };
            if !same {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Removes what was created and gives files of the machine their content back.
    pub(super) fn restore(&mut self) -> Result<(), RunError> {
        // Taken out one by one, so that dropping does not repeat what is done.
        while let Some((path, initial)) = self.initial.pop_first() {
            match initial {
                Initial::Absent
                | Initial::File(_)
                | Initial::Executable(_)
                | Initial::Directory
                | Initial::Link(_) => {
                    remove(&path)?;
                }
                Initial::Machine(content) => put_back(&path, &content)?,
            }
        }
        Ok(())
    }
}

impl Drop for Prepared {
    fn drop(&mut self) {
        // Only after an error, which is already on its way to the caller and says more than this one would.
        drop(self.restore());
    }
}

/// Permissions of prepared files.
const ORDINARY: u32 = 0o644;
const EXECUTABLE: u32 = 0o755;

/// On the disk when it returns, as what exists mostly is. What a kill prevents can depend on it: the xfs of
/// 5.10 and 6.1 made a file longer in spite of a signal when the file had just been written, and did not when it was on the disk.
fn write(path: &Path, content: &[u8], mode: u32) -> Result<(), RunError> {
    let made = File::create(path).and_then(|mut file| {
        file.write_all(content)?;
        file.sync_all()
    });
    made.map_err(RunError::file("write", path))?;
    std::fs::set_permissions(path, Permissions::from_mode(mode))
        .map_err(RunError::file("set the permissions of", path))
}

/// Whether the file has this content; one that is gone has not.
fn holds(path: &Path, content: &[u8]) -> Result<bool, RunError> {
    match std::fs::read(path) {
        Ok(now) => Ok(now == *content),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(RunError::file("read", path)(error)),
    }
}

/// Whether permissions, owner and attributes are those of a file that [`write`] has just made.
fn is_as_made(path: &Path, mode: u32) -> Result<bool, RunError> {
    let metadata = std::fs::symlink_metadata(path).map_err(RunError::file("look at", path))?;
    let names = match rustix::fs::llistxattr(path, &mut [0_u8; 0]) {
        Ok(length) => length,
        // No attributes at all on this file system.
        Err(rustix::io::Errno::NOTSUP) => 0,
        Err(error) => return Err(RunError::file("list the attributes of", path)(error.into())),
    };
    let ours = nix::unistd::geteuid().as_raw();
    Ok(metadata.mode() & PERMISSIONS == mode && metadata.uid() == ours && names == 0)
}

fn remove(path: &Path) -> Result<(), RunError> {
    // A directory that a scenario makes or prepares is empty: what is not is an error.
    let outcome = match std::fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_dir() => std::fs::remove_dir(path),
        _ => std::fs::remove_file(path),
    };
    match outcome {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(RunError::file("remove", path)(error)),
        _ => Ok(()),
    }
}

fn put_back(path: &Path, content: &[u8]) -> Result<(), RunError> {
    // Not written when there is nothing to put back: it may be a file that others watch.
    if std::fs::read(path).is_ok_and(|now| now == content) {
        return Ok(());
    }
    std::fs::write(path, content).map_err(RunError::file("restore", path))
}

/// An empty directory at `path`, whatever an earlier run left there.
pub(super) fn fresh_dir(path: &Path) -> Result<(), RunError> {
    match std::fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(RunError::file("remove", path)(error));
        }
        _ => {}
    }
    std::fs::create_dir_all(path).map_err(RunError::file("create", path))
}
