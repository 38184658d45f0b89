//! Decompresses the kernel out of a bzImage once, on the host, and checks that QEMU can boot the
//! result directly: under emulation the guest's own decompressor costs more than a second per boot.

use std::io::Read;

use object::elf::{EM_X86_64, FileHeader64};
use object::read::elf::{FileHeader, ProgramHeader};
use object::{Endianness, ReadRef};

use crate::bzimage;

/// No kernel unpacks to more; a damaged size must not become an allocation.
const LIMIT_BYTES: u32 = 512 << 20;

/// Note that tells the PVH entry point (`XEN_ELFNOTE_PHYS32_ENTRY`), owned by "Xen".
const PVH_NOTE: u32 = 18;

/// Why a bootable vmlinux could not be made from an image.
#[derive(Debug, thiserror::Error)]
pub enum VmlinuxError {
    /// The file isn't a bzImage, or not a whole one.
    #[error("it isn't a usable bzImage: {0}")]
    NotBzImage(&'static str),
    /// A format that no kernel of the catalogue uses.
    #[error("its kernel is compressed with {0}, which isn't supported: only zstd and LZ4 are")]
    Compression(String),
    /// The size that the image names is absurd.
    #[error("it says that the kernel unpacks to {0} bytes, more than any kernel")]
    Huge(u32),
    /// The decompressor refused the data.
    #[error("its {format} data is damaged: {message}")]
    Damaged {
        /// Compression format.
        format: &'static str,
        /// What the decompressor says.
        message: String,
    },
    /// The data ended early or went on.
    #[error("its kernel unpacks to {found} bytes, but the image says {expected}")]
    Size {
        /// Bytes that came out.
        found: usize,
        /// Bytes that the image names.
        expected: u32,
    },
    /// What came out can't be booted.
    #[error("what it holds isn't a bootable x86-64 kernel: {0}")]
    NotKernel(String),
}

/// A kernel that QEMU's `-kernel` starts, from a compressed image (bzImage, vmlinuz) or from a vmlinux itself.
///
/// # Errors
/// It is neither, is damaged, or has no PVH entry.
pub fn bootable(image: Vec<u8>) -> Result<Vec<u8>, VmlinuxError> {
    if image.starts_with(b"\x7fELF") {
        check_bootable(&image)?;
        return Ok(image);
    }
    extract(&image)
}

/// The vmlinux inside a bzImage, checked to be one that QEMU's `-kernel` starts.
pub(crate) fn extract(image: &[u8]) -> Result<Vec<u8>, VmlinuxError> {
    let payload = bzimage::payload(image)?;
    if payload.size_bytes > LIMIT_BYTES {
        return Err(VmlinuxError::Huge(payload.size_bytes));
    }
    let kernel = match payload.compressed {
        [0x28, 0xb5, 0x2f, 0xfd, ..] => {
            let source = ruzstd::decoding::StreamingDecoder::new_with_max_window_size(
                payload.compressed,
                u64::from(LIMIT_BYTES),
            )
            .map_err(|error| VmlinuxError::Damaged { format: "zstd", message: error.to_string() })?;
            drain("zstd", source, payload.size_bytes)?
        }
        // The legacy frame, that the kernel build asks for, or a modern one.
        [0x02, 0x21, 0x4c, 0x18, ..] | [0x04, 0x22, 0x4d, 0x18, ..] => {
            drain("LZ4", lz4_flex::frame::FrameDecoder::new(payload.compressed), payload.size_bytes)?
        }
        other => return Err(VmlinuxError::Compression(name_of(other))),
    };
    check_bootable(&kernel)?;
    Ok(kernel)
}

/// Reads at most one byte more than expected, so that a lie about the size shows and costs nothing.
fn drain(format: &'static str, source: impl Read, expected: u32) -> Result<Vec<u8>, VmlinuxError> {
    let mut kernel = Vec::new();
    source
        .take(u64::from(expected) + 1)
        .read_to_end(&mut kernel)
        .map_err(|error| VmlinuxError::Damaged { format, message: error.to_string() })?;
    if u32::try_from(kernel.len()) == Ok(expected) {
        Ok(kernel)
    } else {
        Err(VmlinuxError::Size { found: kernel.len(), expected })
    }
}

fn name_of(start: &[u8]) -> String {
    match start {
        [0x1f, 0x8b, ..] => "gzip".to_owned(),
        [0xfd, b'7', b'z', b'X', b'Z', ..] => "xz".to_owned(),
        [b'B', b'Z', b'h', ..] => "bzip2".to_owned(),
        [0x5d, 0x00, 0x00, ..] => "lzma".to_owned(),
        [0x89, b'L', b'Z', b'O', ..] => "lzo".to_owned(),
        other => format!("something that starts with {:02x?}", &other[..other.len().min(4)]),
    }
}

/// An ELF for x86-64 with a PVH entry note: without it QEMU refuses `-kernel vmlinux`.
fn check_bootable(kernel: &[u8]) -> Result<(), VmlinuxError> {
    let refuse = |error: object::Error| VmlinuxError::NotKernel(error.to_string());
    let header = FileHeader64::<Endianness>::parse(kernel).map_err(refuse)?;
    let endian = header.endian().map_err(refuse)?;
    if header.e_machine(endian) != EM_X86_64 {
        return Err(VmlinuxError::NotKernel("it is built for another machine".to_owned()));
    }
    for segment in header.program_headers(endian, kernel).map_err(refuse)? {
        if has_pvh_note(segment, endian, kernel).map_err(refuse)? {
            return Ok(());
        }
    }
    Err(VmlinuxError::NotKernel("it has no PVH entry note (CONFIG_PVH is off)".to_owned()))
}

fn has_pvh_note<'data, R: ReadRef<'data>>(
    segment: &impl ProgramHeader<Endian = Endianness>,
    endian: Endianness,
    kernel: R,
) -> object::read::Result<bool> {
    let Some(mut notes) = segment.notes(endian, kernel)? else { return Ok(false) };
    while let Some(note) = notes.next()? {
        if note.name() == b"Xen" && note.n_type(endian) == PVH_NOTE {
            return Ok(true);
        }
    }
    Ok(false)
}

#[cfg(test)]
#[path = "vmlinux_tests.rs"]
mod tests;
