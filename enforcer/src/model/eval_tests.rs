//! The meaning of policies, case by case.

use rstest::rstest;

use super::*;
use crate::model::context::{Argument, Capabilities, PidNamespace, Process, Value};
use crate::policy::ast::RateScope;
use crate::policy::{Source, parse_one};

const HOST: Process = Process { tgid: 500, namespace: PidNamespace::Initial };

fn inside(namespace: u64, tgid: u32) -> Process {
    Process { tgid: 1000 + tgid, namespace: PidNamespace::Child { id: namespace, tgid } }
}

/// A hook with one argument of the type (and a size for a buffer) and the given selectors, written in flow style.
pub(in crate::model) fn hook(ty: &str, selectors: &str) -> Hook {
    let size = if ty.starts_with("char_") { ", sizeArgIndex: 3" } else { "" };
    let text = format!(
        "apiVersion: cilium.io/v1alpha1\nkind: TracingPolicy\nmetadata: {{name: t}}\nspec:\n  kprobes:\n  - call: f\n    \
         syscall: false\n    args: [{{index: 0, type: {ty}{size}}}]\n    selectors: [{selectors}]\n"
    );
    parse_one(&Source::new("t", text)).unwrap().hooks.remove(0)
}

pub(in crate::model) fn filter(ty: &str, op: &str, values: &str, action: &str) -> Hook {
    let one = format!(
        "{{matchArgs: [{{index: 0, operator: {op}, values: [{values}]}}], matchActions: [{{action: {action}}}]}}"
    );
    hook(ty, &one)
}

const POST: Action =
    Action::Post(Post { rate_limit_ms: 0, scope: RateScope::Thread, kernel_stack: false, user_stack: false });

fn argument(value: Value) -> Argument {
    Argument { value, file_type: None }
}

/// A call by an ordinary process of the host.
pub(in crate::model) fn of(value: Value) -> Context {
    Context {
        process: HOST,
        ancestors: vec![],
        executable: argument(whole("/usr/bin/cat")),
        parent_executable: argument(whole("/usr/bin/bash")),
        followed: vec![],
        namespaces: [7; 10],
        host_namespaces: [7; 10],
        namespaces_at_exec: [7; 10],
        capabilities: Capabilities::default(),
        capabilities_at_exec: Capabilities::default(),
        at_exec_unknown: false,
        args: vec![argument(value)],
        returned: None,
    }
}

pub(in crate::model) fn whole(text: &str) -> Value {
    Value::Whole(text.as_bytes().to_vec())
}

pub(in crate::model) fn cut(text: &str) -> Value {
    Value::Cut(text.as_bytes().to_vec())
}

/// The first selector, decided.
pub(in crate::model) fn hit(action: Action) -> Verdict {
    Verdict::Matched { selector: Some(0), actions: vec![action], failed_closed: false }
}

pub(in crate::model) fn closed() -> Verdict {
    Verdict::Matched { selector: Some(0), actions: vec![Action::Sigkill], failed_closed: true }
}

#[test]
fn a_hook_without_selectors_posts_every_call() {
    let verdict = evaluate(&hook("fd", ""), &of(Value::BadFd));
    assert_eq!(verdict, Verdict::Matched { selector: None, actions: vec![POST], failed_closed: false });
}

#[rstest]
#[case("Equal", "/a, /b", "/b", true)]
#[case("Equal", "/a, /b", "/bb", false)]
#[case("NotEqual", "/a, /b", "/b", false)]
#[case("NotEqual", "/a, /b", "/c", true)]
#[case("In", "/a, /b", "/a", true)]
#[case("NotIn", "/a, /b", "/a", false)]
#[case("NotIn", "/a, /b", "/ab", true)]
#[case("Prefix", "/etc/passwd", "/etc/passwd.d/a", true)]
#[case("Prefix", "/etc/passwd", "/etc/passw", false)]
#[case("Postfix", "passwd", "/etc/passwd", true)]
#[case("Postfix", "passwd", "/etc/passwd2", false)]
fn whole_paths_are_compared_as_bytes(
    #[case] op: &str,
    #[case] values: &str,
    #[case] path: &str,
    #[case] matches: bool,
) {
    let verdict = evaluate(&filter("file", op, values, "Post"), &of(whole(path)));
    assert_eq!(verdict, if matches { hit(POST) } else { Verdict::NotMatched });
}

#[rstest]
#[case("int8", "Equal", "-1", u64::MAX, true)]
#[case("int", "Equal", "0x7fffffff", 0x7fff_ffff, true)]
#[case("uint8", "Equal", "255", 255, true)]
#[case("uint8", "NotEqual", "1, 2", 2, false)]
#[case("uint8", "NotEqual", "1, 2", 3, true)]
#[case("size_t", "In", "0xffffffffffffffff, 5", u64::MAX, true)]
#[case("int64", "NotIn", "-5", 5, true)]
fn numbers_are_compared_in_full_width(
    #[case] ty: &str,
    #[case] op: &str,
    #[case] values: &str,
    #[case] number: u64,
    #[case] matches: bool,
) {
    let verdict = evaluate(&filter(ty, op, values, "Post"), &of(Value::Integer(number)));
    assert_eq!(verdict, if matches { hit(POST) } else { Verdict::NotMatched });
}

