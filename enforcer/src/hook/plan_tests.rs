//! Plans for kernels that do not exist: every refusal and every remark, without a kernel.

use std::collections::BTreeMap;

use rstest::rstest;

use super::*;
use crate::hook::buffer::EventBuffer;
use crate::kernel::facts::{Answer, FACTS_VERSION, Feature, State};
use crate::kernel::functions::Functions;
use crate::kernel::modifiable::Modifiable;
use crate::kernel::prototype::{Parameter, Prototypes};
use crate::policy::ast::Namespace;
use crate::policy::parse;

/// `call` stands in line 7, column 11; the first selector in line 10, column 7.
fn source(call: &str, ty: &str, action: &str) -> Source {
    let syscall = call.starts_with("__x64_sys_");
    let (size, value) = match ty {
        "char_buf" | "char_iovec" => (", sizeArgIndex: 3}\n    - {index: 2, type: size_t", "secret"),
        "int" | "uint64" | "syscall64" => ("", "5"),
        _ => ("", "/lab/none/target"),
    };
    Source::new(
        "p.yaml",
        format!(
            "apiVersion: cilium.io/v1alpha1\nkind: TracingPolicy\nmetadata:\n  name: planned\nspec:\n  kprobes:\n  \
             - call: {call}\n    syscall: {syscall}\n    selectors:\n    - matchArgs:\n      - index: 1\n        \
             operator: Equal\n        values: [{value}]\n      matchActions:\n      - action: {action}\n    args:\n    \
             - {{index: 0, type: int}}\n    - {{index: 1, type: {ty}{size}}}\n"
        ),
    )
}

/// A kernel that has everything, and is preempted, so that kprobes are served as such.
fn complete() -> KernelFacts {
    let mut functions = Functions::from_kallsyms(
        "0 T __x64_sys_write\n0 T __x64_sys_unlink\n0 T __x64_sys_execve\n0 T __x64_sys_getpid\n\
         0 T security_file_permission\n0 T security_bprm_check\n0 t twice\n0 t twice\n0 t twice\n0 T notify_die\n",
    );
    functions.add_blacklist("0x0-0x1\tnotify_die\n");
    let mut features =
        Feature::ALL.iter().map(|feature| (*feature, Answer::Present)).collect::<BTreeMap<_, _>>();
    features.insert(Feature::Unpreempted, Answer::Absent);
    KernelFacts {
        version: FACTS_VERSION,
        release: "6.99".into(),
        features,
        state: State::default(),
        functions,
        modifiable: Modifiable::default(),
        prototypes: None,
    }
}

fn with(feature: Feature, answer: Option<Answer>) -> KernelFacts {
    let mut facts = complete();
    facts.features.remove(&feature);
    facts.features.extend(answer.map(|answer| (feature, answer)));
    facts
}

fn parsed(source: &Source) -> Policy {
    parse(source).unwrap().remove(0)
}

fn planned(source: &Source, facts: &KernelFacts) -> Result<Plan, Diagnostics> {
    plan(&parsed(source), source, facts, 0)
}

/// Code, severity and place of every finding.
fn found(diagnostics: &Diagnostics) -> Vec<String> {
    let one = |found: &Diagnostic| {
        format!("{}[{}] {}", found.severity.as_str(), found.code, diagnostics.position(found))
    };
    diagnostics.as_slice().iter().map(one).collect()
}

#[test]
fn a_kernel_that_has_everything_enforces_in_full() {
    let plan = planned(&source("security_bprm_check", "file", "Sigkill"), &complete()).unwrap();
    assert_eq!(plan.policy, "planned");
    assert!(plan.remarks.is_empty(), "{}", plan.remarks);
    let hook = &plan.hooks[0];
    assert_eq!((hook.enforcement.clone(), hook.enforces()), (Enforcement::Full, true));
    assert_eq!(hook.to_string(), "security_bprm_check: kprobe, SIGKILL: full");
}

#[test]
fn a_hook_that_only_posts_says_so_and_leaves_nothing_to_remark() {
    let plan = planned(&source("__x64_sys_unlink", "string", "Post"), &complete()).unwrap();
    assert!(plan.remarks.is_empty(), "{}", plan.remarks);
    assert_eq!(plan.hooks[0].to_string(), "__x64_sys_unlink: kprobe, events only: full");
    assert!(!plan.hooks[0].enforces());
}

