//! Frame layout and encoder.
//!
//! | bytes | meaning |
//! |---|---|
//! | 0..4 | magic |
//! | 4..8 | payload length, little endian |
//! | 8..12 | CRC-32 of the payload |
//! | 12..16 | CRC-32 of bytes 0..12 |
//! | 16.. | payload, JSON |
//!
//! The header has a checksum of its own: without it, noise that looks like a magic followed by a large length would
//! make the decoder wait for bytes that never come.

use serde::Serialize;
use thiserror::Error;

/// Start of a frame. Neither byte 0 nor byte 3 is ASCII or valid UTF-8, so no kernel message contains it.
pub const MAGIC: [u8; 4] = [0xF5, b'Q', b'V', 0xFA];

/// Bytes before the payload.
pub const HEADER_BYTES: usize = 16;

/// Largest payload, in bytes. A scenario with its policy is a few KiB; the line carries about 70 KiB/s.
pub const MAX_PAYLOAD_BYTES: usize = 1 << 20;

/// Why a message can't be framed.
#[derive(Debug, Error)]
pub enum EncodeError {
    /// The message has no JSON form.
    #[error("failed to serialise the message: {0}")]
    Serialise(#[from] serde_json::Error),
    /// The message is larger than [`MAX_PAYLOAD_BYTES`].
    #[error("message is {bytes} bytes long, and a frame carries at most {MAX_PAYLOAD_BYTES}")]
    TooLarge {
        /// Length of its JSON form.
        bytes: usize,
    },
}

/// Frames one message.
///
/// # Errors
/// The message has no JSON form or is too large for a frame.
pub fn encode<M: Serialize>(message: &M) -> Result<Vec<u8>, EncodeError> {
    let payload = serde_json::to_vec(message)?;
    let too_large = EncodeError::TooLarge { bytes: payload.len() };
    if payload.len() > MAX_PAYLOAD_BYTES {
        return Err(too_large);
    }
    let Ok(length) = u32::try_from(payload.len()) else { return Err(too_large) };
    let mut frame = Vec::with_capacity(HEADER_BYTES + payload.len());
    frame.extend_from_slice(&MAGIC);
    frame.extend_from_slice(&length.to_le_bytes());
    frame.extend_from_slice(&crc32fast::hash(&payload).to_le_bytes());
    let header_crc = crc32fast::hash(&frame);
    frame.extend_from_slice(&header_crc.to_le_bytes());
    frame.extend_from_slice(&payload);
    Ok(frame)
}
