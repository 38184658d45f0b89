//! Where hooks are: entries of system calls in every ABI, generated lists, programs; and what is particular to reading there.

use quell_wire::hook::Convention;
use rstest::rstest;

use crate::policy::ast::{ArgSource, ArgType, HookPoint, OverrideMethod, Policy, UserPlace, Values};
use crate::policy::{Code, Source, entry, parse, parse_one};

fn text(spec: &str) -> String {
    format!("apiVersion: cilium.io/v1alpha1\nkind: TracingPolicy\nmetadata: {{name: t}}\nspec:\n{spec}")
}

fn accepted(spec: &str) -> Policy {
    parse_one(&Source::new("p.yaml", text(spec))).unwrap_or_else(|found| panic!("{found}"))
}

fn refused(spec: &str) -> Vec<Code> {
    let found = parse(&Source::new("p.yaml", text(spec))).unwrap_err();
    found.as_slice().iter().map(|found| found.code).collect()
}

#[rstest]
#[case("sys_write", "__x64_sys_write", true, Convention::Syscall64)]
#[case("sys_fstat", "__x64_sys_newfstat", true, Convention::Syscall64)]
#[case("x64/sys_write", "__x64_sys_write", false, Convention::Syscall64)]
#[case("i386/sys_write", "__ia32_sys_write", true, Convention::Syscall32)]
#[case("i386/sys_setuid", "__ia32_sys_setuid16", true, Convention::Syscall32)]
#[case("__x64_sys_fstat", "__x64_sys_fstat", false, Convention::Syscall64)]
#[case("__ia32_compat_sys_openat", "__ia32_compat_sys_openat", false, Convention::Syscall32)]
#[case("__x32_compat_sys_ioctl", "__x32_compat_sys_ioctl", false, Convention::Syscall64)]
fn a_system_call_is_its_entry_and_says_which_abis_it_stands_for(
    #[case] call: &str,
    #[case] expected: &str,
    #[case] portable: bool,
    #[case] convention: Convention,
) {
    let policy = accepted(&format!("  kprobes: [{{call: {call}, args: [{{index: 0, type: int}}]}}]\n"));
    let hook = &policy.hooks[0];
    assert_eq!(hook.name.value, call);
    assert!(
        matches!(&hook.point, HookPoint::Kprobe { function, syscall: true, every_abi, .. } if function == expected && *every_abi == portable),
        "{:?}",
        hook.point
    );
    assert_eq!(entry::convention(expected), Some(convention));
}

#[rstest]
#[case("arm64/sys_write", Code::UnsupportedCall)]
#[case("__arm64_sys_write", Code::UnsupportedCall)]
#[case("i386/sys_wirte", Code::UnknownName)]
#[case("\"i386/sys_ write\"", Code::CallName)]
#[case("i386/vfs_write", Code::CallName)]
fn an_entry_of_no_abi_here_is_refused(#[case] call: &str, #[case] code: Code) {
    assert_eq!(refused(&format!("  kprobes: [{{call: {call}}}]\n")), [code]);
}

#[rstest]
#[case("__ia32_sys_write", "false")]
#[case("i386/sys_write", "false")]
#[case("__do_sys_write", "true")]
fn a_flag_that_does_not_fit_an_entry_is_refused(#[case] call: &str, #[case] flag: &str) {
    assert_eq!(refused(&format!("  kprobes: [{{call: {call}, syscall: {flag}}}]\n")), [Code::SyscallFlag]);
}

#[test]
fn every_system_call_of_a_generated_list_is_a_hook_that_a_kernel_need_not_have() {
    let policy = accepted(
        "  lists: [{name: all, type: generated_syscalls}]\n  kprobes:\n  - call: list:all\n    selectors: [{matchBinaries: \
         [{operator: In, values: [/bin/sh]}]}]\n",
    );
    assert_eq!(policy.hooks.len(), entry::all_calls().count());
    for hook in &policy.hooks {
        assert!(hook.may_be_missing && hook.selectors.len() == 1, "{}", hook.name.value);
        assert!(
            matches!(&hook.point, HookPoint::Kprobe { syscall: true, every_abi: true, .. }),
            "{:?}",
            hook.point
        );
    }
    let entries: Vec<_> = policy.hooks.iter().map(|hook| hook.point.target()).collect();
    for entry in ["__x64_sys_read", "__x64_sys_newfstat", "__x64_sys_umount", "__x64_sys_openat2"] {
        assert!(entries.iter().any(|found| found == entry), "{entry}");
    }
}

#[test]
fn a_generated_list_as_values_is_the_numbers_of_all_calls() {
    let policy = accepted(
        "  lists: [{name: all, type: generated_syscalls}]\n  tracepoints:\n  - subsystem: raw_syscalls\n    event: sys_enter\n    \
         args: [{index: 4, type: syscall64}]\n    selectors: [{matchArgs: [{args: [0], operator: NotInMap, values: [list:all]}]}]\n",
    );
    let Values::Ranges(values) = &policy.hooks[0].selectors[0].args[0].values else { panic!("no ranges") };
    assert!(values.contains(&(0, 0)) && values.contains(&(321, 321)) && values.len() > 300);
}

#[test]
fn functions_by_pattern_are_one_hook_until_the_kernel_is_known() {
    let policy = accepted(
        "  lists: [{name: reads, type: generated_ftrace, pattern: \"^vfs_read\"}]\n  kprobes:\n  - {call: list:reads, syscall: \
         false, return: true, args: [{index: 0, type: file}]}\n",
    );
    assert_eq!(policy.hooks.len(), 1);
    let expected = HookPoint::Functions { pattern: "^vfs_read".to_owned(), returns: true };
    assert_eq!((&policy.hooks[0].point, policy.hooks[0].name.value.as_str()), (&expected, "list:reads"));
}

