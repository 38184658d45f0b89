//! What one entry can hold, by its operator, and what each class of kernels allows.
//!
//! The encoding is the same on every kernel: a policy that fits one fits all. So its limits are those of the oldest class,
//! and the table of classes says which of them are a kernel's and which are ours.

use crate::code::{Operator, ValueKind};
use crate::hook::SetKind;
use crate::limits::{
    MAX_AFFIX_SET_BYTES, MAX_PATTERN_BYTES, MAX_SET_MEMBERS, MAX_STRING_VALUE_BYTES, MAX_VALUES,
};

/// What one entry can hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capacity {
    /// How its values are written.
    pub values: ValueKind,
    /// Values in the filter bytes, at most.
    pub inline: u32,
    /// The kind of set that holds more of them; `None`: there is none.
    pub set: Option<SetKind>,
    /// Members of all sets of that kind of a hook; 0 without one. A range has as many members as numbers.
    pub members: u32,
    /// Bytes of a string value in the filter bytes; 0 for values that are not strings.
    pub inline_bytes: u32,
    /// Bytes of a string value in a set; 0 for values that are not strings.
    pub set_bytes: u32,
}

/// What an entry with this operator can hold, given the class of its type.
#[must_use]
pub const fn capacity(op: Operator, bytes: bool) -> Capacity {
    let values = op.values(bytes);
    let set = set_kind(op, bytes);
    let inline = match op {
        Operator::Gt | Operator::Lt | Operator::CapabilitiesGained => 1,
        _ => MAX_VALUES,
    };
    let (inline_bytes, set_bytes) = match (values, set) {
        (ValueKind::Strings, None) => (MAX_PATTERN_BYTES, 0),
        (ValueKind::Strings, Some(SetKind::Strings)) => (MAX_STRING_VALUE_BYTES, MAX_STRING_VALUE_BYTES),
        (ValueKind::Strings, Some(_)) => (MAX_STRING_VALUE_BYTES, MAX_AFFIX_SET_BYTES),
        _ => (0, 0),
    };
    let members = if set.is_some() { MAX_SET_MEMBERS } else { 0 };
    Capacity { values, inline, set, members, inline_bytes, set_bytes }
}

/// The kind of set that can hold the values of an entry.
const fn set_kind(op: Operator, bytes: bool) -> Option<SetKind> {
    Some(match (op, op.values(bytes)) {
        (Operator::Equal | Operator::NotEqual | Operator::In | Operator::NotIn, ValueKind::Strings) => {
            SetKind::Strings
        }
        (Operator::Equal | Operator::NotEqual | Operator::In | Operator::NotIn, _)
        | (_, ValueKind::Ranges) => SetKind::Numbers,
        (Operator::Prefix | Operator::NotPrefix, _) => SetKind::Prefixes,
        (Operator::Postfix | Operator::NotPostfix, _) => SetKind::Postfixes,
        (_, ValueKind::Networks) => SetKind::Networks,
        _ => return None,
    })
}

/// What a class of kernels allows, as far as the encoding depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KernelClass {
    /// First version of Linux of the class.
    pub since: &'static str,
    /// Bytes of a hash table's key.
    pub hash_key_bytes: u32,
    /// Bytes that a trie compares.
    pub trie_data_bytes: u32,
    /// Instructions that a verifier walks in one program.
    pub verified_instructions: u32,
    /// Branches that a verifier keeps for later in one walk, at most; one more, and it gives up ("the sequence of 8193
    /// jumps"). `u32::MAX`: what older kernels refuse so passes, as measured.
    pub pending_branches: u32,
    /// Tail calls in a row.
    pub tail_calls: u32,
    /// What is new in the class, and where that is written.
    pub because: &'static str,
}

/// Instructions that a privileged program may cost the verifier (BPF_COMPLEXITY_LIMIT_INSNS, Linux 5.2).
const VERIFIED: u32 = 1_000_000;
/// BPF_COMPLEXITY_LIMIT_JMP_SEQ (kernel/bpf/verifier.c).
const PENDING: u32 = 8192;
/// MAX_TAIL_CALL_CNT; the same on every kernel.
const TAIL_CALLS: u32 = 33;
/// LPM_DATA_SIZE_MAX (kernel/bpf/lpm_trie.c), since tries exist (Linux 4.11).
const TRIE_DATA: u32 = 256;
/// A key is on the program's stack (MAX_BPF_STACK, kernel/bpf/hashtab.c).
const STACK: u32 = 512;

