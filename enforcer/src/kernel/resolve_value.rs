//! What a path of `resolve` ends at: how many bytes are read there, and whether a policy may read them as it says.

use libbpf_rs::btf::types::{Array, Composite, Enum, Enum64, Int, IntEncoding, Ptr};
use libbpf_rs::btf::{Btf, BtfKind, BtfType, HasSize};

use super::resolve_error::Cause;
use crate::policy::ast::{ArgType, TypeClass};

/// Bytes of an address.
const WORD: u32 = 8;

/// Bytes to read for an argument of this type, or 0 where the address of what is there is the argument.
pub(super) fn width(btf: &Btf<'_>, at: BtfType<'_>, ty: ArgType, walked: &str) -> Result<u32, Cause> {
    let other = || Cause::OtherType { what: walked.to_owned(), is: describe(at), wanted: ty.name() };
    let fits = match objects(ty) {
        Some(names) => names.iter().any(|name| object(at).as_deref() == Some(*name)),
        None => match ty.class() {
            TypeClass::Integer { bits, signed } => is_number(at, bits.into(), signed),
            // A descriptor is a number.
            TypeClass::Path => is_number(at, 32, true) || is_number(at, 32, false),
            TypeClass::Text => is_text(btf, at),
            TypeClass::Nothing => true,
            TypeClass::Capabilities | TypeClass::Connection | TypeClass::Address => false,
        },
    };
    if !fits {
        return Err(other());
    }
    match at.kind() {
        BtfKind::Ptr => Ok(WORD),
        BtfKind::Int | BtfKind::Enum | BtfKind::Enum64 => {
            bytes(btf, at).filter(|bytes| matches!(bytes, 1 | 2 | 4 | 8)).ok_or_else(other)
        }
        // Embedded in what holds it: its address is what a pointer to it would be.
        BtfKind::Struct | BtfKind::Union | BtfKind::Array => Ok(0),
        _ => Err(other()),
    }
}

/// The structs that a type may be read from; `None` for types that are no object.
const fn objects(ty: ArgType) -> Option<&'static [&'static str]> {
    Some(match ty {
        ArgType::File => &["file"],
        ArgType::Path => &["path"],
        ArgType::Filename => &["filename"],
        ArgType::Skb => &["sk_buff"],
        ArgType::Sock => &["sock"],
        ArgType::Socket => &["socket"],
        ArgType::Sockaddr => {
            &["sockaddr", "sockaddr_unsized", "__kernel_sockaddr_storage", "sockaddr_in", "sockaddr_in6"]
        }
        ArgType::SockaddrUn => &["sockaddr_un", "sockaddr", "sockaddr_unsized", "__kernel_sockaddr_storage"],
        ArgType::Dentry => &["dentry"],
        ArgType::LinuxBinprm => &["linux_binprm"],
        ArgType::Kiocb => &["kiocb"],
        ArgType::NetDevice => &["net_device"],
        ArgType::CharIovec => &["iovec"],
        // Before Linux 6.3 (commit f122a08b197d) the struct had a name; since then only its typedef has one, and it is 64 bits.
        ArgType::KernelCap | ArgType::CapInheritable | ArgType::CapPermitted | ArgType::CapEffective => {
            &["kernel_cap_struct", ""]
        }
        _ => return None,
    })
}

/// The name of a struct, or of the one that a pointer points to; empty for one without a name.
fn object(at: BtfType<'_>) -> Option<String> {
    let of = match Ptr::try_from(at) {
        Ok(pointer) => pointer.next_type()?.skip_mods_and_typedefs(),
        Err(other) => other,
    };
    of.is_composite().then(|| name(of).unwrap_or_default())
}

