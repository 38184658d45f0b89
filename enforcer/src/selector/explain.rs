//! Selector bytes and sets to a listing: what the kernel will read, not what the author wrote.

use std::fmt::Write;

use quell_wire::hook::{Convention, NO_SIZE_ARG};
use quell_wire::read::{self, ReadError};
use quell_wire::selector::{PID_FOLLOW_FORKS, PID_NAMESPACE, SELECTOR_ENFORCES, Section};
use quell_wire::sets::Sets;
use quell_wire::tree::{EntryTree, SelectorTree, ValueTree};

pub use super::code::type_name;
use super::compile::CompiledHook;
use super::{sets, words};
use crate::policy::ast::HookPoint;

/// The sections of entries, in the order of the listing.
const LISTED: [Section; 8] = [
    Section::Binaries,
    Section::ParentBinaries,
    Section::Namespaces,
    Section::Capabilities,
    Section::NamespaceChanges,
    Section::CapabilityChanges,
    Section::Args,
    Section::ReturnArgs,
];

/// The line above the hooks of a policy, where it says something: which one of several it is, or that it only watches.
#[must_use]
pub fn heading(name: &str, one_of_several: bool, monitored: bool) -> String {
    match (one_of_several, monitored) {
        (false, false) => String::new(),
        (true, false) => format!("policy {name}\n"),
        (_, true) => format!("policy {name}: monitored only, by its policy-mode\n"),
    }
}

/// The listing of one hook; of a policy that is `monitored`, what it would do to processes is marked.
///
/// # Errors
/// When the bytes are not selectors, which a compiled hook's always are.
pub fn listing(point: &HookPoint, hook: &CompiledHook, monitored: bool) -> Result<String, ReadError> {
    let selectors = read::selectors(&*hook.filter)?;
    let used = hook.filter.first_chunk().map_or(0, |length| u32::from_le_bytes(*length));
    let config = &hook.config;
    let mut out = String::new();
    let at_syscall = [Convention::Syscall64, Convention::Syscall32].map(Convention::number);
    let (target, kind) = (point.target(), kind(point, at_syscall.contains(&config.target_convention[0])));
    // Writing to a String cannot fail.
    let _ = writeln!(out, "hook {} {target} ({kind}), {used} of {} bytes", config.hook, hook.filter.len());
    let args = config.arg_type.iter().zip(config.arg_index).zip(config.arg_size);
    for (position, ((ty, index), size)) in args.enumerate().take(config.args as usize) {
        let _ = write!(out, "  arg {position}: {} from argument {index}", type_name(*ty));
        if size != NO_SIZE_ARG {
            let _ = write!(out, ", size in argument {size}");
        }
        out.push('\n');
    }
    for (number, selector) in selectors.iter().enumerate() {
        describe(&mut out, number, selector, &hook.sets, monitored);
    }
    Ok(out)
}

const fn kind(point: &HookPoint, syscall: bool) -> &'static str {
    match point {
        HookPoint::Kprobe { .. } if syscall => "system call",
        HookPoint::Kprobe { .. } => "kernel function",
        HookPoint::Fentry { .. } if syscall => "system call, by trampoline",
        HookPoint::Fentry { .. } => "kernel function, by trampoline",
        HookPoint::Tracepoint { raw: false, .. } => "tracepoint",
        HookPoint::Tracepoint { raw: true, .. } => "raw tracepoint",
        HookPoint::Lsm { .. } => "hook of the security modules",
        HookPoint::Functions { .. } => "kernel functions by pattern",
        HookPoint::Uprobe { .. } => "function of a program",
        HookPoint::Usdt { .. } => "static probe of a program",
    }
}

fn describe(out: &mut String, number: usize, selector: &SelectorTree, sets: &Sets, monitored: bool) {
    let enforces = if selector.flags & SELECTOR_ENFORCES != 0 {
        " (enforces: what cannot be decided counts as a match)"
    } else {
        ""
    };
    let _ = writeln!(out, "  selector {number}{enforces}");
    for pid in &selector.pids {
        let (namespace, follow) = (pid.flags & PID_NAMESPACE != 0, pid.flags & PID_FOLLOW_FORKS != 0);
        let _ = writeln!(out, "    {}", words::pid(pid, namespace, follow));
    }
    for section in LISTED {
        for entry in selector.section(section) {
            let _ = writeln!(out, "    {}", words::entry(entry, &members(entry, sets)));
        }
    }
    if selector.pids.is_empty() && selector.sections.is_empty() {
        out.push_str("    every call\n");
    }
    let actions = |actions: &[_]| actions.iter().map(words::action).collect::<Vec<_>>().join(", ");
    let only = if monitored && selector.flags & SELECTOR_ENFORCES != 0 { " (monitored only)" } else { "" };
    let _ = writeln!(out, "    then {}{only}", actions(&selector.actions));
    if !selector.return_actions.is_empty() {
        let _ = writeln!(out, "    on return {}{only}", actions(&selector.return_actions));
    }
}

/// The members of the entry's set; none when it has no set, or none that can be read.
fn members(entry: &EntryTree, sets: &Sets) -> ValueTree {
    let bytes = entry.arg_type.is_bytes();
    match entry.values {
        ValueTree::Set(set) => sets::members(sets, entry.op, bytes, set, entry.arg_type.is_signed()),
        _ => None,
    }
    .unwrap_or(ValueTree::Numbers(vec![]))
}

#[cfg(test)]
#[path = "explain_tests.rs"]
mod tests;
