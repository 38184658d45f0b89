//! What the parts of the language become together: lists, macros, returns, data, several policies; and how much work a file
//! may ask for.

use std::time::{Duration, Instant};

use rstest::rstest;

use crate::policy::ast::*;
use crate::policy::{Code, Source, Style, parse, parse_one, render};

const HEAD: &str = "apiVersion: cilium.io/v1alpha1\nkind: TracingPolicy\nmetadata:\n  name: example\nspec:\n";

fn accepted(spec: &str) -> Policy {
    let text = format!("{HEAD}{spec}");
    parse_one(&Source::new("p.yaml", text.as_str())).unwrap_or_else(|found| panic!("{found}\n{text}"))
}

fn refused(spec: &str) -> Vec<Code> {
    let text = format!("{HEAD}{spec}");
    let found = parse(&Source::new("p.yaml", text.as_str())).unwrap_err();
    found.as_slice().iter().map(|found| found.code).collect()
}

/// One hook with an argument of this type and the given matchArgs entry behind `index: 0, `.
fn filter(ty: &str, entry: &str) -> String {
    format!(
        "  kprobes:\n  - call: f\n    syscall: false\n    args: [{{index: 0, type: {ty}}}]\n    selectors:\n    - matchArgs: \
         [{{index: 0, {entry}}}]\n"
    )
}

fn values(ty: &str, entry: &str) -> Values {
    accepted(&filter(ty, entry)).hooks[0].selectors[0].args[0].values.clone()
}

#[test]
fn a_list_of_functions_is_a_hook_for_each() {
    let policy = accepted(
        "  lists: [{name: calls, type: syscalls, values: [sys_open, sys_openat]}]\n  kprobes:\n  - call: list:calls\n    \
         args: [{index: 0, type: string}]\n    selectors: [{matchPIDs: [{operator: In, values: [1]}]}]\n",
    );
    let targets: Vec<_> = policy.hooks.iter().map(|hook| hook.point.target()).collect();
    assert_eq!(targets, ["__x64_sys_open", "__x64_sys_openat"]);
    assert_eq!(policy.hooks[0].selectors, policy.hooks[1].selectors);
    assert_eq!(policy.hooks[1].name.value, "sys_openat");
    assert!(matches!(policy.hooks[0].point, HookPoint::Kprobe { every_abi: true, syscall: true, .. }));
}

#[test]
fn hooks_stand_by_kind_and_then_in_the_order_of_the_file() {
    let policy = accepted(
        "  fentries: [{call: d, syscall: false}]\n  lsmhooks: [{hook: file_open}]\n  tracepoints: [{subsystem: a, event: b}]\n  \
         kprobes: [{call: z, syscall: false}, {call: y, syscall: false}]\n",
    );
    let targets: Vec<_> = policy.hooks.iter().map(|hook| hook.point.target()).collect();
    assert_eq!(targets, ["z", "y", "a/b", "file_open", "d"]);
}

#[test]
fn a_macro_adds_its_sections() {
    let policy = accepted(
        "  selectorsMacros:\n    root: {matchCapabilities: [{operator: In, values: [CAP_SYS_ADMIN]}]}\n    \
         kill: {matchActions: [{action: Sigkill}]}\n  kprobes:\n  - call: f\n    syscall: false\n    selectors:\n    - macros: [root, \
         kill]\n      label: both\n",
    );
    let selector = &policy.hooks[0].selectors[0];
    assert_eq!(
        (selector.capabilities[0].mask, selector.capabilities[0].set),
        (1 << 21, CapabilitySet::Effective)
    );
    assert_eq!(
        (selector.actions.as_slice(), selector.label.as_deref()),
        ([Action::Sigkill].as_slice(), Some("both"))
    );
}

#[rstest]
#[case::misspelled("{matchPIDS: [{operator: In, values: [1]}]}", Code::UnknownKey)]
#[case::value("{matchPIDs: [{operator: In, values: [-1]}]}", Code::IntegerRange)]
#[case::operator("{matchArgs: [{index: 0, operator: Equals, values: [1]}]}", Code::UnknownOperator)]
#[case::action("{matchActions: [{action: Signal}]}", Code::ActionArgument)]
fn a_macro_that_nobody_uses_is_judged_too(#[case] body: &str, #[case] code: Code) {
    let found = refused(&format!(
        "  selectorsMacros:\n    unused: {body}\n  kprobes: [{{call: f, syscall: false}}]\n"
    ));
    assert_eq!(found, [code]);
}

