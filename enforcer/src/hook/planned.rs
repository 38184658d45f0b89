//! One hook that is ready to load: what a plan hands to the loader, and what it says of it in a line.

use std::fmt;

use quell_wire::hook::{HOOK_ENFORCER, HOOK_NOTIFIES, HOOK_OVERRIDES};
use serde::Serialize;

use super::buffer::EventBuffer;
use super::mechanism::{Mechanism, Rule, Target};
use crate::policy::ast::{Action, Hook, Namespace, NamespaceId, Post, Selector};
use crate::selector::compile::CompiledHook;

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
    /// The hook as the policy has it: where a user program's probe lies, which steps `resolve` follows. Where the target is
    /// another function than it names, only `compiled` has the positions of the target's arguments.
    pub hook: Hook,
    /// What the policy calls it; of a pattern's functions that are hooked one by one, the function.
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
    /// What one load of it is attached to; never empty. More than one: the entries of one system call in every ABI, or the
    /// functions of a pattern where the mechanism takes many.
    pub targets: Vec<Target>,
    /// What becomes of each selector, in their order; one for a hook without selectors.
    pub rules: Vec<Rule>,
    /// `returns`, `returnArg` or return filters: a second program looks at the return.
    pub returns: bool,
    /// Label of the returned value.
    pub return_label: Option<String>,
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
    /// Whether it does more than report: such hooks attach first and detach last.
    #[must_use]
    pub fn enforces(&self) -> bool {
        let acting = HOOK_OVERRIDES | HOOK_NOTIFIES | HOOK_ENFORCER;
        !self.sends.is_empty() || self.compiled.config.flags & acting != 0
    }

    /// Whether it acts on the notes of other hooks, at the function that they are about.
    #[must_use]
    pub fn is_enforcer(&self) -> bool {
        self.compiled.config.flags & HOOK_ENFORCER != 0
    }

    /// What it does on a match, in words.
    fn acts(&self) -> String {
        let flags = self.compiled.config.flags;
        let mut acts = Vec::new();
        if flags & HOOK_OVERRIDES != 0 {
            acts.push("refusal");
        }
        acts.extend(self.sends.iter().map(String::as_str));
        if flags & HOOK_ENFORCER != 0 {
            acts.push("as noted");
        }
        if flags & HOOK_NOTIFIES != 0 {
            acts.push("notes");
        }
        if acts.is_empty() { "events only".to_owned() } else { acts.join(" and ") }
    }

    /// Where it is attached, if that is not just what it is called.
    fn place(&self) -> String {
        const SHOWN: usize = 6;
        match self.targets.as_slice() {
            [only] if only.symbol == self.call => String::new(),
            targets => {
                let mut shown: Vec<&str> =
                    targets.iter().take(SHOWN).map(|target| target.symbol.as_str()).collect();
                let more = targets.len().saturating_sub(SHOWN);
                let rest = format!("{more} more");
                if more > 0 {
                    shown.push(&rest);
                }
                format!(" at {}", shown.join(" and "))
            }
        }
    }
}

impl fmt::Display for PlannedHook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mode = if self.monitor && self.enforces() { " (monitored only)" } else { "" };
        let buffer = match self.event_buffer {
            EventBuffer::Ring => "",
            EventBuffer::Perf => ", perf buffer",
        };
        let (mechanism, place, acts) = (self.mechanism.name(), self.place(), self.acts());
        write!(f, "{}: {mechanism}{place}{buffer}, {acts}{mode}: ", self.call)?;
        match &self.enforcement {
            Enforcement::Full => f.write_str("full"),
            Enforcement::Partial(missing) => write!(f, "partial ({})", missing.join("; ")),
        }
    }
}

/// What selectors send to processes, each once, in the order of the policy.
pub(super) fn sends(selectors: &[Selector]) -> Vec<String> {
    let mut sends = Vec::new();
    for action in
        selectors.iter().flat_map(|selector| selector.actions.iter().chain(&selector.return_actions))
    {
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
pub(super) fn names_host(selectors: &[Selector]) -> Vec<Namespace> {
    let filters = selectors.iter().flat_map(|selector| &selector.namespaces);
    let naming = filters.filter(|filter| filter.values.contains(&NamespaceId::Host));
    naming.map(|filter| filter.namespace).collect()
}

/// Whether a Post action of the selectors is like this.
pub(super) fn posts(selectors: &[Selector], like: impl Fn(&Post) -> bool) -> bool {
    let mut actions =
        selectors.iter().flat_map(|selector| selector.actions.iter().chain(&selector.return_actions));
    actions.any(|action| matches!(action, Action::Post(post) if like(post)))
}
