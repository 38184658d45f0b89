//! Valid policies and what they become, limits from both sides, and texts that nobody meant.

use proptest::prelude::*;
use quell_wire::limits;
use rstest::rstest;

use crate::policy::ast::*;
use crate::policy::yaml;
use crate::policy::{Code, Source, parse, parse_one};

const HEAD: &str =
    "apiVersion: cilium.io/v1alpha1\nkind: TracingPolicy\nmetadata:\n  name: example\nspec:\n  kprobes:\n";

/// The fragment that the project set out to run, in a complete file.
const OPEN_KILL: &str = r#"apiVersion: cilium.io/v1alpha1
kind: TracingPolicy
metadata:
  name: "open-kill"
spec:
  kprobes:
  - call: "__x64_sys_write"
    syscall: true
    args:
    - index: 0
      type: "fd"
    - index: 1
      type: "char_buf"
      sizeArgIndex: 3
    - index: 2
      type: "size_t"
    selectors:
    - matchPIDs:
      - operator: NotIn
        followForks: true
        isNamespacePID: true
        values:
        - 0
        - 1
      matchArgs:
      - index: 0
        operator: "Prefix"
        values:
        - "/etc/passwd"
      matchActions:
      - action: Sigkill
"#;

fn accepted(text: &str) -> Policy {
    parse_one(&Source::new("p.yaml", text)).unwrap_or_else(|found| panic!("{found}\n{text}"))
}

fn refused(text: &str) -> Vec<Code> {
    let found = parse(&Source::new("p.yaml", text)).unwrap_err();
    found.as_slice().iter().map(|found| found.code).collect()
}

/// One hook with a file and an int argument, and the given selectors in flow style.
fn with_selectors(selectors: &str) -> String {
    format!(
        "{HEAD}  - call: f\n    syscall: false\n    args: [{{index: 0, type: file}}, {{index: 1, type: int}}]\n    \
         selectors: [{selectors}]\n"
    )
}

#[test]
fn open_kill_is_read_as_written() {
    let policy = accepted(OPEN_KILL);
    assert_eq!(policy.name.value, "open-kill");
    let [hook] = policy.hooks.as_slice() else { panic!("{policy:?}") };
    let point = HookPoint::Kprobe {
        function: "__x64_sys_write".into(),
        syscall: true,
        returns: false,
        every_abi: false,
    };
    assert_eq!(hook.point, point);
    assert_eq!(&OPEN_KILL[hook.name.span.offset..hook.name.span.end()], "\"__x64_sys_write\"");
    let args: Vec<_> = hook.args.iter().map(|arg| (arg.source, arg.ty, arg.size_arg)).collect();
    let at = ArgSource::Argument;
    assert_eq!(
        args,
        [(at(0), ArgType::Fd, None), (at(1), ArgType::CharBuf, Some(2)), (at(2), ArgType::Size, None)]
    );
    let [selector] = hook.selectors.as_slice() else { panic!("{hook:?}") };
    let [pids] = selector.pids.as_slice() else { panic!("{selector:?}") };
    assert_eq!((pids.negated, pids.namespace, pids.follow_forks), (true, true, true));
    assert_eq!(pids.values, [0, 1]);
    let [filter] = selector.args.as_slice() else { panic!("{selector:?}") };
    assert_eq!((filter.arg, filter.op), (0, Operator::Prefix));
    assert_eq!(filter.values, Values::Strings(vec![b"/etc/passwd".to_vec()]));
    assert_eq!(selector.actions, [Action::Sigkill]);
    assert!(selector.enforces());
}

#[test]
fn a_selector_without_actions_posts() {
    let policy = accepted(&with_selectors("{}, {matchActions: []}"));
    let actions: Vec<_> = policy.hooks[0].selectors.iter().map(|selector| selector.actions.clone()).collect();
    let post = Action::Post(Post::default());
    assert_eq!(actions, [[post], [post]]);
}