#[test]
fn a_mistake_in_a_macro_is_reported_once_however_often_it_is_used() {
    let uses = "    - macros: [bad]\n".repeat(5);
    let found = refused(&format!(
        "  selectorsMacros:\n    bad: {{matchPIDs: [{{operator: In, values: [1, 1]}}]}}\n  kprobes:\n  - call: f\n    syscall: \
         false\n    selectors:\n{uses}"
    ));
    assert_eq!(found, [Code::DuplicateValue]);
}

#[rstest]
#[case("int", "operator: Equal, values: [SIGKILL, EPERM, -EPERM, AF_INET6, CAP_KILL]", vec![9, 1, u64::MAX, 10, 5])]
#[case("syscall64", "operator: Equal, values: [bpf, sys_read, i386/read]", vec![321, 0, 0x8000_0003])]
#[case("kernel_cap_t", "operator: Mask, values: ['CAP_CHOWN,CAP_KILL', 0x8000000000000000]", vec![0x21, 1 << 63])]
#[case("int8", "operator: Equal, values: [-128, 0x7f]", vec![0xffff_ffff_ffff_ff80, 127])]
#[case("sock", "operator: Family, values: [AF_UNIX, inet, 17]", vec![1, 2, 17])]
#[case("file", "operator: FileType, values: [reg, sock]", vec![0o100_000, 0o140_000])]
fn numbers_may_be_names(#[case] ty: &str, #[case] entry: &str, #[case] expected: Vec<u64>) {
    assert_eq!(values(ty, entry), Values::Integers(expected));
}

#[rstest]
#[case("int", "operator: InMap, values: ['-5:5', 7, '0x10:020']", None)]
#[case("int", "operator: InRange, values: ['-EIO:-1', '8:8']", Some(vec![(u64::MAX - 4, u64::MAX), (8, 8)]))]
#[case("sock", "operator: DPort, values: [0, '1:65535']", Some(vec![(0, 0), (1, 65535)]))]
fn ranges_have_both_bounds(#[case] ty: &str, #[case] entry: &str, #[case] expected: Option<Vec<(u64, u64)>>) {
    let expected = expected.unwrap_or_else(|| vec![(u64::MAX - 4, 5), (7, 7), (16, 16)]);
    assert_eq!(values(ty, entry), Values::Ranges(expected));
}

#[rstest]
#[case("sock", "operator: DPort, values: [65536]", Code::IntegerRange)]
#[case("sock", "operator: DPort, values: ['1:65536']", Code::IntegerRange)]
#[case("sock", "operator: SPort, values: [-1]", Code::IntegerRange)]
#[case("uint8", "operator: InRange, values: ['-1:5']", Code::IntegerRange)]
#[case("uint8", "operator: InRange, values: ['0:256']", Code::IntegerRange)]
#[case("file", "operator: FileType, values: [7]", Code::UnknownName)]
#[case("sock", "operator: State, values: [TCP]", Code::UnknownName)]
#[case("syscall64", "operator: InMap, values: [sys_wrote]", Code::UnknownName)]
#[case("skb", "operator: State, values: [1]", Code::OperatorType)]
#[case("sockaddr", "operator: DAddr, values: [\"::\"]", Code::OperatorType)]
#[case("nop", "operator: Equal, values: [1]", Code::OperatorType)]
#[case("int", "operator: Equal, values: []", Code::EmptyList)]
#[case("int", "operator: Equal", Code::MissingKey)]
#[case("int", "operator: Equal, values:", Code::WrongKind)]
#[case("string", "operator: Equal, values: [\"\\0x\"]", Code::NulInText)]
fn values_that_cannot_be_are_refused(#[case] ty: &str, #[case] entry: &str, #[case] code: Code) {
    assert_eq!(refused(&filter(ty, entry)), [code]);
}

#[test]
fn the_name_of_an_abstract_socket_begins_with_a_nul() {
    let name = values("sockaddr_un", "operator: Equal, values: [\"\\0name\", /run/x]");
    assert_eq!(name, Values::Strings(vec![b"\0name".to_vec(), b"/run/x".to_vec()]));
    let inner = filter("sockaddr_un", "operator: Equal, values: [\"\\0na\\0me\"]");
    assert_eq!(refused(&inner), [Code::NulInText]);
}

