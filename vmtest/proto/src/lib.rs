//! What the host and PID 1 of a guest say to each other, and how it is framed on a serial line.
//!
//! A serial port is the only channel that every stock kernel of the matrix has built in. It carries bytes, and
//! anything may be among them: kernel messages, noise of an early boot, half a frame of a guest that died. So every
//! message travels in a checksummed frame, the decoder is total, and it counts what it had to skip.

mod decoder;
mod frame;
mod message;

pub use decoder::{Decoder, DecoderStats};
pub use frame::{EncodeError, HEADER_BYTES, MAGIC, MAX_PAYLOAD_BYTES, encode};
pub use message::{CellReport, GuestFacts, PROTOCOL_VERSION, ToGuest, ToHost};
