//! What the constants of a hook make of its programs: [`prune`] leaves out what they rule out, [`rewrite`] puts them into the instructions.
//!
//! The latter is for kernels whose verifier does not take a frozen map's
//! contents for known (before Linux 5.5, commit a23740ec43ba): there it would walk, and refuse, what the hook does not use.
//!
//! There every load of a constant becomes the number itself, and so does what is computed from such numbers alone; nothing else
//! changes, and no instruction moves, so that whatever describes the instructions stays right. What follows then, such as a
//! branch that is never taken, every verifier from 5.3 on finds out by itself.

mod cast;
mod flow;
mod instruction;
mod object;
mod prune;
mod shrink;
mod state;
mod unused;

use std::collections::{BTreeMap, BTreeSet};

use flow::Section;
use instruction::{Instruction, SIZE};

pub use cast::with_casts;
pub use flow::Outcome;
pub use object::ObjectError;
pub(super) use object::fitted;

/// An object with its constants in the instructions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rewritten {
    /// The object, of the same size.
    pub object: Vec<u8>,
    /// The constants that some instruction may still read, zeros elsewhere: a load that was overlooked shall not go unnoticed.
    pub constants: Vec<u8>,
    /// What was replaced, and what was not.
    pub outcome: Outcome,
}

/// Leaves out of the programs that are `wanted`, by their names, what `constants` rule out. The others stay as they are.
///
/// # Errors
/// When the bytes are no object that was compiled here.
pub fn prune(object: &[u8], constants: &[u8], wanted: &dyn Fn(&str) -> bool) -> Result<Vec<u8>, ObjectError> {
    let mut left = BTreeMap::new();
    for found in object::sections(object)? {
        let mut code = instructions(object, &found)?;
        let addresses = addresses(&found, &code);
        let entries: BTreeSet<usize> = found.names.keys().copied().collect();
        let wanted = found.names.iter().filter(|(_, name)| wanted(name)).map(|(at, _)| *at).collect();
        let section = Section {
            code: &mut code,
            entries: &entries,
            addresses: &addresses,
            relocated: &found.relocated,
            foreign: &found.foreign,
        };
        if let Some(pruned) = prune::prune(&section, &wanted, constants) {
            left.insert(found.section, pruned);
        }
    }
    let mut bytes = object.to_vec();
    shrink::shrink(&mut bytes, &left)?;
    Ok(bytes)
}

/// Puts `constants`, the bytes of the global `config`, into the programs of an object.
///
/// # Errors
/// When the bytes are no object that was compiled here.
pub fn rewrite(object: &[u8], constants: &[u8]) -> Result<Rewritten, ObjectError> {
    let mut bytes = object.to_vec();
    let mut outcome = Outcome::default();
    for found in object::sections(object)? {
        let mut code = instructions(object, &found)?;
        let addresses = addresses(&found, &code);
        let entries = found.names.keys().copied().collect();
        let mut section = Section {
            code: &mut code,
            entries: &entries,
            addresses: &addresses,
            relocated: &found.relocated,
            foreign: &found.foreign,
        };
        flow::replace(&mut section, constants, &mut outcome);
        let range = found.place..found.place + found.instructions * SIZE;
        let text = bytes.get_mut(range).ok_or(OUTSIDE)?;
        for (chunk, instruction) in text.as_chunks_mut::<SIZE>().0.iter_mut().zip(code) {
            *chunk = instruction.bytes();
        }
    }
    let constants = still_read(constants, &outcome);
    Ok(Rewritten { object: bytes, constants, outcome })
}

const OUTSIDE: ObjectError = ObjectError::Broken("a section lies outside of the file");

fn instructions(object: &[u8], found: &object::Programs) -> Result<Vec<Instruction>, ObjectError> {
    let text = object.get(found.place..found.place + found.instructions * SIZE).ok_or(OUTSIDE)?;
    Ok(text.as_chunks::<SIZE>().0.iter().map(|chunk| Instruction::read(*chunk)).collect())
}

/// Where the address of the constants is loaded, with the bytes behind their start.
fn addresses(found: &object::Programs, code: &[Instruction]) -> BTreeMap<usize, i64> {
    let number = |at: usize| code.get(at).map_or(0, |load| i64::from(load.number));
    found.addresses.iter().map(|(at, start)| (*at, start + number(*at))).collect()
}

/// The constants that instructions may still read.
fn still_read(constants: &[u8], outcome: &Outcome) -> Vec<u8> {
    if outcome.unseen > 0 {
        return constants.to_vec();
    }
    let read: BTreeSet<usize> =
        outcome.left.iter().flat_map(|(start, length)| *start..start + length).collect();
    let kept = constants.iter().enumerate();
    kept.map(|(at, byte)| if read.contains(&at) { *byte } else { 0 }).collect()
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
