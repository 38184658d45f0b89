//! Sets, search tables and constants as a JSON document has them: complete, and each member as a person would write it.

use quell_wire::hook::HookConfig;
use quell_wire::limits::{MAX_SEARCHES, MAX_SET_MEMBERS};
use quell_wire::schema::WireRecord;
use quell_wire::selector::{
    AFFIX_PREFIX_BITS, AffixKey, NETWORK_PREFIX_BITS, NetworkKey, NumberKey, SearchTable, StringKey,
};
use quell_wire::sets::Sets;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::bytes::{Base64, TextOrBytes};

/// Members of one set that stand next to each other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Group<T> {
    /// Number of the set.
    pub set: u32,
    /// Its members, in their order.
    pub members: Vec<T>,
}

/// A network as its key has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NetworkMember {
    /// Family tag.
    pub family: u32,
    /// Bits that count.
    pub bits: u32,
    /// The address, 16 bytes.
    pub address: Base64,
}

/// The sets and search tables of a hook.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SetsDocument {
    /// Numbers.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub numbers: Vec<Group<u64>>,
    /// Whole strings.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub strings: Vec<Group<TextOrBytes>>,
    /// Prefixes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub prefixes: Vec<Group<TextOrBytes>>,
    /// Postfixes, reversed as in their keys.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub postfixes: Vec<Group<TextOrBytes>>,
    /// Networks.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub networks: Vec<Group<NetworkMember>>,
    /// Search tables, byte by byte.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub searches: Vec<Base64>,
}

/// Why a document has no sets or constants.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PartError {
    /// A member that does not fit a key.
    #[error("a member of set {set} does not fit the key of {kind}")]
    Member {
        /// Number of the set.
        set: u32,
        /// Kind of the set.
        kind: &'static str,
    },
    /// More members than a map holds.
    #[error("there are {found} members in sets of {kind}, at most {MAX_SET_MEMBERS} are possible")]
    Members {
        /// Kind of the sets.
        kind: &'static str,
        /// How many members.
        found: usize,
    },
    /// More search tables than a hook has.
    #[error("there are {found} search tables, at most {MAX_SEARCHES} are possible")]
    Searches {
        /// How many.
        found: usize,
    },
    /// A search table of another size.
    #[error("a search table has {found} bytes instead of {}", SearchTable::SIZE)]
    Search {
        /// Bytes that it has.
        found: usize,
    },
    /// A constant that is missing, of another form, or unknown.
    #[error("constant `{0}` is missing, unknown, or not the number or list of numbers that it should be")]
    Constant(String),
}

impl SetsDocument {
    /// The document of these sets.
    #[must_use]
    pub fn new(sets: &Sets) -> Self {
        let affix = |key: &AffixKey| {
            let length = (key.bits.saturating_sub(AFFIX_PREFIX_BITS) / 8) as usize;
            (key.set, TextOrBytes(key.bytes.iter().take(length).copied().collect()))
        };
        Self {
            numbers: groups(sets.numbers.iter().map(|key| (key.set, key.number))),
            strings: groups(sets.strings.iter().map(|key| {
                (key.set, TextOrBytes(key.bytes.iter().take(key.length as usize).copied().collect()))
            })),
            prefixes: groups(sets.prefixes.iter().map(affix)),
            postfixes: groups(sets.postfixes.iter().map(affix)),
            networks: groups(sets.networks.iter().map(|key| {
                let bits = key.bits.saturating_sub(NETWORK_PREFIX_BITS);
                let member =
                    NetworkMember { family: key.family, bits, address: Base64(key.address.to_vec()) };
                (key.set, member)
            })),
            searches: sets.searches.iter().map(record).collect(),
        }
    }

    /// The sets of this document.
    ///
    /// # Errors
    /// When a member has no key.
    pub fn sets(&self) -> Result<Sets, PartError> {
        if self.searches.len() > MAX_SEARCHES as usize {
            return Err(PartError::Searches { found: self.searches.len() });
        }
        Ok(Sets {
            numbers: keys(&self.numbers, "numbers", |set, number| {
                Some(NumberKey { set, reserved: 0, number: *number })
            })?,
            strings: keys(&self.strings, "strings", |set, string| {
                let mut key = StringKey { set, ..StringKey::default() };
                key.length = copy(&mut key.bytes, &string.0)?;
                Some(key)
            })?,
            prefixes: keys(&self.prefixes, "prefixes", affix)?,
            postfixes: keys(&self.postfixes, "postfixes", affix)?,
            networks: keys(&self.networks, "networks", |set, network| {
                let bits = NETWORK_PREFIX_BITS.checked_add(network.bits)?;
                let address = network.address.0.as_slice().try_into().ok()?;
                Some(NetworkKey { bits, set, family: network.family, address })
            })?,
            searches: self.searches.iter().map(search).collect::<Result<_, _>>()?,
        })
    }
}

fn groups<T>(members: impl Iterator<Item = (u32, T)>) -> Vec<Group<T>> {
    let mut groups: Vec<Group<T>> = Vec::new();
    for (set, member) in members {
        match groups.last_mut() {
            Some(last) if last.set == set => last.members.push(member),
            _ => groups.push(Group { set, members: vec![member] }),
        }
    }
    groups
}