#[rstest]
fn a_missing_feature_refuses_the_policy(
    #[values(Feature::Btf, Feature::KprobePrograms, Feature::SendSignal)] feature: Feature,
) {
    let policy = source("__x64_sys_execve", "string", "Sigkill");
    let refused = planned(&policy, &with(feature, Some(Answer::Absent))).unwrap_err();
    assert_eq!(found(&refused), ["error[K004] 4:9", "warning[K008] 11:9"]);
    let finding = &refused.as_slice()[0];
    assert_eq!(finding.message, format!("6.99 has no {}", feature.label()));
    assert!(finding.help.as_ref().unwrap().contains(feature.origin()));
}

#[rstest]
#[case::probed_without_success(Some(Answer::Unknown("permission denied".into())), "permission denied")]
#[case::not_mentioned(None, "the facts do not mention it")]
fn an_unknown_feature_refuses_the_policy_and_is_never_taken_for_a_yes(
    #[case] answer: Option<Answer>,
    #[case] reason: &str,
) {
    let policy = source("__x64_sys_execve", "fd", "Sigkill");
    let refused = planned(&policy, &with(Feature::SendSignal, answer)).unwrap_err();
    assert_eq!(found(&refused), ["error[K006] 4:9", "warning[K008] 11:9"]);
    assert!(refused.as_slice()[0].message.ends_with(reason), "{refused}");
}

#[rstest]
#[case(Feature::SendSignal, "fd", "Post")]
#[case(Feature::ProbeReadUser, "string", "Sigkill")]
#[case(Feature::ActiveBpfLsm, "fd", "Sigkill")]
fn a_feature_that_the_policy_does_not_need_may_be_missing(
    #[case] feature: Feature,
    #[case] ty: &str,
    #[case] action: &str,
) {
    let policy = source("__x64_sys_execve", ty, action);
    assert!(planned(&policy, &with(feature, Some(Answer::Absent))).is_ok());
}

#[rstest]
#[case("__x64_sys_wirte", "error[K001] 7:11", "did you mean __x64_sys_write")]
#[case("no_such_thing_at_all", "error[K001] 7:11", "/proc/kallsyms")]
#[case("twice", "error[K002] 7:11", "that exists once")]
#[case("notify_die", "error[K003] 7:11", "caller or callee")]
fn a_function_that_cannot_be_hooked_refuses_the_policy(
    #[case] call: &str,
    #[case] finding: &str,
    #[case] help: &str,
) {
    let refused = planned(&source(call, "int", "Post"), &complete()).unwrap_err();
    assert_eq!(found(&refused), [finding]);
    let finding = &refused.as_slice()[0];
    assert!(finding.message.contains(call) && finding.message.contains("6.99"), "{refused}");
    assert!(finding.help.as_ref().unwrap().contains(help), "{finding:?}");
}

#[rstest]
#[case(State { lockdown: Some("confidentiality".into()), ..State::default() }, Some("may read its memory"))]
#[case(State { lockdown: Some("integrity".into()), ..State::default() }, None)]
#[case(State { kprobes_armed: Some(false), ..State::default() }, Some("kprobes switched off"))]
#[case(State { ftrace_enabled: Some(false), ..State::default() }, Some("function tracer switched off"))]
#[case(State { kprobes_armed: Some(true), ftrace_enabled: Some(true), ..State::default() }, None)]
fn a_kernel_that_is_set_up_so_that_nothing_would_fire_refuses_the_policy(
    #[case] state: State,
    #[case] message: Option<&str>,
) {
    let facts = KernelFacts { state, ..complete() };
    let planned = planned(&source("security_file_permission", "int", "Post"), &facts);
    match message {
        None => assert!(planned.is_ok(), "{planned:?}"),
        Some(message) => {
            let refused = planned.unwrap_err();
            assert_eq!(found(&refused), ["error[K004] 4:9"]);
            assert!(refused.as_slice()[0].message.contains(message), "{refused}");
        }
    }
}

#[test]
fn a_function_of_a_family_that_was_not_recorded_is_a_warning() {
    let mut facts = complete();
    facts.functions = facts.functions.recorded(&["__x64_sys_"]);
    let plan = planned(&source("security_file_permission", "int", "Post"), &facts).unwrap();
    assert_eq!(found(&plan.remarks), ["warning[K006] 7:11"]);
}

/// `security_file_permission(struct file *, int)`, and a function that the type information does not describe.
fn with_prototypes() -> KernelFacts {
    let pointer = |target: &str| Parameter::Pointer(Some(target.to_owned()));
    let prototypes = Prototypes::from([
        ("security_file_permission".to_owned(), vec![Parameter::Number(32), pointer("file")].into()),
        ("__x64_sys_write".to_owned(), vec![pointer("pt_regs")].into()),
    ]);
    KernelFacts { prototypes: Some(prototypes), ..complete() }
}

