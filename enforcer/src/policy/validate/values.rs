//! The values of filters: numbers and their names, ranges, texts, networks.

use std::borrow::Cow;
use std::collections::HashMap;
use std::hash::Hash;

use quell_wire::limits::{MAX_PATTERN_BYTES, SEARCH_WORDS};

use super::lists::{self, Content, LIST_PREFIX, Lists};
use super::network;
use super::number::{self, NumberError};
use super::process::unknown;
use super::text;
use super::walk::{Walk, limit, printable};
use crate::policy::ast::{ArgType, Operator, TypeClass, Values};
use crate::policy::code::Code;
use crate::policy::diag::Diagnostic;
use crate::policy::names::{self, Domain};
use crate::policy::raw::{Node, Value};
use crate::policy::source::Span;
use crate::policy::typing::{ValueKind, value_kind};

/// What numbers of a filter are.
#[derive(Clone, Copy)]
struct Numbers {
    /// What the compared thing is called in messages.
    name: &'static str,
    signed: bool,
    bits: u8,
    /// The only names, where they need not say what they are; `None`: any constant.
    domain: Option<Domain>,
    /// Nothing but the named numbers can be.
    named_only: bool,
    /// Each number is a bit, and several may stand in one value.
    mask: bool,
}

fn numbers(operator: Option<Operator>, ty: ArgType) -> Numbers {
    let (signed, bits) = match ty.class() {
        TypeClass::Integer { signed, bits } => (signed, bits),
        _ => (false, 64),
    };
    let own = Numbers { name: ty.name(), signed, bits, domain: None, named_only: false, mask: false };
    let attribute = |name, bits, domain, named_only| Numbers {
        name,
        signed: false,
        bits,
        domain: Some(domain),
        named_only,
        mask: false,
    };
    match operator {
        Some(Operator::Protocol) => attribute("protocol", 32, Domain::Protocol, false),
        Some(Operator::Family) => attribute("family", 32, Domain::Family, false),
        Some(Operator::State) => attribute("state", 32, Domain::State, false),
        Some(Operator::FileType | Operator::NotFileType) => {
            attribute("file type", 32, Domain::FileType, true)
        }
        Some(Operator::SPort | Operator::NotSPort | Operator::DPort | Operator::NotDPort) => {
            Numbers { name: "port", signed: false, bits: 16, ..own }
        }
        _ => match ty {
            ArgType::Capability => Numbers { domain: Some(Domain::Capability), ..own },
            ArgType::Syscall64 => Numbers { domain: Some(Domain::SystemCall), ..own },
            _ if matches!(ty.class(), TypeClass::Capabilities) => Numbers { mask: true, ..own },
            _ => own,
        },
    }
}

/// The values of an argument filter whose operator applies to the type.
pub(super) fn values<'n>(
    walk: &mut Walk<'_>,
    items: &'n [Node],
    ty: ArgType,
    op: Operator,
    defined: Option<&Lists<'n>>,
) -> Option<Values> {
    let kind = value_kind(op, ty);
    let items = match kind {
        ValueKind::Integers | ValueKind::Ranges => expand(walk, items, op, defined)?,
        _ => Cow::Borrowed(items),
    };
    if let Some(first) = items.first() {
        walk.spend(items.len(), first.span)?;
    }
    let spec = numbers(Some(op), ty);
    match kind {
        ValueKind::None | ValueKind::Other => Some(Values::None),
        ValueKind::Integers => {
            collect(walk, &items, |walk, node| integer(walk, node, spec)).map(Values::Integers)
        }
        ValueKind::Ranges => collect(walk, &items, |walk, node| range(walk, node, spec)).map(Values::Ranges),
        ValueKind::Networks => collect(walk, &items, network::network).map(Values::Networks),
        ValueKind::Strings => {
            let strings = strings(walk, &items, ty, Some(op))?;
            if matches!(op, Operator::SubString | Operator::SubStringIgnCase) {
                fits_search(walk, &items, &strings)?;
            }
            Some(Values::Strings(strings))
        }
    }
}

/// Judges values by their type alone, under an operator that is wrong itself; there is nothing to return.
pub(super) fn judge(walk: &mut Walk<'_>, items: &[Node], ty: ArgType) -> Option<Values> {
    match ty.class() {
        TypeClass::Integer { .. } => {
            let spec = numbers(None, ty);
            collect(walk, items, |walk, node| integer(walk, node, spec))?;
        }
        TypeClass::Text | TypeClass::Path => {
            strings(walk, items, ty, None)?;
        }
        _ => {}
    }
    None
}

