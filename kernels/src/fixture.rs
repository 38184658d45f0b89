//! Small images, kernels and packages for the tests of this crate, so that none needs the network.

use std::path::{Path, PathBuf};

use crate::bzimage::{DEFAULT_SETUP_SECTS, SECTOR, offset};

/// The smallest bzImage that carries these compressed bytes.
pub(crate) fn bzimage(setup_sects: u8, compressed: &[u8], size_bytes: u32) -> Vec<u8> {
    const PADDING: u32 = 32;
    let sectors = if setup_sects == 0 { DEFAULT_SETUP_SECTS } else { usize::from(setup_sects) };
    let mut image = vec![0_u8; (sectors + 1) * SECTOR + usize::try_from(PADDING).unwrap()];
    let mut put = |at: usize, bytes: &[u8]| image[at..at + bytes.len()].copy_from_slice(bytes);
    put(offset::SETUP_SECTS, &[setup_sects]);
    put(offset::MAGIC, b"HdrS");
    put(offset::VERSION, &0x020f_u16.to_le_bytes());
    put(offset::PAYLOAD_OFFSET, &PADDING.to_le_bytes());
    put(offset::PAYLOAD_LENGTH, &u32::try_from(compressed.len() + 4).unwrap().to_le_bytes());
    image.extend_from_slice(compressed);
    image.extend_from_slice(&size_bytes.to_le_bytes());
    // What follows the payload in a real image must not be read.
    image.extend_from_slice(b"trailer");
    image
}

/// An ELF header, one note segment and some text: `machine` 62 is x86-64, note 18 of "Xen" is PVH.
pub(crate) fn elf(machine: u16, owner: &[u8; 4], note_type: u32) -> Vec<u8> {
    let mut note = Vec::new();
    for word in [4_u32, 4, note_type] {
        note.extend_from_slice(&word.to_le_bytes());
    }
    note.extend_from_slice(owner);
    note.extend_from_slice(&0x0100_0000_u32.to_le_bytes());
    let note_len = u64::try_from(note.len()).unwrap();

    let mut elf = Vec::from(*b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0");
    elf.extend_from_slice(&2_u16.to_le_bytes()); // executable
    elf.extend_from_slice(&machine.to_le_bytes());
    elf.extend_from_slice(&1_u32.to_le_bytes());
    for word in [0_u64, 64, 0] {
        elf.extend_from_slice(&word.to_le_bytes()); // entry, program headers, section headers
    }
    elf.extend_from_slice(&0_u32.to_le_bytes());
    for half in [64_u16, 56, 1, 64, 0, 0] {
        elf.extend_from_slice(&half.to_le_bytes());
    }
    elf.extend_from_slice(&4_u32.to_le_bytes()); // PT_NOTE
    elf.extend_from_slice(&4_u32.to_le_bytes());
    for word in [120_u64, 0, 0, note_len, note_len, 4] {
        elf.extend_from_slice(&word.to_le_bytes());
    }
    elf.extend_from_slice(&note);
    elf.extend_from_slice(&b"kernel text ".repeat(500));
    elf
}

/// A kernel that passes every check.
pub(crate) fn vmlinux() -> Vec<u8> {
    elf(62, b"Xen\0", 18)
}

/// That kernel in a zstd image.
pub(crate) fn vmlinuz() -> Vec<u8> {
    let kernel = vmlinux();
    bzimage(27, &zstd(&kernel), u32::try_from(kernel.len()).unwrap())
}

/// One zstd frame.
pub(crate) fn zstd(bytes: &[u8]) -> Vec<u8> {
    ruzstd::encoding::compress_to_vec(bytes, ruzstd::encoding::CompressionLevel::Fastest)
}

/// Builds a package with dpkg-deb.
pub(crate) fn deb(dir: &Path, name: &str, files: &[(&str, &[u8])]) -> PathBuf {
    let root = dir.join(format!("{name}.root"));
    for (file, content) in files {
        let path = root.join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }
    std::fs::create_dir_all(root.join("DEBIAN")).unwrap();
    let control = format!(
        "Package: {name}\nVersion: 1\nArchitecture: amd64\nMaintainer: nobody <x@y.test>\nDescription: test\n"
    );
    std::fs::write(root.join("DEBIAN/control"), control).unwrap();
    let deb = dir.join(format!("{name}.deb"));
    duct::cmd!("dpkg-deb", "--root-owner-group", "-Znone", "--build", &root, &deb)
        .stdout_null()
        .run()
        .unwrap();
    std::fs::remove_dir_all(root).unwrap();
    deb
}

/// An object file whose one section is `.modinfo` with this content.
pub(crate) fn module(info: &str) -> Vec<u8> {
    const NAMES: &[u8] = b"\0.modinfo\0.shstrtab\0";
    let mut elf = Vec::from(*b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0");
    let info_at = 64_u64;
    let names_at = info_at + u64::try_from(info.len()).unwrap();
    let sections_at = names_at + u64::try_from(NAMES.len()).unwrap();
    for half in [1_u16, 62] {
        elf.extend_from_slice(&half.to_le_bytes()); // relocatable, x86-64
    }
    elf.extend_from_slice(&1_u32.to_le_bytes());
    for word in [0_u64, 0, sections_at] {
        elf.extend_from_slice(&word.to_le_bytes());
    }
    elf.extend_from_slice(&0_u32.to_le_bytes());
    for half in [64_u16, 0, 0, 64, 3, 2] {
        elf.extend_from_slice(&half.to_le_bytes());
    }
    elf.extend_from_slice(info.as_bytes());
    elf.extend_from_slice(NAMES);
    elf.extend_from_slice(&[0; 64]);
    for (name, kind, at, size) in [(1_u32, 1_u32, info_at, info.len()), (10, 3, names_at, NAMES.len())] {
        for word in [name, kind] {
            elf.extend_from_slice(&word.to_le_bytes());
        }
        for word in [0_u64, 0, at, u64::try_from(size).unwrap()] {
            elf.extend_from_slice(&word.to_le_bytes());
        }
        elf.extend_from_slice(&[0; 8]); // link, info
        for word in [1_u64, 0] {
            elf.extend_from_slice(&word.to_le_bytes()); // alignment, entry size
        }
    }
    elf
}