#[rstest]
#[case("file", None)]
#[case("uint64", None)]
#[case(
    "path",
    Some("argument 1 of `security_file_permission` is a pointer to struct file, not of type path")
)]
#[case(
    "filename",
    Some("argument 1 of `security_file_permission` is a pointer to struct file, not of type filename")
)]
#[case(
    "string",
    Some("argument 1 of `security_file_permission` is a pointer to struct file, not of type string")
)]
#[case("fd", Some("argument 1 of `security_file_permission` is a pointer to struct file, not of type fd"))]
#[case("int", Some("argument 1 of `security_file_permission` is a pointer to struct file, not of type int"))]
fn an_argument_has_the_type_that_the_function_has(#[case] ty: &str, #[case] message: Option<&str>) {
    let source = source("security_file_permission", ty, "Post");
    let planned = planned(&source, &with_prototypes());
    match message {
        None => assert!(planned.is_ok(), "{planned:?}"),
        Some(message) => {
            let refused = planned.unwrap_err();
            assert_eq!(found(&refused), ["error[K005] 18:8"]);
            assert_eq!(refused.as_slice()[0].message, message);
        }
    }
}

#[rstest]
#[case::int(Parameter::Number(32), true)]
#[case::long(Parameter::Number(64), true)]
#[case::short(Parameter::Number(16), false)]
#[case::pointer(Parameter::Pointer(None), false)]
fn the_number_of_a_system_call_may_be_declared_in_both_widths(
    #[case] declared: Parameter,
    #[case] fits: bool,
) {
    let mut facts = with_prototypes();
    facts.prototypes.as_mut().unwrap().get_mut("security_file_permission").unwrap().parameters[1] = declared;
    assert_eq!(planned(&source("security_file_permission", "syscall64", "Post"), &facts).is_ok(), fits);
}

#[test]
fn an_argument_behind_the_last_one_is_refused() {
    let mut facts = with_prototypes();
    facts.prototypes.as_mut().unwrap().get_mut("security_file_permission").unwrap().parameters.truncate(1);
    let refused = planned(&source("security_file_permission", "file", "Post"), &facts).unwrap_err();
    assert_eq!(found(&refused), ["error[K005] 18:8"]);
    assert!(refused.as_slice()[0].message.contains("has no argument 1: it takes 1"), "{refused}");
}

#[rstest]
#[case("string")]
#[case("char_buf")]
#[case("fd")]
fn a_kill_by_user_memory_or_descriptor_at_a_system_call_is_partial(#[case] ty: &str) {
    let plan = planned(&source("__x64_sys_execve", ty, "Sigkill"), &complete()).unwrap();
    assert_eq!(found(&plan.remarks), ["warning[K008] 11:9"]);
    let Enforcement::Partial(missing) = &plan.hooks[0].enforcement else { panic!("{:?}", plan.hooks[0]) };
    assert_eq!(missing.len(), 1);
    assert!(plan.hooks[0].to_string().contains("SIGKILL: partial ("), "{}", plan.hooks[0]);
}

#[rstest]
#[case("security_file_permission", "filename", "Sigkill")]
#[case("__x64_sys_execve", "string", "Post")]
#[case("security_file_permission", "file", "Sigkill")]
fn nothing_is_partial_behind_the_copy_without_a_kill_or_by_path(
    #[case] call: &str,
    #[case] ty: &str,
    #[case] action: &str,
) {
    let plan = planned(&source(call, ty, action), &complete()).unwrap();
    assert_eq!(plan.hooks[0].enforcement, Enforcement::Full);
}

#[rstest]
#[case("__x64_sys_unlink", "the effect of the call happens")]
#[case("__x64_sys_write", "happens on btrfs, pipes")]
#[case("__x64_sys_getpid", "was never measured")]
fn a_kill_that_does_not_prevent_the_effect_is_remarked(#[case] call: &str, #[case] what: &str) {
    let plan = planned(&source(call, "fd", "Sigkill"), &complete()).unwrap();
    assert_eq!(found(&plan.remarks), ["warning[K007] 10:7", "warning[K008] 11:9"]);
    let message = &plan.remarks.as_slice()[0].message;
    assert!(message.contains(call) && message.contains(what), "{message}");
}

