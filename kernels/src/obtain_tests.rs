//! What happens between download and record, with packages built here.

use super::*;
use crate::catalogue::Catalogue;
use crate::fixture;
use crate::progress::Silent;

fn kernel() -> Kernel {
    Catalogue::builtin().get("7.3").unwrap().clone()
}

fn package(name: &str, sha256: &str) -> Package {
    Package {
        name: name.to_owned(),
        version: "7.3.4-1".to_owned(),
        sha256: sha256.to_owned(),
        size_bytes: 1,
        installed_kib: 100,
        exact_depends: Vec::new(),
    }
}

/// Two packages in the split layout, and their entries in an index.
fn split(dir: &Path) -> Vec<Package> {
    let image = fixture::vmlinuz();
    let binary = fixture::deb(dir, "binary", &[("usr/lib/modules/7.3.4/vmlinuz", &image)]);
    let rest = fixture::deb(
        dir,
        "rest",
        &[
            ("usr/lib/modules/7.3.4/config", b"CONFIG_PVH=y"),
            ("usr/lib/modules/7.3.4/kernel/a.ko.xz", b"module"),
        ],
    );
    [("binary", binary), ("rest", rest)]
        .map(|(name, path)| package(name, &digest::of_file(&path).unwrap().0))
        .to_vec()
}

#[test]
fn downloaded_packages_become_a_verified_artefact() {
    let (downloads, artefact) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let packages = split(downloads.path());
    let debs = check_downloads(&kernel(), packages.clone(), downloads.path()).unwrap();
    let downloaded = Downloaded { suite: "trixie-backports".to_owned(), debs };
    let record = unpack_image(&kernel(), &downloaded, artefact.path(), &Silent).unwrap();
    assert_eq!(record.release, "7.3.4");
    assert_eq!(record.sha256, packages[0].sha256, "the package with the image names the artefact");
    assert_eq!(std::fs::read(artefact.path().join("vmlinux")).unwrap(), fixture::vmlinux());
    record.verify(artefact.path()).unwrap();
}

#[test]
fn package_with_another_digest_is_refused() {
    let downloads = tempfile::tempdir().unwrap();
    let mut packages = split(downloads.path());
    packages[1].sha256 = "0".repeat(64);
    let error = check_downloads(&kernel(), packages, downloads.path()).unwrap_err();
    assert!(matches!(&error, ObtainError::Digest { package, .. } if package == "rest"), "{error}");
}

#[test]
fn image_that_holds_no_kernel_is_an_error_that_names_kernel_and_cause() {
    let (downloads, artefact) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let files: [(&str, &[u8]); 3] =
        [("boot/vmlinuz-7.3.4", b"no image"), ("boot/config-7.3.4", b"c"), ("lib/modules/7.3.4/a.ko", b"m")];
    let deb = fixture::deb(downloads.path(), "image", &files);
    let debs = vec![(deb, package("image", &"0".repeat(64)))];
    let downloaded = Downloaded { suite: "trixie-backports".to_owned(), debs };
    let message = unpack_image(&kernel(), &downloaded, artefact.path(), &Silent).unwrap_err().to_string();
    assert!(message.contains("kernel 7.3") && message.contains("magic"), "{message}");
}

/// A mirror on disk whose index is complete but carries no signature.
fn unsigned_mirror(dir: &Path, suite: &str) -> String {
    let release = dir.join("dists").join(suite);
    std::fs::create_dir_all(release.join("main/binary-amd64")).unwrap();
    std::fs::write(release.join("main/binary-amd64/Packages"), "").unwrap();
    let text = format!(
        "Origin: Debian\nLabel: Debian\nSuite: {suite}\nCodename: {suite}\nArchitectures: amd64\nComponents: main\n"
    );
    std::fs::write(release.join("Release"), text).unwrap();
    format!("file:{}", dir.display())
}

fn obtain_from(uri: &str) -> ObtainError {
    let dirs = [(); 3].map(|()| tempfile::tempdir().unwrap());
    let places = Places { apt: dirs[0].path(), downloads: dirs[1].path(), artefact: dirs[2].path() };
    let mirrors = Mirrors::parse(&format!("{uri}|Debian|Debian|trixie-backports"));
    download(&kernel(), Wanted::Newest, &mirrors, places, &Silent).err().unwrap()
}

#[test]
fn unsigned_index_stops_everything() {
    let mirror = tempfile::tempdir().unwrap();
    let error = obtain_from(&unsigned_mirror(mirror.path(), "trixie-backports"));
    let untrusted = matches!(&error, ObtainError::Apt { source: AptError::Untrusted { suite, .. }, .. } if suite == "trixie-backports");
    assert!(untrusted, "{error}");
}

#[test]
fn mirror_without_the_suite_is_passed_over_with_its_reason() {
    let mirror = tempfile::tempdir().unwrap();
    let error = obtain_from(&format!("file:{}", mirror.path().display()));
    let ObtainError::NotOffered { attempts, .. } = &error else { panic!("{error}") };
    assert_eq!(attempts.len(), 1);
    assert!(!attempts[0].unreachable && attempts[0].reason.contains("Release file"), "{error}");
}

#[test]
fn missing_mirror_is_an_error_before_anything_is_fetched() {
    let dir = tempfile::tempdir().unwrap();
    let places = Places { apt: dir.path(), downloads: dir.path(), artefact: dir.path() };
    let error = download(&kernel(), Wanted::Newest, &Mirrors::default(), places, &Silent).err().unwrap();
    assert!(matches!(error, ObtainError::NoMirror { .. }), "{error}");
}
