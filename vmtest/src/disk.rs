//! The guest's disks: a sparse image for each file system, formatted once and copied for every guest.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File},
    io,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    process::Command,
    sync::{Arc, Mutex, PoisonError},
};

use quell_scenarios::scenario::FileSystem;
use thiserror::Error;
use vmtest_proto::disk::{self as travelling, BLOCK_BYTES};

/// The names of those that a guest is told to mount: they lie on a disk of their own, or are mounted for cells only.
#[must_use]
pub fn mounted(file_systems: &BTreeSet<FileSystem>) -> Vec<String> {
    let told = |kind: &&FileSystem| kind.is_on_disk() || **kind == FileSystem::Overlay;
    file_systems.iter().filter(told).map(|kind| kind.name().to_owned()).collect()
}

/// Names nothing: a file system is the same whenever it is made, so that what is in a guest's image is, too.
const ALWAYS: &str = "00000000-0000-4000-8000-000000000000";

/// Whole at once: lazy initialisation would make the guest's kernel write in the background.
const EXT4_OPTIONS: &str =
    "lazy_itable_init=0,lazy_journal_init=0,hash_seed=00000000-0000-4000-8000-000000000000";

/// The time, in seconds since 1970, at which mkfs.ext4 takes itself to run.
const FAKE_TIME: (&str, &str) = ("E2FSPROGS_FAKE_TIME", "1767225600");

/// How a file system is made.
struct Recipe {
    program: &'static str,
    package: &'static str,
    /// Sparse, so that a fresh file system takes a few hundred KiB of it. XFS and Btrfs refuse to be smaller.
    size_mib: u64,
    arguments: &'static [&'static str],
}

fn recipe(kind: FileSystem) -> Option<Recipe> {
    let of = |program, package, size_mib, arguments| Some(Recipe { program, package, size_mib, arguments });
    match kind {
        FileSystem::Ext4 => of("mkfs.ext4", "e2fsprogs", 64, &["-q", "-F", "-U", ALWAYS, "-E", EXT4_OPTIONS]),
        // Newer programs turn on what the oldest kernels do not know.
        FileSystem::Xfs => {
            of("mkfs.xfs", "xfsprogs", 320, &["-q", "-f", "-m", "bigtime=0,inobtcount=0,reflink=1"])
        }
        FileSystem::Btrfs => of("mkfs.btrfs", "btrfs-progs", 256, &["-q", "-f"]),
        FileSystem::Vfat => of("mkfs.vfat", "dosfstools", 64, &[]),
        FileSystem::Tmpfs | FileSystem::Overlay | FileSystem::Procfs | FileSystem::None => None,
    }
}

/// The lines of a shell script that make the same disk.
pub(crate) fn script(kind: FileSystem, file: &str) -> String {
    recipe(kind).map_or_else(String::new, |Recipe { program, size_mib, arguments, .. }| {
        let words: String = arguments.iter().map(|word| format!("{word} ")).collect();
        format!("truncate -s {size_mib}M {file}\n{program} {words}{file}\n")
    })
}

