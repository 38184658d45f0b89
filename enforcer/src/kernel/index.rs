//! Where in `/proc/kallsyms` the functions of the running kernel stand, by their names.
//!
//! There are a hundred thousand, of which a run asks about some dozens. So the text stays as the kernel wrote it, and beside it
//! lies one table of places in it: trees of all names were a third of what a start cost, and most of what the agent weighed.

use std::collections::BTreeMap;
use std::ops::Range;

/// What follows the text, so that a word can be read at any place in it.
const PADDING: [u8; 8] = [b'\n'; 8];
/// A byte of every byte of a word.
const EVERY: u64 = 0x0101_0101_0101_0101;

/// The functions of a kernel by name: every line of `/proc/kallsyms` (`address type name [module]`) of a text symbol.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Index {
    /// The text, then [`PADDING`].
    text: Vec<u8>,
    /// An open hash table of where names begin in the text; 0, where no name can, is an empty place. Its length is a power of
    /// two, and at least a quarter of it is empty.
    places: Vec<u32>,
    /// Names that exist once.
    once: usize,
    /// Names that several functions share, with their number.
    several: BTreeMap<String, u32>,
}

impl Index {
    /// Reads the text; lines that are none are left out.
    #[must_use]
    pub fn new(text: impl Into<Vec<u8>>) -> Self {
        let mut text: Vec<u8> = text.into();
        let end = text.len();
        text.extend(PADDING);
        let mut index = Self { places: vec![0; (lines(&text) * 2).next_power_of_two()], ..Self::default() };
        let mut at = 0;
        while at < end {
            let name = name_of_line(&text, at);
            let (hash, mut behind) = hashed(&text, name.unwrap_or(at));
            if let Some(name) = name {
                index.add(&text, name..behind, hash);
            }
            while text.get(behind).is_some_and(|byte| *byte != b'\n') {
                behind += 1;
            }
            at = behind + 1;
        }
        index.text = text;
        index
    }

    fn add(&mut self, text: &[u8], name: Range<usize>, hash: u64) {
        let (Ok(place), Some(bytes)) = (u32::try_from(name.start), text.get(name)) else { return };
        let mask = self.places.len() - 1;
        let mut slot = self.slot(hash);
        let mut same = 0_u32;
        while let Some(taken) = self.places.get_mut(slot) {
            if *taken == 0 {
                *taken = place;
                break;
            }
            same += u32::from(is_word(text, *taken, bytes));
            slot = (slot + 1) & mask;
        }
        if same == 0 {
            self.once += 1;
            return;
        }
        self.once -= usize::from(same == 1);
        self.several.insert(String::from_utf8_lossy(bytes).into_owned(), same + 1);
    }

    /// Where the table is looked into first.
    fn slot(&self, hash: u64) -> usize {
        usize::try_from(hash >> 32).unwrap_or(0) & (self.places.len().wrapping_sub(1))
    }

    /// Where this name stands.
    fn places<'a>(&'a self, name: &'a str) -> impl Iterator<Item = u32> + 'a {
        let (hash, behind) = hashed(&[name.as_bytes(), &PADDING].concat(), 0);
        let first = self.slot(hash);
        let around = self.places.get(first..).into_iter().chain(self.places.get(..first)).flatten();
        // No name has a space in it.
        let taken = around.take_while(move |place| behind == name.len() && **place != 0).copied();
        taken.filter(move |place| is_word(&self.text, *place, name.as_bytes()))
    }

    /// Whether one function has this name, and no other.
    #[must_use]
    pub fn has_one(&self, name: &str) -> bool {
        self.places(name).take(2).count() == 1
    }

    /// How many functions have this name.
    #[must_use]
    pub fn count(&self, name: &str) -> usize {
        self.places(name).count()
    }

    /// How many names exist once.
    #[must_use]
    pub fn len(&self) -> usize {
        self.once
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.once == 0
    }

    /// Names that exist once, in no order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let taken = self.places.iter().filter(|place| **place != 0);
        let names = taken.filter_map(|place| std::str::from_utf8(word_at(&self.text, *place as usize)).ok());
        names.filter(|name| !self.several.contains_key(*name))
    }

    /// Names that several functions share, with their number.
    #[must_use]
    pub fn several(&self) -> &BTreeMap<String, u32> {
        &self.several
    }

    /// Where the functions of a name begin, those of modules among them; most names have one. Addresses that the kernel hides are
    /// 0 and left out.
    pub fn addresses<'a>(&'a self, name: &'a str) -> impl Iterator<Item = u64> + 'a {
        self.places(name).filter_map(|place| {
            let before = self.text.get(..(place as usize).checked_sub(3)?)?;
            let start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |newline| newline + 1);
            let digits = std::str::from_utf8(before.get(start..)?).ok()?;
            u64::from_str_radix(digits, 16).ok().filter(|address| *address != 0)
        })
    }
}

