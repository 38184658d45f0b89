//! The choice on kernels of every kind, as text: which mechanism, at what.

use rstest::rstest;

use super::*;
use crate::kernel::functions::Functions;
use crate::kernel::modifiable::Modifiable;
use crate::policy::{Source, parse};

/// A kernel in a few words: features that it lacks. It is preempted.
pub(crate) fn kernel(without: &[Feature]) -> KernelFacts {
    let text = "0 T __x64_sys_write\n0 T __ia32_sys_write\n0 T __x64_sys_unlink\n0 T security_file_open\n\
                0 T security_mmap_file\n0 T security_file_permission\n0 T security_path_unlink\n0 T vfs_open\n\
                0 T bpf_lsm_file_open\n0 T bpf_lsm_mmap_file\n0 T bpf_lsm_file_permission\n0 T bpf_lsm_path_unlink\n\
                0 T bpf_lsm_odd_hook\n";
    let mut functions = Functions::from_kallsyms(text);
    functions.injectable = Some(["__x64_sys_write", "__ia32_sys_write"].map(str::to_owned).into());
    let answer = |feature: &Feature| match feature {
        Feature::Unpreempted => Answer::Absent,
        feature if without.contains(feature) => Answer::Absent,
        _ => Answer::Present,
    };
    KernelFacts {
        version: crate::kernel::facts::FACTS_VERSION,
        release: "6.99".into(),
        features: Feature::ALL.iter().map(|feature| (*feature, answer(feature))).collect(),
        state: crate::kernel::facts::State::default(),
        functions,
        modifiable: Modifiable {
            families: vec!["__x64_sys_".into(), "__ia32_sys_".into(), "vfs_".into()],
            yes: [
                "security_file_open",
                "security_mmap_file",
                "security_file_permission",
                "security_path_unlink",
            ]
            .map(str::to_owned)
            .into(),
            ..Modifiable::default()
        },
        prototypes: None,
    }
}

/// The same kernel, where nothing preempts it.
fn unpreempted(without: &[Feature]) -> KernelFacts {
    let mut facts = kernel(without);
    facts.features.insert(Feature::Unpreempted, Answer::Present);
    // The last one's registers are declared, and nowhere described.
    let known =
        [("vfs_open", "32(*path, *file)"), ("security_file_open", "32(?)"), ("__x64_sys_unlink", "64(*)")];
    let known = known.map(|(name, prototype)| (name.to_owned(), prototype.parse().unwrap()));
    facts.prototypes = Some(known.into());
    facts
}

const KILL: &str = "selectors: [{matchActions: [{action: Sigkill}]}]";

#[rstest]
#[case::a_system_call("call: sys_write", "fentry at __x64_sys_write | fentry at __ia32_sys_write")]
#[case::whose_registers_are_of_no_type("call: sys_unlink", "kprobe at __x64_sys_unlink")]
#[case::a_function("call: vfs_open, syscall: false, args: [{index: 0, type: path}]", "fentry at vfs_open")]
#[case::of_which_more_arguments_are_looked_at_than_it_has(
    "call: vfs_open, syscall: false, args: [{index: 2, type: int}]",
    "kprobe at vfs_open"
)]
#[case::that_is_given_a_structure("call: security_file_open, syscall: false", "kprobe at security_file_open")]
#[case::that_is_not_described("call: security_mmap_file, syscall: false", "kprobe at security_mmap_file")]
#[case::whose_return_is_looked_at(
    "call: sys_write, return: true, returnArg: {index: 0, type: int}",
    "kprobe at __x64_sys_write, __ia32_sys_write"
)]
fn where_nothing_is_preempted_a_kill_is_served_by_trampolines(#[case] hook: &str, #[case] expected: &str) {
    let spec = format!("kprobes: [{{{hook}, {KILL}}}]");
    assert_eq!(chosen(&spec, &unpreempted(&[])).unwrap(), expected);
    let kprobe = expected.replace("fentry at ", "").replace(" | ", ", ").replace("kprobe at ", "");
    assert_eq!(chosen(&spec, &kernel(&[])).unwrap(), format!("kprobe at {kprobe}"));
    let without = unpreempted(&[Feature::Trampolines]);
    assert_eq!(chosen(&spec, &without).unwrap(), format!("kprobe at {kprobe}"));
}

