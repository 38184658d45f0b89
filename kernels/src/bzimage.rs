//! Finds the compressed kernel inside a bzImage by the x86 boot protocol's own header (protocol
//! 2.08 and later), without searching for magic numbers that may also occur in code.

use crate::vmlinux::VmlinuxError;

/// Offsets of the setup header, see the kernel's Documentation/arch/x86/boot.rst.
pub(crate) mod offset {
    /// Number of 512-byte setup sectors after the first, one byte.
    pub(crate) const SETUP_SECTS: usize = 0x1f1;
    /// "HdrS".
    pub(crate) const MAGIC: usize = 0x202;
    /// Boot protocol version, two bytes.
    pub(crate) const VERSION: usize = 0x206;
    /// Where the payload starts, counted from the protected-mode code, four bytes.
    pub(crate) const PAYLOAD_OFFSET: usize = 0x248;
    /// Length of the payload in bytes, four bytes.
    pub(crate) const PAYLOAD_LENGTH: usize = 0x24c;
}

/// The protocol that introduced the payload fields.
const FIRST_WITH_PAYLOAD: u16 = 0x0208;
/// Bytes of a sector.
pub(crate) const SECTOR: usize = 512;
/// What 0 setup sectors mean, for historical reasons.
pub(crate) const DEFAULT_SETUP_SECTS: usize = 4;

/// The compressed kernel and the size it unpacks to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Payload<'a> {
    /// Compressed bytes, without the size behind them.
    pub(crate) compressed: &'a [u8],
    /// Uncompressed size in bytes, as the kernel build appends it.
    pub(crate) size_bytes: u32,
}

/// The payload of a bzImage.
pub(crate) fn payload(image: &[u8]) -> Result<Payload<'_>, VmlinuxError> {
    let not = VmlinuxError::NotBzImage;
    if image.get(offset::MAGIC..offset::MAGIC + 4) != Some(b"HdrS") {
        return Err(not("the boot header's magic is missing"));
    }
    let version = image
        .get(offset::VERSION..offset::VERSION + 2)
        .and_then(|bytes| bytes.try_into().ok())
        .map(u16::from_le_bytes)
        .ok_or_else(|| not("the boot header is cut short"))?;
    if version < FIRST_WITH_PAYLOAD {
        return Err(not("its boot protocol is older than 2.08 and doesn't tell where the kernel is"));
    }
    let setup_sects = match image.get(offset::SETUP_SECTS) {
        None | Some(0) => DEFAULT_SETUP_SECTS,
        Some(&n) => usize::from(n),
    };
    let start = read_u32(image, offset::PAYLOAD_OFFSET)
        .and_then(|n| n.checked_add((setup_sects + 1) * SECTOR))
        .ok_or_else(|| not("the boot header is cut short"))?;
    let length =
        read_u32(image, offset::PAYLOAD_LENGTH).ok_or_else(|| not("the boot header is cut short"))?;
    let whole = start
        .checked_add(length)
        .and_then(|end| image.get(start..end))
        .ok_or_else(|| not("the payload reaches past the end of the file; the file is truncated"))?;
    let (compressed, size) =
        whole.split_last_chunk::<4>().ok_or_else(|| not("the payload is too short to hold its own size"))?;
    Ok(Payload { compressed, size_bytes: u32::from_le_bytes(*size) })
}

fn read_u32(image: &[u8], at: usize) -> Option<usize> {
    let bytes: [u8; 4] = image.get(at..at + 4)?.try_into().ok()?;
    usize::try_from(u32::from_le_bytes(bytes)).ok()
}

/// Builds the smallest image that carries a payload; for tests of this crate.
#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;
    use crate::fixture::bzimage as synthetic;

    #[rstest]
    #[case(0)]
    #[case(1)]
    #[case(27)]
    #[case(64)]
    fn payload_is_found_whatever_the_number_of_setup_sectors(#[case] setup_sects: u8) {
        let image = synthetic(setup_sects, b"compressed kernel", 99);
        assert_eq!(payload(&image).unwrap(), Payload { compressed: b"compressed kernel", size_bytes: 99 });
    }

    #[test]
    fn truncated_image_is_said_to_be_truncated() {
        let image = synthetic(27, &[7; 4096], 1);
        let error = payload(&image[..image.len() - 100]).unwrap_err().to_string();
        assert!(error.contains("truncated"), "{error}");
    }

    #[test]
    fn protocol_without_payload_fields_is_refused() {
        let mut image = synthetic(27, b"x", 1);
        image[offset::VERSION..offset::VERSION + 2].copy_from_slice(&0x0207_u16.to_le_bytes());
        assert!(payload(&image).unwrap_err().to_string().contains("2.08"));
    }

    #[test]
    fn file_of_another_kind_is_refused() {
        assert!(payload(b"\x7fELF").unwrap_err().to_string().contains("magic"));
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..2048)) {
            let _ = payload(&bytes);
        }

        #[test]
        fn arbitrary_header_fields_never_panic_nor_reach_outside(
            setup_sects: u8, start: u32, length: u32, version: u16, cut in 0_usize..3000,
        ) {
            let mut image = synthetic(setup_sects, b"abc", 3);
            image[offset::VERSION..offset::VERSION + 2].copy_from_slice(&version.to_le_bytes());
            image[offset::PAYLOAD_OFFSET..offset::PAYLOAD_OFFSET + 4].copy_from_slice(&start.to_le_bytes());
            image[offset::PAYLOAD_LENGTH..offset::PAYLOAD_LENGTH + 4].copy_from_slice(&length.to_le_bytes());
            image.truncate(image.len().saturating_sub(cut));
            if let Ok(found) = payload(&image) {
                prop_assert!(found.compressed.len() <= image.len());
            }
        }

        #[test]
        fn payload_comes_back_unchanged(setup_sects: u8, bytes in proptest::collection::vec(any::<u8>(), 0..600), size: u32) {
            let image = synthetic(setup_sects, &bytes, size);
            prop_assert_eq!(payload(&image).unwrap(), Payload { compressed: &bytes, size_bytes: size });
        }
    }
}