/// How many lines there are.
fn lines(text: &[u8]) -> usize {
    // In pieces whose count fits into a byte, so that the compiler takes many bytes at once.
    let count = |piece: &[u8]| piece.iter().map(|byte| u8::from(*byte == b'\n')).sum::<u8>();
    text.chunks(255).map(|piece| usize::from(count(piece))).sum()
}

/// Where in the line that begins at `start` the name of a function begins.
fn name_of_line(text: &[u8], start: usize) -> Option<usize> {
    let (_, behind) = hashed(text, start);
    let [b' ', b't' | b'T' | b'w' | b'W', b' '] = text.get(behind..)?.first_chunk()? else { return None };
    Some(behind + 3)
}

/// A hash of the bytes from `start` to the first that is no character, and where that is.
fn hashed(text: &[u8], start: usize) -> (u64, usize) {
    let mix = |hash: u64, word: u64| (hash ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29);
    let (mut hash, mut at) = (0, start);
    loop {
        let word = text.get(at..).and_then(<[u8]>::first_chunk).unwrap_or(&PADDING);
        let word = u64::from_le_bytes(*word);
        // The lowest bit is that of the first byte up to a space; bits above it may be wrong.
        let low = word.wrapping_sub(EVERY * 0x21) & !word & (EVERY * 0x80);
        if low == 0 {
            (hash, at) = (mix(hash, word), at + 8);
            continue;
        }
        let bits = low.trailing_zeros() & !7;
        let rest = word & u64::MAX.checked_shr(64 - bits).unwrap_or(0);
        return (mix(hash, rest), at + usize::try_from(bits / 8).unwrap_or(0));
    }
}

/// Whether the bytes from `start` to the first that is no character are these.
fn is_word(text: &[u8], start: u32, word: &[u8]) -> bool {
    let behind = start as usize + word.len();
    text.get(start as usize..behind) == Some(word) && text.get(behind).is_none_or(|byte| *byte <= b' ')
}

/// The bytes from `start` to the first that is no character.
fn word_at(text: &[u8], start: usize) -> &[u8] {
    text.get(start..hashed(text, start).1).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::symbols::Symbols;

    const KALLSYMS: &str = "ffffffff81000090 t late\t[ext4]\nffffffff81000010 T early\nffffffff81000050 D data\n\
                            0000000000000000 T hidden\nnonsense\nffffffff81000100 t twice\nffffffff81000200 W twice\t[a]\n";

    #[test]
    fn a_function_is_found_by_its_whole_name_also_in_a_module() {
        let index = Index::new(KALLSYMS);
        for name in ["late", "early", "hidden"] {
            assert!(index.has_one(name), "{name}");
        }
        for name in ["", "lat", "later", "data", "nonsense", "twice", "t", "[ext4]", "late\t[ext4]"] {
            assert!(!index.has_one(name), "{name}");
        }
        assert_eq!(index.len(), 3);
    }

    #[test]
    fn names_that_several_functions_share_are_counted_and_are_not_among_those_that_exist_once() {
        let text = (0..5).map(|at| format!("{:016x} t again\n", at + 1)).collect::<String>();
        let index = Index::new(text + KALLSYMS);
        assert_eq!(index.several(), &[("again".to_owned(), 5), ("twice".to_owned(), 2)].into());
        let mut names: Vec<&str> = index.names().collect();
        names.sort_unstable();
        assert_eq!(names, ["early", "hidden", "late"]);
        assert_eq!(index.addresses("again").count(), 5);
    }

    #[test]
    fn addresses_are_those_that_a_list_of_all_symbols_has() {
        for text in [
            KALLSYMS,
            "",
            "\n\n",
            "ffffffff81000010 T early",
            "f0 T early_on\nf1 T on_early\nf2 t 0123456789abcdef0123456789\n",
        ] {
            let (index, symbols) = (Index::new(text), Symbols::from_kallsyms(text));
            for name in
                ["late", "early", "data", "hidden", "ear", "on", "twice", "0123456789abcdef0123456789"]
            {
                let mut found: Vec<u64> = index.addresses(name).collect();
                found.sort_unstable();
                assert_eq!(found, symbols.addresses(name).collect::<Vec<_>>(), "{name} in {text:?}");
            }
        }
    }

    #[test]
    fn a_full_kernel_has_every_name_in_it() {
        let name = |at: u32| format!("{}{at}", "long_name_of_a_function_".repeat((at % 4) as usize));
        let text: String = (1..100_000).map(|at| format!("{at:016x} t {}\n", name(at))).collect();
        let index = Index::new(text);
        assert_eq!((index.len(), index.several().len()), (99_999, 0));
        for at in [1, 2, 3, 4, 777, 50_000, 99_999] {
            assert_eq!(index.addresses(&name(at)).collect::<Vec<_>>(), [u64::from(at)]);
        }
        assert!(!index.has_one(&name(100_000)));
    }
}
