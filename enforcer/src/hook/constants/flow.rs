//! Follows the address of the constants through a section of programs, and replaces what is loaded from there by numbers.

use std::collections::{BTreeMap, BTreeSet};

use super::instruction::{Instruction, Kind, Operation};
use super::state::{State, Value};

/// How far behind the begin of the constants or the top of the stack an address is followed.
const FARTHEST: u64 = u32::MAX as u64;

/// A section of programs.
pub(super) struct Section<'a> {
    /// Its instructions, one program behind the other.
    pub(super) code: &'a mut [Instruction],
    /// Where programs begin.
    pub(super) entries: &'a BTreeSet<usize>,
    /// Instructions that load the address of the constants, with the bytes behind their start.
    pub(super) addresses: &'a BTreeMap<usize, i64>,
    /// Instructions that the loader changes: fields of kernel structures.
    pub(super) relocated: &'a BTreeSet<usize>,
    /// Every other wide load that the loader changes: maps, and other data.
    pub(super) foreign: &'a BTreeSet<usize>,
}

/// What became of the loads from the constants.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Loads that are numbers now.
    pub loads: usize,
    /// Computations with them that are numbers now.
    pub computations: usize,
    /// Loads that are still there, because no single instruction loads such a number: offset and bytes.
    pub left: BTreeSet<(usize, usize)>,
    /// Instructions that may read the constants where this search cannot see what they read.
    pub unseen: usize,
}

/// Replaces loads from `constants`, and what is computed from them.
pub(super) fn replace(section: &mut Section<'_>, constants: &[u8], outcome: &mut Outcome) {
    let states = states(section, constants);
    for (at, state) in states.iter().enumerate() {
        let (Some(state), Some(instruction)) = (state, section.code.get(at).copied()) else { continue };
        match instead(section, at, instruction, constants, state) {
            Instead::Load(number) => {
                outcome.loads += 1;
                put(section.code, at, number);
            }
            Instead::Computation(number) => {
                outcome.computations += 1;
                put(section.code, at, number);
            }
            Instead::Left(place) => {
                outcome.left.insert(place);
            }
            Instead::Unseen => outcome.unseen += 1,
            Instead::Same => {}
        }
    }
}

/// What stands in the place of an instruction whose constants are known.
enum Instead {
    /// A number, for a load.
    Load(Instruction),
    /// A number, for a computation.
    Computation(Instruction),
    /// The same load, of this place and so many bytes: no single instruction has such a number.
    Left((usize, usize)),
    /// It may read constants; which, is not seen.
    Unseen,
    /// What it was.
    Same,
}

fn instead(
    section: &Section<'_>,
    at: usize,
    instruction: Instruction,
    constants: &[u8],
    state: &State,
) -> Instead {
    if section.relocated.contains(&at) {
        return Instead::Same;
    }
    match instruction.kind() {
        Kind::Load { bytes } => match state.register(instruction.from()) {
            Value::Constants(start) => {
                let offset = start + i64::from(instruction.offset);
                let Some((value, place)) = constant(constants, offset, bytes) else { return Instead::Unseen };
                instruction.loading(value).map_or(Instead::Left(place), Instead::Load)
            }
            Value::Somewhere => Instead::Unseen,
            _ => Instead::Same,
        },
        Kind::Compute { operation, .. } if operation != Operation::Move => {
            let mut after = State::clone(state);
            step(section, at, instruction, constants, &mut after);
            let known = match after.register(instruction.to()) {
                Value::Number { value, ours: true } => instruction.loading(value),
                _ => None,
            };
            known.map_or(Instead::Same, Instead::Computation)
        }
        // An address that is kept elsewhere than on the stack, or by halves.
        Kind::Store { register: true, bytes, .. }
            if state.register(instruction.from()).may_point_at_constants()
                && (bytes < 8 || !matches!(state.register(instruction.to()), Value::Stack(_))) =>
        {
            Instead::Unseen
        }
        _ => Instead::Same,
    }
}

fn put(code: &mut [Instruction], at: usize, instruction: Instruction) {
    if let Some(place) = code.get_mut(at) {
        *place = instruction;
    }
}

