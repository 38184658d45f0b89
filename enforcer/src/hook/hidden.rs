//! Hooks that another hook's refusal keeps calls away from: told before anything is attached.
//!
//! The order in which hooks attach lets every kprobe, and every program that does not refuse itself, run before a refusal. What
//! stays behind one: of two trampolines that refuse at one place the older, a trampoline behind a kprobe that refuses, and
//! a hook of the security modules behind its function.

use quell_wire::hook::HOOK_OVERRIDES;

use super::attach::rank;
use super::mechanism::Mechanism;
use super::pairs;
use super::plan::{Plan, PlannedHook};
use crate::policy::{Code, Diagnostic};

/// A remark for each enforcing hook of one policy that another one of its hooks keeps calls away from.
pub(super) fn within(hooks: &[PlannedHook]) -> Vec<Diagnostic> {
    let hidden = |(position, hook)| {
        let mut others = hooks.iter().enumerate().filter(|(other, _)| *other != position);
        others
            .find(|(other, refusing)| hides((*other, refusing), (position, hook)))
            .map(|(_, by)| remark(hook, by, ""))
    };
    hooks.iter().enumerate().filter_map(hidden).collect()
}

/// Adds the same to every policy about hooks of the others, which are attached together in this order.
pub fn across(plans: &mut [Plan]) {
    let hooks: Vec<(usize, &PlannedHook)> = plans
        .iter()
        .enumerate()
        .flat_map(|(policy, plan)| plan.hooks.iter().map(move |hook| (policy, hook)))
        .collect();
    let mut remarks = Vec::new();
    for (position, (policy, hook)) in hooks.iter().enumerate() {
        let mut others = hooks.iter().enumerate().filter(|(_, (other, _))| other != policy);
        let by = others.find(|(other, (_, refusing))| hides((*other, refusing), (position, hook)));
        if let Some((_, (other, refusing))) = by {
            let whose = plans
                .get(*other)
                .map_or_else(String::new, |plan| format!(" of the policy `{}`", plan.policy));
            remarks.push((*policy, remark(hook, refusing, &whose)));
        }
    }
    for (policy, remark) in remarks {
        if let Some(plan) = plans.get_mut(policy) {
            plan.remarks.extend([remark]);
        }
    }
}

fn remark(hook: &PlannedHook, by: &PlannedHook, whose: &str) -> Diagnostic {
    let message = format!("calls that `{}`{whose} refuses may not come to `{}`", by.call, hook.call);
    Diagnostic::warning(Code::PartialEnforcement, hook.hook.name.span, message)
        .label("another hook here refuses calls")
        .help(
            "they are refused, and whatever else this hook does may not happen: put both rules into one hook",
        )
}

/// Whether a hook is enforcing and another one refuses calls before it sees them. Each with its position among those that are
/// attached together.
fn hides((position, refusing): (usize, &PlannedHook), (behind, hook): (usize, &PlannedHook)) -> bool {
    let refuses = |hook: &PlannedHook| hook.compiled.config.flags & HOOK_OVERRIDES != 0 && !hook.monitor;
    if !refuses(refusing) || !hook.enforces() || hook.monitor || !share_a_function(refusing, hook) {
        return false;
    }
    match (refusing.mechanism, hook.mechanism) {
        (Mechanism::KprobeOverride, Mechanism::Lsm | Mechanism::FmodRet | Mechanism::Fentry)
        | (Mechanism::FmodRet, Mechanism::Lsm) => true,
        // The youngest runs first, and what does not refuse is younger than what does.
        (Mechanism::Lsm, Mechanism::Lsm) | (Mechanism::FmodRet, Mechanism::FmodRet) => {
            (rank(refusing), position) > (rank(hook), behind)
        }
        _ => false,
    }
}

fn share_a_function(one: &PlannedHook, other: &PlannedHook) -> bool {
    let others: Vec<&str> = functions(other).collect();
    functions(one).any(|function| others.contains(&function))
}

/// Functions of the kernel at which a hook is; of a hook of the security modules the one that asks it, or its own name.
fn functions(hook: &PlannedHook) -> impl Iterator<Item = &str> {
    let is_lsm = hook.mechanism == Mechanism::Lsm;
    hook.targets.iter().map(move |target| match pairs::of_hook(&target.symbol).filter(|_| is_lsm) {
        Some(pair) => pair.function,
        None => target.symbol.as_str(),
    })
}

#[cfg(test)]
#[path = "hidden_tests.rs"]
mod tests;
