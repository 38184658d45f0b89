//! Policy and facts to a plan: per hook the mechanism and what remains open, or a refusal. Pure, so that the answer for a
//! kernel can be had without that kernel.

use std::collections::BTreeSet;

use quell_wire::hook::{HOOK_RETURNS, NO_SIZE_ARG};

use super::assessment::{AssessedHook, Assessment};
use super::choose::{self, Choice, Need, Reason, Served};
use super::mechanism::Status;
use super::planned::{names_host, posts, sends};
use super::risk::{self, Remaining, Situation};
use super::{advice, enforcer, hidden, needs, pairs, signature, sizes, unsupported};
use crate::kernel::facts::KernelFacts;
use crate::kernel::functions::FunctionAnswer;
use crate::policy::ast::{Action, Hook, HookPoint, Policy, Selector};
use crate::policy::{Code, Diagnostic, Diagnostics, Severity, Source, Span, futile};
use crate::selector::compile::{self, CompiledHook};

pub use super::mechanism::{Mechanism, Rule, Target};
pub use super::planned::{Enforcement, PlannedHook};

/// A policy, ready to load.
#[derive(Clone, Debug)]
pub struct Plan {
    /// `metadata.name`.
    pub policy: String,
    /// Its hooks, in the order of the file, and then its enforcers.
    pub hooks: Vec<PlannedHook>,
    /// What the author should know; warnings only.
    pub remarks: Diagnostics,
}

/// Plans a policy for a kernel. Hooks are numbered from `first_hook`.
///
/// # Errors
/// Everything that keeps this kernel from enforcing the policy as written, at once.
pub fn plan(
    policy: &Policy,
    source: &Source,
    facts: &KernelFacts,
    first_hook: u32,
) -> Result<Plan, Diagnostics> {
    assess(policy, source, facts, first_hook).plan
}

/// What becomes of every rule of a policy on a kernel, and the plan where all of them are in force.
#[must_use]
pub fn assess(policy: &Policy, source: &Source, facts: &KernelFacts, first_hook: u32) -> Assessment {
    let mut found = futile(policy);
    unsupported::scope(policy, &mut found);
    let mut assessed = Vec::new();
    let mut hooks: Vec<PlannedHook> = Vec::new();
    let enforcers: Vec<Hook> = policy.enforcers.iter().map(enforcer::hook).collect();
    let hooked: Vec<String> = policy.hooks.iter().chain(&enforcers).map(|hook| hook.point.target()).collect();
    for (position, hook) in policy.hooks.iter().chain(&enforcers).enumerate() {
        let is_enforcer = position >= policy.hooks.len();
        let need = if is_enforcer { enforcer::need(policy) } else { Need::of(policy, hook) };
        let number = first_hook.saturating_add(u32::try_from(hooks.len()).unwrap_or(u32::MAX));
        let mut here = Vec::new();
        let (status, planned) =
            one(policy, hook, Case { need, is_enforcer, facts, hooked: &hooked, number }, &mut here);
        assessed.push(status);
        hooks.extend(planned);
        found.append(&mut here);
    }
    found.extend(hidden::within(&hooks));
    let mechanisms: BTreeSet<Mechanism> = hooks.iter().map(|hook| hook.mechanism).collect();
    let mut lacking = Vec::new();
    needs::features(policy, &mechanisms.into_iter().collect::<Vec<_>>(), facts, &mut lacking);
    found.append(&mut lacking);
    // What refuses the policy and is no hook's own refuses every rule.
    let whole: Vec<String> = found
        .iter()
        .filter(|one| one.severity == Severity::Error && one.span == policy.name.span)
        .map(|one| one.message.clone())
        .collect();
    for hook in &mut assessed {
        hook.refuse(&whole);
    }
    let remarks = Diagnostics::new(source.clone(), tempered(policy, found));
    let plan = if remarks.has_errors() {
        Err(remarks)
    } else {
        Ok(Plan { policy: policy.name.value.clone(), hooks, remarks })
    };
    Assessment { policy: policy.name.value.clone(), kernel: facts.release.clone(), hooks: assessed, plan }
}

/// What can be said of a policy without any kernel: what this version does not support, whether it can be encoded, and what
/// it leaves open everywhere.
#[must_use]
pub fn findings_for_any_kernel(policy: &Policy) -> Vec<Diagnostic> {
    let mut found = futile(policy);
    unsupported::scope(policy, &mut found);
    for (hook, number) in policy.hooks.iter().zip(0..) {
        unsupported::refuse(hook, &mut found);
        risk::remaining(hook, Situation::default(), &mut found);
        compiled(hook, number, &mut found);
    }
    tempered(policy, found)
}

