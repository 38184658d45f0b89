//! The messages about a program of the user's own: what is run, what it prints and reads, how it ended.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// Bytes that need not be text. In a message they are base64.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bytes(pub Vec<u8>);

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        STANDARD.decode(text).map(Self).map_err(D::Error::custom)
    }
}

/// A program to be run in a guest.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExecRequest {
    /// The file that is executed, as an absolute path in the guest.
    pub program: String,
    /// What the program is told that it is called, and its arguments.
    pub arguments: Vec<String>,
    /// Its whole environment.
    pub environment: Vec<(String, String)>,
    /// Where it starts; made if it is not there.
    pub directory: String,
    /// Files that it needs, unpacked before it starts.
    pub payload: Option<Payload>,
    /// Where its output goes when that is too much for the serial line; without it everything goes over the line.
    pub bulk: Option<BulkArea>,
    /// What it reads from.
    pub input: Input,
}

/// A newc archive that is unpacked over the guest's root file system.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Payload {
    /// A file, or a block device that has the archive at its start; a device may appear later than the request.
    pub place: String,
    /// Length of the archive.
    pub bytes: u64,
}

/// A part of a block device that the guest writes output into and the host reads it from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BulkArea {
    /// The device.
    pub device: String,
    /// Where the first slot begins; a multiple of [`BULK_SLOT_BYTES`].
    pub at_bytes: u64,
    /// How many slots of [`BULK_SLOT_BYTES`] there are.
    pub slots: u32,
}

/// Size of a slot of the bulk area: what a pipe holds.
pub const BULK_SLOT_BYTES: u32 = 64 * 1024;

/// How many bytes of input the host may have sent without hearing that they were taken. The kernel's buffer for a serial
/// line holds twice as much, base64 included, and loses what finds no room.
pub const INPUT_WINDOW_BYTES: u32 = 16 * 1024;

/// What a program reads from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Input {
    /// Nothing: the end of input is all that it reads.
    #[default]
    Nothing,
    /// What the host sends as [`crate::ToGuest::Input`], through a pipe.
    Pipe,
    /// The same through a terminal of its own, which is its standard output and error as well.
    Terminal(WindowSize),
}

/// Size of a terminal, in characters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WindowSize {
    /// Lines.
    pub rows: u16,
    /// Characters per line.
    pub columns: u16,
}

/// Which of a program's outputs. A terminal has only the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutputStream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// A piece of output.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Chunk {
    /// Here it is.
    Inline(Bytes),
    /// It is in this slot of the bulk area, until the host says [`crate::ToGuest::SlotTaken`].
    Slot {
        /// Number of the slot.
        slot: u32,
        /// Length of the piece.
        bytes: u32,
    },
}

/// How a program ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExecEnd {
    /// It exited with this code.
    Code(i32),
    /// This signal ended it.
    Signal(i32),
    /// It never ran: the kernel, or the guest, would not start it.
    NotStarted(String),
}

/// The end of an [`ExecRequest`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExecReport {
    /// How it ended.
    pub end: ExecEnd,
    /// Processes that it left behind, and that were killed.
    pub leftovers: Vec<String>,
    /// Guest time that unpacking took, in milliseconds.
    pub unpack_ms: u64,
    /// Guest time from start to end of the program, in milliseconds.
    pub run_ms: u64,
}
