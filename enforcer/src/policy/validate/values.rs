//! The values of filters, by the type of what they are compared with.

use super::number::{self, NumberError};
use super::text;
use super::walk::{Walk, printable};
use crate::policy::ast::{ArgType, Operator, TypeClass, Values};
use crate::policy::code::Code;
use crate::policy::diag::Diagnostic;
use crate::policy::raw::{Node, Value};
use crate::policy::source::Span;

/// Process ids.
pub(super) fn pids(walk: &mut Walk<'_>, items: &[Node]) -> Option<Vec<u32>> {
    collect(walk, items, |walk, node| {
        let value = walk.integer(node, "a process id")?;
        let pid = u32::try_from(value).ok();
        if pid.is_none() {
            walk.push(
                Diagnostic::new(Code::IntegerRange, node.span, format!("{value} is not a process id"))
                    .help(format!("process ids are 0 to {}", u32::MAX)),
            );
        }
        pid
    })
}

/// The values of an argument filter. The operator is absent when it was wrong; what depends on it is then not judged.
pub(super) fn values(
    walk: &mut Walk<'_>,
    items: &[Node],
    ty: ArgType,
    operator: Option<Operator>,
) -> Option<Values> {
    match ty.class() {
        TypeClass::Integer { signed, bits } => {
            collect(walk, items, |walk, node| integer(walk, node, ty, signed, bits)).map(Values::Integers)
        }
        TypeClass::Text => collect(walk, items, text::value).map(Values::Strings),
        TypeClass::Path => collect(walk, items, |walk, node| {
            let bytes = text::value(walk, node)?;
            text::check_path(walk, node, operator).then_some(bytes)
        })
        .map(Values::Strings),
        _ => None,
    }
}

/// All values, or nothing when one is wrong; the same value twice is wrong too, because one of the two was meant otherwise.
fn collect<T: PartialEq>(
    walk: &mut Walk<'_>,
    items: &[Node],
    mut read: impl FnMut(&mut Walk<'_>, &Node) -> Option<T>,
) -> Option<Vec<T>> {
    let mut all: Vec<(T, Span)> = Vec::with_capacity(items.len());
    let mut complete = true;
    for node in items {
        let Some(value) = read(walk, node) else {
            complete = false;
            continue;
        };
        if let Some((_, first)) = all.iter().find(|(seen, _)| *seen == value) {
            complete = false;
            walk.push(
                Diagnostic::new(Code::DuplicateValue, node.span, "the same value is given twice")
                    .label("second time")
                    .also(*first, "first time")
                    .help("remove one, or correct it"),
            );
            continue;
        }
        all.push((value, node.span));
    }
    complete.then(|| all.into_iter().map(|(value, _)| value).collect())
}

fn integer(walk: &mut Walk<'_>, node: &Node, ty: ArgType, signed: bool, bits: u8) -> Option<u64> {
    let spelled = walk.spelling(node.span);
    let value = match &node.value {
        Value::Integer(value) => Ok(*value),
        Value::Text(text) => number::parse(text),
        // A number of more than 64 bits arrives as a decimal one; its spelling is exact.
        Value::Float(_) => number::parse(spelled),
        _ => Err(NumberError::Spelling),
    };
    let in_range = match value {
        Ok(value) => number::to_wire_width(value, signed, bits),
        Err(NumberError::TooLarge) => None,
        Err(NumberError::Spelling) => {
            let shown = match &node.value {
                Value::List(_) | Value::Map(_) | Value::Null => node.value.kind().to_owned(),
                Value::Text(text) => format!("`{}`", printable(text)),
                _ => format!("`{}`", printable(spelled)),
            };
            walk.push(
                Diagnostic::new(Code::NotAnInteger, node.span, format!("{shown} is not a whole number"))
                    .label(format!("compared with an argument of type `{}`", ty.name()))
                    .help("write decimal, 0x…, 0o… or 0b…, without underscores"),
            );
            return None;
        }
    };
    if in_range.is_none() {
        let (lowest, highest) = number::range(signed, bits);
        let ty = ty.name();
        let shown = printable(spelled);
        walk.push(
            Diagnostic::new(Code::IntegerRange, node.span, format!("{shown} does not fit type `{ty}`"))
                .label("the argument never has this value")
                .help(format!("type `{ty}` is {lowest} to {highest}")),
        );
    }
    in_range
}
