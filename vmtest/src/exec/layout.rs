//! What lies where in a guest: files at the same paths as here, and the symbolic links on the way to them, so that a path that works
//! here works there.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Component, Path, PathBuf},
};

use thiserror::Error;

use crate::initramfs::{Initramfs, InitramfsError};

/// What the guest mounts something over, or keeps for itself.
const KEPT: &[&str] = &["/proc", "/sys", "/dev", "/lab", "/init"];
/// As many links as the kernel follows.
const MOST_LINKS: u32 = 40;

/// Why something can't be placed.
#[derive(Debug, Error)]
pub enum LayoutError {
    /// It can't be looked at.
    #[error("failed to look at {path}: {source}")]
    Look {
        /// The path.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// Links lead to links without end.
    #[error("{0} is behind more symbolic links than the kernel follows")]
    Links(PathBuf),
    /// The guest has something of its own there.
    #[error(
        "{0} can't be placed in a guest, which has something of its own there; give it another place: FILE:GUEST_PATH"
    )]
    Kept(PathBuf),
    /// Not a file or a directory.
    #[error("{0} is neither a file nor a directory, and nothing else can be copied")]
    Kind(PathBuf),
    /// Names in guests are text.
    #[error("{} has a name that is not UTF-8, and can't be copied", .0.display())]
    Name(PathBuf),
    /// Two different things at one place.
    #[error("two different things would be at {0} in the guest")]
    Taken(PathBuf),
}

/// Something at a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Member {
    /// A directory.
    Directory,
    /// A file of this machine, with its permission bits.
    File {
        /// Where it is here.
        from: PathBuf,
        /// Permission bits.
        permissions: u32,
    },
    /// A symbolic link.
    Link(PathBuf),
    /// A file of the lab's own.
    Text(String),
}

/// Where everything goes, by absolute path in the guest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Layout {
    members: BTreeMap<PathBuf, Member>,
}

impl Layout {
    /// Places `path` where it is here, and what links on the way to it lead to. Returns the file or directory itself.
    ///
    /// # Errors
    /// It is not there, or the guest can't have it there.
    pub fn place(&mut self, path: &Path) -> Result<PathBuf, LayoutError> {
        let mut real = PathBuf::from("/");
        let mut rest: Vec<PathBuf> = parts(path);
        let mut links = 0;
        while let Some(next) = rest.pop() {
            if next == Path::new("..") {
                real.pop();
                continue;
            }
            let at = real.join(next);
            let metadata = fs::symlink_metadata(&at).map_err(look(&at))?;
            if metadata.is_symlink() {
                links += 1;
                if links > MOST_LINKS {
                    return Err(LayoutError::Links(path.to_owned()));
                }
                let target = fs::read_link(&at).map_err(look(&at))?;
                if target.is_absolute() {
                    real = PathBuf::from("/");
                }
                rest.extend(parts(&target));
                self.put(at, Member::Link(target))?;
                continue;
            }
            if metadata.is_dir() {
                self.put(at.clone(), Member::Directory)?;
            } else {
                let member = file(&at, &metadata)?;
                self.put(at.clone(), member)?;
            }
            real = at;
        }
        Ok(real)
    }

    /// Places the file or directory `from` at `guest`, without what is in it. Links that were placed before are followed.
    ///
    /// # Errors
    /// It is not there, or the guest can't have it there.
    pub fn place_at(&mut self, from: &Path, guest: &Path) -> Result<(), LayoutError> {
        let metadata = fs::metadata(from).map_err(look(from))?;
        let guest = self.resolved(guest);
        if is_kept(&guest) {
            return Err(LayoutError::Kept(guest));
        }
        self.parents(&guest)?;
        if metadata.is_dir() {
            return self.put(guest, Member::Directory);
        }
        let member = file(from, &metadata)?;
        self.put(guest, member)
    }