#[test]
fn numbers_may_be_quoted_and_in_any_base() {
    let text =
        with_selectors("{matchArgs: [{index: 1, operator: In, values: [-1, \"0x10\", 017, 0o20001, '-2']}]}");
    let policy = accepted(&text);
    let expected = vec![u64::MAX, 16, 15, 8193, u64::MAX - 1];
    assert_eq!(policy.hooks[0].selectors[0].args[0].values, Values::Integers(expected));
}

#[rstest]
#[case("args: [{index: 0, type: fd}, {index: 2, type: int}]", 2, 1)]
#[case("args: [{index: 1, type: int}]", 1, 0)]
#[case("args: [{index: 1, type: int}, {index: 2, type: int}]", 2, 1)]
fn a_filter_names_the_argument_of_the_function(
    #[case] args: &str,
    #[case] index: u32,
    #[case] position: usize,
) {
    let text = format!(
        "{HEAD}  - call: f\n    syscall: false\n    {args}\n    selectors: [{{matchArgs: [{{index: {index}, operator: \
         Equal, values: [7]}}]}}]\n"
    );
    assert_eq!(accepted(&text).hooks[0].selectors[0].args[0].arg, position);
}

#[rstest]
#[case("__x64_sys_write", None, Some(true))]
#[case("__x64_sys_write", Some(true), Some(true))]
#[case("__x64_sys_write", Some(false), None)]
#[case("vfs_write", None, None)]
#[case("vfs_write", Some(true), None)]
#[case("vfs_write", Some(false), Some(false))]
#[case("sys_imageblit", Some(false), Some(false))]
#[case("__do_sys_bpf.constprop.0", Some(false), Some(false))]
fn the_syscall_flag_has_to_fit_the_name(
    #[case] call: &str,
    #[case] flag: Option<bool>,
    #[case] expected: Option<bool>,
) {
    let flag = flag.map(|flag| format!("    syscall: {flag}\n")).unwrap_or_default();
    let text = format!("{HEAD}  - call: {call}\n{flag}");
    match expected {
        Some(syscall) => assert_eq!(accepted(&text).hooks[0].point.is_syscall(), syscall),
        None => assert_eq!(refused(&text), [Code::SyscallFlag]),
    }
}

fn size(limit: u32) -> usize {
    usize::try_from(limit).unwrap()
}

/// `count` entries of a list, each made from its number.
fn entries(count: usize, entry: impl Fn(usize) -> String) -> String {
    (0..count).map(entry).collect::<Vec<_>>().join(", ")
}

fn selectors_of(count: usize) -> String {
    with_selectors(&entries(count, |_| "{}".into()))
}

fn args_of(count: usize) -> String {
    let args = entries(count, |n| format!("{{index: {}, type: int}}", n % 5));
    format!("{HEAD}  - call: f\n    syscall: false\n    args: [{args}]\n")
}

fn pid_entries_of(count: usize) -> String {
    let filters = entries(count, |n| format!("{{operator: NotIn, values: [{n}]}}"));
    with_selectors(&format!("{{matchPIDs: [{filters}]}}"))
}

fn pids_of(count: usize) -> String {
    let pids = entries(count, |n| n.to_string());
    with_selectors(&format!("{{matchPIDs: [{{operator: In, values: [{pids}]}}]}}"))
}

fn arg_filters_of(count: usize) -> String {
    let filters = entries(count, |n| format!("{{index: 1, operator: NotEqual, values: [{n}]}}"));
    with_selectors(&format!("{{matchArgs: [{filters}]}}"))
}

fn masks_of(count: usize) -> String {
    let values = entries(count, |n| n.to_string());
    with_selectors(&format!("{{matchArgs: [{{index: 1, operator: Mask, values: [{values}]}}]}}"))
}

fn members_of(count: usize) -> String {
    let values = entries(count, |n| n.to_string());
    with_selectors(&format!("{{matchArgs: [{{index: 1, operator: In, values: [{values}]}}]}}"))
}