fn keys<T, K>(
    groups: &[Group<T>],
    kind: &'static str,
    key: impl Fn(u32, &T) -> Option<K>,
) -> Result<Vec<K>, PartError> {
    // A key takes far more bytes than its member in the document.
    let found = groups.iter().map(|group| group.members.len()).sum();
    if found > MAX_SET_MEMBERS as usize {
        return Err(PartError::Members { kind, found });
    }
    let members = groups.iter().flat_map(|group| group.members.iter().map(|member| (group.set, member)));
    members.map(|(set, member)| key(set, member).ok_or(PartError::Member { set, kind })).collect()
}

fn affix(set: u32, string: &TextOrBytes) -> Option<AffixKey> {
    let mut key = AffixKey { set, ..AffixKey::default() };
    key.bits = AFFIX_PREFIX_BITS + 8 * copy(&mut key.bytes, &string.0)?;
    Some(key)
}

/// Copies a string into the bytes of a key; its length, or `None` when it is longer.
fn copy(slots: &mut [u8], string: &[u8]) -> Option<u32> {
    slots.get_mut(..string.len())?.copy_from_slice(string);
    u32::try_from(string.len()).ok()
}

fn record(record: &impl WireRecord) -> Base64 {
    let mut bytes = Vec::new();
    record.write(&mut bytes);
    Base64(bytes)
}

fn search(bytes: &Base64) -> Result<SearchTable, PartError> {
    let whole = (bytes.0.len() == SearchTable::SIZE).then_some(&bytes.0);
    whole.and_then(|bytes| SearchTable::read(bytes)).ok_or(PartError::Search { found: bytes.0.len() })
}

/// The constants by name: a number, or a list of numbers.
#[must_use]
pub fn constants(config: &HookConfig) -> Map<String, Value> {
    let mut bytes = Vec::new();
    config.write(&mut bytes);
    let fields = HookConfig::LAYOUT.fields.iter().map(|field| {
        let own = bytes.get(field.offset..field.offset + field.size).unwrap_or_default();
        let numbers: Vec<u64> =
            own.chunks(field.size / field.count.unwrap_or(1)).map(little_endian).collect();
        let value = match (field.count, numbers.as_slice()) {
            (None, [number]) => Value::from(*number),
            _ => Value::from(numbers),
        };
        (field.name.to_owned(), value)
    });
    fields.collect()
}

fn little_endian(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// The constants of a document.
///
/// # Errors
/// The first constant that is not as [`constants`] writes it.
pub fn config(constants: &Map<String, Value>) -> Result<HookConfig, PartError> {
    let fields = HookConfig::LAYOUT.fields;
    let mut bytes = Vec::new();
    for field in fields {
        let wrong = || PartError::Constant(field.name.to_owned());
        let value = constants.get(field.name).ok_or_else(wrong)?;
        let numbers = match (field.count, value) {
            (None, number) => vec![number],
            (Some(count), Value::Array(numbers)) if numbers.len() == count => numbers.iter().collect(),
            _ => return Err(wrong()),
        };
        let width = field.size / numbers.len();
        for number in numbers {
            let number = number.as_u64().filter(|number| width == 8 || number >> (8 * width) == 0);
            bytes.extend(number.ok_or_else(wrong)?.to_le_bytes().iter().take(width));
        }
    }
    if let Some(unknown) = constants.keys().find(|key| !fields.iter().any(|field| field.name == **key)) {
        return Err(PartError::Constant(unknown.clone()));
    }
    HookConfig::read(&bytes).ok_or_else(|| PartError::Constant(String::new()))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[test]
    fn constants_come_back_from_their_names() {
        let config = HookConfig {
            operators: u64::MAX,
            hook: 7,
            arg_size: [255, 1, 2, 3, u32::MAX],
            ..HookConfig::default()
        };
        let written = constants(&config);
        assert_eq!(written["operators"], u64::MAX);
        assert_eq!(super::config(&written).unwrap(), config);
    }

    #[rstest]
    #[case("hook", Some(Value::from(1_u64 << 32)))]
    #[case("hook", Some(Value::from(-1)))]
    #[case("hook", None)]
    #[case("arg_type", Some(Value::from(vec![1, 2])))]
    #[case("more", Some(Value::from(1)))]
    fn other_constants_are_refused_by_name(#[case] key: &str, #[case] value: Option<Value>) {
        let mut written = constants(&HookConfig::default());
        match value {
            Some(value) => drop(written.insert(key.to_owned(), value)),
            None => drop(written.remove(key)),
        }
        assert_eq!(config(&written), Err(PartError::Constant(key.to_owned())));
    }

    #[test]
    fn members_that_fit_no_key_or_no_map_are_refused() {
        let strings =
            |members| SetsDocument { strings: vec![Group { set: 3, members }], ..SetsDocument::default() };
        let long = strings(vec![TextOrBytes(vec![b'x'; 257])]);
        assert_eq!(long.sets(), Err(PartError::Member { set: 3, kind: "strings" }));
        let many = strings(vec![TextOrBytes(vec![]); MAX_SET_MEMBERS as usize + 1]);
        let found = MAX_SET_MEMBERS as usize + 1;
        assert_eq!(many.sets(), Err(PartError::Members { kind: "strings", found }));
        let table = SetsDocument { searches: vec![Base64(vec![0; 10])], ..SetsDocument::default() };
        assert_eq!(table.sets(), Err(PartError::Search { found: 10 }));
    }
}