    /// Places a file of the lab's own, unless the user has one there.
    ///
    /// # Errors
    /// The guest can't have it there.
    pub fn place_text(&mut self, guest: &Path, text: &str) -> Result<(), LayoutError> {
        let guest = self.resolved(guest);
        if self.members.contains_key(&guest) {
            return Ok(());
        }
        self.parents(&guest)?;
        self.put(guest, Member::Text(text.to_owned()))
    }

    /// What is at `path`.
    #[must_use]
    pub fn get(&self, path: &Path) -> Option<&Member> {
        self.members.get(path)
    }

    /// The archive that a guest unpacks.
    ///
    /// # Errors
    /// A file can't be read, or is too large for the format.
    pub fn archive(&self) -> Result<Vec<u8>, InitramfsError> {
        let mut archive = Initramfs::new();
        for (path, member) in &self.members {
            // Names were checked when they were placed.
            let path = path.to_string_lossy();
            match member {
                Member::Directory => archive.directory(&path)?,
                Member::File { from, permissions } => {
                    let content = fs::read(from)
                        .map_err(|source| InitramfsError::Read { path: from.clone(), source })?;
                    archive.file(&path, *permissions, &content)?
                }
                Member::Link(target) => archive.link(&path, &target.to_string_lossy())?,
                Member::Text(text) => archive.file(&path, 0o644, text.as_bytes())?,
            };
        }
        archive.finish()
    }

    /// Everything, in the order in which it is unpacked.
    pub fn members(&self) -> impl Iterator<Item = (&Path, &Member)> {
        self.members.iter().map(|(path, member)| (path.as_path(), member))
    }

    fn put(&mut self, path: PathBuf, member: Member) -> Result<(), LayoutError> {
        if path.to_str().is_none() {
            return Err(LayoutError::Name(path));
        }
        if is_kept(&path) {
            return Err(LayoutError::Kept(path));
        }
        match self.members.get(&path) {
            Some(there) if *there != member => Err(LayoutError::Taken(path)),
            Some(_) => Ok(()),
            None => {
                self.members.insert(path, member);
                Ok(())
            }
        }
    }

    fn parents(&mut self, path: &Path) -> Result<(), LayoutError> {
        let mut parents: Vec<&Path> = path.ancestors().skip(1).collect();
        parents.pop();
        for parent in parents.into_iter().rev() {
            self.put(parent.to_owned(), Member::Directory)?;
        }
        Ok(())
    }

    /// Where `path` leads by the links that were placed.
    fn resolved(&self, path: &Path) -> PathBuf {
        let mut real = PathBuf::from("/");
        let mut rest = parts(path);
        let mut links = 0;
        while let Some(next) = rest.pop() {
            if next == Path::new("..") {
                real.pop();
                continue;
            }
            let at = real.join(next);
            match self.members.get(&at) {
                Some(Member::Link(target)) if links < MOST_LINKS => {
                    links += 1;
                    if target.is_absolute() {
                        real = PathBuf::from("/");
                    }
                    rest.extend(parts(target));
                }
                _ => real = at,
            }
        }
        real
    }
}

fn is_kept(path: &Path) -> bool {
    KEPT.iter().any(|kept| path.starts_with(kept))
}

fn file(path: &Path, metadata: &fs::Metadata) -> Result<Member, LayoutError> {
    use std::os::unix::fs::PermissionsExt as _;
    if !metadata.is_file() {
        return Err(LayoutError::Kind(path.to_owned()));
    }
    Ok(Member::File { from: path.to_owned(), permissions: metadata.permissions().mode() & 0o7777 })
}

/// The parts of a path, last one first; `..` is one of them.
fn parts(path: &Path) -> Vec<PathBuf> {
    let wanted = |part: &Component<'_>| matches!(part, Component::Normal(_) | Component::ParentDir);
    path.components().rev().filter(wanted).map(|part| PathBuf::from(part.as_os_str())).collect()
}

