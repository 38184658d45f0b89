//! Whether an error can be what a function returns: where it cannot, a refusal would be taken for something else, or the kernel
//! loads no program that refuses.

use super::choose::{Need, Reason};
use crate::kernel::facts::{KernelFacts, PrototypeAnswer};
use crate::kernel::prototype::Parameter;

/// What a program at a hook may answer: 0 or an error, where the hook asks for an int; anything, where it asks for nothing. The
/// answer of programs here is the former, which kernels since 6.12 do not load where the hook asks for a yes or no.
pub(super) fn result_of_hook(symbol: &str, need: Need, facts: &KernelFacts) -> Result<(), Reason> {
    match facts.prototype(symbol) {
        PrototypeAnswer::Known(prototype) if prototype.returns.is_none() && !need.refuses => Ok(()),
        _ => returns_error("lsm", symbol, facts),
    }
}

/// Whether what a function returns can be an error number, as far as the kernel describes it.
pub(super) fn returns_error(way: &str, symbol: &str, facts: &KernelFacts) -> Result<(), Reason> {
    let PrototypeAnswer::Known(prototype) = facts.prototype(symbol) else { return Ok(()) };
    match &prototype.returns {
        Some(Parameter::Number(32 | 64)) => Ok(()),
        Some(Parameter::Number(bits)) => Err(Reason::no(format!(
            "{way}: `{symbol}` returns a number of {bits} bits, in which no error stands"
        ))),
        Some(_) => {
            Err(Reason::no(format!("{way}: `{symbol}` returns no number, so that no error can stand for it")))
        }
        None => Err(Reason::no(format!("{way}: `{symbol}` returns nothing, so that it cannot refuse"))),
    }
}
