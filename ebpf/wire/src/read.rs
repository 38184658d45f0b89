//! Reading selector bytes: any bytes give a tree or an error that says where; never a panic.
//!
//! This is the structural half of decoding: lengths, counts and numbers, still as numbers. What they mean is the business
//! of the enforcer's `explain`.

use crate::code::{Action, ArgType, Operator, Subject, ValueKind};
use crate::schema::WireRecord;
use crate::selector::{
    ActionEntry, Entry, FAMILY_4, FAMILY_6, FilterHead, Network, PidEntry, Section, SectionHead,
    SelectorHead, StringHead,
};
use crate::tree::{ActionTree, EntryTree, PidTree, SelectorTree, ValueTree};

/// Why bytes are not selectors.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// A record does not fit into what surrounds it.
    #[error("{what} at byte {at} is cut off")]
    Cut {
        /// The record.
        what: &'static str,
        /// Its offset.
        at: usize,
    },
    /// A length is smaller than its content, not a multiple of 8, or leaves bytes over.
    #[error("{what} at byte {at} has length {length}, which does not fit its content")]
    Length {
        /// The record.
        what: &'static str,
        /// Its offset.
        at: usize,
        /// What it says.
        length: u32,
    },
    /// A number that is not in the table.
    #[error("{what} {number} at byte {at} is unknown")]
    Unknown {
        /// The table.
        what: &'static str,
        /// Offset of the entry.
        at: usize,
        /// The number.
        number: u32,
    },
    /// A section is not where its selector says.
    #[error(
        "section {section:?} is said to be at byte {said} of its selector, and could only be at byte {expected}"
    )]
    Place {
        /// The section.
        section: Section,
        /// Where the selector's head says that it is.
        said: u32,
        /// Where the part before it ends.
        expected: usize,
    },
    /// A section without entries, which would have been left out.
    #[error("section {section:?} at byte {at} has no entries")]
    Empty {
        /// The section.
        section: Section,
        /// Its offset.
        at: usize,
    },
    /// An entry with a set and values of its own.
    #[error("entry at byte {at} has set {set} and {values} values, which exclude each other")]
    SetAndValues {
        /// Its offset.
        at: usize,
        /// The set.
        set: u32,
        /// Values that are said to follow.
        values: u32,
    },
    /// Reserved or padding bytes are not zero.
    #[error("reserved bytes of {what} at byte {at} are not zero")]
    Reserved {
        /// The record.
        what: &'static str,
        /// Its offset.
        at: usize,
    },
}

/// A window of the bytes with its offset in the whole.
struct Window<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Window<'a> {
    fn record<T: WireRecord>(&mut self, what: &'static str) -> Result<T, ReadError> {
        let record = T::read(self.bytes).ok_or(ReadError::Cut { what, at: self.at })?;
        self.take(T::SIZE, what)?;
        Ok(record)
    }

    fn take(&mut self, length: usize, what: &'static str) -> Result<&'a [u8], ReadError> {
        let (front, rest) =
            self.bytes.split_at_checked(length).ok_or(ReadError::Cut { what, at: self.at })?;
        self.bytes = rest;
        self.at += length;
        Ok(front)
    }

    /// Reads `head` and splits off the rest of the record that it opens.
    fn nested<T: WireRecord>(
        &mut self,
        what: &'static str,
        length: impl Fn(&T) -> u32,
    ) -> Result<(T, Window<'a>), ReadError> {
        let at = self.at;
        let head = T::read(self.bytes).ok_or(ReadError::Cut { what, at })?;
        let said = length(&head);
        let whole = said as usize;
        if whole < T::SIZE || !whole.is_multiple_of(8) {
            return Err(ReadError::Length { what, at, length: said });
        }
        let inside = self.take(whole, what)?;
        Ok((head, Window { bytes: inside.get(T::SIZE..).unwrap_or_default(), at: at + T::SIZE }))
    }

    fn zeros(&mut self, what: &'static str) -> Result<(), ReadError> {
        if self.bytes.iter().all(|byte| *byte == 0) {
            Ok(())
        } else {
            Err(ReadError::Reserved { what, at: self.at })
        }
    }

    fn end(&self, what: &'static str) -> Result<(), ReadError> {
        if self.bytes.is_empty() {
            Ok(())
        } else {
            let length = u32::try_from(self.bytes.len()).unwrap_or(u32::MAX);
            Err(ReadError::Length { what, at: self.at, length })
        }
    }
}

/// Reads the selectors of one hook.
///
/// # Errors
/// When the bytes are not what [`crate::write`] writes; the error names record and offset.
pub fn selectors(bytes: &[u8]) -> Result<Vec<SelectorTree>, ReadError> {
    let mut all = Window { bytes, at: 0 };
    let (head, mut inside) = all.nested("filter", |head: &FilterHead| head.length)?;
    let mut out = Vec::new();
    for _ in 0..head.selectors {
        let start = inside.at;
        let (head, mut selector) = inside.nested("selector", |head: &SelectorHead| head.length)?;
        out.push(sections(&head, start, &mut selector)?);
    }
    inside.end("filter")?;
    all.zeros("unused part of the filter")?;
    Ok(out)
}

