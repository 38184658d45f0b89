//! Selector bytes to a listing: what the kernel will read, not what the author wrote.

use std::fmt::Write;

use quell_wire::code::Operator;
use quell_wire::hook::{HOOK_SYSCALL, NO_SIZE_ARG};
use quell_wire::read::{self, ReadError};
use quell_wire::selector::{PID_FOLLOW_FORKS, PID_NAMESPACE, SELECTOR_ENFORCES};
use quell_wire::tree::{ArgTree, PidTree, SelectorTree, ValueTree};

use super::compile::CompiledHook;

/// The listing of one hook.
///
/// # Errors
/// When the bytes are not selectors, which a compiled hook's always are.
pub fn listing(call: &str, hook: &CompiledHook) -> Result<String, ReadError> {
    let selectors = read::selectors(&*hook.filter)?;
    let used = hook.filter.first_chunk().map_or(0, |length| u32::from_le_bytes(*length));
    let config = &hook.config;
    let mut out = String::new();
    let entry = if config.flags & HOOK_SYSCALL != 0 { "system call" } else { "kernel function" };
    // Writing to a String cannot fail.
    let _ = writeln!(out, "hook {} {call} ({entry}), {used} of {} bytes", config.hook, hook.filter.len());
    for position in 0..config.args.min(config.arg_type.len().try_into().unwrap_or(u32::MAX)) as usize {
        let name = type_name(config.arg_type[position]);
        let _ = write!(out, "  arg {position}: {name} from argument {}", config.arg_index[position]);
        if config.arg_size[position] != NO_SIZE_ARG {
            let _ = write!(out, ", size in argument {}", config.arg_size[position]);
        }
        out.push('\n');
    }
    for (number, selector) in selectors.iter().enumerate() {
        describe(&mut out, number, selector);
    }
    Ok(out)
}

fn describe(out: &mut String, number: usize, selector: &SelectorTree) {
    let enforces = if selector.flags & SELECTOR_ENFORCES != 0 {
        " (enforces: what cannot be decided counts as a match)"
    } else {
        ""
    };
    let _ = writeln!(out, "  selector {number}{enforces}");
    for pid in &selector.pids {
        let _ = writeln!(out, "    {}", pid_text(pid));
    }
    for arg in &selector.args {
        let _ = writeln!(out, "    {}", arg_text(arg));
    }
    if selector.pids.is_empty() && selector.args.is_empty() {
        out.push_str("    every call\n");
    }
    let actions: Vec<_> = selector.actions.iter().map(|action| format!("{action:?}")).collect();
    let _ = writeln!(out, "    then {}", actions.join(", "));
}

fn pid_text(pid: &PidTree) -> String {
    let whose = if pid.flags & PID_NAMESPACE != 0 {
        "process id in its own PID namespace (0 in the initial one)"
    } else {
        "process id"
    };
    let follow = if pid.flags & PID_FOLLOW_FORKS != 0 { ", or that of an ancestor," } else { "" };
    format!("if {whose}{follow} {} {:?}", operator_text(pid.op), pid.values)
}

fn arg_text(arg: &ArgTree) -> String {
    let values = match &arg.values {
        ValueTree::Numbers(numbers) => {
            // Two's complement for the signed types, so that -1 reads as -1.
            let signed = format!("{:?}", arg.arg_type).starts_with('S')
                && !format!("{:?}", arg.arg_type).starts_with("Size");
            numbers
                .iter()
                .map(|number| if signed { number.cast_signed().to_string() } else { number.to_string() })
                .collect()
        }
        ValueTree::Strings(strings) => {
            strings.iter().map(|string| format!("\"{}\"", string.escape_ascii())).collect::<Vec<_>>()
        }
    };
    format!("if arg {} {} {}", arg.arg, operator_text(arg.op), values.join(" | "))
}

const fn operator_text(operator: Operator) -> &'static str {
    match operator {
        Operator::Equal => "is",
        Operator::NotEqual => "is not",
        Operator::Prefix => "starts with",
        Operator::Postfix => "ends with",
        Operator::In => "is one of",
        Operator::NotIn => "is none of",
    }
}

/// The type's name in a policy.
#[must_use]
pub fn type_name(number: u32) -> &'static str {
    crate::policy::ArgType::ALL
        .iter()
        .find(|ty| super::compile::wire_type(**ty).number() == number)
        .map_or("unknown type", |ty| ty.name())
}

#[cfg(test)]
#[path = "explain_tests.rs"]
mod tests;
