//! The objects with perf buffers need nothing that is newer than Linux 5.3: no helper, kind of map, kind of program or instruction.
//!
//! Only that they ask for nothing newer is shown here; that a kernel takes them is shown where kernels are booted. What is newer is
//! listed too, so that each row of a table says why it is one. Static probes (`usdt_perf`) are left out: the header of the library
//! that finds their arguments asks for the kernel's configuration, and for cookies where a kernel has them.

use std::collections::BTreeSet;

use object::{Object as _, ObjectSection as _, ObjectSymbol as _, SectionKind};
use quell_bpf::{Family, PROCESS_PERF_OBJECT};
use quell_wire::hook::CAST_CALL;
use rstest::rstest;

/// The oldest kernel: the first in which a program can send a signal.
const OLDEST: (u32, u32) = (5, 3);

/// Calls that constants rule out on kernels before 5.11: of the function that casts pointers, for which this number stands, and of
/// `bpf_get_current_task_btf`.
const RULED_OUT: &[i32] = &[CAST_CALL.cast_signed(), 158];

/// Helpers by number, name and first version of Linux (`include/uapi/linux/bpf.h` of each version).
const HELPERS: &[(i32, &str, (u32, u32))] = &[
    (1, "map_lookup_elem", (3, 19)),
    (2, "map_update_elem", (3, 19)),
    (3, "map_delete_elem", (3, 19)),
    (4, "probe_read", (4, 1)),
    (5, "ktime_get_ns", (4, 1)),
    (8, "get_smp_processor_id", (4, 1)),
    (12, "tail_call", (4, 2)),
    (14, "get_current_pid_tgid", (4, 2)),
    (15, "get_current_uid_gid", (4, 2)),
    (16, "get_current_comm", (4, 2)),
    (25, "perf_event_output", (4, 4)),
    (27, "get_stackid", (4, 6)),
    (35, "get_current_task", (4, 8)),
    (45, "probe_read_str", (4, 11)),
    (58, "override_return", (4, 16)),
    (67, "get_stack", (4, 18)),
    (80, "get_current_cgroup_id", (4, 18)),
    (109, "send_signal", (5, 3)),
    (112, "probe_read_user", (5, 5)),
    (113, "probe_read_kernel", (5, 5)),
    (114, "probe_read_user_str", (5, 5)),
    (115, "probe_read_kernel_str", (5, 5)),
    (117, "send_signal_thread", (5, 6)),
    (118, "jiffies64", (5, 6)),
    (119, "read_branch_records", (5, 6)),
    (120, "get_ns_current_pid_tgid", (5, 7)),
    (125, "ktime_get_boot_ns", (5, 8)),
    (130, "ringbuf_output", (5, 8)),
    (131, "ringbuf_reserve", (5, 8)),
    (147, "d_path", (5, 10)),
    (148, "copy_from_user", (5, 10)),
    (158, "get_current_task_btf", (5, 11)),
    (173, "get_func_ip", (5, 15)),
    (174, "get_attach_cookie", (5, 15)),
    (181, "loop", (5, 17)),
];

/// Both loaders put `probe_read` and `probe_read_str` in their place where a kernel lacks them.
const REWRITTEN: &[i32] = &[112, 113, 114, 115];

/// Kinds of maps (`enum bpf_map_type`) with their first version of Linux.
const MAPS: &[(u32, &str, (u32, u32))] = &[
    (1, "hash", (3, 19)),
    (2, "array", (3, 19)),
    (3, "prog_array", (4, 2)),
    (4, "perf_event_array", (4, 3)),
    (5, "percpu_hash", (4, 6)),
    (6, "percpu_array", (4, 6)),
    (7, "stack_trace", (4, 6)),
    (9, "lru_hash", (4, 10)),
    (11, "lpm_trie", (4, 11)),
    (24, "sk_storage", (5, 2)),
    (26, "struct_ops", (5, 6)),
    (27, "ringbuf", (5, 8)),
    (28, "inode_storage", (5, 10)),
    (29, "task_storage", (5, 11)),
    (30, "bloom_filter", (5, 16)),
];

/// Sections of programs, with the first version of Linux that has the kind.
const SECTIONS: &[(&str, (u32, u32))] = &[
    ("kprobe", (4, 1)),
    ("uprobe", (4, 1)),
    ("tracepoint", (4, 7)),
    ("raw_tp", (4, 17)),
    ("fentry", (5, 5)),
    ("lsm", (5, 7)),
    ("kprobe.multi", (5, 18)),
];

/// An instruction: code, source register, offset, number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Instruction {
    code: u8,
    source: u8,
    offset: i16,
    number: i32,
}

