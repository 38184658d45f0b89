//! Hook and context → verdict.

use super::context::{Argument, Context};
use crate::policy::ast::{
    Action, ArgFilter, Kprobe, Operator, PidFilter, PidOperator, Selector, TypeClass, Values,
};

/// Ancestors that followForks looks at.
const FOLLOWED_ANCESTORS: usize = 9;

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
    /// No selector matches, but one might have: posted and counted as unreadable, without any action.
    Unreadable,
    /// No selector matches.
    NotMatched,
}

/// What a filter, or all filters of a selector, say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
    No,
    Yes,
    /// What was read does not decide it.
    Undecided,
    /// Memory of the caller was not there: an ordinary program may do that, so nothing is concluded from it.
    Unreadable,
}

/// Evaluates a hook. The first selector that matches wins.
///
/// # Panics
/// When the context has fewer arguments than the hook reads.
#[must_use]
pub fn evaluate(hook: &Kprobe, context: &Context) -> Verdict {
    if hook.selectors.is_empty() {
        return Verdict::Matched { selector: None, actions: vec![Action::Post], failed_closed: false };
    }
    let mut unreadable = false;
    for (index, selector) in hook.selectors.iter().enumerate() {
        let answer = selector_answer(hook, selector, context);
        let failed_closed = answer == Answer::Undecided && selector.enforces();
        if answer == Answer::Yes || failed_closed {
            let actions = selector.actions.clone();
            return Verdict::Matched { selector: Some(index), actions, failed_closed };
        }
        unreadable |= answer != Answer::No;
    }
    if unreadable { Verdict::Unreadable } else { Verdict::NotMatched }
}

fn selector_answer(hook: &Kprobe, selector: &Selector, context: &Context) -> Answer {
    if !selector.pids.iter().all(|filter| pid_filter_holds(filter, context)) {
        return Answer::No;
    }
    let answers: Vec<_> = selector.args.iter().map(|filter| arg_answer(hook, filter, context)).collect();
    // One "no" settles it; a guess about the caller's memory outweighs a gap in what the kernel showed.
    [Answer::No, Answer::Unreadable, Answer::Undecided]
        .into_iter()
        .find(|answer| answers.contains(answer))
        .unwrap_or(Answer::Yes)
}

fn pid_filter_holds(filter: &PidFilter, context: &Context) -> bool {
    let process = context.process;
    let mut ids = vec![if filter.namespace { process.namespace_tgid() } else { process.tgid }];
    if filter.follow_forks {
        let near = context.ancestors.iter().take(FOLLOWED_ANCESTORS);
        if filter.namespace {
            // Behind the first ancestor of another namespace nothing is visible from inside: a process that entered by
            // setns is not protected by its parent outside.
            let inside = near.take_while(|ancestor| ancestor.shares_namespace(process));
            ids.extend(inside.map(|ancestor| ancestor.namespace_tgid()));
        } else {
            ids.extend(near.map(|ancestor| ancestor.tgid));
        }
    }
    let listed = ids.iter().any(|id| filter.values.contains(id));
    match filter.op {
        PidOperator::In => listed,
        PidOperator::NotIn => !listed,
    }
}

fn arg_answer(hook: &Kprobe, filter: &ArgFilter, context: &Context) -> Answer {
    let argument = &context.args[filter.arg];
    match argument {
        // Neither `/etc/passwd` nor anything else: a negative operator doesn't match it either.
        Argument::NoPath | Argument::BadFd => return Answer::No,
        Argument::UserFault => return Answer::Unreadable,
        Argument::KernelFault | Argument::Disconnected => return Answer::Undecided,
        Argument::Integer(_) | Argument::Whole(_) | Argument::Cut(_) => {}
    }
    let is_path = hook.args[filter.arg].ty.class() == TypeClass::Path;
    let answers: Vec<_> = match &filter.values {
        Values::Integers(values) => values.iter().map(|value| integer_answer(argument, *value)).collect(),
        Values::Strings(values) => {
            values.iter().map(|value| string_answer(argument, is_path, filter.op, value)).collect()
        }
    };
    let any = [Answer::Yes, Answer::Undecided].into_iter().find(|answer| answers.contains(answer));
    match filter.op {
        Operator::Equal | Operator::In | Operator::Prefix | Operator::Postfix => any.unwrap_or(Answer::No),
        Operator::NotEqual | Operator::NotIn => match any {
            Some(Answer::Yes) => Answer::No,
            Some(undecided) => undecided,
            None => Answer::Yes,
        },
    }
}

fn integer_answer(argument: &Argument, value: u64) -> Answer {
    decided(*argument == Argument::Integer(value))
}

/// One value; the negation of negative operators is not done here.
fn string_answer(argument: &Argument, is_path: bool, op: Operator, value: &[u8]) -> Answer {
    match (argument, op) {
        (Argument::Whole(whole), Operator::Prefix) => decided(whole.starts_with(value)),
        (Argument::Whole(whole), Operator::Postfix) => decided(whole.ends_with(value)),
        (Argument::Whole(whole), _) => decided(whole == value),
        // When fewer bytes are seen than the value has, the answer is undecided: the end that is seen is not compared.
        (Argument::Cut(end), _) if is_path && value.len() > end.len() => Answer::Undecided,
        // The end of a path is known. Something may stand before it; a walk that ran out of steps at the root saw all.
        (Argument::Cut(_), Operator::Prefix) if is_path => Answer::Undecided,
        (Argument::Cut(end), Operator::Postfix) if is_path => decided(end.ends_with(value)),
        (Argument::Cut(end), _) if is_path && value.len() == end.len() => Answer::Undecided,
        (Argument::Cut(_), _) if is_path => Answer::No,
        // The beginning of a text is known, and that it is longer than every value.
        (Argument::Cut(beginning), Operator::Prefix) => decided(beginning.starts_with(value)),
        (Argument::Cut(_), Operator::Postfix) => Answer::Undecided,
        (Argument::Cut(_), _) => Answer::No,
        _ => Answer::No,
    }
}

const fn decided(matches: bool) -> Answer {
    if matches { Answer::Yes } else { Answer::No }
}

#[cfg(test)]
#[path = "eval_tests.rs"]
mod tests;
