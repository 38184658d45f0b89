//! The kernel's evaluator, built for the host: the same headers that the programs include, callable from tests.
//!
//! So the kernel's reading of the selector bytes is tested without a kernel. Only with the `host-selector` feature, which
//! no product build turns on.

#![expect(unsafe_code, reason = "calls the evaluator, which is C, in the one place that may")]

mod members;
mod quick;

use std::ffi::c_void;

pub use members::Members;
use quell_wire::WireRecord;
use quell_wire::code::{ArgStatus, Match, Subject};
use quell_wire::event::{EVENT_FAILED_CLOSED, EVENT_UNREADABLE};
use quell_wire::hook::{HookConfig, SetKind};
use quell_wire::limits::{FILTER_BYTES, MAX_ANCESTORS, MAX_STRING_BYTES, STRING_SLACK_BYTES};
use quell_wire::selector::{AffixKey, Connection, NetworkKey, NumberKey, SearchTable, Section, StringKey};
pub use quick::{contradicts_number, contradicts_path, contradicts_text};

const SLOT_BYTES: usize = (MAX_STRING_BYTES + STRING_SLACK_BYTES) as usize;
/// What a step of the evaluator answers (ebpf/c/steps.h).
const STEP_MATCHED: u32 = 1;

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

/// What the loop over the steps found (host/shim.c has the same).
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
struct RawOutcome {
    step: u32,
    selector: u32,
    flags: u32,
    malformed: u32,
}

// The numbers that host/shim.c asserts of the C structs.
const _: () = {
    use std::mem::offset_of;
    assert!(
        size_of::<Process>() == 80
            && offset_of!(Process, global) == 0
            && offset_of!(Process, namespace) == 40
    );
    assert!(SLOT_BYTES == 4352 && size_of::<RawOutcome>() == 16);
};

/// What was read of one subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arg<'a> {
    /// How reading went.
    pub status: ArgStatus,
    /// The number, extended to 64 bits.
    pub number: u64,
    /// Of a path: the type of its file (S_IF* bits); 0 when it is not known.
    pub mode: u32,
    /// The bytes of a string; at most 4096.
    pub bytes: &'a [u8],
    /// Whether the bytes end at the end of the slot, where the path walk leaves them, or begin at its start.
    pub at_end: bool,
}

impl Arg<'_> {
    /// A subject of which only the status is known.
    #[must_use]
    pub const fn without(status: ArgStatus) -> Self {
        Self { status, number: 0, mode: 0, bytes: &[], at_end: false }
    }

    /// A number.
    #[must_use]
    pub const fn number(number: u64) -> Self {
        Self { number, ..Self::without(ArgStatus::Ok) }
    }
}

/// What a hook decides of one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Decision {
    /// No selector matched.
    NotMatched,
    /// No selector matched, but one could not be decided.
    Unreadable,
    /// The selector with this number matched.
    Matched {
        /// Its number, from 0.
        selector: u32,
        /// It enforces, and what was read did not decide it.
        failed_closed: bool,
    },
}

/// The evaluator took bytes for no selectors that the constants describe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{selectors} selectors could not be read by the evaluator")]
pub struct Malformed {
    /// How many.
    pub selectors: u32,
}

/// The memory of one call, which all calls on a CPU share: whatever a call does not overwrite is still there.
#[derive(Clone, Debug)]
pub struct Call {
    /// As words, because the C struct is aligned to them.
    memory: Vec<u64>,
}

impl Default for Call {
    fn default() -> Self {
        // SAFETY: a constant of the C side.
        let bytes = unsafe { quell_host_call_bytes() };
        Self { memory: vec![0xa5a5_a5a5_a5a5_a5a5; (bytes as usize).div_ceil(8)] }
    }
}

impl Call {
    /// Puts the calling process.
    pub fn put_process(&mut self, process: &Process) {
        // SAFETY: the memory has the size of the C struct, of which the process is a part with this layout.
        unsafe { *quell_host_process(self.memory.as_mut_ptr().cast()) = *process };
    }

