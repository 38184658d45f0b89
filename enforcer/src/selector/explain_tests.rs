//! The scenarios' policies as the kernel will read them, written down.
//!
//! Every policy has its listing in `tests/selector_golden`. After an intended change, write them anew with
//! `QUELL_BLESS=1 cargo test -p quell --lib selector` and read the difference.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::*;
use crate::policy::{Source, parse, parse_one};
use crate::selector::compile;

fn folder(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// The files of a folder with this extension, by name without it.
fn names(folder: &Path, extension: &str) -> BTreeSet<String> {
    std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|found| found == extension))
        .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
        .collect()
}

fn listing_of(file: &Path) -> String {
    let name = file.file_name().unwrap().to_str().unwrap();
    let source = Source::from_bytes(name, &std::fs::read(file).unwrap()).unwrap();
    let policies = parse(&source).unwrap();
    let mut out = String::new();
    for policy in &policies {
        let monitored = policy.options.monitor == Some(true);
        out.push_str(&heading(&policy.name.value, policies.len() > 1, monitored));
        for (hook, number) in policy.hooks.iter().zip(0..) {
            out.push_str(&listing(&hook.point, &compile::hook(hook, number).unwrap(), monitored).unwrap());
        }
    }
    out
}

#[test]
fn every_scenario_policy_is_listed_as_written_down() {
    let (policies, golden) = (folder("../scenarios/policies"), folder("tests/selector_golden"));
    let bless = std::env::var_os("QUELL_BLESS").is_some();
    let mut wrong = Vec::new();
    let named = names(&policies, "yaml");
    assert!(named.contains("open_kill"), "the policies are elsewhere: {named:?}");
    for name in &named {
        let found = listing_of(&policies.join(name).with_extension("yaml"));
        let path = golden.join(format!("{name}.listing"));
        if bless {
            std::fs::write(&path, &found).unwrap();
        }
        let expected = std::fs::read_to_string(&path).unwrap_or_default();
        if found != expected {
            wrong.push(format!("{name}:\n--- expected\n{expected}--- found\n{found}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(names(&golden, "listing"), named, "a listing without its policy");
}

#[test]
fn a_listing_shows_numbers_by_their_sign_and_bytes_escaped() {
    let text = "apiVersion: cilium.io/v1alpha1\nkind: TracingPolicy\nmetadata: {name: t}\nspec:\n  kprobes:\n  \
                - call: f\n    syscall: false\n    args: [{index: 0, type: int8}, {index: 1, type: size_t}, \
                {index: 2, type: string}]\n    selectors:\n    - matchArgs: [{index: 0, operator: NotEqual, values: \
                [-1, 2]}, {index: 1, operator: In, values: [18446744073709551615]}, {index: 2, operator: Postfix, \
                values: [\"a\\tä\\\"\"]}]\n";
    let policy = parse_one(&Source::new("t", text)).unwrap();
    let shown = listing(&policy.hooks[0].point, &compile::hook(&policy.hooks[0], 2).unwrap(), false).unwrap();
    let expected = "hook 2 f (kernel function), 248 of 4096 bytes
  arg 0: int8 from argument 0
  arg 1: size_t from argument 1
  arg 2: string from argument 2
  selector 0
    if arg 0 is not -1 | 2
    if arg 1 is one of 18446744073709551615
    if arg 2 ends with \"a\\t\\xc3\\xa4\\\"\"
    then Post
";
    assert_eq!(shown, expected);
}

#[test]
fn bytes_that_are_no_selectors_are_an_error_and_not_a_listing() {
    let policy = parse_one(&Source::new(
        "t",
        "apiVersion: cilium.io/v1alpha1\nkind: TracingPolicy\nmetadata: {name: t}\nspec:\n  kprobes:\n  \
         - call: __x64_sys_write\n",
    ))
    .unwrap();
    let mut hook = compile::hook(&policy.hooks[0], 0).unwrap();
    hook.filter[8] = 4;
    assert!(matches!(
        listing(&policy.hooks[0].point, &hook, false),
        Err(ReadError::Length { what: "selector", at: 8, length: 4 })
    ));
}

#[test]
fn numbers_that_have_names_are_shown_with_them() {
    let text = "apiVersion: cilium.io/v1alpha1
kind: TracingPolicy
metadata: {name: t}
spec:
  kprobes:
  - call: f
    syscall: false
    args: [{index: 0, type: sock}, {index: 1, type: file}, {index: 2, type: capability}, {index: 3, type: kernel_cap_t}]
    selectors:
    - matchCapabilities: [{type: Effective, operator: In, values: [CAP_SYS_ADMIN]}]
      matchBinaries: [{operator: In, values: [/bin/sh], followChildren: true}]
      matchArgs:
      - {index: 0, operator: Family, values: [AF_INET, 10]}
      - {index: 0, operator: Protocol, values: [6, 250]}
      - {index: 0, operator: State, values: [1]}
      - {index: 1, operator: FileType, values: [reg]}
      - {index: 2, operator: Equal, values: [21]}
      - {index: 3, operator: Mask, values: [0x21]}
      matchActions: [{action: Signal, argSig: 15}, {action: Override, argError: -1}]
";
    let policy = parse_one(&Source::new("t", text)).unwrap_or_else(|found| panic!("{found}"));
    let hook = &policy.hooks[0];
    let shown = listing(&hook.point, &compile::hook(hook, 0).unwrap(), true).unwrap();
    let expected = "  selector 0 (enforces: what cannot be decided counts as a match)
    if what the process or an ancestor executes or has executed is one of \"/bin/sh\" (set 1, 1 in all)
    if Effective capabilities has a bit of CAP_SYS_ADMIN (0x200000)
    if arg 0 has family AF_INET (2) | AF_INET6 (10)
    if arg 0 has protocol IPPROTO_TCP (6) | 250
    if arg 0 has state TCP_ESTABLISHED (1)
    if arg 1 is a file of type reg (0o100000)
    if arg 2 is CAP_SYS_ADMIN (21)
    if arg 3 has a bit of CAP_CHOWN,CAP_KILL (0x21)
    then Signal SIGTERM (15), Override EPERM (-1) (monitored only)
";
    let (_, selector) = shown.split_at(shown.find("  selector 0").unwrap());
    assert_eq!(selector, expected);
}
