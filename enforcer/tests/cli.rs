//! The real binary, as far as it goes without privileges: what it says, where, and with which exit code.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use std::path::{Path, PathBuf};

use assert_cmd::Command;
use rstest::rstest;
use serde_json::Value;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// A policy of the scenarios.
fn policy(name: &str) -> String {
    root().join("scenarios/policies").join(name).to_str().unwrap().to_owned()
}

fn five_mistakes() -> String {
    root().join("enforcer/tests/policy_errors/five-mistakes.yaml").to_str().unwrap().to_owned()
}

/// Exit code, standard output, standard error.
fn quell(arguments: &[&str]) -> (i32, String, String) {
    let output = Command::cargo_bin("quell").unwrap().args(arguments).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

#[test]
fn a_valid_policy_is_accepted_with_what_it_leaves_open() {
    let (code, out, err) = quell(&["check", &policy("kill-write-by-path-at-sys-write.yaml")]);
    assert_eq!((code, err.as_str()), (0, ""), "{out}");
    let last = out.lines().last().unwrap();
    assert!(last.ends_with("policy `kill-write-by-path-at-sys-write` is valid: 1 hook, 1 selector"), "{out}");
    assert!(out.contains("warning[K007]") && !out.contains("error["), "{out}");
}

#[test]
fn a_policy_that_leaves_nothing_open_takes_one_line() {
    let file = tempfile::NamedTempFile::with_suffix(".yaml").unwrap();
    let text = std::fs::read_to_string(policy("open_kill.yaml")).unwrap().replace("Sigkill", "Post");
    std::fs::write(file.path(), text).unwrap();
    let name = file.path().to_str().unwrap();
    let (code, out, _) = quell(&["check", name]);
    assert_eq!((code, out), (0, format!("{name}: policy `open-kill` is valid: 1 hook, 1 selector\n")));
}

#[test]
fn five_mistakes_are_five_findings_with_their_places() {
    let (code, out, err) = quell(&["check", &five_mistakes()]);
    assert_eq!((code, err.as_str()), (3, ""));
    for (finding, place) in [
        ("error[P005]", "five-mistakes.yaml:9:5"),
        ("error[P021]", "five-mistakes.yaml:12:13"),
        ("error[P026]", "five-mistakes.yaml:15:19"),
        ("error[P038]", "five-mistakes.yaml:18:17"),
        ("error[P018]", "five-mistakes.yaml:19:11"),
    ] {
        let (_, from_finding) = out.split_once(finding).unwrap_or_else(|| panic!("no {finding} in\n{out}"));
        let first_place = from_finding.lines().find(|line| line.contains(".yaml:")).unwrap();
        assert!(first_place.contains(place), "{finding} is at {first_place}");
    }
    assert_eq!(out.matches("error[").count(), 5);
    assert!(out.ends_with("five-mistakes.yaml: 5 errors; nothing is attached\n"), "{out}");
}

#[test]
fn the_same_findings_come_as_json_for_programs() {
    let good = policy("open_kill.yaml");
    let (code, out, _) = quell(&["check", "--format", "json", &good, &five_mistakes()]);
    assert_eq!(code, 3);
    let report: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(report["version"], 3);
    assert_eq!(report["accepted"], false);
    assert_eq!(report["files"][0]["policies"], serde_json::json!(["open-kill"]));
    assert_eq!(report["files"][0]["verdict"], "partial");
    assert_eq!(report["files"][0]["accepted"], true);
    assert_eq!(report["files"][1]["accepted"], false);
    let places: Vec<_> = report["files"][1]["diagnostics"]
        .as_array()
        .unwrap()
        .iter()
        .map(|found| format!("{} {}:{}", found["code"].as_str().unwrap(), found["line"], found["column"]))
        .collect();
    assert_eq!(places, ["P005 9:5", "P021 12:13", "P026 15:19", "P038 18:17", "P018 19:11"]);
}

#[test]
fn one_refused_policy_of_a_folder_decides_the_exit_code() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::copy(policy("open_kill.yaml"), folder.path().join("a.yaml")).unwrap();
    let (code, out, _) = quell(&["check", folder.path().to_str().unwrap()]);
    assert_eq!(code, 0, "{out}");
    std::fs::copy(five_mistakes(), folder.path().join("b.yml")).unwrap();
    let (code, out, _) = quell(&["check", folder.path().to_str().unwrap()]);
    assert_eq!(code, 3);
    let (good, bad) = (out.find("a.yaml: policy").unwrap(), out.find("b.yml: 5 errors").unwrap());
    assert!(good < bad, "files come by name:\n{out}");
}

