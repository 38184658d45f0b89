//! Names of types, operators and actions, and the one table of which operator applies to which type.
//!
//! Validation, documentation and generators of test policies read these tables; nothing else says what applies to what.

use quell_wire::limits::{MAX_SET_MEMBERS, MAX_VALUES};

use super::ast::{ActionKind, ArgType, Operator, TypeClass};

/// A name of the language and what it means here; `None` is known and not supported here.
pub type Named<T> = (&'static str, Option<T>);

/// Every argument type of the language.
pub const TYPES: &[Named<ArgType>] = &[
    ("int8", Some(ArgType::Int8)),
    ("sint8", Some(ArgType::Int8)),
    ("uint8", Some(ArgType::Uint8)),
    ("int16", Some(ArgType::Int16)),
    ("sint16", Some(ArgType::Int16)),
    ("uint16", Some(ArgType::Uint16)),
    ("int", Some(ArgType::Int32)),
    ("int32", Some(ArgType::Int32)),
    ("sint32", Some(ArgType::Int32)),
    ("uint32", Some(ArgType::Uint32)),
    ("int64", Some(ArgType::Int64)),
    ("sint64", Some(ArgType::Int64)),
    ("long", Some(ArgType::Int64)),
    ("uint64", Some(ArgType::Uint64)),
    ("ulong", Some(ArgType::Uint64)),
    ("size_t", Some(ArgType::Size)),
    ("fd", Some(ArgType::Fd)),
    ("file", Some(ArgType::File)),
    ("path", Some(ArgType::Path)),
    ("dentry", Some(ArgType::Dentry)),
    ("linux_binprm", Some(ArgType::LinuxBinprm)),
    ("kiocb", Some(ArgType::Kiocb)),
    ("string", Some(ArgType::String)),
    ("filename", Some(ArgType::Filename)),
    ("char_buf", Some(ArgType::CharBuf)),
    ("char_iovec", Some(ArgType::CharIovec)),
    ("net_device", Some(ArgType::NetDevice)),
    ("sockaddr_un", Some(ArgType::SockaddrUn)),
    ("skb", Some(ArgType::Skb)),
    ("sock", Some(ArgType::Sock)),
    ("socket", Some(ArgType::Socket)),
    ("sockaddr", Some(ArgType::Sockaddr)),
    ("capability", Some(ArgType::Capability)),
    ("kernel_cap_t", Some(ArgType::KernelCap)),
    ("cap_inheritable", Some(ArgType::CapInheritable)),
    ("cap_permitted", Some(ArgType::CapPermitted)),
    ("cap_effective", Some(ArgType::CapEffective)),
    ("syscall64", Some(ArgType::Syscall64)),
    ("nop", Some(ArgType::Nop)),
    ("auto", None),
    ("cred", None),
    ("user_namespace", None),
    ("bpf_attr", None),
    ("bpf_cmd", None),
    ("bpf_prog", None),
    ("bpf_map", None),
    ("perf_event", None),
    ("iov_iter", None),
    ("const_buf", None),
    ("load_info", None),
    ("module", None),
    ("data_loc", None),
];

/// Other spellings of operators.
pub const OPERATOR_ALIASES: &[(&str, Operator)] = &[
    ("eq", Operator::Equal),
    ("neq", Operator::NotEqual),
    ("gt", Operator::Gt),
    ("GreaterThan", Operator::Gt),
    ("lt", Operator::Lt),
    ("LessThan", Operator::Lt),
    ("NotSportPriv", Operator::NotSPortPriv),
];

/// Operators of the language that are refused as not supported.
pub const UNSUPPORTED_OPERATORS: &[&str] = &["CelExpr"];

/// Every action of the language.
pub const ACTIONS: &[Named<ActionKind>] = &[
    ("Post", Some(ActionKind::Post)),
    ("NoPost", Some(ActionKind::NoPost)),
    ("Sigkill", Some(ActionKind::Sigkill)),
    ("Signal", Some(ActionKind::Signal)),
    ("Override", Some(ActionKind::Override)),
    ("FollowFD", Some(ActionKind::FollowFd)),
    ("UnfollowFD", Some(ActionKind::UnfollowFd)),
    ("CopyFD", Some(ActionKind::CopyFd)),
    ("NotifyEnforcer", Some(ActionKind::NotifyEnforcer)),
    ("TrackSock", Some(ActionKind::TrackSock)),
    ("UntrackSock", Some(ActionKind::UntrackSock)),
    ("Set", Some(ActionKind::Set)),
    ("GetUrl", None),
    ("DnsLookup", None),
    ("CleanupEnforcerNotification", None),
];

/// What the values of a filter are: the variant of [`Values`](super::ast::Values) for an operator and a type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ValueKind {
    /// No values.
    None,
    /// Numbers, possibly by name.
    Integers,
    /// Numbers and ranges.
    Ranges,
    /// Strings of bytes.
    Strings,
    /// IPv4 and IPv6 networks.
    Networks,
    /// No values, but a second argument.
    Other,
}

