//! Writing selector bytes: nested records whose lengths are filled in when they end.
//!
//! The writer never panics and never cuts: what does not fit is [`TooLarge`], with the size it would have had.

use crate::limits::FILTER_BYTES;
use crate::schema::WireRecord;
use crate::selector::{
    ActionEntry, Entry, FilterHead, PidEntry, SECTIONS, Section, SectionHead, SelectorHead, StringHead,
};
use crate::tree::{ActionTree, EntryTree, PidTree, SelectorTree, ValueTree};

/// The filter bytes of one hook, as the kernel map holds them.
pub type FilterBytes = [u8; FILTER_BYTES as usize];

/// The encoding needs more than [`FILTER_BYTES`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("selectors take {needed} bytes, {FILTER_BYTES} are available")]
pub struct TooLarge {
    /// Bytes that the encoding would take.
    pub needed: usize,
}

/// Writes the selectors of one hook, padded with zeros to the map's value size. Sections without entries take no bytes.
///
/// # Errors
/// When they do not fit.
pub fn selectors(selectors: &[SelectorTree]) -> Result<Box<FilterBytes>, TooLarge> {
    let mut out = Writer::default();
    out.nest(&FilterHead { length: 0, selectors: count(selectors) }, |out| {
        for tree in selectors {
            selector(out, tree);
        }
    });
    let mut bytes = Box::new([0; FILTER_BYTES as usize]);
    bytes.get_mut(..out.bytes.len()).ok_or(TooLarge { needed: out.bytes.len() })?.copy_from_slice(&out.bytes);
    Ok(bytes)
}

fn selector(out: &mut Writer, tree: &SelectorTree) {
    let start = out.bytes.len();
    let mut section_at = [0; SECTIONS as usize];
    out.nest(&SelectorHead::default(), |out| {
        for section in Section::ALL {
            let at = length(out.bytes.len() - start);
            let present = match section {
                Section::Pids => out.section(&tree.pids, pid),
                Section::Actions => out.section(&tree.actions, action),
                Section::ReturnActions => out.section(&tree.return_actions, action),
                _ => out.section(tree.section(*section), entry),
            };
            if let (true, Some(slot)) = (present, section_at.get_mut(section.number() as usize)) {
                *slot = at;
            }
        }
    });
    // Written again, now that the offsets are known.
    let mut bytes = Vec::with_capacity(SelectorHead::SIZE);
    let head =
        SelectorHead { length: length(out.bytes.len() - start), flags: tree.flags, section: section_at };
    head.write(&mut bytes);
    if let Some(place) = out.bytes.get_mut(start..start + bytes.len()) {
        place.copy_from_slice(&bytes);
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

fn action(out: &mut Writer, action: &ActionTree) {
    out.nest(&ActionEntry { length: 0, action: action.action.number(), param: action.param }, |_| {});
}

fn entry(out: &mut Writer, entry: &EntryTree) {
    let (values, set) = match &entry.values {
        ValueTree::Numbers(numbers) => (count(numbers), 0),
        ValueTree::Ranges(ranges) => (count(ranges), 0),
        ValueTree::Strings(strings) => (count(strings), 0),
        ValueTree::Networks(networks) => (count(networks), 0),
        ValueTree::Set(set) => (0, *set),
    };
    let head = Entry {
        length: 0,
        op: entry.op.number(),
        subject: entry.subject.number(),
        arg_type: entry.arg_type.number(),
        values,
        set,
        search: entry.search,
        longest: entry.longest,
    };
    out.nest(&head, |out| match &entry.values {
        ValueTree::Numbers(numbers) => {
            for number in numbers {
                out.bytes.extend_from_slice(&number.to_le_bytes());
            }
        }
        ValueTree::Ranges(ranges) => {
            for (least, greatest) in ranges {
                out.bytes.extend_from_slice(&least.to_le_bytes());
                out.bytes.extend_from_slice(&greatest.to_le_bytes());
            }
        }
        ValueTree::Strings(strings) => {
            for string in strings {
                StringHead { length: count(string), reserved: 0 }.write(&mut out.bytes);
                out.bytes.extend_from_slice(string);
                out.pad();
            }
        }
        ValueTree::Networks(networks) => {
            for network in networks {
                network.write(&mut out.bytes);
            }
        }
        ValueTree::Set(_) => {}
    });
}

/// Bytes as a number for a head; what exceeds u32 exceeds the filter a million times over and ends as [`TooLarge`].
fn length(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
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
        let length = length(self.bytes.len() - start);
        if let Some(field) = self.bytes.get_mut(start..start + 4) {
            field.copy_from_slice(&length.to_le_bytes());
        }
    }

    /// Appends a section, and says whether there is one.
    fn section<T>(&mut self, entries: &[T], mut entry: impl FnMut(&mut Self, &T)) -> bool {
        if entries.is_empty() {
            return false;
        }
        self.nest(&SectionHead { length: 0, entries: count(entries) }, |out| {
            for item in entries {
                entry(out, item);
            }
        });
        true
    }

    /// Pads with zeros to a multiple of 8.
    fn pad(&mut self) {
        self.bytes.resize(self.bytes.len().next_multiple_of(8), 0);
    }
}
