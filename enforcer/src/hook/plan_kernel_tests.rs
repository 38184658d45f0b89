//! Plans of whole policies on kernels of several kinds: recorded ones, and ones that lack something.

use rstest::rstest;

use super::*;
use crate::hook::choose::tests::kernel;
use crate::kernel::recorded;

fn text(spec: &str) -> Source {
    Source::new(
        "p.yaml",
        format!(
            "apiVersion: cilium.io/v1alpha1\nkind: TracingPolicy\nmetadata: {{name: t}}\nspec: {{{spec}}}\n"
        ),
    )
}

const OVERRIDE: &str = "selectors: [{matchActions: [{action: Override, argError: -1}]}]";

fn lines(plan: &Plan) -> Vec<String> {
    plan.hooks.iter().map(ToString::to_string).collect()
}

#[test]
fn the_arguments_of_a_function_are_read_where_its_hook_has_them() {
    let spec = format!(
        "kprobes: [{{call: security_mmap_file, syscall: false, args: [{{index: 0, type: file}}, {{index: 2, type: uint64}}], {OVERRIDE}}}]"
    );
    let plan = planned(&text(&spec), &kernel(&[])).unwrap();
    assert_eq!(lines(&plan), ["security_mmap_file: lsm at mmap_file, refusal: full"]);
    assert_eq!(plan.hooks[0].compiled.config.arg_index[..2], [0, 3]);
    let plan = planned(&text(&spec), &kernel(&[Feature::ActiveBpfLsm])).unwrap();
    assert_eq!(lines(&plan), ["security_mmap_file: fmod_ret, refusal: full"]);
    assert_eq!(plan.hooks[0].compiled.config.arg_index[..2], [0, 2]);
}

#[test]
fn what_cannot_be_refused_here_says_why_and_where_it_can() {
    let spec = format!("kprobes: [{{call: sys_unlink, {OVERRIDE}}}]");
    let refused = planned(&text(&spec), &kernel(&[Feature::KprobeOverride])).unwrap_err();
    let finding = &refused.as_slice()[0];
    assert_eq!((finding.code, finding.severity), (Code::CannotRefuse, Severity::Error));
    assert!(finding.message.contains("6.99 cannot refuse calls at `sys_unlink`"), "{refused}");
    assert!(finding.message.contains("CONFIG_BPF_KPROBE_OVERRIDE"), "{refused}");
    assert!(finding.help.as_ref().unwrap().contains("`security_path_unlink`"), "{refused}");
}

#[test]
fn every_rule_has_a_status_whether_or_not_the_policy_is_refused() {
    let selectors = "selectors: [{label: denied, matchActions: [{action: Override, argError: -1}]}, {matchActions: [{action: Post}]}]";
    let spec = format!(
        "kprobes: [{{call: sys_unlink, {selectors}}}, {{call: security_file_open, syscall: false, {OVERRIDE}}}]"
    );
    let source = text(&spec);
    let assessment = assess(&parsed(&source), &source, &kernel(&[Feature::KprobeOverride]), 0);
    assert!(assessment.plan.is_err());
    let [refused, served] = assessment.hooks.as_slice() else { panic!("{:?}", assessment.hooks) };
    assert_eq!((refused.mechanism, refused.rules.len()), (None, 2));
    assert_eq!(refused.rules[0].label.as_deref(), Some("denied"));
    assert!(refused.rules.iter().all(|rule| matches!(rule.status, Status::Refused(_))), "{refused:?}");
    assert_eq!((served.mechanism, &served.rules[0].status), (Some(Mechanism::Lsm), &Status::Full));
}

#[test]
fn a_required_rule_that_would_be_partial_refuses_the_policy() {
    let spec = "kprobes: [{call: sys_write, args: [{index: 0, type: fd}], selectors: [{required: true, matchArgs: [{index: 0, operator: Prefix, values: [/tmp/]}], matchActions: [{action: Sigkill}]}]}]";
    let facts = kernel(&[]);
    let refused = planned(&text(spec), &facts).unwrap_err();
    let codes: Vec<_> = refused.as_slice().iter().map(|found| (found.code, found.severity)).collect();
    assert!(codes.contains(&(Code::RequiredRule, Severity::Error)), "{refused}");
    let plan = planned(&text(&spec.replace("required: true, ", "")), &facts).unwrap();
    assert!(matches!(plan.hooks[0].rules[0].status, Status::Partial(_)));
}

