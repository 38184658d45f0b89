//! The early look against the evaluator: what it says no to, no selector matches. Paths and values are made of few names, so that they
//! often share an end, a beginning, or all but a byte.

use proptest::prelude::*;
use quell_bpf::host::{contradicts_path, contradicts_text};
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
        if matches!(ty, "fd" | "string") { ("sys_write", true) } else { ("fd_install", false) };
    let text = format!(
        "apiVersion: cilium.io/v1alpha1\nkind: TracingPolicy\nmetadata: {{name: early}}\nspec:\n  kprobes:\n  - call: {call}\n    \
         syscall: {syscall}\n    args: [{{index: 0, type: {ty}}}]\n    selectors:\n{selectors}"
    );
    prepare(&text, &[0; 10]).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

fn one(ty: &str, operator: &str, value: &str) -> Prepared {
    policy(ty, &[vec![(operator, vec![value.to_owned()])]])
}

fn evaluated(prepared: &Prepared, bytes: &[u8], at_end: bool) -> Answer {
    let (subject, status) = (Subject::Arg0, ArgStatus::Ok);
    let seen = Subjected { subject, status, number: 0, mode: 0, bytes: bytes.to_vec(), at_end };
    let observation = Observation { subjects: vec![seen], ..Observation::default() };
    Processor::default().decide(&Loaded::new(prepared), &observation)
}

fn is_text(prepared: &Prepared) -> bool {
    prepared.compiled.config.quick == Quick::Text.number()
}

fn says_no(prepared: &Prepared, subject: &str) -> bool {
    let config = &prepared.compiled.config;
    match config.quick {
        quick if quick == Quick::Nothing.number() => false,
        _ if is_text(prepared) => contradicts_text(config, format!("{subject}\0").as_bytes()),
        _ => contradicts_path(config, subject.as_bytes()),
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
