//! Values of strings: few letters, so that one is often the beginning, the end or a part of another, of lengths around
//! words and limits.

use std::collections::HashSet;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use quell::policy::ast::{ArgType, Operator, TypeClass};
use quell::policy::typing::{longest_text, may_hold_nul};
use quell_wire::limits::{MAX_AFFIX_SET_BYTES, MAX_PATTERN_BYTES, MAX_STRING_VALUE_BYTES};

use crate::dice::Dice;

/// How many values, and of which lengths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Amount {
    /// A few, which stay in the filter bytes.
    Few,
    /// As many as stay there, and one more.
    AroundInline,
    /// This many: a set.
    Many(usize),
}

/// Longest value that may stand with many others.
fn longest(op: Operator, amount: Amount) -> usize {
    match (op, amount) {
        (Operator::SubString | Operator::SubStringIgnCase, _) => MAX_PATTERN_BYTES as usize,
        (
            Operator::Prefix | Operator::NotPrefix | Operator::Postfix | Operator::NotPostfix,
            Amount::Many(_) | Amount::AroundInline,
        ) => MAX_AFFIX_SET_BYTES as usize,
        _ => MAX_STRING_VALUE_BYTES as usize,
    }
}

/// Values as YAML scalars.
pub(super) fn strings(dice: &mut Dice, op: Operator, ty: ArgType, amount: Amount) -> Vec<String> {
    let path = ty.class() == TypeClass::Path;
    let longest = longest(op, amount).min(longest_text(ty).map_or(usize::MAX, |(most, _)| most as usize));
    let search = matches!(op, Operator::SubString | Operator::SubStringIgnCase);
    let count = match amount {
        Amount::Few => 1 + dice.below(4),
        Amount::AroundInline if search => 1 + dice.below(6),
        Amount::AroundInline => 7 + dice.below(4),
        Amount::Many(_) if search => 4,
        Amount::Many(count) => count,
    };
    let mut seen = HashSet::new();
    let mut values = Vec::new();
    for number in 0..count {
        let mut value = if matches!(amount, Amount::Many(_)) && !search {
            numbered(dice, number, op, path, longest)
        } else {
            let length = length(dice, longest, search);
            let mut value = if path {
                walk(dice, length, op)
            } else {
                letters(dice, length.min(longest), may_hold_nul(ty))
            };
            value.truncate(longest);
            value
        };
        if path && !search {
            as_path(&mut value, op);
        }
        if seen.insert(value.clone()) {
            values.push(scalar(&value));
        }
    }
    values
}

fn length(dice: &mut Dice, longest: usize, search: bool) -> usize {
    if search {
        return dice.pick(&[1_usize, 1, 2, 3, 7, 8, 9, 15, 16, 31, 63, 64]).min(longest);
    }
    match dice.below(8) {
        0 => longest - dice.below(3),
        1 => dice.pick(&[63_usize, 64, 65, 127, 128, 129]).min(longest),
        _ => dice.pick(&[1_usize, 2, 3, 7, 8, 9, 15, 16, 17, 24, 31, 40]),
    }
}

/// Letters that differ in few places; a NUL among them where one may stand.
fn letters(dice: &mut Dice, length: usize, nul: bool) -> Vec<u8> {
    let mut value = vec![b'a'; length];
    let last = length.saturating_sub(1);
    for _ in 0..dice.below(3) {
        let anywhere = dice.below(length);
        let at = dice.pick(&[0, last, anywhere, anywhere / 8 * 8, (anywhere | 7).min(last)]);
        let letter = dice.pick(b"bAB/\"\n\\ \xc3\xff\x01\x80zZ@[`{\0");
        value[at] = if letter == 0 && !nul { b'b' } else { letter };
    }
    value
}

/// Path-like: components of few letters.
fn walk(dice: &mut Dice, length: usize, op: Operator) -> Vec<u8> {
    let step = 3 + dice.below(4);
    let from = usize::from(matches!(op, Operator::Postfix | Operator::NotPostfix) && dice.one_in(2));
    let spot = dice.below(length);
    let odd = dice.pick(b"bbbA\xe9 ");
    let odd_at = if dice.one_in(2) { Some(spot) } else { None };
    (0..length)
        .map(|at| match at {
            at if (at + from) % step == 0 => b'/',
            at if Some(at) == odd_at => odd,
            _ => b'a',
        })
        .collect()
}

/// One of many: they share beginnings and ends.
fn numbered(dice: &mut Dice, number: usize, op: Operator, path: bool, longest: usize) -> Vec<u8> {
    let ends = matches!(op, Operator::Postfix | Operator::NotPostfix);
    // Three letters, and four digits and more, stand beside it.
    let filling = "a".repeat(dice.pick(&[0_usize, 0, 1, 5, 8, 30]).min(longest.saturating_sub(9)));
    let text = match (path, ends) {
        (true, true) => format!("{number:x}{filling}/a/b"),
        (true, false) => format!("/a/{filling}{number:x}"),
        (false, true) => format!("{number:x}{filling}aaa"),
        (false, false) => format!("aaa{filling}{number:x}"),
    };
    text.into_bytes()
}

/// What the kernel could write: absolute, no slash at the end. Of Postfix the end of that, of Prefix the beginning.
fn as_path(value: &mut [u8], op: Operator) {
    let ends = matches!(op, Operator::Postfix | Operator::NotPostfix);
    let begins = matches!(op, Operator::Prefix | Operator::NotPrefix);
    for byte in value.iter_mut().filter(|byte| **byte == 0) {
        *byte = b'a';
    }
    for at in 1..value.len() {
        if value[at] == b'/' && value[at - 1] == b'/' {
            value[at] = b'c';
        }
    }
    if !ends {
        value[0] = b'/';
    }
    let last = value.len() - 1;
    if value[last] == b'/' && !begins && (ends || last > 0) {
        value[last] = b'c';
    }
    // "." and ".." never stand in what the kernel writes; the letters above make none.
}

/// A double-quoted scalar, or base64 for what is not UTF-8.
pub(super) fn scalar(value: &[u8]) -> String {
    match std::str::from_utf8(value) {
        Ok(text) => serde_json::Value::from(text).to_string(),
        Err(_) => format!("!!binary \"{}\"", BASE64_STANDARD.encode(value)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_stays_one_that_the_kernel_could_write() {
        let mut dice = Dice::new(5);
        for _ in 0..2000 {
            let length = 1 + dice.below(40);
            let mut value = walk(&mut dice, length, Operator::Equal);
            as_path(&mut value, Operator::Equal);
            assert!(value.starts_with(b"/") && (value.len() == 1 || !value.ends_with(b"/")), "{value:?}");
            assert!(!value.windows(2).any(|pair| pair == b"//"), "{value:?}");
        }
    }

    #[test]
    fn bytes_that_are_no_text_are_written_as_base64() {
        assert_eq!(scalar(b"a\"\n"), r#""a\"\n""#);
        assert_eq!(scalar(b"\xff"), "!!binary \"/w==\"");
    }
}
