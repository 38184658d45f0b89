//! Selector bytes and sets back to the policy: total on any input, and never a policy that would compile to other bytes.
//!
//! What is read are the trees of [`quell_wire::read`]; here they get their meaning back, entry by entry, and the result is
//! compiled again and compared, constants, sets and search tables included. Decoding gives the AST of the policy modulo the
//! places in its text, and modulo the normal form of many ranges ([`canonical`](super::canonical)).

use quell_wire::code::Subject;
use quell_wire::hook::HOOK_MONITOR;
use quell_wire::limits::{MAX_ARGS, MAX_SELECTORS};
use quell_wire::read::{self, ReadError};
use quell_wire::selector::{PID_FOLLOW_FORKS, PID_NAMESPACE, Section};
use quell_wire::sets::Sets;
use quell_wire::tree::{EntryTree, PidTree, SelectorTree};

use super::actions;
use super::compile::{self, CompiledHook};
use super::decode_entry::{self as entry, Problem};
use super::describe::{HookDescription, UnknownType};
use super::error::{CompileError, Place};
use crate::policy::Span;
use crate::policy::ast::{Hook, PidFilter, Selector};

/// Why bytes are not those of a policy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// They are not selectors at all.
    #[error("the selector bytes cannot be read")]
    Read(#[from] ReadError),
    /// The description is not of this language.
    #[error("the description of the hook is not of this language")]
    Type(#[from] UnknownType),
    /// The description is not of these bytes.
    #[error("{found} {what} are described, {expected} are in the bytes")]
    Count {
        /// Of what.
        what: &'static str,
        /// How many the description has.
        found: usize,
        /// How many the bytes have, or can have.
        expected: usize,
    },
    /// An entry that no policy has.
    #[error("{place} cannot be decoded: {problem}")]
    Entry {
        /// The entry.
        place: Place,
        /// What is wrong.
        problem: Problem,
    },
    /// A selector that is required and not there, or said to be so twice.
    #[error("the required selectors are not positions of selectors, ascending from 0")]
    Required,
    /// What the bytes say compiles to nothing.
    #[error("what the bytes say cannot be encoded")]
    Compile(#[from] CompileError),
    /// What the bytes say compiles to something else.
    #[error("{what} are not those that the decoded policy compiles to")]
    Differs {
        /// What is not the same.
        what: &'static str,
    },
}

/// Decodes one hook.
///
/// # Errors
/// When no policy compiles to this.
pub fn hook(description: &HookDescription, compiled: &CompiledHook) -> Result<Hook, DecodeError> {
    let mut hook = description.hook()?;
    if hook.args.len() > MAX_ARGS as usize {
        let (found, expected) = (hook.args.len(), MAX_ARGS as usize);
        return Err(DecodeError::Count { what: "arguments", found, expected });
    }
    let trees = read::selectors(&*compiled.filter)?;
    if trees.len() > MAX_SELECTORS as usize {
        let (found, expected) = (trees.len(), MAX_SELECTORS as usize);
        return Err(DecodeError::Count { what: "selectors", found, expected });
    }
    if !description.selectors.is_empty() {
        if description.selectors.len() != trees.len() {
            let (found, expected) = (description.selectors.len(), trees.len());
            return Err(DecodeError::Count { what: "selectors", found, expected });
        }
        let labelled = trees.iter().zip(&description.selectors).enumerate();
        let decoded = labelled.map(|(number, (tree, label))| {
            let selector = selector(&hook, tree, &compiled.sets, number)?;
            let required = description.required.contains(&number);
            Ok(Selector { label: label.clone(), required, ..selector })
        });
        hook.selectors = decoded.collect::<Result<_, DecodeError>>()?;
    }
    let ascending = description.required.is_sorted_by(|one, next| one < next);
    if !ascending || description.required.last().is_some_and(|last| *last >= hook.selectors.len()) {
        return Err(DecodeError::Required);
    }
    compare(&compile::hook(&hook, compiled.config.hook)?, compiled)?;
    Ok(hook)
}

/// Whether the decoded hook compiles to what was given. What the agent adds just before loading is no part of it.
fn compare(again: &CompiledHook, given: &CompiledHook) -> Result<(), DecodeError> {
    let mut config = given.config;
    config.agent_tgid = 0;
    config.followed_bit = Default::default();
    config.flags &= !HOOK_MONITOR;
    let differs = |what| Err(DecodeError::Differs { what });
    if again.filter != given.filter {
        return differs("the selector bytes");
    }
    if again.sets != given.sets {
        return differs("the sets");
    }
    if again.config != config {
        return differs("the constants");
    }
    Ok(())
}

fn selector(hook: &Hook, tree: &SelectorTree, sets: &Sets, number: usize) -> Result<Selector, DecodeError> {
    let at = |section, entry, problem| {
        let place = Place { selector: number, section, entry };
        DecodeError::Entry { place, problem }
    };
    let capabilities = |section, changes| {
        let found = entry::capabilities(tree.section(section), changes);
        found.map_err(|(position, problem)| at(section, position, problem))
    };
    let actions = |section, trees: &[_]| {
        let decode = |(position, tree)| {
            actions::action(tree, hook)
                .ok_or_else(|| at(section, position, "it has parameters that no policy gives"))
        };
        trees.iter().enumerate().map(decode).collect::<Result<Vec<_>, _>>()
    };
    let pid = |(position, tree)| pid(tree).map_err(|problem| at(Section::Pids, position, problem));
    Ok(Selector {
        label: None,
        required: false,
        pids: tree.pids.iter().enumerate().map(pid).collect::<Result<_, _>>()?,
        binaries: each(tree, number, Section::Binaries, |own| entry::binary(own, Subject::Executable, sets))?,
        parent_binaries: each(tree, number, Section::ParentBinaries, |own| {
            entry::binary(own, Subject::ParentExecutable, sets)
        })?,
        args: each(tree, number, Section::Args, |own| match own.subject {
            Subject::Returned => Err("it looks at the returned value"),
            _ => entry::arg(hook, own, sets),
        })?,
        return_args: each(tree, number, Section::ReturnArgs, |own| match own.subject {
            Subject::Returned => entry::arg(hook, own, sets),
            _ => Err("it does not look at the returned value"),
        })?,
        namespaces: each(tree, number, Section::Namespaces, |own| entry::namespace(own, sets))?,
        namespace_changes: each(tree, number, Section::NamespaceChanges, entry::namespace_change)?,
        capabilities: capabilities(Section::Capabilities, false)?,
        capability_changes: capabilities(Section::CapabilityChanges, true)?,
        actions: actions(Section::Actions, &tree.actions)?,
        return_actions: actions(Section::ReturnActions, &tree.return_actions)?,
        span: Span::default(),
    })
}

/// Decodes every entry of a section.
fn each<T>(
    tree: &SelectorTree,
    selector: usize,
    section: Section,
    decode: impl Fn(&EntryTree) -> Result<T, Problem>,
) -> Result<Vec<T>, DecodeError> {
    let place = |entry| Place { selector, section, entry };
    let entries = tree.section(section).iter().enumerate();
    entries
        .map(|(entry, own)| {
            decode(own).map_err(|problem| DecodeError::Entry { place: place(entry), problem })
        })
        .collect()
}

fn pid(tree: &PidTree) -> Result<PidFilter, Problem> {
    if tree.flags & !(PID_NAMESPACE | PID_FOLLOW_FORKS) != 0 {
        return Err("it has flags that no policy gives");
    }
    let mut sorted = tree.values.clone();
    sorted.sort_unstable();
    if sorted.is_empty() || sorted.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err("it has no process id, or one twice");
    }
    Ok(PidFilter {
        negated: entry::in_or_not(tree.op)?,
        namespace: tree.flags & PID_NAMESPACE != 0,
        follow_forks: tree.flags & PID_FOLLOW_FORKS != 0,
        values: tree.values.clone(),
        span: Span::default(),
    })
}

#[cfg(test)]
#[path = "decode_tests.rs"]
mod tests;
