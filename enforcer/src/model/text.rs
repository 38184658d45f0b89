//! Strings and paths against one value. Negation is not done here.

use super::answer::Answer;
use crate::policy::ast::Operator;

/// A string of which every byte is known.
pub(super) fn whole(bytes: &[u8], op: Operator, value: &[u8]) -> Answer {
    Answer::decided(match op {
        Operator::Equal | Operator::In => bytes == value,
        Operator::Prefix => bytes.starts_with(value),
        Operator::Postfix => bytes.ends_with(value),
        Operator::SubString => contains(bytes, value),
        Operator::SubStringIgnCase => contains(&bytes.to_ascii_lowercase(), &value.to_ascii_lowercase()),
        _ => false,
    })
}

/// A path of which only the end is known; something may stand before it. (A walk that ran out of steps at the root has seen
/// all, so that equality with what was seen is possible.)
pub(super) fn end(seen: &[u8], op: Operator, value: &[u8]) -> Answer {
    match op {
        Operator::SubString | Operator::SubStringIgnCase => part(seen, op, value),
        // When fewer bytes are seen than the value has, the end that is seen is not compared.
        _ if value.len() > seen.len() => Answer::Undecided,
        Operator::Postfix => Answer::decided(seen.ends_with(value)),
        Operator::Equal | Operator::In if value.len() < seen.len() => Answer::No,
        _ => Answer::Undecided,
    }
}

/// A text of which only the beginning is known, and that there is more of it.
pub(super) fn beginning(seen: &[u8], op: Operator, value: &[u8]) -> Answer {
    match op {
        Operator::SubString | Operator::SubStringIgnCase => part(seen, op, value),
        // As of a path: what is seen is not compared with a longer value.
        _ if value.len() > seen.len() => Answer::Undecided,
        Operator::Prefix => Answer::decided(seen.starts_with(value)),
        Operator::Equal | Operator::In => Answer::No,
        _ => Answer::Undecided,
    }
}

/// Found in what was seen is found; not found there may be in the rest.
fn part(seen: &[u8], op: Operator, value: &[u8]) -> Answer {
    match whole(seen, op, value) {
        Answer::Yes => Answer::Yes,
        _ => Answer::Undecided,
    }
}

fn contains(bytes: &[u8], value: &[u8]) -> bool {
    // An empty value would be everywhere, and `windows` refuses it.
    value.is_empty() || bytes.windows(value.len()).any(|window| window == value)
}