#[rstest]
#[case("net_device", 15)]
#[case("sockaddr_un", 108)]
fn a_text_is_as_long_as_its_type_can_be_and_no_longer(
    #[case] ty: &str,
    #[case] longest: usize,
    #[values("Equal", "NotEqual", "Prefix", "Postfix", "SubString")] op: &str,
) {
    let of = |length| filter(ty, &format!("operator: {op}, values: [{}]", "d".repeat(length)));
    // What can be searched for ends before the path of a socket does.
    if longest <= 64 || op != "SubString" {
        accepted(&of(longest));
    }
    assert_eq!(refused(&of(longest + 1)), [Code::TextTooLong]);
}

#[rstest]
fn buffers_do_not_end_at_a_nul_and_everything_else_does(#[values("char_buf", "char_iovec")] ty: &str) {
    let sized = |values: &str| {
        filter(ty, &format!("operator: Equal, values: [{values}]"))
            .replace(&format!("type: {ty}"), &format!("type: {ty}, sizeArgIndex: 3"))
    };
    let text = sized("\"a\\0b\", \"\\0\", !!binary AP8A");
    let Some(Values::Strings(values)) =
        accepted(&text).hooks[0].selectors[0].args.first().map(|filter| filter.values.clone())
    else {
        panic!("not strings");
    };
    assert_eq!(values, [b"a\0b".to_vec(), b"\0".to_vec(), b"\0\xff\0".to_vec()]);
}

#[test]
fn a_search_at_its_limit_is_read_and_one_more_byte_is_refused() {
    let of = |lengths: &[usize]| {
        let values: Vec<_> =
            lengths.iter().zip('a'..).map(|(length, c)| c.to_string().repeat(*length)).collect();
        filter("string", &format!("operator: SubString, values: [{}]", values.join(", ")))
    };
    accepted(&of(&[64, 64, 64, 64]));
    accepted(&of(&[32; 8]));
    accepted(&of(&[40, 24, 40, 24, 40, 24, 40, 24]));
    for over in [&[65][..], &[64, 64, 64, 64, 1], &[33; 8]] {
        assert_eq!(refused(&of(over)), [Code::SearchTooLong]);
    }
}

#[test]
fn data_stands_behind_the_arguments() {
    let policy = accepted(
        "  kprobes:\n  - call: f\n    syscall: false\n    args: [{index: 2, type: int}]\n    data: [{type: uint32, source: \
         current_task, resolve: 'cred.uid.val'}, {type: uint64, source: pt_regs, resolve: rsp}]\n    selectors:\n    - matchArgs: \
         [{index: 2, operator: Equal, values: [1]}]\n      matchData: [{index: 1, operator: NotEqual, values: [0]}]\n",
    );
    let hook = &policy.hooks[0];
    let sources: Vec<_> = hook.args.iter().map(|arg| arg.source).collect();
    assert_eq!(sources, [ArgSource::Argument(2), ArgSource::CurrentTask, ArgSource::Registers]);
    let compared: Vec<_> = hook.selectors[0].args.iter().map(|filter| filter.arg).collect();
    assert_eq!(compared, [0, 2]);
    assert_eq!(hook.args[1].resolve.len(), 3);
}

#[test]
fn a_list_of_system_calls_is_their_numbers_whatever_the_type() {
    let policy = accepted(
        "  lists: [{name: dups, type: syscalls, values: [sys_dup, sys_dup2, __ia32_sys_dup]}]\n  tracepoints:\n  - subsystem: \
         raw_syscalls\n    event: sys_enter\n    args: [{index: 4, type: uint64}]\n    selectors: [{matchArgs: [{index: 4, \
         operator: InMap, values: [list:dups]}]}]\n",
    );
    let numbers = [32, 33, 0x8000_0029].map(|number| (number, number)).to_vec();
    assert_eq!(policy.hooks[0].selectors[0].args[0].values, Values::Ranges(numbers));
}

#[test]
fn a_buffer_that_is_read_at_the_return_may_go_by_what_the_call_returns() {
    let policy = accepted(
        "  kprobes:\n  - call: sys_read\n    args: [{index: 1, type: char_buf, returnCopy: true}]\n",
    );
    let arg = &policy.hooks[0].args[0];
    assert_eq!((arg.size_arg, arg.return_copy), (None, true));
}

