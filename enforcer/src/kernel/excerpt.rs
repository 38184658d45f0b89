//! The part of a kernel's types that an object needs to be fitted to that kernel.
//!
//! For each structure that an object names, libbpf goes through all types of the kernel by name, and it reads them anew for every
//! object. It takes a file of types instead of the kernel's own. What it looks at is the same in this one: every structure with
//! such a name, its members, and all that lies in those by value. What a pointer points at, it never asks.

use std::collections::{BTreeMap, BTreeSet};

use super::raw_types::{HEAD, Kind, MAGIC, RawTypes, Type, VERSION};

/// Between the name of a structure and what tells it from others of that name, as in `task_struct___before_5_5`.
const FLAVOUR: &[u8] = b"___";
/// Where the kind stands in the information of a type.
const KIND: u32 = 24;
/// Kind and number of members, without the flag between them.
const MEMBERS: u32 = 0xffff;

/// Type information with the structures of these names and what lies in them, in the order in which the kernel has them. `None`:
/// it has no structure of one of these names, so that a module may.
#[must_use]
pub fn of(types: &RawTypes, structures: &BTreeSet<Vec<u8>>) -> Option<Vec<u8>> {
    let mut missing: BTreeSet<&[u8]> = structures.iter().map(|name| essential(name)).collect();
    let wanted = missing.clone();
    let beginnings: BTreeSet<u8> = wanted.iter().filter_map(|name| name.first().copied()).collect();
    let mut todo = Vec::new();
    for (number, found) in types.structures() {
        let name = types.string(found.name_at);
        // Most begin otherwise.
        if !name.first().is_some_and(|first| beginnings.contains(first)) {
            continue;
        }
        let name = essential(name);
        if wanted.contains(name) {
            missing.remove(name);
            todo.push(number);
        }
    }
    if !missing.is_empty() {
        return None;
    }
    let mut taken: BTreeSet<u32> = BTreeSet::new();
    while let Some(number) = todo.pop() {
        // All pointers become one, and void is there in any case.
        let Some(found) = types.get(number).filter(|found| !matches!(found.kind, Kind::Void | Kind::Ptr))
        else {
            continue;
        };
        if taken.insert(number) {
            todo.extend(inside(found));
        }
    }
    Some(Writer::new(types, &taken).written(&taken))
}

/// The name without its flavour. As libbpf has it, the last separator between characters that are no underscores counts.
fn essential(name: &[u8]) -> &[u8] {
    let separator = |at: &usize| {
        let around = name.get(*at..*at + FLAVOUR.len() + 2);
        around.is_some_and(|around| {
            around.first() != Some(&b'_') && around.last() != Some(&b'_') && around.get(1..4) == Some(FLAVOUR)
        })
    };
    let last = (0..name.len().saturating_sub(FLAVOUR.len() + 1)).rev().find(separator);
    last.and_then(|at| name.get(..=at)).unwrap_or(name)
}

/// The types that lie in one by value.
fn inside(of: Type<'_>) -> Vec<u32> {
    match of.array() {
        Some([element, index, _]) => vec![element, index],
        None if of.kind.is_another() => vec![of.size_or_type],
        None => of.members().map(|[_, member, _]| member).collect(),
    }
}

struct Writer<'a> {
    types: &'a RawTypes,
    numbers: BTreeMap<u32, u32>,
    /// Where a string of the kernel's begins in `strings`.
    known: BTreeMap<u32, u32>,
    strings: Vec<u8>,
}

impl<'a> Writer<'a> {
    /// The number of the type that stands for every pointer.
    const POINTER: u32 = 1;

    fn new(types: &'a RawTypes, taken: &BTreeSet<u32>) -> Self {
        let numbers = taken.iter().copied().zip(Self::POINTER + 1..).collect();
        Self { types, numbers, known: [(0, 0)].into(), strings: vec![0] }
    }

    fn written(mut self, taken: &BTreeSet<u32>) -> Vec<u8> {
        let mut words: Vec<u32> = vec![0, (Kind::Ptr as u32) << KIND, 0];
        for found in taken.iter().filter_map(|number| self.types.get(*number)) {
            self.write(found, &mut words);
        }
        let types = words.len() * 4;
        let fields = [HEAD, 0, types, types, self.strings.len()];
        let mut bytes = Vec::with_capacity(HEAD + types + self.strings.len());
        bytes.extend(MAGIC.to_le_bytes());
        bytes.extend([VERSION, 0]);
        bytes.extend(fields.iter().flat_map(|field| u32::try_from(*field).unwrap_or(u32::MAX).to_le_bytes()));
        bytes.extend(words.iter().flat_map(|word| word.to_le_bytes()));
        bytes.extend(self.strings);
        bytes
    }

    fn write(&mut self, found: Type<'_>, words: &mut Vec<u32>) {
        let name = self.string(found.name_at);
        let (info, size_or_type) = match found.kind {
            // Its values are never asked for, but its size.
            Kind::Enum | Kind::Enum64 => (found.info & !MEMBERS, found.size_or_type),
            kind if kind.is_another() => (found.info, self.number(found.size_or_type)),
            _ => (found.info, found.size_or_type),
        };
        words.extend([name, info, size_or_type]);
        if let Some([element, index, count]) = found.array() {
            words.extend([self.number(element), self.number(index), count]);
        } else if found.kind == Kind::Int {
            words.extend(found.rest.first_chunk().map(|rest| u32::from_le_bytes(*rest)));
        }
        for [name, ty, place] in found.members() {
            let (name, ty) = (self.string(name), self.number(ty));
            words.extend([name, ty, place]);
        }
    }

