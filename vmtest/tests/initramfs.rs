//! The archive writer against its own reader, over arbitrary trees.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::collections::BTreeMap;

use proptest::prelude::*;
use vmtest::initramfs::{Initramfs, Member, read};

/// Files by path, at most three folders deep, so that a file never has the name of a folder.
fn any_tree() -> impl Strategy<Value = BTreeMap<String, Vec<u8>>> {
    let path =
        proptest::collection::vec("[a-z]{1,6}", 1..4).prop_map(|parts| format!("{}.f", parts.join("/")));
    proptest::collection::btree_map(path, proptest::collection::vec(any::<u8>(), 0..300), 0..12)
}

fn write(tree: &BTreeMap<String, Vec<u8>>) -> Vec<u8> {
    let mut archive = Initramfs::new();
    for (path, content) in tree {
        archive.file(path, 0o644, content).unwrap();
    }
    archive.finish().unwrap()
}

fn files(members: &[Member]) -> BTreeMap<String, Vec<u8>> {
    let is_file = |member: &&Member| member.mode & 0o170_000 == 0o100_000;
    members.iter().filter(is_file).map(|member| (member.path.clone(), member.content.clone())).collect()
}

proptest! {
    #[test]
    fn every_file_is_read_back_and_every_folder_comes_before_its_content(tree in any_tree()) {
        let members = read(&write(&tree)).expect("a newc archive");
        prop_assert_eq!(files(&members), tree);
        for (at, member) in members.iter().enumerate() {
            if let Some((parent, _)) = member.path.rsplit_once('/') {
                prop_assert!(members[..at].iter().any(|earlier| earlier.path == parent), "{}", member.path);
            }
        }
    }

    #[test]
    fn the_same_tree_gives_the_same_bytes(tree in any_tree()) {
        let bytes = write(&tree);
        prop_assert_eq!(bytes.len() % 512, 0);
        prop_assert_eq!(bytes, write(&tree));
    }

    #[test]
    fn arbitrary_bytes_never_panic_the_reader(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        let _ = read(&bytes);
    }

    #[test]
    fn a_damaged_archive_never_panics_the_reader(tree in any_tree(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut bytes = write(&tree);
        let at = at.index(bytes.len());
        bytes[at] = byte;
        let _ = read(&bytes);
    }
}

#[test]
fn folders_devices_and_links_have_their_types() {
    let mut archive = Initramfs::new();
    archive.device("/dev/console", 5, 1).unwrap().link("lib64", "usr/lib64").unwrap();
    archive.directory("lab/ext4").unwrap().directory("lab").unwrap();
    let members = read(&archive.finish().unwrap()).unwrap();
    let listing: Vec<(String, u32)> =
        members.iter().map(|member| (member.path.clone(), member.mode)).collect();
    let expected = [
        ("dev", 0o040_755),
        ("dev/console", 0o020_600),
        ("lib64", 0o120_777),
        ("lab", 0o040_755),
        ("lab/ext4", 0o040_755),
    ];
    assert_eq!(listing, expected.map(|(path, mode)| (path.to_owned(), mode)));
    assert_eq!(members[2].content, b"usr/lib64");
}

/// Check the header against the format's own definition and not only against our reader.
#[test]
fn the_first_header_is_what_the_kernel_documents() {
    let mut archive = Initramfs::new();
    archive.file("init", 0o755, b"#!").unwrap();
    let bytes = archive.finish().unwrap();
    let header = std::str::from_utf8(&bytes[..110]).unwrap();
    let fields: Vec<&str> = (0..13).map(|field| &header[6 + field * 8..14 + field * 8]).collect();
    assert_eq!(&header[..6], "070701");
    assert_eq!(fields[1], "000081ed", "regular file, mode 0755");
    assert_eq!(fields[4], "00000001", "one link");
    assert_eq!(fields[6], "00000002", "two bytes");
    assert_eq!(fields[11], "00000005", "name with its end");
    assert_eq!(&bytes[110..114], b"init");
}
