//! The constants of a hook: the verifier deletes what these say is not used.

use std::collections::BTreeSet;

use quell_wire::code::{ArgType as WireType, Operator, Subject};
use quell_wire::hook::{
    Convention, HOOK_FOLLOW_FORKS, HOOK_NAMESPACE_PIDS, HOOK_NOTIFIES, HOOK_OVERRIDES, HOOK_RETURNS,
    HOOK_TRACKED, HOOK_USER_MEMORY, HookConfig, NO_SIZE_ARG, Source,
};
use quell_wire::selector::{PID_FOLLOW_FORKS, PID_NAMESPACE, Section};
use quell_wire::tree::{EntryTree, SelectorTree, ValueTree};

use super::code::wire_type;
use super::sets;
use crate::policy::ast::{Action, ArgSource, Hook, HookPoint, TypeClass};
use crate::policy::entry;
use quell_wire::sets::Sets;

/// The constants of a hook with these selectors and sets.
pub(super) fn config(hook: &Hook, number: u32, selectors: &[SelectorTree], sets: &Sets) -> HookConfig {
    let pids = || selectors.iter().flat_map(|selector| &selector.pids);
    let mut config = HookConfig {
        hook: number,
        targets: 1,
        return_type: hook.returned.as_ref().map_or(WireType::Nop, |arg| wire_type(arg.ty)).number(),
        args: count(hook.args.len()),
        selectors: count(selectors.len()),
        sections: sections(selectors),
        pid_entries: most(selectors.iter().map(|selector| selector.pids.len())),
        pids: most(pids().map(|pid| pid.values.len())),
        filters: most(entry_counts(selectors)),
        values: most(entries(selectors).map(inline_values)),
        string_values: most(entries(selectors).map(string_values)),
        string_words: most(entries(selectors).map(string_words)),
        searches: count(sets.searches.len()),
        search_words: sets.searches.iter().map(|table| table.words).max().unwrap_or(0),
        actions: most(selectors.iter().flat_map(|tree| [tree.actions.len(), tree.return_actions.len()])),
        ..HookConfig::default()
    };
    config.target_convention[0] = convention(&hook.point).number();
    config.flags |= flags(hook);
    if pids().any(|pid| pid.flags & PID_FOLLOW_FORKS != 0) {
        config.flags |= HOOK_FOLLOW_FORKS | HOOK_TRACKED;
    }
    if entries(selectors).any(|entry| is_tracked(entry.subject)) {
        config.flags |= HOOK_TRACKED;
    }
    let followed = followed(selectors);
    config.followed = count(followed.len());
    // More of them than there are slots were refused when the values were placed.
    for (slot, set) in config.followed_set.iter_mut().zip(followed) {
        *slot = set;
    }
    if pids().any(|pid| pid.flags & PID_NAMESPACE != 0) {
        config.flags |= HOOK_NAMESPACE_PIDS;
    }
    for entry in entries(selectors) {
        let op = if entry.op == Operator::NotMask { Operator::Mask } else { entry.op };
        config.operators |= 1 << op.number();
        config.types |= 1 << entry.arg_type.number();
        config.filtered |= 1 << entry.subject.number() | others(entry);
        if let (ValueTree::Set(_), Some(kind)) =
            (&entry.values, sets::kind(entry.op, entry.arg_type.is_bytes()))
        {
            config.set_kinds |= 1 << kind.number();
        }
    }
    for (position, arg) in hook.args.iter().enumerate().take(config.arg_type.len()) {
        config.arg_type[position] = wire_type(arg.ty).number();
        if let ArgSource::Argument(index) = arg.source {
            config.arg_index[position] = index.into();
        }
        config.arg_source[position] = source(arg.source).number();
        config.arg_size[position] = arg.size_arg.map_or(NO_SIZE_ARG, u32::from);
        config.arg_size_bits[position] = size_bits(hook, arg.size_arg);
        config.return_copies |= u32::from(arg.return_copy) << position;
        config.kernel_args |= u32::from(arg.source == ArgSource::CurrentTask) << position;
    }
    config
}

/// Where the arguments of the point itself are; the plan may choose another target, with its own convention.
fn convention(point: &HookPoint) -> Convention {
    match point {
        HookPoint::Kprobe { function, syscall: true, .. }
        | HookPoint::Fentry { function, syscall: true, .. } => {
            entry::convention(function).unwrap_or(Convention::Syscall64)
        }
        HookPoint::Tracepoint { raw: false, .. } => Convention::Record,
        HookPoint::Usdt { .. } => Convention::StaticProbe,
        _ => Convention::Function,
    }
}

/// What the hook's own keys and actions ask for.
fn flags(hook: &Hook) -> u32 {
    let user =
        hook.point.is_syscall() || matches!(hook.point, HookPoint::Uprobe { .. } | HookPoint::Usdt { .. });
    let mut actions = hook.selectors.iter().flat_map(|selector| &selector.actions);
    let flags = [
        (user, HOOK_USER_MEMORY),
        (hook.point.returns(), HOOK_RETURNS),
        (actions.clone().any(|action| matches!(action, Action::Override(_))), HOOK_OVERRIDES),
        (actions.any(|action| matches!(action, Action::NotifyEnforcer(_))), HOOK_NOTIFIES),
    ];
    flags.iter().filter(|(wanted, _)| *wanted).fold(0, |all, (_, flag)| all | flag)
}

