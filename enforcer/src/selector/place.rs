//! Where values stand: in the selector bytes, or in a set beside them. The same policy always gives the same places.
//!
//! Few values stand in the bytes; many become a set. Then, while the hook's string comparisons are more than the verifier
//! walks, or its bytes more than the map's value holds, the entry that costs most becomes a set too.

use std::collections::HashMap;

use quell_wire::code::{Operator, Subject};
use quell_wire::hook::SetKind;
use quell_wire::limits::{
    MAX_AFFIX_SET_BYTES, MAX_FILTERS, MAX_FOLLOWED, MAX_INLINE_WORDS, MAX_SEARCHES, MAX_SETS, MAX_VALUES,
};
use quell_wire::selector::Section;
use quell_wire::sets::Sets;
use quell_wire::tree::{EntryTree, SelectorTree, ValueTree};
use quell_wire::write::{self, TooLarge};

use super::error::{CompileError, Place};
use super::{canonical, config, entries as filters, search, sets};

/// String values of one entry that are compared one by one.
const INLINE_STRINGS: usize = 8;
/// Networks of one entry that are compared one by one.
const INLINE_NETWORKS: usize = 16;
/// Numbers that the ranges of one entry may have to be listed one by one.
pub(crate) const LISTED_NUMBERS: u64 = 65_536;

/// Moves values to sets and fills in search tables.
///
/// # Errors
/// What does not fit anywhere.
pub(super) fn place(selectors: &mut [SelectorTree]) -> Result<Sets, CompileError> {
    let mut out = Sets::default();
    searches(selectors, &mut out)?;
    let mut moved = Vec::new();
    for (place, entry) in entries(selectors) {
        if let ValueTree::Ranges(written) = &mut entry.values {
            *written = canonical::ranges(written, entry.arg_type.is_signed());
        }
        moved.push(if must_move(place, entry)? { Some(take(entry)) } else { None });
    }
    loop {
        let words = config::inline_words(selectors);
        let (cost, error): (fn(&ValueTree) -> usize, _) = if words > MAX_INLINE_WORDS.into() {
            (string_cost, CompileError::TooManyComparisons { words })
        } else if let Err(error @ TooLarge { .. }) = write::selectors(selectors) {
            (byte_cost, error.into())
        } else {
            break;
        };
        // The last of equals is as good as the first, as long as it is always the same.
        let candidates = entries(selectors).zip(&mut moved).filter(|((_, entry), _)| movable(entry));
        let best = candidates.max_by_key(|((_, entry), _)| cost(&entry.values));
        match best.filter(|((_, entry), _)| cost(&entry.values) > 0) {
            Some(((_, entry), moved)) => *moved = Some(take(entry)),
            None => return Err(error),
        }
    }
    to_sets(selectors, &moved, &mut out)?;
    let followed = config::followed(selectors).len();
    if followed > MAX_FOLLOWED as usize {
        return Err(CompileError::TooManyFollowed { needed: followed });
    }
    Ok(out)
}

/// Takes the values out of an entry; the number of the set is given when all of them are known.
fn take(entry: &mut EntryTree) -> ValueTree {
    std::mem::replace(&mut entry.values, ValueTree::Set(0))
}

/// Every entry, with its place.
fn entries(selectors: &mut [SelectorTree]) -> impl Iterator<Item = (Place, &mut EntryTree)> {
    selectors.iter_mut().enumerate().flat_map(|(selector, tree)| {
        tree.sections.iter_mut().flat_map(move |(section, entries)| {
            let section: Section = *section;
            let placed = move |(entry, tree)| (Place { selector, section, entry }, tree);
            entries.iter_mut().enumerate().map(placed)
        })
    })
}

/// Checks how many entries the sections have.
///
/// # Errors
/// The first section with too many, which only `isNamespaceCapability` can make of a valid policy.
pub(super) fn check_sections(selectors: &[SelectorTree]) -> Result<(), CompileError> {
    for (selector, tree) in selectors.iter().enumerate() {
        for (section, entries) in &tree.sections {
            if entries.len() > MAX_FILTERS as usize {
                return Err(CompileError::TooManyEntries {
                    selector,
                    section: *section,
                    entries: entries.len(),
                });
            }
        }
    }
    Ok(())
}

/// Packs the values of SubString entries; equal tables are one.
fn searches(selectors: &mut [SelectorTree], out: &mut Sets) -> Result<(), CompileError> {
    for (place, entry) in entries(selectors) {
        let (Operator::SubString | Operator::SubStringIgnCase, ValueTree::Strings(values)) =
            (entry.op, &entry.values)
        else {
            continue;
        };
        let bytes = values.iter().map(Vec::len).sum();
        let table = search::table(entry.op, entry.subject, values);
        let table = table.ok_or(CompileError::SearchTooLarge { place, bytes })?;
        let position = out.searches.iter().position(|other| *other == table).unwrap_or_else(|| {
            out.searches.push(table);
            out.searches.len() - 1
        });
        entry.search = u32::try_from(position + 1).unwrap_or(u32::MAX);
    }
    let searches = out.searches.len();
    if searches > MAX_SEARCHES as usize { Err(CompileError::TooManySearches { searches }) } else { Ok(()) }
}

fn kind(entry: &EntryTree) -> Option<SetKind> {
    sets::kind(entry.op, entry.arg_type.is_bytes())
}

