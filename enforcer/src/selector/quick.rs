//! What the early look of an entry program compares: the names, first bytes or numbers that every selector needs.
//!
//! A selector is a conjunction, so that one entry which does not hold settles it. Where every selector has such an entry on one and the
//! same argument, a call whose last name (or first names, first bytes, number) fits none of their values matches nothing, whatever
//! else is to be read. A few values are compared one by one, more of them are told by a table ([`quick_table`](super::quick_table)).
//! Hooks of another shape have no early look: every call goes through the stages.

use quell_wire::code::{ArgType as WireType, Operator, Subject};
use quell_wire::hook::{HOOK_ENFORCER, HOOK_NOTIFIES, HOOK_RETURNS, HOOK_USER_MEMORY, HookConfig, Quick};
use quell_wire::limits::{MAX_NAME_BYTES, MAX_QUICK};
use quell_wire::selector::Section;
use quell_wire::sets::Sets;
use quell_wire::tree::{EntryTree, SelectorTree, ValueTree};

use super::{quick_table, sets};
use crate::policy::ast::{Arg, ArgSource, Hook};

/// What a hook does at every call, not only at one that matches: it has no early look.
const BUSY: u32 = HOOK_RETURNS | HOOK_NOTIFIES | HOOK_ENFORCER;
/// Bytes of a word.
const WORD: usize = 8;
pub(super) const MOST: usize = MAX_QUICK as usize;

/// One name, a word of a text, or a number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Name {
    pub(super) length: u32,
    pub(super) exact: bool,
    pub(super) word: u64,
    pub(super) mask: u64,
}

/// Fills the constants of the early look, where the selectors have a shape for it. The answer is the table of the values, empty where
/// they are so few that the constants have them.
pub(super) fn set(config: &mut HookConfig, hook: &Hook, selectors: &[SelectorTree], sets: &Sets) -> Vec<u64> {
    let pids = selectors.iter().any(|selector| !selector.pids.is_empty());
    if selectors.is_empty() || pids || config.flags & BUSY != 0 {
        return Vec::new();
    }
    // Names first: they tell more than numbers, which often are flags.
    let kinds = [Quick::Last, Quick::Text, Quick::First, Quick::Number, Quick::Bits];
    let shape = kinds.into_iter().find_map(|quick| {
        let mut args = hook.args.iter().enumerate().filter(|(_, arg)| is_read(quick, arg, config));
        args.find_map(|(position, arg)| Some((quick, arg, values(quick, position, selectors, sets)?)))
    });
    let Some((quick, Arg { source: ArgSource::Argument(index), ty, .. }, values)) = shape else {
        return Vec::new();
    };
    config.quick = quick.number();
    config.quick_index = (*index).into();
    config.quick_type = super::code::wire_type(*ty).number();
    if values.len() > MOST {
        return quick_table::set(config, &values);
    }
    config.quick_values = u32::try_from(values.len()).unwrap_or(MAX_QUICK);
    for (at, names) in values.iter().enumerate() {
        for (name, place) in names.iter().zip([at, MOST + at]) {
            config.quick_length[place] = name.length;
            config.quick_word[place] = name.word;
            config.quick_mask[place] = name.mask;
            config.quick_exact |= u32::from(name.exact) << place;
        }
    }
    Vec::new()
}

/// Whether an argument is where the early look finds it.
fn is_read(quick: Quick, arg: &Arg, config: &HookConfig) -> bool {
    let given = matches!(arg.source, ArgSource::Argument(_)) && arg.resolve.is_empty() && !arg.return_copy;
    given && (quick != Quick::Text || config.flags & HOOK_USER_MEMORY != 0)
}

/// The values of an argument of which every selector needs one; `None`: some selector doesn't.
fn values(quick: Quick, position: usize, selectors: &[SelectorTree], sets: &Sets) -> Option<Vec<[Name; 2]>> {
    let mut all = Vec::new();
    for selector in selectors {
        let mut entries = selector.section(Section::Args).iter();
        all.extend(entries.find_map(|entry| needed(quick, position, entry, sets))?);
    }
    if quick == Quick::Bits {
        let mask = all.iter().fold(0, |mask, [Name { mask: one, .. }, _]| mask | one);
        all = vec![[Name { mask, ..Name::default() }, Name::default()]];
    }
    (!all.is_empty()).then_some(all)
}