#[rstest]
#[case("Equal")]
#[case("NotEqual")]
#[case("NotIn")]
#[case("Prefix")]
#[case("Postfix")]
fn what_has_no_path_matches_no_filter_not_even_a_negative_one(
    #[case] op: &str,
    #[values(Value::NoPath, Value::BadFd)] value: Value,
) {
    assert_eq!(evaluate(&filter("fd", op, "/x", "Sigkill"), &of(value)), Verdict::NotMatched);
}

#[rstest]
fn nothing_is_killed_on_a_guess_about_user_memory(
    #[values("Equal", "NotEqual", "Prefix")] op: &str,
    #[values("Post", "Sigkill")] action: &str,
) {
    let verdict = evaluate(&filter("string", op, "/x", action), &of(Value::UserFault));
    assert_eq!(verdict, Verdict::Unreadable);
}

#[rstest]
fn an_enforcing_selector_fails_closed_and_an_observing_one_counts(
    #[values(Value::KernelFault, Value::Disconnected)] value: Value,
    #[values("Equal", "NotEqual", "NotIn", "Postfix")] op: &str,
) {
    let context = of(value);
    assert_eq!(evaluate(&filter("file", op, "/x", "Sigkill"), &context), closed());
    assert_eq!(evaluate(&filter("file", op, "/x", "Post"), &context), Verdict::Unreadable);
}

#[rstest]
// The seen end decides these.
#[case("Equal", "/a/c", "/b/c/d", Some(false))]
#[case("Postfix", "c", "/b/c", Some(true))]
#[case("Postfix", "d", "/b/c", Some(false))]
#[case("NotEqual", "/a/c", "/b/c/d", Some(true))]
// As long as what is seen: undecided, because a walk that ran out of steps at the root has seen all.
#[case("Equal", "/b/c/d", "/b/c/d", None)]
#[case("NotEqual", "/b/c/d", "/b/c/d", None)]
// Fewer bytes are seen than the value has: undecided, even where the seen end differs.
#[case("Equal", "/a/b/c", "/b/c", None)]
#[case("Equal", "/z/x/c", "b/c", None)]
#[case("Postfix", "x/b/d", "b/c", None)]
#[case("NotEqual", "/a/b/c", "/b/c", None)]
#[case("Postfix", "a/b/c", "/b/c", None)]
// The beginning is never seen.
#[case("Prefix", "/a", "/a/c", None)]
fn the_end_of_a_cut_path_is_known(
    #[case] op: &str,
    #[case] value: &str,
    #[case] end: &str,
    #[case] matches: Option<bool>,
) {
    let verdict = evaluate(&filter("path", op, value, "Sigkill"), &of(cut(end)));
    let expected = match matches {
        Some(true) => hit(Action::Sigkill),
        Some(false) => Verdict::NotMatched,
        None => closed(),
    };
    assert_eq!(verdict, expected);
}

#[rstest]
#[case("Equal", "abc", Some(false))]
#[case("NotEqual", "abc", Some(true))]
#[case("Prefix", "abc", Some(true))]
#[case("Prefix", "abd", Some(false))]
#[case("Postfix", "abc", None)]
fn the_beginning_of_a_cut_text_is_known(
    #[case] op: &str,
    #[case] value: &str,
    #[case] matches: Option<bool>,
) {
    let seen = "abc".repeat(1400);
    let verdict = evaluate(&filter("char_buf", op, value, "Sigkill"), &of(cut(&seen)));
    let expected = match matches {
        Some(true) => hit(Action::Sigkill),
        Some(false) => Verdict::NotMatched,
        None => closed(),
    };
    assert_eq!(verdict, expected);
}

#[test]
fn one_filter_that_does_not_hold_settles_what_others_leave_open() {
    let hook = hook(
        "file",
        "{matchArgs: [{index: 0, operator: Prefix, values: [/a]}, {index: 0, operator: Postfix, values: [x]}], \
         matchActions: [{action: Sigkill}]}",
    );
    assert_eq!(evaluate(&hook, &of(cut("/b/y"))), Verdict::NotMatched);
    assert_eq!(evaluate(&hook, &of(cut("/b/x"))), closed());
}

#[test]
fn the_first_selector_that_matches_wins() {
    let hook = hook(
        "file",
        "{matchArgs: [{index: 0, operator: Equal, values: [/a]}], matchActions: [{action: Post}]}, \
         {matchArgs: [{index: 0, operator: Prefix, values: [/]}], matchActions: [{action: Post}, {action: Sigkill}]}",
    );
    assert_eq!(evaluate(&hook, &of(whole("/a"))), hit(POST));
    assert_eq!(
        evaluate(&hook, &of(whole("/b"))),
        Verdict::Matched { selector: Some(1), actions: vec![POST, Action::Sigkill], failed_closed: false }
    );
}

