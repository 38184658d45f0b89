//! The objects of the table of processes: their programs and maps, and the helpers they call, none of which is newer than the
//! oldest kernel (Linux 5.3) beside those that loaders rewrite and those of the ring buffer.

use std::collections::BTreeSet;

use aya_obj::{Object, ProgramSection};
use quell_bpf::{PROCESS_MAPS, PROCESS_OBJECT, PROCESS_PERF_OBJECT, PROCESS_PROGRAMS};
use quell_wire::WireRecord;
use quell_wire::limits::{MAX_CALLS, MAX_PROCESSES};
use quell_wire::process::ProcessEntry;
use rstest::rstest;

/// Opcode of a call (BPF_JMP | BPF_CALL).
const CALL: u8 = 0x85;
/// Largest value of a per-CPU map (PCPU_MIN_UNIT_SIZE).
const PER_CPU_VALUE_BYTES: u32 = 32 * 1024;

/// In both objects: lookup, update and delete (3.19), current ids, uid and name (4.2), current task (4.8), and
/// probe_read_user and probe_read_kernel (5.5, rewritten by loaders before).
const COMMON: &[i32] = &[1, 2, 3, 14, 15, 16, 35, 112, 113];

fn helpers(object: &Object) -> BTreeSet<i32> {
    let programs = object.programs.values();
    let functions = programs.map(|program| &object.functions[&program.function_key()]);
    let calls = functions.flat_map(|function| function.instructions.iter().filter(|one| one.code == CALL));
    calls.map(|call| call.imm).collect()
}

#[rstest]
#[case::ring(&PROCESS_OBJECT, &[125, 130])]
#[case::perf(&PROCESS_PERF_OBJECT, &[5, 25])]
fn the_table_of_processes_calls_no_helper_that_its_kernels_lack(#[case] object: &[u8], #[case] own: &[i32]) {
    let object = Object::parse(object).expect("the object is readable");
    let expected: BTreeSet<i32> = COMMON.iter().chain(own).copied().collect();
    assert_eq!(helpers(&object), expected);
}

#[rstest]
#[case::ring(&PROCESS_OBJECT)]
#[case::perf(&PROCESS_PERF_OBJECT)]
fn every_raw_tracepoint_of_the_table_has_its_program(#[case] object: &[u8]) {
    let object = Object::parse(object).expect("the object is readable");
    let found: BTreeSet<&str> = object.programs.keys().map(String::as_str).collect();
    assert_eq!(found, PROCESS_PROGRAMS.iter().map(|(_, program)| *program).collect());
    assert!(object.programs.values().all(|program| matches!(program.section, ProgramSection::RawTracePoint)));
}

#[rstest]
#[case::ring(&PROCESS_OBJECT)]
#[case::perf(&PROCESS_PERF_OBJECT)]
fn the_maps_of_the_table_have_their_sizes(#[case] object: &[u8]) {
    let object = Object::parse(object).expect("the object is readable");
    for name in PROCESS_MAPS {
        assert!(object.maps.contains_key(*name), "no map {name}");
    }
    let table = &object.maps["processes"];
    assert_eq!(table.max_entries(), MAX_PROCESSES);
    assert_eq!(table.value_size() as usize, ProcessEntry::SIZE);
    let scratch = &object.maps["process_scratch"];
    assert_eq!(scratch.max_entries(), MAX_CALLS);
    assert!(scratch.value_size() <= PER_CPU_VALUE_BYTES);
}
