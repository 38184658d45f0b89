//! Back and forth over the whole language, and what no policy compiles to.

use proptest::prelude::*;
use quell_wire::tree::ValueTree;
use quell_wire::write;
use rstest::rstest;

use super::*;
use crate::policy::ast::{NamespaceId, Policy};
use crate::policy::{Source, Style, parse_one, render};
use crate::selector::canonical;
use crate::selector::document::{Document, encode};
use crate::selector::host_namespaces::resolve;

/// Every section, every kind of value, sets of every kind.
const EVERYTHING: &str = r#"
apiVersion: cilium.io/v1alpha1
kind: TracingPolicy
metadata: {name: everything}
spec:
  kprobes:
  - call: security_file_permission
    syscall: false
    message: files
    tags: [one, two]
    args:
    - {index: 0, type: file, label: what}
    - {index: 1, type: int}
    - {index: 2, type: char_buf, sizeArgIndex: 4}
    selectors:
    - matchPIDs:
      - {operator: NotIn, followForks: true, isNamespacePID: true, values: [0, 1]}
      matchBinaries:
      - {operator: In, values: [/usr/bin/cat, /usr/bin/tac]}
      - {operator: NotPostfix, values: [/sh]}
      matchParentBinaries:
      - {operator: Prefix, values: [/opt/]}
      matchNamespaces:
      - {namespace: Pid, operator: NotIn, values: [host_ns, "4026531836"]}
      matchCapabilities:
      - {type: Effective, operator: In, isNamespaceCapability: true, values: [CAP_SYS_ADMIN, CAP_NET_RAW]}
      - {type: Permitted, operator: NotIn, values: [CAP_BPF]}
      matchArgs:
      - {index: 0, operator: NotPrefix, values: [/a, /b, /c, /d, /e, /f, /g, /h, /i]}
      - {index: 0, operator: FileType, values: [reg, lnk]}
      - {index: 1, operator: InRange, values: ["-3:5"]}
      - {index: 1, operator: Mask, values: [1, 4]}
      - {index: 2, operator: SubStringIgnCase, values: [passwd, shadow]}
      matchActions:
      - {action: Signal, argSig: 15}
      - {action: Post, rateLimit: 1m, rateLimitScope: process, kernelStackTrace: true}
    - matchArgs:
      - {index: 1, operator: NotInMap, values: ["1:3", "7", "20:30"]}
      - {index: 2, operator: Postfix, values: [a1, a2, a3, a4, a5, a6, a7, a8, a9]}
      matchActions:
      - {action: NoPost}
  - call: tcp_connect
    syscall: false
    args:
    - {index: 0, type: sock}
    selectors:
    - matchArgs:
      - {index: 0, operator: NotDAddr, values: [10.0.0.0/8, "fd00::/8"]}
      - {index: 0, operator: DPort, values: ["1:5", "443"]}
      - {index: 0, operator: SPortPriv}
      - {index: 0, operator: Protocol, values: [IPPROTO_TCP]}
      - {index: 0, operator: Family, values: [AF_INET, AF_INET6]}
      - {index: 0, operator: State, values: [TCP_SYN_SENT]}
      matchActions:
      - {action: Sigkill}
  - call: __x64_sys_getpid
  - call: i386/sys_fstat
    args: [{index: 0, type: fd}]
  - call: list:reads
    syscall: false
    return: true
    returnArg: {type: int64}
    selectors:
    - label: short
      required: true
      matchReturnArgs:
      - {operator: LT, values: [16]}
    - matchPIDs:
      - {operator: In, values: [1]}
    - required: true
      matchActions:
      - {action: NoPost}
  tracepoints:
  - subsystem: raw_syscalls
    event: sys_enter
    args:
    - {index: 4, type: syscall64}
    selectors:
    - matchArgs:
      - {args: [0], operator: InMap, values: ["list:calls"]}
  - subsystem: sched
    event: sched_process_exec
    raw: true
    args:
    - {index: 2, type: linux_binprm}
  lsmhooks:
  - hook: file_open
    selectors:
    - matchActions:
      - {action: Override, argError: EPERM}
  uprobes:
  - path: /bin/bash
    symbols: [readline, main]
    return: true
    returnArg: {type: string}
    args: [{index: 0, type: string}]
    selectors:
    - matchArgs:
      - {index: 0, operator: Prefix, values: ["$ "]}
  - path: /usr/lib/libc.so.6
    offsets: [0, 0x1000, 18446744073709551615]
  - path: /usr/lib/libc.so.6
    addrs: [4096]
  usdts:
  - path: /usr/bin/python3
    provider: python
    name: function__entry
    args: [{index: 0, type: string}, {index: 1, type: char_buf, sizeArgIndex: 3}]
  lists:
  - {name: reads, type: generated_ftrace, pattern: "^vfs_(read|readv)$"}
  - {name: calls, type: syscalls, values: [x64/sys_dup, i386/sys_dup]}
  options:
  - {name: override-method, value: lsm}