/// Whether only the table of processes knows this of a process.
const fn is_tracked(subject: Subject) -> bool {
    matches!(
        subject,
        Subject::FollowedBinaries
            | Subject::ChangedNamespaces
            | Subject::ChangedPermitted
            | Subject::ChangedEffective
            | Subject::ChangedInheritable
    )
}

/// The sets of executables whose descendants a filter asks for, by their numbers in this hook.
pub(super) fn followed(selectors: &[SelectorTree]) -> BTreeSet<u32> {
    let followed = entries(selectors).filter(|entry| entry.subject == Subject::FollowedBinaries);
    let set = |entry: &EntryTree| match entry.values {
        ValueTree::Set(set) => Some(set),
        _ => None,
    };
    followed.filter_map(set).collect()
}

const fn source(source: ArgSource) -> Source {
    match source {
        ArgSource::Argument(_) => Source::Argument,
        ArgSource::Returned => Source::Returned,
        ArgSource::CurrentTask => Source::CurrentTask,
        ArgSource::Registers => Source::Registers,
    }
}

fn entries(selectors: &[SelectorTree]) -> impl Iterator<Item = &EntryTree> {
    selectors.iter().flat_map(SelectorTree::entries)
}

fn entry_counts(selectors: &[SelectorTree]) -> impl Iterator<Item = usize> {
    selectors.iter().flat_map(|selector| selector.sections.iter().map(|(_, entries)| entries.len()))
}

/// String comparisons that the verifier walks at most: in every section that has any, as many as in the largest one.
pub(super) fn inline_words(selectors: &[SelectorTree]) -> u64 {
    let most = |counts: &mut dyn Iterator<Item = usize>| u64::from(most(counts));
    let with_strings =
        |(_, entries): &&(Section, Vec<EntryTree>)| entries.iter().any(|entry| string_words(entry) > 0);
    let sections: BTreeSet<Section> = selectors
        .iter()
        .flat_map(|tree| tree.sections.iter().filter(with_strings))
        .map(|(section, _)| *section)
        .collect();
    u64::from(count(sections.len()))
        .saturating_mul(most(&mut entry_counts(selectors)))
        .saturating_mul(most(&mut entries(selectors).map(string_values)))
        .saturating_mul(most(&mut entries(selectors).map(string_words)))
}

/// Strings that are compared one by one.
fn string_values(entry: &EntryTree) -> usize {
    match &entry.values {
        ValueTree::Strings(strings) if entry.search == 0 => strings.len(),
        _ => 0,
    }
}

fn inline_values(entry: &EntryTree) -> usize {
    match &entry.values {
        ValueTree::Numbers(numbers) => numbers.len(),
        ValueTree::Ranges(ranges) => ranges.len(),
        ValueTree::Strings(strings) => strings.len(),
        ValueTree::Networks(networks) => networks.len(),
        ValueTree::Set(_) => 0,
    }
}

fn string_words(entry: &EntryTree) -> usize {
    match &entry.values {
        ValueTree::Strings(_) if entry.search == 0 => sets::longest(&entry.values).div_ceil(8),
        _ => 0,
    }
}

/// The bit of a second subject that an entry looks at.
fn others(entry: &EntryTree) -> u32 {
    match (&entry.op, &entry.values) {
        (Operator::CapabilitiesGained, ValueTree::Numbers(numbers)) => {
            let other = |number: &u64| u32::try_from(*number).ok().and_then(|bit| 1u32.checked_shl(bit));
            numbers.iter().filter_map(other).fold(0, |bits, bit| bits | bit)
        }
        _ => 0,
    }
}

fn sections(selectors: &[SelectorTree]) -> u32 {
    let mut bits = 0;
    for selector in selectors {
        let mut add = |section: Section, there: bool| bits |= u32::from(there) << section.number();
        add(Section::Pids, !selector.pids.is_empty());
        add(Section::Actions, !selector.actions.is_empty());
        add(Section::ReturnActions, !selector.return_actions.is_empty());
        for (section, _) in &selector.sections {
            add(*section, true);
        }
    }
    bits
}

/// How wide a size is, where the policy lists the argument that holds it; the whole register otherwise.
fn size_bits(hook: &Hook, size_arg: Option<u8>) -> u32 {
    let is_size = |source| size_arg.is_some_and(|size| source == ArgSource::Argument(size));
    let listed = hook.args.iter().find(|arg| is_size(arg.source) && arg.resolve.is_empty());
    match listed.map(|arg| arg.ty.class()) {
        Some(TypeClass::Integer { bits, .. }) => bits.into(),
        _ => u64::BITS,
    }
}

/// Counts here are bounded by the limits of the language, far below u32.
fn count(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

fn most(counts: impl Iterator<Item = usize>) -> u32 {
    count(counts.max().unwrap_or(0))
}

// A mask has a bit per number.
const _: () = assert!(Subject::FollowedBinaries.number() < u32::BITS && WireType::Nop.number() < u64::BITS);