const CALL: u8 = 0x85;
const LOAD_64: u8 = 0x18;

/// The version of Linux that an instruction needs, and why, where that is not obvious (Documentation/bpf/standardization, and the
/// version that its verifier first took it in); `Err`: none that this table knows.
fn instruction_since(one: Instruction) -> Result<(u32, u32), &'static str> {
    const ATOMIC_ADD: i32 = 0;
    let (class, mode, operation) = (one.code & 7, one.code & 0xe0, one.code & 0xf0);
    match (class, mode, operation) {
        // Loads: of a number of 64 bits, of packets (not for tracing), of memory, and of memory with a sign (6.6).
        (0, _, _) if one.code == LOAD_64 => match one.source {
            // A number, a map, a place in a map's value (5.2).
            0 | 1 => Ok((3, 18)),
            2 => Ok((5, 2)),
            _ => Err("a load of an address that is none of a map"),
        },
        (0, _, _) => Err("a load from a packet"),
        (1..=3, 0x60, _) => Ok((3, 18)),
        (1, 0x80, _) => Err("a load with sign extension (6.6)"),
        // Atomics: an addition without result; all others are of 5.12.
        (3, 0xc0, _) if one.number == ATOMIC_ADD => Ok((3, 18)),
        (3, 0xc0, _) => Err("an atomic operation with a result, or another one than an addition (5.12)"),
        (1..=3, _, _) => Err("another mode of memory access"),
        // Division with sign, and moves with sign extension (6.6), have an offset.
        (4 | 7, _, 0x30 | 0x90 | 0xb0) if one.offset != 0 => Err("arithmetic with sign (6.6)"),
        // Swaps of bytes: the unconditional one is of 6.6.
        (7, _, 0xd0) => Err("an unconditional swap of bytes (6.6)"),
        (4 | 7, _, 0x00..=0xd0) => Ok((3, 18)),
        (5, _, 0x80) if one.code == CALL => match one.source {
            0 => Ok((3, 18)),
            1 => Err("a call of another function, which excludes tail calls before 5.10"),
            _ => Err("a call of a kernel function (5.13)"),
        },
        (5, _, 0x00 | 0x10..=0x70 | 0x90) => Ok((3, 18)),
        (5, _, 0xa0..=0xd0) => Ok((4, 14)),
        // Jumps by 32 bits; the unconditional one with a long offset is of 6.6.
        (6, _, 0x00) => Err("a jump with a long offset (6.6)"),
        (6, _, 0x10..=0x70 | 0xa0..=0xd0) => Ok((5, 1)),
        _ => Err("an unknown instruction"),
    }
}

/// The objects for kernels without ring buffers.
fn objects() -> Vec<(&'static str, &'static [u8])> {
    let families = Family::ALL.iter().filter(|family| **family != Family::Usdt);
    let families = families.filter_map(|family| Some((family.name(), family.perf_object()?)));
    families.chain([("process", PROCESS_PERF_OBJECT.as_slice())]).collect()
}

/// The instructions of every section with programs.
fn sections(object: &[u8]) -> Vec<(String, Vec<Instruction>)> {
    let file = object::File::parse(object).expect("an object is an ELF file");
    let text = file.sections().filter(|section| section.kind() == SectionKind::Text && section.size() > 0);
    text.map(|section| {
        let name = section.name().expect("a section has a name").to_owned();
        let bytes = section.data().expect("a section has bytes");
        (name, instructions(bytes))
    })
    .collect()
}

fn instructions(bytes: &[u8]) -> Vec<Instruction> {
    let mut found = Vec::new();
    let mut chunks = bytes.as_chunks::<8>().0.iter();
    while let Some([code, registers, o0, o1, n0, n1, n2, n3]) = chunks.next() {
        found.push(Instruction {
            code: *code,
            source: registers >> 4,
            offset: i16::from_le_bytes([*o0, *o1]),
            number: i32::from_le_bytes([*n0, *n1, *n2, *n3]),
        });
        if *code == LOAD_64 {
            // Its second half.
            chunks.next();
        }
    }
    found
}

#[test]
fn there_are_objects_for_kernels_without_ring_buffers() {
    let names: Vec<_> = objects().iter().map(|(name, _)| *name).collect();
    assert_eq!(names, ["kprobe", "tracepoint", "raw_tracepoint", "uprobe", "process"]);
    assert!(objects().iter().all(|(_, object)| sections(object).iter().any(|(_, code)| code.len() > 100)));
}

