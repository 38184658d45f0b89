//! Entries of the selector bytes back to the filters of the AST.

use std::collections::HashSet;
use std::hash::Hash;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use quell_wire::code::{ArgType as WireType, Operator as WireOperator, Subject};
use quell_wire::limits::{MAX_PATTERN_BYTES, MAX_STRING_VALUE_BYTES};
use quell_wire::selector::{FAMILY_4, FAMILY_6, HOST_NAMESPACE, Network as WireNetwork};
use quell_wire::sets::Sets;
use quell_wire::tree::{EntryTree, ValueTree};

use super::code::{ARGUMENTS, capability_subjects, namespace_subject, operator, wire_type};
use super::{entries, sets};
use crate::policy::Span;
use crate::policy::ast::{
    ArgFilter, BinaryFilter, CapabilityFilter, CapabilitySet, Hook, Namespace, NamespaceChangeFilter,
    NamespaceFilter, NamespaceId, Network, Operator, Values,
};
use crate::policy::typing::{self, ValueKind};

/// What is wrong with an entry.
pub(super) type Problem = &'static str;

/// The values of an entry, from the bytes or from its set.
pub(super) fn members(entry: &EntryTree, sets: &Sets) -> Result<ValueTree, Problem> {
    match entry.values {
        ValueTree::Set(set) => {
            sets::members(sets, entry.op, entry.arg_type.is_bytes(), set, entry.arg_type.is_signed())
                .ok_or("its set is missing, empty, or has members of another kind")
        }
        ref own => Ok(own.clone()),
    }
}

/// One matchArgs, matchData or matchReturnArgs entry.
pub(super) fn arg(hook: &Hook, entry: &EntryTree, sets: &Sets) -> Result<ArgFilter, Problem> {
    let (listed, arg) = if entry.subject == Subject::Returned {
        (hook.returned.as_ref(), 0)
    } else {
        let position = ARGUMENTS.iter().position(|subject| *subject == entry.subject);
        let position = position.ok_or("it looks at something that is not an argument")?;
        (hook.args.get(position), position)
    };
    let ty = listed.ok_or("the hook does not have its argument")?.ty;
    if entry.arg_type != wire_type(ty) {
        return Err("its type is not that of its argument");
    }
    let op = operator(entry.op).filter(|op| typing::applies(*op, ty));
    let op = op.ok_or("its operator does not apply to its type")?;
    let values = match (typing::value_kind(op, ty), members(entry, sets)?) {
        (ValueKind::None, ValueTree::Ranges(ranges)) if ranges == [entries::PRIVILEGED_PORTS] => Values::None,
        (ValueKind::Integers, ValueTree::Numbers(numbers)) => Values::Integers(distinct(numbers)?),
        (ValueKind::Ranges, ValueTree::Ranges(ranges)) => Values::Ranges(ordered(ranges, entry.arg_type)?),
        (ValueKind::Strings, ValueTree::Strings(found)) => Values::Strings(strings(found, op)?),
        (ValueKind::Networks, ValueTree::Networks(networks)) => {
            let networks = networks.iter().map(network).collect::<Option<Vec<_>>>();
            Values::Networks(distinct(networks.ok_or("one of its networks is none")?)?)
        }
        (ValueKind::Other, ValueTree::Numbers(numbers)) => Values::Other(other(hook, &numbers)?),
        _ => return Err("its values are not of the kind that its operator compares with"),
    };
    if matches!(op, Operator::Gt | Operator::Lt) && values.len() != 1 {
        return Err("it compares by size and does not have exactly one value");
    }
    Ok(ArgFilter { arg, op, values, span: Span::default() })
}

fn other(hook: &Hook, numbers: &[u64]) -> Result<usize, Problem> {
    let [number] = numbers else { return Err("it does not name exactly one other argument") };
    let position = usize::try_from(*number).ok().filter(|position| *position < hook.args.len());
    position.ok_or("the hook does not have its other argument")
}

/// Values of which there is at least one and none twice.
fn distinct<T: Eq + Hash>(values: Vec<T>) -> Result<Vec<T>, Problem> {
    if values.is_empty() {
        return Err("it has no values");
    }
    let mut seen = HashSet::with_capacity(values.len());
    if values.iter().all(|value| seen.insert(value)) { Ok(values) } else { Err("it has a value twice") }
}

fn ordered(ranges: Vec<(u64, u64)>, ty: WireType) -> Result<Vec<(u64, u64)>, Problem> {
    let flip = if ty.is_signed() { 1 << 63 } else { 0 };
    if ranges.iter().any(|(least, greatest)| least ^ flip > greatest ^ flip) {
        return Err("one of its ranges ends before it begins");
    }
    distinct(ranges)
}

fn strings(found: Vec<Vec<u8>>, op: Operator) -> Result<Vec<Vec<u8>>, Problem> {
    let longest = match op {
        Operator::SubString | Operator::SubStringIgnCase => MAX_PATTERN_BYTES,
        _ => MAX_STRING_VALUE_BYTES,
    };
    if found.iter().any(|string| string.is_empty() || string.len() > longest as usize) {
        return Err("one of its strings is empty or too long");
    }
    distinct(found)
}

