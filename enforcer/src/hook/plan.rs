//! Policy and facts to a plan: per hook the mechanism and what remains open, or a refusal. Pure, so that the answer for a
//! kernel can be had without that kernel.

use std::fmt;

use serde::Serialize;

use super::effect::{self, Effect};
use crate::kernel::facts::{Answer, Feature, KernelFacts};
use crate::kernel::functions::FunctionAnswer;
use crate::kernel::prototype::Parameter;
use crate::policy::ast::TypeClass;
use crate::policy::{
    Action, ArgFilter, ArgType, Code, Diagnostic, Diagnostics, Kprobe, Policy, Selector, Source,
};
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
    /// Labels of its arguments.
    pub labels: Vec<Option<String>>,
    /// How it is served.
    pub mechanism: Mechanism,
    /// How much of it is enforced.
    pub enforcement: Enforcement,
    /// Whether a selector stops processes: such hooks attach first and detach last.
    pub enforces: bool,
    /// Constants and selector bytes.
    pub compiled: CompiledHook,
}

impl fmt::Display for PlannedHook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mechanism = self.mechanism.name();
        let action = if self.enforces { "SIGKILL" } else { "events only" };
        match &self.enforcement {
            Enforcement::Full => write!(f, "{}: {mechanism}, {action}: full", self.call),
            Enforcement::Partial(missing) => {
                write!(f, "{}: {mechanism}, {action}: partial ({})", self.call, missing.join("; "))
            }
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
    for kprobe in &policy.hooks {
        function(kprobe, facts, &mut found);
        prototype(kprobe, facts, &mut found);
    }
    let hooks = hooks(policy, first_hook, &mut found);
    let remarks = Diagnostics::new(source.clone(), found);
    if remarks.has_errors() {
        return Err(remarks);
    }
    Ok(Plan { policy: policy.name.value.clone(), hooks, remarks })
}

/// What can be said of a policy without any kernel: whether it can be encoded, and what it leaves open everywhere.
#[must_use]
pub fn findings_for_any_kernel(policy: &Policy) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    hooks(policy, 0, &mut found);
    found
}

fn hooks(policy: &Policy, first_hook: u32, found: &mut Vec<Diagnostic>) -> Vec<PlannedHook> {
    let mut hooks = Vec::new();
    for (kprobe, number) in policy.hooks.iter().zip(first_hook..) {
        let missing = remaining_risk(kprobe, found);
        match compile::hook(kprobe, number) {
            Ok(compiled) => hooks.push(PlannedHook {
                call: kprobe.call.value.clone(),
                message: kprobe.message.clone(),
                labels: kprobe.args.iter().map(|arg| arg.label.clone()).collect(),
                mechanism: Mechanism::Kprobe,
                enforcement: if missing.is_empty() {
                    Enforcement::Full
                } else {
                    Enforcement::Partial(missing)
                },
                enforces: kprobe.selectors.iter().any(Selector::enforces),
                compiled,
            }),
            Err(error) => found.push(
                Diagnostic::new(Code::EncodingTooLarge, kprobe.span, error.to_string())
                    .label("selectors of this hook")
                    .help("divide the selectors over two entries with the same `call`"),
            ),
        }
    }
    hooks
}

