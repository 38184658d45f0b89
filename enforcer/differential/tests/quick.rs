//! The early look against the evaluator: what it says no to, no selector matches. Paths and values are made of few names, so that they
//! often share an end, a beginning, or all but a byte.

use std::collections::BTreeSet;

use proptest::prelude::*;
use quell_bpf::host::{contradicts_number, contradicts_path, contradicts_text};
use quell_differential::answer::Answer;
use quell_differential::host::{Loaded, Processor};
use quell_differential::observe::{Observation, Subjected};
use quell_differential::prepare::{Prepared, prepare};
use quell_wire::code::{ArgStatus, Subject};
use quell_wire::hook::Quick;
use rstest::rstest;

fn policy(ty: &str, selectors: &[Vec<(&str, Vec<String>)>]) -> Prepared {
    let entry = |(operator, values): &(&str, Vec<String>)| {
        let values: Vec<_> = values.iter().map(|value| serde_json::Value::from(value.as_str())).collect();
        let values = serde_json::Value::from(values);
        format!("      - {{index: 0, operator: {operator}, values: {values}}}\n")
    };
    let selector = |entries: &Vec<(&str, Vec<String>)>| {
        let entries: String = entries.iter().map(entry).collect();
        format!("    - matchArgs:\n{entries}      matchActions: [{{action: Sigkill}}]\n")
    };
    let selectors: String = selectors.iter().map(selector).collect();
    // What only the kernel is given, no system call has.
    let (call, syscall) =
        if matches!(ty, "file" | "path" | "dentry") { ("fd_install", false) } else { ("sys_write", true) };
    let text = format!(
        "apiVersion: cilium.io/v1alpha1\nkind: TracingPolicy\nmetadata: {{name: early}}\nspec:\n  kprobes:\n  - call: {call}\n    \
         syscall: {syscall}\n    args: [{{index: 0, type: {ty}}}]\n    selectors:\n{selectors}"
    );
    prepare(&text, &[0; 10]).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

fn one(ty: &str, operator: &str, value: &str) -> Prepared {
    policy(ty, &[vec![(operator, vec![value.to_owned()])]])
}

/// What is read of the argument.
#[derive(Default)]
struct Seen<'a> {
    number: u64,
    bytes: &'a [u8],
    at_end: bool,
}

fn evaluated(prepared: &Prepared, bytes: &[u8], at_end: bool) -> Answer {
    decided(prepared, Seen { bytes, at_end, number: 0 })
}

fn decided(prepared: &Prepared, seen: Seen<'_>) -> Answer {
    let (subject, status, Seen { number, bytes, at_end }) = (Subject::Arg0, ArgStatus::Ok, seen);
    let seen = Subjected { subject, status, number, mode: 0, bytes: bytes.to_vec(), at_end };
    let observation = Observation { subjects: vec![seen], ..Observation::default() };
    Processor::default().decide(&Loaded::new(prepared), &observation)
}

fn is_text(prepared: &Prepared) -> bool {
    prepared.compiled.config.quick == Quick::Text.number()
}

fn says_no(prepared: &Prepared, subject: &str) -> bool {
    let (config, table) = (&prepared.compiled.config, &prepared.compiled.early);
    match config.quick {
        quick if quick == Quick::Nothing.number() => false,
        _ if is_text(prepared) => contradicts_text(config, table, format!("{subject}\0").as_bytes()),
        _ => contradicts_path(config, table, subject.as_bytes()),
    }
}

