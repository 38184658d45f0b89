//! Modules out of packages that are built here, in every form in which they are packed.

use super::*;
use crate::fixture;

/// A package with these modules: path below the kernel's directory, and what each says of itself.
fn package(dir: &Path, modules: &[(&str, &str)]) -> PathBuf {
    let packed: Vec<(String, Vec<u8>)> = modules
        .iter()
        .map(|(path, info)| {
            let elf = fixture::module(info);
            let bytes = match path.rsplit('.').next() {
                Some("zst") => fixture::zstd(&elf),
                Some("xz") => cmd!("xz", "--stdout").stdin_bytes(elf).stdout_capture().run().unwrap().stdout,
                _ => elf,
            };
            (format!("usr/lib/modules/6.12.1/{path}"), bytes)
        })
        .collect();
    let files: Vec<(&str, &[u8])> =
        packed.iter().map(|(path, bytes)| (path.as_str(), bytes.as_slice())).collect();
    fixture::deb(dir, "modules", &files)
}

fn names(modules: &[Module]) -> Vec<&str> {
    modules.iter().map(|module| module.name.as_str()).collect()
}

fn take(modules: &[(&str, &str)], wanted: &[&str]) -> (tempfile::TempDir, Result<Vec<Module>, ModulesError>) {
    let dir = tempfile::tempdir().unwrap();
    let deb = package(dir.path(), modules);
    let (scratch, into) = (dir.path().join("scratch"), dir.path().join("set"));
    let taken = extract("6.12", &deb, wanted, &scratch, &into);
    (dir, taken)
}

const XFS: &[(&str, &str)] = &[
    ("kernel/fs/xfs/xfs.ko.xz", "license=GPL\0depends=libcrc32c\0"),
    ("kernel/lib/libcrc32c.ko.zst", "depends=\0softdep=pre: crc32c post: later\0"),
    ("kernel/crypto/crc32c_generic.ko", "alias=crypto-crc32c\0alias=crc32c\0"),
    ("kernel/arch/x86/crypto/crc32c-intel.ko", "alias=crc32c\0"),
    ("kernel/drivers/nvme/host/nvme.ko.xz", "depends=nvme-core\0"),
    ("kernel/drivers/nvme/host/nvme-core.ko.xz", "depends=\0"),
];

#[test]
fn modules_come_decompressed_and_behind_those_that_they_need() {
    let (_dir, taken) = take(XFS, &["nvme", "xfs"]);
    let modules = taken.unwrap();
    assert_eq!(names(&modules), ["nvme_core", "nvme", "crc32c_generic", "libcrc32c", "xfs"]);
    assert!(modules[0].file.ends_with("000-nvme_core.ko"), "{modules:?}");
    for module in &modules {
        assert!(std::fs::read(&module.file).unwrap().starts_with(b"\x7fELF"), "{module:?}");
    }
}

#[test]
fn a_module_that_two_need_comes_once() {
    let (_dir, taken) = take(XFS, &["libcrc32c", "xfs", "libcrc32c"]);
    assert_eq!(names(&taken.unwrap()), ["crc32c_generic", "libcrc32c", "xfs"]);
}

#[test]
fn a_missing_module_is_named_with_the_one_who_needs_it() {
    let (_dir, taken) = take(&[("kernel/fs/xfs/xfs.ko", "depends=libcrc32c\0")], &["xfs"]);
    let error = taken.unwrap_err().to_string();
    assert_eq!(error, "kernel 6.12 has no module libcrc32c, which xfs needs");
}

#[test]
fn a_cached_set_is_whole_or_not_used() {
    let (dir, taken) = take(XFS, &["xfs"]);
    let (modules, set) = (taken.unwrap(), dir.path().join("set"));
    assert_eq!(cached(&set), Some(modules.clone()));
    std::fs::write(&modules[1].file, "damaged").unwrap();
    assert_eq!(cached(&set), None);
    assert_eq!(cached(&dir.path().join("nothing")), None);
}

#[test]
fn a_file_that_is_no_module_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let deb = fixture::deb(dir.path(), "modules", &[("lib/modules/6.1/kernel/xfs.ko", b"text")]);
    let error = extract("6.1", &deb, &["xfs"], &dir.path().join("scratch"), &dir.path().join("set"));
    assert!(matches!(error.unwrap_err(), ModulesError::Malformed { .. }));
}