fn binaries_of(count: usize) -> String {
    let filters = entries(count, |n| format!("{{operator: NotIn, values: [/{n}]}}"));
    with_selectors(&format!("{{matchBinaries: [{filters}]}}"))
}

fn tags_of(count: usize) -> String {
    format!("{HEAD}  - call: __x64_sys_write\n    tags: [{}]\n", entries(count, |n| format!("t{n}")))
}

#[rstest]
#[case::selectors(limits::MAX_SELECTORS, selectors_of)]
#[case::args(limits::MAX_ARGS, args_of)]
#[case::pid_entries(limits::MAX_PID_ENTRIES, pid_entries_of)]
#[case::pids(limits::MAX_PIDS, pids_of)]
#[case::arg_filters(limits::MAX_FILTERS, arg_filters_of)]
#[case::inline_values(limits::MAX_VALUES, masks_of)]
#[case::members_of_a_set(limits::MAX_SET_MEMBERS, members_of)]
#[case::binaries(limits::MAX_FILTERS, binaries_of)]
#[case::tags(16, tags_of)]
fn a_list_at_its_limit_is_read_and_one_more_is_refused(
    #[case] limit: u32,
    #[case] policy: fn(usize) -> String,
) {
    accepted(&policy(size(limit)));
    assert_eq!(refused(&policy(size(limit) + 1)), [Code::ListTooLong]);
}

#[test]
fn actions_behind_their_limit_are_refused() {
    const KINDS: [&str; 9] = [
        "{action: Post}",
        "{action: NoPost}",
        "{action: Sigkill}",
        "{action: Signal, argSig: 1}",
        "{action: Override, argError: -1}",
        "{action: FollowFD, argFd: 0, argName: 1}",
        "{action: CopyFD, argFd: 0, argName: 1}",
        "{action: Set, argIndex: 0, argValue: 1}",
        "{action: UnfollowFD, argFd: 0, argName: 1}",
    ];
    let limit = size(limits::MAX_ACTIONS);
    let of = |count: usize| with_selectors(&format!("{{matchActions: [{}]}}", KINDS[..count].join(", ")));
    assert_eq!(accepted(&of(limit)).hooks[0].selectors[0].actions.len(), limit);
    assert_eq!(refused(&of(limit + 1)), [Code::ListTooLong]);
}

#[test]
fn a_text_at_its_limit_is_read_and_one_more_byte_is_refused() {
    let of = |bytes: usize| {
        let value = format!("/{}", "x".repeat(bytes - 1));
        with_selectors(&format!("{{matchArgs: [{{index: 0, operator: Equal, values: [{value}]}}]}}"))
    };
    let limit = size(limits::MAX_STRING_VALUE_BYTES);
    accepted(&of(limit));
    assert_eq!(refused(&of(limit + 1)), [Code::TextTooLong]);
}

#[rstest]
#[case(256, true)]
#[case(257, false)]
fn a_message_has_at_most_256_characters(#[case] chars: usize, #[case] fits: bool) {
    let text = format!("{HEAD}  - call: __x64_sys_write\n    message: {}\n", "ä".repeat(chars));
    if fits {
        let message = accepted(&text).hooks[0].message.clone();
        assert_eq!(message.map(|message| message.chars().count()), Some(chars));
    } else {
        assert_eq!(refused(&text), [Code::TextTooLong]);
    }
}

#[rstest]
#[case("Prefix", "/etc/", true)]
#[case("Prefix", "/etc/.", true)]
#[case("Prefix", "/", true)]
#[case("Equal", "/", true)]
#[case("Equal", "/etc/...", true)]
#[case("Postfix", ".so", true)]
#[case("Postfix", "passwd", true)]
#[case("Postfix", "./x", true)]
#[case("Postfix", "/", false)]
#[case("Postfix", "x/", false)]
#[case("Postfix", "/..", false)]
#[case("NotEqual", "/a/./b", false)]
#[case("Prefix", "/a//b", false)]
fn paths_that_no_file_has_are_refused(#[case] op: &str, #[case] path: &str, #[case] fits: bool) {
    let text = with_selectors(&format!("{{matchArgs: [{{index: 0, operator: {op}, values: ['{path}']}}]}}"));
    if fits {
        accepted(&text);
    } else {
        assert_eq!(refused(&text), [Code::PathNeverSeen]);
    }
}