#[test]
fn hooks_of_a_function_with_more_of_them_than_a_trampoline_has_places_for_are_kprobes() {
    let mut facts = unpreempted(&[]);
    facts.functions.crowded.insert("__ia32_sys_write".to_owned());
    let spec = format!("kprobes: [{{call: sys_write, {KILL}}}]");
    assert_eq!(chosen(&spec, &facts).unwrap(), "kprobe at __x64_sys_write, __ia32_sys_write");
}

#[test]
fn what_leaves_notes_for_an_enforcer_stays_a_kprobe() {
    let spec = "enforcers: [{calls: [sys_write]}], kprobes: [{call: sys_write, selectors: [{matchActions: \
                [{action: NotifyEnforcer, argError: -1}]}]}]";
    assert_eq!(chosen(spec, &unpreempted(&[])).unwrap(), "kprobe at __x64_sys_write, __ia32_sys_write");
}

const ALL_BUT_KPROBES: &[Feature] = &[Feature::KprobeOverride];
const NO_LSM: &[Feature] = &[Feature::KprobeOverride, Feature::ActiveBpfLsm];
const OLD: &[Feature] =
    &[Feature::BpfLsm, Feature::ActiveBpfLsm, Feature::ModifyReturn, Feature::Trampolines];
const BARE: &[Feature] = &[
    Feature::BpfLsm,
    Feature::ActiveBpfLsm,
    Feature::ModifyReturn,
    Feature::Trampolines,
    Feature::KprobeOverride,
    Feature::KprobeMulti,
];

/// A policy of one hook, and options.
fn policy(spec: &str) -> Policy {
    let text = format!(
        "apiVersion: cilium.io/v1alpha1\nkind: TracingPolicy\nmetadata: {{name: chosen}}\nspec: {{{spec}}}\n"
    );
    parse(&Source::new("p.yaml", text)).unwrap().remove(0)
}

/// What serves the only hook of a policy: `mechanism at a, b | mechanism at c`, or the reasons why nothing does.
fn chosen(spec: &str, facts: &KernelFacts) -> Result<String, String> {
    let policy = policy(spec);
    let hook = &policy.hooks[0];
    let one = |served: &Served| {
        let targets: Vec<_> = served.targets.iter().map(|target| target.symbol.as_str()).collect();
        format!("{} at {}", served.mechanism.name(), targets.join(", "))
    };
    match choose(hook, Need::of(&policy, hook), facts) {
        Ok(choice) => Ok(choice.served.iter().map(one).collect::<Vec<_>>().join(" | ")),
        Err(reasons) => Err(reasons.into_iter().map(|reason| reason.text).collect::<Vec<_>>().join("; ")),
    }
}

const REFUSING: &str = "selectors: [{matchActions: [{action: Override, argError: -1}]}]";

#[rstest]
#[case::by_the_hook(ALL_BUT_KPROBES, "lsm at file_open")]
#[case::where_bpf_is_not_active(NO_LSM, "fmod_ret at security_file_open")]
fn a_refusal_at_a_security_function_takes_the_strongest_way(
    #[case] without: &[Feature],
    #[case] expected: &str,
) {
    let spec = format!("kprobes: [{{call: security_file_open, syscall: false, {REFUSING}}}]");
    assert_eq!(chosen(&spec, &kernel(without)), Ok(expected.to_owned()));
}

#[rstest]
#[case("fmod-ret", "fmod_ret at security_file_open")]
#[case("lsm", "lsm at file_open")]
fn the_author_may_pin_the_way(#[case] method: &str, #[case] expected: &str) {
    let spec = format!(
        "options: [{{name: override-method, value: {method}}}], kprobes: [{{call: security_file_open, syscall: false, {REFUSING}}}]"
    );
    assert_eq!(chosen(&spec, &kernel(&[])), Ok(expected.to_owned()));
}

#[test]
fn a_pinned_way_that_the_kernel_does_not_have_is_not_exchanged_for_another() {
    let spec = format!(
        "options: [{{name: override-method, value: lsm}}], kprobes: [{{call: security_file_open, syscall: false, {REFUSING}}}]"
    );
    let why = chosen(&spec, &kernel(NO_LSM)).unwrap_err();
    assert!(why.contains("lsm=") && !why.contains("fmod_ret"), "{why}");
}

#[test]
fn a_system_call_is_refused_in_every_abi_by_one_kprobe_program() {
    let spec = format!("kprobes: [{{call: sys_write, {REFUSING}}}]");
    let expected = "kprobe override at __x64_sys_write, __ia32_sys_write";
    assert_eq!(chosen(&spec, &kernel(OLD)), Ok(expected.to_owned()));
    let mut modifiable = kernel(ALL_BUT_KPROBES);
    modifiable.modifiable.yes.extend(["__x64_sys_write", "__ia32_sys_write"].map(str::to_owned));
    let expected = "fmod_ret at __x64_sys_write | fmod_ret at __ia32_sys_write";
    assert_eq!(chosen(&spec, &modifiable), Ok(expected.to_owned()));
}