/// A number of so many bits. A narrower one fits when it has no sign that would have to be extended; a pointer is a number of 64
/// bits.
fn is_number(at: BtfType<'_>, bits: u32, signed: bool) -> bool {
    match at.kind() {
        BtfKind::Ptr => bits == WORD * 8,
        BtfKind::Enum | BtfKind::Enum64 => size(at).is_some_and(|size| size * 8 <= bits),
        BtfKind::Int => {
            let negative = Int::try_from(at).is_ok_and(|int| matches!(int.encoding, IntEncoding::Signed));
            size(at).is_some_and(|size| size * 8 == bits || (size * 8 < bits && !(negative && signed)))
        }
        _ => false,
    }
}

/// An array of characters, or a pointer to them.
fn is_text(btf: &Btf<'_>, at: BtfType<'_>) -> bool {
    let of = match at.kind() {
        BtfKind::Array => Array::try_from(at).ok().map(|array| array.contained_type()),
        BtfKind::Ptr => Ptr::try_from(at).ok().and_then(|pointer| pointer.next_type()),
        _ => None,
    };
    let of = of.map(|of| of.skip_mods_and_typedefs());
    of.is_some_and(|of| {
        of.kind() == BtfKind::Void || (of.kind() == BtfKind::Int && bytes(btf, of) == Some(1))
    })
}

fn size(at: BtfType<'_>) -> Option<u32> {
    let size = match at.kind() {
        BtfKind::Int => Int::try_from(at).ok()?.size(),
        BtfKind::Enum => Enum::try_from(at).ok()?.size(),
        BtfKind::Enum64 => Enum64::try_from(at).ok()?.size(),
        BtfKind::Struct | BtfKind::Union => Composite::try_from(at).ok()?.size(),
        _ => return None,
    };
    u32::try_from(size).ok()
}

/// Bytes that a value of a type takes; `None` for functions, and for what is declared elsewhere.
pub(super) fn bytes(btf: &Btf<'_>, at: BtfType<'_>) -> Option<u32> {
    match at.kind() {
        BtfKind::Ptr => Some(WORD),
        BtfKind::Array => {
            let array = Array::try_from(at).ok()?;
            let one: BtfType<'_> = btf.type_by_id(array.ty())?;
            bytes(btf, one.skip_mods_and_typedefs())?.checked_mul(u32::try_from(array.capacity()).ok()?)
        }
        _ => size(at),
    }
}

fn name(of: BtfType<'_>) -> Option<String> {
    of.name().map(|name| name.to_string_lossy().into_owned()).filter(|name| !name.is_empty())
}

/// A type in words.
pub(super) fn describe(of: BtfType<'_>) -> String {
    let named = |what: &str| match name(of) {
        Some(name) => format!("{what} {name}"),
        None => format!("a {what} without a name"),
    };
    match of.kind() {
        BtfKind::Struct => named("struct"),
        BtfKind::Union => named("union"),
        BtfKind::Enum | BtfKind::Enum64 => named("enum"),
        BtfKind::Fwd => format!("{}, which the kernel declares only", named("struct")),
        BtfKind::Ptr => match Ptr::try_from(of).ok().and_then(|pointer| pointer.next_type()) {
            Some(behind) => match behind.skip_mods_and_typedefs() {
                behind if behind.kind() == BtfKind::Void => "a pointer to nothing that is known".to_owned(),
                behind => format!("a pointer to {}", describe(behind)),
            },
            None => "a pointer to nothing that is known".to_owned(),
        },
        BtfKind::Array => match Array::try_from(of) {
            Ok(array) => {
                let one = describe(array.contained_type().skip_mods_and_typedefs());
                format!("an array of {}, each {one}", array.capacity())
            }
            Err(_) => "an array".to_owned(),
        },
        BtfKind::Int => match Int::try_from(of) {
            Ok(int) if matches!(int.encoding, IntEncoding::Signed) => {
                format!("a signed number of {} bits", int.bits)
            }
            Ok(int) => format!("an unsigned number of {} bits", int.bits),
            Err(_) => "a number".to_owned(),
        },
        BtfKind::FuncProto => "a function".to_owned(),
        _ => "neither a struct, an array, a pointer nor a number".to_owned(),
    }
}
