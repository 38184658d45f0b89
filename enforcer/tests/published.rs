//! Policies in the shapes that published ones have, from the first versions of the language to the newest, and the answer that
//! each gets: enforced, or refused with these codes and no others.
//!
//! The first line of every file says what is expected, `# ok` or `# refused: CODES`. A shape that is refused is a decision, to be
//! found here; one that is refused by accident makes this test fail.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use std::collections::BTreeSet;
use std::path::Path;

use quell::check::Checked;
use quell::policy::Severity;

/// What is expected of a text, by its first line.
fn expected(text: &str) -> BTreeSet<String> {
    let line = text.lines().next().unwrap();
    if line == "# ok" {
        return BTreeSet::new();
    }
    let codes = line.strip_prefix("# refused: ").unwrap_or_else(|| panic!("the first line says {line:?}"));
    codes.split(' ').map(str::to_owned).collect()
}

/// The codes of everything that refuses a text, whatever the kernel.
fn refusals(name: &str, text: &str) -> BTreeSet<String> {
    let mut checked = Checked::new(name, text.as_bytes());
    checked.plan(None);
    let errors = checked.findings().as_slice().iter().filter(|found| found.severity == Severity::Error);
    errors.map(|found| found.code.to_string()).collect()
}

#[test]
fn published_shapes_are_answered_as_decided() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/published");
    let mut wrong = Vec::new();
    let mut enforced = 0;
    let mut files = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let text = std::fs::read_to_string(&path).unwrap();
        let (found, expected) = (refusals(&name, &text), expected(&text));
        files += 1;
        enforced += usize::from(expected.is_empty());
        if found != expected {
            wrong.push(format!("{name}: expected {expected:?}, found {found:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(files >= 48 && enforced >= 34, "{files} files, {enforced} of them enforced");
}
