//! What an enforcing selector leaves open at its hook: told before anything is attached.

use super::effect::{self, Effect};
use super::sizes;
use crate::kernel::facts::KernelFacts;
use crate::kernel::functions::FunctionAnswer;
use crate::policy::ast::{Action, ArgType, Hook, HookPoint, Selector};
use crate::policy::{Code, Diagnostic};

/// What remains open; each item is a remark as well.
pub(super) fn remaining(
    hook: &Hook,
    facts: Option<&KernelFacts>,
    found: &mut Vec<Diagnostic>,
) -> Vec<String> {
    let mut missing = Vec::new();
    missing.extend(other_abi(hook, facts, found));
    let mut add = |span, message: String, label: &str, help: &str, found: &mut Vec<Diagnostic>| {
        if !missing.contains(&message) {
            missing.push(message.clone());
        }
        found.push(
            Diagnostic::warning(Code::PartialEnforcement, span, message)
                .label(label.to_owned())
                .help(help.to_owned()),
        );
    };
    for selector in hook.selectors.iter().filter(|selector| selector.enforces()) {
        let filter_on = |ty: &dyn Fn(ArgType) -> bool| {
            selector.args.iter().find(|filter| hook.args.get(filter.arg).is_some_and(|arg| ty(arg.ty)))
        };
        let at_syscall = hook.point.is_syscall();
        if let Some(filter) = filter_on(&|ty| at_syscall && ty == ArgType::Fd) {
            add(
                filter.span,
                "the kernel looks the descriptor up again after this hook: another thread of the caller can exchange it in between (dup2)".to_owned(),
                "resolved once here, and once more by the call",
                "hook a function that is given the file itself, such as security_file_permission with type file",
                found,
            );
        }
        if let Some(filter) =
            filter_on(&|ty| if at_syscall { is_user_memory(ty) } else { may_be_user_memory(ty) })
        {
            let (what, label, help) = if at_syscall {
                (
                    "user memory at this hook",
                    "read from user memory before the kernel copies it",
                    behind_the_copy(&hook.point.target()),
                )
            } else {
                (
                    "user memory at this hook where the function is given such a pointer",
                    "the kernel does not say whose memory this is",
                    "hook a function that is given a file, a path or an address the kernel has copied, where there is one",
                )
            };
            let message =
                format!("{what}: the caller can change it before the kernel copies it, and {NOT_RESIDENT}");
            add(filter.span, message, label, help, found);
        }
    }
    missing.extend(sizes::unknown_width(hook, facts, found));
    effect_of_signals(hook, found);
    missing
}

/// One read gives all or nothing.
const NOT_RESIDENT: &str =
    "where a page of it is not resident, the bytes before are not compared either: posted and not killed";

const fn is_user_memory(ty: ArgType) -> bool {
    may_be_user_memory(ty)
        || matches!(
            ty,
            ArgType::Sockaddr
                | ArgType::SockaddrUn
                | ArgType::KernelCap
                | ArgType::CapInheritable
                | ArgType::CapPermitted
                | ArgType::CapEffective
        )
}

/// What a kernel function may be given as the caller's pointer (`vfs_write`, `import_iovec`); a `filename` is the kernel's.
const fn may_be_user_memory(ty: ArgType) -> bool {
    matches!(ty, ArgType::String | ArgType::CharBuf | ArgType::CharIovec)
}

/// One entry of a system call leaves those of other ABIs open. A portable name promises all of them; whoever names one and
/// enforces there may think so.
fn other_abi(hook: &Hook, facts: Option<&KernelFacts>, found: &mut Vec<Diagnostic>) -> Option<String> {
    let HookPoint::Kprobe { function, every_abi, .. } = &hook.point else { return None };
    let name = function.strip_prefix("__x64_sys_")?;
    if !every_abi && !hook.selectors.iter().any(Selector::enforces) {
        return None;
    }
    let may_exist =
        |entry: &String| facts.is_none_or(|facts| facts.functions.answer(entry) != FunctionAnswer::Absent);
    let open: Vec<String> = [format!("__ia32_sys_{name}"), format!("__ia32_compat_sys_{name}")]
        .into_iter()
        .filter(may_exist)
        .collect();
    if open.is_empty() {
        return None;
    }
    let message = format!("32-bit programs enter through {}, not hooked", open.join(" or "));
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