/// Whether the entry's values are too many for the bytes.
fn must_move(place: Place, entry: &EntryTree) -> Result<bool, CompileError> {
    let limit = MAX_VALUES as usize;
    let negative = entry.op.positive().is_some();
    match &entry.values {
        ValueTree::Numbers(numbers) if numbers.len() <= limit => Ok(false),
        ValueTree::Numbers(_) if kind(entry).is_some() => Ok(true),
        ValueTree::Numbers(numbers) => {
            Err(CompileError::TooManyValues { place, values: numbers.len(), negative })
        }
        ValueTree::Ranges(ranges) if ranges.len() <= canonical::INLINE_RANGES => Ok(false),
        ValueTree::Ranges(ranges) => {
            let members = canonical::members(ranges);
            if members <= LISTED_NUMBERS.into() {
                Ok(true)
            } else if ranges.len() <= limit {
                Ok(false)
            } else {
                let (ranges, listed) = (ranges.len(), LISTED_NUMBERS);
                Err(CompileError::TooManyRanges { place, ranges, members, listed, negative })
            }
        }
        // Which process ran what is remembered by the number of a set.
        ValueTree::Strings(_) if entry.subject == Subject::FollowedBinaries => Ok(true),
        ValueTree::Strings(strings) if strings.len() > INLINE_STRINGS && movable(entry) => Ok(true),
        ValueTree::Strings(strings) if strings.len() <= limit => Ok(false),
        ValueTree::Strings(strings) if entry.search == 0 => Err(CompileError::AffixTooLong {
            place,
            values: strings.len(),
            length: sets::longest(&entry.values),
            negative,
        }),
        ValueTree::Strings(strings) => {
            Err(CompileError::TooManyValues { place, values: strings.len(), negative })
        }
        ValueTree::Networks(networks) => Ok(networks.len() > INLINE_NETWORKS),
        ValueTree::Set(_) => Ok(false),
    }
}

/// Whether the entry's values can be a set. Few ranges cannot: their normal form is as written. Nor can the entry behind
/// those of isNamespaceCapability, by which a reader of the bytes knows them.
fn movable(entry: &EntryTree) -> bool {
    match kind(entry) {
        None => false,
        Some(_) if matches!(entry.values, ValueTree::Set(_)) => false,
        Some(_) if *entry == filters::outside_initial_user_namespace() => false,
        Some(SetKind::Prefixes | SetKind::Postfixes) => {
            sets::longest(&entry.values) <= MAX_AFFIX_SET_BYTES as usize
        }
        Some(_) => !matches!(entry.values, ValueTree::Ranges(_)),
    }
}

/// What moving the strings of an entry saves the verifier.
fn string_cost(values: &ValueTree) -> usize {
    match values {
        ValueTree::Strings(strings) => strings.len() * sets::longest(values).div_ceil(8),
        _ => 0,
    }
}

/// Bytes that moving the values of an entry saves.
fn byte_cost(values: &ValueTree) -> usize {
    match values {
        ValueTree::Numbers(numbers) => 8 * numbers.len(),
        ValueTree::Ranges(ranges) => 16 * ranges.len(),
        ValueTree::Strings(strings) => {
            strings.iter().map(|string| 8 + string.len().next_multiple_of(8)).sum()
        }
        ValueTree::Networks(networks) => 24 * networks.len(),
        ValueTree::Set(_) => 0,
    }
}

/// Numbers the sets; those with the same members in the same order are one.
fn to_sets(
    selectors: &mut [SelectorTree],
    moved: &[Option<ValueTree>],
    out: &mut Sets,
) -> Result<(), CompileError> {
    let mut known: HashMap<(u32, u32, ValueKey<'_>), u32> = HashMap::new();
    for ((_, entry), values) in entries(selectors).zip(moved) {
        let (Some(kind), Some(values)) = (kind(entry), values) else { continue };
        entry.longest = u32::try_from(sets::longest(values)).unwrap_or(u32::MAX);
        let next = u32::try_from(known.len() + 1).unwrap_or(u32::MAX);
        let number = *known.entry((kind.number(), owner(entry), key(values))).or_insert_with(|| {
            sets::add(out, kind, next, values);
            next
        });
        entry.values = ValueTree::Set(number);
        // Here, because listing the ranges of every entry first could take a lot of memory.
        sets::check_sizes(out)?;
    }
    if known.len() > MAX_SETS as usize {
        return Err(CompileError::TooManySets { needed: known.len() });
    }
    Ok(())
}

/// Whose set it is: `host_ns` stands for another number in each kind of namespace, so those share no set.
fn owner(entry: &EntryTree) -> u32 {
    let namespaces = Subject::NsUts.number()..=Subject::NsUser.number();
    if namespaces.contains(&entry.subject.number()) { entry.subject.number() } else { 0 }
}

/// Values as something that can be looked up.
#[derive(PartialEq, Eq, Hash)]
enum ValueKey<'a> {
    Numbers(&'a [u64]),
    Ranges(&'a [(u64, u64)]),
    Strings(&'a [Vec<u8>]),
    Networks(Vec<(u32, u32, [u8; 16])>),
}

fn key(values: &ValueTree) -> ValueKey<'_> {
    match values {
        ValueTree::Numbers(numbers) => ValueKey::Numbers(numbers),
        ValueTree::Ranges(ranges) => ValueKey::Ranges(ranges),
        ValueTree::Strings(strings) => ValueKey::Strings(strings),
        ValueTree::Networks(networks) => {
            ValueKey::Networks(networks.iter().map(|own| (own.family, own.bits, own.address)).collect())
        }
        ValueTree::Set(_) => ValueKey::Numbers(&[]),
    }
}

#[cfg(test)]
#[path = "place_tests.rs"]
mod tests;
