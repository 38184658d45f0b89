//! What is in the compiled object: programs, sections, licence, maps, and which helpers each program calls.
//!
//! Read with aya's object reader, which is not the one that the agent loads with.

use std::collections::{BTreeMap, BTreeSet};

use aya_obj::generated::bpf_map_type::{
    BPF_MAP_TYPE_ARRAY, BPF_MAP_TYPE_HASH, BPF_MAP_TYPE_LPM_TRIE, BPF_MAP_TYPE_LRU_HASH,
    BPF_MAP_TYPE_PERCPU_ARRAY, BPF_MAP_TYPE_PERF_EVENT_ARRAY, BPF_MAP_TYPE_PROG_ARRAY, BPF_MAP_TYPE_RINGBUF,
};
use aya_obj::{Object, ProgramSection};
use quell_bpf::{
    EARLY_MAP, EVENT_MAP, FILTER_MAP, FOLLOWED_MAP, Family, KEPT_MAP, KPROBE_OBJECT, KPROBE_PERF_OBJECT,
    NOTE_MAP, PROCESS_MAP, RATE_MAP, SEARCH_MAP, STAGE_MAP, set_map,
};
use quell_wire::WireRecord;
use quell_wire::capacity::KERNELS;
use quell_wire::event::EventArg;
use quell_wire::hook::{CAST_CALL, FAULT_SITES, FaultRow, HookConfig, HookCounters, SetKind, Stage};
use quell_wire::limits::{
    EVENT_BYTES, FILTER_BYTES, MAX_ARGS, MAX_STRING_BYTES, RING_BYTES, STRING_SLACK_BYTES,
};
use quell_wire::selector::{AffixKey, NetworkKey, NumberKey, SearchTable, StringKey};
use rstest::rstest;

/// Largest value of a per-CPU map (PCPU_MIN_UNIT_SIZE).
const PER_CPU_VALUE_BYTES: u32 = 32 * 1024;

/// Flag of maps whose entries are allocated one by one, as those of a trie must be.
const NO_PREALLOC: u32 = 1;

/// Calls that constants rule out where the kernel does not have what they call: of the function that casts pointers, for which this number
/// stands, and of `bpf_get_current_task_btf` (Linux 5.11).
const OF_LATER_KERNELS: &[i32] = &[CAST_CALL.cast_signed(), 158];

/// Helpers that the objects may call: number, name, first version of Linux.
///
/// Kills work from 5.3; probe_read_user and its family, which tell user from kernel memory, from 5.5; the ring buffer from
/// 5.8. So 5.5 is the oldest kernel for the object with perf buffers, 5.8 for the one with a ring buffer.
const HELPERS: &[(i32, &str, (u32, u32))] = &[
    (1, "map_lookup_elem", (3, 19)),
    (2, "map_update_elem", (3, 19)),
    (3, "map_delete_elem", (3, 19)),
    (5, "ktime_get_ns", (4, 1)),
    (12, "tail_call", (4, 2)),
    (14, "get_current_pid_tgid", (4, 2)),
    (15, "get_current_uid_gid", (4, 2)),
    (16, "get_current_comm", (4, 2)),
    (25, "perf_event_output", (4, 4)),
    (35, "get_current_task", (4, 8)),
    // Not on every kernel (CONFIG_BPF_KPROBE_OVERRIDE); in a program that is loaded only where calls are refused so.
    (58, "override_return", (4, 16)),
    (67, "get_stack", (4, 18)),
    (109, "send_signal", (5, 3)),
    (112, "probe_read_user", (5, 5)),
    (113, "probe_read_kernel", (5, 5)),
    (114, "probe_read_user_str", (5, 5)),
    (115, "probe_read_kernel_str", (5, 5)),
    (125, "ktime_get_boot_ns", (5, 8)),
    (130, "ringbuf_output", (5, 8)),
];

/// Helpers of the object with the ring buffer only, and of the one with perf buffers only.
const RING_ONLY: &[&str] = &["ktime_get_boot_ns", "ringbuf_output"];
const PERF_ONLY: &[&str] = &["perf_event_output"];

/// Opcode of a call (BPF_JMP | BPF_CALL).
const CALL: u8 = 0x85;

fn object() -> Object {
    Object::parse(&KPROBE_OBJECT).expect("the object is readable")
}

