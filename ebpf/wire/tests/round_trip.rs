//! What the writer writes the reader reads, and arbitrary bytes never panic it.

use proptest::prelude::*;
use quell_wire::code::{Action, ArgType, Operator, Subject, ValueKind};
use quell_wire::read::ReadError;
use quell_wire::selector::{
    Entry, FAMILY_4, FAMILY_6, FilterHead, Network, Section, SectionHead, SelectorHead, StringHead,
};
use quell_wire::tree::{ActionTree, EntryTree, PidTree, SelectorTree, ValueTree};
use quell_wire::write::TooLarge;
use quell_wire::{WireRecord, limits, read, write};
use rstest::rstest;

fn operators() -> impl Strategy<Value = Operator> {
    prop::sample::select(Operator::ALL)
}

fn networks() -> impl Strategy<Value = Network> {
    let v4 = (any::<u32>(), 0..=32_u32).prop_map(|(address, bits)| {
        let mask = u32::MAX.checked_shl(32 - bits).unwrap_or(0);
        let mut bytes = [0; 16];
        bytes[..4].copy_from_slice(&(address & mask).to_be_bytes());
        Network { family: FAMILY_4, bits, address: bytes }
    });
    let v6 = (any::<u128>(), 0..=128_u32).prop_map(|(address, bits)| {
        let mask = u128::MAX.checked_shl(128 - bits).unwrap_or(0);
        Network { family: FAMILY_6, bits, address: (address & mask).to_be_bytes() }
    });
    prop_oneof![v4, v6]
}

fn values(kind: ValueKind) -> BoxedStrategy<ValueTree> {
    let inline = match kind {
        ValueKind::Numbers => prop::collection::vec(any::<u64>(), 0..5).prop_map(ValueTree::Numbers).boxed(),
        ValueKind::Ranges => {
            prop::collection::vec(any::<(u64, u64)>(), 0..5).prop_map(ValueTree::Ranges).boxed()
        }
        ValueKind::Strings => prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..5)
            .prop_map(ValueTree::Strings)
            .boxed(),
        ValueKind::Networks => prop::collection::vec(networks(), 0..5).prop_map(ValueTree::Networks).boxed(),
    };
    prop_oneof![4 => inline, 1 => (1..=limits::MAX_SETS).prop_map(ValueTree::Set)].boxed()
}

fn entries() -> impl Strategy<Value = EntryTree> {
    let compared = (operators(), prop::sample::select(ArgType::ALL))
        .prop_flat_map(|(op, arg_type)| (Just(op), Just(arg_type), values(op.values(arg_type.is_bytes()))));
    (compared, prop::sample::select(Subject::ALL), 0..=limits::MAX_SEARCHES, any::<u32>()).prop_map(
        |((op, arg_type, values), subject, search, longest)| EntryTree {
            op,
            subject,
            arg_type,
            values,
            search,
            longest,
        },
    )
}

fn actions() -> impl Strategy<Value = Vec<ActionTree>> {
    let action = (prop::sample::select(Action::ALL), any::<[u32; 6]>())
        .prop_map(|(action, param)| ActionTree { action, param });
    prop::collection::vec(action, 0..3)
}

/// Sections that hold entries, in their order.
fn sections() -> impl Strategy<Value = Vec<(Section, Vec<EntryTree>)>> {
    let others = [Section::Pids, Section::Actions, Section::ReturnActions];
    let names: Vec<Section> =
        Section::ALL.iter().copied().filter(|section| !others.contains(section)).collect();
    prop::sample::subsequence(names, 0..4).prop_flat_map(|names| {
        names.into_iter().map(|name| (Just(name), prop::collection::vec(entries(), 1..4))).collect::<Vec<_>>()
    })
}

fn trees() -> impl Strategy<Value = Vec<SelectorTree>> {
    let pids = (operators(), any::<u32>(), prop::collection::vec(any::<u32>(), 0..9))
        .prop_map(|(op, flags, values)| PidTree { op, flags, values });
    let selector = (any::<u32>(), prop::collection::vec(pids, 0..3), sections(), actions(), actions())
        .prop_map(|(flags, pids, sections, actions, return_actions)| SelectorTree {
            flags,
            pids,
            sections,
            actions,
            return_actions,
        });
    prop::collection::vec(selector, 0..5)
}