#[test]
fn arguments_and_data_share_their_limit() {
    let of = |data: usize| {
        let data = vec!["{type: int, source: current_task, resolve: pid}"; data].join(", ");
        format!(
            "  kprobes:\n  - call: f\n    syscall: false\n    args: [{{index: 0, type: int}}, {{index: 1, type: int}}]\n    data: \
             [{data}]\n"
        )
    };
    accepted(&of(3));
    assert_eq!(refused(&of(4)), [Code::ListTooLong]);
}

#[test]
fn the_return_is_compared_by_its_own_type() {
    let policy = accepted(
        "  kprobes:\n  - call: f\n    syscall: false\n    return: true\n    returnArg: {index: 0, type: int}\n    selectors:\n    - \
         matchReturnArgs: [{index: 0, operator: LT, values: [0]}]\n      matchReturnActions: [{action: NoPost}]\n",
    );
    let hook = &policy.hooks[0];
    assert!(matches!(hook.point, HookPoint::Kprobe { returns: true, .. }));
    assert_eq!(
        hook.returned.as_ref().map(|arg| (arg.source, arg.ty)),
        Some((ArgSource::Returned, ArgType::Int32))
    );
    let selector = &hook.selectors[0];
    assert_eq!(selector.return_args[0].values, Values::Integers(vec![0]));
    let (post, quiet) = (Action::Post(Post::default()), Action::NoPost);
    assert_eq!(
        (selector.actions.as_slice(), selector.return_actions.as_slice()),
        (&[post][..], &[quiet][..])
    );
}

#[test]
fn a_post_at_the_return_says_nothing_of_its_own_about_the_event() {
    let of = |post: &str| {
        format!(
            "  kprobes:\n  - call: f\n    syscall: false\n    return: true\n    selectors:\n    - matchReturnActions: [{{{post}}}]\n"
        )
    };
    accepted(&of("action: Post"));
    assert_eq!(refused(&of("action: Post, rateLimit: 5s")), [Code::ActionArgument]);
    assert_eq!(refused(&of("action: Post, kernelStackTrace: true")), [Code::ActionArgument]);
}

#[rstest]
#[case("Override, argError: -1", Action::Override(-1))]
#[case("Override, argError: EACCES", Action::Override(-13))]
#[case("Override, argError: -EACCES", Action::Override(-13))]
#[case("Override, argError: 0", Action::Override(0))]
#[case("Override, argError: -4095", Action::Override(-4095))]
#[case("Signal, argSig: SIGUSR1", Action::Signal(10))]
#[case("Signal, argSig: 64", Action::Signal(64))]
fn arguments_of_actions_may_be_names(#[case] action: &str, #[case] expected: Action) {
    let spec = format!(
        "  kprobes:\n  - call: f\n    syscall: false\n    selectors: [{{matchActions: [{{action: {action}}}]}}]\n"
    );
    assert_eq!(accepted(&spec).hooks[0].selectors[0].actions, [expected]);
}

#[rstest]
#[case("Override, argError: 1")]
#[case("Override, argError: -4096")]
#[case("Signal, argSig: 0")]
#[case("Signal, argSig: 65")]
#[case("Set, argIndex: 0, argValue: -1")]
fn arguments_of_actions_have_their_range(#[case] action: &str) {
    let spec = format!(
        "  kprobes:\n  - call: f\n    syscall: false\n    selectors: [{{matchActions: [{{action: {action}}}]}}]\n"
    );
    assert_eq!(refused(&spec), [Code::IntegerRange]);
}

#[test]
fn a_file_may_have_several_policies_each_with_its_own_places() {
    let hook = "  kprobes: [{call: f, syscall: false}]\n";
    let second =
        HEAD.replace("example", "second").replace("kind: TracingPolicy", "kind: TracingPolicyNamespaced");
    let text = format!("{HEAD}{hook}---\n---\n{second}{hook}");
    let policies = parse(&Source::new("p.yaml", text.as_str())).unwrap();
    let named: Vec<_> = policies
        .iter()
        .map(|policy| (&text[policy.name.span.offset..policy.name.span.end()], policy.namespace.as_deref()))
        .collect();
    assert_eq!(named, [("example", None), ("second", Some("default"))]);
    assert!(parse_one(&Source::new("p.yaml", text.as_str())).is_err());
}

