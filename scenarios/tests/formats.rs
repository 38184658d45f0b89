//! Every file in this folder is a scenario that can prove something, and what is none is refused with a reason.

#![expect(clippy::unwrap_used, reason = "a failed helper of a test is a failed test")]

use std::collections::BTreeSet;
use std::path::Path;

use quell_scenarios::lab::LabPaths;
use quell_scenarios::load::load_dir;
use quell_scenarios::scenario::{ExpectedProcess, FileSystem, Mode, Scenario};
use rstest::rstest;
use serde_yaml::Value;

fn folder() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn catalogue() -> Vec<Scenario> {
    load_dir(folder()).unwrap()
}

#[test]
fn every_file_loads_and_its_id_is_its_path() {
    let scenarios = catalogue();
    assert!(scenarios.len() >= 70, "{}", scenarios.len());
    let mut ids = BTreeSet::new();
    for scenario in &scenarios {
        assert!(folder().join(&scenario.id).with_extension("yaml").is_file(), "{}", scenario.id);
        assert!(ids.insert(&scenario.id));
        assert_eq!(
            std::fs::read_to_string(folder().join(&scenario.policy.file)).unwrap(),
            scenario.policy.text
        );
    }
}

#[test]
fn scenarios_travel_as_json() {
    for scenario in catalogue() {
        let json = serde_json::to_string(&scenario).unwrap();
        assert_eq!(serde_json::from_str::<Scenario>(&json).unwrap(), scenario);
    }
}

#[test]
fn every_policy_belongs_to_a_scenario() {
    let used: BTreeSet<String> = catalogue()
        .into_iter()
        .flat_map(|scenario| {
            let others = scenario.except.into_iter().filter_map(|exception| exception.policy);
            std::iter::once(scenario.policy).chain(others).map(|policy| policy.file)
        })
        .collect();
    let present: BTreeSet<String> = std::fs::read_dir(folder().join("policies"))
        .unwrap()
        .map(|entry| format!("policies/{}", entry.unwrap().file_name().to_str().unwrap()))
        .collect();
    assert_eq!(used, present);
}

#[rstest]
#[case("5.10")]
#[case("6.1")]
#[case("6.12")]
#[case("6.12-generic")]
#[case("6.12-rt")]
#[case("6.16")]
#[case("6.17")]
#[case("6.18")]
#[case("6.19")]
#[case("7.0")]
#[case("7.1")]
#[case("7.2")]
#[case("7.3")]
fn every_policy_can_be_enforced_on_every_kernel_of_the_matrix(#[case] kernel: &str) {
    let facts = quell::kernel::recorded::of_kernel(kernel).unwrap();
    for scenario in catalogue() {
        for filesystem in &scenario.filesystems {
            let file = scenario.policy(kernel, *filesystem);
            let source = quell::policy::Source::new(file.file.as_str(), file.text.as_str());
            let unsupported = &scenario.expectation(kernel, *filesystem).unsupported;
            for policy in quell::policy::parse(&source).unwrap() {
                match quell::hook::plan::plan(&policy, &source, &facts, 0) {
                    Ok(_) => assert!(unsupported.is_empty(), "{}: refused in the lab only", scenario.id),
                    Err(reasons) => {
                        let said = reasons.to_string();
                        assert!(!unsupported.is_empty(), "{}: {said}", scenario.id);
                        assert!(
                            unsupported.iter().all(|reason| said.contains(reason)),
                            "{}: {said}",
                            scenario.id
                        );
                    }
                }
            }
        }
    }
}

/// The elements of a list that may be missing.
fn list(value: &Value, key: &str) -> Vec<Value> {
    value[key].as_sequence().cloned().unwrap_or_default()
}

/// The hooks of every section.
fn hooks(policy: &Value) -> Vec<Value> {
    let sections = ["kprobes", "fentries", "tracepoints", "lsmhooks", "uprobes", "usdts"];
    sections.iter().flat_map(|section| list(&policy["spec"], section)).collect()
}

#[test]
fn every_policy_is_a_tracing_policy_named_as_its_file_and_kills_where_a_kill_is_expected() {
    for scenario in catalogue() {
        let policy: Value = serde_yaml::from_str(&scenario.policy.text).unwrap();
        let name = Path::new(&scenario.policy.file).file_stem().unwrap().to_str().unwrap();
        // Names of policies know no underscore.
        let name = name.replace('_', "-");
        assert_eq!(policy["apiVersion"], "cilium.io/v1alpha1");
        assert_eq!(policy["kind"], "TracingPolicy");
        assert_eq!(policy["metadata"]["name"].as_str(), Some(name.as_str()));
        let mut kills = false;
        for hook in hooks(&policy) {
            // What a kprobe is at has a name that says whether it is a system call.
            if let Some(call) = hook["call"].as_str() {
                let syscall = call.starts_with("__x64_sys_") || call.starts_with("sys_");
                assert_eq!(hook["syscall"].as_bool(), Some(syscall), "{name}");
            }
            // A filter's index means the same whether it is read as position in this list or as the call's argument; what it is
            // where these differ is for the scenarios of hooks to show.
            for (position, arg) in list(&hook, "args").iter().enumerate() {
                let same = arg["index"].as_u64() == u64::try_from(position).ok();
                assert!(
                    same || ["hook/", "deny/", "filesystem/"]
                        .iter()
                        .any(|area| scenario.id.starts_with(area)),
                    "{name}"
                );
            }
            for selector in list(&hook, "selectors") {
                let acts =
                    list(&selector, "matchActions").into_iter().chain(list(&selector, "matchReturnActions"));
                kills |=
                    acts.into_iter().any(|action| action["action"] == "Sigkill" || action["argSig"] == 9);
            }
        }
        assert!(kills || scenario.expect.killed == 0, "{name}");
    }
}