/// Nobody dies by a policy that only watches.
fn tempered(policy: &Policy, mut found: Vec<Diagnostic>) -> Vec<Diagnostic> {
    if policy.options.monitor == Some(true) {
        found.retain(|remark| remark.code != Code::EffectHappens);
    }
    found
}

/// What one hook is planned from.
#[derive(Clone, Copy)]
struct Case<'a> {
    need: Need,
    is_enforcer: bool,
    facts: &'a KernelFacts,
    /// Functions that the policy hooks.
    hooked: &'a [String],
    /// Of its first load.
    number: u32,
}

/// One hook of the policy: what becomes of it, and its loads if it is served.
fn one(
    policy: &Policy,
    hook: &Hook,
    case: Case<'_>,
    found: &mut Vec<Diagnostic>,
) -> (AssessedHook, Vec<PlannedHook>) {
    let facts = case.facts;
    let mut assessed = AssessedHook::new(hook);
    if !function(hook, facts, found) {
        return (assessed, Vec::new());
    }
    signature::compare(hook, facts, found);
    unsupported::refuse(hook, found);
    let mut planned = Vec::new();
    match choose::choose(hook, case.need, facts) {
        Ok(choice) => {
            let situation = Situation {
                facts: Some(facts),
                mechanism: choice.served.first().map(|served| served.mechanism),
                open: &choice.open,
                hooked: case.hooked,
            };
            let mut remaining = risk::remaining(hook, situation, found);
            // Nothing is stopped, so that nothing happens in spite of it.
            if policy.options.monitor == Some(true) {
                remaining.iter_mut().for_each(|rule| rule.risks.clear());
            }
            assessed.mechanism = situation.mechanism;
            assessed.targets = choice.served.iter().flat_map(|served| served.targets.clone()).collect();
            rules(hook, remaining, &mut assessed, found);
            planned = loads(policy, hook, &choice, &assessed, case, found);
        }
        // A function that is not there was found already.
        Err(reasons) if found.iter().all(|one| one.code != Code::UnknownFunction) => {
            found.push(not_served(hook, &reasons, case));
        }
        Err(_) => {}
    }
    let errors = found.iter().filter(|one| one.severity == Severity::Error);
    assessed.refuse(&errors.map(|one| one.message.clone()).collect::<Vec<_>>());
    (assessed, planned)
}

/// The status of every rule; a required one that would be less than full refuses the policy.
fn rules(hook: &Hook, remaining: Vec<Remaining>, assessed: &mut AssessedHook, found: &mut Vec<Diagnostic>) {
    for (rule, remaining) in assessed.rules.iter_mut().zip(remaining) {
        rule.risks = remaining.risks;
        if !remaining.missing.is_empty() {
            rule.status = Status::Partial(remaining.missing);
        }
    }
    for (selector, rule) in hook.selectors.iter().zip(&assessed.rules) {
        if let (true, Status::Partial(missing)) = (selector.required, &rule.status) {
            let message = format!("a required rule would be enforced in part: {}", missing.join("; "));
            found.push(
                Diagnostic::new(Code::RequiredRule, selector.span, message)
                    .label("`required: true`")
                    .help("close the gap as its own remark says, or remove `required`"),
            );
        }
    }
}

