//! A kept case is asked again by `quell-differential replay`, and its exit code says what came of it.

use std::path::Path;
use std::process::Command;

use quell_differential::calls;
use quell_differential::dice::Dice;
use quell_differential::host::Loaded;
use quell_differential::prepare::prepare;
use quell_differential::sketch::{Shape, draw};
use quell_differential::{replay, report};

/// Exit code and output.
fn replayed(policy: &Path, context: &Path) -> std::io::Result<(Option<i32>, String)> {
    let output = Command::new(env!("CARGO_BIN_EXE_quell-differential"))
        .args(["replay", "--policy"])
        .arg(policy)
        .arg("--context")
        .arg(context)
        .output()?;
    Ok((output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned()))
}

#[test]
fn a_kept_case_is_asked_again_and_agrees() {
    let kept = tempfile::tempdir().unwrap();
    let mut dice = Dice::new(5);
    let text = draw(&mut dice, Shape::Small, 5).text();
    let host = calls::host_namespaces(&mut dice);
    let prepared = prepare(&text, &host).unwrap();
    let context = calls::draw(&mut dice, prepared.hook(), host);
    let (policy, file) = report::write(kept.path(), &text, &report::context_text(&context)).unwrap();
    let (code, said) = replayed(&policy, &file).unwrap();
    assert_eq!(code, Some(0), "{said}");
    assert!(
        said.contains("model: ") && said.contains("evaluator: ") && said.ends_with("they agree\n"),
        "{said}"
    );
    assert!(!replay::of(&Loaded::new(&prepared), &context).differs());
}

#[test]
fn bytes_that_mean_something_else_than_their_policy_are_found_to_differ() {
    let policy = |value: u32| {
        let filter = format!("{{index: 0, operator: Equal, values: [{value}]}}");
        format!(
            "apiVersion: cilium.io/v1alpha1\nkind: TracingPolicy\nmetadata:\n  name: p\nspec:\n  kprobes:\n  \
             - call: security_file_permission\n    syscall: false\n    args:\n    - {{index: 0, type: int}}\n    \
             selectors:\n    - matchArgs:\n      - {filter}\n"
        )
    };
    let host = [1; 10];
    let mut prepared = prepare(&policy(7), &host).unwrap();
    let other = prepare(&policy(8), &host).unwrap();
    let mut dice = Dice::new(1);
    let mut context = calls::draw(&mut dice, prepared.hook(), host);
    context.args[0].value = quell::model::context::Value::Integer(7);
    prepared.compiled = other.compiled;
    let found = replay::of(&Loaded::new(&prepared), &context);
    assert!(found.differs());
    let said = found.to_string();
    assert!(said.contains("they differ: the model says: selector 0 matches"), "{said}");
    assert!(said.contains("the evaluator says: no selector matches"), "{said}");
}

#[test]
fn a_case_that_can_not_be_read_is_no_agreement() {
    let missing = Path::new("no-such-file.yaml");
    assert_eq!(replayed(missing, missing).unwrap().0, Some(3));
}
