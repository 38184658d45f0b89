//! What the language has and this version neither performs nor tells apart: refused by name, never left out.

use super::choose;
use crate::policy::ast::{Action, Hook, Policy, Selector};
use crate::policy::{Code, Diagnostic, entry};

/// Kernel functions that end their thread, and so never return; some have been renamed.
const ENDING: &[&str] = &[
    "do_exit",
    "do_group_exit",
    "do_task_dead",
    "make_task_dead",
    "kthread_exit",
    "complete_and_exit",
    "kthread_complete_and_exit",
];
/// System calls that do.
const ENDING_CALLS: &[&str] = &["exit", "exit_group"];

/// What of a policy as a whole no kernel makes this version do.
pub(super) fn scope(policy: &Policy, found: &mut Vec<Diagnostic>) {
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
}

/// What of a hook no kernel makes this version do.
pub(super) fn refuse(hook: &Hook, found: &mut Vec<Diagnostic>) {
    reading(hook, found);
    returning(hook, found);
    for selector in &hook.selectors {
        actions(selector, found);
    }
}

/// Of a buffer, as much as fits one event is read.
fn reading(hook: &Hook, found: &mut Vec<Diagnostic>) {
    for arg in hook.args.iter().chain(&hook.returned).filter(|arg| arg.max_data) {
        let message = format!("`maxData` is not read at `{}`", hook.name.value);
        found.push(
            Diagnostic::new(Code::UnsupportedReading, arg.span, message)
                .label("known, not supported here")
                .help("without the key, as much as fits one event is read"),
        );
    }
}

/// What waits for a return that never comes would wait for ever.
fn returning(hook: &Hook, found: &mut Vec<Diagnostic>) {
    let name = hook.point.target();
    let prefixes = [entry::NATIVE, entry::IA32, "sys_", "__se_sys_", "__do_sys_"];
    let call = prefixes.iter().find_map(|prefix| name.strip_prefix(prefix));
    let ends = ENDING.contains(&name.as_str()) || call.is_some_and(|call| ENDING_CALLS.contains(&call));
    if ends && choose::looks_at_return(hook) {
        found.push(
            Diagnostic::new(
                Code::UnsupportedReading,
                hook.name.span,
                format!("`{name}` ends its thread and never returns"),
            )
            .label("its return is looked at")
            .help("leave out the return, and filter on the arguments"),
        );
    }
}

fn actions(selector: &Selector, found: &mut Vec<Diagnostic>) {
    for action in selector.actions.iter().chain(&selector.return_actions) {
        let help = match action {
            Action::Set { .. } => "this version writes no argument",
            Action::TrackSock(_) | Action::UntrackSock(_) => {
                "events name the process that makes the call, also where it works for another one's socket"
            }
            _ => continue,
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
