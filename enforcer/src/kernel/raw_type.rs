//! One type of a kernel's type information, and the words that it is written in (Documentation/bpf/btf.rst of the kernel).

/// Bytes of the part that types of all kinds begin with.
pub(super) const COMMON: usize = 12;
/// Bytes of one member of a structure.
const MEMBER: usize = 12;
/// Bytes of one parameter of a function.
const PARAMETER: usize = 8;

/// What a type is (`BTF_KIND_*`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the names are those of the format")]
pub enum Kind {
    Void,
    Int,
    Ptr,
    Array,
    Struct,
    Union,
    Enum,
    Fwd,
    Typedef,
    Volatile,
    Const,
    Restrict,
    Func,
    FuncProto,
    Var,
    Datasec,
    Float,
    DeclTag,
    TypeTag,
    Enum64,
}

impl Kind {
    /// In the order of their numbers.
    const ALL: [Self; 20] = [
        Self::Void,
        Self::Int,
        Self::Ptr,
        Self::Array,
        Self::Struct,
        Self::Union,
        Self::Enum,
        Self::Fwd,
        Self::Typedef,
        Self::Volatile,
        Self::Const,
        Self::Restrict,
        Self::Func,
        Self::FuncProto,
        Self::Var,
        Self::Datasec,
        Self::Float,
        Self::DeclTag,
        Self::TypeTag,
        Self::Enum64,
    ];

    /// Bytes behind the common part, of a type with so many members.
    pub(super) const fn rest(self, members: usize) -> usize {
        match self {
            Self::Int | Self::Var | Self::DeclTag => 4,
            Self::Array => 12,
            Self::Struct | Self::Union => MEMBER * members,
            Self::Datasec | Self::Enum64 => 12 * members,
            Self::Enum | Self::FuncProto => PARAMETER * members,
            _ => 0,
        }
    }

    /// Whether a type of this kind only names or qualifies another one.
    #[must_use]
    pub const fn is_another(self) -> bool {
        matches!(self, Self::Typedef | Self::Volatile | Self::Const | Self::Restrict | Self::TypeTag)
    }
}

/// One type.
#[derive(Clone, Copy, Debug)]
pub struct Type<'a> {
    /// What it is.
    pub kind: Kind,
    /// Where its name begins among the strings; 0: it has none.
    pub name_at: u32,
    /// Kind, number of members and a flag, as they stand there.
    pub info: u32,
    /// Its size in bytes, or the type that it refers to, by kind.
    pub size_or_type: u32,
    /// What is behind that.
    pub rest: &'a [u8],
}

impl<'a> Type<'a> {
    /// Members of a structure: where the name begins, the type, the place.
    pub fn members(self) -> impl Iterator<Item = [u32; 3]> + 'a {
        let is_struct = matches!(self.kind, Kind::Struct | Kind::Union);
        let rest = if is_struct { self.rest } else { &[] };
        rest.chunks_exact(MEMBER).map(|member| [word(member, 0), word(member, 4), word(member, 8)])
    }

    /// Types of the parameters of a prototype.
    pub fn parameters(self) -> impl Iterator<Item = u32> + 'a {
        let rest = if self.kind == Kind::FuncProto { self.rest } else { &[] };
        rest.chunks_exact(PARAMETER).map(|parameter| word(parameter, 4))
    }

    /// Bits of a number.
    #[must_use]
    pub fn bits(self) -> Option<u32> {
        (self.kind == Kind::Int).then(|| word(self.rest, 0) & 0xff)
    }

    /// Type and index type of the elements of an array, and how many they are.
    #[must_use]
    pub fn array(self) -> Option<[u32; 3]> {
        let is_array = self.kind == Kind::Array;
        is_array.then(|| [word(self.rest, 0), word(self.rest, 4), word(self.rest, 8)])
    }
}

/// The kind of a type with this information.
pub(super) fn kind(info: u32) -> Option<Kind> {
    let number = info >> 24 & 0x1f;
    Kind::ALL.get(number as usize).copied().filter(|kind| *kind != Kind::Void)
}

/// How many members such a type has.
pub(super) const fn members(info: u32) -> usize {
    (info & 0xffff) as usize
}

/// The number at a place; 0 behind the end, which no caller gets to.
pub(super) fn word(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..).and_then(<[u8]>::first_chunk).map_or(0, |word| u32::from_le_bytes(*word))
}