/// What a group of types has to compare, and which operators compare it.
#[derive(Debug, Clone, Copy)]
pub struct ClassRow {
    /// What the types have in common.
    pub name: &'static str,
    /// The types.
    pub types: &'static [ArgType],
    /// The operators that apply to every one of them.
    pub operators: &'static [Operator],
}

/// The table: every type stands in exactly one row.
pub const CLASSES: &[ClassRow] = &[
    ClassRow {
        name: "whole numbers",
        types: &[
            ArgType::Int8,
            ArgType::Uint8,
            ArgType::Int16,
            ArgType::Uint16,
            ArgType::Int32,
            ArgType::Uint32,
            ArgType::Int64,
            ArgType::Uint64,
            ArgType::Size,
            ArgType::Capability,
            ArgType::Syscall64,
        ],
        operators: &[
            Operator::Equal,
            Operator::NotEqual,
            Operator::In,
            Operator::NotIn,
            Operator::Gt,
            Operator::Lt,
            Operator::InMap,
            Operator::NotInMap,
            Operator::InRange,
            Operator::NotInRange,
            Operator::Mask,
        ],
    },
    ClassRow {
        name: "texts",
        types: &[
            ArgType::String,
            ArgType::Filename,
            ArgType::CharBuf,
            ArgType::CharIovec,
            ArgType::NetDevice,
            ArgType::SockaddrUn,
        ],
        operators: &[
            Operator::Equal,
            Operator::NotEqual,
            Operator::In,
            Operator::NotIn,
            Operator::Prefix,
            Operator::NotPrefix,
            Operator::Postfix,
            Operator::NotPostfix,
            Operator::SubString,
            Operator::SubStringIgnCase,
        ],
    },
    ClassRow {
        name: "paths of files",
        types: &[
            ArgType::Fd,
            ArgType::File,
            ArgType::Path,
            ArgType::Dentry,
            ArgType::LinuxBinprm,
            ArgType::Kiocb,
        ],
        operators: &[
            Operator::Equal,
            Operator::NotEqual,
            Operator::In,
            Operator::NotIn,
            Operator::Prefix,
            Operator::NotPrefix,
            Operator::Postfix,
            Operator::NotPostfix,
            Operator::SubString,
            Operator::SubStringIgnCase,
            Operator::FileType,
            Operator::NotFileType,
        ],
    },
    ClassRow {
        name: "sets of capabilities",
        types: &[ArgType::KernelCap, ArgType::CapInheritable, ArgType::CapPermitted, ArgType::CapEffective],
        operators: &[
            Operator::Equal,
            Operator::NotEqual,
            Operator::In,
            Operator::NotIn,
            Operator::Mask,
            Operator::CapabilitiesGained,
        ],
    },
    ClassRow {
        name: "connections with a state",
        types: &[ArgType::Sock, ArgType::Socket],
        operators: &[
            Operator::SAddr,
            Operator::NotSAddr,
            Operator::DAddr,
            Operator::NotDAddr,
            Operator::SPort,
            Operator::NotSPort,
            Operator::DPort,
            Operator::NotDPort,
            Operator::SPortPriv,
            Operator::NotSPortPriv,
            Operator::DPortPriv,
            Operator::NotDPortPriv,
            Operator::Protocol,
            Operator::Family,
            Operator::State,
        ],
    },
    ClassRow {
        name: "packets",
        types: &[ArgType::Skb],
        operators: &[
            Operator::SAddr,
            Operator::NotSAddr,
            Operator::DAddr,
            Operator::NotDAddr,
            Operator::SPort,
            Operator::NotSPort,
            Operator::DPort,
            Operator::NotDPort,
            Operator::SPortPriv,
            Operator::NotSPortPriv,
            Operator::DPortPriv,
            Operator::NotDPortPriv,
            Operator::Protocol,
            Operator::Family,
        ],
    },
    ClassRow {
        name: "addresses of one end",
        types: &[ArgType::Sockaddr],
        operators: &[
            Operator::SAddr,
            Operator::NotSAddr,
            Operator::SPort,
            Operator::NotSPort,
            Operator::SPortPriv,
            Operator::NotSPortPriv,
            Operator::Family,
        ],
    },
    ClassRow { name: "nothing to compare", types: &[ArgType::Nop], operators: &[] },
];