#[rstest]
#[case::another_name("fd", "Equal", "/etc/passwd", "/tmp/shallow", true)]
#[case::another_name_of_that_length("fd", "Equal", "/etc/passwd", "/etc/shadow", true)]
#[case::a_longer_name("fd", "Equal", "/etc/passwd", "/etc/passwd-", true)]
#[case::a_longer_name_with_that_end("file", "Equal", "/etc/passwd", "/etc/opasswd", true)]
#[case::a_shorter_name("file", "Equal", "/etc/passwd", "/etc/asswd", true)]
#[case::the_name_elsewhere("path", "Equal", "/etc/passwd", "/tmp/passwd", false)]
#[case::the_file("path", "Equal", "/etc/passwd", "/etc/passwd", false)]
#[case::a_long_name_with_another_end("fd", "Equal", "/var/some-long-name-1", "/var/some-long-name-2", true)]
#[case::a_long_name_with_that_end("fd", "Equal", "/var/some-long-name-1", "/var/more-long-name-1", false)]
#[case::another_end("fd", "Postfix", ".conf", "/etc/conf", true)]
#[case::that_end("fd", "Postfix", ".conf", "/etc/a.conf", false)]
#[case::a_name_shorter_than_the_end("fd", "Postfix", ".conf", "/nf", true)]
#[case::an_end_with_a_folder("fd", "Postfix", "ssh/id", "/var/xssh/id", false)]
#[case::an_end_with_a_folder_and_a_longer_name("fd", "Postfix", "ssh/id", "/var/ssh/xid", true)]
#[case::another_folder("fd", "Prefix", "/etc/", "/tmp/shallow", true)]
#[case::a_longer_folder("fd", "Prefix", "/etc/", "/etcetera/x", true)]
#[case::that_folder("fd", "Prefix", "/etc/", "/etc/shallow", false)]
#[case::a_beginning_of_a_folder("fd", "Prefix", "/et", "/etcetera/x", false)]
#[case::the_second_folder("fd", "Prefix", "/var/lib/", "/var/log/x", true)]
#[case::no_second_name("fd", "Prefix", "/var/lib/", "/var", true)]
#[case::a_third_folder("fd", "Prefix", "/var/lib/x/", "/var/lib/y/z", false)]
#[case::another_text("string", "Equal", "/etc/passwd", "/tmp/shallow", true)]
#[case::a_longer_text("string", "Equal", "/etc/passwd", "/etc/passwd-", true)]
#[case::a_shorter_text("string", "Equal", "/etc/passwd", "/etc/passw", true)]
#[case::that_text("string", "Equal", "/etc/passwd", "/etc/passwd", false)]
#[case::a_text_that_goes_on_alike("string", "Equal", "/a-text-of-twenty-x", "/a-text-of-twenty-y", false)]
#[case::another_beginning("string", "Prefix", "/etc/", "/tmp", true)]
#[case::that_beginning("string", "Prefix", "/etc/", "/etc/passwd", false)]
fn one_value_is_seen_to_be_contradicted_or_not(
    #[case] ty: &str,
    #[case] operator: &str,
    #[case] value: &str,
    #[case] subject: &str,
    #[case] no: bool,
) {
    let prepared = one(ty, operator, value);
    assert_ne!(prepared.compiled.config.quick, Quick::Nothing.number());
    assert_eq!(says_no(&prepared, subject), no);
    assert!(!no || evaluated(&prepared, subject.as_bytes(), !is_text(&prepared)) == Answer::No);
}

#[rstest]
#[case::negative("fd", "NotEqual", "/etc/passwd")]
#[case::the_root("fd", "Equal", "/")]
#[case::everything("fd", "Prefix", "/")]
#[case::a_path_of_no_mount("dentry", "Equal", "/etc/passwd")]
#[case::the_end_of_a_text("string", "Postfix", "passwd")]
#[case::a_part("fd", "SubString", "passwd")]
fn a_value_of_another_shape_has_no_early_look(#[case] ty: &str, #[case] operator: &str, #[case] value: &str) {
    assert_eq!(one(ty, operator, value).compiled.config.quick, Quick::Nothing.number());
}

#[test]
fn a_hook_has_no_early_look_where_one_selector_needs_nothing() {
    let equal = ("Equal", vec!["/etc/passwd".to_owned()]);
    let other = ("NotEqual", vec!["/etc/shadow".to_owned()]);
    let quick = |selectors: &[Vec<_>]| policy("fd", selectors).compiled.config.quick;
    assert_eq!(quick(&[vec![equal.clone()], vec![other.clone()]]), Quick::Nothing.number());
    // Both must hold, so that the first one is enough to say no.
    assert_eq!(quick(&[vec![equal, other]]), Quick::Last.number());
}

