//! A function of the subject that does nothing but be called: for probes in user programs.
#![expect(unsafe_code, reason = "a probe finds the function by its name, so the name must not be mangled")]

use std::ffi::{CStr, c_char};
use std::hint::black_box;

/// One more than `number`. `text` is not looked at; that it is passed is what a probe sees. Passes the static probe `quell:marker`
/// with both arguments.
#[unsafe(no_mangle)]
#[inline(never)]
pub(crate) extern "C" fn quell_subject_marker(number: u64, text: *const c_char) -> u64 {
    probe::probe!(quell, marker, number, text);
    black_box(text);
    black_box(number).wrapping_add(1)
}

/// Calls it where no optimiser sees that the call can be left out.
pub(crate) fn call(number: u64, text: &CStr) -> u64 {
    black_box(quell_subject_marker as extern "C" fn(u64, *const c_char) -> u64)(number, text.as_ptr())
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_marker_returns_one_more() {
        assert_eq!(super::call(41, c"text"), 42);
    }
}