/// Operators of matchBinaries and matchParentBinaries.
pub const BINARY_OPERATORS: &[Operator] = &[
    Operator::In,
    Operator::NotIn,
    Operator::Prefix,
    Operator::NotPrefix,
    Operator::Postfix,
    Operator::NotPostfix,
];

/// Operators of matchPIDs, matchNamespaces, matchCapabilities and the two sections of changes.
pub const MEMBER_OPERATORS: &[Operator] = &[Operator::In, Operator::NotIn];

/// The operator with this name or alias.
#[must_use]
pub fn operator(name: &str) -> Option<Operator> {
    let own = Operator::ALL.iter().find(|operator| operator.name() == name).copied();
    own.or_else(|| OPERATOR_ALIASES.iter().find(|(alias, _)| *alias == name).map(|(_, operator)| *operator))
}

/// Every name of an operator, aliases and unsupported ones included.
#[must_use]
pub fn operator_names() -> Vec<&'static str> {
    let own = Operator::ALL.iter().map(|operator| operator.name());
    let aliases = OPERATOR_ALIASES.iter().map(|(alias, _)| *alias);
    own.chain(aliases).chain(UNSUPPORTED_OPERATORS.iter().copied()).collect()
}

/// The operators that apply to a type.
#[must_use]
pub fn operators_of(ty: ArgType) -> &'static [Operator] {
    CLASSES.iter().find(|row| row.types.contains(&ty)).map_or(&[], |row| row.operators)
}

/// Whether an operator applies to arguments of a type.
#[must_use]
pub fn applies(operator: Operator, ty: ArgType) -> bool {
    operators_of(ty).contains(&operator)
}

/// The operators that apply to a type, by name.
#[must_use]
pub fn operators_for(ty: ArgType) -> Vec<&'static str> {
    operators_of(ty).iter().map(|operator| operator.name()).collect()
}

