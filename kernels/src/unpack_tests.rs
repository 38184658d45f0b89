//! Unpacking of packages that dpkg-deb builds here, in the old and in the split layout.

use rstest::rstest;

use super::*;

/// A package whose files hold their own path.
fn deb(dir: &Path, name: &str, files: &[&str]) -> PathBuf {
    let files: Vec<(&str, &[u8])> = files.iter().map(|file| (*file, file.as_bytes())).collect();
    crate::fixture::deb(dir, name, &files)
}

#[test]
fn one_package_with_everything_is_unpacked() {
    let dir = tempfile::tempdir().unwrap();
    let image = deb(
        dir.path(),
        "image",
        &["boot/vmlinuz-6.1.0-9", "boot/config-6.1.0-9", "lib/modules/6.1.0-9/kernel/a.ko"],
    );
    let unpacked = unpack(std::slice::from_ref(&image), dir.path()).unwrap();
    assert_eq!(unpacked.release, "6.1.0-9");
    assert_eq!(std::fs::read_to_string(&unpacked.vmlinuz).unwrap(), "boot/vmlinuz-6.1.0-9");
    assert_eq!(std::fs::read_to_string(unpacked.config.unwrap()).unwrap(), "boot/config-6.1.0-9");
    assert_eq!((unpacked.image_deb, unpacked.modules_deb), (image.clone(), Some(image)));
}

#[test]
fn split_packages_are_put_together_by_content() {
    let dir = tempfile::tempdir().unwrap();
    let meta = deb(dir.path(), "meta", &[]);
    let base = deb(dir.path(), "base", &["usr/lib/modules/7.3.4/config", "usr/lib/modules/7.3.4/System.map"]);
    let modules = deb(dir.path(), "modules", &["usr/lib/modules/7.3.4/kernel/fs/a.ko.xz"]);
    let binary = deb(dir.path(), "binary", &["usr/lib/modules/7.3.4/vmlinuz"]);
    let unpacked = unpack(&[meta, base, modules.clone(), binary.clone()], dir.path()).unwrap();
    assert_eq!(unpacked.release, "7.3.4");
    assert_eq!((unpacked.image_deb, unpacked.modules_deb), (binary, Some(modules)));
    assert_eq!(std::fs::read_to_string(unpacked.config.unwrap()).unwrap(), "usr/lib/modules/7.3.4/config");
}

#[test]
fn packages_without_an_image_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let base = deb(dir.path(), "base", &["usr/lib/modules/7.3.4/config"]);
    let error = unpack(&[base], dir.path()).unwrap_err();
    assert!(matches!(error, UnpackError::Missing { what: "vmlinuz", packages: 1 }), "{error}");
}

#[test]
fn an_image_alone_is_unpacked_and_says_what_it_lacks() {
    let dir = tempfile::tempdir().unwrap();
    let binary = deb(dir.path(), "binary", &["boot/vmlinuz-7.0.13"]);
    let unpacked = unpack(&[binary], dir.path()).unwrap();
    assert_eq!((unpacked.release.as_str(), unpacked.config, unpacked.modules_deb), ("7.0.13", None, None));
}

#[test]
fn packages_of_two_kernels_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let both = deb(dir.path(), "both", &["boot/vmlinuz-6.1", "boot/vmlinuz-6.2"]);
    assert!(matches!(
        unpack(&[both], dir.path()).unwrap_err(),
        UnpackError::Ambiguous { what: "vmlinuz", .. }
    ));
}

#[test]
fn configuration_of_another_kernel_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let mixed = deb(dir.path(), "mixed", &["boot/vmlinuz-6.1", "boot/config-6.2", "lib/modules/6.1/a.ko"]);
    assert!(matches!(
        unpack(&[mixed], dir.path()).unwrap_err(),
        UnpackError::Ambiguous { what: "config", .. }
    ));
}

#[test]
fn file_that_is_no_package_is_an_error_that_names_it() {
    let dir = tempfile::tempdir().unwrap();
    let broken = dir.path().join("broken.deb");
    std::fs::write(&broken, "not an archive").unwrap();
    let error = unpack(&[broken], dir.path()).unwrap_err();
    assert!(
        matches!(&error, UnpackError::Read { .. }) && error.to_string().contains("broken.deb"),
        "{error}"
    );
}

#[rstest]
#[case("./boot/vmlinuz-6.12.117+deb13-cloud-amd64", Some("6.12.117+deb13-cloud-amd64"))]
#[case("boot/vmlinuz-6.1", Some("6.1"))]
#[case("./usr/lib/modules/7.3.4+deb13/vmlinuz", Some("7.3.4+deb13"))]
#[case("./lib/modules/5.10.0-46/vmlinuz", Some("5.10.0-46"))]
#[case("./boot/vmlinuz-", None)]
#[case("./boot/vmlinuz", None)]
#[case("./usr/share/doc/vmlinuz-6.1", None)]
#[case("./lib/modules/6.1/build/vmlinuz", None)]
fn release_is_read_from_both_layouts(#[case] path: &str, #[case] expected: Option<&str>) {
    assert_eq!(release_of("vmlinuz", path), expected);
}
