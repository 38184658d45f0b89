//! What is known of registers and stack before an instruction.

use std::collections::BTreeMap;
use std::rc::Rc;

/// Registers of the machine.
pub(super) const REGISTERS: usize = 11;
/// The register that points to the top of the stack.
const FRAME: usize = 10;

/// What is known of a register or of eight bytes of the stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Value {
    /// Nothing, but that it does not point into the constants.
    Unknown,
    /// A number.
    Number {
        /// Which.
        value: u64,
        /// It comes from the hook's constants, so that no compiler could know it.
        ours: bool,
    },
    /// The address of the constants, plus so many bytes.
    Constants(i64),
    /// It may point into the constants or the stack; where, is not known.
    Somewhere,
    /// The top of the stack, plus so many bytes.
    Stack(i64),
    /// It may point into the stack; where, is not known.
    OnStack,
}

impl Value {
    /// Whether a load through it may read a constant.
    pub(super) fn may_point_at_constants(self) -> bool {
        matches!(self, Self::Constants(_) | Self::Somewhere)
    }

    /// Whether a store through it, or a helper that is given it, may change the stack.
    fn may_point_at_stack(self) -> bool {
        matches!(self, Self::Stack(_) | Self::OnStack | Self::Somewhere)
    }

    /// What is left of it when only where it may point is known.
    pub(super) fn blurred(self) -> Self {
        if self.may_point_at_constants() {
            Self::Somewhere
        } else if self.may_point_at_stack() {
            Self::OnStack
        } else {
            Self::Unknown
        }
    }

    /// What may be made of two values when it is not known how.
    pub(super) fn mixed(self, other: Self) -> Self {
        match (self.blurred(), other.blurred()) {
            (Self::Somewhere, _) | (_, Self::Somewhere) => Self::Somewhere,
            (Self::OnStack, _) | (_, Self::OnStack) => Self::OnStack,
            _ => Self::Unknown,
        }
    }

    /// What is known where two ways meet.
    fn joined(self, other: Self) -> Self {
        match (self, other) {
            (one, two) if one == two => one,
            (Self::Number { value: one, .. }, Self::Number { value: two, .. }) if one == two => {
                Self::Number { value: one, ours: false }
            }
            (one, two) => one.mixed(two),
        }
    }
}

/// Registers and stack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct State {
    registers: [Value; REGISTERS],
    /// By offset from the top, eight bytes each; what is not listed is unknown.
    stack: Rc<BTreeMap<i64, Value>>,
}

impl State {
    /// Where a program begins.
    pub(super) fn at_entry() -> Self {
        let mut registers = [Value::Unknown; REGISTERS];
        registers[FRAME] = Value::Stack(0);
        Self { registers, stack: Rc::default() }
    }

    /// What is known of a register.
    pub(super) fn register(&self, register: usize) -> Value {
        self.registers.get(register).copied().unwrap_or(Value::Unknown)
    }

    /// A register changed.
    pub(super) fn set(&mut self, register: usize, value: Value) {
        if let Some(place) = self.registers.get_mut(register) {
            *place = value;
        }
    }

    /// A function was called: it may have written to whatever it was given the address of, from there on.
    pub(super) fn call(&mut self) {
        let given =
            (1..=5).map(|register| self.register(register)).filter(|value| value.may_point_at_stack());
        let lowest =
            given.map(|value| if let Value::Stack(offset) = value { offset } else { i64::MIN }).min();
        if let Some(lowest) = lowest {
            self.overwritten(lowest);
        }
        for register in 0..=5 {
            self.set(register, Value::Unknown);
        }
    }

    /// Something changed on the stack, but not below `offset`; what and where, is not known.
    fn overwritten(&mut self, offset: i64) {
        let stack = Rc::make_mut(&mut self.stack);
        for (_, value) in stack.iter_mut().filter(|(other, _)| other.saturating_add(8) > offset) {
            *value = value.blurred();
        }
        stack.retain(|_, value| *value != Value::Unknown);
    }

    /// A store through `pointer`, which is no known place of the stack.
    pub(super) fn store_through(&mut self, pointer: Value) {
        if pointer.may_point_at_stack() {
            self.overwritten(i64::MIN);
        }
    }

    /// What a load through `pointer` gives, which is no known place of the stack.
    pub(super) fn load_through(&self, pointer: Value) -> Value {
        if pointer.may_point_at_stack() {
            self.stack.values().fold(Value::Unknown, |all, value| all.mixed(*value))
        } else {
            Value::Unknown
        }
    }

    /// What `bytes` of the stack at `offset` hold.
    pub(super) fn load(&self, offset: i64, bytes: u32) -> Value {
        if let Some(value) = self.stack.get(&offset).filter(|_| bytes == 8) {
            return *value;
        }
        let end = offset + i64::from(bytes);
        let touched = self.stack.iter().filter(|(other, _)| **other + 8 > offset && end > **other);
        touched.fold(Value::Unknown, |all, (_, value)| all.mixed(*value))
    }

    /// `bytes` of the stack at `offset` changed.
    pub(super) fn store(&mut self, offset: i64, bytes: u32, value: Value) {
        let bytes = i64::from(bytes);
        let touches = |other: i64| other + 8 > offset && offset + bytes > other;
        if value == Value::Unknown && !self.stack.keys().any(|other| touches(*other)) {
            return;
        }
        let stack = Rc::make_mut(&mut self.stack);
        stack.retain(|other, _| !touches(*other));
        if bytes == 8 && value != Value::Unknown {
            stack.insert(offset, value);
        }
    }

    /// Takes in another way to the same instruction; whether that changed anything.
    pub(super) fn join(&mut self, other: &Self) -> bool {
        let before = self.clone();
        for (mine, theirs) in self.registers.iter_mut().zip(other.registers) {
            *mine = mine.joined(theirs);
        }
        if !Rc::ptr_eq(&self.stack, &other.stack) && self.stack != other.stack {
            let offsets: Vec<i64> = self.stack.keys().chain(other.stack.keys()).copied().collect();
            for offset in offsets {
                let joined = self.load(offset, 8).joined(other.load(offset, 8));
                let stack = Rc::make_mut(&mut self.stack);
                if joined == Value::Unknown {
                    stack.remove(&offset);
                } else {
                    stack.insert(offset, joined);
                }
            }
        }
        *self != before
    }
}
