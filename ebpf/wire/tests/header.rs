//! The committed C header is the one that the schema prints, and every record is free of padding.

use std::path::Path;

use quell_wire::emit_c::{RECORDS, TABLES, header};

#[test]
fn committed_header_equals_the_schema() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../include/wire.gen.h");
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(committed == header(), "ebpf/include/wire.gen.h is stale: run `cargo xtask bless`");
}

#[test]
fn records_have_no_implicit_padding_and_are_multiples_of_their_alignment() {
    for record in RECORDS {
        let mut end = 0;
        for field in record.fields {
            assert_eq!(field.offset, end, "{}.{} leaves a gap before it", record.c_name, field.name);
            end += field.size;
        }
        assert_eq!(end, record.size, "{} has padding at its end", record.c_name);
        assert_eq!(record.size % 4, 0, "{}", record.c_name);
    }
}

#[test]
fn names_are_unique_and_numbers_are_unique_within_a_table() {
    let mut names = std::collections::HashSet::new();
    for (heading, codes) in TABLES {
        let mut numbers = std::collections::HashSet::new();
        for code in *codes {
            assert!(names.insert(code.c_name), "{} twice", code.c_name);
            let bits_or_limits = heading.contains("flags") || *heading == "Limits";
            assert!(bits_or_limits || numbers.insert(code.value), "{} twice in {heading}", code.value);
        }
    }
}

#[test]
fn limits_fit_the_loops_and_buffers_that_they_bound() {
    use quell_wire::limits::*;
    const {
        assert!(MAX_STRING_VALUE_BYTES.is_multiple_of(8) && MAX_STRING_VALUE_BYTES <= STRING_SLACK_BYTES);
        assert!(MAX_STRING_BYTES.is_power_of_two() && FILTER_BYTES.is_power_of_two());
        assert!(EVENT_FILL_BYTES.is_power_of_two() && EVENT_BYTES >= EVENT_FILL_BYTES + 2 * MAX_STRING_BYTES);
        // A per-CPU map value holds 32 KiB at most (PCPU_MIN_UNIT_SIZE).
        assert!((MAX_ARGS + 2) * (MAX_STRING_BYTES + STRING_SLACK_BYTES) < 31 * 1024);
        assert!(RING_BYTES.is_power_of_two() && RING_BYTES >= 4 * EVENT_BYTES);
        // Tail calls of one call of a hook: process filter, arguments, a search and a filter stage each, actions, post.
        assert!(1 + 1 + MAX_SEARCHES + MAX_SELECTORS + 2 <= 33);
        // Keys of an LPM trie, the number of bits not counted.
        assert!(4 + 4 + MAX_AFFIX_SET_BYTES == 256);
    }
}

#[test]
fn the_readme_names_every_limit_with_its_value() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md");
    let readme = std::fs::read_to_string(&path).unwrap();
    for limit in quell_wire::limits::LIMITS {
        let name = limit.c_name.trim_start_matches("QUELL_");
        let doc = limit.doc.lines().map(str::trim).collect::<Vec<_>>().join(" ");
        let row = format!("| `{name}` | {} | {} |", limit.value, doc.trim_end_matches('.'));
        assert!(readme.lines().any(|line| line == row), "ebpf/README.md lacks the row\n{row}");
    }
}
