//! Prototypes of kernel functions, from the kernel's own type information.
//!
//! A policy says what a function's arguments are. Where it is wrong, every read would fail or give something else, and an
//! enforcing selector, which takes what it cannot read for a match, would stop every process. So it is compared first.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::raw_types::{Kind, RawTypes, Type};

/// Prototypes by function; a function that the type information does not describe is absent.
pub type Prototypes = BTreeMap<String, Prototype>;

/// Parameters and result of one function. Written `32(*file, 32)`: what is returned, then what is taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Prototype {
    /// In their order.
    pub parameters: Vec<Parameter>,
    /// What it returns; `None`: nothing.
    pub returns: Option<Parameter>,
}

/// One parameter, or what is returned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Parameter {
    /// A pointer, to a struct of this name when it is one.
    Pointer(Option<String>),
    /// A number of so many bits; enumerations too.
    Number(u32),
    /// Anything else, such as a struct passed by value.
    Other,
}

impl fmt::Display for Parameter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pointer(target) => write!(f, "*{}", target.as_deref().unwrap_or_default()),
            Self::Number(bits) => write!(f, "{bits}"),
            Self::Other => f.write_str("?"),
        }
    }
}

impl fmt::Display for Prototype {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.returns {
            Some(returned) => write!(f, "{returned}(")?,
            None => f.write_str("void(")?,
        }
        for (number, parameter) in self.parameters.iter().enumerate() {
            write!(f, "{}{parameter}", if number == 0 { "" } else { ", " })?;
        }
        f.write_str(")")
    }
}

/// A function that returns an int, as every one does whose return value a policy looks at.
impl From<Vec<Parameter>> for Prototype {
    fn from(parameters: Vec<Parameter>) -> Self {
        Self { parameters, returns: Some(Parameter::Number(32)) }
    }
}

/// A text that is no prototype.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no prototype; one is written `32(*file, 32)`")]
pub struct PrototypeError(String);

impl FromStr for Prototype {
    type Err = PrototypeError;

    fn from_str(text: &str) -> Result<Self, PrototypeError> {
        let error = || PrototypeError(text.to_owned());
        let (returned, rest) = text.split_once('(').ok_or_else(error)?;
        let inside = rest.strip_suffix(')').ok_or_else(error)?;
        let parameter = |word: &str| match word {
            "*" => Some(Parameter::Pointer(None)),
            "?" => Some(Parameter::Other),
            _ => match word.strip_prefix('*') {
                Some(target) => Some(Parameter::Pointer(Some(target.to_owned()))),
                None => word.parse().ok().map(Parameter::Number),
            },
        };
        let words = inside.split(", ").filter(|_| !inside.is_empty());
        Ok(Self {
            parameters: words.map(parameter).collect::<Option<_>>().ok_or_else(error)?,
            returns: match returned {
                "void" => None,
                word => Some(parameter(word).ok_or_else(error)?),
            },
        })
    }
}

impl From<Prototype> for String {
    fn from(prototype: Prototype) -> Self {
        prototype.to_string()
    }
}

impl Prototype {
    /// Whether it is that of a system call's entry, with the type of what it is given.
    #[must_use]
    pub fn has_typed_registers(&self) -> bool {
        matches!(self.parameters.as_slice(), [Parameter::Pointer(Some(target))] if target == REGISTERS)
    }
}

impl TryFrom<String> for Prototype {
    type Error = PrototypeError;

    fn try_from(text: String) -> Result<Self, PrototypeError> {
        text.parse()
    }
}

/// The prototypes of the functions whose names begin in one of these ways and that are `wanted`, as far as `types` describe them.
/// Of several functions of one name, that of the first: a hook at one of them is refused anyway.
pub fn of_functions(types: &RawTypes, beginnings: &[&str], wanted: &dyn Fn(&str) -> bool) -> Prototypes {
    let mut prototypes = Prototypes::new();
    for (_, name, prototype) in types.functions(beginnings) {
        let Some(name) = std::str::from_utf8(name).ok().filter(|name| wanted(name)) else { continue };
        if let Some(prototype) = types.get(prototype).filter(|found| found.kind == Kind::FuncProto) {
            prototypes.entry(name.to_owned()).or_insert_with(|| of_function(types, prototype));
        }
    }
    prototypes
}

fn of_function(types: &RawTypes, prototype: Type<'_>) -> Prototype {
    let returned = prototype.size_or_type;
    Prototype {
        parameters: prototype.parameters().map(|parameter| describe(types, parameter)).collect(),
        // Type 0 is void.
        returns: (returned != 0).then(|| describe(types, returned)),
    }
}

fn describe(types: &RawTypes, number: u32) -> Parameter {
    let Some((_, described)) = types.behind(number) else { return Parameter::Other };
    match described.kind {
        Kind::Ptr => Parameter::Pointer(target(types, described.size_or_type)),
        Kind::Int => described.bits().map_or(Parameter::Other, Parameter::Number),
        Kind::Enum => Parameter::Number(32),
        Kind::Enum64 => Parameter::Number(64),
        _ => Parameter::Other,
    }
}

/// What the entries of system calls are given.
const REGISTERS: &str = "pt_regs";

/// The struct that a pointer points at, none for registers that are only declared: no program is given those; of one without a name, the name of its typedef.
fn target(types: &RawTypes, mut number: u32) -> Option<String> {
    let mut typedef = None;
    // Broken types could refer to each other for ever.
    for _ in 0..types.numbers().end {
        let behind = types.get(number)?;
        let name = || String::from_utf8_lossy(types.string(behind.name_at)).into_owned();
        match behind.kind {
            Kind::Fwd if types.is_string(behind.name_at, REGISTERS.as_bytes()) => return None,
            Kind::Struct | Kind::Fwd => return Some(name()).filter(|name| !name.is_empty()).or(typedef),
            Kind::Typedef => typedef = Some(name()),
            kind if kind.is_another() => {}
            _ => return None,
        }
        number = behind.size_or_type;
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    fn parameter() -> impl Strategy<Value = Parameter> {
        prop_oneof![
            proptest::option::of("[a-z_][a-z0-9_]{0,12}").prop_map(Parameter::Pointer),
            (1..=128_u32).prop_map(Parameter::Number),
            Just(Parameter::Other),
        ]
    }

    proptest! {
        #[test]
        fn every_prototype_reads_back_as_it_is_written(
            parameters in proptest::collection::vec(parameter(), 0..7),
            returns in proptest::option::of(parameter()),
        ) {
            let prototype = Prototype { parameters, returns };
            prop_assert_eq!(prototype.to_string().parse(), Ok(prototype));
        }
    }

    #[rstest]
    #[case("32(*file, 32)")]
    #[case("void()")]
    #[case("*(?, *)")]
    fn a_prototype_is_short(#[case] text: &str) {
        assert_eq!(text.parse::<Prototype>().unwrap().to_string(), text);
    }

    #[rstest]
    #[case("32")]
    #[case("32(*file, 32")]
    #[case("32(file)")]
    #[case("(32)")]
    fn another_text_is_no_prototype(#[case] text: &str) {
        assert!(text.parse::<Prototype>().unwrap_err().to_string().contains(text));
    }
}
