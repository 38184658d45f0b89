//! Constants and flags, number by number: the verifier deletes what these say is not used.

use quell_wire::code::{Action as WireAction, ArgType as WireType, Operator};
use quell_wire::hook::{
    Convention, HOOK_FOLLOW_FORKS, HOOK_NAMESPACE_PIDS, HOOK_TRACKED, HOOK_USER_MEMORY, NO_SIZE_ARG,
};
use quell_wire::limits::MAX_FOLLOWED;
use quell_wire::read;
use quell_wire::selector::{SELECTOR_ENFORCES, Section};
use quell_wire::tree::{ActionTree, ValueTree};
use rstest::rstest;

use super::*;
use crate::policy::{Source, parse_one};

/// The first hook of a policy with these lines under `kprobes`.
fn kprobe(hook: &str) -> Hook {
    let text = format!(
        "apiVersion: cilium.io/v1alpha1\nkind: TracingPolicy\nmetadata: {{name: t}}\nspec:\n  kprobes:\n  - {hook}\n"
    );
    parse_one(&Source::new("t", text)).unwrap().hooks.remove(0)
}

fn config(text: &str) -> HookConfig {
    hook(&kprobe(text), 7).unwrap().config
}

#[test]
fn the_constants_are_the_largest_numbers_of_the_policy() {
    let config = config(
        "{call: __x64_sys_write, args: [{index: 0, type: fd}, {index: 1, type: char_buf, sizeArgIndex: 3}, \
         {index: 2, type: size_t}], selectors: [\
         {matchPIDs: [{operator: In, values: [1]}, {operator: NotIn, values: [2, 3, 4]}], \
          matchArgs: [{index: 0, operator: Equal, values: [/a]}]}, \
         {matchArgs: [{index: 1, operator: Prefix, values: [seventeen letters]}, \
          {index: 2, operator: In, values: [1, 2, 3, 4, 5]}], matchActions: [{action: Post}, {action: Sigkill}]}]}",
    );
    let bits = |numbers: &[u32]| numbers.iter().fold(0u64, |bits, number| bits | 1 << number);
    let expected = HookConfig {
        operators: bits(&[Operator::Equal, Operator::Prefix, Operator::In].map(Operator::number)),
        types: bits(&[WireType::Fd, WireType::CharBuf, WireType::SizeT].map(WireType::number)),
        hook: 7,
        flags: HOOK_USER_MEMORY,
        args: 3,
        selectors: 2,
        sections: u32::try_from(bits(&[Section::Pids, Section::Args, Section::Actions].map(Section::number)))
            .unwrap(),
        pid_entries: 2,
        pids: 3,
        filters: 2,
        values: 5,
        string_values: 1,
        string_words: 3,
        actions: 2,
        filtered: 0b111,
        targets: 1,
        target_convention: [Convention::Syscall64.number(), 0, 0, 0],
        return_type: WireType::Nop.number(),
        arg_type: [WireType::Fd.number(), WireType::CharBuf.number(), WireType::SizeT.number(), 0, 0],
        arg_index: [0, 1, 2, 0, 0],
        arg_size: [NO_SIZE_ARG, 2, NO_SIZE_ARG, 0, 0],
        arg_size_bits: [64, 64, 64, 0, 0],
        ..HookConfig::default()
    };
    assert_eq!(config, expected);
}

#[test]
fn arguments_keep_their_place_in_the_function() {
    let config = config(
        "{call: security_file_permission, syscall: false, args: [{index: 3, type: int}, {index: 1, type: file}]}",
    );
    assert_eq!((config.flags, config.args), (0, 2));
    assert_eq!(config.arg_index[..2], [3, 1]);
    assert_eq!(config.arg_type[..2], [WireType::S32.number(), WireType::File.number()]);
}

#[rstest]
#[case("", 0)]
#[case("followForks: true", HOOK_FOLLOW_FORKS | HOOK_TRACKED)]
#[case("isNamespacePID: true", HOOK_NAMESPACE_PIDS)]
#[case("followForks: true, isNamespacePID: true", HOOK_FOLLOW_FORKS | HOOK_TRACKED | HOOK_NAMESPACE_PIDS)]
fn what_is_read_of_the_process_follows_from_match_pids(#[case] keys: &str, #[case] flags: u32) {
    let separator = if keys.is_empty() { "" } else { ", " };
    // In the last entry of the last selector: one flag anywhere is enough.
    let text = format!(
        "{{call: f, syscall: false, selectors: [{{matchPIDs: [{{operator: In, values: [1]}}]}}, \
         {{matchPIDs: [{{operator: In, values: [1]}}, {{operator: In, values: [1]{separator}{keys}}}]}}]}}"
    );
    assert_eq!(config(&text).flags, flags);
}

