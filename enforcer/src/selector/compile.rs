//! AST to selector bytes, sets and hook constants. The only thing that can go wrong is size.

use quell_wire::hook::HookConfig;
use quell_wire::sets::Sets;
use quell_wire::tree::SelectorTree;
use quell_wire::write::{self, FilterBytes};

pub use super::actions::wire_action;
pub use super::code::{wire_operator, wire_type};
pub use super::error::CompileError;
use super::{config, entries, place, quick};
use crate::policy::ast::Hook;

/// What one hook gives to its program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompiledHook {
    /// Constants, for `.rodata`.
    pub config: HookConfig,
    /// Selector bytes, for `filter_map`.
    pub filter: Box<FilterBytes>,
    /// Members of the sets and search tables, for maps of their own.
    pub sets: Sets,
    /// The table of the early look, for a map of its own; empty where the constants have all values.
    pub early: Vec<u64>,
}

/// Compiles one hook; `number` is the one under which events will name it.
///
/// Namespaces of the host stand as `HOST_NAMESPACE`, see [`resolve`](super::host_namespaces::resolve).
///
/// # Errors
/// When something does not fit; [`CompileError::advice`] says what to do.
pub fn hook(hook: &Hook, number: u32) -> Result<CompiledHook, CompileError> {
    let (selectors, sets) = selectors(hook)?;
    let filter = write::selectors(&selectors)?;
    let mut config = config::config(hook, number, &selectors, &sets);
    let early = quick::set(&mut config, hook, &selectors, &sets);
    Ok(CompiledHook { config, filter, sets, early })
}

/// The selectors as the wire has them, and the sets that they name. A hook without selectors has one that always matches
/// and posts.
///
/// # Errors
/// When something does not fit.
pub fn selectors(hook: &Hook) -> Result<(Vec<SelectorTree>, Sets), CompileError> {
    let mut selectors = entries::selectors(hook)?;
    place::check_sections(&selectors)?;
    let sets = place::place(&mut selectors)?;
    Ok((selectors, sets))
}

#[cfg(test)]
#[path = "compile_tests.rs"]
mod tests;
