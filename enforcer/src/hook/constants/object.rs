//! Where in an object the programs are, and which of their instructions the loader will change.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use object::LittleEndian;
use object::elf::{FileHeader64, R_BPF_64_64, SHF_EXECINSTR, SHT_PROGBITS, SHT_REL, STT_FUNC};
use object::read::elf::{FileHeader, Rel, SectionHeader, Sym};

use super::instruction::SIZE;

/// The global that holds the constants.
const CONSTANTS: &[u8] = b"config";
/// Bytes of the head of `.BTF`, and of the fixed part of that of `.BTF.ext`.
const BTF_HEAD: usize = 24;
const BTF_EXT_HEAD: usize = 32;

/// Why an object could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ObjectError {
    /// It is no ELF file, or a broken one.
    #[error("failed to read the object's ELF")]
    Elf(#[from] object::Error),
    /// It is not as the compiler writes it.
    #[error("the object is broken: {0}")]
    Broken(&'static str),
}

/// A section with programs.
#[derive(Debug)]
pub(super) struct Programs {
    /// Where in the file it begins.
    pub(super) place: usize,
    /// How many instructions it has.
    pub(super) instructions: usize,
    /// Its number in the file.
    pub(super) section: usize,
    /// Where programs begin, and their names.
    pub(super) names: BTreeMap<usize, String>,
    /// Instructions that load the address of the constants, with where the global begins in its section.
    pub(super) addresses: BTreeMap<usize, i64>,
    /// Instructions that name kernel structures.
    pub(super) relocated: BTreeSet<usize>,
    /// Other instructions with an address.
    pub(super) foreign: BTreeSet<usize>,
}

/// Every section with programs.
pub(super) fn sections(bytes: &[u8]) -> Result<Vec<Programs>, ObjectError> {
    let endian = LittleEndian;
    let header = FileHeader64::<LittleEndian>::parse(bytes)?;
    let sections = header.sections(endian, bytes)?;
    let symbols = sections.symbols(endian, bytes, object::elf::SHT_SYMTAB)?;
    let kernel_structures = kernel_structures(bytes)?;
    let mut found = BTreeMap::new();
    for (index, section) in sections.enumerate() {
        let code = section.sh_type(endian) == SHT_PROGBITS
            && section.sh_flags(endian) & u64::from(SHF_EXECINSTR) != 0
            && section.sh_size(endian) > 0;
        if !code {
            continue;
        }
        let name = String::from_utf8_lossy(sections.section_name(endian, section)?).into_owned();
        let of_section = symbols
            .iter()
            .filter(|symbol| symbol.st_type() == STT_FUNC && usize::from(symbol.st_shndx(endian)) == index.0);
        let mut names = BTreeMap::new();
        for symbol in of_section {
            let name = String::from_utf8_lossy(symbols.symbol_name(endian, symbol)?).into_owned();
            names.insert(instruction(symbol.st_value(endian))?, name);
        }
        let broken = |_| ObjectError::Broken("a section is larger than this machine can address");
        found.insert(
            index.0,
            Programs {
                place: usize::try_from(section.sh_offset(endian)).map_err(broken)?,
                instructions: instruction(section.sh_size(endian))?,
                section: index.0,
                names,
                addresses: BTreeMap::new(),
                relocated: kernel_structures.get(&name).cloned().unwrap_or_default(),
                foreign: BTreeSet::new(),
            },
        );
    }
    for section in sections.iter().filter(|section| section.sh_type(endian) == SHT_REL) {
        let Some(programs) = found.get_mut(&(section.sh_info(endian) as usize)) else { continue };
        let Some((relocations, _)) = section.rel(endian, bytes)? else { continue };
        for relocation in relocations {
            let at = instruction(relocation.r_offset(endian))?;
            let symbol = symbols.symbol(object::SymbolIndex(relocation.r_sym(endian) as usize))?;
            let constants =
                relocation.r_type(endian) == R_BPF_64_64 && symbols.symbol_name(endian, symbol)? == CONSTANTS;
            if constants {
                let start = i64::try_from(symbol.st_value(endian))
                    .map_err(|_| ObjectError::Broken("the constants lie at an impossible place"))?;
                programs.addresses.insert(at, start);
            } else {
                programs.foreign.insert(at);
            }
        }
    }
    Ok(found.into_values().collect())
}

fn instruction(offset: u64) -> Result<usize, ObjectError> {
    let offset =
        usize::try_from(offset).map_err(|_| ObjectError::Broken("an instruction at an impossible place"))?;
    if offset.is_multiple_of(SIZE) {
        Ok(offset / SIZE)
    } else {
        Err(ObjectError::Broken("an instruction that is not aligned"))
    }
}

/// By section, the instructions that name kernel structures.
fn kernel_structures(bytes: &[u8]) -> Result<BTreeMap<String, BTreeSet<usize>>, ObjectError> {
    let mut found: BTreeMap<Rc<str>, Vec<usize>> = BTreeMap::new();
    for fitted in fitted(bytes)?.1 {
        found.entry(fitted.section).or_default().push(fitted.instruction);
    }
    Ok(found
        .into_iter()
        .map(|(section, of_section)| (section.to_string(), of_section.into_iter().collect()))
        .collect())
}

/// An instruction that the loader fits to the types of the kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::hook) struct Fitted {
    /// The section that it is in.
    section: Rc<str>,
    /// Which one of that.
    instruction: usize,
    /// The type that it names, by its number in the object.
    pub(in crate::hook) ty: u32,
    /// What is asked about it (`enum bpf_core_relo_kind`).
    pub(in crate::hook) asks: u32,
}