/// The values with those of lists in the place of their names.
fn expand<'n>(
    walk: &mut Walk<'_>,
    items: &'n [Node],
    op: Operator,
    defined: Option<&Lists<'n>>,
) -> Option<Cow<'n, [Node]>> {
    let named = |node: &'n Node| match &node.value {
        Value::Text(text) => text.strip_prefix(LIST_PREFIX),
        _ => None,
    };
    if !items.iter().any(|node| named(node).is_some()) {
        return Some(Cow::Borrowed(items));
    }
    let mut all = Vec::with_capacity(items.len());
    for node in items {
        let Some(name) = named(node) else {
            all.push(node.clone());
            continue;
        };
        if !matches!(op, Operator::InMap | Operator::NotInMap) {
            walk.push(
                Diagnostic::new(
                    Code::OperatorArguments,
                    node.span,
                    format!("`{}` takes no lists", op.name()),
                )
                .help("use InMap or NotInMap"),
            );
            return None;
        }
        let list = lists::find(walk, defined?, name, node.span)?;
        match list.content {
            Content::Values(values) => {
                walk.spend(values.len(), node.span)?;
                all.extend_from_slice(values);
            }
            // Whatever the type of the argument, these are numbers of system calls.
            Content::SystemCalls(values) => {
                walk.spend(values.len(), node.span)?;
                let number = |node: &Node| match &node.value {
                    Value::Text(name) => Domain::SystemCall.number(name),
                    _ => None,
                };
                all.extend(values.iter().map(|node| {
                    number(node).map_or_else(|| node.clone(), |number| system_call(number, node.span))
                }));
            }
            Content::EverySystemCall => {
                let calls = Domain::SystemCall.names();
                walk.spend(calls.len(), node.span)?;
                all.extend(calls.into_iter().map(|(_, number)| system_call(number, node.span)));
            }
            Content::Functions(_) => {
                walk.push(
                    Diagnostic::new(
                        Code::UnsupportedListType,
                        node.span,
                        format!("`{}` is a list of functions", printable(name)),
                    )
                    .label("functions are no values")
                    .help("use a list of type `syscalls`, or of values"),
                );
                return None;
            }
        }
    }
    let most = limit(crate::policy::typing::most_values(op));
    if let Some(over) = all.get(most) {
        walk.push(
            Diagnostic::new(
                Code::ListTooLong,
                over.span,
                format!("the values and their lists have {} entries, at most {most} fit", all.len()),
            )
            .help("use fewer lists in one filter"),
        );
        return None;
    }
    Some(Cow::Owned(all))
}

fn system_call(number: u64, span: Span) -> Node {
    Node { value: Value::Integer(number.into()), span }
}

fn strings(walk: &mut Walk<'_>, items: &[Node], ty: ArgType, op: Option<Operator>) -> Option<Vec<Vec<u8>>> {
    let path = ty.class() == TypeClass::Path;
    collect(walk, items, |walk, node| {
        let bytes = text::value(walk, node, ty)?;
        let fits = op.filter(|_| path).is_none_or(|op| text::check_path(walk, node.span, &bytes, op));
        fits.then_some(bytes)
    })
}

/// Whether the values of a SubString fit one table of `SEARCH_WORDS` words; packed as the encoder packs them.
fn fits_search(walk: &mut Walk<'_>, items: &[Node], strings: &[Vec<u8>]) -> Option<()> {
    let room = limit(MAX_PATTERN_BYTES);
    if let Some((node, long)) = items.iter().zip(strings).find(|(_, bytes)| bytes.len() > room) {
        walk.push(
            Diagnostic::new(
                Code::SearchTooLong,
                node.span,
                format!("the value has {} bytes, at most {room} can be searched for", long.len()),
            )
            .help("search for a shorter part of it"),
        );
        return None;
    }
    let mut longest_first: Vec<_> = strings.iter().map(Vec::len).zip(items).collect();
    longest_first.sort_by_key(|(length, _)| std::cmp::Reverse(*length));
    let mut used = vec![0usize; limit(SEARCH_WORDS)];
    for (length, node) in longest_first {
        let Some(word) = used.iter_mut().find(|used| **used + length <= room) else {
            walk.push(
                Diagnostic::new(
                    Code::SearchTooLong,
                    node.span,
                    "the values do not fit one search",
                )
                .label("no room for this one")
                .help(format!(
                    "one entry searches {SEARCH_WORDS} times {room} bytes: write the rest of the values into a second selector that \
                     is alike in everything else"
                )),
            );
            return None;
        };
        *word += length;
    }
    Some(())
}

