//! What a mistaken policy is answered with: one golden text per mistake.
//!
//! Every `policy_errors/*.yaml` has its rendered findings beside it as `*.expected`. After an intended change, write them
//! anew with `QUELL_BLESS=1 cargo test -p quell --test policy_errors` and read the difference.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use quell::policy::code::Stage;
use quell::policy::{Code, Diagnostics, Source, Style, futile, parse, parse_one, render};

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/policy_errors")
}

fn files(extension: &str) -> BTreeSet<PathBuf> {
    std::fs::read_dir(directory())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|found| found == extension))
        .collect()
}

fn findings(path: &Path) -> Diagnostics {
    let name = path.file_name().unwrap().to_str().unwrap();
    let bytes = std::fs::read(path).unwrap();
    let read = |source: Source| match name.starts_with("p004-") {
        // Where one policy is wanted, such as `quell eval`.
        true => parse_one(&source).map(|_| ()),
        false => parse(&source).and_then(|policies| {
            // A policy with a meaning that cannot have an effect is read, and refused where it is to be enforced.
            let found: Vec<_> = policies.iter().flat_map(futile).collect();
            if found.is_empty() { Ok(()) } else { Err(Diagnostics::new(source.clone(), found)) }
        }),
    };
    match Source::from_bytes(name, &bytes).and_then(read) {
        Ok(()) => panic!("{name} is accepted"),
        Err(findings) => findings,
    }
}

#[test]
fn every_mistake_is_answered_as_written_down() {
    let bless = std::env::var_os("QUELL_BLESS").is_some();
    let mut wrong = Vec::new();
    for path in files("yaml") {
        let rendered = render::text(&findings(&path), Style::Plain);
        let golden = path.with_extension("expected");
        if bless {
            std::fs::write(&golden, &rendered).unwrap();
        }
        let expected = std::fs::read_to_string(&golden).unwrap_or_default();
        if rendered != expected {
            wrong.push(format!("{}:\n--- expected\n{expected}--- found\n{rendered}", path.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_golden_text_belongs_to_a_policy() {
    let policies: BTreeSet<_> = files("yaml").iter().map(|path| path.with_extension("")).collect();
    let goldens: BTreeSet<_> = files("expected").iter().map(|path| path.with_extension("")).collect();
    assert_eq!(policies, goldens);
}

#[test]
fn every_code_of_the_text_has_its_example() {
    let mut shown = BTreeSet::new();
    for path in files("yaml") {
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let codes: BTreeSet<_> = findings(&path).as_slice().iter().map(|found| found.code).collect();
        if let Some((claimed, _)) = name.split_once('-')
            && let Some(code) = Code::ALL.iter().find(|code| code.as_str().eq_ignore_ascii_case(claimed))
        {
            assert!(codes.contains(code), "{name} finds {codes:?}");
            shown.insert(*code);
        }
    }
    let all: BTreeSet<_> = Code::ALL.iter().copied().filter(|code| code.stage() == Stage::Policy).collect();
    assert_eq!(shown, all);
}

#[test]
fn five_mistakes_give_five_findings_with_positions() {
    let findings = findings(&directory().join("five-mistakes.yaml"));
    let found: Vec<_> =
        findings.as_slice().iter().map(|found| (found.code, findings.position(found).to_string())).collect();
    let expected = [
        (Code::UnknownKey, "9:5"),
        (Code::UnknownType, "12:13"),
        (Code::UnknownOperator, "15:19"),
        (Code::UnknownAction, "18:17"),
        (Code::SyscallFlag, "19:11"),
    ]
    .map(|(code, at)| (code, at.to_owned()));
    assert_eq!(found, expected);
}

#[test]
fn the_page_explains_exactly_the_codes_there_are() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/diagnostics.md");
    let page = std::fs::read_to_string(page).unwrap();
    let headings: Vec<_> = page.lines().filter_map(|line| line.strip_prefix("### ")).collect();
    let expected: Vec<_> = Code::ALL.iter().map(|code| format!("{code}: {}", code.title())).collect();
    assert_eq!(headings, expected);
    for section in page.split("\n### ").skip(1) {
        let (heading, text) = section.split_once('\n').unwrap();
        assert!(text.trim().len() > 30, "{heading} is not explained");
    }
}
