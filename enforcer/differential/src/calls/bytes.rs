//! Strings and paths that a hook may see, whole, cut or not at all.

use quell::model::context::{Argument, Value};
use quell_wire::limits::MAX_STRING_BYTES;

use crate::dice::Dice;

const LONGEST: usize = MAX_STRING_BYTES as usize;

/// What is read of a string argument.
pub(super) fn text(dice: &mut Dice, near: &[Vec<u8>]) -> Value {
    match dice.below(24) {
        0 => Value::KernelFault,
        1 | 2 => Value::UserFault,
        3..=5 => Value::Cut(beginning_of_text(dice, near)),
        _ => Value::Whole(shortened(near_miss(dice, near))),
    }
}

/// What is read of a path argument, with the type of its file.
pub(super) fn path(dice: &mut Dice, near: &[Vec<u8>], descriptor: bool, file_types: &[u32]) -> Argument {
    let drawn = dice.pick(file_types);
    let known = Some(drawn).filter(|_| !dice.one_in(8));
    let argument = |value, file_type| Argument { value, file_type };
    match dice.below(24) {
        // Which file it is was read first, so the type can be known even then.
        0 => argument(Value::KernelFault, known.filter(|_| dice.one_in(2))),
        1 => argument(Value::Disconnected, known),
        2 => argument(Value::NoPath, known),
        3 if descriptor => argument(Value::BadFd, None),
        4..=6 => argument(Value::Cut(end_of_path(dice, near)), known),
        _ => argument(Value::Whole(near_path(dice, near)), known),
    }
}

/// A whole path.
pub(super) fn near_path(dice: &mut Dice, near: &[Vec<u8>]) -> Vec<u8> {
    shortened(near_miss(dice, near))
}

/// What the walk saw of a path before it gave up: the end, from some depth on.
pub(super) fn end_of_path(dice: &mut Dice, near: &[Vec<u8>]) -> Vec<u8> {
    let bytes = near_miss(dice, near);
    let kept = match dice.below(4) {
        0 => dice.below(bytes.len() + 1),
        1 => bytes.len().min(dice.pick(&[1, 7, 8, 9])),
        _ => bytes.len().min(LONGEST),
    };
    bytes[bytes.len() - kept..].to_vec()
}

fn beginning_of_text(dice: &mut Dice, near: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = near_miss(dice, near);
    // A vector of many small buffers is cut after few bytes; every other text after many.
    if !dice.one_in(4) {
        bytes.resize(LONGEST, b'a');
    }
    bytes
}

fn shortened(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.truncate(LONGEST);
    bytes
}

/// A value, or what differs from it by little.
fn near_miss(dice: &mut Dice, near: &[Vec<u8>]) -> Vec<u8> {
    let length = dice.pick(&[0_usize, 1, 7, 8, 9, 15, 16, 63, 64, 65, 255, 256, 257, 300]);
    let length = if dice.one_in(10) { dice.pick(&[LONGEST - 1, LONGEST]) } else { length };
    let mut bytes = if near.is_empty() { vec![b'a'; length] } else { dice.pick(near) };
    let before = dice.pick(&[1_usize, 7, 8, 9, 300]);
    match dice.below(22) {
        0..=3 => {}
        4 => bytes.push(b'a'),
        5 => bytes.push(0),
        6 => bytes = [vec![b'a'; before], bytes].concat(),
        7 => bytes.extend(vec![b'b'; before]),
        8 => bytes = bytes.split_off(1.min(bytes.len())),
        9 => drop(bytes.pop()),
        10 => bytes = vec![b'a'; length],
        // At the very end, and at the very beginning, of as much as is kept.
        11 if dice.one_in(3) => bytes = [vec![b'x'; LONGEST.saturating_sub(bytes.len())], bytes].concat(),
        12 if dice.one_in(3) => bytes.resize(LONGEST, b'y'),
        13 => bytes = [vec![b'x'; before], bytes, vec![b'y'; 5]].concat(),
        14 => bytes.iter_mut().for_each(|byte| *byte ^= if byte.is_ascii_alphabetic() { 0x20 } else { 0 }),
        15 => bytes.iter_mut().for_each(|byte| *byte = byte.to_ascii_uppercase()),
        // Two values in one string.
        16 if !near.is_empty() => {
            let other = dice.pick(near);
            bytes.extend(other);
        }
        _ if bytes.is_empty() => {}
        _ => {
            // At the edges of words as often as elsewhere.
            let last = bytes.len() - 1;
            let anywhere = dice.below(bytes.len());
            let at = dice.pick(&[0, last, anywhere, anywhere / 8 * 8, (anywhere | 7).min(last)]);
            bytes[at] ^= 1 << dice.below(8);
        }
    }
    bytes
}