#[test]
fn a_kill_alone_says_how_to_refuse_the_call_and_one_with_a_refusal_says_nothing() {
    let spec = |actions: &str| {
        text(&format!(
            "kprobes: [{{call: security_path_unlink, syscall: false, selectors: [{{matchActions: [{actions}]}}]}}]"
        ))
    };
    let plan = planned(&spec("{action: Sigkill}"), &kernel(&[])).unwrap();
    let remark = &plan.remarks.as_slice()[0];
    assert_eq!(remark.code, Code::EffectHappens);
    assert!(remark.help.as_ref().unwrap().contains("`Override` in the same selector"), "{}", plan.remarks);
    assert!(plan.hooks[0].rules[0].risks.iter().any(|risk| risk.contains("the effect of the call happens")));
    let plan = planned(&spec("{action: Sigkill}, {action: Override, argError: -1}"), &kernel(&[])).unwrap();
    assert!(plan.remarks.is_empty(), "{}", plan.remarks);
    assert_eq!(lines(&plan), ["security_path_unlink: lsm at path_unlink, refusal and SIGKILL: full"]);
    let bare = kernel(&[Feature::KprobeOverride, Feature::ModifyReturn, Feature::BpfLsm]);
    let plan = planned(&spec("{action: Sigkill}"), &bare).unwrap();
    assert!(
        plan.remarks.as_slice()[0].help.as_ref().unwrap().contains("can refuse no call here"),
        "{}",
        plan.remarks
    );
}

#[test]
fn a_refusal_at_file_open_says_that_a_new_file_is_there_already() {
    let spec = format!("kprobes: [{{call: security_file_open, syscall: false, {OVERRIDE}}}]");
    let plan = planned(&text(&spec), &kernel(&[])).unwrap();
    let remark = &plan.remarks.as_slice()[0];
    assert!(remark.message.contains("O_CREAT"), "{}", plan.remarks);
    assert!(remark.help.as_ref().unwrap().contains("`security_path_mknod`"), "{}", plan.remarks);
}

#[test]
fn an_enforcer_is_a_hook_of_its_own_at_every_entry_of_its_call() {
    let spec = "enforcers: [{calls: [sys_write]}], tracepoints: [{subsystem: raw_syscalls, event: sys_enter, raw: true, selectors: [{matchActions: [{action: NotifyEnforcer, argError: -1, argSig: 9}]}]}]";
    let plan = planned(&text(spec), &kernel(&[])).unwrap();
    assert_eq!(
        lines(&plan),
        [
            "raw_syscalls/sys_enter: raw tracepoint at sys_enter, notes: full",
            "__x64_sys_write: kprobe override at __x64_sys_write and __ia32_sys_write, refusal and as noted: full",
        ]
    );
    assert_eq!(plan.hooks.iter().map(PlannedHook::is_enforcer).collect::<Vec<_>>(), [false, true]);
    assert!(plan.hooks.iter().all(PlannedHook::enforces));
    assert_eq!(plan.hooks.iter().map(|hook| hook.compiled.config.hook).collect::<Vec<_>>(), [0, 1]);
    let refused = planned(&text(spec), &kernel(&[Feature::KprobeOverride])).unwrap_err();
    assert_eq!(refused.as_slice()[0].code, Code::CannotRefuse);
    let signals = spec.replace("argError: -1, ", "");
    let plan = planned(&text(&signals), &kernel(&[Feature::KprobeOverride])).unwrap();
    assert!(plan.hooks[1].to_string().starts_with("__x64_sys_write: kprobe at"), "{}", plan.hooks[1]);
}

#[test]
fn a_hook_that_looks_at_the_return_has_a_second_program() {
    let spec = "kprobes: [{call: security_file_open, syscall: false, return: true, returnArg: {index: 0, type: int, label: result}}]";
    let plan = planned(&text(spec), &kernel(&[])).unwrap();
    let hook = &plan.hooks[0];
    assert!(hook.returns && hook.compiled.config.flags & HOOK_RETURNS != 0);
    assert_eq!(hook.return_label.as_deref(), Some("result"));
}

