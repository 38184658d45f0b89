//! Writes pruned programs back into their object: sections become shorter, and whatever names an instruction names it by its new
//! number. The file keeps its length; what is left over between its sections belongs to none.

use std::collections::BTreeMap;

use object::LittleEndian;
use object::elf::{FileHeader64, SHT_REL, SHT_SYMTAB};
use object::read::elf::{FileHeader, SectionHeader};

use super::instruction::SIZE;
use super::object::{ObjectError, word};
use super::prune::Pruned;

/// Where in a section's header its size is (`sh_size` of `Elf64_Shdr`), and how long such headers are.
const SECTION_SIZE: usize = 32;
const SECTION_HEAD: usize = 64;
/// A relocation (`Elf64_Rel`) and a symbol (`Elf64_Sym`), with where the section, the value and the size of the latter are.
const RELOCATION: usize = 16;
const SYMBOL: usize = 24;
const SYMBOL_SECTION: usize = 6;
const SYMBOL_VALUE: usize = 8;
const SYMBOL_SIZE: usize = 16;
/// Where `struct btf_ext_header` says what a part's place and length are: of functions, of lines, of what is fitted to the kernel.
const FUNCTIONS: usize = 8;
const LINES: usize = 16;
const FITTED: usize = 24;

/// Writes what is left of each section, by the section's number in the file.
///
/// # Errors
/// When the object is not as the compiler writes it.
pub(super) fn shrink(bytes: &mut [u8], pruned: &BTreeMap<usize, Pruned>) -> Result<(), ObjectError> {
    let layout = Layout::of(bytes)?;
    for (number, left) in pruned {
        let place = layout.place(*number)?;
        for (at, instruction) in left.code.iter().enumerate() {
            put(bytes, place + at * SIZE, &instruction.bytes())?;
        }
        layout.resize(bytes, *number, left.code.len() * SIZE)?;
    }
    for (number, programs) in &layout.relocations {
        let Some(left) = pruned.get(programs) else { continue };
        let (place, length) = (layout.place(*number)?, layout.length(*number)?);
        let mut kept = Vec::new();
        for entry in part(bytes, place, length)?.as_chunks::<RELOCATION>().0 {
            if let Some(moved) = moved(left, wide(entry, 0)?)? {
                kept.extend(moved.to_le_bytes());
                kept.extend(&entry[8..]);
            }
        }
        put(bytes, place, &kept)?;
        layout.resize(bytes, *number, kept.len())?;
    }
    let (place, length) = (layout.place(layout.symbols)?, layout.length(layout.symbols)?);
    for at in (place..place + length).step_by(SYMBOL) {
        let symbol = part(bytes, at, SYMBOL)?;
        let section = u16::from_le_bytes([symbol[SYMBOL_SECTION], symbol[SYMBOL_SECTION + 1]]);
        let Some(left) = pruned.get(&usize::from(section)) else { continue };
        let (value, size) = (wide(symbol, SYMBOL_VALUE)?, wide(symbol, SYMBOL_SIZE)?);
        let (start, end) = (new_place(left, value)?, new_place(left, value + size)?);
        put(bytes, at + SYMBOL_VALUE, &start.to_le_bytes())?;
        put(bytes, at + SYMBOL_SIZE, &(end - start).to_le_bytes())?;
    }
    descriptions(bytes, &layout, pruned)
}

/// Where the parts of a file are.
struct Layout {
    /// Place of the heads of sections.
    heads: usize,
    /// Place and length of every section.
    sections: Vec<(usize, usize)>,
    names: Vec<String>,
    /// Sections of relocations, with the section that they are for.
    relocations: Vec<(usize, usize)>,
    symbols: usize,
}

impl Layout {
    fn of(bytes: &[u8]) -> Result<Self, ObjectError> {
        let endian = LittleEndian;
        let header = FileHeader64::<LittleEndian>::parse(bytes)?;
        let table = header.sections(endian, bytes)?;
        let size =
            |number: u64| usize::try_from(number).map_err(|_| ObjectError::Broken("a section lies nowhere"));
        let mut layout = Self {
            heads: size(header.e_shoff(endian))?,
            sections: Vec::new(),
            names: Vec::new(),
            relocations: Vec::new(),
            symbols: 0,
        };
        for (number, section) in table.iter().enumerate() {
            layout.sections.push((size(section.sh_offset(endian))?, size(section.sh_size(endian))?));
            layout.names.push(String::from_utf8_lossy(table.section_name(endian, section)?).into_owned());
            match section.sh_type(endian) {
                SHT_REL => layout.relocations.push((number, section.sh_info(endian) as usize)),
                SHT_SYMTAB => layout.symbols = number,
                _ => {}
            }
        }
        Ok(layout)
    }

    fn place(&self, number: usize) -> Result<usize, ObjectError> {
        self.sections.get(number).map(|(place, _)| *place).ok_or(ObjectError::Broken("a section is missing"))
    }

    fn length(&self, number: usize) -> Result<usize, ObjectError> {
        self.sections
            .get(number)
            .map(|(_, length)| *length)
            .ok_or(ObjectError::Broken("a section is missing"))
    }