/// All values, or nothing when one is wrong; the same value twice is wrong too, because one of the two was meant otherwise.
pub(super) fn collect<T: Clone + Eq + Hash>(
    walk: &mut Walk<'_>,
    items: &[Node],
    mut read: impl FnMut(&mut Walk<'_>, &Node) -> Option<T>,
) -> Option<Vec<T>> {
    let mut all = Vec::with_capacity(items.len());
    let mut seen: HashMap<T, Span> = HashMap::with_capacity(items.len());
    let mut complete = true;
    for node in items {
        if walk.is_full() {
            return None;
        }
        let Some(value) = read(walk, node) else {
            complete = false;
            continue;
        };
        if let Some(first) = seen.get(&value) {
            complete = false;
            walk.push(
                Diagnostic::new(Code::DuplicateValue, node.span, "the same value is given twice")
                    .label("second time")
                    .also(*first, "first time")
                    .help("remove one, or correct it"),
            );
            continue;
        }
        seen.insert(value.clone(), node.span);
        all.push(value);
    }
    complete.then_some(all)
}

/// The number that a text says, by digits or by name.
fn spelled(text: &str, spec: Numbers) -> Result<i128, NumberError> {
    let digits = number::parse(text);
    if digits != Err(NumberError::Spelling) {
        return digits;
    }
    let named = match spec.domain {
        Some(domain) => domain.number(text).map(i128::from),
        None if spec.mask => return mask(text),
        None => names::constant(text),
    };
    named.ok_or(NumberError::Spelling)
}

/// Capabilities by name, with commas between them.
fn mask(text: &str) -> Result<i128, NumberError> {
    text.split(',').try_fold(0, |mask, name| {
        let number = Domain::Capability.number(name.trim()).ok_or(NumberError::Spelling)?;
        Ok(mask | 1 << number)
    })
}

fn integer(walk: &mut Walk<'_>, node: &Node, spec: Numbers) -> Option<u64> {
    let written = walk.spelling(node.span);
    let value = match &node.value {
        Value::Integer(value) => Ok(*value),
        Value::Text(text) => spelled(text, spec),
        // A number of more than 64 bits arrives as a decimal one; its spelling is exact.
        Value::Float(_) => number::parse(written),
        _ => Err(NumberError::Spelling),
    };
    let value = match value {
        Err(NumberError::Spelling) => {
            not_a_number(walk, node, spec);
            return None;
        }
        Err(NumberError::TooLarge) => None,
        Ok(value) => number::to_wire_width(value, spec.signed, spec.bits),
    };
    let Some(value) = value else {
        out_of_range(walk, node.span, &printable(written), spec);
        return None;
    };
    if let Some(domain) = spec.domain.filter(|domain| spec.named_only && domain.name(value).is_none()) {
        unknown(walk, node, domain);
        return None;
    }
    Some(value)
}

fn not_a_number(walk: &mut Walk<'_>, node: &Node, spec: Numbers) {
    if let (Some(domain), Value::Text(_)) = (spec.domain, &node.value) {
        unknown(walk, node, domain);
        return;
    }
    let shown = match &node.value {
        Value::List(_) | Value::Map(_) | Value::Null | Value::Bytes(_) => node.value.kind().to_owned(),
        Value::Text(text) => format!("`{}`", printable(text)),
        _ => format!("`{}`", printable(walk.spelling(node.span))),
    };
    let help = if spec.mask {
        "write names such as `CAP_CHOWN,CAP_KILL`, or the bits as a number"
    } else {
        "write decimal, 0x…, 0o… or 0b…, without underscores, or a name such as SIGKILL, EPERM or AF_INET"
    };
    walk.push(
        Diagnostic::new(Code::NotAnInteger, node.span, format!("{shown} is not a whole number"))
            .label(format!("compared with {} `{}`", kind_of(spec), spec.name))
            .help(help),
    );
}

const fn kind_of(spec: Numbers) -> &'static str {
    if spec.domain.is_some() { "a" } else { "an argument of type" }
}

fn out_of_range(walk: &mut Walk<'_>, span: Span, shown: &str, spec: Numbers) {
    let (lowest, highest) = number::range(spec.signed, spec.bits);
    let name = spec.name;
    walk.push(
        Diagnostic::new(Code::IntegerRange, span, format!("{shown} does not fit type `{name}`"))
            .label("the argument never has this value")
            .help(format!("type `{name}` is {lowest} to {highest}")),
    );
}

/// `least:greatest`, or one number.
fn range(walk: &mut Walk<'_>, node: &Node, spec: Numbers) -> Option<(u64, u64)> {
    let Value::Text(text) = &node.value else {
        return integer(walk, node, spec).map(|value| (value, value));
    };
    let Some((low, high)) = text.split_once(':') else {
        return integer(walk, node, spec).map(|value| (value, value));
    };
    let bound = |text: &str| spelled(text.trim(), spec);
    let (Ok(low), Ok(high)) = (bound(low), bound(high)) else {
        walk.push(
            Diagnostic::new(Code::NotARange, node.span, format!("`{}` is not a range", printable(text)))
                .help("write the least and the greatest number with `:` between them, such as `1024:65535`"),
        );
        return None;
    };
    if low > high {
        walk.push(
            Diagnostic::new(
                Code::NotARange,
                node.span,
                format!("`{}` begins behind its end", printable(text)),
            )
            .label("no number is in it")
            .help(format!("write `{high}:{low}`")),
        );
        return None;
    }
    let wire = |value| number::to_wire_width(value, spec.signed, spec.bits);
    let bounds = wire(low).zip(wire(high));
    if bounds.is_none() {
        out_of_range(walk, node.span, &printable(text), spec);
    }
    bounds
}
