//! The declarative tables: one entry gives the Rust item and the row from which the C text is printed.
//!
//! Two shapes cover all that crosses the boundary: named numbers ([`Code`]) and records ([`Layout`]). They are data, so
//! that the header, the BTF comparison and the documentation read the same rows.

/// A named number: a limit, an operator, a status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Code {
    /// The C macro's name.
    pub c_name: &'static str,
    /// Its value.
    pub value: u32,
    /// Why it exists, from the doc comment.
    pub doc: &'static str,
}

/// One field of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    /// Name in Rust and in C.
    pub name: &'static str,
    /// C type of one element.
    pub c_type: &'static str,
    /// Elements when it is an array, else `None`.
    pub count: Option<usize>,
    /// Bytes from the start of the record.
    pub offset: usize,
    /// Bytes of the whole field.
    pub size: usize,
    /// Unit and meaning, from the doc comment.
    pub doc: &'static str,
}

/// A record's name, size and fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// The C struct's name.
    pub c_name: &'static str,
    /// Bytes of the whole record.
    pub size: usize,
    /// Fields in memory order.
    pub fields: &'static [Field],
    /// What the record is, from the doc comment.
    pub doc: &'static str,
}

/// A record that travels as plain bytes.
pub trait WireRecord: Sized {
    /// The row that the C text and the BTF comparison read.
    const LAYOUT: Layout;
    /// Bytes of the record.
    const SIZE: usize = Self::LAYOUT.size;
    /// Reads a record from the front of `bytes`; `None` when they are too few.
    fn read(bytes: &[u8]) -> Option<Self>;
    /// Appends the record's bytes.
    fn write(&self, out: &mut Vec<u8>);
}

/// A type that may stand in a record.
pub trait WireField: Copy + Sized {
    /// C type of one element.
    const C_TYPE: &'static str;
    /// Elements when it is an array.
    const COUNT: Option<usize> = None;
    /// All bytes zero.
    const ZERO: Self;
    /// Reads the field from exactly `size_of::<Self>()` bytes; `None` when there are fewer.
    fn get(bytes: &[u8]) -> Option<Self>;
    /// Appends the field's bytes.
    fn put(&self, out: &mut Vec<u8>);
}

macro_rules! scalar_fields {
    ($($ty:ty => $c:literal),*) => {$(
        impl WireField for $ty {
            const C_TYPE: &'static str = $c;
            const ZERO: Self = 0;
            fn get(bytes: &[u8]) -> Option<Self> {
                Some(Self::from_le_bytes(bytes.first_chunk().copied()?))
            }
            fn put(&self, out: &mut Vec<u8>) {
                out.extend_from_slice(&self.to_le_bytes());
            }
        }
    )*};
}
scalar_fields!(u8 => "__u8", u32 => "__u32", u64 => "__u64", i32 => "__s32", i64 => "__s64");

impl<T: WireField, const N: usize> WireField for [T; N] {
    const C_TYPE: &'static str = T::C_TYPE;
    const COUNT: Option<usize> = Some(N);
    const ZERO: Self = [T::ZERO; N];
    fn get(bytes: &[u8]) -> Option<Self> {
        let mut out = Self::ZERO;
        for (slot, chunk) in out.iter_mut().zip(bytes.chunks(size_of::<T>())) {
            *slot = T::get(chunk)?;
        }
        (bytes.len() >= size_of::<Self>()).then_some(out)
    }
    fn put(&self, out: &mut Vec<u8>) {
        for item in self {
            item.put(out);
        }
    }
}

/// Declares a record: the `repr(C)` struct, its [`Layout`], and safe reading and writing.
macro_rules! record {
    ($(#[doc = $doc:literal])* pub struct $name:ident as $c_name:literal {
        $($(#[doc = $field_doc:literal])* pub $field:ident: $ty:ty,)*
    }) => {
        $(#[doc = $doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(C)]
        pub struct $name {
            $($(#[doc = $field_doc])* pub $field: $ty,)*
        }

        impl Default for $name {
            fn default() -> Self {
                Self { $($field: <$ty as $crate::schema::WireField>::ZERO,)* }
            }
        }

        impl $crate::schema::WireRecord for $name {
            const LAYOUT: $crate::schema::Layout = $crate::schema::Layout {
                c_name: $c_name,
                size: size_of::<$name>(),
                doc: concat!($($doc, "\n"),*),
                fields: &[$($crate::schema::Field {
                    name: stringify!($field),
                    c_type: <$ty as $crate::schema::WireField>::C_TYPE,
                    count: <$ty as $crate::schema::WireField>::COUNT,
                    offset: std::mem::offset_of!($name, $field),
                    size: size_of::<$ty>(),
                    doc: concat!($($field_doc, "\n"),*),
                }),*],
            };
            fn read(bytes: &[u8]) -> Option<Self> {
                Some(Self {
                    $($field: <$ty as $crate::schema::WireField>::get(
                        bytes.get(std::mem::offset_of!($name, $field)..)?,
                    )?,)*
                })
            }
            fn write(&self, out: &mut Vec<u8>) {
                $($crate::schema::WireField::put(&self.$field, out);)*
            }
        }
    };
}
pub(crate) use record;

/// Declares a closed set of numbers: the enum, its C names, and reading from a number.
macro_rules! codes {
    ($(#[doc = $doc:literal])* pub enum $name:ident {
        $($(#[doc = $item_doc:literal])* $item:ident = $value:literal as $c_name:literal,)*
    }) => {
        $(#[doc = $doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u32)]
        pub enum $name { $($(#[doc = $item_doc])* $item = $value,)* }

        impl $name {
            /// Every member, in the order of declaration.
            pub const ALL: &[Self] = &[$(Self::$item),*];
            /// The rows for the C header.
            pub const CODES: &[$crate::schema::Code] = &[$($crate::schema::Code {
                c_name: $c_name,
                value: $value,
                doc: concat!($($item_doc, "\n"),*),
            }),*];
            /// The number that crosses the boundary.
            #[must_use]
            pub const fn number(self) -> u32 {
                self as u32
            }
            /// The member with this number, if there is one.
            #[must_use]
            pub const fn from_number(number: u32) -> Option<Self> {
                match number {
                    $($value => Some(Self::$item),)*
                    _ => None,
                }
            }
        }
    };
}
pub(crate) use codes;

/// Declares plain named numbers: the constants and their rows for the C header.
macro_rules! numbers {
    ($table:ident, $table_doc:literal; $($(#[doc = $doc:literal])* pub const $name:ident = $value:expr;)*) => {
        $($(#[doc = $doc])* pub const $name: u32 = $value;)*
        #[doc = $table_doc]
        pub const $table: &[$crate::schema::Code] = &[$($crate::schema::Code {
            c_name: concat!("QUELL_", stringify!($name)),
            value: $name,
            doc: concat!($($doc, "\n"),*),
        }),*];
    };
}
pub(crate) use numbers;
