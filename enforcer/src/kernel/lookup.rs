//! One function, looked up by the kernel itself: where it has a helper for that, a name costs thousands of instructions, and the text
//! of `/proc/kallsyms`, which the kernel writes anew for every reader, hundreds of millions.

use std::io;
use std::os::fd::OwnedFd;

use libbpf_rs::{MapCore, MapFlags, MapHandle, MapType};
use libbpf_sys::{
    BPF_FUNC_kallsyms_lookup_name, BPF_FUNC_probe_read_kernel, BPF_PROG_TYPE_SYSCALL, bpf_map_create_opts,
};

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

/// Bytes at the begin of a function that are looked at.
const BEGIN_BYTES: usize = 16;
/// What an indirect call may go to (`endbr64`), which stands before anything else.
const LANDING: [u8; 4] = [0xf3, 0x0f, 0x1e, 0xfa];
/// Where the function tracer puts its call, while nobody traces the function (`x86_nops[5]` of arch/x86).
const UNUSED_CALL: [u8; 5] = [0x0f, 0x1f, 0x44, 0x00, 0x00];

/// A program that asks, and the map that it has the question from.
#[derive(Debug)]
pub(super) struct Lookup {
    map: MapHandle,
    program: OwnedFd,
    /// Reads where a function begins; `None` where the kernel lets no program read its memory.
    reader: Option<OwnedFd>,
}

impl Lookup {
    /// Makes it, and tries it. `None`: this kernel has no such programs (before Linux 5.16), hides addresses from this process, or
    /// does not answer what it has to.
    pub(super) fn new() -> Option<Self> {
        let options = bpf_map_create_opts {
            sz: size_of::<bpf_map_create_opts>().try_into().ok()?,
            ..bpf_map_create_opts::default()
        };
        let bytes = u32::try_from(VALUE_BYTES).ok()?;
        let map = MapHandle::create(
            MapType::Array,
            Some("quell_lookup"),
            size_of::<u32>().try_into().ok()?,
            bytes,
            1,
            &options,
        )
        .ok()?;
        let program = attempt::load_sleepable(Kind::of(BPF_PROG_TYPE_SYSCALL), &program(&map)).ok()?;
        let reader = attempt::load_sleepable(Kind::of(BPF_PROG_TYPE_SYSCALL), &reader(&map)).ok();
        let lookup = Self { map, program, reader };
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

impl Lookup {
    /// Whether the function at this address begins with room for a call of the function tracer. It says no of one that is traced just now.
    pub(super) fn is_traceable(&self, address: u64) -> bool {
        self.begin(address).is_some_and(|begin| has_room(&begin))
    }

    fn begin(&self, address: u64) -> Option<[u8; BEGIN_BYTES]> {
        let (key, mut value) = (0_u32.to_ne_bytes(), [0; VALUE_BYTES]);
        *value.last_chunk_mut()? = address.to_ne_bytes();
        self.map.update(&key, &value, MapFlags::ANY).ok()?;
        if attempt::run(self.reader.as_ref()?).ok()? != 0 {
            return None;
        }
        self.map.lookup(&key, MapFlags::ANY).ok()??.first_chunk().copied()
    }
}

fn has_room(begin: &[u8]) -> bool {
    begin.strip_prefix(&LANDING).unwrap_or(begin).starts_with(&UNUSED_CALL)
}

/// `return bpf_probe_read_kernel(value, BEGIN_BYTES, *(value + NAME_BYTES))`
fn reader(map: &MapHandle) -> Vec<Instruction> {
    let bytes = |number: usize| i32::try_from(number).unwrap_or(i32::MAX);
    let mut program = Instruction::address_of_value(1, map).to_vec();
    program.extend([
        Instruction::load(3, 1, i16::try_from(NAME_BYTES).unwrap_or(i16::MAX)),
        Instruction::set(2, bytes(BEGIN_BYTES)),
        Instruction::call(BPF_FUNC_probe_read_kernel),
        Instruction::exit(),
    ]);
    program
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

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::room(&[0x0f, 0x1f, 0x44, 0x00, 0x00, 0x55], true)]
    #[case::room_behind_a_landing(&[0xf3, 0x0f, 0x1e, 0xfa, 0x0f, 0x1f, 0x44, 0x00, 0x00], true)]
    #[case::traced_just_now(&[0xf3, 0x0f, 0x1e, 0xfa, 0xe8, 1, 2, 3, 4], false)]
    #[case::no_room(&[0xf3, 0x0f, 0x1e, 0xfa, 0x55, 0x48, 0x89, 0xe5], false)]
    #[case::nothing(&[0; 16], false)]
    fn a_function_with_room_for_the_tracers_call_is_seen(#[case] begin: &[u8], #[case] expected: bool) {
        assert_eq!(has_room(begin), expected);
    }
}