    /// The number that a type has here.
    fn number(&self, number: u32) -> u32 {
        match self.numbers.get(&number) {
            Some(number) => *number,
            None if number == 0 => 0,
            // Nothing else was left out.
            None => Self::POINTER,
        }
    }

    fn string(&mut self, at: u32) -> u32 {
        if let Some(known) = self.known.get(&at) {
            return *known;
        }
        let new = u32::try_from(self.strings.len()).unwrap_or(0);
        self.strings.extend(self.types.string(at));
        self.strings.push(0);
        self.known.insert(at, new);
        new
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::kernel::raw_types::tests::encoded;

    const STRINGS: &str = "\0int\0one\0field\0one___old\0other\0";
    const INT: u32 = 1;
    const ONE: u32 = 5;
    const FIELD: u32 = 9;
    const OLD: u32 = 15;
    const OTHER: u32 = 25;

    fn kernel() -> RawTypes {
        let of = |kind: Kind, members: u32| (kind as u32) << KIND | members;
        let types: &[&[u32]] = &[
            &[INT, of(Kind::Int, 0), 4, 32],
            // 2: a structure that nobody asks for, to which 3 points
            &[OTHER, of(Kind::Struct, 1), 4, FIELD, 1, 0],
            &[0, of(Kind::Ptr, 0), 2],
            // 4: an array of constant integers
            &[0, of(Kind::Const, 0), 1],
            &[0, of(Kind::Array, 0), 0, 4, 1, 8],
            &[ONE, of(Kind::Struct, 2), 40, FIELD, 5, 0, OTHER, 3, 256],
            &[OLD, of(Kind::Struct, 1), 8, FIELD, 3, 0],
            &[OTHER, of(Kind::Enum, 1), 4, FIELD, 7],
        ];
        RawTypes::new(encoded(types, STRINGS)).unwrap()
    }

    fn names(of: &[&str]) -> BTreeSet<Vec<u8>> {
        of.iter().map(|name| name.as_bytes().to_vec()).collect()
    }

    #[test]
    fn structures_of_a_name_are_there_in_every_flavour_with_all_that_lies_in_them_and_no_more() {
        let types = RawTypes::new(of(&kernel(), &names(&["one___mine"])).unwrap()).unwrap();
        let kinds: Vec<Kind> = types.numbers().map(|number| types.get(number).unwrap().kind).collect();
        assert_eq!(kinds, [Kind::Ptr, Kind::Int, Kind::Const, Kind::Array, Kind::Struct, Kind::Struct]);
        let one = types.get(5).unwrap();
        assert_eq!((types.string(one.name_at), one.size_or_type), (&b"one"[..], 40));
        let members: Vec<_> = one.members().map(|[name, ty, at]| (types.string(name), ty, at)).collect();
        assert_eq!(members, [(&b"field"[..], 4, 0), (b"other", 1, 256)]);
        assert_eq!(types.get(4).unwrap().array(), Some([3, 2, 8]));
        assert_eq!(types.get(3).unwrap().size_or_type, 2);
        assert_eq!(types.get(2).unwrap().rest, 32_u32.to_le_bytes());
        assert_eq!(types.string(types.get(6).unwrap().name_at), b"one___old");
    }

    #[test]
    fn a_name_that_only_a_module_may_have_leaves_the_search_to_the_loader() {
        assert_eq!(of(&kernel(), &names(&["one", "elsewhere"])), None);
    }

    /// The instructions of an object when another loader has fitted them to these types.
    fn fitted(object: &[u8], types: &[u8]) -> Vec<Vec<String>> {
        let types = aya_obj::btf::Btf::parse(types, Default::default()).unwrap();
        let mut object = aya_obj::Object::parse(object).unwrap();
        object.relocate_btf(&types).unwrap();
        let functions = object.functions.values();
        functions.map(|one| one.instructions.iter().map(|one| format!("{one:?}")).collect()).collect()
    }

    #[test]
    fn an_object_is_fitted_to_an_excerpt_as_it_is_to_all_types() {
        let object: &[u8] = &quell_bpf::KPROBE_OBJECT;
        let (all, names) = crate::hook::fitting::named(object).unwrap().unwrap();
        // The kernel of this test: the object's own types, in which a structure has moved.
        let types = RawTypes::new(all.to_vec()).unwrap();
        let mut kernel = all.to_vec();
        let (_, file) = types.structures().find(|(_, one)| types.is_string(one.name_at, b"file")).unwrap();
        let place = all.windows(file.rest.len()).position(|window| window == file.rest).unwrap();
        for (number, [.., at]) in file.members().enumerate() {
            let word = place + number * 12 + 8;
            kernel[word..word + 4].copy_from_slice(&(at + 512).to_le_bytes());
        }
        let excerpt = of(&RawTypes::new(kernel.clone()).unwrap(), &names).unwrap();
        assert!(excerpt.len() < kernel.len());
        let (one, other) = (fitted(object, &kernel), fitted(object, &excerpt));
        assert_ne!(one, fitted(object, all));
        assert_eq!(one, other);
    }

    #[rstest]
    #[case("task_struct", "task_struct")]
    #[case("task_struct___before_5_5", "task_struct")]
    #[case("one___two___three", "one___two")]
    #[case("one____two", "one____two")]
    #[case("___one", "___one")]
    #[case("one___", "one___")]
    #[case("", "")]
    fn a_flavour_is_what_follows_three_underscores(#[case] name: &str, #[case] expected: &str) {
        assert_eq!(essential(name.as_bytes()), expected.as_bytes());
    }
}
