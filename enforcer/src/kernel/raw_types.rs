//! A kernel's type information as it stands in its file, read in place.
//!
//! libbpf's own reading copies it and checks every type, in ten times as many instructions, and gives no piece of it to the object
//! that is loaded next. Whoever asks for single types, or for those that an object names, goes by this one.
//! Format: Documentation/bpf/btf.rst of the kernel, all of whose kinds it knows (Linux 6.1 was the last that added one).

use std::io;
use std::ops::Range;
use std::path::Path;

use object::{Object, ObjectSection};

use super::raw_type::{COMMON, kind, members, word};
pub use super::raw_type::{Kind, Type};

/// Where the running kernel has its own.
pub const RUNNING: &str = "/sys/kernel/btf/vmlinux";
/// First bytes of type information in the byte order of this machine.
pub const MAGIC: u16 = 0xeb9f;
/// The version there is.
pub const VERSION: u8 = 1;
/// Bytes of the head: what precedes offsets.
pub const HEAD: usize = 24;

/// Why type information could not be read.
#[derive(Debug, thiserror::Error)]
pub enum RawTypesError {
    /// The file.
    #[error("failed to read {path}")]
    Read {
        /// The file.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// The file is neither type information nor an ELF file with some.
    #[error("{path} has no type information: {reason}")]
    Elf {
        /// The file.
        path: String,
        /// Why.
        reason: String,
    },
    /// It is not as the format has it.
    #[error("the type information is broken: {0}")]
    Broken(&'static str),
}

/// All types of a kernel.
#[derive(Debug)]
pub struct RawTypes {
    bytes: Vec<u8>,
    /// Where the types begin, by their numbers; the first, which is void, is nowhere.
    places: Vec<u32>,
    /// Numbers of the functions.
    functions: Vec<u32>,
    /// Numbers of the structures.
    structures: Vec<u32>,
    strings: Range<usize>,
}

impl RawTypes {
    /// Those of the running kernel.
    ///
    /// # Errors
    /// When it has none, or they are broken.
    pub fn of_running_kernel() -> Result<Self, RawTypesError> {
        Self::of_file(Path::new(RUNNING))
    }

    /// Those in a file, which is type information or an ELF file that has some.
    ///
    /// # Errors
    /// When it has none, or they are broken.
    pub fn of_file(path: &Path) -> Result<Self, RawTypesError> {
        let name = || path.display().to_string();
        let bytes = std::fs::read(path).map_err(|source| RawTypesError::Read { path: name(), source })?;
        if bytes.starts_with(&MAGIC.to_le_bytes()) {
            return Self::new(bytes);
        }
        let elf = |reason: String| RawTypesError::Elf { path: name(), reason };
        let file = object::File::parse(bytes.as_slice()).map_err(|error| elf(error.to_string()))?;
        let section = file.section_by_name(".BTF").ok_or_else(|| elf("it has no section .BTF".to_owned()))?;
        Self::new(section.data().map_err(|error| elf(error.to_string()))?.to_vec())
    }

    /// Those in these bytes.
    ///
    /// # Errors
    /// When they are none.
    pub fn new(bytes: Vec<u8>) -> Result<Self, RawTypesError> {
        let broken = RawTypesError::Broken;
        if !bytes.starts_with(&MAGIC.to_le_bytes()) || bytes.get(2) != Some(&VERSION) || bytes.len() < HEAD {
            return Err(broken("its head is not that of version 1"));
        }
        let field = |at: usize| word(&bytes, at) as usize;
        let head = field(4);
        let part = |start: usize, length: usize| {
            let start = head.checked_add(start)?;
            let end = start.checked_add(length).filter(|end| *end <= bytes.len())?;
            Some(start..end)
        };
        let types = part(field(8), field(12)).ok_or_else(|| broken("it ends before its types"))?;
        let strings = part(field(16), field(20)).ok_or_else(|| broken("it ends before its strings"))?;
        // No type is shorter than the common part; most are one and a half as long.
        let mut places = Vec::with_capacity(types.len() / (COMMON * 3 / 2));
        places.push(0);
        let (mut functions, mut structures) = (Vec::new(), Vec::new());
        let mut at = types.start;
        while at < types.end {
            let info = word(&bytes, at + 4);
            let kind = kind(info).ok_or_else(|| broken("it has types of an unknown kind"))?;
            let number = u32::try_from(places.len()).unwrap_or(0);
            match kind {
                Kind::Func => functions.push(number),
                Kind::Struct => structures.push(number),
                _ => {}
            }
            places.push(u32::try_from(at).map_err(|_| broken("it is too long"))?);
            at += COMMON + kind.rest(members(info));
        }
        if at != types.end {
            return Err(broken("its last type is cut off"));
        }
        Ok(Self { places, functions, structures, strings, bytes })
    }

    /// Numbers of the types without void: from 1, in their order.
    pub fn numbers(&self) -> Range<u32> {
        1..u32::try_from(self.places.len()).unwrap_or(u32::MAX)
    }

    /// The type with this number.
    #[must_use]
    pub fn get(&self, number: u32) -> Option<Type<'_>> {
        if number == 0 {
            return Some(Type { kind: Kind::Void, name_at: 0, info: 0, size_or_type: 0, rest: &[] });
        }
        let at = *self.places.get(number as usize)? as usize;
        let bytes = self.bytes.get(at..)?;
        let info = word(bytes, 4);
        let kind = kind(info)?;
        let rest = bytes.get(COMMON..COMMON + kind.rest(members(info)))?;
        Some(Type { kind, name_at: word(bytes, 0), info, size_or_type: word(bytes, 8), rest })
    }

    /// The string that begins here.
    #[must_use]
    pub fn string(&self, at: u32) -> &[u8] {
        let rest = self.from(at);
        rest.get(..rest.iter().position(|byte| *byte == 0).unwrap_or(rest.len())).unwrap_or_default()
    }

    /// Whether the string that begins here is this one.
    #[must_use]
    pub fn is_string(&self, at: u32, string: &[u8]) -> bool {
        self.from(at).strip_prefix(string).is_some_and(|rest| matches!(rest.first(), None | Some(0)))
    }

    fn from(&self, at: u32) -> &[u8] {
        let strings = self.bytes.get(self.strings.clone()).unwrap_or_default();
        strings.get(at as usize..).unwrap_or_default()
    }

    /// Structures: number and type, in the order of the numbers.
    pub fn structures(&self) -> impl Iterator<Item = (u32, Type<'_>)> {
        self.structures.iter().filter_map(|number| Some((*number, self.get(*number)?)))
    }

    /// Functions whose names begin in one of these ways: number of the type, name, number of the prototype.
    pub fn functions(&self, beginnings: &[&str]) -> impl Iterator<Item = (u32, &[u8], u32)> {
        self.functions.iter().filter_map(|number| {
            let function = self.get(*number)?;
            let begins = self.from(function.name_at);
            let wanted = beginnings.iter().any(|beginning| begins.starts_with(beginning.as_bytes()));
            wanted.then(|| (*number, self.string(function.name_at), function.size_or_type))
        })
    }

    /// The first function of this name: its number, and that of its prototype.
    #[must_use]
    pub fn function(&self, name: &str) -> Option<(u32, u32)> {
        let numbers = self.functions.iter();
        numbers.filter_map(|number| Some((*number, self.get(*number)?))).find_map(|(number, function)| {
            self.is_string(function.name_at, name.as_bytes()).then_some((number, function.size_or_type))
        })
    }

    /// What a type is behind the names and qualifiers that it has, and its number.
    #[must_use]
    pub fn behind(&self, mut number: u32) -> Option<(u32, Type<'_>)> {
        // Broken types could refer to each other for ever.
        for _ in 0..self.places.len() {
            let found = self.get(number)?;
            if !found.kind.is_another() {
                return Some((number, found));
            }
            number = found.size_or_type;
        }
        None
    }

    /// Whether a structure has a member of this name.
    #[must_use]
    pub fn has_member(&self, structure: Type<'_>, name: &str) -> bool {
        structure.members().any(|[at, ..]| self.is_string(at, name.as_bytes()))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use rstest::rstest;

    use super::*;

    /// Type information with these types, each of words, and these strings.
    pub(crate) fn encoded(types: &[&[u32]], strings: &str) -> Vec<u8> {
        let types: Vec<u8> =
            types.iter().flat_map(|words| words.iter()).flat_map(|word| word.to_le_bytes()).collect();
        let mut bytes = [MAGIC.to_le_bytes().as_slice(), &[VERSION, 0]].concat();
        let length = u32::try_from(types.len()).unwrap();
        let fields = [24, 0, length, length, u32::try_from(strings.len()).unwrap()];
        bytes.extend(fields.iter().flat_map(|field: &u32| field.to_le_bytes()));
        bytes.extend(types);
        bytes.extend(strings.as_bytes());
        bytes
    }

    /// The same types as libbpf reads them, of the compiled object.
    #[test]
    fn every_type_of_an_object_is_as_the_loader_reads_it() {
        use libbpf_rs::btf::types::Struct;
        use libbpf_rs::btf::{Btf, BtfType, HasSize};
        let object: &[u8] = &quell_bpf::KPROBE_OBJECT;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("object");
        std::fs::write(&path, object).unwrap();
        let raw = RawTypes::of_file(&path).unwrap();
        let loader = Btf::from_raw("kprobe", object).unwrap().unwrap();
        assert_eq!(raw.numbers().count() + 1, loader.len());
        for number in raw.numbers() {
            let (one, other) =
                (raw.get(number).unwrap(), loader.type_by_id::<BtfType<'_>>(number.into()).unwrap());
            assert_eq!(one.kind as u32, other.kind() as u32);
            assert_eq!(raw.string(one.name_at), other.name().unwrap_or_default().as_encoded_bytes());
            let Ok(structure) = Struct::try_from(other) else { continue };
            assert_eq!(one.size_or_type as usize, structure.size());
            assert_eq!(one.members().count(), structure.iter().count());
            for ([name, ty, _], member) in one.members().zip(structure.iter()) {
                assert_eq!(raw.string(name), member.name.unwrap_or_default().as_encoded_bytes());
                assert_eq!(libbpf_rs::btf::TypeId::from(ty), member.ty);
                assert!(raw.has_member(one, &member.name.unwrap_or_default().to_string_lossy()));
            }
        }
        for (number, name, prototype) in raw.functions(&[""]) {
            let name = std::str::from_utf8(name).unwrap();
            assert_eq!(raw.function(name), Some((number, prototype)));
        }
        assert_eq!(raw.function("no_such_function"), None);
    }

    #[rstest]
    #[case::nothing(vec![], "head")]
    #[case::another_version([&MAGIC.to_le_bytes()[..], &[2; 30]].concat(), "head")]
    #[case::an_unknown_kind(encoded(&[&[0, 31 << 24, 0]], "\0"), "unknown kind")]
    #[case::a_type_cut_off(encoded(&[&[0, 1 << 24, 4]], "\0"), "cut off")]
    #[case::no_strings({ let mut bytes = encoded(&[], "\0"); bytes.pop(); bytes }, "strings")]
    fn what_is_not_as_the_format_has_it_is_refused(#[case] bytes: Vec<u8>, #[case] why: &str) {
        let error = RawTypes::new(bytes).unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
    }

    #[test]
    fn types_that_refer_to_each_other_have_nothing_behind_them() {
        let types = RawTypes::new(encoded(&[&[0, 10 << 24, 2], &[0, 10 << 24, 1]], "\0")).unwrap();
        assert!(types.behind(1).is_none());
    }
}
