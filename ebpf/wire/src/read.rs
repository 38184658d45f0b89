//! Reading selector bytes: any bytes give a tree or an error that says where; never a panic.
//!
//! This is the structural half of decoding: lengths, counts and numbers, still as numbers. What they mean is the business
//! of the enforcer's `explain`.

use crate::code::{Action, ArgType, Operator};
use crate::schema::WireRecord;
use crate::selector::{
    ActionEntry, ArgEntry, FilterHead, PidEntry, Section, SectionHead, SelectorHead, StringHead,
};
use crate::tree::{ArgTree, PidTree, SelectorTree, ValueTree};

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
    /// A section that this version never writes has entries.
    #[error("section {section:?} at byte {at} has {entries} entries, and this version has none")]
    Section {
        /// The section.
        section: Section,
        /// Its offset.
        at: usize,
        /// What it says.
        entries: u32,
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
        let (head, mut selector) = inside.nested("selector", |head: &SelectorHead| head.length)?;
        out.push(sections(head.flags, &mut selector)?);
    }
    inside.end("filter")?;
    all.zeros("unused part of the filter")?;
    Ok(out)
}

fn sections(flags: u32, selector: &mut Window<'_>) -> Result<SelectorTree, ReadError> {
    let mut tree = SelectorTree { flags, pids: vec![], args: vec![], actions: vec![] };
    for section in Section::ALL {
        let at = selector.at;
        let (head, mut inside) = selector.nested("section", |head: &SectionHead| head.length)?;
        for _ in 0..head.entries {
            match section {
                Section::Pids => tree.pids.push(pid(&mut inside)?),
                Section::Args => tree.args.push(arg(&mut inside)?),
                Section::Actions => tree.actions.push(action(&mut inside)?),
                _ => return Err(ReadError::Section { section: *section, at, entries: head.entries }),
            }
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

fn arg(section: &mut Window<'_>) -> Result<ArgTree, ReadError> {
    let at = section.at;
    let (head, mut inside) = section.nested("matchArgs entry", |head: &ArgEntry| head.length)?;
    if head.reserved != 0 {
        return Err(ReadError::Reserved { what: "matchArgs entry", at });
    }
    let arg_type = ArgType::from_number(head.arg_type).ok_or(ReadError::Unknown {
        what: "argument type",
        at,
        number: head.arg_type,
    })?;
    let values = if arg_type.is_bytes() {
        let strings = (0..head.values).map(|_| string(&mut inside)).collect::<Result<_, _>>()?;
        ValueTree::Strings(strings)
    } else {
        let mut numbers = Vec::new();
        for _ in 0..head.values {
            let bytes = inside.take(8, "number")?;
            numbers.push(bytes.first_chunk().map_or(0, |chunk| u64::from_le_bytes(*chunk)));
        }
        ValueTree::Numbers(numbers)
    };
    inside.end("matchArgs entry")?;
    Ok(ArgTree { op: operator(head.op, at)?, arg: head.arg, arg_type, values })
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

fn action(section: &mut Window<'_>) -> Result<Action, ReadError> {
    let at = section.at;
    let (head, inside) = section.nested("action", |head: &ActionEntry| head.length)?;
    inside.end("action")?;
    if head.param != [0; 2] {
        return Err(ReadError::Reserved { what: "action", at });
    }
    Action::from_number(head.action).ok_or(ReadError::Unknown { what: "action", at, number: head.action })
}
