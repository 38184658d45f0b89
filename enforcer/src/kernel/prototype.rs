//! Prototypes of kernel functions, from the kernel's own type information.
//!
//! A policy says what a function's arguments are. Where it is wrong, every read would fail or give something else, and an
//! enforcing selector, which takes what it cannot read for a match, would stop every process. So it is compared first.

use std::collections::{BTreeMap, BTreeSet};

use libbpf_rs::btf::types::{Func, FuncProto, Int, Ptr};
use libbpf_rs::btf::{Btf, BtfKind, BtfType, ReferencesType, TypeId};

/// Parameters by function; a function that the type information does not describe is absent.
pub type Prototypes = BTreeMap<String, Vec<Parameter>>;

/// One parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Parameter {
    /// A pointer, to a struct of this name when it is one.
    Pointer(Option<String>),
    /// A number of so many bits; enumerations too.
    Number(u32),
    /// Anything else, such as a struct passed by value.
    Other,
}

/// Reads the prototypes of `functions` from the running kernel.
///
/// # Errors
/// When the kernel has no type information, or it cannot be read.
pub fn of_running_kernel(functions: &BTreeSet<&str>) -> libbpf_rs::Result<Prototypes> {
    if functions.is_empty() {
        return Ok(Prototypes::new());
    }
    let btf = Btf::from_vmlinux()?;
    let found = functions.iter().filter_map(|name| Some(((*name).to_owned(), parameters(&btf, name)?)));
    Ok(found.collect())
}

fn parameters(btf: &Btf<'_>, name: &str) -> Option<Vec<Parameter>> {
    let function: Func<'_> = btf.type_by_name(name)?;
    let prototype: FuncProto<'_> = btf.type_by_id(function.referenced_type_id())?;
    Some(prototype.iter().map(|parameter| describe(btf, parameter.ty)).collect())
}

fn describe(btf: &Btf<'_>, id: TypeId) -> Parameter {
    let Some(described) = btf.type_by_id::<BtfType<'_>>(id).map(|of| of.skip_mods_and_typedefs()) else {
        return Parameter::Other;
    };
    match described.kind() {
        BtfKind::Ptr => Parameter::Pointer(target(btf, described.type_id())),
        BtfKind::Int => match btf.type_by_id::<Int<'_>>(described.type_id()) {
            Some(int) => Parameter::Number(int.bits.into()),
            None => Parameter::Other,
        },
        BtfKind::Enum => Parameter::Number(32),
        BtfKind::Enum64 => Parameter::Number(64),
        _ => Parameter::Other,
    }
}

/// The struct behind a pointer; of one without a name, the name of its typedef.
fn target(btf: &Btf<'_>, pointer: TypeId) -> Option<String> {
    let pointer: Ptr<'_> = btf.type_by_id(pointer)?;
    let mut behind: BtfType<'_> = btf.type_by_id(pointer.referenced_type_id())?;
    let mut typedef = None;
    loop {
        let name = || behind.name().map(|name| name.to_string_lossy().into_owned());
        match behind.kind() {
            BtfKind::Struct | BtfKind::Fwd => return name().filter(|name| !name.is_empty()).or(typedef),
            BtfKind::Typedef => typedef = name(),
            BtfKind::Const | BtfKind::Volatile | BtfKind::Restrict | BtfKind::TypeTag => {}
            _ => return None,
        }
        behind = behind.next_type()?;
    }
}
