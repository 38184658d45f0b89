//! Hook and context → verdict, and why.

use super::answer::Answer;
use super::context::Context;
use super::{argument, process};
use crate::policy::ast::{Action, ArgFilter, Hook, Post, Selector};

/// What happens to one call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// A selector matches, or the hook has none and every call matches.
    Matched {
        /// The first one that matches, from 0; `None` for a hook without selectors.
        selector: Option<usize>,
        /// What is done, in this order.
        actions: Vec<Action>,
        /// Whether it matches only because what could not be decided counts as a match for an enforcing selector.
        failed_closed: bool,
    },
    /// No selector matches, but one might have: counted as unreadable, without any action.
    Unreadable,
    /// No selector matches.
    NotMatched,
}

/// The keys of a selector that filter, in the order in which a reader of the policy would look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Part {
    /// `matchPIDs`
    Pids,
    /// `matchBinaries`
    Binaries,
    /// `matchParentBinaries`
    ParentBinaries,
    /// `matchNamespaces`
    Namespaces,
    /// `matchCapabilities`
    Capabilities,
    /// `matchNamespaceChanges`
    NamespaceChanges,
    /// `matchCapabilityChanges`
    CapabilityChanges,
    /// `matchArgs` and `matchData`
    Args,
    /// `matchReturnArgs`
    ReturnArgs,
}

impl Part {
    /// Its key in a policy.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::Pids => "matchPIDs",
            Self::Binaries => "matchBinaries",
            Self::ParentBinaries => "matchParentBinaries",
            Self::Namespaces => "matchNamespaces",
            Self::Capabilities => "matchCapabilities",
            Self::NamespaceChanges => "matchNamespaceChanges",
            Self::CapabilityChanges => "matchCapabilityChanges",
            Self::Args => "matchArgs",
            Self::ReturnArgs => "matchReturnArgs",
        }
    }
}

/// What one selector says, and each of its entries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    /// All entries together.
    pub answer: Answer,
    /// Each entry by its key and its position there, from 0.
    pub entries: Vec<(Part, usize, Answer)>,
}

/// A verdict and what led to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trace {
    /// What happens.
    pub verdict: Verdict,
    /// Every selector up to the one that matches.
    pub selectors: Vec<Judgement>,
}

/// Evaluates a hook when its function is called. The first selector that matches wins.
#[must_use]
pub fn evaluate(hook: &Hook, context: &Context) -> Verdict {
    trace(hook, context).verdict
}

/// The same, with the reasons.
#[must_use]
pub fn trace(hook: &Hook, context: &Context) -> Trace {
    if hook.selectors.is_empty() {
        let actions = vec![Action::Post(Post::default())];
        return Trace {
            verdict: Verdict::Matched { selector: None, actions, failed_closed: false },
            selectors: vec![],
        };
    }
    let mut selectors = Vec::new();
    for (index, selector) in hook.selectors.iter().enumerate() {
        let judged = judge(entered(hook, selector, context));
        let answer = judged.answer;
        selectors.push(judged);
        if let Some(failed_closed) = matches(answer, selector) {
            let actions = selector.actions.clone();
            return Trace {
                verdict: Verdict::Matched { selector: Some(index), actions, failed_closed },
                selectors,
            };
        }
    }
    let unreadable = selectors.iter().any(|judged| judged.answer != Answer::No);
    Trace { verdict: if unreadable { Verdict::Unreadable } else { Verdict::NotMatched }, selectors }
}

/// Evaluates `matchReturnArgs` when the function returns from a call that this selector had matched. The actions are those
/// of `matchReturnActions`, possibly none.
///
/// `None` when the hook has no such selector.
#[must_use]
pub fn evaluate_return(hook: &Hook, selector: usize, context: &Context) -> Option<Verdict> {
    let own = hook.selectors.get(selector)?;
    let answer = judge(returned(hook, own, context)).answer;
    Some(match matches(answer, own) {
        Some(failed_closed) => {
            Verdict::Matched { selector: Some(selector), actions: own.return_actions.clone(), failed_closed }
        }
        None if answer == Answer::No => Verdict::NotMatched,
        None => Verdict::Unreadable,
    })
}

/// Whether the selector acts; with it, whether only because it enforces and nothing was decided.
fn matches(answer: Answer, selector: &Selector) -> Option<bool> {
    match answer {
        Answer::Yes => Some(false),
        Answer::Undecided if selector.enforces() => Some(true),
        _ => None,
    }
}

fn judge(entries: Vec<(Part, usize, Answer)>) -> Judgement {
    let answers: Vec<_> = entries.iter().map(|(_, _, answer)| *answer).collect();
    Judgement { answer: Answer::all(&answers), entries }
}

/// Every entry that is looked at when the function is called.
fn entered(hook: &Hook, selector: &Selector, context: &Context) -> Vec<(Part, usize, Answer)> {
    let mut out = Vec::new();
    add(&mut out, Part::Pids, &selector.pids, |filter| process::pid(filter, context));
    add(&mut out, Part::Binaries, &selector.binaries, |filter| {
        process::binary(filter, &context.executable, context)
    });
    add(&mut out, Part::ParentBinaries, &selector.parent_binaries, |filter| {
        process::binary(filter, &context.parent_executable, context)
    });
    add(&mut out, Part::Namespaces, &selector.namespaces, |filter| process::namespace(filter, context));
    add(&mut out, Part::Capabilities, &selector.capabilities, |filter| process::capability(filter, context));
    add(&mut out, Part::NamespaceChanges, &selector.namespace_changes, |filter| {
        process::namespace_change(filter, context)
    });
    add(&mut out, Part::CapabilityChanges, &selector.capability_changes, |filter| {
        process::capability_change(filter, context)
    });
    add(&mut out, Part::Args, &selector.args, |filter| arg(hook, filter, context));
    out
}

fn returned(hook: &Hook, selector: &Selector, context: &Context) -> Vec<(Part, usize, Answer)> {
    let mut out = Vec::new();
    add(&mut out, Part::ReturnArgs, &selector.return_args, |filter| {
        match (&hook.returned, &context.returned) {
            (Some(read), Some(value)) => argument::answer(read.ty, value, filter, &context.args),
            _ => Answer::Undecided,
        }
    });
    out
}

fn add<T>(out: &mut Vec<(Part, usize, Answer)>, part: Part, filters: &[T], answer: impl Fn(&T) -> Answer) {
    out.extend(filters.iter().enumerate().map(|(position, filter)| (part, position, answer(filter))));
}

/// Of an argument that the context does not have, nothing is known.
fn arg(hook: &Hook, filter: &ArgFilter, context: &Context) -> Answer {
    match (hook.args.get(filter.arg), context.args.get(filter.arg)) {
        (Some(read), Some(value)) => argument::answer(read.ty, value, filter, &context.args),
        _ => Answer::Undecided,
    }
}

#[cfg(test)]
#[path = "eval_tests.rs"]
pub(super) mod tests;
