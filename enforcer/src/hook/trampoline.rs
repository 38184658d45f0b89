//! Programs of trampolines: whether a kernel takes them at a function, and what they are given there.

use quell_wire::hook::Convention;

use super::answer::returns_error;
use super::choose::{Reason, Served, Tried, offered, present, ring};
use super::mechanism::{Mechanism, Target};
use crate::kernel::facts::{Answer, Feature, KernelFacts, PrototypeAnswer};
use crate::kernel::prototype::Parameter;

/// Trampoline programs: one load per function.
pub(super) fn trampolines(mechanism: Mechanism, targets: &[Target], facts: &KernelFacts) -> Tried {
    let way = mechanism.name();
    let feature = if mechanism == Mechanism::FmodRet { Feature::ModifyReturn } else { Feature::Trampolines };
    offered(way, feature, facts)?;
    ring(way, facts)?;
    for Target { symbol, convention } in targets {
        present(symbol, facts)?;
        if *convention != Convention::Function && !has_typed_registers(symbol, facts) {
            return Err(Reason::no(format!(
                "{way}: {} does not say of what type the registers are that `{symbol}` is given",
                facts.release
            )));
        }
        if facts.functions.untraceable.contains(symbol) {
            return Err(Reason::no(format!(
                "{way}: the function tracer of {} cannot take `{symbol}`",
                facts.release
            )));
        }
        if mechanism != Mechanism::FmodRet {
            continue;
        }
        returns_error(way, symbol, facts)?;
        match facts.modifiable(symbol) {
            Answer::Present => {}
            Answer::Absent => {
                passable(way, symbol, facts)?;
                return Err(Reason::no(format!(
                    "{way}: {} does not let `{symbol}` be modified: as a rule only `security_*` functions, and those whose errors may be injected",
                    facts.release
                )));
            }
            Answer::Unknown(why) => return Err(Reason::unknown(format!("{way}: {why}"))),
        }
    }
    let load =
        |target: &Target| Served { mechanism, targets: vec![target.clone()], arguments: None, call: None };
    Ok(targets.iter().map(load).collect())
}

/// Whether what the entry of a system call is given is described: some of the kernel's files only declare it, and no verifier lets a program
/// have that. Of a recorded kernel only those entries are described where it is not.
fn has_typed_registers(entry: &str, facts: &KernelFacts) -> bool {
    let PrototypeAnswer::Known(prototype) = facts.prototype(entry) else { return true };
    prototype.has_typed_registers()
}

/// Whether a function is known to be given a structure itself.
fn by_value(function: &str, facts: &KernelFacts) -> bool {
    let PrototypeAnswer::Known(prototype) = facts.prototype(function) else { return false };
    prototype.parameters.contains(&Parameter::Other)
}

/// Whether what a function, or the hook that it asks, is given can pass through a trampoline: those of older kernels cannot hand on a
/// structure (before Linux 6.1, commit 720e6a435194), which shows where the function cannot be modified for no other reason.
pub(super) fn passable(way: &str, function: &str, facts: &KernelFacts) -> Result<(), Reason> {
    let is_asked = facts.feature(Feature::ModifyReturn) == Answer::Present;
    if is_asked && facts.modifiable(function) == Answer::Absent && by_value(function, facts) {
        return Err(Reason::no(format!(
            "{way}: `{function}` is given a structure by value, which {} cannot pass through a trampoline",
            facts.release
        )));
    }
    Ok(())
}

/// Whether a trampoline at a function is known to have all arguments that a hook looks at, a word each.
pub(super) fn is_given_words(target: &Target, highest: Option<u8>, facts: &KernelFacts) -> bool {
    if target.convention != Convention::Function {
        return true;
    }
    let PrototypeAnswer::Known(prototype) = facts.prototype(&target.symbol) else { return false };
    let parameters = &prototype.parameters;
    !parameters.contains(&Parameter::Other)
        && highest.is_none_or(|highest| usize::from(highest) < parameters.len())
}
