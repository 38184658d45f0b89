//! AST to selector trees, entry by entry, with every value in place: what is written, in the numbers of the wire.

use std::net::IpAddr;

use quell_wire::code::{ArgType as WireType, Operator as WireOperator, Subject, ValueKind};
use quell_wire::selector::{
    FAMILY_4, FAMILY_6, HOST_NAMESPACE, INITIAL_USER_NAMESPACE, Network as WireNetwork, PID_FOLLOW_FORKS,
    PID_NAMESPACE, SELECTOR_ENFORCES, Section,
};
use quell_wire::tree::{EntryTree, PidTree, SelectorTree, ValueTree};

use super::actions;
use super::code::{ARGUMENTS, capability_subjects, namespace_subject, wire_operator, wire_type};
use super::error::{CompileError, Place};
use crate::policy::ast::{
    Action, ArgFilter, BinaryFilter, CapabilityFilter, Hook, Namespace, NamespaceChangeFilter,
    NamespaceFilter, NamespaceId, Network, Operator, PidFilter, Post, Selector, Values,
};

/// Ports that only privileged processes may bind: the values of SPortPriv and its relatives.
pub(super) const PRIVILEGED_PORTS: (u64, u64) = (0, 1023);

/// The selectors of a hook, every value in place. A hook without selectors has one that always matches and posts.
pub(super) fn selectors(hook: &Hook) -> Result<Vec<SelectorTree>, CompileError> {
    if hook.selectors.is_empty() {
        let post = actions::tree(&Action::Post(Post::default()), hook);
        return Ok(vec![SelectorTree { actions: vec![post], ..SelectorTree::default() }]);
    }
    hook.selectors
        .iter()
        .enumerate()
        .map(|(number, selector)| self::selector(hook, selector, number))
        .collect()
}

fn selector(hook: &Hook, selector: &Selector, number: usize) -> Result<SelectorTree, CompileError> {
    let args = |section, filters: &[ArgFilter]| {
        let entry = |(entry, filter)| {
            let place = Place { selector: number, section, entry };
            arg(hook, filter, section).filter(fits).ok_or(CompileError::Mismatch { place })
        };
        filters.iter().enumerate().map(entry).collect::<Result<Vec<_>, _>>()
    };
    let all = [
        (
            Section::Binaries,
            selector.binaries.iter().map(|filter| binary(filter, Subject::Executable)).collect(),
        ),
        (Section::Args, args(Section::Args, &selector.args)?),
        (Section::Namespaces, selector.namespaces.iter().map(namespace).collect()),
        (
            Section::Capabilities,
            selector.capabilities.iter().flat_map(|filter| capability(filter, false)).collect(),
        ),
        (Section::NamespaceChanges, selector.namespace_changes.iter().map(namespace_change).collect()),
        (
            Section::CapabilityChanges,
            selector.capability_changes.iter().flat_map(|filter| capability(filter, true)).collect(),
        ),
        (
            Section::ParentBinaries,
            selector.parent_binaries.iter().map(|filter| binary(filter, Subject::ParentExecutable)).collect(),
        ),
        (Section::ReturnArgs, args(Section::ReturnArgs, &selector.return_args)?),
    ];
    let sections = all.into_iter().filter(|(_, entries): &(_, Vec<_>)| !entries.is_empty()).collect();
    Ok(SelectorTree {
        flags: if selector.enforces() { SELECTOR_ENFORCES } else { 0 },
        pids: selector.pids.iter().map(pid).collect(),
        sections,
        actions: selector.actions.iter().map(|action| actions::tree(action, hook)).collect(),
        return_actions: selector.return_actions.iter().map(|action| actions::tree(action, hook)).collect(),
    })
}

fn entry(op: WireOperator, subject: Subject, arg_type: WireType, values: ValueTree) -> EntryTree {
    EntryTree { op, subject, arg_type, values, search: 0, longest: 0 }
}

/// Whether the values are of the kind that the operator compares with, as the reader of the bytes will expect.
fn fits(entry: &EntryTree) -> bool {
    let kind = match &entry.values {
        ValueTree::Numbers(_) => ValueKind::Numbers,
        ValueTree::Ranges(_) => ValueKind::Ranges,
        ValueTree::Strings(_) => ValueKind::Strings,
        ValueTree::Networks(_) => ValueKind::Networks,
        ValueTree::Set(_) => return false,
    };
    entry.op.values(entry.arg_type.is_bytes()) == kind
}