proptest! {
    #[test]
    fn reader_gives_back_what_was_written(tree in trees()) {
        match write::selectors(&tree) {
            Ok(bytes) => prop_assert_eq!(read::selectors(&*bytes).unwrap(), tree),
            Err(TooLarge { needed }) => prop_assert!(needed > limits::FILTER_BYTES as usize),
        }
    }

    #[test]
    fn what_the_reader_accepts_the_writer_writes_again(tree in trees(), at in 0..4096_usize, flip in 1..=255_u8) {
        if let Ok(mut bytes) = write::selectors(&tree) {
            bytes[at] ^= flip;
            if let Ok(tree) = read::selectors(&*bytes) {
                prop_assert_eq!(write::selectors(&tree).unwrap(), bytes);
            }
        }
    }

    #[test]
    fn arbitrary_bytes_never_panic_the_reader(bytes in prop::collection::vec(any::<u8>(), 0..4200)) {
        let _ = read::selectors(&bytes);
    }
}

/// A selector with one entry of its own in matchArgs.
fn one(entry: EntryTree) -> Vec<SelectorTree> {
    vec![SelectorTree { sections: vec![(Section::Args, vec![entry])], ..SelectorTree::default() }]
}

fn strings(values: Vec<Vec<u8>>) -> EntryTree {
    EntryTree {
        op: Operator::Equal,
        subject: Subject::Arg0,
        arg_type: ArgType::String,
        values: ValueTree::Strings(values),
        search: 0,
        longest: 0,
    }
}

#[test]
fn a_filter_may_fill_all_4096_bytes_and_not_one_more() {
    let selector = |length| one(strings(vec![vec![b'x'; length]]));
    let heads = FilterHead::SIZE + SelectorHead::SIZE + SectionHead::SIZE + Entry::SIZE + StringHead::SIZE;
    let fits = limits::FILTER_BYTES as usize - heads;
    let bytes = write::selectors(&selector(fits)).unwrap();
    assert_eq!(read::selectors(&*bytes).unwrap(), selector(fits));
    assert_eq!(
        write::selectors(&selector(fits + 1)),
        Err(TooLarge { needed: limits::FILTER_BYTES as usize + 8 })
    );
}

#[test]
fn an_absent_section_takes_no_bytes() {
    let bytes = write::selectors(&[SelectorTree::default()]).unwrap();
    let used = FilterHead::SIZE + SelectorHead::SIZE;
    assert_eq!(bytes[..4], u32::try_from(used).unwrap().to_le_bytes());
    assert!(bytes[used..].iter().all(|byte| *byte == 0));
}

/// The byte at `at` of a selector with one string value is set to `value`.
#[rstest]
// The offset of matchBinaries, which has no entries.
#[case(FilterHead::SIZE + 8 + 4, 80, ReadError::Place { section: Section::Binaries, said: 80, expected: 56 })]
// The twelfth section, which does not exist.
#[case(FilterHead::SIZE + 8 + 44, 56, ReadError::Reserved { what: "selector", at: 8 })]
// The number of entries.
#[case(FilterHead::SIZE + SelectorHead::SIZE + 4, 0, ReadError::Empty { section: Section::Args, at: 64 })]
// The operator.
#[case(72 + 4, 7, ReadError::Unknown { what: "operator", at: 72, number: 7 })]
// The subject.
#[case(72 + 8, 200, ReadError::Unknown { what: "subject", at: 72, number: 200 })]
// The set.
#[case(72 + 20, 3, ReadError::SetAndValues { at: 72, set: 3, values: 1 })]
// Padding behind the string.
#[case(72 + 32 + 8 + 7, 1, ReadError::Reserved { what: "string value", at: 104 })]
fn a_wrong_byte_is_named_with_its_place(#[case] at: usize, #[case] value: u8, #[case] error: ReadError) {
    let mut bytes = write::selectors(&one(strings(vec![b"abc".to_vec()]))).unwrap();
    bytes[at] = value;
    assert_eq!(read::selectors(&*bytes), Err(error));
}

#[rstest]
#[case(Network { family: 5, bits: 8, address: [0; 16] }, ReadError::Unknown { what: "address family", at: 104, number: 5 })]
#[case(Network { family: FAMILY_4, bits: 33, address: [0; 16] }, ReadError::Length { what: "network prefix", at: 104, length: 33 })]
#[case(Network { family: FAMILY_6, bits: 0, address: [1; 16] }, ReadError::Reserved { what: "network", at: 104 })]
fn a_network_is_canonical(#[case] network: Network, #[case] error: ReadError) {
    let entry = EntryTree {
        op: Operator::SAddr,
        subject: Subject::Arg0,
        arg_type: ArgType::Sock,
        values: ValueTree::Networks(vec![network]),
        search: 0,
        longest: 0,
    };
    let bytes = write::selectors(&one(entry)).unwrap();
    assert_eq!(read::selectors(&*bytes), Err(error));
}
