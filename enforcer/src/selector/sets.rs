//! Values that moved from the selector bytes to maps, both ways: members to keys, keys to members.

use quell_wire::code::{Operator, ValueKind};
use quell_wire::hook::SetKind;
use quell_wire::limits::MAX_SET_MEMBERS;
use quell_wire::selector::{
    AFFIX_PREFIX_BITS, AffixKey, NETWORK_PREFIX_BITS, Network, NetworkKey, NumberKey, StringKey,
};
use quell_wire::sets::Sets;
use quell_wire::tree::ValueTree;

use super::canonical;
use super::error::CompileError;

/// The kind of set that can hold the values of such an entry; `None` when its values always stand in the bytes.
pub(super) const fn kind(op: Operator, bytes: bool) -> Option<SetKind> {
    match op {
        Operator::Equal | Operator::NotEqual | Operator::In | Operator::NotIn if bytes => {
            Some(SetKind::Strings)
        }
        Operator::Equal | Operator::NotEqual | Operator::In | Operator::NotIn => Some(SetKind::Numbers),
        Operator::Prefix | Operator::NotPrefix => Some(SetKind::Prefixes),
        Operator::Postfix | Operator::NotPostfix => Some(SetKind::Postfixes),
        _ => match op.values(bytes) {
            ValueKind::Ranges => Some(SetKind::Numbers),
            ValueKind::Networks => Some(SetKind::Networks),
            ValueKind::Numbers | ValueKind::Strings => None,
        },
    }
}

/// What the members of a kind are called.
pub(super) const fn kind_name(kind: SetKind) -> &'static str {
    match kind {
        SetKind::Numbers => "numbers",
        SetKind::Strings => "strings",
        SetKind::Prefixes => "prefixes",
        SetKind::Postfixes => "postfixes",
        SetKind::Networks => "networks",
    }
}

/// Bytes of the longest string; 0 for other values.
pub(super) fn longest(values: &ValueTree) -> usize {
    match values {
        ValueTree::Strings(strings) => strings.iter().map(Vec::len).max().unwrap_or(0),
        _ => 0,
    }
}

/// Adds the members of a set.
pub(super) fn add(sets: &mut Sets, kind: SetKind, set: u32, values: &ValueTree) {
    match values {
        ValueTree::Numbers(numbers) => {
            sets.numbers.extend(numbers.iter().map(|number| self::number(set, *number)));
        }
        ValueTree::Ranges(ranges) => {
            for (least, greatest) in ranges {
                // Wrapping, because the bounds of a signed range are two's complement.
                let count = greatest.wrapping_sub(*least);
                sets.numbers.extend((0..=count).map(|offset| number(set, least.wrapping_add(offset))));
            }
        }
        ValueTree::Strings(strings) => {
            for string in strings {
                match kind {
                    SetKind::Prefixes => sets.prefixes.push(affix(set, string.iter())),
                    SetKind::Postfixes => sets.postfixes.push(affix(set, string.iter().rev())),
                    _ => sets.strings.push(whole(set, string)),
                }
            }
        }
        ValueTree::Networks(networks) => sets.networks.extend(networks.iter().map(|own| network(set, own))),
        ValueTree::Set(_) => {}
    }
}

const fn number(set: u32, number: u64) -> NumberKey {
    NumberKey { set, reserved: 0, number }
}

fn whole(set: u32, string: &[u8]) -> StringKey {
    let mut key = StringKey { set, ..StringKey::default() };
    let length = string.len().min(key.bytes.len());
    key.length = u32::try_from(length).unwrap_or(0);
    for (slot, byte) in key.bytes.iter_mut().zip(string) {
        *slot = *byte;
    }
    key
}

fn affix<'a>(set: u32, string: impl ExactSizeIterator<Item = &'a u8>) -> AffixKey {
    let mut key = AffixKey { set, ..AffixKey::default() };
    let length = string.len().min(key.bytes.len());
    key.bits = AFFIX_PREFIX_BITS + 8 * u32::try_from(length).unwrap_or(0);
    for (slot, byte) in key.bytes.iter_mut().zip(string) {
        *slot = *byte;
    }
    key
}

