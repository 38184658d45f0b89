//! The early look at a path or a text that is known: what `c/early_path.h` and `c/early.h` do with the kernel's memory, done with bytes.
//! What is compared and how is the C side's.

use quell_wire::hook::{HookConfig, Quick};
use quell_wire::limits::MAX_QUICK;

const WORD: usize = 8;

unsafe extern "C" {
    fn quell_host_quick_name(config: *const HookConfig, begin: u32, length: u32, word: u64) -> u32;
    fn quell_host_quick_text(config: *const HookConfig, begin: u32, word: u64) -> u32;
    fn quell_host_quick_tail_from(length: u32) -> u32;
    fn quell_host_quick_tail(word: u64, length: u32) -> u64;
}

/// Whether a path, which is whole and not the root's, contradicts every value of a description.
#[must_use]
pub fn contradicts_path(config: &HookConfig, path: &[u8]) -> bool {
    let mut names = path.split(|byte| *byte == b'/').skip(1);
    if config.quick == Quick::Last.number() {
        return left_by_last(config, names.last().unwrap_or_default()) == 0;
    }
    let (first, second) = (names.next().unwrap_or_default(), names.next().unwrap_or_default());
    left_by(config, 0, first) & left_by(config, MAX_QUICK, second) == 0
}

/// The same of a text, as the caller has it: it ends with a NUL.
#[must_use]
pub fn contradicts_text(config: &HookConfig, text: &[u8]) -> bool {
    let word = |at: usize| word(text.get(at..).unwrap_or_default());
    // SAFETY: functions of numbers and of the constants.
    let (one, two) = unsafe {
        (quell_host_quick_text(config, 0, word(0)), quell_host_quick_text(config, MAX_QUICK, word(WORD)))
    };
    one & two == 0
}

fn left_by_last(config: &HookConfig, name: &[u8]) -> u32 {
    let length = length(name);
    // SAFETY: as above.
    unsafe {
        let from = usize::try_from(quell_host_quick_tail_from(length)).unwrap_or(usize::MAX);
        let tail = quell_host_quick_tail(word(name.get(from..).unwrap_or_default()), length);
        quell_host_quick_name(config, 0, length, tail)
    }
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
