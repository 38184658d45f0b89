//! What the early look of an entry program compares: the names or first bytes that every selector needs.
//!
//! A selector is a conjunction, so that one entry which does not hold settles it. Where every selector has such an entry on one and the
//! same path or text, a call whose last name (or first names, or first bytes) fits none of their values matches nothing, whatever
//! else is to be read. Hooks of another shape have no early look: every call goes through the stages.

use quell_wire::code::{ArgType as WireType, Operator, Subject};
use quell_wire::hook::{
    HOOK_ENFORCER, HOOK_NOTIFIES, HOOK_RETURNS, HOOK_TRACKED, HOOK_USER_MEMORY, HookConfig, Quick,
};
use quell_wire::limits::{MAX_NAME_BYTES, MAX_QUICK};
use quell_wire::selector::Section;
use quell_wire::tree::{EntryTree, SelectorTree, ValueTree};

use crate::policy::ast::{Arg, ArgSource, Hook};

/// What a hook does at every call, not only at one that matches: it has no early look.
const BUSY: u32 = HOOK_RETURNS | HOOK_TRACKED | HOOK_NOTIFIES | HOOK_ENFORCER;
/// Bytes of a word.
const WORD: usize = 8;
const MOST: usize = MAX_QUICK as usize;

/// One name, or a word of a text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Name {
    length: u32,
    exact: bool,
    word: u64,
    mask: u64,
}

/// Fills the constants of the early look, where the selectors have a shape for it.
pub(super) fn set(config: &mut HookConfig, hook: &Hook, selectors: &[SelectorTree]) {
    let pids = selectors.iter().any(|selector| !selector.pids.is_empty());
    if selectors.is_empty() || pids || config.flags & BUSY != 0 {
        return;
    }
    let shape = [Quick::Last, Quick::Text, Quick::First].into_iter().find_map(|quick| {
        let mut args = hook.args.iter().enumerate();
        args.find_map(|(position, arg)| Some((quick, arg, values(quick, position, arg, config, selectors)?)))
    });
    let Some((quick, Arg { source: ArgSource::Argument(index), ty, .. }, values)) = shape else { return };
    config.quick = quick.number();
    config.quick_index = (*index).into();
    config.quick_type = super::code::wire_type(*ty).number();
    config.quick_values = u32::try_from(values.len()).unwrap_or(MAX_QUICK);
    for (at, names) in values.iter().enumerate() {
        for (name, place) in names.iter().zip([at, MOST + at]) {
            config.quick_length[place] = name.length;
            config.quick_word[place] = name.word;
            config.quick_mask[place] = name.mask;
            config.quick_exact |= u32::from(name.exact) << place;
        }
    }
}

/// The values of an argument of which every selector needs one; `None`: some selector doesn't, or there are too many.
fn values(
    quick: Quick,
    position: usize,
    arg: &Arg,
    config: &HookConfig,
    selectors: &[SelectorTree],
) -> Option<Vec<[Name; 2]>> {
    let read = matches!(arg.source, ArgSource::Argument(_)) && arg.resolve.is_empty() && !arg.return_copy;
    if !read || quick == Quick::Text && config.flags & HOOK_USER_MEMORY == 0 {
        return None;
    }
    let mut all = Vec::new();
    for selector in selectors {
        let mut entries = selector.section(Section::Args).iter();
        all.extend(entries.find_map(|entry| needed(quick, position, entry))?);
    }
    (all.len() <= MOST).then_some(all)
}

/// The values of an entry, when a call has to have one of them for it to hold.
fn needed(quick: Quick, position: usize, entry: &EntryTree) -> Option<Vec<[Name; 2]>> {
    let of_type = match entry.arg_type {
        WireType::Fd | WireType::File | WireType::Path | WireType::LinuxBinprm | WireType::Kiocb => {
            quick != Quick::Text
        }
        WireType::String => quick == Quick::Text,
        _ => false,
    };
    let ValueTree::Strings(strings) = &entry.values else { return None };
    let here = Subject::from_number(u32::try_from(position).ok()?) == Some(entry.subject);
    if !here || !of_type || entry.search != 0 {
        return None;
    }
    strings.iter().map(|value| of_value(quick, entry.op, value)).collect()
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