#[rstest]
#[case("matchBinaries: [{operator: In, values: [/bin/sh]}]", false)]
#[case("matchNamespaces: [{namespace: Pid, operator: In, values: [host_ns]}]", false)]
#[case("matchCapabilities: [{operator: In, values: [CAP_KILL]}]", false)]
#[case("matchBinaries: [{operator: NotIn, followChildren: true, values: [/bin/sh]}]", true)]
#[case("matchNamespaceChanges: [{operator: In, values: [Pid]}]", true)]
#[case("matchCapabilityChanges: [{type: Permitted, operator: In, values: [CAP_KILL]}]", true)]
#[case("matchCapabilityChanges: [{type: Inheritable, operator: NotIn, values: [CAP_KILL]}]", true)]
fn the_table_of_processes_is_asked_where_only_it_knows(#[case] section: &str, #[case] tracked: bool) {
    let config = config(&format!("{{call: f, syscall: false, selectors: [{{{section}}}]}}"));
    assert_eq!(config.flags & HOOK_TRACKED != 0, tracked);
}

/// Selectors with one followChildren entry each, all of different programs, and one more like the first.
fn following(programs: u32) -> String {
    let entry = |number| {
        format!("{{matchBinaries: [{{operator: In, followChildren: true, values: [/bin/p{number}]}}]}}")
    };
    let entries: Vec<_> = (0..programs).chain([0]).map(entry).collect();
    format!("{{call: f, syscall: false, selectors: [{}]}}", entries.join(", "))
}

#[test]
fn every_followed_list_has_its_number_and_equal_lists_are_one() {
    let config = config(&following(MAX_FOLLOWED));
    assert_eq!(config.followed, MAX_FOLLOWED);
    assert_eq!(config.followed_set, [1, 2, 3, 4, 5, 6, 7, 8]);
    assert_eq!(config.followed_bit, [0; 8], "given when the agent knows every policy");
}

#[test]
fn more_followed_lists_than_there_is_room_for_are_refused_with_advice() {
    let error = hook(&kprobe(&following(MAX_FOLLOWED + 1)), 0).unwrap_err();
    assert_eq!(error, CompileError::TooManyFollowed { needed: 9 });
    assert!(error.advice().contains("another hook"), "{}", error.advice());
}

#[test]
fn a_hook_without_selectors_posts_every_call() {
    let hook = hook(&kprobe("{call: __x64_sys_write}"), 0).unwrap();
    let post = ActionTree { action: WireAction::Post, param: [0; 6] };
    let always = SelectorTree { actions: vec![post], ..SelectorTree::default() };
    assert_eq!(read::selectors(&*hook.filter).unwrap(), [always]);
    assert_eq!((hook.config.selectors, hook.config.actions, hook.config.filters), (1, 1, 0));
    assert_eq!(hook.config.sections, 1 << Section::Actions.number());
}

#[rstest]
#[case("", 0)]
#[case("{action: Post}", 0)]
#[case("{action: Sigkill}", SELECTOR_ENFORCES)]
#[case("{action: Post}, {action: Sigkill}", SELECTOR_ENFORCES)]
#[case("{action: Signal, argSig: 15}, {action: NoPost}", SELECTOR_ENFORCES)]
#[case("{action: NoPost}", 0)]
fn a_selector_that_kills_is_marked_as_enforcing(#[case] actions: &str, #[case] flags: u32) {
    let text = format!("{{call: __x64_sys_write, selectors: [{{matchActions: [{actions}]}}]}}");
    let (selectors, _) = selectors(&kprobe(&text)).unwrap();
    assert_eq!(selectors[0].flags, flags);
}

#[rstest]
#[case("int8", "-1", u64::MAX)]
#[case("int", "-2147483648", 0xffff_ffff_8000_0000)]
#[case("uint32", "4294967295", 0xffff_ffff)]
#[case("size_t", "18446744073709551615", u64::MAX)]
fn numbers_have_the_full_width(#[case] ty: &str, #[case] spelled: &str, #[case] number: u64) {
    let text = format!(
        "{{call: f, syscall: false, args: [{{index: 0, type: {ty}}}], selectors: [{{matchArgs: \
         [{{index: 0, operator: Equal, values: [{spelled}]}}]}}]}}"
    );
    let (selectors, _) = selectors(&kprobe(&text)).unwrap();
    assert_eq!(selectors[0].section(Section::Args)[0].values, ValueTree::Numbers(vec![number]));
}

#[test]
fn a_size_is_as_wide_as_the_argument_that_holds_it_and_only_filtered_arguments_are_read_before_the_filters() {
    let config = config(
        "{call: __x64_sys_sethostname, args: [{index: 0, type: char_buf, sizeArgIndex: 2}, {index: 1, type: int}], \
         selectors: [{matchArgs: [{index: 0, operator: Equal, values: [evil]}]}]}",
    );
    assert_eq!(config.arg_size_bits[..2], [32, 64]);
    assert_eq!(config.filtered, 0b01);
}