/// An instruction that something gets to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reached {
    /// Which one.
    pub(super) at: usize,
    /// The same, or the number that it loads or computes.
    pub(super) instruction: Instruction,
    /// Which way a branch goes, where the constants decide that.
    pub(super) decided: Option<bool>,
}

/// The instructions that something gets to.
pub(super) fn reached(section: &Section<'_>, constants: &[u8]) -> Vec<Reached> {
    let states = states(section, constants);
    let known = states.iter().zip(section.code.iter().copied()).enumerate();
    known
        .filter_map(|(at, (state, instruction))| {
            let state = state.as_deref()?;
            let decided = decided(section, at, instruction, state);
            let instruction = match instead(section, at, instruction, constants, state) {
                Instead::Load(number) | Instead::Computation(number) => number,
                _ => instruction,
            };
            Some(Reached { at, instruction, decided })
        })
        .collect()
}

/// What is known before every instruction; `None` where nothing gets.
fn states(section: &Section<'_>, constants: &[u8]) -> Vec<Option<Box<State>>> {
    let mut states: Vec<Option<Box<State>>> = vec![None; section.code.len()];
    let mut todo: Vec<usize> = Vec::new();
    for entry in section.entries {
        if let Some(place) = states.get_mut(*entry) {
            *place = Some(Box::new(State::at_entry()));
            todo.push(*entry);
        }
    }
    while let Some(mut at) = todo.pop() {
        // Straight on as long as there is news; only the other way of a branch is for later.
        let Some(mut state) = states.get(at).and_then(|state| state.as_deref().cloned()) else { continue };
        while let Some(instruction) = section.code.get(at).copied() {
            let (next, other) = match (successors(at, instruction), decided(section, at, instruction, &state))
            {
                (ways, None) => ways,
                ((_, target), Some(true)) => (target, None),
                ((next, _), Some(false)) => (next, None),
            };
            step(section, at, instruction, constants, &mut state);
            if let Some(other) = other
                && reach(&mut states, other, &state)
            {
                todo.push(other);
            }
            let Some(next) = next.filter(|next| reach(&mut states, *next, &state)) else { break };
            let Some(joined) = states.get(next).and_then(|state| state.as_deref().cloned()) else { break };
            (at, state) = (next, joined);
        }
    }
    states
}

/// Another way to an instruction; whether it brings news.
fn reach(states: &mut [Option<Box<State>>], at: usize, state: &State) -> bool {
    match states.get_mut(at) {
        Some(Some(known)) => known.join(state),
        Some(place) => {
            *place = Some(Box::new(state.clone()));
            true
        }
        None => false,
    }
}

/// Whether a branch is taken, where both of what it compares are known.
fn decided(section: &Section<'_>, at: usize, instruction: Instruction, state: &State) -> Option<bool> {
    if instruction.kind() != Kind::Branch || section.relocated.contains(&at) {
        return None;
    }
    let right = if instruction.compares_registers() {
        state.register(instruction.from())
    } else {
        number(instruction.number)
    };
    match (state.register(instruction.to()), right) {
        (Value::Number { value: left, .. }, Value::Number { value: right, .. }) => {
            instruction.goes(left, right)
        }
        _ => None,
    }
}

/// The next instruction, and the other one that a branch may go to.
pub(super) fn successors(at: usize, instruction: Instruction) -> (Option<usize>, Option<usize>) {
    let target = at.checked_add_signed(isize::from(instruction.offset) + 1);
    match instruction.kind() {
        Kind::LoadWide => (Some(at + 2), None),
        Kind::Exit => (None, None),
        Kind::Jump => (target, None),
        Kind::Branch => (Some(at + 1), target),
        _ => (Some(at + 1), None),
    }
}

