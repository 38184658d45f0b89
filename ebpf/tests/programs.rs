//! What is in the compiled object: programs, sections, licence, maps, and which helpers each program calls.
//!
//! Read with aya's object reader, which is not the one that the agent loads with.

use std::collections::{BTreeMap, BTreeSet};

use aya_obj::generated::bpf_map_type::{
    BPF_MAP_TYPE_ARRAY, BPF_MAP_TYPE_PERCPU_ARRAY, BPF_MAP_TYPE_PROG_ARRAY, BPF_MAP_TYPE_RINGBUF,
};
use aya_obj::{Object, ProgramSection};
use quell_bpf::{EVENT_MAP, FILTER_MAP, KPROBE_ENTRY, KPROBE_OBJECT, SHARED_MAPS, STAGE_MAP, kprobe_stage};
use quell_wire::WireRecord;
use quell_wire::event::EventArg;
use quell_wire::hook::{FAULT_SITES, FaultRow, HookConfig, HookCounters, Stage};
use quell_wire::limits::{
    EVENT_BYTES, FILTER_BYTES, MAX_ARGS, MAX_STRING_BYTES, RING_BYTES, STRING_SLACK_BYTES,
};
use rstest::rstest;

/// Largest value of a per-CPU map (PCPU_MIN_UNIT_SIZE).
const PER_CPU_VALUE_BYTES: u32 = 32 * 1024;

/// Helpers that the object may call: number, name, first version of Linux.
///
/// Kills work from 5.3; probe_read_user and its family, which tell user from kernel memory, from 5.5; the ring buffer from
/// 5.8, which makes 5.8 the oldest kernel for this object.
const HELPERS: &[(i32, &str, (u32, u32))] = &[
    (1, "map_lookup_elem", (3, 19)),
    (12, "tail_call", (4, 2)),
    (14, "get_current_pid_tgid", (4, 2)),
    (15, "get_current_uid_gid", (4, 2)),
    (16, "get_current_comm", (4, 2)),
    (35, "get_current_task", (4, 8)),
    (109, "send_signal", (5, 3)),
    (112, "probe_read_user", (5, 5)),
    (113, "probe_read_kernel", (5, 5)),
    (114, "probe_read_user_str", (5, 5)),
    (115, "probe_read_kernel_str", (5, 5)),
    (125, "ktime_get_boot_ns", (5, 8)),
    (130, "ringbuf_output", (5, 8)),
];

/// Opcode of a call (BPF_JMP | BPF_CALL).
const CALL: u8 = 0x85;

fn object() -> Object {
    Object::parse(KPROBE_OBJECT).expect("the object is readable")
}

/// Numbers of the helpers that each program calls.
fn helpers(object: &Object) -> BTreeMap<String, BTreeSet<i32>> {
    object
        .programs
        .iter()
        .map(|(name, program)| {
            let function = object.functions.get(&program.function_key()).expect("a program has instructions");
            let calls: Vec<_> =
                function.instructions.iter().filter(|instruction| instruction.code == CALL).collect();
            // A call with another source is one of a subprogram, whose helpers would be missed here.
            assert!(calls.iter().all(|call| call.src_reg() == 0), "{name} calls a subprogram");
            (name.clone(), calls.iter().map(|call| call.imm).collect())
        })
        .collect()
}

fn helper(name: &str) -> i32 {
    HELPERS
        .iter()
        .find(|(_, known, _)| *known == name)
        .map(|(number, ..)| *number)
        .expect("it is in the table")
}

#[test]
fn the_object_has_the_entry_and_one_program_per_stage() {
    let expected: BTreeSet<String> = Stage::ALL
        .iter()
        .map(|stage| kprobe_stage(*stage))
        .chain([KPROBE_ENTRY])
        .map(str::to_owned)
        .collect();
    assert_eq!(expected.len(), Stage::ALL.len() + 1, "two stages share a program");
    let object = object();
    assert_eq!(object.programs.keys().cloned().collect::<BTreeSet<_>>(), expected);
    for (name, program) in &object.programs {
        assert!(matches!(program.section, ProgramSection::KProbe), "{name} is in {:?}", program.section);
    }
}

#[test]
fn the_licence_allows_helpers_that_are_for_gpl_programs() {
    let object = object();
    assert_eq!(object.license.to_str(), Ok("Dual BSD/GPL"));
    assert_eq!(object.kernel_version, None, "the object names a kernel version");
}

