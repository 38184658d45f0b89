//! Policy and facts to a plan: per hook the mechanism and what remains open, or a refusal. Pure, so that the answer for a
//! kernel can be had without that kernel.

use std::fmt;

use serde::Serialize;

use super::buffer::EventBuffer;
use super::{risk, signature, sizes, unsupported};
use crate::kernel::facts::{Answer, Feature, KernelFacts};
use crate::kernel::functions::FunctionAnswer;
use crate::policy::ast::{
    Action, ArgType, Hook, HookPoint, Namespace, NamespaceId, Policy, Post, Selector, TypeClass,
};
use crate::policy::{Code, Diagnostic, Diagnostics, Source, futile};
use crate::selector::compile::{self, CompiledHook};

/// How a hook is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Mechanism {
    /// A kprobe program that sends a signal (Linux 5.3).
    Kprobe,
}

impl Mechanism {
    /// Its name in events and reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Kprobe => "kprobe",
        }
    }
}

/// How much of a hook is enforced as written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Enforcement {
    /// All of it.
    Full,
    /// All but this.
    Partial(Vec<String>),
}

/// One hook, ready to load.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedHook {
    /// The kernel function.
    pub call: String,
    /// Text for its events.
    pub message: Option<String>,
    /// Tags for its events.
    pub tags: Vec<String>,
    /// Labels of its arguments.
    pub labels: Vec<Option<String>>,
    /// Labels of its selectors.
    pub selector_labels: Vec<Option<String>>,
    /// How it is served.
    pub mechanism: Mechanism,
    /// How much of it is enforced.
    pub enforcement: Enforcement,
    /// What its selectors send to processes, in words: `SIGKILL`, `signal 15`; empty: nothing.
    pub sends: Vec<String>,
    /// What carries its events to the agent; the same for all hooks of a kernel.
    pub event_buffer: EventBuffer,
    /// Whether the policy itself asks for monitor mode.
    pub monitor: bool,
    /// Kinds of namespaces of which a filter names the host's.
    pub host_namespaces: Vec<Namespace>,
    /// Whether an event of it has a rate limit.
    pub rate_limits: bool,
    /// Whether its events carry stacks of the kernel, whose addresses need names.
    pub kernel_stacks: bool,
    /// Whether its events carry stacks of the process.
    pub user_stacks: bool,
    /// Constants, selector bytes and sets.
    pub compiled: CompiledHook,
}

impl PlannedHook {
    /// Whether a selector stops processes: such hooks attach first and detach last.
    #[must_use]
    pub fn enforces(&self) -> bool {
        !self.sends.is_empty()
    }
}

impl fmt::Display for PlannedHook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mechanism = self.mechanism.name();
        let action = if self.sends.is_empty() { "events only".to_owned() } else { self.sends.join(" and ") };
        let mode = if self.monitor && self.enforces() { " (monitored only)" } else { "" };
        let buffer = match self.event_buffer {
            EventBuffer::Ring => "",
            EventBuffer::Perf => ", perf buffer",
        };
        write!(f, "{}: {mechanism}{buffer}, {action}{mode}: ", self.call)?;
        match &self.enforcement {
            Enforcement::Full => f.write_str("full"),
            Enforcement::Partial(missing) => write!(f, "partial ({})", missing.join("; ")),
        }
    }
}

/// A policy, ready to load.
#[derive(Clone, Debug)]
pub struct Plan {
    /// `metadata.name`.
    pub policy: String,
    /// Its hooks, in the order of the file.
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
    let mut found = Vec::new();
    features(policy, facts, &mut found);
    let mut present = Vec::new();
    for hook in &policy.hooks {
        if function(hook, facts, &mut found) {
            signature::compare(hook, facts, &mut found);
            present.push(hook);
        }
    }
    let hooks = hooks(policy, &present, Some(facts), first_hook, &mut found);
    let remarks = Diagnostics::new(source.clone(), found);
    if remarks.has_errors() {
        return Err(remarks);
    }
    Ok(Plan { policy: policy.name.value.clone(), hooks, remarks })
}

/// What can be said of a policy without any kernel: what this version does not support, whether it can be encoded, and what
/// it leaves open everywhere.
#[must_use]
pub fn findings_for_any_kernel(policy: &Policy) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    hooks(policy, &policy.hooks.iter().collect::<Vec<_>>(), None, 0, &mut found);
    found
}

