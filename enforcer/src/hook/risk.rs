//! What an enforcing selector leaves open at its hook: told before anything is attached.

use super::advice;
use super::choose::can_refuse;
use super::effect::{self, Effect};
use super::mechanism::Mechanism;
use super::pairs;
use super::sizes;
use crate::kernel::facts::KernelFacts;
use crate::kernel::functions::FunctionAnswer;
use crate::kernel::running::ENTER_COUNTED;
use crate::policy::ast::{Action, ArgType, Hook, HookPoint, Selector};
use crate::policy::{Code, Diagnostic, entry};

/// How a hook is served, as far as that is known.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Situation<'a> {
    /// The kernel; `None`: any.
    pub(super) facts: Option<&'a KernelFacts>,
    /// The kind of program.
    pub(super) mechanism: Option<Mechanism>,
    /// Ways into the same call that are not hooked.
    pub(super) open: &'a [String],
    /// Functions that the policy hooks.
    pub(super) hooked: &'a [String],
}

/// What one selector leaves open.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Remaining {
    /// What is not enforced as written; each is a remark as well.
    pub(super) missing: Vec<String>,
    /// What may happen although it is.
    pub(super) risks: Vec<String>,
}

/// What remains open, per selector; of a hook without selectors, for its one rule.
pub(super) fn remaining(hook: &Hook, at: Situation<'_>, found: &mut Vec<Diagnostic>) -> Vec<Remaining> {
    let whole: Vec<String> =
        [other_entries(hook, at, found), passed_by(hook, at, found)].into_iter().flatten().collect();
    let mut rules = vec![Remaining::default(); hook.selectors.len().max(1)];
    for (selector, rule) in hook.selectors.iter().zip(&mut rules).filter(|(selector, _)| selector.enforces())
    {
        arguments(hook, selector, rule, found);
        rule.missing.extend(sizes::unknown_width(hook, selector, at.facts, found));
        rule.risks.extend(at.mechanism.and_then(skipped).map(str::to_owned));
        if at.mechanism == Some(Mechanism::Lsm) {
            rule.risks.extend(at.facts.and_then(skipped_at_security_hooks).map(str::to_owned));
        }
    }
    for rule in &mut rules {
        rule.missing.extend(whole.iter().cloned());
    }
    effect_of_signals(hook, at, &mut rules, found);
    effect_of_refusals(hook, &mut rules, found);
    rules
}

/// Arguments whose meaning can change between the hook and the call.
fn arguments(hook: &Hook, selector: &Selector, rule: &mut Remaining, found: &mut Vec<Diagnostic>) {
    let mut add = |span, message: String, label: &str, help: &str| {
        if !rule.missing.contains(&message) {
            rule.missing.push(message.clone());
        }
        found.push(
            Diagnostic::warning(Code::PartialEnforcement, span, message)
                .label(label.to_owned())
                .help(help.to_owned()),
        );
    };
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
        add(filter.span, message, label, help);
    }
}

/// One read gives all or nothing.
const NOT_RESIDENT: &str =
    "where a page of it is not resident, the bytes before are not compared either: posted and not killed";

const fn is_user_memory(ty: ArgType) -> bool {
    may_be_user_memory(ty)
        || matches!(
            ty,
            ArgType::Filename
                | ArgType::Sockaddr
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

/// What the kernel does with a program that it finds under way.
const SKIPPED: &str = "the kernel skips such a program where the same one was interrupted on the same CPU";

/// The function that counts a program as under way, since programs at security hooks are spared that (Linux 6.2, commit
/// 271de525e1d7, and stable kernels that took it over); what calls those does not count any more.
pub(super) const COUNTS_APART: &str = ENTER_COUNTED;

/// When the kernel leaves out a program at a security hook: since Linux 5.12 (commit ca06f55b9002) like any trampoline's, until
/// it told them apart.
fn skipped_at_security_hooks(facts: &KernelFacts) -> Option<&'static str> {
    match facts.functions.answer(COUNTS_APART) {
        FunctionAnswer::Absent => Some(SKIPPED),
        FunctionAnswer::Unknown => Some(
            "whether the kernel skips such a program where the same one was interrupted on the same CPU is not known",
        ),
        FunctionAnswer::Present | FunctionAnswer::Ambiguous(_) | FunctionAnswer::Blacklisted => None,
    }
}

/// When the kernel leaves out a program of this kind.
const fn skipped(mechanism: Mechanism) -> Option<&'static str> {
    match mechanism {
        Mechanism::Kprobe | Mechanism::KprobeOverride | Mechanism::KprobeMulti | Mechanism::Tracepoint => {
            Some(
                "the kernel skips such programs where another one, or the change of a map, was interrupted on the same CPU, which happens on preemptible kernels",
            )
        }
        Mechanism::FmodRet | Mechanism::Fentry | Mechanism::RawTracepoint => Some(SKIPPED),
        Mechanism::Lsm => Some(
            "the kernel does not ask the hook about inodes of its own, nor once another security module has refused",
        ),
        Mechanism::Uprobe | Mechanism::Usdt => None,
    }
}