"#;

fn parse(text: &str) -> Policy {
    match parse_one(&Source::new("t", text)) {
        Ok(policy) => policy,
        Err(found) => panic!("{}", render::text(&found, Style::Plain)),
    }
}

/// Without places in a text.
fn placeless(policy: &Policy) -> String {
    let shown = format!("{policy:#?}");
    let mut out = String::new();
    let mut skip = 0;
    for line in shown.lines() {
        if line.trim_start().starts_with("span: Span {") {
            skip = 4;
        }
        if skip > 0 {
            skip -= 1;
        } else {
            out.push_str(line);
            out.push('\n');
        }
    }
    out
}

#[test]
fn a_policy_comes_back_from_its_document_as_it_was() {
    let policy = parse(EVERYTHING);
    let json = encode(&policy).unwrap().to_json().unwrap();
    assert_eq!(encode(&policy).unwrap().to_json().unwrap(), json);
    let document = Document::from_json(json.as_bytes()).unwrap();
    let decoded = document.policy().unwrap();
    assert_eq!(placeless(&decoded), placeless(&policy));
    let compiled = document.compiled().unwrap();
    for ((number, hook), (_, compiled)) in (0..).zip(&policy.hooks).zip(&compiled) {
        assert_eq!(compile::hook(hook, number).unwrap(), *compiled);
    }
}

#[test]
fn many_ranges_come_back_sorted_and_merged() {
    let mut text = EVERYTHING.to_owned();
    let many: Vec<_> =
        (0..20).map(|number| format!("\"{}:{}\"", 100 - 4 * number, 101 - 4 * number)).collect();
    text = text.replace("\"1:3\", \"7\", \"20:30\"", &format!("\"95\", {}", many.join(", ")));
    let policy = parse(&text);
    let decoded = encode(&policy).unwrap().policy().unwrap();
    assert_ne!(placeless(&decoded), placeless(&policy));
    assert_eq!(placeless(&decoded), placeless(&canonical::policy(&policy)));
}

#[test]
fn namespaces_of_this_machine_take_the_place_of_host_ns() {
    let policy = parse(EVERYTHING);
    let hook = &policy.hooks[0];
    let mut host = [0; 10];
    host[3] = 77;
    let resolved = resolve(&compile::hook(hook, 0).unwrap(), &host).unwrap();
    let decoded = super::hook(&HookDescription::new(hook), &resolved).unwrap();
    let ids = &decoded.selectors[0].namespaces[0].values;
    assert_eq!(*ids, [NamespaceId::Number(77), NamespaceId::Number(4_026_531_836)]);
    assert_eq!(decoded.selectors[0].capabilities, {
        let mut own = hook.selectors[0].capabilities.clone();
        own.iter_mut().for_each(|filter| filter.span = Span::default());
        own
    });
}

#[test]
fn a_set_of_namespaces_gets_the_number_of_this_machine_once() {
    let ids: Vec<_> = (1..=65).map(|number: u32| number.to_string()).collect();
    let text = EVERYTHING.replace("host_ns, \"4026531836\"", &format!("host_ns, {}", ids.join(", ")));
    let compiled = compile::hook(&parse(&text).hooks[0], 0).unwrap();
    let numbers = |hook: &CompiledHook| hook.sets.numbers.iter().map(|key| key.number).collect::<Vec<_>>();
    assert_eq!(numbers(&compiled), (0..=65).collect::<Vec<u64>>());
    let mut host = [77; 10];
    host[3] = 5;
    let resolved = resolve(&compiled, &host).unwrap();
    let expected: Vec<u64> = [5, 1, 2, 3, 4].into_iter().chain(6..=65).collect();
    assert_eq!(numbers(&resolved), expected);
}

/// The first hook, its trees changed.
fn changed(change: impl FnOnce(&mut Vec<SelectorTree>, &mut CompiledHook)) -> Result<Hook, DecodeError> {
    let policy = parse(EVERYTHING);
    let mut compiled = compile::hook(&policy.hooks[0], 0).unwrap();
    let mut trees = read::selectors(&*compiled.filter).unwrap();
    change(&mut trees, &mut compiled);
    compiled.filter = write::selectors(&trees).unwrap();
    hook(&HookDescription::new(&policy.hooks[0]), &compiled)
}

fn args(trees: &mut [SelectorTree]) -> &mut Vec<EntryTree> {
    let section = trees[0].sections.iter_mut().find(|(section, _)| *section == Section::Args);
    &mut section.unwrap().1
}

