//! Names of types, operators and actions, and the one table of which operator applies to which type.
//!
//! Validation, documentation and generators of test policies read these tables; nothing else says what applies to what.

use super::ast::{Action, ArgType, Operator, TypeClass};

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
    ("string", Some(ArgType::String)),
    ("filename", Some(ArgType::Filename)),
    ("char_buf", Some(ArgType::CharBuf)),
    ("auto", None),
    ("char_iovec", None),
    ("dentry", None),
    ("skb", None),
    ("sock", None),
    ("sockaddr", None),
    ("socket", None),
    ("sockaddr_un", None),
    ("cred", None),
    ("user_namespace", None),
    ("capability", None),
    ("kernel_cap_t", None),
    ("cap_inheritable", None),
    ("cap_permitted", None),
    ("cap_effective", None),
    ("bpf_attr", None),
    ("bpf_cmd", None),
    ("bpf_prog", None),
    ("bpf_map", None),
    ("perf_event", None),
    ("kiocb", None),
    ("iov_iter", None),
    ("const_buf", None),
    ("load_info", None),
    ("module", None),
    ("linux_binprm", None),
    ("syscall64", None),
    ("data_loc", None),
    ("net_device", None),
    ("nop", None),
];

/// An operator of `matchArgs` and the classes of types that it applies to.
#[derive(Debug, Clone, Copy)]
pub struct OperatorRow {
    /// Its name in a policy.
    pub name: &'static str,
    /// What it means here; `None` is known and not supported here.
    pub operator: Option<Operator>,
    /// Applies to integers.
    pub integers: bool,
    /// Applies to `string`, `filename` and `char_buf`.
    pub text: bool,
    /// Applies to `fd`, `file` and `path`.
    pub paths: bool,
}

const fn row(name: &'static str, operator: Option<Operator>, on: [bool; 3]) -> OperatorRow {
    OperatorRow { name, operator, integers: on[0], text: on[1], paths: on[2] }
}

const YES: bool = true;
const NO: bool = false;

/// Every operator of `matchArgs`: name, meaning here, [integers, text, paths].
///
/// A row of three `NO` belongs to types that are not supported here (sockets, capabilities).
pub const OPERATORS: &[OperatorRow] = &[
    row("Equal", Some(Operator::Equal), [YES, YES, YES]),
    row("NotEqual", Some(Operator::NotEqual), [YES, YES, YES]),
    row("In", Some(Operator::In), [YES, YES, YES]),
    row("NotIn", Some(Operator::NotIn), [YES, YES, YES]),
    row("Prefix", Some(Operator::Prefix), [NO, YES, YES]),
    row("Postfix", Some(Operator::Postfix), [NO, YES, YES]),
    row("NotPrefix", None, [NO, YES, YES]),
    row("NotPostfix", None, [NO, YES, YES]),
    row("SubString", None, [NO, YES, YES]),
    row("SubStringIgnCase", None, [NO, YES, YES]),
    row("GT", None, [YES, NO, NO]),
    row("LT", None, [YES, NO, NO]),
    row("GreaterThan", None, [YES, NO, NO]),
    row("LessThan", None, [YES, NO, NO]),
    row("InMap", None, [YES, NO, NO]),
    row("NotInMap", None, [YES, NO, NO]),
    row("InRange", None, [YES, NO, NO]),
    row("NotInRange", None, [YES, NO, NO]),
    row("Mask", None, [YES, NO, NO]),
    row("CelExpr", None, [YES, NO, NO]),
    row("FileType", None, [NO, NO, YES]),
    row("NotFileType", None, [NO, NO, YES]),
    row("SAddr", None, [NO, NO, NO]),
    row("DAddr", None, [NO, NO, NO]),
    row("NotSAddr", None, [NO, NO, NO]),
    row("NotDAddr", None, [NO, NO, NO]),
    row("SPort", None, [NO, NO, NO]),
    row("DPort", None, [NO, NO, NO]),
    row("NotSPort", None, [NO, NO, NO]),
    row("NotDPort", None, [NO, NO, NO]),
    row("SPortPriv", None, [NO, NO, NO]),
    row("DPortPriv", None, [NO, NO, NO]),
    row("NotSPortPriv", None, [NO, NO, NO]),
    row("NotDPortPriv", None, [NO, NO, NO]),
    row("Protocol", None, [NO, NO, NO]),
    row("Family", None, [NO, NO, NO]),
    row("State", None, [NO, NO, NO]),
    row("CapabilitiesGained", None, [NO, NO, NO]),
];

/// Every action of the language.
pub const ACTIONS: &[Named<Action>] = &[
    ("Post", Some(Action::Post)),
    ("Sigkill", Some(Action::Sigkill)),
    ("Signal", None),
    ("Override", None),
    ("NoPost", None),
    ("FollowFD", None),
    ("UnfollowFD", None),
    ("CopyFD", None),
    ("GetUrl", None),
    ("DnsLookup", None),
    ("TrackSock", None),
    ("UntrackSock", None),
    ("NotifyEnforcer", None),
    ("CleanupEnforcerNotification", None),
    ("Set", None),
];

/// Whether an operator applies to arguments of a type.
#[must_use]
pub fn applies(operator: Operator, ty: ArgType) -> bool {
    OPERATORS.iter().filter(|row| row.operator == Some(operator)).any(|row| match ty.class() {
        TypeClass::Integer { .. } => row.integers,
        TypeClass::Text => row.text,
        TypeClass::Path => row.paths,
    })
}

/// The operators that apply to a type, by name.
#[must_use]
pub fn operators_for(ty: ArgType) -> Vec<&'static str> {
    Operator::ALL.into_iter().filter(|operator| applies(*operator, ty)).map(Operator::name).collect()
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
        for operator in Operator::ALL {
            let rows: Vec<_> = OPERATORS.iter().filter(|row| row.operator == Some(operator)).collect();
            assert_eq!(rows.len(), 1, "{operator:?}");
            assert_eq!(rows[0].name, operator.name());
        }
        for action in Action::ALL {
            assert!(ACTIONS.contains(&(action.name(), Some(action))), "{action:?}");
        }
    }

    #[test]
    fn no_name_stands_twice() {
        for names in [
            TYPES.iter().map(|(name, _)| *name).collect::<Vec<_>>(),
            OPERATORS.iter().map(|row| row.name).collect(),
            ACTIONS.iter().map(|(name, _)| *name).collect(),
        ] {
            let distinct: HashSet<_> = names.iter().collect();
            assert_eq!(distinct.len(), names.len());
        }
    }

    #[test]
    fn prefix_and_postfix_are_for_strings_only() {
        for ty in ArgType::ALL {
            let integer = matches!(ty.class(), TypeClass::Integer { .. });
            assert_eq!(applies(Operator::Prefix, ty), !integer);
            assert_eq!(applies(Operator::Postfix, ty), !integer);
            assert!(applies(Operator::In, ty) && applies(Operator::NotEqual, ty));
        }
    }
}
