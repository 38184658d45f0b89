//! Puts the namespace numbers of this machine where a policy says `host_ns`, just before a hook is loaded.

use quell_wire::code::Subject;
use quell_wire::read::{self, ReadError};
use quell_wire::selector::HOST_NAMESPACE;
use quell_wire::tree::ValueTree;
use quell_wire::write::{self, TooLarge};

use super::compile::CompiledHook;

/// Why the numbers could not be put in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ResolveError {
    /// The bytes are not selectors, which a compiled hook's always are.
    #[error("the hook's selector bytes cannot be read")]
    Read(#[from] ReadError),
    /// They are selectors and do not fit, which those of a compiled hook always do.
    #[error("the hook's selectors cannot be written")]
    Write(#[from] TooLarge),
}

/// The hook with the host's namespaces by number: those that process 1 is in, in the order of
/// [`Namespace::ALL`](crate::policy::ast::Namespace::ALL); those that the hook does not name are not looked at.
///
/// # Errors
/// When the bytes of the hook are not what compiling gives.
pub fn resolve(hook: &CompiledHook, host: &[u32; 10]) -> Result<CompiledHook, ResolveError> {
    let mut selectors = read::selectors(&*hook.filter)?;
    let mut resolved = hook.clone();
    for (_, entries) in selectors.iter_mut().flat_map(|selector| &mut selector.sections) {
        for entry in entries {
            let Some(number) = own(entry.subject, host) else { continue };
            match &mut entry.values {
                ValueTree::Numbers(numbers) => {
                    let named = numbers.iter_mut().filter(|number| **number == u64::from(HOST_NAMESPACE));
                    named.for_each(|slot| *slot = number.into());
                }
                ValueTree::Set(set) => {
                    let of_set = resolved.sets.numbers.iter_mut().filter(|key| key.set == *set);
                    let named = of_set.filter(|key| key.number == u64::from(HOST_NAMESPACE));
                    named.for_each(|key| key.number = number.into());
                }
                _ => {}
            }
        }
    }
    // A set may now have one member twice; loading wants each once.
    let mut seen = std::collections::HashSet::new();
    resolved.sets.numbers.retain(|key| seen.insert((key.set, key.number)));
    resolved.filter = write::selectors(&selectors)?;
    Ok(resolved)
}

/// The host's namespace of the kind that the entry looks at.
fn own(subject: Subject, host: &[u32; 10]) -> Option<u32> {
    let kind = subject.number().checked_sub(Subject::NsUts.number())?;
    host.get(usize::try_from(kind).ok()?).copied()
}