    fn named(&self, name: &str) -> Result<usize, ObjectError> {
        let found = self.names.iter().position(|known| known == name);
        found.ok_or(ObjectError::Broken("there is no type information"))
    }

    fn resize(&self, bytes: &mut [u8], number: usize, length: usize) -> Result<(), ObjectError> {
        put(bytes, self.heads + number * SECTION_HEAD + SECTION_SIZE, &(length as u64).to_le_bytes())
    }
}

/// Renumbers what `.BTF.ext` says of functions, of lines, and of instructions that are fitted to the kernel.
fn descriptions(
    bytes: &mut [u8],
    layout: &Layout,
    pruned: &BTreeMap<usize, Pruned>,
) -> Result<(), ObjectError> {
    let types = layout.named(".BTF")?;
    let strings = {
        let types = part(bytes, layout.place(types)?, layout.length(types)?)?;
        let start = word(types, 4)? + word(types, 16)?;
        types.get(start..).unwrap_or_default().to_vec()
    };
    let of_section = |name_at: usize| {
        let name =
            strings.get(name_at..).unwrap_or_default().split(|byte| *byte == 0).next().unwrap_or_default();
        let number = layout.names.iter().position(|known| known.as_bytes() == name);
        number.and_then(|number| pruned.get(&number))
    };
    let head = layout.place(layout.named(".BTF.ext")?)?;
    let body = head + word(part(bytes, head, 8)?, 4)?;
    for described in [FUNCTIONS, LINES, FITTED] {
        let (start, length) = (word(bytes, head + described)?, word(bytes, head + described + 4)?);
        if length == 0 {
            continue;
        }
        let old = part(bytes, body + start, length)?.to_vec();
        let new = renumbered(&old, &of_section)?;
        put(bytes, body + start, &new)?;
        let length = u32::try_from(new.len()).unwrap_or(u32::MAX);
        put(bytes, head + described + 4, &length.to_le_bytes())?;
    }
    Ok(())
}

/// One part: the length of a record, then by section its name, how many records, and the records. Each begins with the place of its
/// instruction in bytes. The kernel wants a line and a function for the first instruction of every program: that one stays, because
/// nothing is known yet that could decide a branch.
fn renumbered<'a>(
    old: &[u8],
    of_section: &dyn Fn(usize) -> Option<&'a Pruned>,
) -> Result<Vec<u8>, ObjectError> {
    let length = word(old, 0)?;
    let mut new = part(old, 0, 4)?.to_vec();
    let mut at = 4;
    while at < old.len() {
        let (name, count) = (word(old, at)?, word(old, at + 4)?);
        let records = part(old, at + 8, count * length)?.chunks(length);
        let Some(left) = of_section(name) else {
            new.extend(part(old, at, 8 + count * length)?);
            at += 8 + count * length;
            continue;
        };
        let (head, mut kept) = (new.len(), 0_u32);
        new.extend(part(old, at, 8)?);
        for record in records {
            let instruction = word(record, 0)?;
            let Some(place) = moved(left, instruction as u64)? else { continue };
            let place = u32::try_from(place)
                .map_err(|_| ObjectError::Broken("a place is too far away"))?
                .to_le_bytes();
            new.extend(place);
            new.extend(record.get(4..).unwrap_or_default());
            kept += 1;
        }
        if kept == 0 {
            new.truncate(head);
        } else {
            put(&mut new, head + 4, &kept.to_le_bytes())?;
        }
        at += 8 + count * length;
    }
    // A part without records has no length either.
    Ok(if new.len() == 4 { Vec::new() } else { new })
}

/// Where an instruction that was at this place, in bytes, is now; `None`: it was left out.
fn moved(left: &Pruned, place: u64) -> Result<Option<u64>, ObjectError> {
    let at = usize::try_from(place / SIZE as u64).unwrap_or(usize::MAX);
    if left.stays.get(at) == Some(&true) { new_place(left, place).map(Some) } else { Ok(None) }
}

/// The same, or where the next one is that stayed.
fn new_place(left: &Pruned, place: u64) -> Result<u64, ObjectError> {
    let at = usize::try_from(place / SIZE as u64).unwrap_or(usize::MAX);
    let new = left.places.get(at).ok_or(ObjectError::Broken("an instruction lies outside of its section"))?;
    Ok((new * SIZE) as u64)
}

fn part(bytes: &[u8], place: usize, length: usize) -> Result<&[u8], ObjectError> {
    let end = place.checked_add(length);
    end.and_then(|end| bytes.get(place..end)).ok_or(ObjectError::Broken("a part lies outside of the file"))
}

fn put(bytes: &mut [u8], place: usize, new: &[u8]) -> Result<(), ObjectError> {
    let end = place.checked_add(new.len());
    let old = end.and_then(|end| bytes.get_mut(place..end));
    old.ok_or(ObjectError::Broken("a part lies outside of the file"))?.copy_from_slice(new);
    Ok(())
}

fn wide(bytes: &[u8], at: usize) -> Result<u64, ObjectError> {
    let word =
        bytes.get(at..).and_then(<[u8]>::first_chunk).ok_or(ObjectError::Broken("a record ends early"))?;
    Ok(u64::from_le_bytes(*word))
}
