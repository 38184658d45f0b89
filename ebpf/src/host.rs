//! The kernel's evaluator, built for the host: the same `c/selector.h` that the programs include, callable from tests.
//!
//! So the kernel's reading of the selector bytes is tested without a kernel. Only with the `host-selector` feature, which
//! no product build turns on.

#![expect(unsafe_code, reason = "calls the evaluator, which is C, in the one place that may")]

use quell_wire::code::{ArgStatus, Match};
use quell_wire::hook::HookConfig;
use quell_wire::limits::{FILTER_BYTES, MAX_ANCESTORS, MAX_ARGS, MAX_STRING_BYTES, STRING_SLACK_BYTES};
use quell_wire::selector::Section;

const ARGS: usize = MAX_ARGS as usize;
const SLOT_BYTES: usize = (MAX_STRING_BYTES + STRING_SLACK_BYTES) as usize;

/// Ids of the process itself and of its ancestors, nearest first.
pub type Ids = [u32; 1 + MAX_ANCESTORS as usize];

/// The calling process, as matchPIDs sees it; where an ancestor is missing, the process's own id is repeated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Process {
    /// In the initial PID namespace.
    pub global: Ids,
    /// In the process's own PID namespace; 0 when that is the initial one.
    pub namespace: Ids,
}

#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
struct RawArg {
    status: u32,
    start: u32,
    length: u32,
    reserved: u32,
    number: u64,
}

// The numbers that host/shim.c asserts of the C structs.
const _: () = {
    use std::mem::offset_of;
    assert!(
        size_of::<Process>() == 80
            && offset_of!(Process, global) == 0
            && offset_of!(Process, namespace) == 40
    );
    assert!(size_of::<RawArg>() == 24 && offset_of!(RawArg, status) == 0 && offset_of!(RawArg, start) == 4);
    assert!(offset_of!(RawArg, length) == 8 && offset_of!(RawArg, number) == 16);
};

/// What was read of one argument.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arg<'a> {
    /// How reading went.
    pub status: ArgStatus,
    /// The number, extended to 64 bits.
    pub number: u64,
    /// The bytes of a string; at most 4096.
    pub bytes: &'a [u8],
    /// Whether the bytes end at the end of the slot, where the path walk leaves them, or begin at its start.
    pub at_end: bool,
}

/// The arguments of a call in the memory that all calls on a CPU share: whatever a shorter string does not overwrite is
/// still there.
#[derive(Clone, Debug)]
pub struct Slots {
    args: [RawArg; ARGS],
    bytes: Vec<u8>,
}

impl Default for Slots {
    fn default() -> Self {
        Self { args: [RawArg::default(); ARGS], bytes: vec![0xa5; ARGS * SLOT_BYTES] }
    }
}

impl Slots {
    /// Puts an argument at its position among the hook's arguments.
    ///
    /// # Panics
    /// When the position or the length exceeds what the kernel side has: the caller is then no model of it.
    pub fn put(&mut self, position: usize, arg: &Arg<'_>) {
        let length = u32::try_from(arg.bytes.len()).unwrap_or(u32::MAX);
        assert!(length <= MAX_STRING_BYTES, "a slot holds {MAX_STRING_BYTES} bytes, not {length}");
        let start = if arg.at_end { MAX_STRING_BYTES - length } else { 0 };
        let from = position * SLOT_BYTES + start as usize;
        self.bytes[from..from + arg.bytes.len()].copy_from_slice(arg.bytes);
        self.args[position] =
            RawArg { status: arg.status.number(), start, length, reserved: 0, number: arg.number };
    }
}

/// Selector bytes, aligned as a map value is.
#[derive(Clone, Debug)]
#[repr(C, align(8))]
pub struct Filter(pub [u8; FILTER_BYTES as usize]);

unsafe extern "C" {
    fn quell_host_match_pids(
        filter: *const u8,
        at: u32,
        process: *const Process,
        config: *const HookConfig,
    ) -> u32;
    fn quell_host_match_args(
        filter: *const u8,
        at: u32,
        args: *const RawArg,
        slots: *const u8,
        config: *const HookConfig,
    ) -> u32;
    fn quell_host_section(filter: *const u8, at: u32, section: u32) -> u32;
    fn quell_host_skip(filter: *const u8, at: u32) -> u32;
    fn quell_host_u32(filter: *const u8, at: u32) -> u32;
}

impl Filter {
    /// matchPIDs of the selector at `at`. An answer that is not in the table is the number itself.
    ///
    /// # Errors
    /// When the evaluator gives a number that is no answer.
    pub fn match_pids(&self, at: u32, process: &Process, config: &HookConfig) -> Result<Match, u32> {
        // SAFETY: every load from the filter is masked into its 4096 bytes, the structs have the layout that both sides
        // assert, and loops over them end at their own bounds whatever the filter and the constants say.
        let number = unsafe { quell_host_match_pids(self.0.as_ptr(), at, process, config) };
        Match::from_number(number).ok_or(number)
    }

    /// matchArgs of the selector at `at`.
    ///
    /// # Errors
    /// When the evaluator gives a number that is no answer.
    pub fn match_args(&self, at: u32, slots: &Slots, config: &HookConfig) -> Result<Match, u32> {
        let (args, bytes) = (slots.args.as_ptr(), slots.bytes.as_ptr());
        // SAFETY: as above; the evaluator refuses argument positions from 5 on, `slots` has five of each, and loads from a
        // slot are masked to its first 4096 bytes, behind which there are 256 more.
        let number = unsafe { quell_host_match_args(self.0.as_ptr(), at, args, bytes, config) };
        Match::from_number(number).ok_or(number)
    }

    /// Where a section of the selector at `at` starts.
    #[must_use]
    pub fn section(&self, at: u32, section: Section) -> u32 {
        // SAFETY: every load is masked into the 4096 bytes.
        unsafe { quell_host_section(self.0.as_ptr(), at, section.number()) }
    }

    /// What is behind the record at `at`.
    #[must_use]
    pub fn skip(&self, at: u32) -> u32 {
        // SAFETY: the load is masked into the 4096 bytes.
        unsafe { quell_host_skip(self.0.as_ptr(), at) }
    }

    /// The number at `at`.
    #[must_use]
    pub fn number(&self, at: u32) -> u32 {
        // SAFETY: the load is masked into the 4096 bytes.
        unsafe { quell_host_u32(self.0.as_ptr(), at) }
    }
}