fn hooks(
    policy: &Policy,
    present: &[&Hook],
    facts: Option<&KernelFacts>,
    first_hook: u32,
    found: &mut Vec<Diagnostic>,
) -> Vec<PlannedHook> {
    found.extend(futile(policy));
    unsupported::refuse(policy, found);
    let mut hooks = Vec::new();
    for (hook, number) in present.iter().zip(first_hook..) {
        let missing = risk::remaining(hook, facts, found);
        match compile::hook(hook, number) {
            Ok(compiled) => hooks.push(PlannedHook {
                compiled: sizes::of_kernel(compiled, hook, facts),
                call: hook.point.target(),
                message: hook.message.clone(),
                tags: hook.tags.clone(),
                labels: hook.args.iter().map(|arg| arg.label.clone()).collect(),
                selector_labels: hook.selectors.iter().map(|selector| selector.label.clone()).collect(),
                mechanism: Mechanism::Kprobe,
                enforcement: if missing.is_empty() {
                    Enforcement::Full
                } else {
                    Enforcement::Partial(missing)
                },
                sends: sends(&hook.selectors),
                event_buffer: facts.map_or(EventBuffer::Ring, event_buffer),
                monitor: policy.options.monitor.unwrap_or(false),
                host_namespaces: names_host(&hook.selectors),
                rate_limits: posts(&hook.selectors, |post| post.rate_limit_ms > 0),
                kernel_stacks: posts(&hook.selectors, |post| post.kernel_stack),
                user_stacks: posts(&hook.selectors, |post| post.user_stack),
            }),
            Err(error) => found.push(
                Diagnostic::new(Code::EncodingTooLarge, hook.span, error.to_string())
                    .label("selectors of this hook")
                    .help(error.advice()),
            ),
        }
    }
    if policy.options.monitor == Some(true) {
        // Nobody dies by a policy that only watches.
        found.retain(|remark| remark.code != Code::EffectHappens);
    }
    hooks
}

/// What selectors send to processes, each once, in the order of the policy.
fn sends(selectors: &[Selector]) -> Vec<String> {
    let mut sends = Vec::new();
    for action in selectors.iter().flat_map(|selector| &selector.actions) {
        let one = match action {
            Action::Sigkill => "SIGKILL".to_owned(),
            Action::Signal(number) => format!("signal {number}"),
            _ => continue,
        };
        if !sends.contains(&one) {
            sends.push(one);
        }
    }
    sends
}

/// The kinds of namespaces of which a filter of the selectors says `host_ns`.
fn names_host(selectors: &[Selector]) -> Vec<Namespace> {
    let filters = selectors.iter().flat_map(|selector| &selector.namespaces);
    let naming = filters.filter(|filter| filter.values.contains(&NamespaceId::Host));
    naming.map(|filter| filter.namespace).collect()
}

/// Whether a Post action of the selectors is like this.
fn posts(selectors: &[Selector], like: impl Fn(&Post) -> bool) -> bool {
    let mut actions = selectors.iter().flat_map(|selector| &selector.actions);
    actions.any(|action| matches!(action, Action::Post(post) if like(post)))
}

/// A ring buffer, unless the kernel is known to have none.
fn event_buffer(facts: &KernelFacts) -> EventBuffer {
    match facts.feature(Feature::RingBuffer) {
        Answer::Absent => EventBuffer::Perf,
        Answer::Present | Answer::Unknown(_) => EventBuffer::Ring,
    }
}

fn features(policy: &Policy, facts: &KernelFacts, found: &mut Vec<Diagnostic>) {
    let args = || policy.hooks.iter().flat_map(|hook| &hook.args);
    for feature in Feature::ALL {
        let needed = match feature {
            Feature::SendSignal => policy.hooks.iter().any(|hook| !sends(&hook.selectors).is_empty()),
            Feature::ProbeReadUser => {
                args().any(|arg| arg.ty.class() == TypeClass::Text || matches!(arg.ty, ArgType::Sockaddr))
            }
            Feature::Btf | Feature::KprobePrograms => true,
            // Without it there are perf buffers. Not knowing which of the two to load is another matter.
            Feature::RingBuffer => event_buffer(facts) == EventBuffer::Ring,
        };
        let at = policy.name.span;
        match facts.feature(*feature) {
            Answer::Absent if needed => found.push(
                Diagnostic::new(
                    Code::MissingFeature,
                    at,
                    format!("{} has no {}", facts.release, feature.label()),
                )
                .label("this policy needs it")
                .help(format!("needs {}", feature.origin())),
            ),
            Answer::Unknown(reason) if needed => found.push(
                Diagnostic::new(
                    Code::UnknownFeature,
                    at,
                    format!("whether {} has {} is unknown: {reason}", facts.release, feature.label()),
                )
                .label("this policy needs it")
                .help("probe as root on that kernel: `quell probe`"),
            ),
            _ => {}
        }
    }
}

/// Whether there is something to hook. A missing function is an error, unless the policy says that it may be missing.
fn function(hook: &Hook, facts: &KernelFacts, found: &mut Vec<Diagnostic>) -> bool {
    let (HookPoint::Kprobe { function: name, .. } | HookPoint::Fentry { function: name, .. }) = &hook.point
    else {
        return true;
    };
    let release = &facts.release;
    let at = hook.name.span;
    match facts.functions.answer(name) {
        FunctionAnswer::Present => {}
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
            let help = if similar.is_empty() {
                "look for it in /proc/kallsyms; it may be inlined, renamed or not built".to_owned()
            } else {
                format!("did you mean {}?", similar.join(", "))
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