fn features(policy: &Policy, facts: &KernelFacts, found: &mut Vec<Diagnostic>) {
    let actions =
        || policy.hooks.iter().flat_map(|hook| &hook.selectors).flat_map(|selector| &selector.actions);
    for feature in Feature::ALL {
        let needed = match feature {
            Feature::SendSignal => actions().any(|action| *action == Action::Sigkill),
            Feature::ProbeReadUser => {
                policy.hooks.iter().flat_map(|hook| &hook.args).any(|arg| arg.ty.class() == TypeClass::Text)
            }
            Feature::Btf | Feature::KprobePrograms | Feature::RingBuffer => true,
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

fn function(kprobe: &Kprobe, facts: &KernelFacts, found: &mut Vec<Diagnostic>) {
    let (name, release) = (kprobe.call.value.as_str(), &facts.release);
    let at = kprobe.call.span;
    match facts.functions.answer(name) {
        FunctionAnswer::Present => {}
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
}

/// Compares the arguments that a policy names with the function's own. What the facts do not describe is not compared.
fn prototype(kprobe: &Kprobe, facts: &KernelFacts, found: &mut Vec<Diagnostic>) {
    let name = kprobe.call.value.as_str();
    // Recorded facts have no prototypes, and of a system call's entry there is nothing to compare.
    let Some(prototypes) = facts.prototypes.as_ref().filter(|_| !kprobe.syscall && !kprobe.args.is_empty())
    else {
        return;
    };
    let Some(parameters) = prototypes.get(name) else {
        return not_compared(kprobe, facts, found);
    };
    for arg in &kprobe.args {
        let Some(parameter) = parameters.get(usize::from(arg.index)) else {
            let message = format!("`{name}` has no argument {}: it takes {}", arg.index, parameters.len());
            found.push(
                Diagnostic::new(Code::Prototype, arg.span, message)
                    .label("no such argument")
                    .help("indexes count from 0"),
            );
            continue;
        };
        if !fits(arg.ty, parameter) {
            let message = format!(
                "argument {} of `{name}` is {}, not of type {}",
                arg.index,
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

/// The kernel does not describe the function. Where a wrong type would make a killing selector fail closed on every call,
/// that is too little to go on.
fn not_compared(kprobe: &Kprobe, facts: &KernelFacts, found: &mut Vec<Diagnostic>) {
    let name = kprobe.call.value.as_str();
    let message = format!(
        "{} does not describe the arguments of `{name}`: the policy's types cannot be compared",
        facts.release
    );
    let objects = |filter: &&ArgFilter| {
        let ty = kprobe.args.get(filter.arg).map(|arg| arg.ty);
        matches!(ty, Some(ArgType::File | ArgType::Path | ArgType::Filename))
    };
    let killing = kprobe.selectors.iter().filter(|selector| selector.enforces());
    match killing.flat_map(|selector| &selector.args).find(objects) {
        Some(filter) => found.push(
            Diagnostic::new(Code::UnknownFeature, filter.span, message)
                .label("with a wrong type, every caller would be killed")
                .help("hook a function that is part of the kernel image and in its type information"),
        ),
        None => found.push(Diagnostic::warning(Code::UnknownFeature, kprobe.call.span, message)),
    }
}

/// Whether reading a parameter as this type can give what the type promises.
fn fits(ty: ArgType, parameter: &Parameter) -> bool {
    let points_to = |name: &str| matches!(parameter, Parameter::Pointer(Some(target)) if target == name);
    match ty.class() {
        TypeClass::Path if ty == ArgType::File => points_to("file"),
        TypeClass::Path if ty == ArgType::Path => points_to("path"),
        TypeClass::Path => matches!(parameter, Parameter::Number(_)),
        TypeClass::Text if ty == ArgType::Filename => points_to("filename"),
        TypeClass::Text => matches!(parameter, Parameter::Pointer(None)),
        // A pointer may be compared as a number, whole.
        TypeClass::Integer { bits, .. } => match parameter {
            Parameter::Number(width) => u32::from(bits) <= *width,
            Parameter::Pointer(_) => bits == 64,
            Parameter::Other => false,
        },
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

/// Where the kernel has copied what a system call was given.
fn behind_the_copy(call: &str) -> &'static str {
    match call {
        "__x64_sys_open" | "__x64_sys_openat" | "__x64_sys_openat2" | "__x64_sys_creat" => {
            "hook behind the copy: security_file_open with type file, or vfs_open with type path"
        }
        _ => "hook a kernel function behind the copy that is given a file or a path, where there is one",
    }
}

/// What a kill at this hook leaves open; each item is a remark as well.
fn remaining_risk(kprobe: &Kprobe, found: &mut Vec<Diagnostic>) -> Vec<String> {
    let mut missing = Vec::new();
    for selector in kprobe.selectors.iter().filter(|selector| selector.enforces()) {
        let descriptor = selector.args.iter().find(|filter| {
            kprobe.syscall && kprobe.args.get(filter.arg).is_some_and(|arg| arg.ty == ArgType::Fd)
        });
        if let Some(filter) = descriptor {
            let message = "the kernel looks the descriptor up again after this hook: another thread of the caller can exchange it in between (dup2)";
            missing.push(message.to_owned());
            found.push(
                Diagnostic::warning(Code::PartialEnforcement, filter.span, message)
                    .label("resolved once here, and once more by the call")
                    .help("hook a function that is given the file itself, such as security_file_permission with type file"),
            );
        }
        let user_memory = selector.args.iter().find(|filter| {
            let arg = kprobe.args.get(filter.arg).map(|arg| arg.ty);
            matches!(arg, Some(ArgType::String | ArgType::CharBuf)) && kprobe.syscall
        });
        if let Some(filter) = user_memory {
            let message = "user memory at this hook: the caller can change it before the kernel copies it, and what is not resident is posted and not killed";
            missing.push(message.to_owned());
            found.push(
                Diagnostic::warning(Code::PartialEnforcement, filter.span, message)
                    .label("read from user memory before the kernel copies it")
                    .help(behind_the_copy(&kprobe.call.value)),
            );
        }
    }
    let kills = kprobe.selectors.iter().find(|selector| selector.enforces());
    if let Some(selector) = kills {
        let text = match effect::of_sigkill(&kprobe.call.value) {
            Some(Effect::Prevented) => None,
            Some(Effect::Happens) => Some("the process dies, and the effect of the call happens".to_owned()),
            Some(Effect::Depends(on)) => Some(format!("the process dies; the effect of the call: {on}")),
            None => {
                Some("the process dies; whether the effect of the call happens was never measured".to_owned())
            }
        };
        if let Some(message) = text {
            found.push(
                Diagnostic::warning(
                    Code::EffectHappens,
                    selector.span,
                    format!("at {}: {message}", kprobe.call.value),
                )
                .label("Sigkill does not refuse the call")
                .help("refusing calls (Override) is not supported yet: see SPEC.md"),
            );
        }
    }
    missing
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
