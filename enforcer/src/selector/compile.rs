//! AST to selector bytes and hook constants. The only thing that can go wrong is size.

use quell_wire::code::{Action as WireAction, ArgType as WireType, Operator as WireOperator};
use quell_wire::hook::{HOOK_FOLLOW_FORKS, HOOK_NAMESPACE_PIDS, HOOK_SYSCALL, HookConfig, NO_SIZE_ARG};
use quell_wire::selector::{PID_FOLLOW_FORKS, PID_NAMESPACE, SELECTOR_ENFORCES};
use quell_wire::tree::{ArgTree, PidTree, SelectorTree, ValueTree};
use quell_wire::write::{self, FilterBytes, TooLarge};

use crate::policy::ast::{PidOperator, TypeClass};
use crate::policy::{Action, ArgFilter, ArgType, Kprobe, Operator, PidFilter, Selector, Values};

/// What one hook gives to its program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompiledHook {
    /// Constants, for `.rodata`.
    pub config: HookConfig,
    /// Selector bytes, for `filter_map`.
    pub filter: Box<FilterBytes>,
}

/// Compiles one hook; `number` is the one under which events will name it.
///
/// # Errors
/// When the selectors take more than the map's value holds.
pub fn hook(kprobe: &Kprobe, number: u32) -> Result<CompiledHook, TooLarge> {
    let selectors = selectors(kprobe);
    let filter = write::selectors(&selectors)?;
    Ok(CompiledHook { config: config(kprobe, number, &selectors), filter })
}

/// The selectors as the wire has them. A hook without selectors has one that always matches and posts.
#[must_use]
pub fn selectors(kprobe: &Kprobe) -> Vec<SelectorTree> {
    if kprobe.selectors.is_empty() {
        return vec![SelectorTree { flags: 0, pids: vec![], args: vec![], actions: vec![WireAction::Post] }];
    }
    kprobe.selectors.iter().map(|selector| self::selector(kprobe, selector)).collect()
}

fn selector(kprobe: &Kprobe, selector: &Selector) -> SelectorTree {
    SelectorTree {
        flags: if selector.enforces() { SELECTOR_ENFORCES } else { 0 },
        pids: selector.pids.iter().map(pid).collect(),
        args: selector.args.iter().filter_map(|filter| arg(kprobe, filter)).collect(),
        actions: selector.actions.iter().map(|action| wire_action(*action)).collect(),
    }
}

fn pid(filter: &PidFilter) -> PidTree {
    let mut flags = 0;
    if filter.namespace {
        flags |= PID_NAMESPACE;
    }
    if filter.follow_forks {
        flags |= PID_FOLLOW_FORKS;
    }
    let op = match filter.op {
        PidOperator::In => WireOperator::In,
        PidOperator::NotIn => WireOperator::NotIn,
    };
    PidTree { op, flags, values: filter.values.clone() }
}

/// `None` cannot happen: the validated AST names only arguments that it lists.
fn arg(kprobe: &Kprobe, filter: &ArgFilter) -> Option<ArgTree> {
    let listed = kprobe.args.get(filter.arg)?;
    Some(ArgTree {
        op: wire_operator(filter.op),
        arg: u32::try_from(filter.arg).ok()?,
        arg_type: wire_type(listed.ty),
        values: match &filter.values {
            Values::Integers(numbers) => ValueTree::Numbers(numbers.clone()),
            Values::Strings(strings) => ValueTree::Strings(strings.clone()),
        },
    })
}