fn perf_object() -> Object {
    Object::parse(&KPROBE_PERF_OBJECT).expect("the object is readable")
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

#[rstest]
#[case::ring(object())]
#[case::perf(perf_object())]
fn an_object_has_the_entry_and_one_program_per_stage(#[case] object: Object) {
    let family = Family::Kprobe;
    let others = [Some(family.entry()), family.return_entry(), family.override_entry()];
    let expected: BTreeSet<String> = Stage::ALL
        .iter()
        .map(|stage| family.stage(*stage))
        .chain(others.into_iter().flatten())
        .map(str::to_owned)
        .collect();
    assert_eq!(expected.len(), Stage::ALL.len() + 3, "two stages share a program");
    assert_eq!(object.programs.keys().cloned().collect::<BTreeSet<_>>(), expected);
    for (name, program) in &object.programs {
        assert!(matches!(program.section, ProgramSection::KProbe), "{name} is in {:?}", program.section);
    }
}

#[rstest]
#[case::ring(object())]
#[case::perf(perf_object())]
fn the_licence_allows_helpers_that_are_for_gpl_programs(#[case] object: Object) {
    assert_eq!(object.license.to_str(), Ok("Dual BSD/GPL"));
    assert_eq!(object.kernel_version, None, "the object names a kernel version");
}

#[rstest]
#[case::ring(object(), PERF_ONLY, (5, 8))]
#[case::perf(perf_object(), RING_ONLY, (5, 5))]
fn programs_call_only_helpers_of_the_table_and_every_row_is_needed(
    #[case] object: Object,
    #[case] others: &[&str],
    #[case] oldest: (u32, u32),
) {
    let own = HELPERS.iter().filter(|(_, name, _)| !others.contains(name));
    let known: BTreeSet<i32> = own.clone().map(|(number, ..)| *number).collect();
    let mut called = helpers(&object);
    called.values_mut().for_each(|numbers| numbers.retain(|number| !OF_LATER_KERNELS.contains(number)));
    for (program, numbers) in &called {
        let unknown: Vec<_> = numbers.difference(&known).collect();
        assert!(unknown.is_empty(), "{program} calls helpers {unknown:?}, which the table does not name");
    }
    let all: BTreeSet<i32> = called.into_values().flatten().collect();
    assert_eq!(all, known, "the table names helpers that nothing calls");
    let newest = own.map(|(_, _, version)| version).max();
    assert_eq!(newest, Some(&oldest), "the object needs another oldest kernel than the documents say");
}

/// Helpers that are allowed in some stages only: what a stage may do is seen here.
#[rstest]
// An enforcer acts in the program that is attached.
#[case("send_signal", &["actions", "event", "return"])]
#[case("override_return", &["override_event"])]
// A call whose return was never seen is posted when that is found out.
#[case("ringbuf_output", &["event", "post", "return_event", "return_post"])]
// Kept calls, and when an event was last posted; in actions, notes for enforcers.
#[case("map_update_elem", &["actions", "event", "post", "return", "return_event", "return_post"])]
#[case("get_stack", &["post"])]
// The early look is at the first bytes of a text. What no filter looks at is read for the event only.
#[case("probe_read_user", &["arguments", "event", "post", "return_event", "return_post"])]
#[case("probe_read_user_str", &["arguments", "post", "return_event", "return_post"])]
fn a_helper_is_called_where_it_belongs(#[case] name: &str, #[case] programs: &[&str]) {
    let number = helper(name);
    let called = helpers(&object());
    let callers: Vec<&str> = called
        .iter()
        .filter(|(_, numbers)| numbers.contains(&number))
        .map(|(name, _)| name.trim_start_matches("generic_kprobe_"))
        .collect();
    assert_eq!(callers, programs);
}

#[test]
fn filters_and_searches_read_no_memory_of_the_kernel_or_the_process() {
    let called = helpers(&object());
    for stage in [Stage::Search, Stage::Filter] {
        let expected = BTreeSet::from([helper("map_lookup_elem"), helper("tail_call")]);
        assert_eq!(called[Family::Kprobe.stage(stage)], expected, "{stage:?}");
    }
}

fn bytes<T: WireRecord>() -> u32 {
    u32::try_from(T::SIZE).expect("a record is small")
}

#[rstest]
#[case(FILTER_MAP, BPF_MAP_TYPE_ARRAY as u32, 4, FILTER_BYTES, 1, 0)]
#[case(STAGE_MAP, BPF_MAP_TYPE_PROG_ARRAY as u32, 4, 4, 9, 0)]
#[case(SEARCH_MAP, BPF_MAP_TYPE_ARRAY as u32, 4, bytes::<SearchTable>(), 1, 0)]
#[case(EARLY_MAP, BPF_MAP_TYPE_ARRAY as u32, 4, 8, 1, 0)]
#[case(set_map(SetKind::Numbers), BPF_MAP_TYPE_HASH as u32, bytes::<NumberKey>(), 1, 1, 0)]
#[case(set_map(SetKind::Strings), BPF_MAP_TYPE_HASH as u32, bytes::<StringKey>(), 1, 1, 0)]
#[case(set_map(SetKind::Prefixes), BPF_MAP_TYPE_LPM_TRIE as u32, bytes::<AffixKey>(), 1, 1, NO_PREALLOC)]
#[case(set_map(SetKind::Postfixes), BPF_MAP_TYPE_LPM_TRIE as u32, bytes::<AffixKey>(), 1, 1, NO_PREALLOC)]
#[case(set_map(SetKind::Networks), BPF_MAP_TYPE_LPM_TRIE as u32, bytes::<NetworkKey>(), 1, 1, NO_PREALLOC)]
#[case("event_heap", BPF_MAP_TYPE_PERCPU_ARRAY as u32, 4, EVENT_BYTES + 24, 1, 0)]
#[case(EVENT_MAP, BPF_MAP_TYPE_RINGBUF as u32, 0, 0, RING_BYTES, 0)]
fn a_map_has_its_type_and_sizes(
    #[case] name: &str,
    #[case] kind: u32,
    #[case] key: u32,
    #[case] value: u32,
    #[case] entries: u32,
    #[case] flags: u32,
) {
    let object = object();
    let map = object.maps.get(name).expect("the map exists");
    assert_eq!(
        (map.map_type(), map.key_size(), map.value_size(), map.max_entries(), map.map_flags()),
        (kind, key, value, entries, flags)
    );
}

#[rstest]
#[case(RATE_MAP, BPF_MAP_TYPE_LRU_HASH as u32, object())]
#[case(KEPT_MAP, BPF_MAP_TYPE_LRU_HASH as u32, object())]
#[case(EVENT_MAP, BPF_MAP_TYPE_PERF_EVENT_ARRAY as u32, perf_object())]
fn a_map_has_its_type(#[case] name: &str, #[case] kind: u32, #[case] object: Object) {
    assert_eq!(object.maps.get(name).expect("the map exists").map_type(), kind);
}

/// Every kernel class of the table holds the keys of every kind of set.
#[test]
fn keys_of_sets_fit_every_kernel_class() {
    let object = object();
    for kind in SetKind::ALL {
        let key = object.maps[set_map(*kind)].key_size();
        for class in KERNELS {
            let most = match kind {
                SetKind::Numbers | SetKind::Strings => class.hash_key_bytes,
                // The number of bits is not part of what is compared.
                _ => class.trie_data_bytes + 4,
            };
            assert!(key <= most, "{kind:?}: {key} bytes, and {} has room for {most}", class.since);
        }
    }
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
    // Arguments, and the executables of the process and of its parent.
    let slots = (MAX_ARGS + 2) * (MAX_STRING_BYTES + STRING_SLACK_BYTES);
    assert!((slots..=PER_CPU_VALUE_BYTES).contains(&map.value_size()), "{} bytes", map.value_size());
}

#[rstest]
#[case::ring(object())]
#[case::perf(perf_object())]
fn there_are_no_other_maps_than_these_and_the_two_of_globals(#[case] object: Object) {
    let names: BTreeSet<&str> = object.maps.keys().map(String::as_str).collect();
    let mut expected: BTreeSet<&str> = Family::Kprobe.shared_maps().iter().copied().collect();
    expected.extend([FILTER_MAP, STAGE_MAP, SEARCH_MAP, EARLY_MAP, RATE_MAP, KEPT_MAP, NOTE_MAP]);
    expected.extend([PROCESS_MAP, FOLLOWED_MAP, "refusals", ".rodata", ".bss"]);
    expected.extend(SetKind::ALL.iter().map(|kind| set_map(*kind)));
    assert_eq!(names, expected);
}

#[test]
fn constants_and_counters_are_all_that_the_sections_of_globals_hold() {
    let object = object();
    let size = |name: &str| object.maps.get(name).expect("the section exists").data().len();
    assert_eq!(size(".rodata"), HookConfig::SIZE);
    assert!(object.maps[".rodata"].data().iter().all(|byte| *byte == 0), "constants are set before load");
    let statistics = HookCounters::SIZE + FAULT_SITES as usize * FaultRow::SIZE;
    // And where the initial mount namespace is, and the pointer that makes the compiler describe every record.
    assert_eq!(size(".bss"), statistics + 2 * size_of::<u64>());
}