#[test]
fn selectors_that_do_not_fit_refuse_the_policy() {
    let mut text = source("__x64_sys_unlink", "string", "Post").text().to_owned();
    let entry = |number| format!("      - {{index: 1, operator: SubString, values: [some{number}]}}\n");
    let entries: String = (0..9).map(entry).collect();
    text = text.replace("      matchActions:", &format!("{entries}      matchActions:"));
    let source = Source::new("p.yaml", text);
    let refused = planned(&source, &complete()).map(|_| ()).unwrap_err();
    assert_eq!(found(&refused), ["error[S001] 7:5"]);
    assert!(refused.as_slice()[0].help.is_some(), "{refused}");
    let anywhere = findings_for_any_kernel(&parsed(&source));
    assert_eq!(anywhere.iter().map(|found| found.code).collect::<Vec<_>>(), [Code::EncodingTooLarge]);
}

#[test]
fn without_a_ring_buffer_events_go_through_perf_buffers_and_the_plan_says_so() {
    let policy = source("security_bprm_check", "file", "Sigkill");
    let plan = planned(&policy, &with(Feature::RingBuffer, Some(Answer::Absent))).unwrap();
    assert_eq!(plan.hooks[0].event_buffer, EventBuffer::Perf);
    assert_eq!(plan.hooks[0].to_string(), "security_bprm_check: kprobe, perf buffer, SIGKILL: full");
    let refused = planned(&policy, &with(Feature::RingBuffer, None)).map(|_| ()).unwrap_err();
    assert_eq!(found(&refused), ["error[K006] 4:9"]);
}

#[test]
fn everything_that_a_kernel_lacks_is_said_at_once() {
    let mut facts = with(Feature::SendSignal, Some(Answer::Absent));
    facts.features.insert(Feature::RingBuffer, Answer::Unknown("not tried".into()));
    let refused = planned(&source("__x64_sys_wirte", "string", "Sigkill"), &facts).unwrap_err();
    let expected = [
        "error[K004] 4:9",
        "error[K006] 4:9",
        "error[K001] 7:11",
        "warning[K007] 10:7",
        "warning[K008] 11:9",
    ];
    assert_eq!(found(&refused), expected);
    let errors = refused.as_slice().iter().filter(|found| found.severity == Severity::Error);
    assert_eq!(errors.count(), 3);
}

#[test]
fn hooks_are_numbered_from_where_the_policy_before_ended() {
    let source = Source::new(
        "p.yaml",
        "apiVersion: cilium.io/v1alpha1\nkind: TracingPolicy\nmetadata: {name: t}\nspec:\n  kprobes:\n  \
         - {call: __x64_sys_write, message: first, args: [{index: 0, type: fd, label: target}]}\n  \
         - {call: __x64_sys_unlink}\n",
    );
    let plan = plan(&parsed(&source), &source, &complete(), 5).unwrap();
    let numbers: Vec<_> = plan.hooks.iter().map(|hook| hook.compiled.config.hook).collect();
    assert_eq!(numbers, [5, 6]);
    assert_eq!(plan.hooks[0].message.as_deref(), Some("first"));
    assert_eq!(plan.hooks[0].labels, [Some("target".to_owned())]);
}

#[test]
fn a_killing_filter_on_an_object_that_the_kernel_does_not_describe_is_refused() {
    let mut facts = with_prototypes();
    facts.prototypes.as_mut().unwrap().clear();
    let refused = planned(&source("security_file_permission", "file", "Sigkill"), &facts).unwrap_err();
    assert!(found(&refused).contains(&"error[K006] 11:9".to_owned()), "{refused}");
    let plan = planned(&source("security_file_permission", "file", "Post"), &facts).unwrap();
    assert!(found(&plan.remarks)[0].starts_with("warning[K006]"), "{}", plan.remarks);
}

/// A policy about `security_file_permission` with one selector, whose lines are given with their indentation.
fn with_selector(selector: &str) -> Source {
    Source::new(
        "p.yaml",
        format!(
            "apiVersion: cilium.io/v1alpha1\nkind: TracingPolicy\nmetadata: {{name: t}}\nspec:\n  kprobes:\n  \
             - call: security_file_permission\n    syscall: false\n    args:\n    - {{index: 0, type: file}}\n    \
             - {{index: 1, type: int}}\n    selectors:\n    - {selector}\n"
        ),
    )
}

#[rstest]
#[case("matchActions: [{action: Set, argIndex: 0, argValue: 1}]", "error[K010]")]
fn what_is_known_and_not_done_is_refused_by_its_own_code(#[case] selector: &str, #[case] code: &str) {
    let source = with_selector(selector);
    let refused = planned(&source, &complete()).unwrap_err();
    assert!(found(&refused).iter().any(|found| found.starts_with(code)), "{refused}");
    let anywhere = findings_for_any_kernel(&parsed(&source));
    assert!(anywhere.iter().any(|found| code.contains(found.code.as_str())), "{anywhere:?}");
}

