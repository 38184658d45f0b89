//! Entries of the selector bytes in words, for the listing.

use std::net::{Ipv4Addr, Ipv6Addr};

use quell_wire::code::{Action, ArgType, Operator, RateScope, Subject};
use quell_wire::selector::{FAMILY_4, HOST_NAMESPACE, Network};
use quell_wire::tree::{ActionTree, EntryTree, PidTree, ValueTree};

use crate::policy::ast::{CapabilitySet, Namespace};
use crate::policy::names::Domain;

/// Members of a set that a listing shows.
const SHOWN: usize = 4;

/// One matchPIDs entry.
pub(super) fn pid(pid: &PidTree, namespace: bool, follow: bool) -> String {
    let whose =
        if namespace { "process id in its own PID namespace (0 in the initial one)" } else { "process id" };
    let follow = if follow { ", or that of an ancestor," } else { "" };
    format!("if {whose}{follow} {} {:?}", operator(pid.op), pid.values)
}

/// One entry of another section; `members` are the values of the entry, from the bytes or from its set.
pub(super) fn entry(entry: &EntryTree, members: &ValueTree) -> String {
    let values = match &entry.values {
        ValueTree::Set(set) => {
            let (shown, all) = values(entry, members, SHOWN);
            let more = if all > shown.len() { " | …" } else { "" };
            format!("{}{more} (set {set}, {all} in all)", shown.join(" | "))
        }
        own => values(entry, own, usize::MAX).0.join(" | "),
    };
    let search = if entry.search == 0 { String::new() } else { format!(" (search {})", entry.search) };
    format!("if {} {} {values}{search}", subject(entry.subject), operator(entry.op))
}

/// What an entry looks at.
pub(super) fn subject(subject: Subject) -> String {
    let own =
        |first: Subject| usize::try_from(subject.number().wrapping_sub(first.number())).unwrap_or(usize::MAX);
    if let Some(namespace) = Namespace::ALL.get(own(Subject::NsUts)) {
        return format!("{} namespace", namespace.name());
    }
    let set = |set: CapabilitySet| format!("{} capabilities", set.name());
    match subject {
        Subject::Executable => "executable".to_owned(),
        Subject::ParentExecutable => "executable of the parent".to_owned(),
        Subject::Returned => "returned value".to_owned(),
        Subject::CapPermitted => set(CapabilitySet::Permitted),
        Subject::CapEffective => set(CapabilitySet::Effective),
        Subject::CapInheritable => set(CapabilitySet::Inheritable),
        Subject::ChangedNamespaces => "namespaces changed since exec".to_owned(),
        Subject::ChangedPermitted => format!("{} changed since exec", set(CapabilitySet::Permitted)),
        Subject::ChangedEffective => format!("{} changed since exec", set(CapabilitySet::Effective)),
        Subject::ChangedInheritable => format!("{} changed since exec", set(CapabilitySet::Inheritable)),
        Subject::FollowedBinaries => "what the process or an ancestor executes or has executed".to_owned(),
        argument => format!("arg {}", argument.number()),
    }
}

/// The first values in words, and how many there are.
fn values(entry: &EntryTree, values: &ValueTree, most: usize) -> (Vec<String>, usize) {
    let number = |number: &u64| self::number(entry, *number);
    match values {
        ValueTree::Numbers(numbers) => (numbers.iter().take(most).map(number).collect(), numbers.len()),
        ValueTree::Ranges(ranges) => {
            let range = |(least, greatest): &(u64, u64)| {
                if least == greatest {
                    number(least)
                } else {
                    format!("{}:{}", number(least), number(greatest))
                }
            };
            (ranges.iter().take(most).map(range).collect(), ranges.len())
        }
        ValueTree::Strings(strings) => {
            let quoted = |string: &Vec<u8>| format!("\"{}\"", string.escape_ascii());
            (strings.iter().take(most).map(quoted).collect(), strings.len())
        }
        ValueTree::Networks(networks) => (networks.iter().take(most).map(network).collect(), networks.len()),
        ValueTree::Set(_) => (vec![], 0),
    }
}

fn number(entry: &EntryTree, number: u64) -> String {
    let namespaces = Subject::NsUts.number()..=Subject::NsUser.number();
    match entry.subject {
        subject if namespaces.contains(&subject.number()) && number == u64::from(HOST_NAMESPACE) => {
            "host_ns".to_owned()
        }
        Subject::ChangedNamespaces => bits(number, |bit| {
            Namespace::ALL.get(usize::try_from(bit).ok()?).map(|namespace| namespace.name().to_owned())
        }),
        _ if entry.op == Operator::CapabilitiesGained => format!("arg {number}"),
        _ if is_capabilities(entry.arg_type) => bits(number, |bit| Domain::Capability.name(bit)),
        _ if matches!(entry.op, Operator::Mask | Operator::NotMask) => format!("{number:#x}"),
        _ if matches!(entry.op, Operator::FileType | Operator::NotFileType) => {
            named(Domain::FileType, number, &format!("{number:#o}"))
        }
        _ => match domain(entry) {
            Some(domain) => named(domain, number, &number.to_string()),
            // Two's complement for the signed types, so that -1 reads as -1.
            None if entry.arg_type.is_signed() => number.cast_signed().to_string(),
            None => number.to_string(),
        },
    }
}

