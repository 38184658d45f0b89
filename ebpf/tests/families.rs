//! What is in the object of every family: its programs, each in its section, and no call of one function by another.
//!
//! Read as an ELF file, because the other reader of objects refuses kinds of programs that it does not know.

use std::collections::{BTreeMap, BTreeSet};

use object::{Object as _, ObjectSection as _, ObjectSymbol as _, SymbolKind};
use quell_bpf::Family;
use quell_wire::hook::Stage;

/// Opcode of a call (BPF_JMP | BPF_CALL), and of a load of 64 bits, which takes two instructions.
const CALL: u8 = 0x85;
const LOAD_64: u8 = 0x18;
const INSTRUCTION_BYTES: usize = 8;

/// Helpers: what this repository says about them is in `programs.rs`.
const TAIL_CALL: i32 = 12;
const OVERRIDE_RETURN: i32 = 58;
const SEND_SIGNAL: i32 = 109;
const GET_ATTACH_COOKIE: i32 = 174;

/// The section of a family's programs, and of those at the return.
fn sections(family: Family) -> (&'static str, &'static str) {
    match family {
        Family::Kprobe => ("kprobe", "kprobe"),
        Family::Multi => ("kprobe.multi", "kprobe.multi"),
        Family::Tracepoint => ("tracepoint", ""),
        Family::RawTracepoint => ("raw_tp", ""),
        Family::Lsm => ("lsm", ""),
        Family::FmodRet => ("fmod_ret", ""),
        Family::Fentry => ("fentry", "fexit"),
        Family::Uprobe => ("uprobe", "uprobe"),
        Family::Usdt => ("usdt", ""),
    }
}

/// A program: its section, and the helpers that it calls.
#[derive(Debug)]
struct Program {
    section: String,
    helpers: BTreeSet<i32>,
}

fn programs(bytes: &[u8]) -> BTreeMap<String, Program> {
    let file = object::File::parse(bytes).expect("an object is an ELF file");
    let functions = file.symbols().filter(|symbol| symbol.kind() == SymbolKind::Text && symbol.size() > 0);
    functions
        .filter_map(|symbol| {
            let section = file.section_by_index(symbol.section_index()?).expect("a function is in a section");
            let name = section.name().expect("a section has a name").to_owned();
            // Functions of a library that are inlined where they are used; nothing calls what is left here.
            if name == ".text" {
                return None;
            }
            let start = usize::try_from(symbol.address()).expect("an object is small");
            let end = start + usize::try_from(symbol.size()).expect("an object is small");
            let data = section.data().expect("a section has bytes");
            let helpers = helpers(symbol.name().expect("a function has a name"), &data[start..end]);
            Some((
                symbol.name().expect("a function has a name").to_owned(),
                Program { section: name, helpers },
            ))
        })
        .collect()
}

fn helpers(name: &str, code: &[u8]) -> BTreeSet<i32> {
    let mut found = BTreeSet::new();
    let mut instructions = code.chunks_exact(INSTRUCTION_BYTES);
    while let Some(instruction) = instructions.next() {
        if instruction[0] == LOAD_64 {
            instructions.next();
        }
        if instruction[0] == CALL {
            // Another source is a function of the program's own: with tail calls, refused before Linux 5.10.
            assert_eq!(instruction[1] >> 4, 0, "{name} calls a function");
            found.insert(i32::from_le_bytes(
                *instruction[4..].first_chunk().expect("an instruction is whole"),
            ));
        }
    }
    found
}

/// Every family with both of its objects.
fn objects() -> impl Iterator<Item = (Family, &'static [u8])> {
    Family::ALL.iter().flat_map(|family| {
        [Some(family.object()), family.perf_object()].into_iter().flatten().map(|bytes| (*family, bytes))
    })
}

#[test]
fn every_object_has_the_programs_of_its_family_in_their_sections_and_no_others() {
    for (family, bytes) in objects() {
        let (section, return_section) = sections(family);
        let entry = family.stages().iter().map(|stage| family.stage(*stage)).chain([family.entry()]);
        let returns =
            family.return_stages().iter().map(|stage| family.stage(*stage)).chain(family.return_entry());
        let expected: BTreeMap<String, &str> = entry
            .chain(family.override_entry())
            .map(|name| (name.to_owned(), section))
            .chain(returns.map(|name| (name.to_owned(), return_section)))
            .collect();
        let found = programs(bytes);
        let found: BTreeMap<String, &str> =
            found.iter().map(|(name, program)| (name.clone(), program.section.as_str())).collect();
        assert_eq!(found, expected, "{family:?}");
    }
}

#[test]
fn names_of_programs_tell_families_and_stages_apart() {
    let names = Family::ALL.iter().flat_map(|family| {
        Stage::ALL
            .iter()
            .map(|stage| family.stage(*stage))
            .chain([family.entry()])
            .chain(family.return_entry())
    });
    let names: Vec<_> = names.collect();
    assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len());
}

#[test]
fn a_program_that_overrides_returns_is_never_one_that_others_go_on_to() {
    for (family, bytes) in objects() {
        let found = programs(bytes);
        for stage in Stage::ALL.iter().filter_map(|stage| found.get(family.stage(*stage))) {
            assert!(!stage.helpers.contains(&OVERRIDE_RETURN), "{family:?}: {stage:?}");
        }
        let overriding = family.override_entry().map(|name| &found[name].helpers);
        assert!(overriding.is_none_or(|helpers| helpers.contains(&OVERRIDE_RETURN)), "{family:?}");
        assert!(overriding.is_none_or(|helpers| !helpers.contains(&TAIL_CALL)), "{family:?}");
    }
}

#[test]
fn signals_are_sent_where_actions_are_performed() {
    for (family, bytes) in objects() {
        let found = programs(bytes);
        assert!(found[family.stage(Stage::Actions)].helpers.contains(&SEND_SIGNAL), "{family:?}");
        for stage in [Stage::ProcessFilter, Stage::Arguments, Stage::Search, Stage::Filter, Stage::Post] {
            assert!(!found[family.stage(stage)].helpers.contains(&SEND_SIGNAL), "{family:?} {stage:?}");
        }
    }
}

/// The helper is of Linux 5.15: kernels without it have neither family.
#[test]
fn cookies_are_asked_for_by_the_families_that_have_them() {
    for (family, bytes) in objects() {
        let asks = programs(bytes).values().any(|program| program.helpers.contains(&GET_ATTACH_COOKIE));
        assert_eq!(asks, matches!(family, Family::Multi | Family::Usdt), "{family:?}");
    }
}
