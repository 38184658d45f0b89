//! From a sketch to a hook with its bytes, the way that every policy takes: text, front end, encoder, namespaces of the
//! machine.

use quell::policy::ast::{Hook, Policy};
use quell::policy::{Source, parse};
use quell::selector::compile::{self, CompiledHook};
use quell::selector::host_namespaces;
use quell_wire::read;
use quell_wire::tree::SelectorTree;

/// What the front end says of values that do not fit one search: how they pack is not for the generator to know.
const SEARCH_TOO_LARGE: &str = "P062";

/// A policy with its one hook, ready to be asked.
#[derive(Clone, Debug)]
pub struct Prepared {
    /// What the model reads.
    pub policy: Policy,
    /// What the kernel gets.
    pub compiled: CompiledHook,
    /// The bytes, read again.
    pub trees: Vec<SelectorTree>,
}

/// Why a policy is not asked.
#[derive(Debug, thiserror::Error)]
pub enum Unprepared {
    /// The front end refuses it, so the generator is wrong about the language, or the front end is.
    #[error("the front end refuses a generated policy: {found}")]
    Refused {
        /// What it says.
        found: String,
    },
    /// It is larger than a hook's bytes and maps, or its values do not fit one search.
    #[error("it does not fit: {0}")]
    TooLarge(String),
    /// What was written can't be read again.
    #[error("its bytes can't be read: {0}")]
    Unreadable(String),
}

impl Prepared {
    /// The hook.
    #[must_use]
    pub fn hook(&self) -> &Hook {
        &self.policy.hooks[0]
    }
}

/// The policy of a text.
///
/// # Errors
/// When the front end refuses it.
pub fn policy(text: &str) -> Result<Policy, Unprepared> {
    let refused = |found: String| Unprepared::Refused { found };
    let mut policies = parse(&Source::new("generated", text)).map_err(|found| {
        let sized = found.as_slice().iter().all(|one| one.code.as_str() == SEARCH_TOO_LARGE);
        if sized { Unprepared::TooLarge(found.to_string()) } else { refused(found.to_string()) }
    })?;
    match policies.pop() {
        Some(policy) if policies.is_empty() && policy.hooks.len() == 1 => Ok(policy),
        _ => Err(refused("it is not one policy with one hook".to_owned())),
    }
}

/// Prepares a policy for a machine with these namespaces.
///
/// # Errors
/// When it is refused or does not fit.
pub fn prepare(text: &str, host: &[u32; 10]) -> Result<Prepared, Unprepared> {
    let policy = policy(text)?;
    let compiled =
        compile::hook(&policy.hooks[0], 0).map_err(|error| Unprepared::TooLarge(error.to_string()))?;
    let compiled = host_namespaces::resolve(&compiled, host)
        .map_err(|error| Unprepared::Unreadable(error.to_string()))?;
    let trees =
        read::selectors(&*compiled.filter).map_err(|error| Unprepared::Unreadable(error.to_string()))?;
    Ok(Prepared { policy, compiled, trees })
}