#[test]
fn no_program_has_an_instruction_that_is_newer_than_the_oldest_kernel() {
    for (name, object) in objects() {
        for (section, code) in sections(object) {
            for (at, one) in code.iter().enumerate() {
                let since = instruction_since(*one);
                assert!(
                    since.is_ok_and(|since| since <= OLDEST),
                    "{name}, {section}, {at}: {one:?}: {since:?}"
                );
            }
        }
    }
}

#[test]
fn no_program_calls_a_helper_that_is_newer_than_the_oldest_kernel() {
    for (name, object) in objects() {
        let sections = sections(object);
        let code = sections.iter().flat_map(|(_, code)| code);
        let called: BTreeSet<i32> = code.filter(|one| one.code == CALL).map(|one| one.number).collect();
        assert!(called.len() > 5, "{name} calls almost nothing");
        let helpers = called.iter().filter(|helper| !REWRITTEN.contains(helper));
        for helper in helpers.filter(|helper| !RULED_OUT.contains(helper)) {
            let row = HELPERS.iter().find(|(number, ..)| number == helper);
            assert!(row.is_some_and(|(_, _, since)| *since <= OLDEST), "{name} calls {helper}: {row:?}");
        }
    }
}

#[test]
fn every_program_is_of_a_kind_that_the_oldest_kernel_has() {
    for (name, object) in objects() {
        for (section, _) in sections(object) {
            let kind = section.split_once('/').map_or(section.as_str(), |(kind, _)| kind);
            let row = SECTIONS.iter().find(|(known, _)| *known == kind);
            assert!(row.is_some_and(|(_, since)| *since <= OLDEST), "{name}: {section}: {row:?}");
        }
    }
}

/// Their definitions are type information, which only loaders read.
#[test]
fn every_map_is_of_a_kind_that_the_oldest_kernel_has() {
    for (name, object) in objects() {
        let object = aya_obj::Object::parse(object).expect("the object is readable");
        assert!(object.maps.len() > 5, "{name} has almost no maps");
        for (map, definition) in &object.maps {
            let row = MAPS.iter().find(|(number, ..)| *number == definition.map_type());
            assert!(row.is_some_and(|(_, _, since)| *since <= OLDEST), "{name}: {map}: {row:?}");
        }
    }
}

/// Names that begin with two underscores stand for what loaders look up in the kernel (`__kconfig`, `__ksym`).
#[test]
fn nothing_is_looked_up_in_the_kernel_while_loading() {
    for (name, object) in objects() {
        let file = object::File::parse(object).expect("an object is an ELF file");
        let missing: Vec<_> = file
            .symbols()
            .filter(|symbol| symbol.is_undefined())
            .filter_map(|symbol| symbol.name().ok().map(str::to_owned))
            .filter(|symbol| !symbol.is_empty())
            .collect();
        assert_eq!(missing, [""; 0], "{name}");
    }
}

fn instruction(code: u8, source: u8, offset: i16, number: i32) -> Instruction {
    Instruction { code, source, offset, number }
}

#[rstest]
#[case::exchange(instruction(0xdb, 1, 0, 0xe1))]
#[case::addition_with_result(instruction(0xdb, 1, 0, 1))]
#[case::load_with_sign(instruction(0x81, 1, 0, 0))]
#[case::division_with_sign(instruction(0x3f, 1, 1, 0))]
#[case::remainder_with_sign(instruction(0x97, 0, 1, 3))]
#[case::move_with_sign(instruction(0xbf, 1, 8, 0))]
#[case::swap(instruction(0xd7, 0, 0, 16))]
#[case::function(instruction(CALL, 1, 0, 7))]
#[case::kernel_function(instruction(CALL, 2, 0, 7))]
#[case::address_of_a_function(instruction(LOAD_64, 4, 0, 7))]
#[case::long_jump(instruction(0x06, 0, 0, 7))]
#[case::branch_hint(instruction(0xe5, 0, 0, 7))]
fn an_instruction_of_a_newer_kernel_is_recognised(#[case] one: Instruction) {
    assert!(instruction_since(one).is_err(), "{one:?}");
}

#[rstest]
#[case::addition_in_memory(instruction(0xdb, 1, 0, 0), (3, 18))]
#[case::value_of_a_map(instruction(LOAD_64, 2, 0, 0), (5, 2))]
#[case::less_than(instruction(0xa5, 1, 3, 0), (4, 14))]
#[case::jump_by_32_bits(instruction(0x16, 0, 3, 0), (5, 1))]
fn an_instruction_that_the_oldest_kernel_has_is_known_by_its_version(
    #[case] one: Instruction,
    #[case] since: (u32, u32),
) {
    assert_eq!(instruction_since(one), Ok(since));
}
