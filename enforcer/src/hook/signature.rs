//! Compares the arguments that a policy names with the function's own, as far as the kernel describes them.

use super::pairs;
use crate::kernel::facts::{KernelFacts, PrototypeAnswer};
use crate::kernel::prototype::{Parameter, Prototype};
use crate::policy::ast::{ArgFilter, ArgSource, ArgType, Hook, HookPoint, Selector, TypeClass};
use crate::policy::{Code, Diagnostic};

/// Structs that a `sockaddr` argument is declared with.
const SOCKET_ADDRESSES: &[&str] =
    &["sockaddr", "sockaddr_unsized", "__kernel_sockaddr_storage", "sockaddr_in", "sockaddr_in6"];

/// Before Linux 6.3 (commit f122a08b197d) `kernel_cap_t` was a struct with a name.
const CAPABILITIES: &[&str] = &["kernel_cap_t", "kernel_cap_struct"];

/// What the kernel's type information says of the arguments of a hook, as the policy counts them.
#[derive(Clone, Copy, Debug)]
pub(super) enum Described<'a> {
    /// They are these.
    As(&'a Prototype),
    /// The function is not in the type information.
    Not,
    /// There is nothing to compare, or nobody asked the kernel.
    Nothing,
}

/// The prototype that the arguments of a hook are those of.
pub(super) fn described<'a>(hook: &Hook, facts: &'a KernelFacts) -> Described<'a> {
    let of = |name: &str| match facts.prototype(name) {
        PrototypeAnswer::Known(prototype) => Described::As(prototype),
        PrototypeAnswer::NotDescribed => Described::Not,
        PrototypeAnswer::NotAsked => Described::Nothing,
    };
    match &hook.point {
        // Of a system call's entry there is nothing to compare.
        HookPoint::Kprobe { syscall: true, .. } | HookPoint::Fentry { syscall: true, .. } => {
            Described::Nothing
        }
        HookPoint::Kprobe { function, .. } | HookPoint::Fentry { function, .. } => of(function),
        // A kernel without these programs has no such functions. Where the function that asks is served instead, it has the
        // same arguments, or the choice has refused it.
        HookPoint::Lsm { hook } => match of(&format!("bpf_lsm_{hook}")) {
            Described::Not => match pairs::of_hook(hook).filter(|pair| pair.shapes.is_empty()) {
                Some(pair) => of(pair.function),
                None => Described::Not,
            },
            other => other,
        },
        HookPoint::Tracepoint { .. }
        | HookPoint::Functions { .. }
        | HookPoint::Uprobe { .. }
        | HookPoint::Usdt { .. } => Described::Nothing,
    }
}

/// Finds arguments that the function does not have, or has otherwise. What the facts do not describe is not compared.
pub(super) fn compare(hook: &Hook, facts: &KernelFacts, found: &mut Vec<Diagnostic>) {
    let name = hook.point.target();
    result(hook, facts, found);
    if hook.args.is_empty() {
        return;
    }
    let parameters = match described(hook, facts) {
        Described::As(prototype) => &prototype.parameters,
        Described::Not => return not_compared(hook, facts, found),
        Described::Nothing => return,
    };
    for arg in hook.args.iter().filter(|arg| arg.resolve.is_empty()) {
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

/// Finds what looks at the result of a function that returns nothing: a kprobe would read what a register holds by chance, and the
/// kernel loads no trampoline program that asks.
fn result(hook: &Hook, facts: &KernelFacts, found: &mut Vec<Diagnostic>) {
    let Described::As(Prototype { returns: None, .. }) = described(hook, facts) else { return };
    let asking = hook.returned.iter().map(|arg| (arg, "its result", "remove `returnArg`"));
    let measured = hook.args.iter().filter(|arg| arg.return_copy && arg.size_arg.is_none()).map(|arg| {
        (arg, "as many bytes as it says that it returned", "name the argument with the size: `sizeArgIndex`")
    });
    for (arg, label, help) in asking.chain(measured) {
        let message = format!("`{}` returns nothing", hook.point.target());
        found.push(Diagnostic::new(Code::Prototype, arg.span, message).label(label).help(help));
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
    let Described::As(Prototype { parameters, .. }) = described(hook, facts) else { return None };
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