#[test]
fn an_anchored_mistake_is_reported_once() {
    let text = format!("{HEAD}  - &hook\n    call: nf:sys_write\n  - *hook\n");
    assert_eq!(refused(&text), [Code::UnsupportedCall]);
}

#[test]
fn wrong_arguments_do_not_make_every_filter_a_mistake() {
    let text =
        with_selectors("{matchArgs: [{index: 0, operator: Equal, values: [/a]}]}").replace("file", "filo");
    assert_eq!(refused(&text), [Code::UnknownType]);
}

/// A valid policy with one piece of the text exchanged for another.
fn mutated() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        prop::sample::select(vec![
            "",
            " ",
            "\n",
            "\t",
            ":",
            "- ",
            "-",
            "[",
            "]",
            "{",
            "}",
            "*a",
            "&a ",
            "|",
            ">",
            "'",
            "\"",
            "#",
            "~",
            "null",
            "true",
            "0",
            "-1",
            "999999999999999999999",
            "values",
            "index",
            "\u{feff}",
            "\0",
            "ß",
            "---\n",
            "<<: ",
            "!!int ",
        ])
        .prop_map(str::to_owned),
        "\\PC{0,6}",
    ];
    let cut = (0..=OPEN_KILL.len(), 0..12usize, piece);
    prop::collection::vec(cut, 1..4).prop_map(|cuts| {
        cuts.into_iter().fold(OPEN_KILL.to_owned(), |mut text, (start, len, piece)| {
            let start = text.floor_char_boundary(start.min(text.len()));
            let end = text.floor_char_boundary((start + len).min(text.len())).max(start);
            text.replace_range(start..end, &piece);
            text
        })
    })
}

/// Whatever the text: an AST within its limits, or findings that can be drawn, in both forms.
fn answers(text: &str) -> Result<(), TestCaseError> {
    use crate::policy::{Style, render};
    match parse(&Source::new("p.yaml", text)) {
        Ok(policies) => {
            prop_assert!(!policies.is_empty());
            for hook in policies.iter().flat_map(|policy| &policy.hooks) {
                prop_assert!(hook.args.len() <= size(limits::MAX_ARGS));
                for selector in &hook.selectors {
                    prop_assert!(!selector.actions.is_empty());
                    prop_assert!(selector.pids.iter().all(|filter| !filter.values.is_empty()));
                    prop_assert!(selector.args.iter().all(|filter| filter.arg < hook.args.len()));
                }
            }
            for policy in policies {
                let printed = yaml::print(&policy);
                let again = parse_one(&Source::new("again.yaml", printed.as_str()));
                prop_assert!(
                    again.is_ok_and(|again| again.without_spans() == policy.without_spans()),
                    "{}",
                    printed
                );
            }
        }
        Err(found) => {
            prop_assert!(found.has_errors());
            let text = render::text(&found, Style::Plain);
            prop_assert!(found.as_slice().iter().all(|found| text.contains(found.code.as_str())));
            prop_assert_eq!(render::json(&found).len(), found.len());
        }
    }
    Ok(())
}

proptest! {
    #[test]
    fn any_text_is_answered(text in "\\PC{0,300}|[a-zA-Z:\\- \\n\\[\\]{}&*!|>'\"#0-9,\t]{0,300}") {
        answers(&text)?;
    }

    #[test]
    fn a_valid_policy_with_random_changes_is_answered(text in mutated()) {
        answers(&text)?;
    }

    #[test]
    fn any_bytes_are_answered(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        match Source::from_bytes("p.yaml", &bytes) {
            Ok(source) => answers(source.text())?,
            Err(found) => prop_assert_eq!(found.as_slice()[0].code, Code::NotUtf8),
        }
    }
}
