//! Extraction from images made here, whole and damaged.

use std::io::Write as _;

use proptest::prelude::*;
use rstest::rstest;

use super::*;
use crate::fixture;

fn size_of(kernel: &[u8]) -> u32 {
    u32::try_from(kernel.len()).unwrap()
}

fn lz4(bytes: &[u8], legacy: bool) -> Vec<u8> {
    let info = lz4_flex::frame::FrameInfo::new().legacy_frame(legacy);
    let mut encoder = lz4_flex::frame::FrameEncoder::with_frame_info(info, Vec::new());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn zstd_kernel_comes_out_unchanged() {
    assert_eq!(extract(&fixture::vmlinuz()).unwrap(), fixture::vmlinux());
}

#[rstest]
#[case::legacy(true)]
#[case::modern(false)]
fn lz4_kernel_comes_out_unchanged(#[case] legacy: bool) {
    let kernel = fixture::vmlinux();
    let image = fixture::bzimage(30, &lz4(&kernel, legacy), size_of(&kernel));
    assert_eq!(extract(&image).unwrap(), kernel);
}

#[test]
fn legacy_lz4_kernel_of_several_blocks_comes_out_unchanged() {
    // Legacy blocks hold 8 MiB each.
    let mut kernel = fixture::vmlinux();
    kernel.extend((0..(9_usize << 20)).map(|n| u8::try_from(n % 251).unwrap()));
    let compressed = lz4(&kernel, true);
    assert!(extract(&fixture::bzimage(30, &compressed, size_of(&kernel))).unwrap() == kernel);
}

#[rstest]
#[case(&[0x1f, 0x8b, 8, 0], "gzip")]
#[case(&[0xfd, b'7', b'z', b'X', b'Z', 0], "xz")]
#[case(b"BZh9", "bzip2")]
#[case(&[0x5d, 0, 0, 0x80], "lzma")]
#[case(&[0x89, b'L', b'Z', b'O', 0], "lzo")]
#[case(&[1, 2, 3, 4], "[01, 02, 03, 04]")]
fn other_compression_is_refused_by_its_name(#[case] start: &[u8], #[case] name: &str) {
    let message = extract(&fixture::bzimage(27, start, 100)).unwrap_err().to_string();
    assert!(message.contains(name) && message.contains("only zstd and LZ4"), "{message}");
}

#[rstest]
#[case::too_long(1)]
#[case::too_short(-1)]
fn size_that_does_not_fit_is_refused(#[case] by: i32) {
    let kernel = fixture::vmlinux();
    let size = size_of(&kernel).checked_add_signed(by).unwrap();
    let error = extract(&fixture::bzimage(27, &fixture::zstd(&kernel), size)).unwrap_err();
    assert!(matches!(error, VmlinuxError::Size { expected, .. } if expected == size), "{error}");
}

#[test]
fn absurd_size_is_refused_before_anything_is_read() {
    let error = extract(&fixture::bzimage(27, &fixture::zstd(b"x"), u32::MAX)).unwrap_err();
    assert!(matches!(error, VmlinuxError::Huge(u32::MAX)));
}

#[test]
fn kernel_without_pvh_entry_is_refused() {
    for kernel in [fixture::elf(62, b"Xen\0", 5), fixture::elf(62, b"GNU\0", 18)] {
        let image = fixture::bzimage(27, &fixture::zstd(&kernel), size_of(&kernel));
        let message = extract(&image).unwrap_err().to_string();
        assert!(message.contains("CONFIG_PVH"), "{message}");
    }
}

#[test]
fn kernel_for_another_machine_is_refused() {
    let kernel = fixture::elf(183, b"Xen\0", 18);
    let image = fixture::bzimage(27, &fixture::zstd(&kernel), size_of(&kernel));
    assert!(extract(&image).unwrap_err().to_string().contains("another machine"));
}

#[test]
fn content_that_is_no_elf_is_refused() {
    let image = fixture::bzimage(27, &fixture::zstd(b"not a kernel"), 12);
    assert!(matches!(extract(&image).unwrap_err(), VmlinuxError::NotKernel(_)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn image_with_flipped_bytes_never_panics(at in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8)) {
        let mut image = fixture::vmlinuz();
        for (index, value) in at {
            let at = index.index(image.len());
            image[at] = value;
        }
        let _ = extract(&image);
    }

    #[test]
    fn arbitrary_bytes_behind_a_magic_never_panic(
        magic in prop::sample::select(vec![[0x28_u8, 0xb5, 0x2f, 0xfd], [2, 0x21, 0x4c, 0x18], [4, 0x22, 0x4d, 0x18]]),
        bytes in proptest::collection::vec(any::<u8>(), 0..300),
    ) {
        let payload = [magic.as_slice(), &bytes].concat();
        let _ = extract(&fixture::bzimage(27, &payload, 4096));
    }
}
