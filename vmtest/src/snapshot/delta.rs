//! What one memory has that another has not: the pages that a guest has written since its kernel's snapshot.
//!
//! A policy that is put in force changes some ten thousand pages of a guest's memory. Kept by themselves and compressed they
//! take a fraction of a snapshot, so that there can be one for every cell.

use std::{
    fs::File,
    io::{self, BufReader, Read, Write},
    os::unix::fs::FileExt,
    path::Path,
};

use lz4_flex::frame::{BlockMode, FrameDecoder, FrameEncoder, FrameInfo};

use super::content::next_data;

/// What is compared: the size of a page on x86-64.
const PAGE_BYTES: usize = 4096;
/// What is read at a time.
const CHUNK_BYTES: usize = 1 << 20;
/// The most that follows one place.
const RUN_BYTES: usize = 1 << 18;
/// The place that ends the file: a truncated one has no end.
const END: u64 = u64::MAX;

/// Writes into `into` what `changed` has and `base` has not. The two have the same length, in whole pages. Returns how many
/// bytes of memory differ.
///
/// # Errors
/// A file can't be read or written, or the two are of different lengths.
pub(super) fn write(base: &Path, changed: &Path, into: &Path) -> io::Result<u64> {
    let (base, changed) = (File::open(base)?, File::open(changed)?);
    let size_bytes = changed.metadata()?.len();
    if base.metadata()?.len() != size_bytes {
        return Err(io::Error::other("the memories are of different lengths"));
    }
    let info = FrameInfo::new().block_mode(BlockMode::Linked).content_checksum(true);
    let mut runs = Runs {
        out: FrameEncoder::with_frame_info(info, File::create(into)?),
        at: 0,
        run: Vec::new(),
        bytes: 0,
    };
    let (mut ours, mut theirs) = (vec![0; CHUNK_BYTES], vec![0; CHUNK_BYTES]);
    let mut at = 0;
    loop {
        let nearest = [next_data(&changed, at, size_bytes)?, next_data(&base, at, size_bytes)?];
        let Some(data) = nearest.into_iter().flatten().min() else { break };
        at = data - data % PAGE_BYTES as u64;
        let wanted = usize::try_from(size_bytes - at).map_or(CHUNK_BYTES, |left| left.min(CHUNK_BYTES));
        changed.read_exact_at(&mut ours[..wanted], at)?;
        base.read_exact_at(&mut theirs[..wanted], at)?;
        let pages = ours[..wanted].chunks(PAGE_BYTES).zip(theirs[..wanted].chunks(PAGE_BYTES));
        for (index, (page, old)) in pages.enumerate() {
            if page != old {
                runs.add(at + (index * PAGE_BYTES) as u64, page)?;
            }
        }
        at += wanted as u64;
    }
    runs.finish()
}

/// Hands out the pages of a file that [`write`] made, each run with its place in memory.
///
/// # Errors
/// The file is damaged or can't be read, or `apply` fails.
pub(super) fn read(from: &Path, apply: &mut dyn FnMut(u64, &[u8]) -> io::Result<()>) -> io::Result<()> {
    let mut stream = FrameDecoder::new(BufReader::new(File::open(from)?));
    let mut run = vec![0; RUN_BYTES];
    loop {
        let mut head = [0; 12];
        stream.read_exact(&mut head[..8])?;
        let at = u64::from_le_bytes(head[..8].try_into().map_err(io::Error::other)?);
        if at == END {
            // The checksum of the frame stands behind its last byte.
            return if stream.read(&mut [0])? == 0 {
                Ok(())
            } else {
                Err(io::Error::other("data behind the end"))
            };
        }
        stream.read_exact(&mut head[8..])?;
        let bytes = u32::from_le_bytes(head[8..].try_into().map_err(io::Error::other)?) as usize;
        let run = run.get_mut(..bytes).ok_or_else(|| io::Error::other("a run is longer than any"))?;
        stream.read_exact(run)?;
        apply(at, run)?;
    }
}

