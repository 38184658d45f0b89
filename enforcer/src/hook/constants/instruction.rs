//! One instruction of a program, taken apart: what the search for constants has to know, and nothing more.

use quell_wire::hook::CAST_CALL;

/// Bytes of an instruction.
pub(super) const SIZE: usize = 8;

const CLASS: u8 = 0x07;
const MODE: u8 = 0xe0;
const MODE_MEMORY: u8 = 0x60;
/// The second operand is a register.
const REGISTER_OPERAND: u8 = 0x08;
const LOAD_WIDE: u8 = 0x18;
const JUMP: u8 = 0x05;
const MOVE_64: u8 = 0xb7;
const MOVE_32: u8 = 0xb4;
/// The source register of a call of a function of the kernel: 2, in the upper half.
const FUNCTION_OF_THE_KERNEL: u8 = 0x20;

/// An instruction as it lies in the object (kernel documentation, "BPF Instruction Set Architecture").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Instruction {
    code: u8,
    registers: u8,
    /// Of jumps in instructions, of memory in bytes.
    pub(super) offset: i16,
    /// The number in it.
    pub(super) number: i32,
}

/// What an instruction does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// `to = number`, with the upper half in the next instruction.
    LoadWide,
    /// `to = *(bytes *)(from + offset)`
    Load {
        /// Bytes that are read.
        bytes: u32,
    },
    /// `*(bytes *)(to + offset) = from`, or a number.
    Store {
        /// Bytes that are written.
        bytes: u32,
        /// What is written stands in a register.
        register: bool,
        /// It replaces what is there, rather than being added to it.
        replaces: bool,
    },
    /// `to = to operation operand`
    Compute {
        /// Which operation.
        operation: Operation,
        /// 64 bits, or 32 with the upper half cleared.
        wide: bool,
        /// The operand is a register.
        register: bool,
    },
    /// A function is called: registers 0 to 5 are lost.
    Call,
    /// The program ends.
    Exit,
    /// Goes elsewhere.
    Jump,
    /// Goes elsewhere or on.
    Branch,
    /// Anything else; register 0 to 5 and `to` may have changed.
    Other,
}

/// Arithmetic whose result is followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    /// `+`
    Add,
    /// `-`
    Subtract,
    /// `*`
    Multiply,
    /// `|`
    Or,
    /// `&`
    And,
    /// `<<`
    ShiftLeft,
    /// `>>`
    ShiftRight,
    /// `>>` that keeps the sign
    ShiftArithmetic,
    /// `^`
    Xor,
    /// `=`
    Move,
    /// Anything else.
    Other,
}

impl Instruction {
    /// Takes eight bytes apart.
    pub(super) fn read(bytes: [u8; SIZE]) -> Self {
        let [code, registers, low, high, a, b, c, d] = bytes;
        Self {
            code,
            registers,
            offset: i16::from_le_bytes([low, high]),
            number: i32::from_le_bytes([a, b, c, d]),
        }
    }

    /// Puts them together again.
    pub(super) fn bytes(self) -> [u8; SIZE] {
        let [low, high] = self.offset.to_le_bytes();
        let [a, b, c, d] = self.number.to_le_bytes();
        [self.code, self.registers, low, high, a, b, c, d]
    }

    /// The register that changes, or that points to what does.
    pub(super) fn to(self) -> usize {
        usize::from(self.registers & 15)
    }

    /// The register that is read.
    pub(super) fn from(self) -> usize {
        usize::from(self.registers >> 4)
    }

    /// The same instruction's register loaded with a number instead; `None` when no single instruction can do that.
    pub(super) fn loading(self, value: u64) -> Option<Self> {
        let (code, number) = if let Ok(number) = i32::try_from(value.cast_signed()) {
            (MOVE_64, number)
        } else {
            (MOVE_32, u32::try_from(value).ok()?.cast_signed())
        };
        Some(Self { code, registers: self.registers & 15, offset: 0, number })
    }

    /// A branch that is always taken.
    pub(super) fn taken(self) -> Self {
        Self { code: JUMP, registers: 0, offset: self.offset, number: 0 }
    }

    /// The same jump, as far as this.
    pub(super) fn jumping(self, offset: i16) -> Self {
        Self { offset, ..self }
    }

    /// Whether it is of an instruction set that is not followed here: what jumps as far as a number of 32 bits says, and arithmetic
    /// whose offset says that it minds signs (Linux 6.6).
    pub(super) fn is_of_later_kernels(self) -> bool {
        match self.code & CLASS {
            4 | 7 => self.offset != 0,
            6 => matches!(self.code >> 4, 0 | 8 | 9 | 14 | 15),
            _ => false,
        }
    }

    /// Whether its result has nothing to do with what was in its register: it moves.
    pub(super) fn replaces(self) -> bool {
        matches!(self.kind(), Kind::Compute { operation: Operation::Move, .. })
    }

