//! `quell encode`, `quell decode` and `quell eval` from outside: what they print, and what they exit with.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use std::path::{Path, PathBuf};

use assert_cmd::Command;
use rstest::rstest;

const POLICY: &str = "apiVersion: cilium.io/v1alpha1
kind: TracingPolicy
metadata: {name: two}
spec:
  kprobes:
  - call: security_file_permission
    syscall: false
    args: [{index: 0, type: file}, {index: 1, type: int}]
    selectors:
    - matchArgs:
      - {index: 0, operator: Prefix, values: [/etc/]}
      - {index: 1, operator: Mask, values: [2]}
      matchActions: [{action: Sigkill}]
  - call: __x64_sys_getpid
";

fn quell(args: &[&str]) -> Command {
    let mut command = Command::cargo_bin("quell").unwrap();
    command.args(args);
    command
}

/// Standard output of a run that must succeed.
fn output(args: &[&str]) -> String {
    let run = quell(args).assert().success();
    String::from_utf8(run.get_output().stdout.clone()).unwrap()
}

/// Standard error of a run that must fail with this code.
fn refusal(args: &[&str], code: i32) -> String {
    let run = quell(args).assert().code(code);
    String::from_utf8(run.get_output().stderr.clone()).unwrap()
}

/// A folder with these files, and their paths.
fn files(contents: &[(&str, &str)]) -> (tempfile::TempDir, Vec<String>) {
    let folder = tempfile::tempdir().unwrap();
    let paths = contents.iter().map(|(name, text)| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    });
    let paths = paths.collect();
    (folder, paths)
}

fn scenario_policies() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios/policies");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> =
        files.filter(|path| path.extension().is_some_and(|extension| extension == "yaml")).collect();
    files.sort();
    assert!(!files.is_empty());
    files
}

#[test]
fn every_scenario_policy_comes_back_from_its_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (first, policy, second) = (path("first.json"), path("policy.yaml"), path("second.json"));
    for file in scenario_policies() {
        output(&["encode", file.to_str().unwrap(), "-o", &first]);
        std::fs::write(&policy, output(&["decode", &first, "--format", "yaml"])).unwrap();
        output(&["encode", &policy, "--output", &second]);
        let read = |path: &str| std::fs::read_to_string(path).unwrap();
        assert!(read(&first) == read(&second), "{} compiles to other bytes after decoding", file.display());
        let listing = output(&["decode", &first]);
        assert_eq!(listing, output(&["explain", file.to_str().unwrap()]));
    }
}

#[test]
fn a_decoded_policy_can_be_json_too() {
    let (_folder, paths) = files(&[("p.yaml", POLICY)]);
    let json = output(&["encode", &paths[0]]);
    let (_other, documents) = files(&[("p.json", &json)]);
    let policy: serde_json::Value =
        serde_json::from_str(&output(&["decode", &documents[0], "--format", "json"])).unwrap();
    assert_eq!(policy["spec"]["kprobes"][0]["selectors"][0]["matchActions"][0]["action"], "Sigkill");
}

#[test]
fn eval_says_what_happens_and_why() {
    let context = "args: [{whole: /etc/passwd, file_type: reg}, {integer: 2}]";
    let (_folder, paths) = files(&[("p.yaml", POLICY), ("c.yaml", context)]);
    let args = ["eval", &paths[0], "--hook", "0", "--context", &paths[1]];
    let expected = "security_file_permission: selector 0 matches, then Sigkill
  selector 0: yes
    matchArgs 0: yes
    matchArgs 1: yes
";
    assert_eq!(output(&args), expected);
    let json: serde_json::Value =
        serde_json::from_str(&output(&[&args[..], &["--format", "json"]].concat())).unwrap();
    assert_eq!(json["entered"]["actions"], serde_json::json!(["Sigkill"]));
    let watching = POLICY.replace("spec:", "spec:\n  options: [{name: policy-mode, value: monitor}]");
    std::fs::write(&paths[0], watching).unwrap();
    let monitored = expected.replacen("then Sigkill", "then Sigkill (monitored only, by the policy-mode)", 1);
    assert_eq!(output(&args), monitored);
    std::fs::write(&paths[0], POLICY).unwrap();
    let by_name = ["eval", &paths[0], "--hook", "security_file_permission", "--context", &paths[1]];
    assert_eq!(output(&by_name), expected);
}

#[rstest]
#[case(&[], "args: []", "has 2 hooks, say which one with --hook: 0 security_file_permission, 1 __x64_sys_getpid")]
#[case(&["--hook", "2"], "args: []", "has no hook `2`")]
#[case(&["--hook", "0"], "args: [{integer: 1}]", "the context has 1 arguments, the hook reads 2")]
#[case(&["--hook", "0"], "args: [{integer: 1}, {integer: 1}]", "argument 0 is not something that is read")]
#[case(&["--hook", "0"], "arguments: []", "arguments")]
fn eval_refuses_what_it_cannot_answer(#[case] more: &[&str], #[case] context: &str, #[case] message: &str) {
    let (_folder, paths) = files(&[("p.yaml", POLICY), ("c.yaml", context)]);
    let args = [&["eval", &paths[0], "--context", &paths[1]], more].concat();
    let said = refusal(&args, 1);
    assert!(said.contains(message), "{said}");
}

#[test]
fn a_refused_policy_is_a_diagnostic_and_not_bytes() {
    let (_folder, paths) = files(&[("p.yaml", &POLICY.replace("Mask", "Musk")), ("c.yaml", "{}")]);
    for args in [vec!["encode", &paths[0]], vec!["eval", &paths[0], "--context", &paths[1]]] {
        assert!(refusal(&args, 3).contains("Musk"));
    }
}

#[rstest]
#[case("", "not one that `quell encode` writes")]
#[case("{}", "not one that `quell encode` writes")]
#[case("\u{0}\u{1}", "not one that `quell encode` writes")]
fn what_is_no_document_is_refused(#[case] text: &str, #[case] message: &str) {
    let (_folder, paths) = files(&[("d.json", text)]);
    let said = refusal(&["decode", &paths[0]], 1);
    assert!(said.contains(message), "{said}");
}

#[test]
fn changed_bytes_are_refused_with_the_hook_and_the_reason() {
    let (_folder, paths) = files(&[("p.yaml", POLICY)]);
    let json = output(&["encode", &paths[0]]).replacen("\"selectors\": 1,", "\"selectors\": 2,", 1);
    let (_other, documents) = files(&[("d.json", &json)]);
    let said = refusal(&["decode", &documents[0], "--format", "yaml"], 1);
    assert!(said.contains("the constants are not those that the decoded policy compiles to"), "{said}");
}
