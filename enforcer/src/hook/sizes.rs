//! Which argument holds the size of another, and how wide it is: a caller can set the bits of a register that the call itself
//! does not look at, and a size with such bits is none that could be read.

use quell_wire::hook::NO_SIZE_ARG;

use super::signature::{self, Described, described};
use crate::kernel::facts::KernelFacts;
use crate::kernel::prototype::Parameter;
use crate::policy::ast::{ArgSource, ArgType, Hook, Selector};
use crate::policy::{Code, Diagnostic};
use crate::selector::compile::CompiledHook;

/// The hook with the lengths of its socket addresses and the widths of its sizes, where the kernel describes them.
pub(super) fn of_kernel(
    mut compiled: CompiledHook,
    hook: &Hook,
    facts: Option<&KernelFacts>,
) -> CompiledHook {
    let Some(facts) = facts else { return compiled };
    let config = &mut compiled.config;
    for ((arg, size), bits) in hook.args.iter().zip(&mut config.arg_size).zip(&mut config.arg_size_bits) {
        if let (ArgType::SockaddrUn, ArgSource::Argument(index)) = (arg.ty, arg.source) {
            let length = signature::address_length(hook, index, facts);
            *size = length.map_or(NO_SIZE_ARG, u32::from);
            *bits = i32::BITS;
        } else if let Some(described) = arg.size_arg.and_then(|size| width(hook, size, facts)) {
            *bits = described;
        }
    }
    compiled
}

/// How wide a parameter of the function is, where the kernel describes it. What a system call's entry is given, it does not.
fn width(hook: &Hook, index: u8, facts: &KernelFacts) -> Option<u32> {
    let Described::As(prototype) = described(hook, facts) else { return None };
    match prototype.parameters.get(usize::from(index))? {
        Parameter::Number(bits) => Some(*bits),
        Parameter::Pointer(_) | Parameter::Other => None,
    }
}

/// What a size of unknown width leaves open where this selector enforces by the buffer: a remark, and its text.
pub(super) fn unknown_width(
    hook: &Hook,
    selector: &Selector,
    facts: Option<&KernelFacts>,
    found: &mut Vec<Diagnostic>,
) -> Option<String> {
    let unknown = |size: u8| {
        let listed = hook.args.iter().any(|arg| arg.source == ArgSource::Argument(size));
        // Without any facts it is not yet the time to say what they lack.
        let described =
            !hook.point.is_syscall() && facts.is_none_or(|facts| width(hook, size, facts).is_some());
        (!listed && !described).then_some(size)
    };
    let (filter, size) = selector.args.iter().find_map(|filter| {
        let size = hook.args.get(filter.arg)?.size_arg.and_then(unknown)?;
        Some((filter, size))
    })?;
    let message = format!(
        "the size in argument {size} is taken with all 64 bits: where `{}` takes fewer, a caller can set the others, and the buffer is not compared",
        hook.point.target()
    );
    found.push(
        Diagnostic::warning(Code::PartialEnforcement, filter.span, message.clone())
            .label("of unknown size")
            .help(format!("list the size under `args` with its own type: `{{index: {size}, type: …}}`")),
    );
    Some(message)
}