/// Whoever calls: a file that no selector names settles it, also where the table of processes could not say whose descendant it is.
#[rstest]
#[case::a_descendant(ArgStatus::Ok, u64::MAX, false)]
#[case::another_process(ArgStatus::Ok, 0, true)]
#[case::one_without_an_entry(ArgStatus::Absent, 0, true)]
#[case::one_that_could_not_be_read(ArgStatus::KernelFault, 0, false)]
fn a_hook_that_follows_programs_has_an_early_look(
    #[case] status: ArgStatus,
    #[case] number: u64,
    #[case] settled_by_caller: bool,
) {
    let text = "apiVersion: cilium.io/v1alpha1\nkind: TracingPolicy\nmetadata: {name: early}\nspec:\n  kprobes:\n  - call: sys_write\n    \
                syscall: true\n    args: [{index: 0, type: fd}]\n    selectors:\n    - matchBinaries: [{operator: In, values: \
                [/bin/sh], followChildren: true}]\n      matchArgs: [{index: 0, operator: Equal, values: [/etc/passwd]}]\n      \
                matchActions: [{action: Sigkill}]\n";
    let prepared = prepare(text, &[0; 10]).unwrap();
    assert_eq!(prepared.compiled.config.quick, Quick::Last.number());
    let answer = |path: &str| {
        let arg = |subject, status, number, bytes: &[u8]| Subjected {
            subject,
            status,
            number,
            mode: 0,
            bytes: bytes.to_vec(),
            at_end: true,
        };
        let subjects = vec![
            arg(Subject::FollowedBinaries, status, number, &[]),
            arg(Subject::Arg0, ArgStatus::Ok, 0, path.as_bytes()),
        ];
        let observation = Observation { subjects, ..Observation::default() };
        Processor::default().decide(&Loaded::new(&prepared), &observation)
    };
    assert!(says_no(&prepared, "/tmp/shallow"));
    assert_eq!(answer("/tmp/shallow"), Answer::No);
    assert!(!says_no(&prepared, "/etc/passwd"));
    assert_eq!(answer("/etc/passwd") == Answer::No, settled_by_caller);
}

/// Values of one entry that only a table tells: `values` and others.
fn many(operator: &'static str, values: &[String]) -> Vec<(&'static str, Vec<String>)> {
    let others = (0..100).map(|number| match operator {
        "Postfix" => format!("{number}.a-long-end"),
        _ => format!("/etc/some-name-{number}"),
    });
    vec![(operator, others.chain(values.iter().cloned()).collect())]
}

#[rstest]
#[case::names("fd", "Equal", "/etc/passwd", "/tmp/shallow")]
#[case::ends("file", "Postfix", "/passwd", "/tmp/shallow")]
#[case::short_ends("file", "Postfix", "d", "/tmp/shallow")]
#[case::beginnings("path", "Prefix", "/etc/pass", "/tmp/shallow")]
#[case::folders("path", "Prefix", "/etc/", "/tmp/shallow")]
#[case::texts("string", "Equal", "/etc/passwd", "/tmp/shallow")]
#[case::beginnings_of_texts("string", "Prefix", "/etc/", "/tmp/shallow")]
fn many_values_are_told_by_a_table(
    #[case] ty: &str,
    #[case] operator: &'static str,
    #[case] value: &str,
    #[case] other: &str,
) {
    let prepared = policy(ty, &[many(operator, &[value.to_owned()])]);
    assert!(!prepared.compiled.early.is_empty());
    assert!(!says_no(&prepared, "/etc/passwd"));
    assert!(says_no(&prepared, other));
}

#[test]
fn the_values_of_many_selectors_are_told_by_a_table() {
    let selectors: Vec<_> =
        (0..16).map(|number| vec![("Equal", vec![format!("/etc/some-name-{number}")])]).collect();
    let prepared = policy("fd", &selectors);
    assert!(!prepared.compiled.early.is_empty());
    assert!(says_no(&prepared, "/etc/some-name-16"));
    assert!((0..16).all(|number| !says_no(&prepared, &format!("/etc/some-name-{number}"))));
}

#[test]
fn a_table_takes_few_other_names_for_values() {
    let values = (0..10_000).map(|number| format!("/etc/{number}")).collect();
    let prepared = policy("fd", &[vec![("Equal", values)]]);
    let taken = (10_000..20_000).filter(|number| !says_no(&prepared, &format!("/etc/{number}"))).count();
    assert!(taken < 200, "{taken} of 10,000");
}

/// What the programs make of a word that is of this type.
fn number(ty: &str, word: u64) -> u64 {
    let bits = match ty {
        "int8" | "uint8" => 8,
        "int16" | "uint16" => 16,
        "int" | "int32" | "uint32" => 32,
        _ => 64,
    };
    let above = 64 - bits;
    if ty.starts_with('u') {
        word << above >> above
    } else {
        ((word << above).cast_signed() >> above).cast_unsigned()
    }
}

fn contradicts(prepared: &Prepared, word: u64) -> bool {
    contradicts_number(&prepared.compiled.config, &prepared.compiled.early, word)
}