/// Entries of the same system call that the hook does not serve. A portable name promises all of them; whoever names one and
/// enforces there may think so.
fn other_entries(hook: &Hook, at: Situation<'_>, found: &mut Vec<Diagnostic>) -> Option<String> {
    let (HookPoint::Kprobe { function, .. } | HookPoint::Fentry { function, .. }) = &hook.point else {
        return None;
    };
    let name = function.strip_prefix(entry::NATIVE)?;
    let every_abi = matches!(hook.point, HookPoint::Kprobe { every_abi: true, .. });
    if !every_abi && !hook.selectors.iter().any(Selector::enforces) {
        return None;
    }
    let open = match at.facts {
        Some(_) => at.open.iter().filter(|entry| !at.hooked.contains(entry)).cloned().collect(),
        None if every_abi => Vec::new(),
        None => vec![format!("{}{name}", entry::IA32), format!("{}{name}", entry::IA32_COMPAT)],
    };
    if open.is_empty() {
        return None;
    }
    let message = format!("32-bit programs enter through {}, not hooked", open.join(" or "));
    let (label, help) = if every_abi {
        (
            "hooked only where the arguments stand in the same places".to_owned(),
            "hook a kernel function behind the system call, which all ABIs go through".to_owned(),
        )
    } else {
        (
            format!("only {function} is hooked"),
            format!(
                "write `call: sys_{name}` for the entries of every ABI, or hook a kernel function behind the system call, which both ABIs go through"
            ),
        )
    };
    found.push(
        Diagnostic::warning(Code::PartialEnforcement, hook.name.span, message.clone())
            .label(label)
            .help(help),
    );
    Some(message)
}

/// The function of the kernel at which a hook is, a hook of the security modules included.
fn function(hook: &Hook) -> Option<&str> {
    match &hook.point {
        HookPoint::Kprobe { function, .. } | HookPoint::Fentry { function, .. } => Some(function),
        HookPoint::Lsm { hook } => pairs::of_hook(hook).map(|pair| pair.function),
        _ => None,
    }
}