    /// Puts a subject. What the function returned and the path of the parent's executable share a slot.
    ///
    /// # Panics
    /// When the bytes exceed what the kernel side has, or belong to a subject that is a number there: the caller is then no
    /// model of it.
    pub fn put(&mut self, subject: Subject, arg: &Arg<'_>) {
        let length = u32::try_from(arg.bytes.len()).unwrap_or(u32::MAX);
        assert!(length <= MAX_STRING_BYTES, "a slot holds {MAX_STRING_BYTES} bytes, not {length}");
        let start = if arg.at_end { MAX_STRING_BYTES - length } else { 0 };
        if !arg.bytes.is_empty() {
            self.slot(subject)[start as usize..][..arg.bytes.len()].copy_from_slice(arg.bytes);
        }
        let (status, mode, number) = (arg.status.number(), arg.mode, arg.number);
        // SAFETY: the memory has the size of the C struct, and the function writes into it.
        unsafe { quell_host_put(self.pointer(), subject.number(), status, start, length, mode, number) };
    }

    /// Puts a connection.
    ///
    /// # Panics
    /// When the subject is a number on the kernel side.
    pub fn put_connection(&mut self, subject: Subject, connection: &Connection) {
        let mut bytes = Vec::with_capacity(Connection::SIZE);
        connection.write(&mut bytes);
        self.put(subject, &Arg { bytes: &bytes, ..Arg::without(ArgStatus::Ok) });
    }

    /// What a hook with these selectors decides of the call, from the process filter on.
    ///
    /// # Errors
    /// When the evaluator cannot read the bytes.
    pub fn evaluate(
        &mut self,
        filter: &Filter,
        config: &HookConfig,
        members: &Members,
    ) -> Result<Decision, Malformed> {
        let mut outcome = RawOutcome::default();
        let tables = members.tables(config);
        let context = std::ptr::from_ref(members).cast();
        // SAFETY: the memory has the size of the C struct; loads from the filter and from slots are masked into them; there
        // are as many tables as the constants say; and `has` gets the members that it expects, which outlive the call.
        unsafe {
            quell_host_evaluate(
                self.pointer(),
                filter.0.as_ptr(),
                config,
                tables.as_ptr(),
                has,
                context,
                &mut outcome,
            );
        }
        if outcome.malformed > 0 {
            return Err(Malformed { selectors: outcome.malformed });
        }
        Ok(if outcome.step == STEP_MATCHED {
            let failed_closed = outcome.flags & EVENT_FAILED_CLOSED != 0;
            Decision::Matched { selector: outcome.selector, failed_closed }
        } else if outcome.flags & EVENT_UNREADABLE != 0 {
            Decision::Unreadable
        } else {
            Decision::NotMatched
        })
    }

    /// matchReturnArgs of the selector at `at`.
    ///
    /// # Errors
    /// When the evaluator gives a number that is no answer.
    pub fn returned(
        &mut self,
        filter: &Filter,
        at: u32,
        config: &HookConfig,
        members: &Members,
    ) -> Result<Match, u32> {
        let tables = members.tables(config);
        let context = std::ptr::from_ref(members).cast();
        let (call, filter) = (self.pointer(), filter.0.as_ptr());
        // SAFETY: as above.
        let number = unsafe { quell_host_returned(call, filter, at, config, tables.as_ptr(), has, context) };
        Match::from_number(number).ok_or(number)
    }

    /// matchPIDs of the selector at `at`.
    ///
    /// # Errors
    /// When the evaluator gives a number that is no answer.
    pub fn match_pids(&mut self, filter: &Filter, at: u32, config: &HookConfig) -> Result<Match, u32> {
        // SAFETY: as above; loops over the filter end at their own bounds whatever it and the constants say.
        let number = unsafe { quell_host_match_pids(filter.0.as_ptr(), at, self.pointer(), config) };
        Match::from_number(number).ok_or(number)
    }

    fn pointer(&mut self) -> *mut c_void {
        self.memory.as_mut_ptr().cast()
    }