#[test]
fn where_nothing_can_refuse_every_way_says_why() {
    let spec = format!("kprobes: [{{call: sys_unlink, {REFUSING}}}]");
    let why = chosen(&spec, &kernel(BARE)).unwrap_err();
    for part in ["asks no hook", "fmod_ret", "Linux 5.7", "CONFIG_BPF_KPROBE_OVERRIDE"] {
        assert!(why.contains(part), "{part}: {why}");
    }
    let why = chosen(&spec, &kernel(&[])).unwrap_err();
    for part in ["does not let `__x64_sys_unlink` be modified", "error_injection/list"] {
        assert!(why.contains(part), "{part}: {why}");
    }
}

#[test]
fn what_is_not_known_is_no_reason_against_another_way_and_never_a_yes() {
    let spec = format!("kprobes: [{{call: security_file_open, syscall: false, {REFUSING}}}]");
    let mut facts = kernel(ALL_BUT_KPROBES);
    facts.features.remove(&Feature::ActiveBpfLsm);
    assert_eq!(chosen(&spec, &facts), Ok("fmod_ret at security_file_open".to_owned()));
    facts.features.remove(&Feature::ModifyReturn);
    let policy = policy(&spec);
    let reasons = choose(&policy.hooks[0], Need::of(&policy, &policy.hooks[0]), &facts).unwrap_err();
    assert_eq!(reasons.iter().map(|reason| reason.unknown).collect::<Vec<_>>(), [true, true, false]);
}

#[rstest]
#[case::where_bpf_is_active(&[], "lsm at mmap_file")]
#[case::refusing_elsewhere(NO_LSM, "fmod_ret at security_mmap_file")]
#[case::watching_on_an_old_kernel(BARE, "kprobe at security_mmap_file")]
fn a_hook_of_the_security_modules_is_served_by_its_function_where_it_would_never_run(
    #[case] without: &[Feature],
    #[case] expected: &str,
) {
    let spec = "lsmhooks: [{hook: mmap_file, args: [{index: 0, type: file}, {index: 3, type: uint64}]}]";
    let facts = kernel(without);
    assert_eq!(chosen(spec, &facts), Ok(expected.to_owned()));
    let policy = policy(spec);
    let choice = choose(&policy.hooks[0], Need::of(&policy, &policy.hooks[0]), &facts).unwrap();
    let flags = choice.served[0].arguments.as_ref().map(|arguments| arguments[3]);
    assert_eq!(
        flags,
        (!without.is_empty()).then_some(Some(2)),
        "the flags are the function's third argument"
    );
}

#[test]
fn an_argument_that_the_function_is_not_given_cannot_be_read_there() {
    let spec = "lsmhooks: [{hook: mmap_file, args: [{index: 2, type: uint64}]}]";
    assert_eq!(chosen(spec, &kernel(&[])), Ok("lsm at mmap_file".to_owned()));
    let why = chosen(spec, &kernel(NO_LSM)).unwrap_err();
    assert!(why.contains("argument 2 of `mmap_file` is not given to `security_mmap_file`"), "{why}");
}

#[test]
fn an_error_from_a_hook_that_nobody_knows_refuses_nothing() {
    let spec = format!("lsmhooks: [{{hook: odd_hook, {REFUSING}}}]");
    let why = chosen(&spec, &kernel(&[])).unwrap_err();
    assert!(why.contains("`odd_hook` refuses anything is not known"), "{why}");
    assert_eq!(chosen("lsmhooks: [{hook: odd_hook}]", &kernel(&[])), Ok("lsm at odd_hook".to_owned()));
}

#[rstest]
#[case::trampoline(&[], "fentry at vfs_open")]
#[case::before_them(BARE, "kprobe at vfs_open")]
fn a_kprobe_stands_in_for_a_trampoline(#[case] without: &[Feature], #[case] expected: &str) {
    let spec = "fentries: [{call: vfs_open, syscall: false}]";
    assert_eq!(chosen(spec, &kernel(without)), Ok(expected.to_owned()));
}

