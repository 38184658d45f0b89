//! One function, looked up by the kernel itself: where it has a helper for that, a name costs thousands of instructions, and the text
//! of `/proc/kallsyms`, which the kernel writes anew for every reader, hundreds of millions.

use std::io;
use std::os::fd::OwnedFd;

use libbpf_rs::{MapCore, MapFlags, MapHandle};
use libbpf_sys::{BPF_FUNC_kallsyms_lookup_name, BPF_PROG_TYPE_SYSCALL};

use super::attempt::{self, Instruction, Kind};

/// Room for a name and its end. A longer name is not looked up.
const NAME_BYTES: usize = 120;
/// The name, then the address.
const VALUE_BYTES: usize = NAME_BYTES + size_of::<u64>();
/// What the program returns when there is no such symbol.
const NOT_THERE: i32 = -(nix::errno::Errno::ENOENT as i32);

/// A symbol that every kernel with the helper has, and one that none has: what tells right answers from none.
const KNOWN: &str = "bpf_prog_put";
const NOBODYS: &str = "quell_has_no_such_function";

/// A program that asks, and the map that it has the question from.
#[derive(Debug)]
pub(super) struct Lookup {
    map: MapHandle,
    program: OwnedFd,
}

impl Lookup {
    /// Makes it, and tries it. `None`: this kernel has no such programs (before Linux 5.16), hides addresses from this process, or
    /// does not answer what it has to.
    pub(super) fn new() -> Option<Self> {
        let map = attempt::value("quell_lookup", VALUE_BYTES)?;
        let program = attempt::load_sleepable(Kind::of(BPF_PROG_TYPE_SYSCALL), &program(&map)).ok()?;
        let lookup = Self { map, program };
        let is_right = lookup.address(KNOWN).ok()?.is_some() && lookup.address(NOBODYS).ok()?.is_none();
        is_right.then_some(lookup)
    }

    /// Where a symbol is; `None`: the kernel has none of this name. Of several it gives one.
    ///
    /// # Errors
    /// The name is too long to be asked about, or the kernel did not answer.
    pub(super) fn address(&self, name: &str) -> io::Result<Option<u64>> {
        let mut value = [0; VALUE_BYTES];
        let place = value.get_mut(..name.len()).filter(|_| name.len() < NAME_BYTES);
        place.ok_or(io::ErrorKind::InvalidInput)?.copy_from_slice(name.as_bytes());
        let key = 0_u32.to_ne_bytes();
        self.map.update(&key, &value, MapFlags::ANY).map_err(io::Error::other)?;
        match attempt::run(&self.program)? {
            0 => {
                let value = self.map.lookup(&key, MapFlags::ANY).map_err(io::Error::other)?;
                let address = value.as_deref().and_then(<[u8]>::last_chunk).copied().map(u64::from_ne_bytes);
                address
                    .filter(|address| *address != 0)
                    .map(Some)
                    .ok_or_else(|| io::ErrorKind::InvalidData.into())
            }
            NOT_THERE => Ok(None),
            other => Err(io::Error::from_raw_os_error(other.saturating_neg())),
        }
    }
}

/// `return bpf_kallsyms_lookup_name(value, NAME_BYTES, 0, value + NAME_BYTES)`
fn program(map: &MapHandle) -> Vec<Instruction> {
    let name_bytes = i32::try_from(NAME_BYTES).unwrap_or(i32::MAX);
    let mut program = Instruction::address_of_value(1, map).to_vec();
    program.extend([
        Instruction::copy(4, 1),
        Instruction::add(4, name_bytes),
        Instruction::set(2, name_bytes),
        Instruction::set(3, 0),
        Instruction::call(BPF_FUNC_kallsyms_lookup_name),
        Instruction::exit(),
    ]);
    program
}