#[rstest]
#[case("5.10", "fentry")]
#[case("6.1", "fentry")]
#[case("6.12", "fentry")]
#[case("6.12-rt", "kprobe")]
#[case("7.3", "kprobe")]
fn a_policy_is_planned_for_a_kernel_that_is_not_running(#[case] kernel: &str, #[case] mechanism: &str) {
    let file = policy("kill-write-by-path-at-security-file-permission.yaml");
    let (code, out, _) = quell(&["check", "--kernel", kernel, &file]);
    assert_eq!(code, 0, "{out}");
    let release = &kernel[..kernel.find('-').unwrap_or(kernel.len())];
    let plan = out.lines().find(|line| line.trim_start().starts_with(release)).unwrap();
    assert!(plan.ends_with(&format!("security_file_permission: {mechanism}, SIGKILL: full")), "{plan}");
}

#[test]
fn a_function_that_a_kernel_lacks_is_refused_for_that_kernel_alone() {
    let file = tempfile::NamedTempFile::with_suffix(".yaml").unwrap();
    let text = std::fs::read_to_string(policy("open_kill.yaml"))
        .unwrap()
        .replace("__x64_sys_write", "__x64_sys_wirte");
    std::fs::write(file.path(), text).unwrap();
    let name = file.path().to_str().unwrap();
    assert_eq!(quell(&["check", name]).0, 0, "without a kernel nobody knows its functions");
    let (code, out, _) = quell(&["check", "--kernel", "6.12", name]);
    assert_eq!(code, 3);
    assert!(out.contains("error[K001]") && out.contains("did you mean __x64_sys_write"), "{out}");
}

#[test]
fn an_unknown_kernel_is_named_together_with_the_known_ones() {
    let (code, out, err) = quell(&["check", "--kernel", "4.19", &policy("open_kill.yaml")]);
    assert_eq!((code, out.as_str()), (1, ""));
    assert!(err.starts_with("quell: no facts are recorded for kernel 4.19; there are facts for "), "{err}");
    for known in ["5.10", "6.1", "6.12-override", "7.3"] {
        assert!(err.contains(known), "{known}: {err}");
    }
}

#[rstest]
#[case::absent("no-such-file.toml", None, "failed to read facts from ")]
#[case::other_version(
    "facts.toml",
    Some("version = 99\nrelease = \"x\"\n[features]\n[functions]\nfamilies = []\nnames = []\n"),
    "version 99 instead of 2"
)]
#[case::no_facts("facts.toml", Some("colour = \"green\"\n"), "failed to understand facts from ")]
fn facts_that_cannot_be_used_are_an_error(
    #[case] name: &str,
    #[case] content: Option<&str>,
    #[case] message: &str,
) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    if let Some(content) = content {
        std::fs::write(&path, content).unwrap();
    }
    let (code, out, err) = quell(&["check", "--facts", path.to_str().unwrap(), &policy("open_kill.yaml")]);
    assert_eq!((code, out.as_str()), (1, ""));
    assert!(err.contains(message) && err.contains(name), "{err}");
    assert!(err.matches("os error").count() <= 1, "{err}");
}

#[test]
fn explain_shows_what_the_kernel_will_read() {
    let (code, out, err) = quell(&["explain", &policy("open_kill.yaml")]);
    assert_eq!((code, err.as_str()), (0, ""));
    let listing = root().join("enforcer/tests/selector_golden/open_kill.listing");
    assert_eq!(out, std::fs::read_to_string(listing).unwrap());
}

#[test]
fn a_policy_that_only_watches_is_called_so_everywhere_and_warns_of_no_kill() {
    let file = policy("report-write-by-policy-mode.yaml");
    for more in [&[][..], &["--kernel", "6.12"]] {
        let (code, out, _) = quell(&[&["check", &file][..], more].concat());
        assert_eq!(code, 0, "{out}");
        assert!(out.contains("monitored only"), "{out}");
        assert!(!out.contains("K007") && !out.contains("dies"), "{out}");
    }
    let folder = tempfile::tempdir().unwrap();
    let document = folder.path().join("d.json").to_str().unwrap().to_owned();
    assert_eq!(quell(&["encode", &file, "-o", &document]).0, 0);
    let (code, decoded, _) = quell(&["decode", &document]);
    assert_eq!((code, quell(&["explain", &file]).1), (0, decoded.clone()));
    assert!(decoded.contains("then Sigkill (monitored only)"), "{decoded}");
    assert!(decoded.starts_with("policy report-write-by-policy-mode: monitored only"), "{decoded}");
}

