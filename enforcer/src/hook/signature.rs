//! Compares the arguments that a policy names with the function's own, as far as the kernel describes them.

use crate::kernel::facts::KernelFacts;
use crate::kernel::prototype::Parameter;
use crate::policy::ast::{ArgFilter, ArgSource, ArgType, Hook, Selector, TypeClass};
use crate::policy::{Code, Diagnostic};

/// Structs that a `sockaddr` argument is declared with.
const SOCKET_ADDRESSES: &[&str] =
    &["sockaddr", "sockaddr_unsized", "__kernel_sockaddr_storage", "sockaddr_in", "sockaddr_in6"];

/// Before Linux 6.3 (commit f122a08b197d) `kernel_cap_t` was a struct with a name.
const CAPABILITIES: &[&str] = &["kernel_cap_t", "kernel_cap_struct"];

/// Finds arguments that the function does not have, or has otherwise. What the facts do not describe is not compared.
pub(super) fn compare(hook: &Hook, facts: &KernelFacts, found: &mut Vec<Diagnostic>) {
    let name = hook.point.target();
    // Recorded facts have no prototypes, and of a system call's entry there is nothing to compare.
    let Some(prototypes) =
        facts.prototypes.as_ref().filter(|_| !hook.point.is_syscall() && !hook.args.is_empty())
    else {
        return;
    };
    let Some(parameters) = prototypes.get(&name) else {
        return not_compared(hook, facts, found);
    };
    for arg in &hook.args {
        let ArgSource::Argument(index) = arg.source else { continue };
        let Some(parameter) = parameters.get(usize::from(index)) else {
            let message = format!("`{name}` has no argument {index}: it takes {}", parameters.len());
            found.push(
                Diagnostic::new(Code::Prototype, arg.span, message)
                    .label("no such argument")
                    .help("indexes count from 0"),
            );
            continue;
        };
        if !fits(arg.ty, parameter) {
            let message = format!(
                "argument {index} of `{name}` is {}, not of type {}",
                describe(parameter),
                arg.ty.name()
            );
            found.push(
                Diagnostic::new(Code::Prototype, arg.span, message)
                    .label("another type")
                    .help(format!("as {} has it in its type information", facts.release)),
            );
        }
    }
}

/// The kernel does not describe the function. Where a wrong type would make a killing selector fail closed on every call,
/// that is too little to go on.
fn not_compared(hook: &Hook, facts: &KernelFacts, found: &mut Vec<Diagnostic>) {
    let message = format!(
        "{} does not describe the arguments of `{}`: the policy's types cannot be compared",
        facts.release,
        hook.point.target()
    );
    let objects =
        |filter: &&ArgFilter| hook.args.get(filter.arg).is_some_and(|arg| structs(arg.ty).is_some());
    let killing = hook.selectors.iter().filter(|selector| Selector::enforces(selector));
    match killing.flat_map(|selector| &selector.args).find(objects) {
        Some(filter) => found.push(
            Diagnostic::new(Code::UnknownFeature, filter.span, message)
                .label("with a wrong type, every caller would be killed")
                .help("hook a function that is part of the kernel image and in its type information"),
        ),
        None => found.push(Diagnostic::warning(Code::UnknownFeature, hook.name.span, message)),
    }
}

/// Which argument holds the length of a socket address: the int behind it, where the kernel describes the function and it has
/// one. Without it, a path has to end at a NUL, which callers may leave out.
pub(super) fn address_length(hook: &Hook, index: u8, facts: &KernelFacts) -> Option<u8> {
    let parameters = facts.prototypes.as_ref()?.get(&hook.point.target())?;
    let next = index.checked_add(1)?;
    matches!(parameters.get(usize::from(next))?, Parameter::Number(32)).then_some(next)
}

/// The structs that a type may be given as; `None` for types that are no pointer to one.
fn structs(ty: ArgType) -> Option<&'static [&'static str]> {
    Some(match ty {
        ArgType::File => &["file"],
        ArgType::Path => &["path"],
        ArgType::Filename => &["filename"],
        ArgType::Skb => &["sk_buff"],
        ArgType::Sock => &["sock"],
        ArgType::Socket => &["socket"],
        ArgType::Sockaddr => SOCKET_ADDRESSES,
        ArgType::SockaddrUn => &["sockaddr_un", "sockaddr", "sockaddr_unsized", "__kernel_sockaddr_storage"],
        ArgType::Dentry => &["dentry"],
        ArgType::LinuxBinprm => &["linux_binprm"],
        ArgType::Kiocb => &["kiocb"],
        ArgType::NetDevice => &["net_device"],
        ArgType::CharIovec => &["iovec"],
        ArgType::KernelCap | ArgType::CapInheritable | ArgType::CapPermitted | ArgType::CapEffective => {
            CAPABILITIES
        }
        _ => return None,
    })
}

/// Whether reading a parameter as this type can give what the type promises.
fn fits(ty: ArgType, parameter: &Parameter) -> bool {
    if let Some(names) = structs(ty) {
        return matches!(parameter, Parameter::Pointer(Some(target)) if names.contains(&target.as_str()));
    }
    match ty.class() {
        // Numbers of system calls are 32 bits wide, whatever a function keeps them in.
        TypeClass::Integer { .. } if ty == ArgType::Syscall64 => {
            matches!(parameter, Parameter::Number(32 | 64))
        }
        TypeClass::Nothing => true,
        TypeClass::Path => matches!(parameter, Parameter::Number(_)),
        TypeClass::Text => matches!(parameter, Parameter::Pointer(None)),
        // A pointer may be compared as a number, whole.
        TypeClass::Integer { bits, .. } => match parameter {
            Parameter::Number(width) => u32::from(bits) <= *width,
            Parameter::Pointer(_) => bits == 64,
            Parameter::Other => false,
        },
        // Every type of these classes is a pointer to a struct.
        TypeClass::Capabilities | TypeClass::Connection | TypeClass::Address => false,
    }
}

fn describe(parameter: &Parameter) -> String {
    match parameter {
        Parameter::Pointer(Some(target)) => format!("a pointer to struct {target}"),
        Parameter::Pointer(None) => "a pointer".to_owned(),
        Parameter::Number(bits) => format!("a number of {bits} bits"),
        Parameter::Other => "neither a pointer nor a number".to_owned(),
    }
}
