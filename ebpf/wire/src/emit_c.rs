//! Schema to C header text, with assertions on every size and offset.

use std::fmt::Write;

use crate::code::{Action, ArgStatus, ArgType, Match, Operator, RateScope, Subject, ValueKind};
use crate::event::{self, EventArg, EventHead, EventKind};
use crate::hook::{
    self, Convention, FaultRow, FaultSite, HookConfig, HookCounters, ProcessVerdict, Quick, SetKind, Source,
    Stage,
};
use crate::limits::LIMITS;
use crate::process::{self, EnforcerNote, KeptKey, ProcessDetails, ProcessEntry};
use crate::schema::{Code, Layout, WireRecord};
use crate::selector::{
    self, ActionEntry, AffixKey, Connection, Entry, FilterHead, Network, NetworkKey, NumberKey, PidEntry,
    SearchTable, Section, SectionHead, SelectorHead, StringHead, StringKey,
};

/// Every table of numbers with its heading.
pub const TABLES: &[(&str, &[Code])] = &[
    ("Limits", LIMITS),
    ("Operators", Operator::CODES),
    ("Subjects", Subject::CODES),
    ("Argument types", ArgType::CODES),
    ("Actions", Action::CODES),
    ("Scopes of a rate limit", RateScope::CODES),
    ("Argument statuses", ArgStatus::CODES),
    ("Match results", Match::CODES),
    ("Sections of a selector", Section::CODES),
    ("Selector flags", selector::FLAGS),
    ("Stages of the gateway", Stage::CODES),
    ("Verdicts of the process filter", ProcessVerdict::CODES),
    ("Fault sites", FaultSite::CODES),
    ("Kinds of sets", SetKind::CODES),
    ("Conventions of targets", Convention::CODES),
    ("Early looks", Quick::CODES),
    ("Sources of arguments", Source::CODES),
    ("Hook flags", hook::FLAGS),
    ("Kinds of events", EventKind::CODES),
    ("Event flags", event::FLAGS),
    ("Flags of processes", process::FLAGS),
];

/// Sets of operators, types and sections: what the enums say of their members, as the evaluator asks it. Bit N is the
/// member with number N; NotMask, which has no bit, counts as Mask.
#[must_use]
pub fn groups() -> Vec<(&'static str, &'static str, u64)> {
    let operators =
        |are: fn(Operator) -> bool| bits(Operator::ALL.iter().filter(|own| are(**own)), Operator::number);
    let types =
        |are: fn(ArgType) -> bool| bits(ArgType::ALL.iter().filter(|own| are(**own)), ArgType::number);
    vec![
        (
            "QUELL_NEGATIVE_OPERATORS",
            "Hold when no value makes another operator hold; of Mask, NotMask does.",
            operators(|own| own.positive().is_some()),
        ),
        (
            "QUELL_RANGE_OPERATORS",
            "Have ranges for values.",
            operators(|own| own.values(false) == ValueKind::Ranges),
        ),
        (
            "QUELL_NETWORK_OPERATORS",
            "Have networks for values.",
            operators(|own| own.values(false) == ValueKind::Networks),
        ),
        (
            "QUELL_STRING_OPERATORS",
            "Have strings for values, at least of types of bytes.",
            operators(|own| own.values(true) == ValueKind::Strings),
        ),
        ("QUELL_BYTES_TYPES", "Strings of bytes.", types(ArgType::is_bytes)),
        ("QUELL_PATH_TYPES", "Paths, whose end is known when they were cut.", types(ArgType::is_path)),
        ("QUELL_CONNECTION_TYPES", "Read as a struct quell_connection.", types(ArgType::is_connection)),
        ("QUELL_SIGNED_TYPES", "Compared as signed numbers.", types(ArgType::is_signed)),
        (
            "QUELL_ENTERED_SECTIONS",
            "Entries that are looked at when the function is entered.",
            bits(Section::ENTERED.iter(), Section::number),
        ),
    ]
}

fn bits<'a, T: Copy + 'a>(members: impl Iterator<Item = &'a T>, number: fn(T) -> u32) -> u64 {
    members.filter_map(|member| 1u64.checked_shl(number(*member))).fold(0, |bits, bit| bits | bit)
}

/// Every record.
pub const RECORDS: &[Layout] = &[
    FilterHead::LAYOUT,
    SelectorHead::LAYOUT,
    SectionHead::LAYOUT,
    PidEntry::LAYOUT,
    Entry::LAYOUT,
    StringHead::LAYOUT,
    Network::LAYOUT,
    ActionEntry::LAYOUT,
    NumberKey::LAYOUT,
    StringKey::LAYOUT,
    AffixKey::LAYOUT,
    NetworkKey::LAYOUT,
    SearchTable::LAYOUT,
    Connection::LAYOUT,
    HookConfig::LAYOUT,
    HookCounters::LAYOUT,
    FaultRow::LAYOUT,
    EventHead::LAYOUT,
    EventArg::LAYOUT,
    ProcessDetails::LAYOUT,
    ProcessEntry::LAYOUT,
    EnforcerNote::LAYOUT,
    KeptKey::LAYOUT,
];

/// The whole header.
#[must_use]
pub fn header() -> String {
    let mut out = String::from(
        "/* Generated from the Rust crate in ebpf/wire by `cargo xtask bless`; never edited. */\n\
         #ifndef QUELL_WIRE_GEN_H\n#define QUELL_WIRE_GEN_H\n\n\
         #ifdef __bpf__\n#include <linux/types.h>\n#else\n#include \"host_types.h\"\n#endif\n",
    );
    for (heading, codes) in TABLES {
        // Writing to a String cannot fail.
        let _ = write!(out, "\n/* {heading} */\n");
        for code in *codes {
            let _ = writeln!(out, "{}#define {} {}", comment(code.doc, ""), code.c_name, code.value);
        }
    }
    out.push_str("\n/* Groups: bit N is the member with number N */\n");
    for (name, doc, bits) in groups() {
        let _ = writeln!(out, "{}#define {name} 0x{bits:x}ULL", comment(doc, ""));
    }
    for record in RECORDS {
        let _ = write!(out, "\n{}struct {} {{\n", comment(record.doc, ""), record.c_name);
        for field in record.fields {
            let array = field.count.map(|count| format!("[{count}]")).unwrap_or_default();
            let _ = writeln!(out, "{}\t{} {}{array};", comment(field.doc, "\t"), field.c_type, field.name);
        }
        let _ = write!(
            out,
            "}};\n_Static_assert(sizeof(struct {0}) == {1}, \"size of {0}\");\n",
            record.c_name, record.size
        );
        for field in record.fields {
            let _ = writeln!(
                out,
                "_Static_assert(__builtin_offsetof(struct {0}, {1}) == {2}, \"offset of {0}.{1}\");",
                record.c_name, field.name, field.offset
            );
        }
    }
    out.push_str("\n#endif\n");
    out
}

fn comment(doc: &str, indent: &str) -> String {
    let lines: Vec<&str> = doc.trim_end().lines().map(str::trim).collect();
    format!("{indent}/* {} */\n", lines.join(&format!("\n{indent} * ")))
}
