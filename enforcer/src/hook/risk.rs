//! What an enforcing selector leaves open at its hook: told before anything is attached.

use super::effect::{self, Effect};
use crate::kernel::facts::KernelFacts;
use crate::kernel::functions::FunctionAnswer;
use crate::policy::ast::{Action, ArgType, Hook, HookPoint};
use crate::policy::{Code, Diagnostic};

/// What remains open; each item is a remark as well.
pub(super) fn remaining(
    hook: &Hook,
    facts: Option<&KernelFacts>,
    found: &mut Vec<Diagnostic>,
) -> Vec<String> {
    let mut missing = Vec::new();
    missing.extend(other_abi(hook, facts, found));
    for selector in hook.selectors.iter().filter(|selector| selector.enforces()) {
        let at_syscall = |ty: &dyn Fn(ArgType) -> bool| {
            selector.args.iter().find(|filter| {
                hook.point.is_syscall() && hook.args.get(filter.arg).is_some_and(|arg| ty(arg.ty))
            })
        };
        if let Some(filter) = at_syscall(&|ty| ty == ArgType::Fd) {
            let message = "the kernel looks the descriptor up again after this hook: another thread of the caller can exchange it in between (dup2)";
            missing.push(message.to_owned());
            found.push(
                Diagnostic::warning(Code::PartialEnforcement, filter.span, message)
                    .label("resolved once here, and once more by the call")
                    .help("hook a function that is given the file itself, such as security_file_permission with type file"),
            );
        }
        if let Some(filter) = at_syscall(&is_user_memory) {
            let message = "user memory at this hook: the caller can change it before the kernel copies it, and what is not resident is posted and not killed";
            missing.push(message.to_owned());
            found.push(
                Diagnostic::warning(Code::PartialEnforcement, filter.span, message)
                    .label("read from user memory before the kernel copies it")
                    .help(behind_the_copy(&hook.point.target())),
            );
        }
    }
    effect_of_signals(hook, found);
    missing
}

const fn is_user_memory(ty: ArgType) -> bool {
    matches!(
        ty,
        ArgType::String
            | ArgType::CharBuf
            | ArgType::CharIovec
            | ArgType::Sockaddr
            | ArgType::SockaddrUn
            | ArgType::KernelCap
            | ArgType::CapInheritable
            | ArgType::CapPermitted
            | ArgType::CapEffective
    )
}

/// A portable name stands for the entries of every ABI, of which one is hooked.
fn other_abi(hook: &Hook, facts: Option<&KernelFacts>, found: &mut Vec<Diagnostic>) -> Option<String> {
    let HookPoint::Kprobe { function, every_abi: true, .. } = &hook.point else { return None };
    let name = function.strip_prefix("__x64_sys_")?;
    let entries = [format!("__ia32_sys_{name}"), format!("__ia32_compat_sys_{name}")];
    let none = |facts: &KernelFacts| {
        entries.iter().all(|entry| facts.functions.answer(entry) == FunctionAnswer::Absent)
    };
    if facts.is_some_and(none) {
        return None;
    }
    let message = format!(
        "`{}` also stands for the entries of 32-bit programs ({}), which are not hooked",
        hook.name.value,
        entries.join(", ")
    );
    found.push(
        Diagnostic::warning(Code::PartialEnforcement, hook.name.span, message.clone())
            .label(format!("only {function} is hooked"))
            .help("hook a kernel function behind the system call, which both ABIs go through"),
    );
    Some(message)
}

/// Where the kernel has copied what a system call was given.
fn behind_the_copy(call: &str) -> &'static str {
    match call {
        "__x64_sys_open" | "__x64_sys_openat" | "__x64_sys_openat2" | "__x64_sys_creat" => {
            "hook behind the copy: security_file_open with type file, or vfs_open with type path"
        }
        "__x64_sys_connect" => "hook behind the copy: security_socket_connect with type sockaddr",
        "__x64_sys_bind" => "hook behind the copy: security_socket_bind with type sockaddr",
        _ => "hook a kernel function behind the copy that is given a file or a path, where there is one",
    }
}

/// What a signal at this hook still lets happen.
fn effect_of_signals(hook: &Hook, found: &mut Vec<Diagnostic>) {
    let target = hook.point.target();
    let kills = |action: &Action| matches!(action, Action::Sigkill | Action::Signal(9));
    let killing = hook.selectors.iter().find(|selector| selector.actions.iter().any(kills));
    if let Some(selector) = killing {
        let text = match effect::of_sigkill(&target) {
            Some(Effect::Prevented) => None,
            Some(Effect::Happens) => Some("the process dies, and the effect of the call happens".to_owned()),
            Some(Effect::Depends(on)) => Some(format!("the process dies; the effect of the call: {on}")),
            None => {
                Some("the process dies; whether the effect of the call happens was never measured".to_owned())
            }
        };
        if let Some(message) = text {
            found.push(
                Diagnostic::warning(Code::EffectHappens, selector.span, format!("at {target}: {message}"))
                    .label("Sigkill does not refuse the call")
                    .help("refusing calls (Override) is not supported yet: see SPEC.md"),
            );
        }
    }
    let signals = |action: &Action| matches!(action, Action::Signal(number) if *number != 9);
    let signalling = hook.selectors.iter().find(|selector| selector.actions.iter().any(signals));
    if let Some(selector) = signalling {
        let message = format!(
            "at {target}: the process gets the signal at the end of the call, or where the call waits; it may ignore or handle it"
        );
        found.push(
            Diagnostic::warning(Code::EffectHappens, selector.span, message)
                .label("Signal does not refuse the call")
                .help("SIGKILL and SIGSTOP are the signals that no process can ignore"),
        );
    }
}