#[test]
fn selectors_of_hosts_and_nodes_that_select_everything_restrict_nothing() {
    accepted(
        "  hostSelector: {}\n  nodeSelector: {}\n  podSelector:\n  kprobes: [{call: f, syscall: false}]\n",
    );
    accepted("  hostSelector:\n  kprobes: [{call: f, syscall: false}]\n");
}

/// A file that asks for much more than its size.
fn multiplying(functions: usize, values: usize) -> String {
    let functions: Vec<_> = (0..functions).map(|n| format!("f{n}")).collect();
    let values: Vec<_> = (0..values).map(|n| n.to_string()).collect();
    format!(
        "  lists: [{{name: many, values: [{}]}}]\n  kprobes:\n  - call: list:many\n    syscall: false\n    args: [{{index: 0, type: \
         int}}]\n    selectors: [{{matchArgs: [{{index: 0, operator: In, values: [{}]}}]}}]\n",
        functions.join(", "),
        values.join(", ")
    )
}

#[test]
fn lists_multiply_values_only_up_to_a_measure() {
    assert_eq!(accepted(&multiplying(100, 1000)).hooks.len(), 100);
    assert_eq!(refused(&multiplying(1000, 10_000)), [Code::Budget]);
    assert_eq!(refused(&multiplying(1025, 1)), [Code::ListTooLong]);
}

#[test]
fn macros_multiply_values_only_up_to_a_measure() {
    let values: Vec<_> = (0..20_000).map(|n| format!("/{n}")).collect();
    let uses = "    - macros: [big]\n".repeat(16);
    let hooks: String =
        (0..20).map(|n| format!("  - call: f{n}\n    syscall: false\n    selectors:\n{uses}")).collect();
    let spec = format!(
        "  selectorsMacros:\n    big: {{matchBinaries: [{{operator: In, values: [{}]}}]}}\n  kprobes:\n{hooks}",
        values.join(", ")
    );
    let start = Instant::now();
    assert_eq!(refused(&spec)[0], Code::Budget);
    assert!(start.elapsed() < Duration::from_secs(20), "took {:?}", start.elapsed());
}

#[rstest]
#[case::in_lines("  - call: x\n    typo: 1\n", "\n")]
#[case::in_one_line("{call: x, typo: 1}, ", "")]
fn a_file_of_mistakes_is_answered_in_bounded_time_and_space(#[case] entry: &str, #[case] end: &str) {
    let count = 400_000 / entry.len();
    let spec = if end.is_empty() {
        format!("  kprobes: [{}]\n", entry.repeat(count))
    } else {
        format!("  kprobes:\n{}", entry.repeat(count))
    };
    let text = format!("{HEAD}{spec}");
    let start = Instant::now();
    let found = parse(&Source::new("p.yaml", text.as_str())).unwrap_err();
    let shown = render::text(&found, Style::Plain);
    assert!(found.as_slice().iter().any(|found| found.code == Code::TooManyFindings));
    assert!(found.len() <= 101 && shown.len() < 1_000_000, "{} findings, {} bytes", found.len(), shown.len());
    assert!(start.elapsed() < Duration::from_secs(30), "took {:?}", start.elapsed());
}

#[rstest]
#[case::lists(|n| format!("{{name: l{n}, values: [1]}}"), |n| format!("\"list:m{n}\""))]
#[case::errors(|_| String::new(), |n| format!("EWRONG{n}"))]
fn very_many_unknown_names_are_answered_in_bounded_time(
    #[case] list: fn(usize) -> String,
    #[case] value: fn(usize) -> String,
) {
    let lists: Vec<_> = (0..8_000).map(list).filter(|list| !list.is_empty()).collect();
    let values: Vec<_> = (0..8_000).map(value).collect();
    let spec = format!(
        "  lists: [{}]\n{}",
        lists.join(", "),
        filter("int", &format!("operator: InMap, values: [{}]", values.join(", ")))
    );
    let start = Instant::now();
    assert!(!refused(&spec).is_empty());
    assert!(start.elapsed() < Duration::from_secs(20), "took {:?}", start.elapsed());
}