fn config(kprobe: &Kprobe, number: u32, selectors: &[SelectorTree]) -> HookConfig {
    let pids = || selectors.iter().flat_map(|selector| &selector.pids);
    let args = || selectors.iter().flat_map(|selector| &selector.args);
    let mut flags = 0;
    if kprobe.syscall {
        flags |= HOOK_SYSCALL;
    }
    if pids().any(|pid| pid.flags & PID_FOLLOW_FORKS != 0) {
        flags |= HOOK_FOLLOW_FORKS;
    }
    if pids().any(|pid| pid.flags & PID_NAMESPACE != 0) {
        flags |= HOOK_NAMESPACE_PIDS;
    }
    let mut config = HookConfig {
        hook: number,
        flags,
        args: small(kprobe.args.len()),
        selectors: small(selectors.len()),
        pid_entries: most(selectors.iter().map(|selector| selector.pids.len())),
        pids: most(pids().map(|pid| pid.values.len())),
        arg_filters: most(selectors.iter().map(|selector| selector.args.len())),
        values: most(args().map(|arg| match &arg.values {
            ValueTree::Numbers(numbers) => numbers.len(),
            ValueTree::Strings(strings) => strings.len(),
        })),
        string_words: most(args().flat_map(|arg| match &arg.values {
            ValueTree::Numbers(_) => vec![],
            ValueTree::Strings(strings) => strings.iter().map(|string| string.len().div_ceil(8)).collect(),
        })),
        actions: most(selectors.iter().map(|selector| selector.actions.len())),
        ..HookConfig::default()
    };
    for (position, arg) in kprobe.args.iter().enumerate().take(config.arg_type.len()) {
        config.arg_type[position] = wire_type(arg.ty).number();
        config.arg_index[position] = u32::from(arg.index);
        config.arg_size[position] = arg.size_arg.map_or(NO_SIZE_ARG, u32::from);
        config.arg_size_bits[position] = size_bits(kprobe, arg.size_arg);
        if kprobe.selectors.iter().flat_map(|selector| &selector.args).any(|filter| filter.arg == position) {
            config.filtered |= 1 << position;
        }
    }
    config
}

/// How wide a size is, where the policy lists the argument that holds it; the whole register otherwise.
fn size_bits(kprobe: &Kprobe, size_arg: Option<u8>) -> u32 {
    let listed = kprobe.args.iter().find(|arg| Some(arg.index) == size_arg);
    match listed.map(|arg| arg.ty.class()) {
        Some(TypeClass::Integer { bits, .. }) => bits.into(),
        _ => u64::BITS,
    }
}

/// Counts here are bounded by the limits of the language, far below u32.
fn small(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

fn most(counts: impl Iterator<Item = usize>) -> u32 {
    small(counts.max().unwrap_or(0))
}

/// The wire number of an operator.
#[must_use]
pub const fn wire_operator(operator: Operator) -> WireOperator {
    match operator {
        Operator::Equal => WireOperator::Equal,
        Operator::NotEqual => WireOperator::NotEqual,
        Operator::Prefix => WireOperator::Prefix,
        Operator::Postfix => WireOperator::Postfix,
        Operator::In => WireOperator::In,
        Operator::NotIn => WireOperator::NotIn,
    }
}

/// The wire number of an action.
#[must_use]
pub const fn wire_action(action: Action) -> WireAction {
    match action {
        Action::Post => WireAction::Post,
        Action::Sigkill => WireAction::Sigkill,
    }
}

/// The wire number of an argument type.
#[must_use]
pub const fn wire_type(ty: ArgType) -> WireType {
    match ty {
        ArgType::Int8 => WireType::S8,
        ArgType::Uint8 => WireType::U8,
        ArgType::Int16 => WireType::S16,
        ArgType::Uint16 => WireType::U16,
        ArgType::Int32 => WireType::S32,
        ArgType::Uint32 => WireType::U32,
        ArgType::Int64 => WireType::S64,
        ArgType::Uint64 => WireType::U64,
        ArgType::Size => WireType::SizeT,
        ArgType::Fd => WireType::Fd,
        ArgType::File => WireType::File,
        ArgType::Path => WireType::Path,
        ArgType::String => WireType::String,
        ArgType::Filename => WireType::Filename,
        ArgType::CharBuf => WireType::CharBuf,
    }
}

#[cfg(test)]
#[path = "compile_tests.rs"]
mod tests;
