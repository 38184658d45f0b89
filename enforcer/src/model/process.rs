//! Filters of the calling process: its ids, executables, namespaces and capabilities.

use super::answer::Answer;
use super::argument::{capability_bits, not_read};
use super::context::{Argument, Context, Value};
use super::text;
use crate::policy::ast::{
    BinaryFilter, CapabilityFilter, Namespace, NamespaceChangeFilter, NamespaceFilter, NamespaceId, PidFilter,
};

/// Ancestors that followForks looks at.
const FOLLOWED_ANCESTORS: usize = 9;
/// Inode number of the user namespace that the machine starts with, on every kernel.
const INITIAL_USER_NAMESPACE: u32 = 0xEFFF_FFFD;

/// One matchPIDs entry.
pub(super) fn pid(filter: &PidFilter, context: &Context) -> Answer {
    let process = context.process;
    let mut ids = vec![if filter.namespace { process.namespace_tgid() } else { process.tgid }];
    if filter.follow_forks {
        let near = context.ancestors.iter().take(FOLLOWED_ANCESTORS);
        if filter.namespace {
            // Behind the first ancestor of another namespace nothing is visible from inside: a process that entered by
            // setns is not protected by its parent outside.
            let inside = near.take_while(|ancestor| ancestor.shares_namespace(process));
            ids.extend(inside.map(|ancestor| ancestor.namespace_tgid()));
        } else {
            ids.extend(near.map(|ancestor| ancestor.tgid));
        }
    }
    Answer::decided(ids.iter().any(|id| filter.values.contains(id))).negated_if(filter.negated)
}

/// One matchBinaries or matchParentBinaries entry.
pub(super) fn binary(filter: &BinaryFilter, executable: &Argument, context: &Context) -> Answer {
    let (op, negated) = match filter.op.positive() {
        Some(positive) => (positive, true),
        None => (filter.op, false),
    };
    if filter.follow_children {
        let listed = context.followed.iter().any(|path| filter.values.contains(path));
        return Answer::decided(listed).negated_if(negated);
    }
    if let Some(unknown) = not_read(&executable.value) {
        return unknown;
    }
    let answer = |value: &Vec<u8>| match &executable.value {
        Value::Whole(path) => text::whole(path, op, value),
        Value::Cut(seen) => text::end(seen, op, value),
        _ => Answer::No,
    };
    Answer::any(filter.values.iter().map(answer)).negated_if(negated)
}

/// The position of a kind of namespace in the arrays of a context.
fn position(namespace: Namespace) -> usize {
    match namespace {
        Namespace::Uts => 0,
        Namespace::Ipc => 1,
        Namespace::Mnt => 2,
        Namespace::Pid => 3,
        Namespace::PidForChildren => 4,
        Namespace::Net => 5,
        Namespace::Time => 6,
        Namespace::TimeForChildren => 7,
        Namespace::Cgroup => 8,
        Namespace::User => 9,
    }
}

/// One matchNamespaces entry.
pub(super) fn namespace(filter: &NamespaceFilter, context: &Context) -> Answer {
    let position = position(filter.namespace);
    let own = context.namespaces[position];
    let holds = filter.values.iter().any(|value| match value {
        NamespaceId::Host => own == context.host_namespaces[position],
        NamespaceId::Number(number) => own == *number,
    });
    Answer::decided(holds).negated_if(filter.negated)
}

/// One matchNamespaceChanges entry.
pub(super) fn namespace_change(filter: &NamespaceChangeFilter, context: &Context) -> Answer {
    if context.at_exec_unknown {
        return Answer::Undecided;
    }
    let changed = |namespace: &Namespace| {
        let position = position(*namespace);
        context.namespaces[position] != context.namespaces_at_exec[position]
    };
    Answer::decided(filter.values.iter().any(changed)).negated_if(filter.negated)
}

/// One matchCapabilities entry.
pub(super) fn capability(filter: &CapabilityFilter, context: &Context) -> Answer {
    bits(filter, Some(capability_bits(&context.capabilities, filter.set)), context)
}

/// One matchCapabilityChanges entry.
pub(super) fn capability_change(filter: &CapabilityFilter, context: &Context) -> Answer {
    let now = capability_bits(&context.capabilities, filter.set);
    let before = capability_bits(&context.capabilities_at_exec, filter.set);
    bits(filter, (!context.at_exec_unknown).then_some(now ^ before), context)
}

/// `bits`: what is compared, `None` when nobody knows it.
fn bits(filter: &CapabilityFilter, bits: Option<u64>, context: &Context) -> Answer {
    let outside = context.namespaces[position(Namespace::User)] != INITIAL_USER_NAMESPACE;
    if filter.namespaced && !outside {
        return Answer::No;
    }
    bits.map_or(Answer::Undecided, |bits| Answer::decided(bits & filter.mask != 0).negated_if(filter.negated))
}