#[test]
fn what_no_policy_compiles_to_is_refused_with_its_place() {
    let refused = |result: Result<Hook, DecodeError>| result.unwrap_err().to_string();
    assert!(changed(|_, _| ()).is_ok());
    let found = changed(|trees, _| args(trees)[1].subject = Subject::Arg4);
    assert!(refused(found).contains("matchArgs entry 1 of selector 0"));
    let found = changed(|trees, _| args(trees)[2].values = ValueTree::Ranges(vec![(5, 3)]));
    assert!(refused(found).contains("ends before it begins"));
    let found = changed(|trees, _| args(trees)[0].values = ValueTree::Set(40));
    assert!(refused(found).contains("set is missing"));
    let found = changed(|trees, _| trees[0].actions[0].param[3] = 1);
    assert!(refused(found).contains("parameters"));
    let found = changed(|trees, _| trees[0].flags = 0);
    assert!(refused(found).contains("selector bytes are not those"));
    let found = changed(|trees, _| trees[0].pids[0].values = vec![1, 1]);
    assert!(refused(found).contains("one twice"));
    let found = changed(|_, hook| hook.sets.searches[0].last[0] ^= 1);
    assert!(refused(found).contains("the sets are not those"));
    let found = changed(|_, hook| hook.config.filtered ^= 1);
    assert!(refused(found).contains("the constants are not those"));
    let found = changed(|trees, _| drop(trees.pop()));
    assert!(refused(found).contains("2 selectors are described, 1 are in the bytes"));
}

#[rstest]
#[case(vec![0, 2], true)]
#[case(vec![], true)]
#[case(vec![3], false)]
#[case(vec![1, 0], false)]
#[case(vec![1, 1], false)]
fn required_rules_are_rules_of_the_hook(#[case] required: Vec<usize>, #[case] valid: bool) {
    let policy = parse(EVERYTHING);
    let hook = policy.hooks.iter().find(|hook| hook.name.value == "list:reads").unwrap();
    let description = HookDescription { required: required.clone(), ..HookDescription::new(hook) };
    let decoded = super::hook(&description, &compile::hook(hook, 0).unwrap());
    let found = decoded.map(|hook| {
        let all = hook.selectors.iter().enumerate().filter(|(_, selector)| selector.required);
        all.map(|(at, _)| at).collect::<Vec<_>>()
    });
    assert_eq!(found, if valid { Ok(required) } else { Err(DecodeError::Required) });
}

#[test]
fn what_the_agent_adds_before_loading_is_no_difference() {
    let added = changed(|_, hook| {
        hook.config.agent_tgid = 7;
        hook.config.flags |= HOOK_MONITOR;
    });
    assert!(added.is_ok(), "{added:?}");
}

#[rstest]
#[case("{", "not one that `quell encode` writes")]
#[case("[]", "not one that `quell encode` writes")]
#[case(
    r#"{"format": "quell-selectors/9", "policy": {"name": "x"}, "hooks": []}"#,
    "format is `quell-selectors/9`"
)]
fn other_files_are_refused_by_their_form(#[case] text: &str, #[case] message: &str) {
    assert!(Document::from_json(text.as_bytes()).unwrap_err().to_string().contains(message));
}

#[test]
fn a_document_without_hooks_is_no_policy() {
    let text = r#"{"format": "quell-selectors/1", "policy": {"name": "x"}, "hooks": []}"#;
    let error = Document::from_json(text.as_bytes()).unwrap().policy().unwrap_err();
    assert_eq!(error.to_string(), "the document has no hook");
}

proptest! {
    #[test]
    fn changed_bytes_are_refused_or_mean_what_they_say(at in 0usize..900, byte: u8, second in 0usize..900, more: u8) {
        let policy = parse(EVERYTHING);
        let description = HookDescription::new(&policy.hooks[0]);
        let mut compiled = compile::hook(&policy.hooks[0], 0).unwrap();
        compiled.filter[at] = byte;
        compiled.filter[second] = more;
        if let Ok(hook) = hook(&description, &compiled) {
            prop_assert_eq!(compile::hook(&hook, 0).unwrap(), compiled);
        }
    }

    #[test]
    fn any_text_is_a_document_or_an_error(text in "\\PC{0,200}") {
        if let Ok(document) = Document::from_json(text.as_bytes()) {
            let _ = document.policy();
        }
    }

    #[test]
    fn a_changed_document_never_panics(at in any::<prop::sample::Index>(), byte: u8) {
        let mut json = encode(&parse(EVERYTHING)).unwrap().to_json().unwrap().into_bytes();
        let at = at.index(json.len());
        json[at] = byte;
        if let Ok(document) = Document::from_json(&json) {
            let _ = (document.policy(), document.listing());
        }
    }
}