fn look(path: &Path) -> impl FnOnce(io::Error) -> LayoutError {
    let path = path.to_owned();
    move |source| LayoutError::Look { path, source }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;
    use crate::initramfs;

    /// `real/lib/a.so`, `lib` a link to `real/lib`, `lib/a` a link to `a.so`.
    fn tree() -> tempfile::TempDir {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path();
        fs::create_dir_all(root.join("real/lib")).unwrap();
        fs::write(root.join("real/lib/a.so"), "library").unwrap();
        symlink("real/lib", root.join("lib")).unwrap();
        symlink("../lib/a.so", root.join("real/lib/a")).unwrap();
        directory
    }

    #[test]
    fn links_on_the_way_to_a_file_are_placed_and_the_file_only_where_it_is() {
        let directory = tree();
        let root = directory.path().canonicalize().unwrap();
        let mut layout = Layout::default();
        assert_eq!(layout.place(&root.join("lib/a")).unwrap(), root.join("real/lib/a.so"));
        assert_eq!(layout.get(&root.join("lib")), Some(&Member::Link("real/lib".into())));
        assert_eq!(layout.get(&root.join("real/lib/a")), Some(&Member::Link("../lib/a.so".into())));
        assert!(matches!(layout.get(&root.join("real/lib/a.so")), Some(Member::File { .. })));
        assert_eq!(layout.get(&root.join("lib/a")), None);
    }

    #[test]
    fn a_place_of_the_users_own_goes_where_links_lead() {
        let directory = tree();
        let root = directory.path().canonicalize().unwrap();
        let mut layout = Layout::default();
        layout.place(&root.join("lib/a.so")).unwrap();
        layout.place_at(&root.join("real/lib/a.so"), &root.join("lib/deep/b.so")).unwrap();
        assert!(layout.get(&root.join("real/lib/deep/b.so")).is_some());
    }

    #[test]
    fn directories_stand_before_what_is_in_them() {
        let directory = tree();
        let root = directory.path().canonicalize().unwrap();
        let mut layout = Layout::default();
        layout.place(&root.join("lib/a")).unwrap();
        layout.place_text(Path::new("/etc/hosts"), "x").unwrap();
        let archive = layout.archive().unwrap();
        let members = initramfs::read(&archive).unwrap();
        for (at, member) in members.iter().enumerate() {
            if let Some((parent, _)) = member.path.rsplit_once('/') {
                assert!(members[..at].iter().any(|before| before.path == parent), "{}", member.path);
            }
        }
        assert!(members.iter().any(|member| member.path == "etc/hosts" && member.content == b"x"));
    }

    #[test]
    fn a_file_of_the_users_own_wins_over_the_labs() {
        let directory = tree();
        let mut layout = Layout::default();
        let own = directory.path().join("real/lib/a.so");
        layout.place_at(&own, Path::new("/etc/hosts")).unwrap();
        layout.place_text(Path::new("/etc/hosts"), "x").unwrap();
        assert!(matches!(layout.get(Path::new("/etc/hosts")), Some(Member::File { .. })));
    }

    #[test]
    fn what_a_guest_has_of_its_own_and_what_is_not_there_is_refused() {
        let directory = tree();
        let own = directory.path().join("real/lib/a.so");
        let mut layout = Layout::default();
        assert!(matches!(layout.place_at(&own, Path::new("/proc/x")), Err(LayoutError::Kept(_))));
        assert!(matches!(layout.place(Path::new("/dev/null")), Err(LayoutError::Kept(_))));
        assert!(matches!(layout.place(&directory.path().join("none")), Err(LayoutError::Look { .. })));
        layout.place_at(&own, Path::new("/x")).unwrap();
        let error = layout.place_at(directory.path(), Path::new("/x")).unwrap_err();
        assert!(matches!(error, LayoutError::Taken(_)), "{error}");
    }

    #[test]
    fn links_in_a_circle_are_an_error() {
        let directory = tempfile::tempdir().unwrap();
        symlink("b", directory.path().join("a")).unwrap();
        symlink("a", directory.path().join("b")).unwrap();
        let error = Layout::default().place(&directory.path().join("a")).unwrap_err();
        assert!(matches!(error, LayoutError::Links(_)), "{error}");
    }
}
