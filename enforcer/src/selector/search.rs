//! SubString values to the tables that the search stage walks.
//!
//! The values are packed into words of 64 pattern bytes, the longest first into the first word with room. A word's bits
//! are its pattern bytes; a bit moves on when the next byte fits (shift-and), and a value is found when the bit of its last
//! byte is reached.

use quell_wire::code::{Operator, Subject};
use quell_wire::limits::{MAX_PATTERN_BYTES, SEARCH_WORDS};
use quell_wire::selector::SearchTable;

const WORDS: usize = SEARCH_WORDS as usize;

/// The table of one entry; `None` when the values do not fit.
pub(super) fn table(op: Operator, subject: Subject, values: &[Vec<u8>]) -> Option<SearchTable> {
    let ignore_case = op == Operator::SubStringIgnCase;
    let mut table = SearchTable { subject: subject.number(), ..SearchTable::default() };
    let mut longest_first: Vec<_> = values.iter().collect();
    longest_first.sort_by_key(|value| std::cmp::Reverse(value.len()));
    let mut used = [0usize; WORDS];
    for value in longest_first {
        let room = MAX_PATTERN_BYTES as usize;
        let word = used.iter().position(|used| *used + value.len() <= room)?;
        for (position, byte) in value.iter().enumerate() {
            let bit = 1u64 << (used[word] + position);
            if position == 0 {
                table.first[word] |= bit;
            }
            if position + 1 == value.len() {
                table.last[word] |= bit;
            }
            for same in same_bytes(*byte, ignore_case) {
                table.mask[usize::from(same) * WORDS + word] |= bit;
            }
        }
        used[word] += value.len();
    }
    table.words = used.iter().map(|used| u32::from(*used > 0)).sum();
    Some(table)
}

/// The bytes that count as this one: both cases of an ASCII letter, or only itself.
fn same_bytes(byte: u8, ignore_case: bool) -> [u8; 2] {
    if ignore_case { [byte.to_ascii_lowercase(), byte.to_ascii_uppercase()] } else { [byte, byte] }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What the search stage does, byte by byte.
    fn found(table: &SearchTable, text: &[u8]) -> bool {
        let mut state = [0u64; WORDS];
        text.iter().any(|byte| {
            for (word, state) in state.iter_mut().enumerate() {
                *state = ((*state << 1) | table.first[word]) & table.mask[usize::from(*byte) * WORDS + word];
            }
            state.iter().zip(table.last).any(|(state, last)| state & last != 0)
        })
    }

    #[test]
    fn words_are_filled_and_never_crossed() {
        let forty = |letter: u8| vec![letter; 40];
        let four = [forty(b'a'), forty(b'b'), forty(b'c'), forty(b'd')];
        assert_eq!(table(Operator::SubString, Subject::Arg0, &four).unwrap().words, 4);
        let five = [four.as_slice(), &[forty(b'e')]].concat();
        assert_eq!(
            table(Operator::SubString, Subject::Arg0, &five),
            None,
            "200 bytes, but five values of 40"
        );
        let filled =
            [four.as_slice(), &[vec![b'x'; 24], vec![b'y'; 24], vec![b'z'; 24], vec![b'w'; 24]]].concat();
        assert!(table(Operator::SubString, Subject::Arg0, &filled).is_some(), "exactly 256 bytes");
    }

    #[test]
    fn a_value_does_not_run_into_the_one_behind_it() {
        let table = table(Operator::SubString, Subject::Arg1, &[b"ab".to_vec(), b"cd".to_vec()]).unwrap();
        assert_eq!((table.words, table.subject), (1, Subject::Arg1.number()));
        assert!(found(&table, b"xxcd") && found(&table, b"aab"));
        assert!(!found(&table, b"bc") && !found(&table, b"ac") && !found(&table, b"b"));
    }

    proptest! {
        #[test]
        fn the_table_finds_what_a_window_finds(
            values in prop::collection::vec(prop::collection::vec(prop::sample::select(b"aAbB".to_vec()), 1..6), 1..12),
            text in prop::collection::vec(prop::sample::select(b"aAbBc".to_vec()), 0..40),
            ignore_case: bool,
        ) {
            let op = if ignore_case { Operator::SubStringIgnCase } else { Operator::SubString };
            let table = table(op, Subject::Arg0, &values).unwrap();
            let equal = |one: &[u8], other: &[u8]| {
                if ignore_case { one.eq_ignore_ascii_case(other) } else { one == other }
            };
            let expected = values.iter().any(|value| text.windows(value.len()).any(|window| equal(window, value)));
            prop_assert_eq!(found(&table, &text), expected);
        }
    }
}