/// What the values of an operator that applies to a type are.
#[must_use]
pub fn value_kind(operator: Operator, ty: ArgType) -> ValueKind {
    match operator {
        Operator::InMap | Operator::NotInMap | Operator::InRange | Operator::NotInRange => ValueKind::Ranges,
        Operator::SPort | Operator::NotSPort | Operator::DPort | Operator::NotDPort => ValueKind::Ranges,
        Operator::SAddr | Operator::NotSAddr | Operator::DAddr | Operator::NotDAddr => ValueKind::Networks,
        Operator::SPortPriv | Operator::NotSPortPriv | Operator::DPortPriv | Operator::NotDPortPriv => {
            ValueKind::None
        }
        Operator::CapabilitiesGained => ValueKind::Other,
        Operator::Gt | Operator::Lt | Operator::Mask => ValueKind::Integers,
        Operator::Protocol | Operator::Family | Operator::State => ValueKind::Integers,
        Operator::FileType | Operator::NotFileType => ValueKind::Integers,
        Operator::Equal | Operator::NotEqual | Operator::In | Operator::NotIn => match ty.class() {
            TypeClass::Text | TypeClass::Path => ValueKind::Strings,
            _ => ValueKind::Integers,
        },
        Operator::Prefix
        | Operator::NotPrefix
        | Operator::Postfix
        | Operator::NotPostfix
        | Operator::SubString
        | Operator::SubStringIgnCase => ValueKind::Strings,
    }
}

/// Why texts of a type cannot be longer than this; `None` where only the filter sets a limit.
#[must_use]
pub const fn longest_text(ty: ArgType) -> Option<(u32, &'static str)> {
    match ty {
        ArgType::NetDevice => Some((15, "no name of a network device is longer (IFNAMSIZ)")),
        ArgType::SockaddrUn => Some((108, "no path or name of a Unix socket is longer (sun_path)")),
        _ => None,
    }
}

/// Whether a text of a type can have a NUL byte in it: buffers have a length, all others end there.
#[must_use]
pub const fn may_hold_nul(ty: ArgType) -> bool {
    matches!(ty, ArgType::CharBuf | ArgType::CharIovec)
}

/// Most values of one filter with this operator. Where it is more than `MAX_VALUES`, many values become a set in a map.
#[must_use]
pub const fn most_values(operator: Operator) -> u32 {
    match operator {
        Operator::Gt | Operator::Lt => 1,
        Operator::SPortPriv
        | Operator::NotSPortPriv
        | Operator::DPortPriv
        | Operator::NotDPortPriv
        | Operator::CapabilitiesGained => 0,
        Operator::Mask
        | Operator::SubString
        | Operator::SubStringIgnCase
        | Operator::Protocol
        | Operator::Family
        | Operator::State
        | Operator::FileType
        | Operator::NotFileType => MAX_VALUES,
        _ => MAX_SET_MEMBERS,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_supported_thing_has_its_preferred_name_in_the_tables() {
        for ty in ArgType::ALL {
            assert!(TYPES.contains(&(ty.name(), Some(ty))), "{ty:?}");
        }
        for op in Operator::ALL {
            assert_eq!(operator(op.name()), Some(*op));
        }
        for action in ActionKind::ALL {
            assert!(ACTIONS.contains(&(action.name(), Some(action))), "{action:?}");
        }
    }

    #[test]
    fn no_name_stands_twice() {
        for names in [
            TYPES.iter().map(|(name, _)| *name).collect::<Vec<_>>(),
            operator_names(),
            ACTIONS.iter().map(|(name, _)| *name).collect(),
        ] {
            let distinct: HashSet<_> = names.iter().collect();
            assert_eq!(distinct.len(), names.len());
        }
    }

    #[test]
    fn every_type_stands_in_one_row_and_every_operator_in_some() {
        for ty in ArgType::ALL {
            assert_eq!(CLASSES.iter().filter(|row| row.types.contains(&ty)).count(), 1, "{ty:?}");
        }
        for operator in Operator::ALL {
            assert!(CLASSES.iter().any(|row| row.operators.contains(operator)), "{operator:?}");
        }
    }

    #[test]
    fn a_negation_applies_where_its_operator_does_and_compares_the_same() {
        for negative in Operator::ALL {
            let Some(positive) = negative.positive() else { continue };
            for ty in ArgType::ALL {
                assert_eq!(applies(*negative, ty), applies(positive, ty), "{negative:?} {ty:?}");
                if applies(positive, ty) {
                    assert_eq!(value_kind(*negative, ty), value_kind(positive, ty), "{negative:?} {ty:?}");
                }
            }
            assert_eq!(most_values(*negative), most_values(positive));
        }
    }
}