#[test]
fn more_of_a_buffer_than_fits_an_event_is_refused_by_name() {
    let text = "apiVersion: cilium.io/v1alpha1\nkind: TracingPolicy\nmetadata: {name: t}\nspec:\n  kprobes:\n  \
         - call: security_file_permission\n    syscall: false\n    \
         args: [{index: 1, type: char_buf, sizeArgIndex: 3, maxData: true}]\n";
    let refused = planned(&Source::new("p.yaml", text), &complete()).map(|_| ()).unwrap_err();
    let finding = refused.as_slice().iter().find(|found| found.code == Code::UnsupportedReading).unwrap();
    assert!(finding.message.starts_with("`maxData`"), "{refused}");
}

#[rstest]
#[case("do_exit", "return: true", true)]
#[case("sys_exit_group", "return: true", true)]
#[case("do_exit", "return: false", false)]
#[case("do_exit_to_user", "return: true", false)]
fn the_return_of_a_function_that_never_returns_is_refused(
    #[case] call: &str,
    #[case] key: &str,
    #[case] refused: bool,
) {
    let syscall = call.starts_with("sys_");
    let text = format!(
        "apiVersion: cilium.io/v1alpha1\nkind: TracingPolicy\nmetadata: {{name: t}}\nspec:\n  kprobes:\n  - call: \
         {call}\n    syscall: {syscall}\n    {key}\n"
    );
    let findings = findings_for_any_kernel(&parsed(&Source::new("p.yaml", text)));
    let never = |found: &&Diagnostic| found.message.ends_with("never returns");
    assert_eq!(findings.iter().filter(never).count(), usize::from(refused), "{findings:?}");
}

#[test]
fn a_policy_of_a_namespace_is_not_applied_to_everybody() {
    let text = "apiVersion: cilium.io/v1alpha1\nkind: TracingPolicyNamespaced\nmetadata: {name: t, namespace: shop}\n\
                spec:\n  kprobes:\n  - call: __x64_sys_getpid\n";
    let refused = planned(&Source::new("p.yaml", text), &complete()).unwrap_err();
    assert!(found(&refused)[0].starts_with("error[K013]"), "{refused}");
    assert!(refused.as_slice()[0].message.contains("`shop`"));
}

#[test]
fn a_hook_that_may_be_missing_is_left_out_with_a_remark() {
    let text = "apiVersion: cilium.io/v1alpha1\nkind: TracingPolicy\nmetadata: {name: t}\nspec:\n  kprobes:\n  \
                - {call: no_such_thing_at_all, syscall: false, ignore: {callNotFound: true}}\n  \
                - {call: __x64_sys_getpid}\n";
    let source = Source::new("p.yaml", text);
    let plan = planned(&source, &complete()).unwrap();
    let calls: Vec<_> =
        plan.hooks.iter().map(|hook| (hook.call.as_str(), hook.compiled.config.hook)).collect();
    assert_eq!(calls, [("__x64_sys_getpid", 0)]);
    assert_eq!(found(&plan.remarks), ["warning[K001] 6:12"]);
}

#[test]
fn a_signal_enforces_and_its_remark_says_that_it_may_be_ignored() {
    let plan = planned(&with_selector("matchActions: [{action: Signal, argSig: 15}]"), &complete()).unwrap();
    assert!(plan.hooks[0].enforces());
    assert_eq!(plan.hooks[0].to_string(), "security_file_permission: kprobe, signal 15: full");
    assert_eq!(found(&plan.remarks), ["warning[K007] 12:7"]);
}

#[test]
fn what_a_hook_needs_of_its_programs_is_planned() {
    let selector = "{matchNamespaces: [{namespace: Net, operator: In, values: [host_ns]}], \
                    matchActions: [{action: Post, rateLimit: 5s, userStackTrace: true}]}";
    let plan = planned(&with_selector(selector), &complete()).unwrap();
    let hook = &plan.hooks[0];
    assert_eq!(
        (hook.host_namespaces.as_slice(), hook.rate_limits, hook.kernel_stacks, hook.user_stacks),
        ([Namespace::Net].as_slice(), true, false, true)
    );
    assert!(!hook.enforces());
}

#[path = "risk_tests.rs"]
mod risk;

#[path = "sizes_tests.rs"]
mod sizes;

#[path = "plan_kernel_tests.rs"]
mod kernels;