#[test]
fn a_later_match_outweighs_an_earlier_doubt() {
    let hook = hook(
        "file",
        "{matchArgs: [{index: 0, operator: Prefix, values: [/a]}]}, \
         {matchArgs: [{index: 0, operator: Postfix, values: [x]}], matchActions: [{action: Sigkill}]}",
    );
    let expected =
        Verdict::Matched { selector: Some(1), actions: vec![Action::Sigkill], failed_closed: false };
    assert_eq!(evaluate(&hook, &of(cut("/x"))), expected);
    assert_eq!(evaluate(&hook, &of(cut("/y"))), Verdict::Unreadable);
}

fn pids(entries: &str) -> Hook {
    hook("fd", &format!("{{matchPIDs: [{entries}], matchActions: [{{action: Sigkill}}]}}"))
}

fn called_by(process: Process, ancestors: Vec<Process>) -> Context {
    Context { process, ancestors, ..of(whole("/etc/passwd")) }
}

const OPEN_KILL: &str = "{operator: NotIn, followForks: true, isNamespacePID: true, values: [0, 1]}";

#[rstest]
#[case::host_process(HOST, vec![HOST, HOST], false)]
#[case::namespace_init(inside(7, 1), vec![HOST], false)]
#[case::child_of_namespace_init(inside(7, 2), vec![inside(7, 1), HOST], false)]
#[case::entered_by_setns(inside(7, 9), vec![HOST, HOST], true)]
#[case::child_of_one_that_entered(inside(7, 10), vec![inside(7, 9), HOST], true)]
#[case::nested_below_a_foreign_init(inside(8, 5), vec![inside(7, 1), HOST], true)]
#[case::nine_generations_below_init(inside(7, 20), [vec![inside(7, 9); 8], vec![inside(7, 1)]].concat(), false)]
#[case::ten_generations_below_init(inside(7, 20), [vec![inside(7, 9); 9], vec![inside(7, 1)]].concat(), true)]
fn open_kill_spares_the_host_and_the_descendants_of_namespace_init(
    #[case] process: Process,
    #[case] ancestors: Vec<Process>,
    #[case] killed: bool,
) {
    let verdict = evaluate(&pids(OPEN_KILL), &called_by(process, ancestors));
    assert_eq!(verdict, if killed { hit(Action::Sigkill) } else { Verdict::NotMatched });
}

#[rstest]
#[case("{operator: In, values: [500]}", true)]
#[case("{operator: In, values: [1, 500]}", true)]
#[case("{operator: In, values: [400]}", false)]
#[case("{operator: In, followForks: true, values: [400]}", true)]
#[case("{operator: NotIn, followForks: true, values: [400]}", false)]
#[case("{operator: NotIn, values: [400]}", true)]
#[case("{operator: In, isNamespacePID: true, values: [500]}", false)]
#[case("{operator: In, isNamespacePID: true, values: [0]}", true)]
#[case("{operator: In, values: [500]}, {operator: NotIn, followForks: true, values: [300]}", false)]
#[case("{operator: In, values: [500]}, {operator: NotIn, followForks: true, values: [301]}", true)]
fn process_filters_must_all_hold(#[case] entries: &str, #[case] matches: bool) {
    let ancestors = [400, 300].map(|tgid| Process { tgid, namespace: PidNamespace::Initial }).to_vec();
    let verdict = evaluate(&pids(entries), &called_by(HOST, ancestors));
    assert_eq!(verdict, if matches { hit(Action::Sigkill) } else { Verdict::NotMatched });
}

#[rstest]
#[case(Some(Value::Integer(5)), Some(true))]
#[case(Some(Value::Integer(u64::MAX)), Some(false))]
#[case(None, None)]
fn what_a_function_returned_decides_the_actions_on_return(
    #[case] value: Option<Value>,
    #[case] matches: Option<bool>,
) {
    let text = "apiVersion: cilium.io/v1alpha1\nkind: TracingPolicy\nmetadata: {name: t}\nspec:\n  kprobes:\n  - call: f\n    \
                syscall: false\n    return: true\n    returnArg: {index: 0, type: int}\n    selectors:\n    - matchReturnArgs: \
                [{index: 0, operator: GT, values: [0]}]\n      matchReturnActions: [{action: Post}]\n";
    let hook = parse_one(&Source::new("t", text)).unwrap().hooks.remove(0);
    let context = Context { args: vec![], returned: value.map(argument), ..of(Value::NoPath) };
    // Nothing is asked of the arguments, so every call matches when it begins.
    assert_eq!(evaluate(&hook, &context), hit(POST));
    let expected = match matches {
        Some(true) => hit(POST),
        Some(false) => Verdict::NotMatched,
        None => Verdict::Unreadable,
    };
    assert_eq!(evaluate_return(&hook, 0, &context), Some(expected));
    assert_eq!(evaluate_return(&hook, 1, &context), None);
}