#[test]
fn explain_names_each_of_several_policies_and_numbers_their_hooks_as_run_does() {
    let one = std::fs::read_to_string(policy("open_kill.yaml")).unwrap();
    let file = tempfile::NamedTempFile::with_suffix(".yaml").unwrap();
    std::fs::write(file.path(), format!("{one}---\n{}", one.replace("open-kill", "second"))).unwrap();
    let (code, out, err) = quell(&["explain", file.path().to_str().unwrap()]);
    assert_eq!(code, 0, "{err}");
    let (first, second) = out.split_once("policy second\n").unwrap();
    assert!(first.starts_with("policy open-kill\nhook 0 ") && second.starts_with("hook 1 "), "{out}");
}

#[test]
fn explain_of_a_broken_policy_says_what_is_wrong() {
    let (code, out, err) = quell(&["explain", &five_mistakes()]);
    assert_eq!((code, out.as_str()), (3, ""));
    assert_eq!(err.matches("error[").count(), 5);
}

#[test]
fn run_refuses_a_broken_policy_and_attaches_nothing_not_even_a_good_one() {
    let (code, out, err) = quell(&[
        "run",
        "--policy",
        &policy("open_kill.yaml"),
        "--policy",
        &five_mistakes(),
        "--output",
        "json",
    ]);
    assert_eq!((code, out.as_str()), (3, ""));
    assert_eq!(err.matches("error[P").count(), 5, "{err}");
    assert!(err.ends_with("quell: nothing was attached\n"), "{err}");
}

#[rstest]
#[case(&["check", "no-such-policy.yaml"])]
#[case(&["explain", "no-such-policy.yaml"])]
#[case(&["run", "--policy", "no-such-policy.yaml"])]
fn a_policy_that_is_not_there_is_named(#[case] arguments: &[&str]) {
    let (code, out, err) = quell(arguments);
    assert_eq!((code, out.as_str()), (1, ""));
    assert!(err.contains("no-such-policy.yaml") && err.contains("failed to read"), "{err}");
    assert_eq!(err.matches("os error").count(), 1, "{err}");
}

#[test]
fn a_folder_without_policies_is_an_error_and_not_a_success() {
    let folder = tempfile::tempdir().unwrap();
    let (code, out, err) = quell(&["check", folder.path().to_str().unwrap()]);
    assert_eq!((code, out.as_str()), (1, ""));
    assert!(err.contains("no *.yaml or *.yml file in"), "{err}");
}

#[rstest]
#[case(&[])]
#[case(&["run"])]
#[case(&["check"])]
#[case(&["enforce"])]
#[case(&["check", "a.yaml", "--kernel", "6.12", "--this-kernel"])]
fn a_wrong_command_line_shows_the_usage(#[case] arguments: &[&str]) {
    let (code, out, err) = quell(arguments);
    assert_eq!((code, out.as_str()), (2, ""));
    assert!(err.contains("Usage: quell"), "{err}");
}

#[test]
fn a_folder_is_checked_with_everything_below_it_and_a_line_for_each_file() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    };
    let valid = std::fs::read_to_string(policy("open_kill.yaml")).unwrap().replace("Sigkill", "Post");
    let two = format!("{valid}---\n{}", valid.replace("open-kill", "second"));
    write("a/two.yaml", two.as_bytes());
    write(
        "b/partial.yml",
        std::fs::read_to_string(policy("kill-write-by-path-at-sys-write.yaml")).unwrap().as_bytes(),
    );
    write("b/broken.yaml", valid.replace("matchPIDs", "matchPids").as_bytes());
    write("binary.yaml", &[0xff, 0xfe, 0]);
    write("empty.yaml", b"");
    write("not-yaml.yaml", b"a: [\n");
    write("c/.hidden/copy.yaml", b"never read");
    write("notes.txt", b"never read");
    std::fs::create_dir(folder.path().join("folder.yaml")).unwrap();

    let (code, out, err) = quell(&["check", folder.path().to_str().unwrap()]);
    assert_eq!((code, err.as_str()), (3, ""), "{out}");
    let name = |line: &str| line.replace(folder.path().to_str().unwrap(), "DIR");
    let lines: Vec<_> = out.lines().map(name).collect();
    let summary = &lines[lines.len() - 7..];
    assert_eq!(
        summary,
        [
            "ok      DIR/a/two.yaml: 2 policies, 2 hooks, 2 selectors",
            "refused DIR/b/broken.yaml: not understood [P005]",
            "partial DIR/b/partial.yml: 1 policy, 1 hook, 1 selector [K007 K008]",
            "refused DIR/binary.yaml: not understood [P001]",
            "refused DIR/empty.yaml: not understood [P008]",
            "refused DIR/not-yaml.yaml: not understood [P002]",
            "6 files: 1 ok, 1 partial, 4 refused",
        ]
    );
}