#[test]
fn every_place_in_a_program_is_a_hook_with_the_same_rules() {
    let policy = accepted(
        "  uprobes:\n  - path: /bin/bash\n    symbols: [readline, main]\n    return: true\n    returnArg: {type: string}\n    \
         message: shell\n    args: [{index: 0, type: string}]\n    selectors: [{matchArgs: [{index: 0, operator: Prefix, values: \
         [x]}]}]\n  - {path: /bin/bash, offsets: [0x1000]}\n  - {path: /bin/bash, addrs: [4096]}\n",
    );
    let names: Vec<_> = policy.hooks.iter().map(|hook| hook.name.value.as_str()).collect();
    assert_eq!(names, ["readline", "main", "0x1000", "0x1000"]);
    let targets: Vec<_> = policy.hooks.iter().map(|hook| hook.point.target()).collect();
    assert_eq!(targets, ["/bin/bash:readline", "/bin/bash:main", "/bin/bash+0x1000", "/bin/bash@0x1000"]);
    let (one, other) = (&policy.hooks[0], &policy.hooks[1]);
    assert_eq!((&one.selectors, &one.args, &one.message), (&other.selectors, &other.args, &other.message));
    assert_eq!(one.returned.as_ref().map(|arg| arg.ty), Some(ArgType::String));
    assert!(one.point.returns() && !policy.hooks[2].point.returns());
    assert!(matches!(policy.hooks[3].point, HookPoint::Uprobe { place: UserPlace::Address(4096), .. }));
    assert_ne!(one.name.span, other.name.span);
}

#[test]
fn a_static_probe_is_named_by_its_file_provider_and_name() {
    let policy = accepted(
        "  usdts:\n  - {path: /usr/bin/python3, provider: python, name: function__entry, args: [{index: 5, type: string}]}\n",
    );
    let hook = &policy.hooks[0];
    assert_eq!(hook.point.target(), "/usr/bin/python3:python:function__entry");
    assert_eq!((hook.name.value.as_str(), hook.args[0].source), ("function__entry", ArgSource::Argument(5)));
}

#[rstest]
#[case("file")]
#[case("path")]
#[case("filename")]
#[case("sock")]
#[case("skb")]
#[case("dentry")]
#[case("linux_binprm")]
#[case("kernel_cap_t")]
fn a_program_is_given_no_objects_of_the_kernel(#[case] ty: &str) {
    for spec in [
        format!("  uprobes: [{{path: /a, symbols: [f], args: [{{index: 0, type: {ty}}}]}}]\n"),
        format!("  usdts: [{{path: /a, provider: p, name: n, args: [{{index: 0, type: {ty}}}]}}]\n"),
        format!("  uprobes: [{{path: /a, symbols: [f], return: true, returnArg: {{type: {ty}}}}}]\n"),
    ] {
        assert_eq!(refused(&spec), [Code::TypeAtSyscall], "{spec}");
    }
}

#[rstest]
#[case("kprobes: [{call: f, syscall: false, args: [{index: N, type: int}]}]", 4)]
#[case("uprobes: [{path: /a, symbols: [f], args: [{index: N, type: int}]}]", 4)]
#[case("usdts: [{path: /a, provider: p, name: n, args: [{index: N, type: int}]}]", 5)]
#[case("tracepoints: [{subsystem: a, event: b, args: [{index: N, type: int}]}]", 15)]
#[case("tracepoints: [{subsystem: a, event: b, raw: true, args: [{index: N, type: int}]}]", 5)]
fn positions_end_where_nothing_can_be_read_any_more(#[case] spec: &str, #[case] last: u32) {
    let at = |index: u32| format!("  {}\n", spec.replace('N', &index.to_string()));
    assert_eq!(accepted(&at(last)).hooks.len(), 1);
    assert_eq!(refused(&at(last + 1)), [Code::ArgIndex]);
}

#[rstest]
#[case("fmod-ret", OverrideMethod::FmodRet)]
#[case("override-return", OverrideMethod::OverrideReturn)]
#[case("lsm", OverrideMethod::Lsm)]
fn the_way_of_refusing_can_be_pinned(#[case] value: &str, #[case] expected: OverrideMethod) {
    let spec = format!(
        "  options: [{{name: override-method, value: {value}}}]\n  kprobes: [{{call: security_file_open, syscall: false}}]\n"
    );
    assert_eq!(accepted(&spec).options.override_method, Some(expected));
}

#[test]
fn a_rule_is_required_where_it_says_so_or_its_macro_does() {
    let policy = accepted(
        "  selectorsMacros: {must: {required: true}}\n  kprobes:\n  - call: f\n    syscall: false\n    selectors:\n    - {required: \
         true, matchPIDs: [{operator: In, values: [1]}]}\n    - {macros: [must], matchPIDs: [{operator: In, values: [2]}]}\n    - \
         {matchPIDs: [{operator: In, values: [3]}]}\n    - {required: false}\n",
    );
    let required: Vec<_> = policy.hooks[0].selectors.iter().map(|selector| selector.required).collect();
    assert_eq!(required, [true, true, false, false]);
}

#[test]
fn enforcers_act_at_the_entries_of_their_calls() {
    let policy = accepted(
        "  enforcers: [{calls: [sys_dup, i386/sys_dup, sys_umount2, security_file_open]}]\n  kprobes:\n  - call: f\n    syscall: \
         false\n    selectors: [{matchActions: [{action: NotifyEnforcer, argError: EPERM}]}]\n",
    );
    let functions: Vec<_> = policy.enforcers.iter().map(|function| function.value.as_str()).collect();
    assert_eq!(functions, ["__x64_sys_dup", "__ia32_sys_dup", "__x64_sys_umount", "security_file_open"]);
}
