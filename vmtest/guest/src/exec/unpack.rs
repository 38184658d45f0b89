//! Unpacks a newc archive over the root file system. The kernel does that at boot only, and below the mounts that come later:
//! a file under `/tmp` would be hidden.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufReader, Read},
    os::unix::fs::{OpenOptionsExt, PermissionsExt, symlink},
    path::{Component, Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use cpio::newc::Reader;
use vmtest_proto::Payload;

/// The kernel finds a disk while PID 1 already runs, and one that is plugged in later takes its time as well.
const PATIENCE: Duration = Duration::from_secs(30);
const READ_AHEAD_BYTES: usize = 256 * 1024;

const S_IFMT: u32 = 0o170_000;
const S_IFDIR: u32 = 0o040_000;
const S_IFREG: u32 = 0o100_000;
const S_IFLNK: u32 = 0o120_000;

/// Unpacks `payload`, waiting for its device if that is not there yet.
pub(crate) fn unpack(payload: &Payload) -> anyhow::Result<()> {
    let until = Instant::now() + PATIENCE;
    let file = loop {
        match File::open(&payload.place) {
            Ok(file) => break file,
            Err(error) if error.kind() == io::ErrorKind::NotFound && Instant::now() < until => {
                thread::sleep(Duration::from_millis(5));
            }
            Err(error) => return Err(error).context("failed to open it"),
        }
    };
    unpack_into(Path::new("/"), BufReader::with_capacity(READ_AHEAD_BYTES, file.take(payload.bytes)))
}

fn unpack_into<R: Read>(root: &Path, mut archive: R) -> anyhow::Result<()> {
    loop {
        let mut reader = Reader::new(archive).context("failed to read a member's head")?;
        if reader.entry().is_trailer() {
            return Ok(());
        }
        let name = reader.entry().name().to_owned();
        let path = below(root, &name)?;
        member(&path, &mut reader).with_context(|| {
            format!("failed to write /{name} (is there enough memory? --memory-mib gives more)")
        })?;
        archive = reader.finish().with_context(|| format!("failed to read /{name}"))?;
    }
}

/// The member's path; nothing leads out of `root`.
fn below(root: &Path, name: &str) -> anyhow::Result<PathBuf> {
    let plain = Path::new(name).components().all(|part| matches!(part, Component::Normal(_)));
    anyhow::ensure!(plain && !name.is_empty(), "`{name}` is no path of an archive");
    Ok(root.join(name))
}

fn member<R: Read>(path: &Path, reader: &mut Reader<R>) -> io::Result<()> {
    let mode = reader.entry().mode();
    match mode & S_IFMT {
        S_IFDIR => match fs::create_dir(path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
            other => other,
        },
        S_IFREG => {
            remove(path)?;
            let permissions = mode & 0o7777;
            let mut file = OpenOptions::new().write(true).create_new(true).mode(permissions).open(path)?;
            io::copy(reader, &mut file)?;
            // Again, because the first time the umask has a say.
            file.set_permissions(fs::Permissions::from_mode(permissions))
        }
        S_IFLNK => {
            let mut target = String::new();
            reader.read_to_string(&mut target)?;
            remove(path)?;
            symlink(target, path)
        }
        _ => Err(io::Error::new(io::ErrorKind::InvalidData, "neither a file, a directory nor a link")),
    }
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::{env, process};

    use cpio::newc::{Builder, trailer};

    use super::*;

    fn archive(members: &[(&str, u32, &[u8])]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (name, mode, content) in members {
            let length = u32::try_from(content.len()).unwrap();
            let mut writer = Builder::new(name).mode(*mode).write(bytes, length);
            io::Write::write_all(&mut writer, content).unwrap();
            bytes = writer.finish().unwrap();
        }
        trailer(bytes).unwrap()
    }

    fn scratch(name: &str) -> PathBuf {
        let root = env::temp_dir().join(format!("vmtest-unpack-{name}-{}", process::id()));
        fs::create_dir_all(&root).unwrap();
        root
    }

    #[test]
    fn files_links_and_directories_come_out_as_they_went_in() {
        let root = scratch("good");
        fs::write(root.join("old"), "as it was").unwrap();
        let bytes = archive(&[
            ("usr", S_IFDIR | 0o755, b""),
            ("usr/tool", S_IFREG | 0o755, b"#!/bin/sh\n"),
            ("bin", S_IFLNK | 0o777, b"usr"),
            ("old", S_IFREG | 0o640, b"as it is"),
        ]);
        unpack_into(&root, bytes.as_slice()).unwrap();
        assert_eq!(fs::read(root.join("bin/tool")).unwrap(), b"#!/bin/sh\n");
        let mode = |name: &str| fs::metadata(root.join(name)).unwrap().permissions().mode() & 0o7777;
        assert_eq!((mode("usr/tool"), mode("old")), (0o755, 0o640));
        assert_eq!(fs::read(root.join("old")).unwrap(), b"as it is");
        fs::remove_dir_all(root).unwrap();
    }

    #[test]
    fn a_member_that_leads_out_is_refused() {
        let root = scratch("bad");
        for name in ["../x", "/x", "a/../../x"] {
            let bytes = archive(&[(name, S_IFREG | 0o644, b"x")]);
            assert!(unpack_into(&root, bytes.as_slice()).is_err(), "{name}");
        }
        fs::remove_dir_all(root).unwrap();
    }

    #[test]
    fn an_archive_that_is_cut_short_is_an_error() {
        let root = scratch("cut");
        let bytes = archive(&[("a", S_IFREG | 0o644, &[b'x'; 5000])]);
        assert!(unpack_into(&root, &bytes[..3000]).is_err());
        assert!(unpack_into(&root, &bytes[..50]).is_err());
        fs::remove_dir_all(root).unwrap();
    }
}