fn network(network: &WireNetwork) -> Option<Network> {
    let bits = u8::try_from(network.bits).ok()?;
    let found = match network.family {
        FAMILY_4 if bits <= 32 => {
            let [a, b, c, d, rest @ ..] = network.address;
            (rest == [0; 12]).then_some(Network { address: IpAddr::V4(Ipv4Addr::new(a, b, c, d)), bits })
        }
        FAMILY_6 if bits <= 128 => {
            Some(Network { address: IpAddr::V6(Ipv6Addr::from(network.address)), bits })
        }
        _ => None,
    }?;
    let behind = u128::MAX.checked_shr(network.bits).unwrap_or(0);
    (u128::from_be_bytes(network.address) & behind == 0).then_some(found)
}

/// One matchBinaries or matchParentBinaries entry.
pub(super) fn binary(entry: &EntryTree, executable: Subject, sets: &Sets) -> Result<BinaryFilter, Problem> {
    let follow_children = entry.subject == Subject::FollowedBinaries;
    if !follow_children && entry.subject != executable || entry.arg_type != WireType::Path {
        return Err("it does not look at an executable");
    }
    let op = operator(entry.op).ok_or("its operator has no name")?;
    let applies = match op {
        Operator::In | Operator::NotIn => true,
        Operator::Prefix | Operator::NotPrefix | Operator::Postfix | Operator::NotPostfix => !follow_children,
        _ => false,
    };
    match members(entry, sets)? {
        ValueTree::Strings(found) if applies => {
            Ok(BinaryFilter { op, follow_children, values: strings(found, op)?, span: Span::default() })
        }
        _ => Err("its operator and values are not those of executables"),
    }
}

const fn negated(op: WireOperator, positive: WireOperator, negative: WireOperator) -> Result<bool, Problem> {
    if op as u32 == positive as u32 {
        Ok(false)
    } else if op as u32 == negative as u32 {
        Ok(true)
    } else {
        Err("its operator is not one of its section")
    }
}

/// `In` or `NotIn`: whether it is negated.
pub(super) const fn in_or_not(op: WireOperator) -> Result<bool, Problem> {
    negated(op, WireOperator::In, WireOperator::NotIn)
}

const fn mask_or_not(op: WireOperator) -> Result<bool, Problem> {
    negated(op, WireOperator::Mask, WireOperator::NotMask)
}

/// One matchNamespaces entry.
pub(super) fn namespace(entry: &EntryTree, sets: &Sets) -> Result<NamespaceFilter, Problem> {
    let of_entry = |namespace: &Namespace| namespace_subject(*namespace) == entry.subject;
    let namespace = Namespace::ALL.into_iter().find(of_entry).ok_or("it does not look at a namespace")?;
    let (ValueTree::Numbers(numbers), WireType::U32) = (members(entry, sets)?, entry.arg_type) else {
        return Err("its values are not those of namespaces");
    };
    let id = |number: u64| match u32::try_from(number) {
        Ok(HOST_NAMESPACE) => Some(NamespaceId::Host),
        number => number.ok().map(NamespaceId::Number),
    };
    let values = numbers.into_iter().map(id).collect::<Option<Vec<_>>>().ok_or("a namespace has 32 bits")?;
    let negated = in_or_not(entry.op)?;
    Ok(NamespaceFilter { namespace, negated, values: distinct(values)?, span: Span::default() })
}

/// One matchNamespaceChanges entry.
pub(super) fn namespace_change(entry: &EntryTree) -> Result<NamespaceChangeFilter, Problem> {
    let (ValueTree::Numbers(numbers), Subject::ChangedNamespaces, WireType::U64) =
        (&entry.values, entry.subject, entry.arg_type)
    else {
        return Err("it does not look at changed namespaces");
    };
    let kind =
        |number: &u64| (0..).zip(Namespace::ALL).find(|(bit, _)| *number == 1 << *bit).map(|(_, kind)| kind);
    let values =
        numbers.iter().map(kind).collect::<Option<Vec<_>>>().ok_or("it names no kind of namespace")?;
    Ok(NamespaceChangeFilter {
        negated: mask_or_not(entry.op)?,
        values: distinct(values)?,
        span: Span::default(),
    })
}

/// The entries of matchCapabilities, or of matchCapabilityChanges; on error with the position of the entry.
pub(super) fn capabilities(
    entries: &[EntryTree],
    changes: bool,
) -> Result<Vec<CapabilityFilter>, (usize, Problem)> {
    let outside = entries::outside_initial_user_namespace();
    let mut filters: Vec<CapabilityFilter> = Vec::new();
    for (position, entry) in entries.iter().enumerate() {
        if *entry == outside {
            match filters.last_mut() {
                Some(last) if !last.namespaced => last.namespaced = true,
                _ => return Err((position, "it stands behind no entry of capabilities")),
            }
        } else {
            filters.push(capability(entry, changes).map_err(|problem| (position, problem))?);
        }
    }
    Ok(filters)
}

fn capability(entry: &EntryTree, changes: bool) -> Result<CapabilityFilter, Problem> {
    let of_entry = |set: &CapabilitySet| {
        let (has, changed) = capability_subjects(*set);
        entry.subject == if changes { changed } else { has }
    };
    let set = CapabilitySet::ALL.into_iter().find(of_entry).ok_or("it does not look at capabilities")?;
    match (&entry.values, entry.arg_type) {
        (ValueTree::Numbers(numbers), WireType::KernelCap) if numbers.len() == 1 && numbers != &[0] => {
            let mask = numbers.first().copied().unwrap_or_default();
            let negated = mask_or_not(entry.op)?;
            Ok(CapabilityFilter { set, negated, namespaced: false, mask, span: Span::default() })
        }
        _ => Err("its value is not one set of capabilities"),
    }
}