fn pid(filter: &PidFilter) -> PidTree {
    let mut flags = 0;
    if filter.namespace {
        flags |= PID_NAMESPACE;
    }
    if filter.follow_forks {
        flags |= PID_FOLLOW_FORKS;
    }
    PidTree { op: in_or_not(filter.negated), flags, values: filter.values.clone() }
}

const fn in_or_not(negated: bool) -> WireOperator {
    if negated { WireOperator::NotIn } else { WireOperator::In }
}

const fn mask_or_not(negated: bool) -> WireOperator {
    if negated { WireOperator::NotMask } else { WireOperator::Mask }
}

fn binary(filter: &BinaryFilter, executable: Subject) -> EntryTree {
    let subject = if filter.follow_children { Subject::FollowedBinaries } else { executable };
    entry(wire_operator(filter.op), subject, WireType::Path, ValueTree::Strings(filter.values.clone()))
}

/// `None`: the filter names an argument that the hook does not have.
fn arg(hook: &Hook, filter: &ArgFilter, section: Section) -> Option<EntryTree> {
    let (listed, subject) = if section == Section::ReturnArgs {
        (hook.returned.as_ref()?, Subject::Returned)
    } else {
        (hook.args.get(filter.arg)?, *ARGUMENTS.get(filter.arg)?)
    };
    let values = match &filter.values {
        Values::None => match filter.op {
            Operator::SPortPriv | Operator::NotSPortPriv | Operator::DPortPriv | Operator::NotDPortPriv => {
                ValueTree::Ranges(vec![PRIVILEGED_PORTS])
            }
            _ => return None,
        },
        Values::Integers(numbers) => ValueTree::Numbers(numbers.clone()),
        Values::Ranges(ranges) => ValueTree::Ranges(ranges.clone()),
        Values::Strings(strings) => ValueTree::Strings(strings.clone()),
        Values::Networks(networks) => ValueTree::Networks(networks.iter().map(network).collect()),
        Values::Other(position) => {
            ARGUMENTS.get(*position)?;
            ValueTree::Numbers(vec![u64::try_from(*position).ok()?])
        }
    };
    Some(entry(wire_operator(filter.op), subject, wire_type(listed.ty), values))
}

fn namespace(filter: &NamespaceFilter) -> EntryTree {
    let number = |value: &NamespaceId| match value {
        NamespaceId::Host => HOST_NAMESPACE.into(),
        NamespaceId::Number(number) => (*number).into(),
    };
    let numbers = filter.values.iter().map(number).collect();
    entry(
        in_or_not(filter.negated),
        namespace_subject(filter.namespace),
        WireType::U32,
        ValueTree::Numbers(numbers),
    )
}

fn namespace_change(filter: &NamespaceChangeFilter) -> EntryTree {
    let bit =
        |namespace: &Namespace| 1u64 << (namespace_subject(*namespace).number() - Subject::NsUts.number());
    let numbers = filter.values.iter().map(bit).collect();
    entry(mask_or_not(filter.negated), Subject::ChangedNamespaces, WireType::U64, ValueTree::Numbers(numbers))
}

/// One entry, and behind it one for `isNamespaceCapability`.
fn capability(filter: &CapabilityFilter, changes: bool) -> Vec<EntryTree> {
    let (has, changed) = capability_subjects(filter.set);
    let subject = if changes { changed } else { has };
    let mask = ValueTree::Numbers(vec![filter.mask]);
    let mut entries = vec![entry(mask_or_not(filter.negated), subject, WireType::KernelCap, mask)];
    if filter.namespaced {
        entries.push(outside_initial_user_namespace());
    }
    entries
}

/// The entry that `isNamespaceCapability` adds.
pub(super) fn outside_initial_user_namespace() -> EntryTree {
    let initial = ValueTree::Numbers(vec![INITIAL_USER_NAMESPACE.into()]);
    entry(WireOperator::NotEqual, Subject::NsUser, WireType::U32, initial)
}

fn network(network: &Network) -> WireNetwork {
    let mut address = [0; 16];
    let family = match network.address {
        IpAddr::V4(four) => {
            address[..4].copy_from_slice(&four.octets());
            FAMILY_4
        }
        IpAddr::V6(six) => {
            address = six.octets();
            FAMILY_6
        }
    };
    WireNetwork { family, bits: network.bits.into(), address }
}