/// Puts neighbouring pages together.
struct Runs<W: Write> {
    out: FrameEncoder<W>,
    at: u64,
    run: Vec<u8>,
    bytes: u64,
}

impl<W: Write> Runs<W> {
    fn add(&mut self, at: u64, page: &[u8]) -> io::Result<()> {
        if self.at + self.run.len() as u64 != at || self.run.len() + page.len() > RUN_BYTES {
            self.flush()?;
            self.at = at;
        }
        self.run.extend_from_slice(page);
        self.bytes += page.len() as u64;
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        if !self.run.is_empty() {
            self.out.write_all(&self.at.to_le_bytes())?;
            let bytes = u32::try_from(self.run.len()).map_err(io::Error::other)?;
            self.out.write_all(&bytes.to_le_bytes())?;
            self.out.write_all(&self.run)?;
            self.run.clear();
        }
        Ok(())
    }

    fn finish(mut self) -> io::Result<u64> {
        self.flush()?;
        self.out.write_all(&END.to_le_bytes())?;
        self.out.finish().map_err(io::Error::other)?;
        Ok(self.bytes)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PAGES: usize = 700;

    /// A sparse file of [`PAGES`] pages, of which these are filled with these bytes.
    fn memory(pages: &[(usize, u8)]) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        file.as_file().set_len((PAGES * PAGE_BYTES) as u64).unwrap();
        for (page, byte) in pages {
            file.as_file().write_all_at(&[*byte; PAGE_BYTES], (page * PAGE_BYTES) as u64).unwrap();
        }
        file
    }

    fn patched(base: &Path, delta: &Path) -> Vec<u8> {
        let mut bytes = std::fs::read(base).unwrap();
        read(delta, &mut |at, run| {
            let at = usize::try_from(at).unwrap();
            bytes[at..at + run.len()].copy_from_slice(run);
            Ok(())
        })
        .unwrap();
        bytes
    }

    proptest! {
        #[test]
        fn a_memory_and_its_delta_make_the_other_memory(
            old in prop::collection::vec((0..PAGES, any::<u8>()), 0..40),
            new in prop::collection::vec((0..PAGES, 0..3_u8), 0..400),
        ) {
            let (base, changed) = (memory(&old), memory(&new));
            let delta = tempfile::NamedTempFile::new().unwrap();
            let bytes = write(base.path(), changed.path(), delta.path()).unwrap();
            prop_assert!(patched(base.path(), delta.path()) == std::fs::read(changed.path()).unwrap());
            prop_assert_eq!(bytes % PAGE_BYTES as u64, 0);
            prop_assert!(bytes <= ((old.len() + new.len()) * PAGE_BYTES) as u64);
        }
    }

    #[test]
    fn a_delta_that_was_cut_or_changed_is_not_taken_for_one() {
        let (base, changed) = (memory(&[]), memory(&[(3, 7), (4, 8), (600, 9)]));
        let delta = tempfile::NamedTempFile::new().unwrap();
        write(base.path(), changed.path(), delta.path()).unwrap();
        let whole = std::fs::read(delta.path()).unwrap();
        let mut changed = whole.clone();
        changed[whole.len() / 2] ^= 1;
        for bad in [&whole[..whole.len() - 1], &whole[..whole.len() / 2], &[], &changed] {
            std::fs::write(delta.path(), bad).unwrap();
            assert!(
                read(delta.path(), &mut |_, _| Ok(())).is_err(),
                "{} of {} bytes",
                bad.len(),
                whole.len()
            );
        }
    }

    #[test]
    fn memories_of_different_lengths_are_refused() {
        let (base, changed) = (memory(&[]), tempfile::NamedTempFile::new().unwrap());
        let error = write(base.path(), changed.path(), &changed.path().with_extension("delta")).unwrap_err();
        assert_eq!(error.to_string(), "the memories are of different lengths");
    }
}
