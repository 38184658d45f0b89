//! Writing selector bytes: nested records whose lengths are filled in when they end.
//!
//! The writer never panics and never cuts: what does not fit is [`TooLarge`], with the size it would have had.

use crate::limits::FILTER_BYTES;
use crate::schema::WireRecord;
use crate::selector::{
    ActionEntry, ArgEntry, FilterHead, PidEntry, Section, SectionHead, SelectorHead, StringHead,
};
use crate::tree::{ArgTree, PidTree, SelectorTree, ValueTree};

/// The filter bytes of one hook, as the kernel map holds them.
pub type FilterBytes = [u8; FILTER_BYTES as usize];

/// The encoding needs more than [`FILTER_BYTES`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("selectors take {needed} bytes, {FILTER_BYTES} are available")]
pub struct TooLarge {
    /// Bytes that the encoding would take.
    pub needed: usize,
}

/// Writes the selectors of one hook, padded with zeros to the map's value size.
///
/// # Errors
/// When they do not fit.
pub fn selectors(selectors: &[SelectorTree]) -> Result<Box<FilterBytes>, TooLarge> {
    let mut out = Writer::default();
    out.nest(&FilterHead { length: 0, selectors: count(selectors) }, |out| {
        for selector in selectors {
            out.nest(&SelectorHead { length: 0, flags: selector.flags }, |out| sections(out, selector));
        }
    });
    let mut bytes = Box::new([0; FILTER_BYTES as usize]);
    bytes.get_mut(..out.bytes.len()).ok_or(TooLarge { needed: out.bytes.len() })?.copy_from_slice(&out.bytes);
    Ok(bytes)
}

fn sections(out: &mut Writer, selector: &SelectorTree) {
    for section in Section::ALL {
        match section {
            Section::Pids => out.section(&selector.pids, pid),
            Section::Args => out.section(&selector.args, arg),
            Section::Actions => out.section(&selector.actions, |out, action| {
                out.nest(&ActionEntry { action: action.number(), ..ActionEntry::default() }, |_| {});
            }),
            Section::Binaries
            | Section::Namespaces
            | Section::Capabilities
            | Section::NamespaceChanges
            | Section::CapabilityChanges => out.section::<()>(&[], |_, ()| {}),
        }
    }
}

fn pid(out: &mut Writer, pid: &PidTree) {
    let head = PidEntry { length: 0, op: pid.op.number(), flags: pid.flags, values: count(&pid.values) };
    out.nest(&head, |out| {
        for value in &pid.values {
            out.bytes.extend_from_slice(&value.to_le_bytes());
        }
    });
}

fn arg(out: &mut Writer, arg: &ArgTree) {
    let head = ArgEntry {
        length: 0,
        op: arg.op.number(),
        arg: arg.arg,
        arg_type: arg.arg_type.number(),
        values: match &arg.values {
            ValueTree::Numbers(numbers) => count(numbers),
            ValueTree::Strings(strings) => count(strings),
        },
        reserved: 0,
    };
    out.nest(&head, |out| match &arg.values {
        ValueTree::Numbers(numbers) => {
            for number in numbers {
                out.bytes.extend_from_slice(&number.to_le_bytes());
            }
        }
        ValueTree::Strings(strings) => {
            for string in strings {
                StringHead { length: count(string), reserved: 0 }.write(&mut out.bytes);
                out.bytes.extend_from_slice(string);
                out.pad();
            }
        }
    });
}

/// A count for a head. What exceeds u32 exceeds the filter a million times over and ends as [`TooLarge`].
fn count<T>(items: &[T]) -> u32 {
    u32::try_from(items.len()).unwrap_or(u32::MAX)
}

#[derive(Default)]
struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    /// Appends `head`, lets `inside` append what belongs to it, pads to 8, and writes the whole length into the first
    /// four bytes of `head`.
    fn nest(&mut self, head: &impl WireRecord, inside: impl FnOnce(&mut Self)) {
        let start = self.bytes.len();
        head.write(&mut self.bytes);
        inside(self);
        self.pad();
        let length = u32::try_from(self.bytes.len() - start).unwrap_or(u32::MAX);
        if let Some(field) = self.bytes.get_mut(start..start + 4) {
            field.copy_from_slice(&length.to_le_bytes());
        }
    }

    fn section<T>(&mut self, entries: &[T], mut entry: impl FnMut(&mut Self, &T)) {
        self.nest(&SectionHead { length: 0, entries: count(entries) }, |out| {
            for item in entries {
                entry(out, item);
            }
        });
    }

    /// Pads with zeros to a multiple of 8.
    fn pad(&mut self) {
        self.bytes.resize(self.bytes.len().next_multiple_of(8), 0);
    }
}