#[test]
fn too_many_values_are_reported_once_whatever_repeats_them() {
    let values: Vec<_> = (0..6000).map(|number| number.to_string()).collect();
    let selectors = "    - matchArgs: [{index: 0, operator: InMap, values: [\"list:many\"]}]\n".repeat(16);
    let hook = format!(
        "  - call: f\n    syscall: false\n    args: [{{index: 0, type: int}}]\n    selectors:\n{selectors}"
    );
    let text = format!(
        "apiVersion: cilium.io/v1alpha1\nkind: TracingPolicy\nmetadata: {{name: t}}\nspec:\n  lists:\n  - name: many\n    \
         values: [{}]\n  kprobes:\n{}",
        values.join(", "),
        hook.repeat(20)
    );
    let found = parse(&Source::new("many.yaml", text)).unwrap_err();
    let codes: Vec<_> = found.as_slice().iter().map(|found| found.code).collect();
    assert_eq!(codes, [Code::Budget]);
}

#[rstest]
#[case("UntrackSock")]
#[case("TrackSock")]
fn a_socket_is_argument_0_unless_another_is_named(#[case] action: &str) {
    let policy = accepted(&format!(
        "  kprobes:\n  - call: f\n    syscall: false\n    args: [{{index: 2, type: sock}}, {{index: 0, type: sock}}]\n    selectors:\n    \
         - matchActions: [{{action: {action}}}]\n"
    ));
    let position = match policy.hooks[0].selectors[0].actions[0] {
        Action::TrackSock(at) | Action::UntrackSock(at) => at,
        ref other => panic!("{other:?}"),
    };
    assert_eq!(position, 1);
}

#[test]
fn a_name_of_older_policies_may_have_underscores() {
    let text = HEAD.replace("example", "fd_install.v1") + "  kprobes: [{call: f, syscall: false}]\n";
    assert_eq!(parse_one(&Source::new("p.yaml", text)).unwrap().name.value, "fd_install.v1");
}

#[rstest]
#[case("sys_opnat", Some(Code::UnknownName))]
#[case("sys_openat9", None)]
#[case("sys_newfstat", None)]
#[case("sys_of_another_kernel", None)]
fn a_system_call_is_refused_only_when_another_was_meant(#[case] name: &str, #[case] expected: Option<Code>) {
    let hook = format!("  kprobes: [{{call: {name}}}]\n");
    let enforcer = format!("  enforcers: [{{calls: [{name}]}}]\n  kprobes: [{{call: sys_dup}}]\n");
    for spec in [hook, enforcer] {
        match expected {
            Some(code) => assert_eq!(refused(&spec), [code]),
            None => assert!(!accepted(&spec).hooks.is_empty()),
        }
    }
}

#[rstest]
#[case("string", "/etc/passwd\\0", Some("/etc/passwd"))]
#[case("file", "/etc/passwd\\0\\0", Some("/etc/passwd"))]
#[case("sockaddr_un", "/run/x\\0", Some("/run/x"))]
#[case("char_buf, sizeArgIndex: 2", "GET\\0", Some("GET\0"))]
#[case("string", "a\\0b", None)]
#[case("string", "\\0", None)]
#[case("sockaddr_un", "\\0x\\0", None)]
fn a_nul_that_ends_a_string_is_left_out(
    #[case] ty: &str,
    #[case] text: &str,
    #[case] expected: Option<&str>,
) {
    let spec = filter(ty, &format!("operator: Equal, values: [\"{text}\"]"));
    match expected {
        Some(expected) => {
            let policy = accepted(&spec);
            let own = &policy.hooks[0].selectors[0].args[0].values;
            assert_eq!(own, &Values::Strings(vec![expected.as_bytes().to_vec()]));
        }
        None => assert!(matches!(refused(&spec)[..], [Code::NulInText | Code::EmptyText])),
    }
}

#[test]
fn a_list_of_unknown_functions_used_by_very_many_wrong_hooks_is_answered_in_bounded_time() {
    let members: Vec<_> = (0..1000).map(|number| format!("sys_unheard_of_{number}x")).collect();
    let hooks = "  - {call: \"list:l\", syscall: 7}\n".repeat(5000);
    let spec = format!("  lists: [{{name: l, values: [{}]}}]\n  kprobes:\n{hooks}", members.join(", "));
    let start = Instant::now();
    let found = refused(&spec);
    assert!(found.contains(&Code::WrongKind), "{found:?}");
    assert!(start.elapsed() < Duration::from_secs(60), "{:?}", start.elapsed());
}