/// What this kernel no longer asks the function about.
fn passed_by(hook: &Hook, at: Situation<'_>, found: &mut Vec<Diagnostic>) -> Option<String> {
    let function = function(hook).filter(|_| hook.selectors.iter().any(Selector::enforces))?;
    let (what, other) = advice::passed_by(function, at.facts?)?;
    if at.hooked.iter().any(|hooked| hooked == other) {
        return None;
    }
    let message = format!("{what}: `{other}`, not hooked");
    found.push(
        Diagnostic::warning(Code::PartialEnforcement, hook.name.span, message.clone())
            .label("not asked about every such call")
            .help(format!("hook `{other}` as well")),
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

const fn refuses(action: &Action) -> bool {
    matches!(action, Action::Override(_))
}

/// What a signal at this hook still lets happen. Where the same selector refuses the call, nothing of it.
fn effect_of_signals(hook: &Hook, at: Situation<'_>, rules: &mut [Remaining], found: &mut Vec<Diagnostic>) {
    let target = hook.point.target();
    let kills = |action: &Action| matches!(action, Action::Sigkill | Action::Signal(9));
    let mut told = false;
    let only_signals = |selector: &Selector| !selector.actions.iter().any(refuses);
    let text = match effect::of_sigkill(function(hook).unwrap_or(&target)) {
        Some(Effect::Prevented) => None,
        Some(Effect::Happens) => Some("the process dies, and the effect of the call happens".to_owned()),
        Some(Effect::Depends(on)) => Some(format!("the process dies; the effect of the call: {on}")),
        None => {
            Some("the process dies; whether the effect of the call happens was never measured".to_owned())
        }
    };
    for (selector, rule) in hook.selectors.iter().zip(rules.iter_mut()) {
        let Some(text) =
            text.as_ref().filter(|_| selector.actions.iter().any(kills) && only_signals(selector))
        else {
            continue;
        };
        rule.risks.push(text.clone());
        if !told {
            found.push(
                Diagnostic::warning(Code::EffectHappens, selector.span, format!("at {target}: {text}"))
                    .label("Sigkill does not refuse the call")
                    .help(how_to_refuse(hook, at.facts)),
            );
        }
        told = true;
    }
    let signals = |action: &Action| matches!(action, Action::Signal(number) if *number != 9);
    let text = "the process gets the signal at the end of the call, or where the call waits; it may ignore or handle it";
    let mut told = false;
    for (selector, rule) in hook.selectors.iter().zip(rules) {
        if !selector.actions.iter().any(signals) || !only_signals(selector) {
            continue;
        }
        rule.risks.push(text.to_owned());
        if !told {
            found.push(
                Diagnostic::warning(Code::EffectHappens, selector.span, format!("at {target}: {text}"))
                    .label("Signal does not refuse the call")
                    .help("SIGKILL and SIGSTOP are the signals that no process can ignore"),
            );
        }
        told = true;
    }
}

/// The hook and the action that would refuse the call instead.
fn how_to_refuse(hook: &Hook, facts: Option<&KernelFacts>) -> String {
    let target = hook.point.target();
    let named = function(hook).unwrap_or(&target);
    if advice::too_late(named).is_none() && pairs::of_function(named).is_some() {
        return match facts {
            Some(facts) if !can_refuse(named, facts) => {
                format!("{} can refuse no call here: `quell probe` says what it lacks", facts.release)
            }
            _ => "`Override` in the same selector refuses the call: `- {action: Override, argError: -1}`"
                .to_owned(),
        };
    }
    if let Some((_, before)) = advice::too_late(named) {
        return format!(
            "`Override` in the same selector refuses opening; creating is refused by `Override` at `{before}`"
        );
    }
    let asked = advice::refusing(named, facts);
    let can = |function: &&str| facts.is_none_or(|facts| can_refuse(function, facts));
    let elsewhere: Vec<String> = asked.into_iter().filter(can).map(|name| format!("`{name}`")).collect();
    let here = facts.is_some_and(|facts| can_refuse(named, facts));
    match (here, elsewhere.is_empty(), facts) {
        (true, _, _) => {
            "`Override` in the same selector refuses the call: `- {action: Override, argError: -1}`"
                .to_owned()
        }
        (false, false, _) => format!("`Override` at {} refuses it before it happens", elsewhere.join(" or ")),
        (false, true, Some(facts)) => format!(
            "{} can refuse no call here; hook a `security_…` function that is asked before, with `Override`",
            facts.release
        ),
        (false, true, None) => {
            "hook a `security_…` function that is asked before, with `Override`".to_owned()
        }
    }
}

/// What has happened already where a selector refuses.
fn effect_of_refusals(hook: &Hook, rules: &mut [Remaining], found: &mut Vec<Diagnostic>) {
    let Some((what, before)) = function(hook).and_then(advice::too_late) else { return };
    let refusing =
        hook.selectors.iter().zip(rules).filter(|(selector, _)| selector.actions.iter().any(refuses));
    for (number, (selector, rule)) in refusing.enumerate() {
        rule.risks.push(what.to_owned());
        if number == 0 {
            found.push(
                Diagnostic::warning(
                    Code::EffectHappens,
                    selector.span,
                    format!("at {}: {what}", hook.point.target()),
                )
                .label("Override refuses what comes after")
                .help(format!("hook `{before}` as well, where a file is created")),
            );
        }
    }
}
