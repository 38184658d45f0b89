//! What the host and PID 1 of a guest say to each other, and how it is framed on a serial line.
//!
//! A serial port is the only channel that every stock kernel of the matrix has built in. It carries bytes, and
//! anything may be among them: kernel messages, noise of an early boot, half a frame of a guest that died. So every
//! message travels in a checksummed frame, the decoder is total, and it counts what it had to skip.

mod bench;
mod decoder;
pub mod disk;
mod exec;
mod frame;
mod message;

pub use bench::{
    AgentSeen, BenchAgent, BenchCall, BenchPass, BenchRequest, BenchSeen, BenchWork, Burst, CallCost, Calls,
    Deaths, Kills, KnownLoop, OTHER_AGENTS,
};
pub use decoder::{Decoder, DecoderStats};
pub use exec::{
    BULK_SLOT_BYTES, BulkArea, Bytes, Chunk, ExecEnd, ExecReport, ExecRequest, INPUT_WINDOW_BYTES, Input,
    OutputStream, Payload, WindowSize,
};
pub use frame::{EncodeError, HEADER_BYTES, MAGIC, MAX_PAYLOAD_BYTES, encode};
pub use message::{CellReport, GuestFacts, PROTOCOL_VERSION, PlanRequest, ToGuest, ToHost};
