//! Leaves out of pruned programs what nothing uses: numbers and addresses whose only use was in what is no longer there, and jumps to the
//! next instruction. A verifier leaves them in, and every call would take them.

use std::collections::BTreeSet;

use super::flow::successors;
use super::instruction::{Instruction, Kind};

/// Registers, a bit each.
type Registers = u16;

/// The result of a program, and of a call.
const RESULT: Registers = 1;
/// What a call is given; how many of them it looks at is not asked.
const GIVEN: Registers = 0b11_1110;
/// What a call leaves nothing of.
const LOST: Registers = RESULT | GIVEN;

/// Takes out of `stays` what is computed or loaded and never used, and jumps that go nowhere, of the instructions that are `reached`, in
/// their order. The first one of a program stays: the kernel wants its line.
pub(super) fn leave_out(
    code: &[Instruction],
    stays: &mut [bool],
    reached: &[usize],
    entries: &BTreeSet<usize>,
) {
    for (at, instruction) in unused(code, stays, reached) {
        if !entries.contains(&at) {
            drop_at(stays, at, instruction);
        }
    }
    // From the end, so that a jump over jumps that go nowhere goes nowhere itself.
    for at in reached.iter().rev().copied() {
        let Some(instruction) = code.get(at).copied().filter(|one| one.kind() == Kind::Jump) else {
            continue;
        };
        let target = at.checked_add_signed(isize::from(instruction.offset) + 1).filter(|target| *target > at);
        let over = target.and_then(|target| stays.get(at + 1..target));
        if over.is_some_and(|over| !over.contains(&true)) && !entries.contains(&at) {
            drop_at(stays, at, instruction);
        }
    }
}

fn drop_at(stays: &mut [bool], at: usize, instruction: Instruction) {
    let length = if instruction.kind() == Kind::LoadWide { 2 } else { 1 };
    if let Some(places) = stays.get_mut(at..at + length) {
        places.fill(false);
    }
}

/// The instructions that fill a register which nothing behind them uses.
fn unused(code: &[Instruction], stays: &[bool], reached: &[usize]) -> Vec<(usize, Instruction)> {
    let mut before: Vec<Registers> = vec![0; code.len() + 1];
    loop {
        let (mut news, mut unused) = (false, Vec::new());
        for at in reached.iter().rev().copied() {
            let Some(instruction) = code.get(at).copied() else { continue };
            let (next, other) = successors(at, instruction);
            let ways = [next, other].into_iter().flatten();
            let behind = ways.fold(0, |all, way| all | before.get(way).copied().unwrap_or(0));
            let used = if stays.get(at) != Some(&true) {
                // A branch that is never taken.
                before.get(at + 1).copied().unwrap_or(0)
            } else if is_needed(instruction, behind) {
                let (reads, writes) = uses(instruction);
                behind & !writes | reads
            } else {
                unused.push((at, instruction));
                behind
            };
            if let Some(place) = before.get_mut(at)
                && *place != used
            {
                *place = used;
                news = true;
            }
        }
        if !news {
            return unused;
        }
    }
}

/// Whether it does more than to fill a register that nothing uses.
fn is_needed(instruction: Instruction, used: Registers) -> bool {
    match instruction.kind() {
        Kind::LoadWide | Kind::Load { .. } | Kind::Compute { .. } => used & 1 << instruction.to() != 0,
        _ => true,
    }
}

/// The registers that an instruction reads, and those that it replaces.
fn uses(instruction: Instruction) -> (Registers, Registers) {
    let (to, from) = (1 << instruction.to(), 1 << instruction.from());
    match instruction.kind() {
        Kind::LoadWide => (0, to),
        Kind::Load { .. } => (from, to),
        Kind::Store { register, .. } => (if register { to | from } else { to }, 0),
        Kind::Compute { register, .. } => {
            let operand = if register { from } else { 0 };
            (if instruction.replaces() { operand } else { operand | to }, to)
        }
        Kind::Call => (GIVEN, LOST),
        Kind::Exit => (RESULT, 0),
        Kind::Jump => (0, 0),
        Kind::Branch => (if instruction.compares_registers() { to | from } else { to }, 0),
        // Whatever it is.
        Kind::Other => (Registers::MAX, 0),
    }
}