/// What the numbers of an entry count, where they have names.
const fn domain(entry: &EntryTree) -> Option<Domain> {
    match (entry.op, entry.arg_type) {
        (Operator::Family, _) => Some(Domain::Family),
        (Operator::Protocol, _) => Some(Domain::Protocol),
        (Operator::State, _) => Some(Domain::State),
        // An order of names says nothing.
        (Operator::Equal | Operator::NotEqual | Operator::In | Operator::NotIn, ty) => match ty {
            ArgType::Capability => Some(Domain::Capability),
            ArgType::Syscall64 => Some(Domain::SystemCall),
            _ => None,
        },
        _ => None,
    }
}

/// A number with its name, if it has one.
fn named(domain: Domain, number: u64, shown: &str) -> String {
    domain.name(number).map_or_else(|| shown.to_owned(), |name| format!("{name} ({shown})"))
}

/// A set of bits with their names, if each has one.
fn bits(number: u64, name: impl Fn(u64) -> Option<String>) -> String {
    let set = (0..u64::from(u64::BITS)).filter(|bit| number >> bit & 1 == 1);
    match set.map(name).collect::<Option<Vec<_>>>() {
        Some(names) if !names.is_empty() => format!("{} ({number:#x})", names.join(",")),
        _ => format!("{number:#x}"),
    }
}

/// The error that a call returns, a number of 0 or below.
fn error(number: i32) -> String {
    let name = Domain::Error.name(number.unsigned_abs().into());
    name.map_or_else(|| number.to_string(), |name| format!("{name} ({number})"))
}

fn signal(number: u32) -> String {
    named(Domain::Signal, number.into(), &number.to_string())
}

const fn is_capabilities(ty: ArgType) -> bool {
    matches!(ty, ArgType::KernelCap | ArgType::CapInheritable | ArgType::CapPermitted | ArgType::CapEffective)
}

fn network(network: &Network) -> String {
    let address = if network.family == FAMILY_4 {
        let [a, b, c, d, ..] = network.address;
        Ipv4Addr::new(a, b, c, d).to_string()
    } else {
        Ipv6Addr::from(network.address).to_string()
    };
    format!("{address}/{}", network.bits)
}

/// An operator as a verb.
fn operator(operator: Operator) -> &'static str {
    match operator {
        Operator::Equal => "is",
        Operator::NotEqual => "is not",
        Operator::Prefix => "starts with",
        Operator::NotPrefix => "does not start with",
        Operator::Postfix => "ends with",
        Operator::NotPostfix => "does not end with",
        Operator::In => "is one of",
        Operator::NotIn => "is none of",
        Operator::SubString => "contains",
        Operator::SubStringIgnCase => "contains, in either case,",
        Operator::Gt => "is greater than",
        Operator::Lt => "is less than",
        Operator::InMap | Operator::InRange => "is in",
        Operator::NotInMap | Operator::NotInRange => "is not in",
        Operator::Mask => "has a bit of",
        Operator::NotMask => "has no bit of",
        Operator::SAddr => "comes from",
        Operator::NotSAddr => "does not come from",
        Operator::DAddr => "goes to",
        Operator::NotDAddr => "does not go to",
        Operator::SPort | Operator::SPortPriv => "comes from port",
        Operator::NotSPort | Operator::NotSPortPriv => "does not come from port",
        Operator::DPort | Operator::DPortPriv => "goes to port",
        Operator::NotDPort | Operator::NotDPortPriv => "does not go to port",
        Operator::Protocol => "has protocol",
        Operator::Family => "has family",
        Operator::State => "has state",
        Operator::CapabilitiesGained => "lacks a capability of",
        Operator::FileType => "is a file of type",
        Operator::NotFileType => "is not a file of type",
    }
}

/// An action with the parameters that say something.
pub(super) fn action(action: &ActionTree) -> String {
    let [first, second, third, fourth, ..] = action.param;
    let name = format!("{:?}", action.action);
    match action.action {
        Action::Post => {
            let mut more = Vec::new();
            if first != 0 {
                let whose = RateScope::from_number(second)
                    .map_or_else(|| "unknown scope".to_owned(), |scope| format!("{scope:?}").to_lowercase());
                more.push(format!("once in {first} ms per {whose}"));
            }
            if third != 0 {
                more.push("kernel stack".to_owned());
            }
            if fourth != 0 {
                more.push("user stack".to_owned());
            }
            if more.is_empty() { name } else { format!("{name} ({})", more.join(", ")) }
        }
        Action::NoPost | Action::Sigkill => name,
        Action::Signal => format!("{name} {}", signal(first)),
        Action::Override => format!("{name} {}", error(first.cast_signed())),
        Action::FollowFd | Action::UnfollowFd | Action::CopyFd => {
            format!("{name} (arg {first}, arg {second})")
        }
        Action::TrackSock | Action::UntrackSock => format!("{name} (arg {first})"),
        Action::NotifyEnforcer => {
            format!("{name} (error {}, signal {})", error(first.cast_signed()), signal(second))
        }
        Action::Set => format!("{name} (argument {first} of the function: {second})"),
    }
}