/// The mechanism for a policy on a recorded kernel without `bpf` in its boot parameters, and on one with.
#[rstest]
#[case::v5_10("5.10", "fmod_ret")]
#[case::v6_1("6.1", "lsm at file_open")]
#[case::v6_12("6.12", "lsm at file_open")]
#[case::v7_3("7.3", "lsm at file_open")]
fn stock_kernels_refuse_at_security_functions(#[case] id: &str, #[case] mechanism: &str) {
    let spec = format!(
        "kprobes: [{{call: security_file_open, syscall: false, args: [{{index: 0, type: file}}], {OVERRIDE}}}]"
    );
    let facts = recorded::of_kernel(id).unwrap();
    let plan = planned(&text(&spec), &facts).unwrap();
    assert_eq!(lines(&plan), [format!("security_file_open: {mechanism}, refusal: full")]);
    let mut inactive = facts;
    inactive.features.insert(Feature::ActiveBpfLsm, Answer::Absent);
    assert_eq!(
        lines(&planned(&text(&spec), &inactive).unwrap()),
        ["security_file_open: fmod_ret, refusal: full"]
    );
    inactive.features.insert(Feature::ModifyReturn, Answer::Absent);
    let refused = planned(&text(&spec), &inactive).unwrap_err();
    assert_eq!(refused.as_slice()[0].code, Code::CannotRefuse, "{refused}");
}

#[rstest]
#[case("5.10", "security_path_truncate", None)]
#[case("6.12", "security_path_truncate", Some("`security_file_truncate`, not hooked"))]
fn ftruncate_is_asked_about_where_the_kernel_asks(
    #[case] id: &str,
    #[case] function: &str,
    #[case] gap: Option<&str>,
) {
    let facts = recorded::of_kernel(id).unwrap();
    let spec = format!("kprobes: [{{call: {function}, syscall: false, {OVERRIDE}}}]");
    let plan = planned(&text(&spec), &facts).unwrap();
    let Some(gap) = gap else {
        assert_eq!(plan.hooks[0].enforcement, Enforcement::Full);
        let newer = planned(&text(&spec.replace("path", "file")), &facts).unwrap_err();
        assert!(
            newer.as_slice()[0].help.as_ref().unwrap().contains("`security_path_truncate` instead"),
            "{newer}"
        );
        return;
    };
    assert!(plan.hooks[0].to_string().contains(gap), "{}", plan.hooks[0]);
    let both = format!(
        "{}, {{call: security_file_truncate, syscall: false, {OVERRIDE}}}]",
        spec.trim_end_matches(']')
    );
    let plan = planned(&text(&both), &facts).unwrap();
    assert!(plan.hooks.iter().all(|hook| hook.enforcement == Enforcement::Full), "{}", plan.remarks);
}

#[test]
fn a_structure_by_value_is_no_way_through_an_old_trampoline_and_the_inode_is_asked_about_instead() {
    let spec = format!("kprobes: [{{call: security_path_chown, syscall: false, {OVERRIDE}}}]");
    let refused = planned(&text(&spec), &recorded::of_kernel("5.10").unwrap()).unwrap_err();
    let finding = &refused.as_slice()[0];
    assert!(finding.message.contains("is given a structure by value"), "{refused}");
    assert!(finding.help.as_ref().unwrap().contains("`security_inode_setattr`"), "{refused}");
    // Programs at the hook itself pass through one, too.
    let mut with_lsm = recorded::of_kernel("5.10").unwrap();
    with_lsm.features.insert(Feature::ActiveBpfLsm, Answer::Present);
    let refused = planned(&text(&spec), &with_lsm).unwrap_err();
    assert!(
        refused.as_slice()[0].message.contains("lsm: `security_path_chown` is given a structure"),
        "{refused}"
    );
    let plan = planned(&text(&spec), &recorded::of_kernel("7.3").unwrap()).unwrap();
    assert_eq!(lines(&plan), ["security_path_chown: lsm at path_chown, refusal: full"]);
}