/// Classes of kernels, oldest first. The oldest limits are the ones that the encoding keeps.
pub const KERNELS: &[KernelClass] = &[
    KernelClass {
        since: "5.3",
        hash_key_bytes: STACK,
        trie_data_bytes: TRIE_DATA,
        verified_instructions: VERIFIED,
        pending_branches: PENDING,
        tail_calls: TAIL_CALLS,
        because: "bounded loops and bpf_send_signal; the programs of this version are meant for 5.5 and later: before, constants of a frozen map are not known to the verifier, which then walks what a hook does not use",
    },
    KernelClass {
        since: "5.5",
        hash_key_bytes: STACK,
        trie_data_bytes: TRIE_DATA,
        verified_instructions: VERIFIED,
        pending_branches: PENDING,
        tail_calls: TAIL_CALLS,
        because: "constants of a frozen map are known to the verifier (a23740ec43ba); reads tell user from kernel memory",
    },
    KernelClass {
        since: "5.8",
        hash_key_bytes: STACK,
        trie_data_bytes: TRIE_DATA,
        verified_instructions: VERIFIED,
        pending_branches: PENDING,
        tail_calls: TAIL_CALLS,
        because: "ring buffers; before, events go through perf buffers",
    },
    KernelClass {
        since: "5.11",
        // As large as the kernel can allocate at once, which no key of ours comes near.
        hash_key_bytes: u32::MAX,
        trie_data_bytes: TRIE_DATA,
        verified_instructions: VERIFIED,
        pending_branches: PENDING,
        tail_calls: TAIL_CALLS,
        because: "keys of hash tables need no longer fit on a program's stack (kernel/bpf/hashtab.c)",
    },
    KernelClass {
        since: "6.16",
        hash_key_bytes: u32::MAX,
        trie_data_bytes: TRIE_DATA,
        verified_instructions: VERIFIED,
        pending_branches: u32::MAX,
        tail_calls: TAIL_CALLS,
        because: "programs on which 5.10, 6.1 and 6.12 give up at 8193 pending branches pass: measured on 6.16 and 7.3",
    },
];

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::schema::WireRecord;
    use crate::selector::{AffixKey, NetworkKey, NumberKey, StringKey};

    #[rstest]
    #[case(Operator::Equal, true, Some(SetKind::Strings), 256, 256)]
    #[case(Operator::NotIn, false, Some(SetKind::Numbers), 0, 0)]
    #[case(Operator::NotPrefix, true, Some(SetKind::Prefixes), 256, 248)]
    #[case(Operator::Postfix, true, Some(SetKind::Postfixes), 256, 248)]
    #[case(Operator::SubString, true, None, 64, 0)]
    #[case(Operator::InRange, false, Some(SetKind::Numbers), 0, 0)]
    #[case(Operator::DPort, false, Some(SetKind::Numbers), 0, 0)]
    #[case(Operator::NotDAddr, false, Some(SetKind::Networks), 0, 0)]
    #[case(Operator::Mask, false, None, 0, 0)]
    fn an_entry_holds_values_in_its_bytes_or_in_a_set(
        #[case] op: Operator,
        #[case] bytes: bool,
        #[case] set: Option<SetKind>,
        #[case] inline_bytes: u32,
        #[case] set_bytes: u32,
    ) {
        let capacity = capacity(op, bytes);
        assert_eq!((capacity.set, capacity.inline_bytes, capacity.set_bytes), (set, inline_bytes, set_bytes));
        assert_eq!(capacity.inline, MAX_VALUES);
    }

    #[test]
    fn an_operator_and_its_negation_hold_the_same() {
        for op in Operator::ALL {
            if let Some(positive) = op.positive() {
                for bytes in [false, true] {
                    assert_eq!(capacity(*op, bytes), capacity(positive, bytes), "{op:?}");
                }
            }
        }
    }

    #[test]
    fn the_keys_of_sets_fit_the_oldest_class() {
        let Some(oldest) = KERNELS.first() else { panic!("there are no classes") };
        for key in [NumberKey::SIZE, StringKey::SIZE] {
            assert!(key <= oldest.hash_key_bytes as usize);
        }
        // The number of bits is not part of what a trie compares.
        for key in [AffixKey::SIZE, NetworkKey::SIZE] {
            assert!(key - 4 <= oldest.trie_data_bytes as usize);
        }
    }

    #[test]
    fn classes_come_oldest_first_and_none_allows_less_than_the_one_before() {
        let version = |class: &KernelClass| -> (u32, u32) {
            let (major, minor) = class.since.split_once('.').unwrap();
            (major.parse().unwrap(), minor.parse().unwrap())
        };
        for pair in KERNELS.windows(2) {
            let [before, after] = pair else { panic!("not a pair") };
            assert!(version(before) < version(after), "{} {}", before.since, after.since);
            let limits = |class: &KernelClass| {
                [
                    class.hash_key_bytes,
                    class.trie_data_bytes,
                    class.verified_instructions,
                    class.pending_branches,
                    class.tail_calls,
                ]
            };
            assert!(limits(before).iter().zip(limits(after)).all(|(less, more)| *less <= more));
        }
        assert_eq!(
            KERNELS.iter().map(|class| class.since).collect::<Vec<_>>(),
            ["5.3", "5.5", "5.8", "5.11", "6.16"]
        );
    }
}