#[rstest]
#[case::another("uint32", "Equal", &["5"], 6, true)]
#[case::that("uint32", "Equal", &["5"], 5, false)]
#[case::above_its_bits("uint32", "Equal", &["5"], 0x1_0000_0005, false)]
#[case::negative("int", "Equal", &["-1"], 0xffff_ffff, false)]
#[case::wide("uint64", "Equal", &["5"], 0x1_0000_0005, true)]
#[case::no_bit("uint32", "Mask", &["4", "8"], 3, true)]
#[case::a_bit("uint32", "Mask", &["4", "8"], 9, false)]
fn a_number_is_seen_to_be_contradicted_or_not(
    #[case] ty: &str,
    #[case] operator: &str,
    #[case] values: &[&str],
    #[case] word: u64,
    #[case] no: bool,
) {
    let values = values.iter().map(|value| (*value).to_owned()).collect();
    let prepared = policy(ty, &[vec![(operator, values)]]);
    assert_ne!(prepared.compiled.config.quick, Quick::Nothing.number());
    assert_eq!(contradicts(&prepared, word), no);
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof!["[ab]{1,3}", "[ab]{7,10}", Just("etc".to_owned()), Just("passwd".to_owned())]
}

fn path() -> impl Strategy<Value = String> {
    proptest::collection::vec(name(), 1..4).prop_map(|names| format!("/{}", names.join("/")))
}

/// Of a path: all of it, an end, a beginning, or another one.
fn value(path: &str, cut: usize, kind: u8) -> (&'static str, String) {
    let cut = cut % path.len();
    match kind % 4 {
        0 => ("Equal", path.to_owned()),
        1 => ("Postfix", path[cut..].to_owned()),
        2 => ("Prefix", path[..=cut].to_owned()),
        _ => ("Equal", format!("{path}a")),
    }
}

proptest! {
    #[test]
    fn what_a_table_says_no_to_matches_nothing(
        ty in prop_oneof![Just("fd"), Just("string")],
        kind in 0..3_u8,
        drawn in proptest::collection::vec((path(), 0..30_usize), 9..40),
        subjects in proptest::collection::vec(path(), 1..20),
    ) {
        let values: BTreeSet<_> = drawn.iter().map(|(path, cut)| value(path, *cut, kind)).collect();
        let (operator, _) = value("/", 0, kind);
        let entry = (operator, values.into_iter().map(|(_, value)| value).collect());
        let prepared = policy(ty, &[vec![entry]]);
        for subject in subjects.iter().chain(drawn.iter().map(|(path, _)| path)) {
            if says_no(&prepared, subject) {
                let answer = evaluated(&prepared, subject.as_bytes(), !is_text(&prepared));
                prop_assert_eq!(answer, Answer::No, "{} under {:?}", subject, drawn);
            }
        }
    }

    #[test]
    fn a_number_that_the_early_look_says_no_to_matches_nothing(
        ty in prop_oneof![
            Just("int"), Just("int8"), Just("uint8"), Just("int16"), Just("uint16"), Just("uint32"), Just("int64"),
            Just("uint64"), Just("size_t"),
        ],
        operator in prop_oneof![Just("Equal"), Just("Mask")],
        drawn in proptest::collection::vec(prop_oneof![0..200_u64, any::<u64>()], 1..30),
        words in proptest::collection::vec(prop_oneof![0..200_u64, any::<u64>()], 1..20),
    ) {
        let values: BTreeSet<_> = drawn.iter().map(|word| number(ty, *word)).collect();
        let values = values.into_iter().map(|value| match ty {
            "int" | "int8" | "int16" | "int64" => value.cast_signed().to_string(),
            _ => value.to_string(),
        });
        let prepared = policy(ty, &[vec![(operator, values.collect())]]);
        for word in words.iter().chain(&drawn) {
            if prepared.compiled.config.quick != Quick::Nothing.number() && contradicts(&prepared, *word) {
                let answer = decided(&prepared, Seen { number: number(ty, *word), ..Seen::default() });
                prop_assert_eq!(answer, Answer::No, "{} under {:?} of {}", word, drawn, ty);
            }
        }
    }

    #[test]
    fn what_the_early_look_says_no_to_matches_nothing(
        ty in prop_oneof![Just("fd"), Just("string")],
        drawn in proptest::collection::vec((path(), 0..30_usize, 0..4_u8), 1..4),
        subjects in proptest::collection::vec(path(), 1..20),
    ) {
        let selectors: Vec<_> = drawn
            .iter()
            .map(|(path, cut, kind)| {
                let (operator, value) = value(path, *cut, *kind);
                vec![(operator, vec![value])]
            })
            .collect();
        let prepared = policy(ty, &selectors);
        for subject in subjects.iter().chain(drawn.iter().map(|(path, ..)| path)) {
            if says_no(&prepared, subject) {
                let answer = evaluated(&prepared, subject.as_bytes(), !is_text(&prepared));
                prop_assert_eq!(answer, Answer::No, "{} under {:?}", subject, selectors);
            }
        }
    }
}
