//! The table that tells more values than the early look compares one by one: a Bloom filter.
//!
//! A name that is among the values is always found in it. One that is not is taken for one of them at most once in fifty times, and
//! then goes the whole way. What it costs does not depend on how many values there are.

use quell_wire::hook::{HookConfig, QUICK_MULTIPLIER, Quick};

use super::quick::{MOST, Name};

/// Values per word of 64 bits. Each sets three of them.
const VALUES_PER_WORD: usize = 2;

/// Puts into the constants what is told of a call, and gives the table of these values. What is told is what every value has: as many
/// bytes as the one with the fewest, and lengths only where all are exact.
pub(super) fn set(config: &mut HookConfig, values: &[[Name; 2]]) -> Vec<u64> {
    let words = values.len().div_ceil(VALUES_PER_WORD).next_power_of_two();
    let Ok(counted) = u32::try_from(words) else {
        config.quick = Quick::Nothing.number();
        return Vec::new();
    };
    config.quick_words = counted;
    let told = [0, 1].map(|number| told(values.iter().filter_map(|names| names.get(number))));
    for ((exact, mask), place) in told.into_iter().zip([0, MOST]) {
        config.quick_exact |= u32::from(exact) << place;
        config.quick_mask[place] = mask;
    }
    let mut table = vec![0; words];
    for names in values {
        let hash = hash(told, *names);
        let at = usize::try_from(hash >> 32).unwrap_or(0) & (words - 1);
        if let Some(word) = table.get_mut(at) {
            *word |= [0, 6, 12].iter().fold(0, |bits, shift| bits | 1 << (hash >> shift & 63));
        }
    }
    table
}

/// Whether all names are exact, and which bits of a word all of them have. Behind the end of an exact name there are zeros.
fn told<'a>(names: impl Iterator<Item = &'a Name>) -> (bool, u64) {
    names.fold((true, u64::MAX), |(exact, mask), name| {
        (exact && name.exact, mask & if name.exact { u64::MAX } else { name.mask })
    })
}

/// `quell_quick_hash` of ebpf/c/quick.h.
fn hash(told: [(bool, u64); 2], names: [Name; 2]) -> u64 {
    let [(exact, mask), (second_exact, second_mask)] = told;
    let [name, second] = names;
    let mut hash = mix(0, name.word & mask);
    if exact {
        hash = hash.wrapping_add(name.length.into());
    }
    if second_mask != 0 {
        hash = mix(hash, second.word & second_mask);
    }
    if second_exact {
        hash = hash.wrapping_add(second.length.into());
    }
    mix(hash, 0)
}

const fn mix(hash: u64, word: u64) -> u64 {
    let hash = hash.wrapping_add(word).wrapping_mul(QUICK_MULTIPLIER as u64);
    hash ^ hash >> 32
}