/// The types of an object, and the instructions that are fitted to those of the kernel: the relocations in `.BTF.ext`
/// (include/uapi/linux/btf.h and libbpf's `struct btf_ext_header`, whose third part they are).
pub(in crate::hook) fn fitted(bytes: &[u8]) -> Result<(&[u8], Vec<Fitted>), ObjectError> {
    let endian = LittleEndian;
    let header = FileHeader64::<LittleEndian>::parse(bytes)?;
    let sections = header.sections(endian, bytes)?;
    let data = |name: &[u8]| match sections.section_by_name(endian, name) {
        Some((_, section)) => section.data(endian, bytes).map(Some),
        None => Ok(None),
    };
    let (Some(btf), Some(ext)) = (data(b".BTF")?, data(b".BTF.ext")?) else {
        return Err(ObjectError::Broken("there is no type information"));
    };
    let strings = BTF_HEAD + word(btf, 16)?;
    let mut found = Vec::new();
    if word(ext, 4)? < BTF_EXT_HEAD {
        return Ok((btf, found));
    }
    let start = word(ext, 4)? + word(ext, 24)?;
    let end = start + word(ext, 28)?;
    if start == end {
        return Ok((btf, found));
    }
    let record = word(ext, start)?;
    let number =
        |at: usize| u32::try_from(word(ext, at)?).map_err(|_| ObjectError::Broken("a number is too large"));
    let mut at = start + 4;
    while at < end {
        let (name, count) = (strings + word(ext, at)?, word(ext, at + 4)?);
        at += 8;
        let name = btf.get(name..).unwrap_or_default().split(|byte| *byte == 0).next().unwrap_or_default();
        let section: Rc<str> = String::from_utf8_lossy(name).into();
        for _ in 0..count {
            found.push(Fitted {
                section: Rc::clone(&section),
                instruction: word(ext, at)? / SIZE,
                ty: number(at + 4)?,
                asks: number(at + 12)?,
            });
            at += record;
        }
    }
    Ok((btf, found))
}

pub(super) fn word(bytes: &[u8], at: usize) -> Result<usize, ObjectError> {
    let word = bytes
        .get(at..)
        .and_then(<[u8]>::first_chunk)
        .ok_or(ObjectError::Broken("type information ends early"))?;
    Ok(u32::from_le_bytes(*word) as usize)
}
