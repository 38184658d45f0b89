//! Structs in type information (BTF), by the format's own description (Documentation/bpf/btf.rst of Linux).
//!
//! The agent's own check goes through a library: a mistake of one reader is not made twice.

use std::collections::BTreeMap;

use object::{Object as _, ObjectSection as _};

/// Kinds of types that have something behind their head, or that sizes are looked up through.
mod kind {
    pub(super) const INT: u32 = 1;
    pub(super) const PTR: u32 = 2;
    pub(super) const ARRAY: u32 = 3;
    pub(super) const STRUCT: u32 = 4;
    pub(super) const UNION: u32 = 5;
    pub(super) const ENUM: u32 = 6;
    pub(super) const TYPEDEF: u32 = 8;
    pub(super) const RESTRICT: u32 = 11;
    pub(super) const FUNC_PROTO: u32 = 13;
    pub(super) const VAR: u32 = 14;
    pub(super) const DATASEC: u32 = 15;
    pub(super) const FLOAT: u32 = 16;
    pub(super) const DECL_TAG: u32 = 17;
    pub(super) const TYPE_TAG: u32 = 18;
    pub(super) const ENUM64: u32 = 19;
}

/// Bytes of a head: name, info, size or type.
const HEAD_BYTES: usize = 12;
const POINTER_BYTES: usize = 8;

/// One struct.
#[derive(Debug)]
pub(crate) struct Struct {
    pub(crate) size: usize,
    pub(crate) members: Vec<Member>,
}

/// One member of a struct.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Member {
    pub(crate) name: String,
    pub(crate) offset: usize,
    pub(crate) size: usize,
}

/// Every struct of an object that is ours.
pub(crate) fn structs(object: &[u8]) -> BTreeMap<String, Struct> {
    let file = object::File::parse(object).expect("an object is an ELF file");
    let section = file.section_by_name(".BTF").expect("the object has type information");
    Types::new(section.data().expect("a section has bytes")).structs()
}

/// The sections, and where each type's head is; numbers of types count from 1.
struct Types<'a> {
    types: &'a [u8],
    strings: &'a [u8],
    heads: Vec<usize>,
}

impl<'a> Types<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        let head = usize_at(bytes, 4);
        let section = |at: usize| &bytes[head + usize_at(bytes, at)..][..usize_at(bytes, at + 4)];
        let (types, strings) = (section(8), section(16));
        let mut heads = Vec::new();
        let mut at = 0;
        while at < types.len() {
            heads.push(at);
            let info = u32_at(types, at + 4);
            let entries = (info & 0xffff) as usize;
            at += HEAD_BYTES
                + match (info >> 24) & 0x1f {
                    kind::INT | kind::VAR | kind::DECL_TAG => 4,
                    kind::ARRAY => 12,
                    kind::STRUCT | kind::UNION | kind::DATASEC | kind::ENUM64 => 12 * entries,
                    kind::ENUM | kind::FUNC_PROTO => 8 * entries,
                    _ => 0,
                };
        }
        Self { types, strings, heads }
    }

    fn kind(&self, head: usize) -> u32 {
        (u32_at(self.types, head + 4) >> 24) & 0x1f
    }

    fn string(&self, offset: usize) -> String {
        let bytes = self.strings[offset..].split(|byte| *byte == 0).next().unwrap_or_default();
        String::from_utf8(bytes.to_vec()).expect("names are ASCII")
    }

    fn structs(&self) -> BTreeMap<String, Struct> {
        // Those of a library are nobody's business here.
        let ours = |head: usize| self.string(usize_at(self.types, head)).starts_with("quell_");
        let of_kind = self.heads.iter().filter(|head| self.kind(**head) == kind::STRUCT && ours(**head));
        of_kind
            .map(|head| (self.string(usize_at(self.types, *head)), self.structure(*head)))
            .filter(|(name, _)| !name.is_empty())
            .collect()
    }

    fn structure(&self, head: usize) -> Struct {
        let info = u32_at(self.types, head + 4);
        assert_eq!(info >> 31, 0, "a struct of ours has bit fields");
        let members = (0..(info & 0xffff) as usize)
            .map(|member| {
                let at = head + HEAD_BYTES + 12 * member;
                let bits = usize_at(self.types, at + 8);
                assert_eq!(bits % 8, 0, "a member starts within a byte");
                Member {
                    name: self.string(usize_at(self.types, at)),
                    offset: bits / 8,
                    size: self.size(usize_at(self.types, at + 4)),
                }
            })
            .collect();
        Struct { size: usize_at(self.types, head + 8), members }
    }

    /// Bytes of a type.
    fn size(&self, number: usize) -> usize {
        let head = self.heads[number - 1];
        match self.kind(head) {
            kind::PTR => POINTER_BYTES,
            kind::ARRAY => {
                self.size(usize_at(self.types, head + HEAD_BYTES))
                    * usize_at(self.types, head + HEAD_BYTES + 8)
            }
            kind::TYPEDEF..=kind::RESTRICT | kind::TYPE_TAG => self.size(usize_at(self.types, head + 8)),
            kind::INT | kind::STRUCT | kind::UNION | kind::ENUM | kind::FLOAT | kind::ENUM64 => {
                usize_at(self.types, head + 8)
            }
            other => panic!("a member has a type of kind {other}, which has no size"),
        }
    }
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(*bytes[at..].first_chunk().expect("type information is not cut off"))
}

fn usize_at(bytes: &[u8], at: usize) -> usize {
    u32_at(bytes, at) as usize
}
