//! The sets of a hook as the kernel's maps answer for them: hash tables by the whole key, tries by the longest prefix.

use std::collections::{BTreeSet, HashMap, HashSet};

use quell_wire::WireRecord;
use quell_wire::hook::SetKind;
use quell_wire::selector::{AFFIX_PREFIX_BITS, AffixKey, NETWORK_PREFIX_BITS, NetworkKey, SearchTable};
use quell_wire::sets::Sets;

/// Bits at the front of a trie's key that say how many bits of the rest count.
const TRIE_HEAD_BYTES: usize = 4;

/// A trie: members by their bits, and the numbers of bits that members of a set have.
#[derive(Clone, Debug, Default)]
struct Trie {
    members: HashSet<(u32, Vec<u8>)>,
    lengths: HashMap<[u8; 4], BTreeSet<u32>>,
}

impl Trie {
    fn new(keys: impl Iterator<Item = Vec<u8>>) -> Self {
        let mut trie = Self::default();
        for key in keys {
            let Some((bits, rest)) = split(&key) else { continue };
            trie.members.insert((bits, prefix(rest, bits)));
            if let Some(set) = rest.first_chunk() {
                trie.lengths.entry(*set).or_default().insert(bits);
            }
        }
        trie
    }

    fn has(&self, key: &[u8]) -> bool {
        let Some((bits, rest)) = split(key) else { return false };
        let lengths = rest.first_chunk().and_then(|set| self.lengths.get(set));
        lengths.is_some_and(|lengths| {
            lengths.range(..=bits).any(|length| self.members.contains(&(*length, prefix(rest, *length))))
        })
    }
}

/// The number of bits of a trie's key, and what they are bits of.
fn split(key: &[u8]) -> Option<(u32, &[u8])> {
    let (bits, rest) = key.split_at_checked(TRIE_HEAD_BYTES)?;
    Some((u32::from_le_bytes(*bits.first_chunk()?), rest))
}

/// The first bits, highest bit of a byte first.
fn prefix(bytes: &[u8], bits: u32) -> Vec<u8> {
    let whole = (bits / 8) as usize;
    let mut out: Vec<u8> = bytes.iter().take(whole).copied().collect();
    if let (1.., Some(byte)) = (bits % 8, bytes.get(whole)) {
        out.push(byte & !(u8::MAX >> (bits % 8)));
    }
    out
}

/// The maps of a hook beside its selector bytes.
#[derive(Clone, Debug, Default)]
pub struct Members {
    whole: [HashSet<Vec<u8>>; 2],
    tries: [Trie; 3],
    pub(super) searches: Vec<SearchTable>,
}

impl Members {
    /// The maps that hold these sets.
    #[must_use]
    pub fn new(sets: &Sets) -> Self {
        Self {
            whole: [sets.numbers.iter().map(bytes).collect(), sets.strings.iter().map(bytes).collect()],
            tries: [
                Trie::new(sets.prefixes.iter().map(bytes)),
                Trie::new(sets.postfixes.iter().map(bytes)),
                Trie::new(sets.networks.iter().map(bytes)),
            ],
            searches: sets.searches.clone(),
        }
    }

    /// Whether a lookup with this key finds a member.
    #[must_use]
    pub fn has(&self, kind: SetKind, key: &[u8]) -> bool {
        let [numbers, strings] = &self.whole;
        let [prefixes, postfixes, networks] = &self.tries;
        match kind {
            SetKind::Numbers => numbers.contains(key),
            SetKind::Strings => strings.contains(key),
            SetKind::Prefixes => prefixes.has(key),
            SetKind::Postfixes => postfixes.has(key),
            SetKind::Networks => networks.has(key),
        }
    }
}

fn bytes(record: &impl WireRecord) -> Vec<u8> {
    let mut out = Vec::new();
    record.write(&mut out);
    out
}

// A set's number is whole bytes at the front of what a trie compares.
const _: () =
    assert!(AFFIX_PREFIX_BITS >= 32 && NETWORK_PREFIX_BITS >= 32 && AffixKey::SIZE > NetworkKey::SIZE);

#[cfg(test)]
mod tests {
    use quell_wire::selector::{FAMILY_4, FAMILY_6};
    use rstest::rstest;

    use super::*;

    fn affix(set: u32, string: &[u8]) -> AffixKey {
        let mut key = AffixKey { set, ..AffixKey::default() };
        key.bits = AFFIX_PREFIX_BITS + 8 * u32::try_from(string.len()).unwrap();
        key.bytes[..string.len()].copy_from_slice(string);
        key
    }

    fn network(set: u32, family: u32, bits: u32, address: [u8; 4]) -> NetworkKey {
        let mut key = NetworkKey { bits: NETWORK_PREFIX_BITS + bits, set, family, ..NetworkKey::default() };
        key.address[..4].copy_from_slice(&address);
        key
    }

    #[rstest]
    #[case(1, b"/etc/passwd", true)]
    #[case(1, b"/etc/", true)]
    #[case(1, b"/etc", false)]
    #[case(2, b"/etc/passwd", false)]
    #[case(2, b"/var", true)]
    fn a_trie_finds_members_that_the_key_starts_with(
        #[case] set: u32,
        #[case] key: &[u8],
        #[case] found: bool,
    ) {
        let sets = Sets { prefixes: vec![affix(1, b"/etc/"), affix(2, b"/var")], ..Sets::default() };
        assert_eq!(Members::new(&sets).has(SetKind::Prefixes, &bytes(&affix(set, key))), found);
    }

    #[rstest]
    #[case(FAMILY_4, [10, 64, 0, 1], true)]
    #[case(FAMILY_4, [10, 128, 0, 1], false)]
    #[case(FAMILY_6, [10, 64, 0, 1], false)]
    fn a_network_ends_within_a_byte(#[case] family: u32, #[case] address: [u8; 4], #[case] found: bool) {
        let sets = Sets { networks: vec![network(1, FAMILY_4, 9, [10, 0, 0, 0])], ..Sets::default() };
        assert_eq!(
            Members::new(&sets).has(SetKind::Networks, &bytes(&network(1, family, 32, address))),
            found
        );
    }
}