#[test]
fn programs_call_only_helpers_of_the_table_and_every_row_is_needed() {
    let known: BTreeSet<i32> = HELPERS.iter().map(|(number, ..)| *number).collect();
    let called = helpers(&object());
    for (program, numbers) in &called {
        let unknown: Vec<_> = numbers.difference(&known).collect();
        assert!(unknown.is_empty(), "{program} calls helpers {unknown:?}, which the table does not name");
    }
    let all: BTreeSet<i32> = called.into_values().flatten().collect();
    assert_eq!(all, known, "the table names helpers that nothing calls");
    let newest = HELPERS.iter().map(|(_, _, version)| version).max();
    assert_eq!(newest, Some(&(5, 8)), "the object needs another oldest kernel than the documents say");
}

/// Helpers that are allowed in some stages only: what a stage may do is seen here.
#[rstest]
#[case("send_signal", &["generic_kprobe_actions"])]
#[case("ringbuf_output", &["generic_kprobe_post"])]
// What no filter looks at is read for the event only.
#[case("probe_read_user", &["generic_kprobe_arguments", "generic_kprobe_post"])]
#[case("probe_read_user_str", &["generic_kprobe_arguments", "generic_kprobe_post"])]
fn a_helper_is_called_where_it_belongs(#[case] name: &str, #[case] programs: &[&str]) {
    let number = helper(name);
    let called = helpers(&object());
    let callers: Vec<&str> = called
        .iter()
        .filter(|(_, numbers)| numbers.contains(&number))
        .map(|(name, _)| name.as_str())
        .collect();
    assert_eq!(callers, programs);
}

#[test]
fn filters_read_no_memory_of_the_kernel_or_the_process() {
    let called = helpers(&object());
    for stage in [Stage::Filter1, Stage::Filter2, Stage::Filter3, Stage::Filter4, Stage::Filter5] {
        let expected = BTreeSet::from([helper("map_lookup_elem"), helper("tail_call")]);
        assert_eq!(called[kprobe_stage(stage)], expected, "{stage:?}");
    }
}

#[rstest]
#[case(FILTER_MAP, BPF_MAP_TYPE_ARRAY as u32, 4, FILTER_BYTES, 1)]
#[case(STAGE_MAP, BPF_MAP_TYPE_PROG_ARRAY as u32, 4, 4, 9)]
#[case("event_heap", BPF_MAP_TYPE_PERCPU_ARRAY as u32, 4, EVENT_BYTES + 24, 1)]
#[case(EVENT_MAP, BPF_MAP_TYPE_RINGBUF as u32, 0, 0, RING_BYTES)]
fn a_map_has_its_type_and_sizes(
    #[case] name: &str,
    #[case] kind: u32,
    #[case] key: u32,
    #[case] value: u32,
    #[case] entries: u32,
) {
    let object = object();
    let map = object.maps.get(name).expect("the map exists");
    assert_eq!(
        (map.map_type(), map.key_size(), map.value_size(), map.max_entries()),
        (kind, key, value, entries)
    );
    assert_eq!(map.map_flags(), 0);
}

#[test]
fn the_sizes_above_follow_from_the_schema() {
    assert_eq!(usize::try_from(FILTER_BYTES), Ok(4096));
    assert_eq!(EventArg::SIZE, 24, "one head fits behind the event buffer");
    assert_eq!(Stage::ALL.len(), 9, "one slot per stage");
    assert_eq!(Stage::ALL.iter().map(|stage| stage.number()).max(), Some(8));
}

#[test]
fn the_scratch_memory_of_a_call_fits_into_a_per_cpu_value() {
    let object = object();
    let map = object.maps.get("process_call_heap").expect("the map exists");
    assert_eq!((map.map_type(), map.key_size(), map.max_entries()), (BPF_MAP_TYPE_PERCPU_ARRAY as u32, 4, 1));
    let slots = (MAX_ARGS + 1) * (MAX_STRING_BYTES + STRING_SLACK_BYTES);
    assert!((slots..=PER_CPU_VALUE_BYTES).contains(&map.value_size()), "{} bytes", map.value_size());
}

#[test]
fn there_are_no_other_maps_than_these_and_the_two_of_globals() {
    let object = object();
    let names: BTreeSet<&str> = object.maps.keys().map(String::as_str).collect();
    let expected = [FILTER_MAP, STAGE_MAP, ".rodata", ".bss"].into_iter().chain(SHARED_MAPS.iter().copied());
    assert_eq!(names, expected.collect());
}

#[test]
fn constants_and_counters_are_all_that_the_sections_of_globals_hold() {
    let object = object();
    let size = |name: &str| object.maps.get(name).expect("the section exists").data().len();
    assert_eq!(size(".rodata"), HookConfig::SIZE);
    assert!(object.maps[".rodata"].data().iter().all(|byte| *byte == 0), "constants are set before load");
    let statistics = HookCounters::SIZE + FAULT_SITES as usize * FaultRow::SIZE;
    // And the pointer that makes the compiler describe every record.
    assert_eq!(size(".bss"), statistics + size_of::<u64>());
}
