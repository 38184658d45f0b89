//! What the writer writes the reader reads, and arbitrary bytes never panic it.

use proptest::prelude::*;
use quell_wire::code::{Action, ArgType, Operator};
use quell_wire::selector::{ArgEntry, FilterHead, Section, SectionHead, SelectorHead, StringHead};
use quell_wire::tree::{ArgTree, PidTree, SelectorTree, ValueTree};
use quell_wire::write::TooLarge;
use quell_wire::{WireRecord, limits, read, write};

fn operators() -> impl Strategy<Value = Operator> {
    prop::sample::select(Operator::ALL)
}

fn args() -> impl Strategy<Value = ArgTree> {
    let values = prop::sample::select(ArgType::ALL).prop_flat_map(|arg_type| {
        let values = if arg_type.is_bytes() {
            prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..5)
                .prop_map(ValueTree::Strings)
                .boxed()
        } else {
            prop::collection::vec(any::<u64>(), 0..5).prop_map(ValueTree::Numbers).boxed()
        };
        (Just(arg_type), values)
    });
    (operators(), 0..limits::MAX_ARGS, values).prop_map(|(op, arg, (arg_type, values))| ArgTree {
        op,
        arg,
        arg_type,
        values,
    })
}

fn trees() -> impl Strategy<Value = Vec<SelectorTree>> {
    let pids = (operators(), any::<u32>(), prop::collection::vec(any::<u32>(), 0..9))
        .prop_map(|(op, flags, values)| PidTree { op, flags, values });
    let selector = (
        any::<u32>(),
        prop::collection::vec(pids, 0..3),
        prop::collection::vec(args(), 0..4),
        prop::collection::vec(prop::sample::select(Action::ALL), 0..3),
    )
        .prop_map(|(flags, pids, args, actions)| SelectorTree { flags, pids, args, actions });
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
    fn arbitrary_bytes_never_panic_the_reader(bytes in prop::collection::vec(any::<u8>(), 0..4200)) {
        let _ = read::selectors(&bytes);
    }

    #[test]
    fn a_flipped_byte_never_panics_the_reader(tree in trees(), at in 0..4096_usize, flip in 1..=255_u8) {
        if let Ok(mut bytes) = write::selectors(&tree) {
            bytes[at] ^= flip;
            let _ = read::selectors(&*bytes);
        }
    }
}

#[test]
fn a_filter_may_fill_all_4096_bytes_and_not_one_more() {
    let string = |length| ArgTree {
        op: Operator::Equal,
        arg: 0,
        arg_type: ArgType::String,
        values: ValueTree::Strings(vec![vec![b'x'; length]]),
    };
    let selector =
        |length| vec![SelectorTree { flags: 0, pids: vec![], args: vec![string(length)], actions: vec![] }];
    let heads = FilterHead::SIZE
        + SelectorHead::SIZE
        + Section::ALL.len() * SectionHead::SIZE
        + ArgEntry::SIZE
        + StringHead::SIZE;
    let fits = limits::FILTER_BYTES as usize - heads;
    let bytes = write::selectors(&selector(fits)).unwrap();
    assert_eq!(read::selectors(&*bytes).unwrap(), selector(fits));
    assert_eq!(
        write::selectors(&selector(fits + 1)),
        Err(TooLarge { needed: limits::FILTER_BYTES as usize + 8 })
    );
}
