//! The enforcers of a policy as hooks: at each of their functions a program that acts on what another hook has noted.

use quell_wire::hook::{HOOK_ENFORCER, HOOK_OVERRIDES};

use super::choose::Need;
use crate::policy::Spanned;
use crate::policy::ast::{Action, Hook, HookPoint, Policy};
use crate::policy::entry;
use crate::selector::compile::CompiledHook;

/// The hook at one function of `enforcers`.
pub(super) fn hook(function: &Spanned<String>) -> Hook {
    let syscall = entry::convention(&function.value).is_some();
    Hook {
        point: HookPoint::Kprobe {
            function: function.value.clone(),
            syscall,
            returns: false,
            every_abi: syscall,
        },
        name: function.clone(),
        args: Vec::new(),
        returned: None,
        selectors: Vec::new(),
        message: None,
        tags: Vec::new(),
        may_be_missing: false,
        span: function.span,
    }
}

/// What the enforcers of a policy need: to refuse calls, where a note says so.
pub(super) fn need(policy: &Policy) -> Need {
    let selectors = policy.hooks.iter().flat_map(|hook| &hook.selectors);
    let mut actions = selectors.flat_map(|selector| selector.actions.iter().chain(&selector.return_actions));
    Need {
        refuses: actions.any(|action| matches!(action, Action::NotifyEnforcer(note) if note.error != 0)),
        returns: false,
        pinned: policy.options.override_method,
        multi: false,
        notes: true,
    }
}

/// The constants of an enforcer.
pub(super) fn compiled(mut compiled: CompiledHook, refuses: bool) -> CompiledHook {
    compiled.config.flags |= HOOK_ENFORCER;
    if refuses {
        compiled.config.flags |= HOOK_OVERRIDES;
    }
    compiled
}
