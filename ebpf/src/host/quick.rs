//! The early look at a path or a text that is known: what `c/early_path.h` and `c/early.h` do with the kernel's memory, done with bytes.
//! What is compared and how is the C side's.

use quell_wire::hook::{HookConfig, Quick};
use quell_wire::limits::MAX_QUICK;

const WORD: usize = 8;

/// Where a table tells of a value; host/shim.c has the same struct.
#[repr(C)]
struct Told {
    bits: u64,
    word: u32,
}

unsafe extern "C" {
    fn quell_host_quick_name(config: *const HookConfig, begin: u32, length: u32, word: u64) -> u32;
    fn quell_host_quick_text(config: *const HookConfig, begin: u32, word: u64) -> u32;
    fn quell_host_quick_told(
        config: *const HookConfig,
        length: u32,
        word: u64,
        second_length: u32,
        second: u64,
    ) -> Told;
    fn quell_host_quick_head(word: u64, length: u32) -> u64;
    fn quell_host_quick_tail_from(length: u32) -> u32;
    fn quell_host_quick_tail(word: u64, length: u32) -> u64;
}

/// Whether a path, which is whole and not the root's, contradicts every value of a description, which is in the constants or in `table`.
#[must_use]
pub fn contradicts_path(config: &HookConfig, table: &[u64], path: &[u8]) -> bool {
    let mut names = path.split(|byte| *byte == b'/').skip(1);
    if config.quick == Quick::Last.number() {
        let name = names.last().unwrap_or_default();
        return if config.quick_words == 0 {
            left_by_last(config, name) == 0
        } else {
            !is_listed(config, table, (length(name), tail(name)), (0, 0))
        };
    }
    let (first, second) = (names.next().unwrap_or_default(), names.next().unwrap_or_default());
    if config.quick_words == 0 {
        return left_by(config, 0, first) & left_by(config, MAX_QUICK, second) == 0;
    }
    // SAFETY: a function of numbers.
    let told = |name: &[u8]| (length(name), unsafe { quell_host_quick_head(word(name), length(name)) });
    !is_listed(config, table, told(first), told(second))
}

/// The same of a number.
#[must_use]
pub fn contradicts_number(config: &HookConfig, table: &[u64], number: u64) -> bool {
    if config.quick == Quick::Bits.number() {
        return number & config.quick_mask[0] == 0;
    }
    if config.quick_words != 0 {
        return !is_listed(config, table, (0, number), (0, 0));
    }
    // SAFETY: a function of numbers and of the constants.
    unsafe { quell_host_quick_text(config, 0, number) == 0 }
}

/// The same of a text, as the caller has it: it ends with a NUL.
#[must_use]
pub fn contradicts_text(config: &HookConfig, table: &[u64], text: &[u8]) -> bool {
    let word = |at: usize| word(text.get(at..).unwrap_or_default());
    if config.quick_words != 0 {
        return !is_listed(config, table, (0, word(0)), (0, word(WORD)));
    }
    // SAFETY: functions of numbers and of the constants.
    let (one, two) = unsafe {
        (quell_host_quick_text(config, 0, word(0)), quell_host_quick_text(config, MAX_QUICK, word(WORD)))
    };
    one & two == 0
}

fn left_by_last(config: &HookConfig, name: &[u8]) -> u32 {
    // SAFETY: as above.
    unsafe { quell_host_quick_name(config, 0, length(name), tail(name)) }
}

/// The last bytes of a name, as they are compared.
fn tail(name: &[u8]) -> u64 {
    let length = length(name);
    // SAFETY: functions of numbers.
    unsafe {
        let from = usize::try_from(quell_host_quick_tail_from(length)).unwrap_or(usize::MAX);
        quell_host_quick_tail(word(name.get(from..).unwrap_or_default()), length)
    }
}

/// Whether a table may have a value: bytes of first and second name, and what is read of them.
fn is_listed(config: &HookConfig, table: &[u64], name: (u32, u64), second: (u32, u64)) -> bool {
    // SAFETY: as above.
    let Told { bits, word } = unsafe { quell_host_quick_told(config, name.0, name.1, second.0, second.1) };
    // Where there is no such word, the program leaves the call to the whole way.
    usize::try_from(word).ok().and_then(|at| table.get(at)).is_none_or(|word| word & bits == bits)
}

fn left_by(config: &HookConfig, begin: u32, name: &[u8]) -> u32 {
    // SAFETY: as above.
    unsafe { quell_host_quick_name(config, begin, length(name), word(name)) }
}

fn length(name: &[u8]) -> u32 {
    u32::try_from(name.len()).unwrap_or(u32::MAX)
}

/// The first eight bytes; what lies behind the end is somebody else's.
fn word(bytes: &[u8]) -> u64 {
    let mut word = [0xa5; WORD];
    word.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
    u64::from_le_bytes(word)
}