#[rstest]
#[case("tracepoints: [{subsystem: syscalls, event: sys_enter_dup, ", "a tracepoint")]
#[case("tracepoints: [{subsystem: raw_syscalls, event: sys_enter, raw: true, ", "a tracepoint")]
#[case("uprobes: [{path: /bin/bash, symbols: [main], ", "a user program")]
fn nothing_is_refused_where_no_call_of_the_kernel_is_made(#[case] hook: &str, #[case] place: &str) {
    let why = chosen(&format!("{hook}{REFUSING}}}]"), &kernel(&[])).unwrap_err();
    assert!(why.contains(place), "{why}");
}

#[rstest]
#[case("tracepoints: [{subsystem: syscalls, event: sys_enter_dup}]", "tracepoint at syscalls/sys_enter_dup")]
#[case(
    "tracepoints: [{subsystem: raw_syscalls, event: sys_enter, raw: true}]",
    "raw tracepoint at sys_enter"
)]
#[case("uprobes: [{path: /bin/bash, symbols: [main]}]", "uprobe at /bin/bash:main")]
#[case("usdts: [{path: /bin/bash, provider: bash, name: start}]", "usdt at /bin/bash:bash:start")]
#[case("kprobes: [{call: security_file_open, syscall: false}]", "kprobe at security_file_open")]
fn what_refuses_nothing_is_served_as_it_is_written(#[case] spec: &str, #[case] expected: &str) {
    assert_eq!(chosen(spec, &kernel(&[])), Ok(expected.to_owned()));
}

#[test]
fn a_kernel_without_ring_buffers_counts_as_one_without_trampolines() {
    let spec = format!("kprobes: [{{call: security_file_open, syscall: false, {REFUSING}}}]");
    let why = chosen(&spec, &kernel(&[Feature::RingBuffer, Feature::KprobeOverride])).unwrap_err();
    assert_eq!(why.matches("ring buffer maps").count(), 2, "{why}");
}

#[rstest]
#[case::together(&[], Ok("kprobe.multi at security_file_open, security_file_permission"))]
#[case::one_by_one(BARE, Ok("kprobe at security_file_open | kprobe at security_file_permission"))]
fn a_pattern_is_served_by_one_program_where_the_kernel_can(
    #[case] without: &[Feature],
    #[case] expected: Result<&str, &str>,
) {
    let spec = "lists: [{name: l, type: generated_ftrace, pattern: ^security_file_}], kprobes: [{call: 'list:l', syscall: false}]";
    assert_eq!(chosen(spec, &kernel(without)), expected.map(str::to_owned).map_err(str::to_owned));
    let none = spec.replace("security_file_", "nothing_like_it_");
    assert!(chosen(&none, &kernel(without)).unwrap_err().contains("no function of 6.99 matches"));
}

#[rstest]
#[case::an_error_number("32(*file)", Ok("lsm at odd_hook"))]
#[case::nothing_to_answer("void(*file)", Ok("lsm at odd_hook"))]
#[case::a_yes_or_no("8(*file)", Err("`bpf_lsm_odd_hook` returns a number of 8 bits"))]
fn a_hook_of_the_security_modules_is_asked_where_its_answer_is_an_error_or_nothing(
    #[case] prototype: &str,
    #[case] expected: Result<&str, &str>,
) {
    let mut facts = kernel(&[]);
    facts.prototypes = Some([("bpf_lsm_odd_hook".to_owned(), prototype.parse().unwrap())].into());
    let served =
        chosen("lsmhooks: [{hook: odd_hook, selectors: [{matchActions: [{action: Post}]}]}]", &facts);
    match expected {
        Ok(expected) => assert_eq!(served, Ok(expected.to_owned())),
        Err(expected) => assert!(served.as_ref().is_err_and(|why| why.contains(expected)), "{served:?}"),
    }
}

#[rstest]
#[case::nothing("void(32)", "returns nothing")]
#[case::a_yes_or_no("8(32)", "in which no error stands")]
#[case::a_pointer("*file(32)", "returns no number")]
fn a_function_whose_result_is_no_error_number_cannot_refuse(#[case] prototype: &str, #[case] expected: &str) {
    let mut facts = kernel(&[]);
    facts.modifiable.yes.insert("vfs_open".to_owned());
    if let Some(injectable) = &mut facts.functions.injectable {
        injectable.insert("vfs_open".to_owned());
    }
    facts.prototypes = Some([("vfs_open".to_owned(), prototype.parse().unwrap())].into());
    let why =
        chosen(&format!("kprobes: [{{call: vfs_open, syscall: false, {REFUSING}}}]"), &facts).unwrap_err();
    assert_eq!(why.matches(expected).count(), 2, "{why}");
}