/// Whether a filter of the policy names this file or content: as a whole, or by its end.
fn names(scenario: &Scenario, place: &str) -> bool {
    let policy: Value = serde_yaml::from_str(&scenario.policy.text).unwrap();
    let hooks = hooks(&policy);
    let selectors = hooks.iter().flat_map(|hook| list(hook, "selectors"));
    let filters: Vec<Value> = selectors.flat_map(|selector| list(&selector, "matchArgs")).collect();
    filters.iter().any(|filter| {
        let operator = filter["operator"].as_str().unwrap();
        list(filter, "values").iter().filter_map(Value::as_str).any(|value| match operator {
            "Postfix" => place.ends_with(value),
            "NotEqual" | "NotIn" => false,
            _ => place == value,
        })
    })
}

#[test]
fn policy_names_the_target_of_the_act_in_the_guest_and_never_that_of_the_bystander() {
    let lab = LabPaths::guest();
    for scenario in catalogue() {
        // Others name it by a part, by a number, or not at all: their process is what is selected.
        let (area, _) = scenario.id.split_once('/').unwrap();
        if !["agent", "exec", "fault", "file", "open_kill", "pipe", "selector"].contains(&area) {
            continue;
        }
        for filesystem in &scenario.filesystems {
            let place = |target: &str| {
                if scenario.files.is_empty() {
                    return target.to_owned();
                }
                lab.resolve(*filesystem, target).to_str().unwrap().to_owned()
            };
            // Scenarios of processes spared by position, or because a name cannot be read, do name the target; those
            // of spared paths don't.
            let names_target = scenario.expect.process == ExpectedProcess::Killed
                || scenario.id.starts_with("open_kill/")
                || scenario.id.starts_with("fault/")
                || scenario.mode == Mode::Monitor;
            assert_eq!(names(&scenario, &place(&scenario.target.act)), names_target, "{}", scenario.id);
            assert!(!names(&scenario, &place(&scenario.target.bystander)), "{}", scenario.id);
        }
    }
}

#[test]
fn effects_on_files_are_claimed_for_both_file_systems() {
    for scenario in catalogue().iter().filter(|scenario| scenario.id.starts_with("file/")) {
        assert_eq!(scenario.filesystems, [FileSystem::Tmpfs, FileSystem::Ext4], "{}", scenario.id);
    }
}

/// The published fragment; only its first line has one more blank before the dash, without which it is no YAML.
const OPEN_KILL: &str = r#"  - call: "__x64_sys_write"
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

#[test]
fn open_kill_holds_the_published_fragment_unmodified() {
    let text = std::fs::read_to_string(folder().join("policies/open_kill.yaml")).unwrap();
    assert!(text.ends_with(&format!("  kprobes:\n{OPEN_KILL}")));
}

const GOOD: &str = r#"title: A write
claims: [C-01]
policy: policies/p.yaml
filesystems: [tmpfs]
target: { act: target, bystander: neighbour }
files:
  - { path: $target, content: before }
steps:
  - open: { path: $target, flags: [wronly] }
  - write: { data: after }
effect:
  - file_equals: { path: $target, text: after }
expect: { process: killed, effect: prevented, matched: 1, killed: 1, events: 1 }
"#;

fn load_one(name: &str, text: &str) -> Result<Vec<Scenario>, String> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::create_dir_all(dir.path().join("policies")).unwrap();
    std::fs::write(dir.path().join("policies/p.yaml"), "policy text").unwrap();
    std::fs::write(path, text).unwrap();
    load_dir(dir.path()).map_err(|error| error.to_string())
}

#[test]
fn policy_text_is_inlined() {
    let scenarios = load_one("area/name.yaml", GOOD).unwrap();
    assert_eq!((scenarios[0].id.as_str(), scenarios[0].policy.text.as_str()), ("area/name", "policy text"));
}