    fn slot(&mut self, subject: Subject) -> &mut [u8] {
        // SAFETY: the memory has the size of the C struct, and the function returns a pointer into it or none.
        let slot = unsafe { quell_host_slot(self.pointer(), subject.number()) };
        assert!(!slot.is_null(), "{subject:?} has no bytes on the kernel side");
        // SAFETY: a slot has this many bytes, and `self` is borrowed as long as they are.
        unsafe { std::slice::from_raw_parts_mut(slot, SLOT_BYTES) }
    }
}

impl Members {
    fn tables(&self, config: &HookConfig) -> &[SearchTable] {
        let searches = config.searches as usize;
        assert!(searches <= self.searches.len(), "the constants say {searches} searches");
        &self.searches
    }
}

/// Whether one string contains a value of a table.
///
/// # Panics
/// When there are more than 4096 bytes.
#[must_use]
pub fn search(table: &SearchTable, bytes: &[u8], config: &HookConfig) -> bool {
    let mut slot = vec![0xa5; SLOT_BYTES];
    slot[..bytes.len().min(MAX_STRING_BYTES as usize)].copy_from_slice(bytes);
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    // SAFETY: loads from the slot are masked to its first 4096 bytes, behind which there are 256 more.
    unsafe { quell_host_search(table, slot.as_ptr(), 0, length, config) != 0 }
}

/// The lookup that the evaluator makes in the kernel's maps.
///
/// # Safety
/// `members` is a [`Members`], `key` a key of this kind.
unsafe extern "C" fn has(members: *const c_void, kind: u32, key: *const u8) -> u32 {
    // A kind that there is not has no members.
    let Some(kind) = SetKind::from_number(kind) else { return 0 };
    let size = match kind {
        SetKind::Numbers => NumberKey::SIZE,
        SetKind::Strings => StringKey::SIZE,
        SetKind::Prefixes | SetKind::Postfixes => AffixKey::SIZE,
        SetKind::Networks => NetworkKey::SIZE,
    };
    // SAFETY: by the contract above.
    let (members, key) = unsafe { (&*members.cast::<Members>(), std::slice::from_raw_parts(key, size)) };
    u32::from(members.has(kind, key))
}

/// Selector bytes, aligned as a map value is.
#[derive(Clone, Debug)]
#[repr(C, align(8))]
pub struct Filter(pub [u8; FILTER_BYTES as usize]);

type Has = unsafe extern "C" fn(*const c_void, u32, *const u8) -> u32;

unsafe extern "C" {
    fn quell_host_call_bytes() -> u32;
    fn quell_host_process(call: *mut c_void) -> *mut Process;
    fn quell_host_slot(call: *mut c_void, subject: u32) -> *mut u8;
    fn quell_host_put(
        call: *mut c_void,
        subject: u32,
        status: u32,
        start: u32,
        length: u32,
        mode: u32,
        number: u64,
    );
    fn quell_host_evaluate(
        call: *mut c_void,
        filter: *const u8,
        config: *const HookConfig,
        tables: *const SearchTable,
        has: Has,
        members: *const c_void,
        outcome: *mut RawOutcome,
    );
    fn quell_host_returned(
        call: *mut c_void,
        filter: *const u8,
        at: u32,
        config: *const HookConfig,
        tables: *const SearchTable,
        has: Has,
        members: *const c_void,
    ) -> u32;
    fn quell_host_match_pids(filter: *const u8, at: u32, call: *mut c_void, config: *const HookConfig)
    -> u32;
    fn quell_host_search(
        table: *const SearchTable,
        slot: *const u8,
        start: u32,
        length: u32,
        config: *const HookConfig,
    ) -> u32;
    fn quell_host_section(filter: *const u8, at: u32, section: u32) -> u32;
    fn quell_host_skip(filter: *const u8, at: u32) -> u32;
    fn quell_host_u32(filter: *const u8, at: u32) -> u32;
}

impl Filter {
    /// Where a section of the selector at `at` starts; `None` when there is none.
    #[must_use]
    pub fn section(&self, at: u32, section: Section) -> Option<u32> {
        // SAFETY: every load is masked into the 4096 bytes.
        let section = unsafe { quell_host_section(self.0.as_ptr(), at, section.number()) };
        (section != 0).then_some(section)
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
