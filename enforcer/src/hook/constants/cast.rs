//! Makes calls of the kernel's function that casts pointers of the calls that programs have in their place.
//!
//! The loader would do it for a function that the object declares, but reads all types of the kernel for that, anew for every object,
//! which takes longer than loading the programs. The agent knows the number already.

use super::ObjectError;
use super::instruction::{Instruction, SIZE};
use super::{OUTSIDE, object};

/// The object with its calls of the helper that no kernel has as calls of function `number` among the kernel's types.
///
/// # Errors
/// When the bytes are no object that was compiled here.
pub fn with_casts(object: &[u8], number: u32) -> Result<Vec<u8>, ObjectError> {
    let mut bytes = object.to_vec();
    for found in object::sections(object)? {
        let text = bytes.get_mut(found.place..found.place + found.instructions * SIZE).ok_or(OUTSIDE)?;
        for chunk in text.as_chunks_mut::<SIZE>().0 {
            if let Some(call) = Instruction::read(*chunk).casting(number) {
                *chunk = call.bytes();
            }
        }
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NUMBER: u32 = 0x0001_2345;

    /// Instructions of programs that are calls, with what they call: a helper, or a function of the kernel.
    fn calls(object: &[u8]) -> Vec<(usize, i32)> {
        let mut found = Vec::new();
        for section in object::sections(object).unwrap() {
            let text = &object[section.place..section.place + section.instructions * SIZE];
            let code = text.as_chunks::<SIZE>().0.iter().map(|chunk| Instruction::read(*chunk));
            found.extend(code.filter(|one| one.calls()).map(|one| (one.from(), one.number)));
        }
        found
    }

    #[test]
    fn calls_of_the_helper_that_no_kernel_has_become_calls_of_the_kernels_function_and_no_others_do() {
        let object: &[u8] = &quell_bpf::KPROBE_OBJECT;
        let (before, after) = (calls(object), calls(&with_casts(object, NUMBER).unwrap()));
        let cast = quell_wire::hook::CAST_CALL.cast_signed();
        assert!(before.iter().filter(|call| **call == (0, cast)).count() > 5);
        let expected: Vec<_> = before
            .iter()
            .map(|call| if *call == (0, cast) { (2, NUMBER.cast_signed()) } else { *call })
            .collect();
        assert_eq!(after, expected);
    }
}