/// The values of an entry, when a call has to have one of them for it to hold.
fn needed(quick: Quick, position: usize, entry: &EntryTree, sets: &Sets) -> Option<Vec<[Name; 2]>> {
    let here = Subject::from_number(u32::try_from(position).ok()?) == Some(entry.subject);
    if !here || !is_of_type(quick, entry.arg_type) || entry.search != 0 {
        return None;
    }
    let EntryTree { op, arg_type, .. } = *entry;
    let members = match entry.values {
        ValueTree::Set(set) => sets::members(sets, op, arg_type.is_bytes(), set, arg_type.is_signed()),
        _ => None,
    };
    match members.as_ref().unwrap_or(&entry.values) {
        ValueTree::Strings(strings) => strings.iter().map(|value| of_value(quick, op, value)).collect(),
        ValueTree::Numbers(numbers) => {
            numbers.iter().map(|value| of_number(quick, op, arg_type, *value)).collect()
        }
        _ => None,
    }
}

const fn is_of_type(quick: Quick, ty: WireType) -> bool {
    match ty {
        WireType::Fd | WireType::File | WireType::Path | WireType::LinuxBinprm | WireType::Kiocb => {
            matches!(quick, Quick::Last | Quick::First)
        }
        WireType::String => matches!(quick, Quick::Text),
        _ => matches!(quick, Quick::Number | Quick::Bits),
    }
}

/// What a number needs; `None`: the type is not just a number, or the operator asks for something else.
fn of_number(quick: Quick, op: Operator, ty: WireType, value: u64) -> Option<[Name; 2]> {
    let mask = match ty {
        WireType::S8 | WireType::U8 => 0xff,
        WireType::S16 | WireType::U16 => 0xffff,
        WireType::Int | WireType::S32 | WireType::U32 | WireType::Capability => 0xffff_ffff,
        WireType::S64 | WireType::U64 | WireType::SizeT => u64::MAX,
        _ => return None,
    };
    let number = match (quick, op) {
        (Quick::Number, Operator::Equal | Operator::In) => {
            Name { word: value & mask, mask, ..Name::default() }
        }
        // Above the type's own bits there are copies of its sign.
        (Quick::Bits, Operator::Mask) if value & !mask == 0 => Name { mask: value, ..Name::default() },
        _ => return None,
    };
    Some([number, Name::default()])
}

/// What a value needs; `None`: nothing that a look can tell.
fn of_value(quick: Quick, op: Operator, value: &[u8]) -> Option<[Name; 2]> {
    let whole = matches!(op, Operator::Equal | Operator::In);
    if value.contains(&0) || !(whole || matches!(op, Operator::Prefix | Operator::Postfix)) {
        return None;
    }
    match quick {
        Quick::Last if whole && !value.starts_with(b"/") => None,
        Quick::Last if whole || op == Operator::Postfix => {
            let slash = value.iter().rposition(|byte| *byte == b'/');
            let name = slash.map_or(value, |at| value.get(at + 1..).unwrap_or_default());
            Some([last(name, slash.is_some())?, Name::default()])
        }
        Quick::First if whole || op == Operator::Prefix => {
            let mut names = value.strip_prefix(b"/")?.split(|byte| *byte == b'/');
            let (one, two, more) = (names.next()?, names.next(), names.next().is_some());
            let second = match two {
                Some(two) if whole || more => first(two, true)?,
                Some(two) if !two.is_empty() => first(two, false)?,
                _ => Name::default(),
            };
            Some([first(one, whole || two.is_some())?, second])
        }
        Quick::Text if whole || op == Operator::Prefix => {
            let mut text = value.to_vec();
            // Behind a whole text there is a NUL.
            text.extend(whole.then_some(0));
            let mut words = text.chunks(WORD);
            let (one, two) = (words.next()?, words.next().unwrap_or_default());
            Some([first(one, false)?, word(two)])
        }
        _ => None,
    }
}

/// A last name, or, when it is not `exact`, what it ends with.
fn last(name: &[u8], exact: bool) -> Option<Name> {
    let end = name.last_chunk::<WORD>().map_or(name, |end| end);
    let missing = u32::try_from(WORD - end.len()).ok()? * u8::BITS;
    let Name { word, mask, .. } = word(end);
    let shift = |number: u64| number.checked_shl(missing).unwrap_or(0);
    Some(Name { length: length(name)?, exact, word: shift(word), mask: shift(mask) })
}

/// A name, or, when it is not `exact`, what it begins with.
fn first(name: &[u8], exact: bool) -> Option<Name> {
    Some(Name {
        length: length(name)?,
        exact,
        ..word(name.first_chunk::<WORD>().map_or(name, |begin| begin))
    })
}

/// Up to eight bytes.
fn word(bytes: &[u8]) -> Name {
    let fold = |all: u64, byte: u8| all << u8::BITS | u64::from(byte);
    let number = bytes.iter().rev().fold(0, |all, byte| fold(all, *byte));
    let mask = bytes.iter().fold(0, |all, _| fold(all, u8::MAX));
    Name { word: number, mask, ..Name::default() }
}

/// Nothing has a name that is empty or too long.
fn length(name: &[u8]) -> Option<u32> {
    u32::try_from(name.len()).ok().filter(|length| (1..=MAX_NAME_BYTES).contains(length))
}
