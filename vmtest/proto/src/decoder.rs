//! Bytes back to messages: total, resynchronising, counting.

use std::marker::PhantomData;

use serde::de::DeserializeOwned;

use crate::frame::{HEADER_BYTES, MAGIC, MAX_PAYLOAD_BYTES};

/// What a decoder had to leave out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DecoderStats {
    /// Bytes outside any frame.
    pub skipped_bytes: u64,
    /// Frames whose payload did not match its checksum; their bytes count as skipped too.
    pub damaged_frames: u64,
    /// Frames that were intact but hold no message of the expected type; their bytes count as skipped too.
    pub foreign_frames: u64,
}

/// Finds frames in a byte stream. Any input is fine: what is no frame is skipped and counted.
#[derive(Debug)]
pub struct Decoder<M> {
    buffer: Vec<u8>,
    stats: DecoderStats,
    message: PhantomData<fn() -> M>,
}

impl<M> Default for Decoder<M> {
    fn default() -> Self {
        Self { buffer: Vec::new(), stats: DecoderStats::default(), message: PhantomData }
    }
}

/// What the front of the buffer is.
enum Front {
    /// A header may begin here, but more bytes are needed to tell.
    Unfinished,
    /// No frame begins at the first byte; so many bytes can go.
    Noise(usize),
    /// A complete frame of so many bytes, header included, with this payload checksum.
    Frame { bytes: usize, payload_crc: u32 },
}

impl<M: DeserializeOwned> Decoder<M> {
    /// An empty decoder.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds received bytes.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// Next complete message; `None` when more bytes are needed.
    pub fn next_message(&mut self) -> Option<M> {
        loop {
            match front(&self.buffer) {
                Front::Unfinished => return None,
                Front::Noise(bytes) => self.skip(bytes),
                Front::Frame { bytes, payload_crc } => {
                    let payload = &self.buffer[HEADER_BYTES..bytes];
                    if crc32fast::hash(payload) != payload_crc {
                        self.stats.damaged_frames += 1;
                        // Only the magic goes: a frame cut short may hold the start of the next one.
                        self.skip(MAGIC.len());
                        continue;
                    }
                    match serde_json::from_slice(payload) {
                        Ok(message) => {
                            self.buffer.drain(..bytes);
                            return Some(message);
                        }
                        Err(_) => {
                            self.stats.foreign_frames += 1;
                            self.skip(bytes);
                        }
                    }
                }
            }
        }
    }

    /// What was left out so far.
    #[must_use]
    pub fn stats(&self) -> DecoderStats {
        self.stats
    }

    fn skip(&mut self, bytes: usize) {
        self.buffer.drain(..bytes);
        self.stats.skipped_bytes += bytes as u64;
    }
}

fn front(buffer: &[u8]) -> Front {
    let matching = buffer.iter().zip(MAGIC).take_while(|(have, want)| **have == *want).count();
    if matching < MAGIC.len() {
        if matching == buffer.len() {
            return Front::Unfinished;
        }
        let next = buffer.iter().skip(1).position(|byte| *byte == MAGIC[0]).map_or(buffer.len(), |at| at + 1);
        return Front::Noise(next);
    }
    let (Some(length), Some(payload_crc), Some(header_crc)) =
        (word(buffer, 4), word(buffer, 8), word(buffer, 12))
    else {
        return Front::Unfinished;
    };
    let length = length as usize;
    if crc32fast::hash(&buffer[..12]) != header_crc || length > MAX_PAYLOAD_BYTES {
        return Front::Noise(MAGIC.len());
    }
    let bytes = HEADER_BYTES + length;
    if buffer.len() < bytes {
        return Front::Unfinished;
    }
    Front::Frame { bytes, payload_crc }
}

fn word(buffer: &[u8], at: usize) -> Option<u32> {
    let bytes = buffer.get(at..at + 4)?;
    Some(u32::from_le_bytes(bytes.try_into().ok()?))
}