/// The loads of a hook that is served.
fn loads(
    policy: &Policy,
    hook: &Hook,
    choice: &Choice,
    assessed: &AssessedHook,
    case: Case<'_>,
    found: &mut Vec<Diagnostic>,
) -> Vec<PlannedHook> {
    let mut planned = Vec::new();
    for (served, number) in choice.served.iter().zip(case.number..) {
        // What cannot be encoded cannot be for any load.
        let Some(compiled) = compiled(hook, number, found) else { return planned };
        let compiled = targeted(sizes::of_kernel(compiled, hook, Some(case.facts)), served, case);
        let missing: BTreeSet<&String> = assessed
            .rules
            .iter()
            .flat_map(|rule| match &rule.status {
                Status::Partial(missing) => missing.as_slice(),
                Status::Full | Status::Refused(_) => &[],
            })
            .collect();
        planned.push(PlannedHook {
            hook: hook.clone(),
            call: served.call.clone().unwrap_or_else(|| hook.point.target()),
            message: hook.message.clone(),
            tags: hook.tags.clone(),
            labels: hook.args.iter().map(|arg| arg.label.clone()).collect(),
            selector_labels: hook.selectors.iter().map(|selector| selector.label.clone()).collect(),
            mechanism: served.mechanism,
            targets: served.targets.clone(),
            rules: assessed.rules.clone(),
            returns: case.need.returns,
            return_label: hook.returned.as_ref().and_then(|arg| arg.label.clone()),
            enforcement: if missing.is_empty() {
                Enforcement::Full
            } else {
                Enforcement::Partial(missing.into_iter().cloned().collect())
            },
            sends: sends(&hook.selectors),
            event_buffer: needs::event_buffer(case.facts),
            monitor: policy.options.monitor.unwrap_or(false),
            host_namespaces: names_host(&hook.selectors),
            rate_limits: posts(&hook.selectors, |post| post.rate_limit_ms > 0),
            kernel_stacks: posts(&hook.selectors, |post| post.kernel_stack),
            user_stacks: posts(&hook.selectors, |post| post.user_stack),
            compiled,
        });
    }
    planned
}

fn compiled(hook: &Hook, number: u32, found: &mut Vec<Diagnostic>) -> Option<CompiledHook> {
    match compile::hook(hook, number) {
        Ok(compiled) => Some(compiled),
        Err(error) => {
            found.push(
                Diagnostic::new(Code::EncodingTooLarge, hook.span, error.to_string())
                    .label("selectors of this hook")
                    .help(error.advice()),
            );
            None
        }
    }
}

/// The constants of a hook for what it is attached to.
fn targeted(mut compiled: CompiledHook, served: &Served, case: Case<'_>) -> CompiledHook {
    if case.is_enforcer {
        compiled = enforcer::compiled(compiled, case.need.refuses);
    }
    let config = &mut compiled.config;
    if case.need.returns {
        config.flags |= HOOK_RETURNS;
    }
    // Many functions are told apart by their cookies, and read alike.
    let told_apart = if served.mechanism == Mechanism::KprobeMulti { 1 } else { served.targets.len() };
    config.targets = u32::try_from(told_apart).unwrap_or(u32::MAX);
    for (convention, target) in config.target_convention.iter_mut().zip(&served.targets).take(told_apart) {
        *convention = target.convention.number();
    }
    if let Some(arguments) = &served.arguments {
        let there = |index: u32| {
            let index = usize::try_from(index).ok()?;
            arguments.get(index).copied().flatten().map(u32::from)
        };
        for index in &mut config.arg_index {
            *index = there(*index).unwrap_or(*index);
        }
        for size in config.arg_size.iter_mut().filter(|size| **size != NO_SIZE_ARG) {
            *size = there(*size).unwrap_or(*size);
        }
    }
    compiled
}

/// Why a kernel does not serve a hook, and what it would serve instead.
fn not_served(hook: &Hook, reasons: &[Reason], case: Case<'_>) -> Diagnostic {
    let refused = |selector: &&Selector| {
        let mut actions = selector.actions.iter().chain(&selector.return_actions);
        actions.any(|action| matches!(action, Action::Override(_)))
    };
    let refusing = hook.selectors.iter().find(refused);
    let at: Span = refusing.map_or(hook.name.span, |selector| selector.span);
    let name = &hook.name.value;
    let release = &case.facts.release;
    let why: Vec<&str> = reasons.iter().map(|reason| reason.text.as_str()).collect();
    let unknown = reasons.iter().any(|reason| reason.unknown);
    let (code, what) = match (unknown, case.need.refuses) {
        (true, true) => {
            (Code::UnknownFeature, format!("whether {release} can refuse calls at `{name}` is unknown"))
        }
        (true, false) => (Code::UnknownFeature, format!("whether {release} can serve `{name}` is unknown")),
        (false, true) => (Code::CannotRefuse, format!("{release} cannot refuse calls at `{name}`")),
        (false, false) => (Code::HookNotServed, format!("{release} does not serve `{name}`")),
    };
    let found = Diagnostic::new(code, at, format!("{what}: {}", why.join("; ")));
    let label = match (case.is_enforcer, refusing) {
        (true, _) => "an enforcer that is to refuse calls",
        (false, Some(_)) => "Override of this selector",
        (false, None) => "this hook",
    };
    found.label(label).help(instead(hook, unknown, case))
}