/// The sections of the selector that starts at `start`.
fn sections(head: &SelectorHead, start: usize, selector: &mut Window<'_>) -> Result<SelectorTree, ReadError> {
    let mut tree = SelectorTree { flags: head.flags, ..SelectorTree::default() };
    if head.section.iter().skip(Section::ALL.len()).any(|said| *said != 0) {
        return Err(ReadError::Reserved { what: "selector", at: start });
    }
    for section in Section::ALL {
        let said = head.section.get(section.number() as usize).copied().unwrap_or(0);
        if said == 0 {
            continue;
        }
        let (at, expected) = (selector.at, selector.at - start);
        if said as usize != expected {
            return Err(ReadError::Place { section: *section, said, expected });
        }
        let (head, mut inside) = selector.nested("section", |head: &SectionHead| head.length)?;
        if head.entries == 0 {
            return Err(ReadError::Empty { section: *section, at });
        }
        let mut entries = Vec::new();
        for _ in 0..head.entries {
            match section {
                Section::Pids => tree.pids.push(pid(&mut inside)?),
                Section::Actions => tree.actions.push(action(&mut inside)?),
                Section::ReturnActions => tree.return_actions.push(action(&mut inside)?),
                _ => entries.push(entry(&mut inside)?),
            }
        }
        if !entries.is_empty() {
            tree.sections.push((*section, entries));
        }
        inside.end("section")?;
    }
    selector.end("selector")?;
    Ok(tree)
}

fn operator(number: u32, at: usize) -> Result<Operator, ReadError> {
    Operator::from_number(number).ok_or(ReadError::Unknown { what: "operator", at, number })
}

fn pid(section: &mut Window<'_>) -> Result<PidTree, ReadError> {
    let at = section.at;
    let (head, mut inside) = section.nested("matchPIDs entry", |head: &PidEntry| head.length)?;
    let mut values = Vec::new();
    for _ in 0..head.values {
        let bytes = inside.take(4, "process id")?;
        values.push(bytes.first_chunk().map_or(0, |chunk| u32::from_le_bytes(*chunk)));
    }
    if inside.bytes.len() >= 8 {
        return Err(ReadError::Length { what: "matchPIDs entry", at, length: head.length });
    }
    inside.zeros("matchPIDs entry")?;
    Ok(PidTree { op: operator(head.op, at)?, flags: head.flags, values })
}

fn entry(section: &mut Window<'_>) -> Result<EntryTree, ReadError> {
    let at = section.at;
    let (head, mut inside) = section.nested("entry", |head: &Entry| head.length)?;
    let op = operator(head.op, at)?;
    let unknown = |what, number| ReadError::Unknown { what, at, number };
    let arg_type = ArgType::from_number(head.arg_type).ok_or(unknown("argument type", head.arg_type))?;
    let subject = Subject::from_number(head.subject).ok_or(unknown("subject", head.subject))?;
    let values = if head.set == 0 {
        let kind = op.values(arg_type.is_bytes());
        values(&mut inside, kind, head.values)?
    } else if head.values == 0 {
        ValueTree::Set(head.set)
    } else {
        return Err(ReadError::SetAndValues { at, set: head.set, values: head.values });
    };
    inside.end("entry")?;
    Ok(EntryTree { op, subject, arg_type, values, search: head.search, longest: head.longest })
}

/// Reads `count` values; each takes bytes, so that a wrong count ends with them.
fn values(inside: &mut Window<'_>, kind: ValueKind, count: u32) -> Result<ValueTree, ReadError> {
    let all = 0..count;
    Ok(match kind {
        ValueKind::Numbers => ValueTree::Numbers(all.map(|_| number(inside)).collect::<Result<_, _>>()?),
        ValueKind::Ranges => ValueTree::Ranges(
            all.map(|_| Ok((number(inside)?, number(inside)?))).collect::<Result<_, ReadError>>()?,
        ),
        ValueKind::Strings => ValueTree::Strings(all.map(|_| string(inside)).collect::<Result<_, _>>()?),
        ValueKind::Networks => ValueTree::Networks(all.map(|_| network(inside)).collect::<Result<_, _>>()?),
    })
}

fn number(values: &mut Window<'_>) -> Result<u64, ReadError> {
    let at = values.at;
    let bytes = values.take(8, "number")?;
    let chunk = bytes.first_chunk().ok_or(ReadError::Cut { what: "number", at })?;
    Ok(u64::from_le_bytes(*chunk))
}

fn network(values: &mut Window<'_>) -> Result<Network, ReadError> {
    let at = values.at;
    let network: Network = values.record("network")?;
    let most = match network.family {
        FAMILY_4 => 32,
        FAMILY_6 => 128,
        number => return Err(ReadError::Unknown { what: "address family", at, number }),
    };
    if network.bits > most {
        return Err(ReadError::Length { what: "network prefix", at, length: network.bits });
    }
    // Bits behind the prefix, by the mask that it stands for.
    let mask = u128::MAX.checked_shl(128 - network.bits).unwrap_or(0);
    if u128::from_be_bytes(network.address) & !mask != 0 {
        return Err(ReadError::Reserved { what: "network", at });
    }
    Ok(network)
}

fn string(values: &mut Window<'_>) -> Result<Vec<u8>, ReadError> {
    let at = values.at;
    let head: StringHead = values.record("string value")?;
    if head.reserved != 0 {
        return Err(ReadError::Reserved { what: "string value", at });
    }
    let length = head.length as usize;
    let padded = values.take(length.next_multiple_of(8), "string value")?;
    let (bytes, padding) = padded.split_at_checked(length).unwrap_or((padded, &[]));
    if padding.iter().any(|byte| *byte != 0) {
        return Err(ReadError::Reserved { what: "string value", at });
    }
    Ok(bytes.to_vec())
}

fn action(section: &mut Window<'_>) -> Result<ActionTree, ReadError> {
    let at = section.at;
    let (head, inside) = section.nested("action", |head: &ActionEntry| head.length)?;
    inside.end("action")?;
    let action = Action::from_number(head.action).ok_or(ReadError::Unknown {
        what: "action",
        at,
        number: head.action,
    })?;
    Ok(ActionTree { action, param: head.param })
}
