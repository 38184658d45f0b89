//! How a function begins, read from the kernel's memory: whether the function tracer can take it shows there, and its own list, which
//! the kernel writes anew for every reader, costs hundreds of millions of instructions.

use std::os::fd::OwnedFd;

use libbpf_rs::{MapCore, MapFlags, MapHandle};
use libbpf_sys::{BPF_FUNC_probe_read_kernel, BPF_PROG_TYPE_RAW_TRACEPOINT};

use super::attempt::{self, Instruction, Kind};

/// Bytes that are looked at.
const BEGIN_BYTES: usize = 16;
/// The begin, then the address.
const VALUE_BYTES: usize = BEGIN_BYTES + size_of::<u64>();

/// What stands in front: where an indirect call may go to (`endbr64`), or what the kernel puts there when none does (`gen_endbr_poison` of
/// arch/x86, in its earlier and its later form).
const LANDINGS: [[u8; 4]; 3] = [[0xf3, 0x0f, 0x1e, 0xfa], [0x66, 0x0f, 0x1f, 0x00], [0x0f, 0x1f, 0x40, 0xd6]];
/// Where the function tracer puts its call, while nobody traces the function (`x86_nops[5]` of arch/x86; some processors have the
/// other one on older kernels, as QEMU's have on 5.10).
const UNUSED_CALLS: [[u8; 5]; 2] = [[0x0f, 0x1f, 0x44, 0x00, 0x00], [0x66, 0x66, 0x66, 0x66, 0x90]];

/// A program that reads, and the map that it has the place from.
#[derive(Debug)]
pub(super) struct Begins {
    map: MapHandle,
    program: OwnedFd,
}

impl Begins {
    /// Makes it. `None`: this kernel runs no such program on demand (before Linux 5.10), or lets none read its memory.
    pub(super) fn new() -> Option<Self> {
        let map = attempt::value("quell_begin", VALUE_BYTES)?;
        let program = attempt::load(Kind::of(BPF_PROG_TYPE_RAW_TRACEPOINT), &program(&map)).ok()?;
        Some(Self { map, program })
    }

    /// Whether the function at this address has room for a call of the function tracer. It says no of one that is traced just now.
    pub(super) fn has_room_at(&self, address: u64) -> bool {
        self.at(address).is_some_and(|begin| has_room(&begin))
    }

    fn at(&self, address: u64) -> Option<[u8; BEGIN_BYTES]> {
        let (key, mut value) = (0_u32.to_ne_bytes(), [0; VALUE_BYTES]);
        *value.last_chunk_mut()? = address.to_ne_bytes();
        self.map.update(&key, &value, MapFlags::ANY).ok()?;
        if attempt::run(&self.program).ok()? != 0 {
            return None;
        }
        self.map.lookup(&key, MapFlags::ANY).ok()??.first_chunk().copied()
    }
}

fn has_room(begin: &[u8]) -> bool {
    let landing = LANDINGS.iter().find_map(|landing| begin.strip_prefix(landing));
    let code = landing.unwrap_or(begin);
    UNUSED_CALLS.iter().any(|call| code.starts_with(call))
}

/// `return bpf_probe_read_kernel(value, BEGIN_BYTES, *(value + BEGIN_BYTES))`
fn program(map: &MapHandle) -> Vec<Instruction> {
    let mut program = Instruction::address_of_value(1, map).to_vec();
    program.extend([
        Instruction::load(3, 1, i16::try_from(BEGIN_BYTES).unwrap_or(i16::MAX)),
        Instruction::set(2, i32::try_from(BEGIN_BYTES).unwrap_or(i32::MAX)),
        Instruction::call(BPF_FUNC_probe_read_kernel),
        Instruction::exit(),
    ]);
    program
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::room(&[0x0f, 0x1f, 0x44, 0x00, 0x00, 0x55], true)]
    #[case::room_of_earlier_kernels(&[0x66, 0x66, 0x66, 0x66, 0x90, 0x55], true)]
    #[case::room_behind_a_landing(&[0xf3, 0x0f, 0x1e, 0xfa, 0x0f, 0x1f, 0x44, 0x00, 0x00], true)]
    #[case::room_behind_no_landing_any_more(&[0x66, 0x0f, 0x1f, 0x00, 0x0f, 0x1f, 0x44, 0x00, 0x00], true)]
    #[case::the_same_of_later_kernels(&[0x0f, 0x1f, 0x40, 0xd6, 0x0f, 0x1f, 0x44, 0x00, 0x00], true)]
    #[case::traced_just_now(&[0xf3, 0x0f, 0x1e, 0xfa, 0xe8, 1, 2, 3, 4], false)]
    #[case::no_room(&[0xf3, 0x0f, 0x1e, 0xfa, 0x55, 0x48, 0x89, 0xe5], false)]
    #[case::nothing(&[0; 16], false)]
    fn a_function_with_room_for_the_tracers_call_is_seen(#[case] begin: &[u8], #[case] expected: bool) {
        assert_eq!(has_room(begin), expected);
    }
}