#[rstest]
#[case::unknown_key("title: A write", "title: A write\nretries: 3", "retries")]
#[case::unknown_step("write: {", "overwrite: {", "overwrite")]
#[case::unknown_flag("[wronly]", "[writable]", "writable")]
#[case::unknown_effect("file_equals", "file_changed", "file_changed")]
#[case::unknown_file_system("[tmpfs]", "[zfs]", "zfs")]
#[case::position_of_mistake("events: 1 }", "events: one }", "line 13")]
#[case::no_file_system("[tmpfs]", "[]", "`filesystems` is empty")]
#[case::file_system_twice("[tmpfs]", "[tmpfs, tmpfs]", "names one twice")]
#[case::claim_form("C-01", "claim one", "not of the form C-07")]
#[case::no_claim("[C-01]", "[]", "`claims` is empty")]
#[case::no_title("A write", "' '", "`title` is empty")]
#[case::no_policy_file("p.yaml", "absent.yaml", "absent.yaml")]
#[case::policy_elsewhere(
    "policies/p.yaml",
    "policies/../policies/p.yaml",
    "policies are policies/<name>.yaml"
)]
#[case::same_target("bystander: neighbour", "bystander: target", "are the same")]
#[case::no_target("path: $target, flags", "path: fixed, flags", "no step mentions $target")]
#[case::shared_effect(
    "file_equals: { path: $target,",
    "file_equals: { path: fixed,",
    "does not mention $target"
)]
#[case::no_access_mode("[wronly]", "[trunc]", "exactly one of rdonly")]
#[case::two_access_modes("[wronly]", "[wronly, rdonly]", "exactly one of rdonly")]
#[case::flag_twice("[wronly]", "[wronly, trunc, trunc]", "flag is given twice")]
#[case::no_number("write: { data: after }", "number: { value: $target, case: 1 }", "is no number")]
#[case::no_address(
    "- write: { data: after }",
    "- socket: { kind: tcp4 }\n  - bind: { to: $target }",
    "no address with a port"
)]
#[case::no_socket("write: { data: after }", "listen: {}", "make a socket before")]
#[case::length(
    "- write: { data: after }",
    "- socket: { kind: tcp4 }\n  - connect: { to: '127.0.0.1:1', length: 16 }",
    "not from 28 to 128"
)]
#[case::signal_without_signal(
    "process: killed",
    "process: { signalled: 15 }",
    "needs `matched` and `signalled`"
)]
#[case::seen_of_some("events: 1 }", "events: 1, seen: [{}, {}] }", "of every event, or of none")]
#[case::more_held_back("events: 1 }", "events: 1, rate_limited: 2 }", "can't be more than `matched`")]
#[case::bystander_steps(
    "effect:\n",
    "bystander_steps:\n  - write: { data: x }\neffect:\n",
    "`bystander_steps` 0"
)]
#[case::write_before_open("  - open: { path: $target, flags: [wronly] }\n", "", "open a file before")]
#[case::upwards("act: target", "act: ../target", "neither a plain name")]
#[case::absolute_unlisted(
    "- write: {",
    "- unlink: { path: /etc/passwd }\n  - write: {",
    "list it under `files`"
)]
#[case::after_execve(
    "- write: { data: after }",
    "- execve: { path: $target, then: [{ pause: { ms: 1 } }] }\n  - pause: { ms: 1 }",
    "nothing can follow"
)]
#[case::empty_execve("- write: { data: after }", "- execve: { path: $target, then: [] }", "`then` is empty")]
#[case::nul(r"- write: { data: after }", r#"- write: { data: "a\0b" }"#, "NUL byte")]
#[case::kill_without_kill("killed: 1", "killed: 0", "needs `matched` and `killed`")]
#[case::thread_with_a_child(
    "- write: { data: after }",
    "- thread: { then: [{ mkfifo: { path: $target } }] }",
    "a thread can only open, write and execve"
)]
#[case::survivor_killed("process: killed", "process: survives", "can't go with `killed`")]
#[case::prevented_by_nothing(
    "process: killed, effect: prevented, matched: 1, killed: 1",
    "process: survives, effect: prevented, matched: 0, killed: 0",
    "without a match"
)]
fn scenario_that_proves_nothing_is_refused_with_a_reason(
    #[case] from: &str,
    #[case] to: &str,
    #[case] reason: &str,
) {
    assert!(GOOD.contains(from), "the case changes nothing");
    let error = load_one("area/name.yaml", &GOOD.replace(from, to)).unwrap_err();
    assert!(
        error.contains("area/name.yaml") && error.contains(reason) || error.contains("absent.yaml"),
        "{error}"
    );
}

#[test]
fn all_mistakes_of_all_files_are_reported_at_once() {
    let dir = tempfile::tempdir().unwrap();
    for name in ["a/one.yaml", "b/two.yaml", "b/three.yml", "Upper/case.yaml", "top.yaml"] {
        let path = dir.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, GOOD.replace("C-01", "one").replace("[tmpfs]", "[]")).unwrap();
    }
    let error = load_dir(dir.path()).unwrap_err();
    // Two complaints and a missing policy for each of the two well-named, and three bad names.
    assert_eq!(error.problems.len(), 9, "{error}");
    for name in ["one.yaml", "two.yaml", "three.yml", "case.yaml", "top.yaml"] {
        assert!(error.to_string().contains(name), "{error}");
    }
}

#[test]
fn folder_without_scenarios_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    assert!(load_dir(dir.path()).unwrap_err().to_string().contains("no <area>/<name>.yaml"));
    let missing = load_dir(&dir.path().join("missing")).unwrap_err().to_string();
    assert!(missing.contains("missing"), "{missing}");
}
