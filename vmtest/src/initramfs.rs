//! The guest's root file system: a newc archive, written in-process.
//!
//! No cpio program is needed, and the same inputs give the same bytes: fixed times and owners, inode numbers in order
//! of appearance. The archive is not compressed, because the guest would spend longer unpacking it than the host saves.

use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
};

use thiserror::Error;

const MAGIC: &str = "070701";
const TRAILER: &str = "TRAILER!!!";
const HEADER_BYTES: usize = 110;
/// Archives end on a block boundary, so that several can follow each other.
const BLOCK_BYTES: usize = 512;

const S_IFDIR: u32 = 0o040_000;
const S_IFCHR: u32 = 0o020_000;
const S_IFREG: u32 = 0o100_000;
const S_IFLNK: u32 = 0o120_000;

/// Why the archive can't be written.
#[derive(Debug, Error)]
pub enum InitramfsError {
    /// An input file can't be read.
    #[error("failed to read {path} for the initramfs: {source}")]
    Read {
        /// The file on the host.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// newc holds 32-bit sizes.
    #[error("{path} does not fit into an initramfs: its size or name is above the format's limit of 4 GiB")]
    TooLarge {
        /// Path inside the archive.
        path: String,
    },
}

/// An archive under construction.
#[derive(Debug, Default)]
pub struct Initramfs {
    bytes: Vec<u8>,
    directories: BTreeSet<String>,
    inode: u32,
}

struct Node<'a> {
    path: &'a str,
    mode: u32,
    device: (u32, u32),
    content: &'a [u8],
}

impl Initramfs {
    /// An empty archive.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a directory (mode 0755) and its parents, once each.
    ///
    /// # Errors
    /// The path is too long for the format.
    pub fn directory(&mut self, path: &str) -> Result<&mut Self, InitramfsError> {
        let path = path.trim_matches('/');
        let ends = path.match_indices('/').map(|(at, _)| at).chain([path.len()]);
        for end in ends.filter(|end| *end > 0) {
            if self.directories.insert(path[..end].to_owned()) {
                self.node(&Node { path: &path[..end], mode: S_IFDIR | 0o755, device: (0, 0), content: &[] })?;
            }
        }
        Ok(self)
    }

    /// Adds a file with these permission bits; its directory comes first.
    ///
    /// # Errors
    /// Path or content is too large for the format.
    pub fn file(
        &mut self,
        path: &str,
        permissions: u32,
        content: &[u8],
    ) -> Result<&mut Self, InitramfsError> {
        let path = self.parent_of(path)?;
        self.node(&Node { path, mode: S_IFREG | (permissions & 0o7777), device: (0, 0), content })?;
        Ok(self)
    }

    /// Adds an executable copied from the host.
    ///
    /// # Errors
    /// The host's file can't be read, or is too large.
    pub fn program(&mut self, path: &str, from: &Path) -> Result<&mut Self, InitramfsError> {
        let content =
            fs::read(from).map_err(|source| InitramfsError::Read { path: from.to_owned(), source })?;
        self.file(path, 0o755, &content)
    }

    /// Adds a character device (mode 0600).
    ///
    /// # Errors
    /// The path is too long for the format.
    pub fn device(&mut self, path: &str, major: u32, minor: u32) -> Result<&mut Self, InitramfsError> {
        let path = self.parent_of(path)?;
        self.node(&Node { path, mode: S_IFCHR | 0o600, device: (major, minor), content: &[] })?;
        Ok(self)
    }

    /// Adds a symbolic link.
    ///
    /// # Errors
    /// Path or target is too long for the format.
    pub fn link(&mut self, path: &str, target: &str) -> Result<&mut Self, InitramfsError> {
        let path = self.parent_of(path)?;
        self.node(&Node { path, mode: S_IFLNK | 0o777, device: (0, 0), content: target.as_bytes() })?;
        Ok(self)
    }

    /// The finished archive.
    ///
    /// # Errors
    /// Never for an archive whose members were accepted.
    pub fn finish(mut self) -> Result<Vec<u8>, InitramfsError> {
        self.inode = 0;
        self.node(&Node { path: TRAILER, mode: 0, device: (0, 0), content: &[] })?;
        let end = self.bytes.len().next_multiple_of(BLOCK_BYTES);
        self.bytes.resize(end, 0);
        Ok(self.bytes)
    }

    fn parent_of<'a>(&mut self, path: &'a str) -> Result<&'a str, InitramfsError> {
        let path = path.trim_matches('/');
        if let Some((parent, _)) = path.rsplit_once('/') {
            self.directory(parent)?;
        }
        Ok(path)
    }

    fn node(&mut self, node: &Node<'_>) -> Result<(), InitramfsError> {
        let too_large = || InitramfsError::TooLarge { path: node.path.to_owned() };
        let size = u32::try_from(node.content.len()).map_err(|_| too_large())?;
        let name_size = u32::try_from(node.path.len() + 1).map_err(|_| too_large())?;
        let inode = self.inode;
        self.inode += 1;
        let links = if node.mode & S_IFDIR == S_IFDIR { 2 } else { 1 };
        let fields =
            [inode, node.mode, 0, 0, links, 0, size, 0, 0, node.device.0, node.device.1, name_size, 0];
        self.bytes.extend(MAGIC.bytes());
        for field in fields {
            self.bytes.extend(format!("{field:08x}").bytes());
        }
        self.bytes.extend(node.path.bytes());
        self.bytes.push(0);
        self.align();
        self.bytes.extend(node.content);
        self.align();
        Ok(())
    }

    fn align(&mut self) {
        let end = self.bytes.len().next_multiple_of(4);
        self.bytes.resize(end, 0);
    }
}

/// A member as the reader sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Path without a leading slash.
    pub path: String,
    /// Type and permission bits.
    pub mode: u32,
    /// Content of a file, target of a link.
    pub content: Vec<u8>,
}

/// Reads an archive back; `None` when it is no newc archive. For tests and for looking into a kept initramfs.
#[must_use]
pub fn read(archive: &[u8]) -> Option<Vec<Member>> {
    let mut members = Vec::new();
    let mut at = 0;
    loop {
        let header = std::str::from_utf8(archive.get(at..at + HEADER_BYTES)?).ok()?;
        if !header.starts_with(MAGIC) {
            return None;
        }
        let field =
            |number: usize| u32::from_str_radix(header.get(6 + number * 8..14 + number * 8)?, 16).ok();
        let (mode, size, name_size) = (field(1)?, field(6)? as usize, field(11)? as usize);
        let name_at = at + HEADER_BYTES;
        let name = archive.get(name_at..name_at + name_size.checked_sub(1)?)?;
        let path = String::from_utf8(name.to_vec()).ok()?;
        if path == TRAILER {
            return Some(members);
        }
        let content_at = (name_at + name_size).next_multiple_of(4);
        let content = archive.get(content_at..content_at + size)?.to_vec();
        members.push(Member { path, mode, content });
        at = (content_at + size).next_multiple_of(4);
    }
}