/// Why there is no disk.
#[derive(Debug, Error)]
pub enum DiskError {
    /// The image file can't be made.
    #[error("failed to create the disk image {path}: {source}")]
    Create {
        /// The image.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// The program that makes it can't be started.
    #[error("failed to start {program}: {source}; on Debian it is in the package {package}")]
    Start {
        /// The program.
        program: &'static str,
        /// Where it comes from.
        package: &'static str,
        /// The reason.
        source: io::Error,
    },
    /// The program failed.
    #[error("failed to make the file system {kind} in {path}: {message}")]
    Format {
        /// What was to be made.
        kind: FileSystem,
        /// The image.
        path: PathBuf,
        /// What the program said.
        message: String,
    },
    /// It is of a kind that lies on no disk.
    #[error("{kind} is no file system that lies on a disk")]
    NoDisk {
        /// What was to be made.
        kind: FileSystem,
    },
}

/// The file system that cells can have in a guest's own memory.
pub const ON_RAM: FileSystem = FileSystem::Ext4;

/// An empty file system of this kind as it travels in a guest's image.
///
/// # Errors
/// As [`create`].
pub fn image(kind: FileSystem, scratch: &Path) -> Result<Vec<u8>, DiskError> {
    create(kind, scratch)?;
    let read = |source| DiskError::Create { path: scratch.to_owned(), source };
    let bytes = fs::read(scratch).map_err(read)?;
    fs::remove_file(scratch).map_err(read)?;
    let mut image = Vec::new();
    for (at, block) in blocks(&bytes) {
        travelling::push(&mut image, at, &block);
    }
    Ok(image)
}

/// The blocks of a formatted image that are not empty, with their places: a few hundred KiB.
type Formatted = Vec<(u64, Vec<u8>)>;

/// Formatting takes ten times as long as writing the result again, so the first image of each kind is remembered.
static FORMATTED: Mutex<BTreeMap<FileSystem, Arc<Formatted>>> = Mutex::new(BTreeMap::new());

/// Makes a disk with an empty file system of this kind.
///
/// # Errors
/// It is none that lies on a disk, the file can't be made, or the program that makes it is missing or fails.
pub fn create(kind: FileSystem, path: &Path) -> Result<(), DiskError> {
    let recipe = recipe(kind).ok_or(DiskError::NoDisk { kind })?;
    let not_created = |source| DiskError::Create { path: path.to_owned(), source };
    let mut remembered = FORMATTED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(formatted) = remembered.get(&kind).cloned() {
        drop(remembered);
        return write(path, recipe.size_mib, &formatted).map_err(not_created);
    }
    empty(path, recipe.size_mib).map_err(not_created)?;
    format(kind, &recipe, path)?;
    remembered.insert(kind, Arc::new(blocks(&fs::read(path).map_err(not_created)?)));
    Ok(())
}

fn empty(path: &Path, size_mib: u64) -> io::Result<File> {
    let file = File::create(path)?;
    file.set_len(size_mib * 1024 * 1024)?;
    Ok(file)
}

fn blocks(image: &[u8]) -> Formatted {
    let numbered = image.chunks(BLOCK_BYTES).enumerate();
    let used = numbered.filter(|(_, block)| block.iter().any(|byte| *byte != 0));
    used.map(|(number, block)| ((number * BLOCK_BYTES) as u64, block.to_vec())).collect()
}

fn write(path: &Path, size_mib: u64, formatted: &Formatted) -> io::Result<()> {
    let file = empty(path, size_mib)?;
    formatted.iter().try_for_each(|(at, block)| file.write_all_at(block, *at))
}

fn format(kind: FileSystem, recipe: &Recipe, path: &Path) -> Result<(), DiskError> {
    let Recipe { program, package, arguments, .. } = *recipe;
    // /usr/sbin is not on everybody's PATH.
    let search = format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap_or_default());
    let output = Command::new(program)
        .env("PATH", search)
        .env(FAKE_TIME.0, FAKE_TIME.1)
        .args(arguments)
        .arg(path)
        .output()
        .map_err(|source| DiskError::Start { program, package, source })?;
    if output.status.success() {
        return Ok(());
    }
    let message = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(DiskError::Format { kind, path: path.to_owned(), message })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[test]
    fn a_missing_directory_is_named() {
        let error = create(FileSystem::Ext4, Path::new("/nonexistent/disk.img")).unwrap_err();
        assert!(error.to_string().starts_with("failed to create the disk image /nonexistent/disk.img"));
    }

    #[rstest]
    #[case(FileSystem::Ext4, 0x438, &[0x53, 0xEF])]
    #[case(FileSystem::Xfs, 0, b"XFSB")]
    #[case(FileSystem::Btrfs, 0x10040, b"_BHRfS_M")]
    #[case(FileSystem::Vfat, 510, &[0x55, 0xAA])]
    fn every_file_system_that_lies_on_a_disk_is_made(
        #[case] kind: FileSystem,
        #[case] at: usize,
        #[case] magic: &[u8],
    ) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("disk.img");
        create(kind, &path).unwrap();
        let bytes = fs::read(&path).unwrap();
        assert_eq!(&bytes[at..at + magic.len()], magic);
        assert!(script(kind, "disk.img").contains(recipe(kind).unwrap().program));
    }

    #[test]
    fn a_file_system_in_an_image_is_the_same_whenever_it_is_made() {
        let directory = tempfile::tempdir().unwrap();
        let made = |name: &str| {
            let path = directory.path().join(name);
            format(ON_RAM, &recipe(ON_RAM).unwrap(), {
                empty(&path, 64).unwrap();
                &path
            })
            .unwrap();
            blocks(&fs::read(&path).unwrap())
        };
        assert!(made("one") == made("two"));
        let image = image(ON_RAM, &directory.path().join("three")).unwrap();
        assert_eq!(travelling::blocks(&image).unwrap().len(), made("four").len());
        assert!(image.len() < 2 << 20, "{} bytes", image.len());
    }

    #[test]
    fn what_lies_on_no_disk_is_refused() {
        let error = create(FileSystem::Overlay, Path::new("/nonexistent/disk.img")).unwrap_err();
        assert_eq!(error.to_string(), "overlay is no file system that lies on a disk");
        for kind in FileSystem::ALL {
            assert_eq!(kind.is_on_disk(), recipe(kind).is_some(), "{kind}");
        }
    }

    #[test]
    fn the_second_disk_is_the_first_one_byte_for_byte_and_as_sparse() {
        use std::os::unix::fs::MetadataExt;
        let directory = tempfile::tempdir().unwrap();
        let [first, second] = ["first", "second"].map(|name| directory.path().join(name));
        create(FileSystem::Ext4, &first).unwrap();
        create(FileSystem::Ext4, &second).unwrap();
        assert!(fs::read(&first).unwrap() == fs::read(&second).unwrap());
        assert!(fs::metadata(&second).unwrap().blocks() * 512 < 8 << 20);
    }

    #[test]
    fn a_guest_is_told_of_disks_and_of_the_overlay_and_not_of_what_it_always_has() {
        let all = FileSystem::ALL.iter().copied().collect();
        assert_eq!(mounted(&all).len(), FileSystem::ALL.len() - 3);
        assert!(!mounted(&all).contains(&"tmpfs".to_owned()));
    }
}