const fn network(set: u32, network: &Network) -> NetworkKey {
    NetworkKey {
        bits: NETWORK_PREFIX_BITS + network.bits,
        set,
        family: network.family,
        address: network.address,
    }
}

/// Checks that the map of each kind can hold its members.
///
/// # Errors
/// The first kind that has too many.
pub(super) fn check_sizes(sets: &Sets) -> Result<(), CompileError> {
    let sizes = [
        (SetKind::Numbers, sets.numbers.len()),
        (SetKind::Strings, sets.strings.len()),
        (SetKind::Prefixes, sets.prefixes.len()),
        (SetKind::Postfixes, sets.postfixes.len()),
        (SetKind::Networks, sets.networks.len()),
    ];
    match sizes.into_iter().find(|(_, members)| *members > MAX_SET_MEMBERS as usize) {
        Some((kind, members)) => Err(CompileError::TooManyMembers { kind: kind_name(kind), members }),
        None => Ok(()),
    }
}

/// The values of a set in their order, as an entry with this operator would have them in the bytes; `None` when a member's
/// key is not one that [`add`] makes, or when there is no member.
pub(super) fn members(sets: &Sets, op: Operator, bytes: bool, set: u32, signed: bool) -> Option<ValueTree> {
    let values = match kind(op, bytes)? {
        SetKind::Numbers => {
            let own = sets.numbers.iter().filter(|key| key.set == set);
            let numbers =
                own.map(|key| (key.reserved == 0).then_some(key.number)).collect::<Option<Vec<_>>>()?;
            if op.values(bytes) == ValueKind::Ranges {
                let single: Vec<_> = numbers.iter().map(|number| (*number, *number)).collect();
                ValueTree::Ranges(canonical::merged(&single, signed))
            } else {
                ValueTree::Numbers(numbers)
            }
        }
        SetKind::Strings => {
            let own = sets.strings.iter().filter(|key| key.set == set);
            let bytes = |key: &StringKey| key.bytes.get(..key.length as usize).map(<[u8]>::to_vec);
            let checked = |key| bytes(key).filter(|string| whole(set, string) == *key);
            ValueTree::Strings(own.map(checked).collect::<Option<_>>()?)
        }
        SetKind::Prefixes => ValueTree::Strings(affixes(&sets.prefixes, set)?),
        SetKind::Postfixes => {
            let mut reversed = affixes(&sets.postfixes, set)?;
            reversed.iter_mut().for_each(|string| string.reverse());
            ValueTree::Strings(reversed)
        }
        SetKind::Networks => {
            let own = sets.networks.iter().filter(|key| key.set == set);
            let network = |key: &NetworkKey| {
                let bits = key.bits.checked_sub(NETWORK_PREFIX_BITS)?;
                Some(Network { family: key.family, bits, address: key.address })
            };
            ValueTree::Networks(own.map(network).collect::<Option<_>>()?)
        }
    };
    let empty = match &values {
        ValueTree::Numbers(numbers) => numbers.is_empty(),
        ValueTree::Ranges(ranges) => ranges.is_empty(),
        ValueTree::Strings(strings) => strings.is_empty(),
        ValueTree::Networks(networks) => networks.is_empty(),
        ValueTree::Set(_) => true,
    };
    (!empty).then_some(values)
}

fn affixes(keys: &[AffixKey], set: u32) -> Option<Vec<Vec<u8>>> {
    let own = keys.iter().filter(|key| key.set == set);
    own.map(|key| {
        let bits = key.bits.checked_sub(AFFIX_PREFIX_BITS).filter(|bits| bits.is_multiple_of(8))?;
        let string = key.bytes.get(..(bits / 8) as usize)?;
        (affix(set, string.iter()) == *key).then(|| string.to_vec())
    })
    .collect()
}
