//! Attempts: the smallest programs that need a feature, loaded to see whether the kernel takes them.
//!
//! Each goes together with one that differs only in what is asked about. Where that one is taken and the other is not, the
//! kernel has it not; where neither is, nothing was learned. No text of the verifier is read: it differs between versions.
#![expect(unsafe_code, reason = "C functions that load single instructions have no safe form")]

use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};

use libbpf_rs::{MapHandle, MapType};
use libbpf_sys::{
    BPF_CALL, BPF_DW, BPF_EXIT, BPF_F_SLEEPABLE, BPF_IMM, BPF_JEQ, BPF_JMP, BPF_K, BPF_LD, BPF_LDX, BPF_MEM,
    BPF_MOV, BPF_PSEUDO_MAP_VALUE, BPF_W, BPF_X, bpf_attach_type, bpf_insn, bpf_link_create_opts,
    bpf_map_create_opts, bpf_prog_load_opts, bpf_prog_type, bpf_test_run_opts,
};

/// The opcode class of 64-bit arithmetic.
const ALU64: u32 = libbpf_sys::BPF_ALU64;

/// One instruction.
#[derive(Clone, Copy, Debug)]
pub(super) struct Instruction {
    code: u32,
    target: u8,
    source: u8,
    offset: i16,
    number: i32,
}

impl Instruction {
    const fn new(code: u32, target: u8, source: u8, offset: i16, number: i32) -> Self {
        Self { code, target, source, offset, number }
    }

    /// `register = number`
    pub(super) const fn set(register: u8, number: i32) -> Self {
        Self::new(ALU64 | BPF_MOV | BPF_K, register, 0, 0, number)
    }

    /// `register = other`
    pub(super) const fn copy(register: u8, other: u8) -> Self {
        Self::new(ALU64 | BPF_MOV | BPF_X, register, other, 0, 0)
    }

    /// `register += number`
    pub(super) const fn add(register: u8, number: i32) -> Self {
        Self::new(ALU64 | libbpf_sys::BPF_ADD | BPF_K, register, 0, 0, number)
    }

    /// `register = *(u64 *)(other + offset)`
    pub(super) const fn load(register: u8, other: u8, offset: i16) -> Self {
        Self::new(BPF_LDX | BPF_MEM | BPF_DW, register, other, offset, 0)
    }

    /// `register = *(u32 *)(other)`
    pub(super) const fn read(register: u8, other: u8) -> Self {
        Self::new(BPF_LDX | BPF_MEM | BPF_W, register, other, 0, 0)
    }

    /// Skips one instruction when the register is 0.
    pub(super) const fn skip_one_if_zero(register: u8) -> Self {
        Self::new(BPF_JMP | BPF_JEQ | BPF_K, register, 0, 1, 0)
    }

    /// The address of the value in an array of one: two instructions.
    pub(super) fn address_of_value(register: u8, map: &impl AsFd) -> [Self; 2] {
        let source = u8::try_from(BPF_PSEUDO_MAP_VALUE).unwrap_or(u8::MAX);
        let load = BPF_LD | BPF_IMM | BPF_DW;
        [Self::new(load, register, source, 0, map.as_fd().as_raw_fd()), Self::new(0, 0, 0, 0, 0)]
    }

    /// Calls a helper.
    pub(super) fn call(helper: u32) -> Self {
        Self::new(BPF_JMP | BPF_CALL, 0, 0, 0, i32::try_from(helper).unwrap_or(i32::MAX))
    }

    /// Ends the program.
    pub(super) const fn exit() -> Self {
        Self::new(BPF_JMP | BPF_EXIT, 0, 0, 0, 0)
    }

    fn encoded(self) -> bpf_insn {
        let mut instruction = bpf_insn {
            code: u8::try_from(self.code).unwrap_or(u8::MAX),
            off: self.offset,
            imm: self.number,
            ..bpf_insn::default()
        };
        instruction.set_dst_reg(self.target);
        instruction.set_src_reg(self.source);
        instruction
    }
}

/// A kind of program: its type, and for some the place that it is made for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kind {
    pub(super) program: bpf_prog_type,
    pub(super) attach: bpf_attach_type,
    /// Number of the function's type, for programs of trampolines.
    pub(super) function: u32,
}