/// What is known behind an instruction.
fn step(section: &Section<'_>, at: usize, instruction: Instruction, constants: &[u8], state: &mut State) {
    let (to, from) = (instruction.to(), instruction.from());
    let moved = section.relocated.contains(&at);
    match instruction.kind() {
        Kind::LoadWide => {
            let upper = section.code.get(at + 1).map_or(0, |next| next.number);
            let value = match section.addresses.get(&at) {
                Some(offset) => Value::Constants(*offset),
                None if moved || from != 0 || section.foreign.contains(&at) => Value::Unknown,
                None => Value::Number {
                    value: u64::from(upper.cast_unsigned()) << 32
                        | u64::from(instruction.number.cast_unsigned()),
                    ours: false,
                },
            };
            state.set(to, value);
        }
        Kind::Load { bytes } => {
            let value = match state.register(from) {
                _ if moved => Value::Unknown,
                Value::Constants(start) => {
                    let offset = start + i64::from(instruction.offset);
                    constant(constants, offset, bytes)
                        .map_or(Value::Unknown, |(value, _)| Value::Number { value, ours: true })
                }
                Value::Stack(start) => state.load(start + i64::from(instruction.offset), bytes),
                pointer => state.load_through(pointer),
            };
            state.set(to, value);
        }
        Kind::Store { bytes, register, replaces } => {
            let pointer = state.register(to);
            if let Value::Stack(start) = pointer {
                let value = match (register, replaces) {
                    (true, true) => state.register(from),
                    (false, true) => number(instruction.number),
                    _ => Value::Unknown,
                };
                state.store(start + i64::from(instruction.offset), bytes, value);
            } else {
                state.store_through(pointer);
            }
            // What adds to memory may give back what was there, in the register that it added, or in register 0 (Linux 5.12).
            if register && !replaces {
                state.set(from, Value::Unknown);
                state.set(0, Value::Unknown);
            }
        }
        Kind::Compute { operation, wide, register } => {
            let right = if register { state.register(from) } else { number(instruction.number) };
            let left = state.register(to);
            state.set(to, if moved { left.mixed(right) } else { computed(operation, wide, left, right) });
        }
        Kind::Call => state.call(),
        Kind::Other => {
            state.call();
            state.set(to, Value::Unknown);
        }
        Kind::Exit | Kind::Jump | Kind::Branch => {}
    }
}

/// A number in an instruction, which is taken with its sign.
fn number(number: i32) -> Value {
    Value::Number { value: i64::from(number).cast_unsigned(), ours: false }
}

fn computed(operation: Operation, wide: bool, left: Value, right: Value) -> Value {
    if operation == Operation::Move && wide {
        return right;
    }
    let moved = |start: i64, by: u64| {
        let moved = match operation {
            Operation::Add if wide => start.checked_add(by.cast_signed()),
            Operation::Subtract if wide => start.checked_sub(by.cast_signed()),
            _ => None,
        };
        // Farther than any program may go: an instruction's own offset shall still fit.
        moved.filter(|moved| moved.unsigned_abs() <= FARTHEST)
    };
    match (left, right) {
        (_, Value::Number { value, ours }) if operation == Operation::Move => {
            operation.result(wide, 0, value).map_or(Value::Unknown, |value| Value::Number { value, ours })
        }
        (Value::Number { value: left, ours: one }, Value::Number { value: right, ours: two }) => operation
            .result(wide, left, right)
            .map_or(Value::Unknown, |value| Value::Number { value, ours: one || two }),
        (Value::Constants(start), Value::Number { value, .. }) => {
            moved(start, value).map_or(Value::Somewhere, Value::Constants)
        }
        (Value::Number { value, .. }, Value::Constants(start)) if operation == Operation::Add => {
            moved(start, value).map_or(Value::Somewhere, Value::Constants)
        }
        (Value::Stack(start), Value::Number { value, .. }) => {
            moved(start, value).map_or(Value::OnStack, Value::Stack)
        }
        _ => left.mixed(right),
    }
}

/// The constant at an offset, and its place.
fn constant(constants: &[u8], offset: i64, bytes: u32) -> Option<(u64, (usize, usize))> {
    let (start, length) = (usize::try_from(offset).ok()?, bytes as usize);
    let mut wide = [0; 8];
    wide.get_mut(..length)?.copy_from_slice(constants.get(start..start + length)?);
    Some((u64::from_le_bytes(wide), (start, length)))
}