/// The hook that would do what this one cannot.
fn instead(hook: &Hook, unknown: bool, case: Case<'_>) -> String {
    if unknown {
        return "probe as root on that kernel: `quell probe`".to_owned();
    }
    let target = hook.point.target();
    if !case.need.refuses {
        return match &hook.point {
            HookPoint::Lsm { hook } => match pairs::of_hook(hook) {
                Some(pair) => match advice::before(pair.function, case.facts) {
                    Some(older) => format!("this kernel asks `{older}` instead"),
                    None => format!(
                        "hook the function `{}` with `kprobes`, where the kernel has it",
                        pair.function
                    ),
                },
                None => "hook a function of the kernel with `kprobes`".to_owned(),
            },
            _ => "name functions that this kernel has, with a narrower pattern".to_owned(),
        };
    }
    let asked = advice::refusing(&target, Some(case.facts));
    let can = asked.into_iter().filter(|function| choose::can_refuse(function, case.facts));
    let functions: Vec<String> = can.map(|function| format!("`{function}`")).collect();
    let tracepoint = matches!(
        hook.point,
        HookPoint::Tracepoint { .. } | HookPoint::Uprobe { .. } | HookPoint::Usdt { .. }
    );
    match (functions.is_empty(), case.need.pinned.is_some()) {
        (false, _) => format!("this kernel can refuse it at {}: hook that function", functions.join(" or ")),
        (true, true) => "without `override-method` the kernel's best way is taken".to_owned(),
        (true, false) if tracepoint => {
            "leave a note for an enforcer: action NotifyEnforcer, and the functions at which to refuse in `enforcers`".to_owned()
        }
        (true, false) => {
            "Sigkill stops the process where the call itself cannot be refused, and what the call does may happen".to_owned()
        }
    }
}

/// Whether there is something to hook. A missing function is an error, unless the policy says that it may be missing.
fn function(hook: &Hook, facts: &KernelFacts, found: &mut Vec<Diagnostic>) -> bool {
    let (HookPoint::Kprobe { function: name, .. } | HookPoint::Fentry { function: name, .. }) = &hook.point
    else {
        return true;
    };
    let every_abi = matches!(hook.point, HookPoint::Kprobe { every_abi: true, .. });
    let release = &facts.release;
    let at = hook.name.span;
    match facts.functions.answer(name) {
        FunctionAnswer::Present => {}
        // A call that only other ABIs have.
        FunctionAnswer::Absent
            if every_abi
                && super::syscall::entries(name, true, None, &facts.functions)
                    .targets
                    .iter()
                    .any(|target| target.symbol != *name) => {}
        FunctionAnswer::Absent if hook.may_be_missing => {
            found.push(
                Diagnostic::warning(
                    Code::UnknownFunction,
                    at,
                    format!("{release} has no function `{name}`: this hook is left out"),
                )
                .label("not in this kernel")
                .help("`ignore.callNotFound` allows it"),
            );
            return false;
        }
        FunctionAnswer::Absent => {
            let similar = facts.functions.similar(name);
            let help = match (advice::before(name, facts), similar.is_empty()) {
                (Some(older), _) => format!("this kernel asks `{older}` instead"),
                (None, true) => {
                    "look for it in /proc/kallsyms; it may be inlined, renamed or not built".to_owned()
                }
                (None, false) => format!("did you mean {}?", similar.join(", ")),
            };
            found.push(
                Diagnostic::new(Code::UnknownFunction, at, format!("{release} has no function `{name}`"))
                    .label("not in this kernel")
                    .help(help),
            );
        }
        FunctionAnswer::Ambiguous(count) => found.push(
            Diagnostic::new(Code::AmbiguousFunction, at, format!("{release} has {count} functions `{name}`"))
                .label("which one?")
                .help("hook a caller or callee that exists once"),
        ),
        FunctionAnswer::Blacklisted => found.push(
            Diagnostic::new(Code::NotTraceable, at, format!("{release} forbids probes on `{name}`"))
                .label("on the kernel's kprobe blacklist")
                .help("hook a caller or callee"),
        ),
        FunctionAnswer::Unknown => found.push(
            Diagnostic::warning(
                Code::UnknownFeature,
                at,
                format!("whether {release} has `{name}` was not recorded; attaching will tell"),
            )
            .help("check on that kernel with --this-kernel"),
        ),
    }
    true
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