impl Kind {
    /// Programs that are not made for one place.
    pub(super) const fn of(program: bpf_prog_type) -> Self {
        Self { program, attach: 0, function: 0 }
    }
}

/// Loads a program.
///
/// # Errors
/// The kernel's, whose number alone says something: every verifier words its refusal otherwise.
pub(super) fn load(kind: Kind, program: &[Instruction]) -> io::Result<OwnedFd> {
    load_with(kind, program, 0)
}

/// A map with one value of so many bytes, by which a program and this process talk; `None` where the kernel does not give one.
pub(super) fn value(name: &str, bytes: usize) -> Option<MapHandle> {
    let options = bpf_map_create_opts {
        sz: size_of::<bpf_map_create_opts>().try_into().ok()?,
        ..bpf_map_create_opts::default()
    };
    let key_bytes = size_of::<u32>().try_into().ok()?;
    let bytes = u32::try_from(bytes).ok()?;
    MapHandle::create(MapType::Array, Some(name), key_bytes, bytes, 1, &options).ok()
}

/// Loads a program that may sleep, which those of system calls have to be.
///
/// # Errors
/// As [`load`].
pub(super) fn load_sleepable(kind: Kind, program: &[Instruction]) -> io::Result<OwnedFd> {
    load_with(kind, program, BPF_F_SLEEPABLE)
}

fn load_with(kind: Kind, program: &[Instruction], flags: u32) -> io::Result<OwnedFd> {
    const NAME: &CStr = c"quell_attempt";
    const LICENCE: &CStr = c"GPL";
    let instructions: Vec<bpf_insn> = program.iter().map(|one| one.encoded()).collect();
    let mut options = bpf_prog_load_opts {
        sz: size_of::<bpf_prog_load_opts>().try_into().unwrap_or(u64::MAX),
        expected_attach_type: kind.attach,
        attach_btf_id: kind.function,
        prog_flags: flags,
        ..bpf_prog_load_opts::default()
    };
    let length = instructions.len().try_into().unwrap_or(u64::MAX);
    // SAFETY: names and instructions live until the call returns, and are as long as it is told.
    let result = unsafe {
        libbpf_sys::bpf_prog_load(
            kind.program,
            NAME.as_ptr(),
            LICENCE.as_ptr(),
            instructions.as_ptr(),
            length,
            &raw mut options,
        )
    };
    descriptor(result)
}

/// Runs a program of the kind that needs nothing to run on, and gives what it returns.
///
/// # Errors
/// The kernel's.
pub(super) fn run(program: &OwnedFd) -> io::Result<i32> {
    let mut options = bpf_test_run_opts {
        sz: size_of::<bpf_test_run_opts>().try_into().unwrap_or(u64::MAX),
        ..bpf_test_run_opts::default()
    };
    // SAFETY: the options live until the call returns, and name no memory.
    let result = unsafe { libbpf_sys::bpf_prog_test_run_opts(program.as_raw_fd(), &raw mut options) };
    if result < 0 { Err(io::Error::from_raw_os_error(-result)) } else { Ok(options.retval.cast_signed()) }
}

/// Attaches a kprobe program to the functions of a list that has only this one; detached when dropped.
///
/// # Errors
/// The kernel's.
pub(super) fn attach_as_list(program: &OwnedFd, function: &str) -> io::Result<OwnedFd> {
    let name = CString::new(function)?;
    let mut names = [name.as_ptr()];
    let mut options = bpf_link_create_opts {
        sz: size_of::<bpf_link_create_opts>().try_into().unwrap_or(u64::MAX),
        ..bpf_link_create_opts::default()
    };
    options.__bindgen_anon_1.kprobe_multi.cnt = 1;
    options.__bindgen_anon_1.kprobe_multi.syms = names.as_mut_ptr();
    // SAFETY: the name, the list of names and the options live until the call returns.
    let result = unsafe {
        libbpf_sys::bpf_link_create(
            program.as_raw_fd(),
            0,
            libbpf_sys::BPF_TRACE_KPROBE_MULTI,
            &raw const options,
        )
    };
    descriptor(result)
}

fn descriptor(result: i32) -> io::Result<OwnedFd> {
    if result < 0 {
        return Err(io::Error::from_raw_os_error(-result));
    }
    // SAFETY: the descriptor is new and nobody else's.
    Ok(unsafe { OwnedFd::from_raw_fd(result) })
}
