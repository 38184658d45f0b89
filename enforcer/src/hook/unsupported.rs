//! What the language has and this version neither attaches, performs nor compares: refused by name, never left out.

use crate::policy::ast::{Action, ArgSource, Hook, HookPoint, Policy, Selector};
use crate::policy::{Code, Diagnostic};

/// Everything of a policy that no kernel makes this version do.
pub(super) fn refuse(policy: &Policy, found: &mut Vec<Diagnostic>) {
    if let Some(namespace) = &policy.namespace {
        let message = format!(
            "a TracingPolicyNamespaced is for the pods of namespace `{namespace}`, which this version cannot tell from other processes"
        );
        found.push(
            Diagnostic::new(Code::UnsupportedScope, policy.name.span, message)
                .label("a policy of one namespace")
                .help("use kind TracingPolicy where the policy shall hold for the whole machine"),
        );
    }
    for enforcer in &policy.enforcers {
        let message = format!("enforcers are not attached: `{}`", enforcer.value);
        found.push(
            Diagnostic::new(Code::UnsupportedHook, enforcer.span, message)
                .label("known, not supported here")
                .help("use Sigkill or Signal in the selectors themselves"),
        );
    }
    for hook in &policy.hooks {
        point(hook, found);
        reading(hook, found);
        for selector in &hook.selectors {
            actions(selector, found);
            filters(selector, found);
        }
    }
}

fn point(hook: &Hook, found: &mut Vec<Diagnostic>) {
    let help = match &hook.point {
        HookPoint::Kprobe { returns, .. } => {
            let at_return = hook
                .selectors
                .iter()
                .any(|selector| !selector.return_args.is_empty() || !selector.return_actions.is_empty());
            if *returns || hook.returned.is_some() || at_return {
                let message = format!("the return of `{}` is not looked at", hook.name.value);
                found.push(
                    Diagnostic::new(Code::UnsupportedHook, hook.name.span, message)
                        .label("`return`, `returnArg`, `matchReturnArgs` or `matchReturnActions`")
                        .help("without them, the hook is at the entry of the function"),
                );
            }
            return;
        }
        HookPoint::Tracepoint { .. } => "hook a kernel function near it with `kprobes`".to_owned(),
        HookPoint::Lsm { hook } => {
            format!("hook the function `security_{hook}` with `kprobes`, where the kernel has it")
        }
        HookPoint::Fentry { function, .. } => format!("hook `{function}` with `kprobes`"),
    };
    let message = format!("{} are not attached: `{}`", hook.point.key(), hook.name.value);
    found.push(
        Diagnostic::new(Code::UnsupportedHook, hook.name.span, message)
            .label("known, not supported here")
            .help(help),
    );
}

fn reading(hook: &Hook, found: &mut Vec<Diagnostic>) {
    for arg in &hook.args {
        let what = match arg.source {
            ArgSource::CurrentTask => "`data` of the current task",
            ArgSource::Registers => "`data` of registers",
            ArgSource::Argument(_) | ArgSource::Returned if !arg.resolve.is_empty() => "`resolve`",
            ArgSource::Argument(_) | ArgSource::Returned if arg.return_copy => "`returnCopy`",
            ArgSource::Argument(_) | ArgSource::Returned if arg.max_data => "`maxData`",
            ArgSource::Argument(_) | ArgSource::Returned => continue,
        };
        found.push(
            Diagnostic::new(
                Code::UnsupportedReading,
                arg.span,
                format!("{what} is not read at `{}`", hook.name.value),
            )
            .label("known, not supported here")
            .help("name arguments of the function by `index` and `type`"),
        );
    }
}

fn actions(selector: &Selector, found: &mut Vec<Diagnostic>) {
    for action in &selector.actions {
        let help = match action {
            Action::Override(_) | Action::NotifyEnforcer(_) => {
                "Sigkill stops the process, and does not refuse the call"
            }
            Action::Set { .. } => "this version writes no argument",
            Action::TrackSock(_) | Action::UntrackSock(_) => {
                "events name the process that makes the call, also where it works for another one's socket"
            }
            // Descriptors are always looked up in the caller's own table, so that there is no path to keep.
            Action::FollowFd(_) | Action::UnfollowFd(_) | Action::CopyFd(_) => continue,
            Action::Post(_) | Action::NoPost | Action::Sigkill | Action::Signal(_) => continue,
        };
        found.push(
            Diagnostic::new(
                Code::UnsupportedMechanism,
                selector.span,
                format!("{} is not performed", action.name()),
            )
            .label(format!("{} of this selector", action.name()))
            .help(help),
        );
    }
}

fn filters(selector: &Selector, found: &mut Vec<Diagnostic>) {
    let binaries = selector.binaries.iter().chain(&selector.parent_binaries);
    let following =
        binaries.filter(|filter| filter.follow_children).map(|filter| ("followChildren", filter.span));
    let namespaces = selector.namespace_changes.iter().map(|filter| ("matchNamespaceChanges", filter.span));
    let capabilities =
        selector.capability_changes.iter().map(|filter| ("matchCapabilityChanges", filter.span));
    for (what, span) in following.chain(namespaces).chain(capabilities) {
        let message = format!("{what} needs to know what a process was when it executed its program");
        found.push(
            Diagnostic::new(Code::UnsupportedFilter, span, message)
                .label("known, not supported here")
                .help("compare with what the process is at the call: matchBinaries, matchNamespaces, matchCapabilities"),
        );
    }
}