#[test]
fn check_and_run_refuse_a_name_that_another_file_has_with_the_same_words() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (first, second) = (path("1.yaml"), path("2.yaml"));
    for file in [&first, &second] {
        std::fs::copy(policy("open_kill.yaml"), file).unwrap();
    }
    let found = |text: &str| text.lines().filter(|line| line.contains("another policy")).count();
    let (code, out, err) = quell(&["check", &first, &second]);
    assert_eq!((code, err.as_str()), (3, ""), "{out}");
    assert!(out.contains("error[P057]") && out.contains("1.yaml:"), "{out}");
    let summary: Vec<_> = out.lines().rev().take(3).collect();
    assert!(summary[1].starts_with("refused") && summary[1].contains("P057"), "{out}");
    assert!(summary[2].starts_with("partial"), "{out}");
    let (code, _, err) = quell(&["run", "--policy", &first, "--policy", &second]);
    assert_eq!(code, 3, "{err}");
    assert!(err.contains("error[P057]") && !err.contains("P013"), "{err}");
    assert_eq!((found(&out), found(&err)), (1, 1), "{out}{err}");
}

/// A folder with a good policy, a link to nothing, a loop, and a hidden file that is not one.
fn folder_with_links() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let valid = std::fs::read_to_string(policy("open_kill.yaml")).unwrap().replace("Sigkill", "Post");
    std::fs::create_dir(folder.path().join("below")).unwrap();
    std::fs::write(folder.path().join("below/good.yml"), valid).unwrap();
    std::fs::write(folder.path().join(".hidden.yaml"), "a: [\n").unwrap();
    std::os::unix::fs::symlink("nowhere", folder.path().join("gone.yaml")).unwrap();
    std::os::unix::fs::symlink("..", folder.path().join("below/loop")).unwrap();
    folder
}

#[test]
fn an_entry_that_cannot_be_read_is_refused_and_the_others_are_checked() {
    let folder = folder_with_links();
    let dir = folder.path().to_str().unwrap();
    let (code, out, err) = quell(&["check", dir]);
    assert_eq!((code, err.as_str()), (3, ""), "{out}");
    let lines: Vec<_> = out.lines().map(|line| line.replace(dir, "DIR")).collect();
    let gone = "DIR/gone.yaml: cannot be read: No such file or directory (os error 2)";
    assert_eq!(
        &lines[lines.len() - 4..],
        [
            "ok      DIR/below/good.yml: 1 policy, 1 hook, 1 selector",
            "refused DIR/below/loop: cannot be read: a loop of links: it leads back to DIR",
            &format!("refused {gone}"),
            "3 files: 1 ok, 0 partial, 2 refused",
        ]
    );
    assert!(lines.iter().any(|line| line == gone), "{out}");

    let (code, out, _) = quell(&["check", "--format", "json", dir]);
    let report: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, &report["files"][0]["verdict"]), (3, &"ok".into()));
    assert_eq!(report["files"][2]["verdict"], "refused");
    assert_eq!(report["files"][2]["unreadable"], "No such file or directory (os error 2)");
}

#[test]
fn run_takes_the_same_files_of_a_folder_as_check_and_none_when_one_cannot_be_read() {
    let folder = folder_with_links();
    let dir = folder.path().to_str().unwrap();
    let (code, _, err) = quell(&["run", "--policy-dir", dir]);
    assert_eq!(code, 1, "{err}");
    assert!(err.contains("below/loop: a loop of links"), "{err}");
    std::fs::remove_file(folder.path().join("below/loop")).unwrap();
    std::fs::remove_file(folder.path().join("gone.yaml")).unwrap();
    std::fs::copy(five_mistakes(), folder.path().join("below/bad.yml")).unwrap();
    let (code, _, err) = quell(&["run", "--policy-dir", dir]);
    assert_eq!(code, 3, "{err}");
    // The hidden file has a mistake of its own, which is not found.
    assert!(err.matches("error[").count() == 5 && err.contains("below/bad.yml"), "{err}");
}

#[test]
fn a_folder_of_valid_policies_is_accepted_as_a_whole() {
    let folder = root().join("scenarios/policies");
    let (code, out, err) = quell(&["check", folder.to_str().unwrap()]);
    assert_eq!((code, err.as_str()), (0, ""), "{out}");
    assert!(out.lines().last().unwrap().ends_with(" 0 refused"), "{out}");
}