    /// Whether it calls something.
    #[cfg(test)]
    pub(super) fn calls(self) -> bool {
        self.kind() == Kind::Call
    }

    /// A call of a function of the kernel (`BPF_PSEUDO_KFUNC_CALL`) by its number among the kernel's types, where it is a call of the
    /// helper that stands for it.
    pub(super) fn casting(self, number: u32) -> Option<Self> {
        let stands_for_it =
            self.kind() == Kind::Call && self.from() == 0 && self.number == CAST_CALL.cast_signed();
        stands_for_it.then_some(Self {
            registers: FUNCTION_OF_THE_KERNEL,
            number: number.cast_signed(),
            ..self
        })
    }

    /// Whether it calls another function of the object (`BPF_PSEUDO_CALL`).
    pub(super) fn calls_a_function_of_the_object(self) -> bool {
        self.kind() == Kind::Call && self.from() == 1
    }

    /// Whether a branch is taken when its register holds `left`, and it is compared with `right`; `None` for what is no comparison.
    pub(super) fn goes(self, left: u64, right: u64) -> Option<bool> {
        let wide = self.code & CLASS == 5;
        let cut = |value: u64| if wide { value } else { value & u64::from(u32::MAX) };
        let signed = |value: u64| if wide { value.cast_signed() } else { (value << 32).cast_signed() >> 32 };
        let (one, other) = (cut(left), cut(right));
        let (negative, positive) = (signed(left), signed(right));
        Some(match self.code >> 4 {
            0x1 => one == other,
            0x2 => one > other,
            0x3 => one >= other,
            0x4 => one & other != 0,
            0x5 => one != other,
            0x6 => negative > positive,
            0x7 => negative >= positive,
            0xa => one < other,
            0xb => one <= other,
            0xc => negative < positive,
            0xd => negative <= positive,
            _ => return None,
        })
    }

    /// Whether the second operand is a register.
    pub(super) fn compares_registers(self) -> bool {
        self.code & REGISTER_OPERAND != 0
    }

    /// What it does.
    pub(super) fn kind(self) -> Kind {
        let register = self.code & REGISTER_OPERAND != 0;
        let bytes = match self.code & 0x18 {
            0x00 => 4,
            0x08 => 2,
            0x10 => 1,
            _ => 8,
        };
        match (self.code & CLASS, self.code & MODE) {
            (0, _) if self.code == LOAD_WIDE => Kind::LoadWide,
            (1, MODE_MEMORY) => Kind::Load { bytes },
            (2, MODE_MEMORY) => Kind::Store { bytes, register: false, replaces: true },
            (3, mode) => Kind::Store { bytes, register: true, replaces: mode == MODE_MEMORY },
            (4 | 7, _) => {
                Kind::Compute { operation: self.operation(), wide: self.code & CLASS == 7, register }
            }
            (5, _) if self.code >> 4 == 8 => Kind::Call,
            (5, _) if self.code >> 4 == 9 => Kind::Exit,
            (5, _) if self.code >> 4 == 0 => Kind::Jump,
            (5 | 6, _) => Kind::Branch,
            _ => Kind::Other,
        }
    }

    fn operation(self) -> Operation {
        match self.code >> 4 {
            0x0 => Operation::Add,
            0x1 => Operation::Subtract,
            0x2 => Operation::Multiply,
            0x4 => Operation::Or,
            0x5 => Operation::And,
            0x6 => Operation::ShiftLeft,
            0x7 => Operation::ShiftRight,
            0xa => Operation::Xor,
            0xb => Operation::Move,
            0xc => Operation::ShiftArithmetic,
            _ => Operation::Other,
        }
    }
}

impl Operation {
    /// The result for two numbers, as the kernel computes it; `None` for what is not followed.
    pub(super) fn result(self, wide: bool, left: u64, right: u64) -> Option<u64> {
        let bits = if wide { 64 } else { 32 };
        let cut = |value: u64| if wide { value } else { value & u64::from(u32::MAX) };
        let (left, right) = (cut(left), cut(right));
        // A shift by the width or more is no program that a verifier takes.
        let shift = u32::try_from(right).ok().filter(|shift| *shift < bits);
        let result = match self {
            Self::Add => left.wrapping_add(right),
            Self::Subtract => left.wrapping_sub(right),
            Self::Multiply => left.wrapping_mul(right),
            Self::Or => left | right,
            Self::And => left & right,
            Self::Xor => left ^ right,
            Self::Move => right,
            Self::ShiftLeft => left << shift?,
            Self::ShiftRight => left >> shift?,
            Self::ShiftArithmetic => {
                let unused = 64 - bits;
                ((left << unused).cast_signed() >> shift? >> unused).cast_unsigned()
            }
            Self::Other => return None,
        };
        Some(cut(result))
    }
}
