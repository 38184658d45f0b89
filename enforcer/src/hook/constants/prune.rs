//! Leaves out of programs what their constants rule out.
//!
//! A verifier finds that out by itself, but looks at every instruction for it several times, and moves all that follow for each piece
//! that it cuts away: most of what loading a program for one hook took, of whose instructions nine in ten are for other hooks.

use std::collections::BTreeSet;

use super::flow::{self, Reached, Section};
use super::instruction::{Instruction, Kind};
use super::unused;

/// What is left of a section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pruned {
    /// Its instructions.
    pub(super) code: Vec<Instruction>,
    /// Whether an instruction stayed, by its old number.
    pub(super) stays: Vec<bool>,
    /// The number of each instruction now, or of the first that stayed behind it; one more for the end.
    pub(super) places: Vec<usize>,
}

/// Prunes the programs that begin at `wanted`; the others stay as they are. `None`: there is something in them that is not
/// understood well enough to move it.
pub(super) fn prune(section: &Section<'_>, wanted: &BTreeSet<usize>, constants: &[u8]) -> Option<Pruned> {
    let mut code = section.code.to_vec();
    let mut stays = vec![false; code.len()];
    for (start, end) in ranges(section.entries, code.len()) {
        if !wanted.contains(&start) {
            stays.get_mut(start..end)?.fill(true);
        }
    }
    let found = Section { entries: wanted, code: &mut code.clone(), ..*section };
    let mut reached = Vec::new();
    for Reached { at, instruction, decided } in flow::reached(&found, constants) {
        reached.push(at);
        if instruction.is_of_later_kernels() || instruction.calls_a_function_of_the_object() {
            return None;
        }
        *stays.get_mut(at)? = decided != Some(false);
        *code.get_mut(at)? = if decided == Some(true) { instruction.taken() } else { instruction };
        if instruction.kind() == Kind::LoadWide {
            *stays.get_mut(at + 1)? = true;
        }
    }
    unused::leave_out(&code, &mut stays, &reached, wanted);
    let places = places(&stays);
    let moved = code.iter().enumerate().filter(|(at, _)| stays.get(*at) == Some(&true));
    let code = moved.map(|(at, instruction)| renumbered(at, *instruction, &places)).collect::<Option<_>>()?;
    Some(Pruned { code, stays, places })
}

/// Where each program begins and ends.
fn ranges(entries: &BTreeSet<usize>, length: usize) -> Vec<(usize, usize)> {
    let ends = entries.iter().skip(1).copied().chain([length]);
    entries.iter().copied().zip(ends).collect()
}

fn places(stays: &[bool]) -> Vec<usize> {
    let mut next = 0;
    let mut places = Vec::with_capacity(stays.len() + 1);
    for stays in stays {
        places.push(next);
        next += usize::from(*stays);
    }
    places.push(next);
    places
}

/// The same instruction, with its jump to where its target is now.
fn renumbered(at: usize, instruction: Instruction, places: &[usize]) -> Option<Instruction> {
    if !matches!(instruction.kind(), Kind::Jump | Kind::Branch) {
        return Some(instruction);
    }
    let target = at.checked_add_signed(isize::from(instruction.offset) + 1)?;
    let (from, to) = (places.get(at)?.cast_signed(), places.get(target)?.cast_signed());
    let offset = i16::try_from(to - from - 1).ok()?;
    Some(instruction.jumping(offset))
}
