//! SPEC.md and the scenarios say the same: every claim names its proof or admits that there is none, every scenario proves
//! a claim, and neither names what does not exist.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::{finding::Finding, tree::Tree};

const SPEC: &str = "SPEC.md";
const UNPROVEN: &str = "[not proven yet]";

/// The part of a scenario file that is of interest here; the scenario crate reads and checks the rest.
#[derive(Debug, Deserialize)]
struct ScenarioFile {
    #[serde(default)]
    claims: Vec<String>,
}

/// A numbered claim.
#[derive(Debug)]
struct Claim {
    id: String,
    line: usize,
    proofs: Vec<String>,
    unproven: bool,
}

/// Where the two differ.
pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let Some(spec) = tree.get(SPEC) else {
        return vec![Finding::of(SPEC, "is missing; the scenarios' claims refer to it")];
    };
    let mut found = Vec::new();
    let claims = claims(&spec.text, &mut found);
    let scenarios = scenarios(tree, &mut found);
    if claims.is_empty() {
        found.push(Finding::of(SPEC, "has no line that begins with a claim: `**C-01** …`"));
    }
    for claim in &claims {
        judge(claim, &scenarios, tree, &mut found);
    }
    for (id, (path, named)) in &scenarios {
        if named.is_empty() {
            found.push(Finding::of(path, "proves no claim; name the claims of SPEC.md in `claims:`"));
        }
        for name in named {
            match claims.iter().find(|claim| claim.id == *name) {
                None => found.push(Finding::of(path, format!("claims {name}, which is not in SPEC.md"))),
                Some(claim) if !claim.proofs.contains(id) => {
                    let message = format!("claims {name}, whose proof in SPEC.md does not name `{id}`");
                    found.push(Finding::of(path, message));
                }
                Some(_) => {}
            }
        }
    }
    found
}

type Scenarios = BTreeMap<String, (String, Vec<String>)>;

fn judge(claim: &Claim, scenarios: &Scenarios, tree: &Tree, found: &mut Vec<Finding>) {
    let mut say = |message: String| found.push(Finding::at(SPEC, claim.line, message));
    let id = &claim.id;
    match (claim.proofs.is_empty(), claim.unproven) {
        (true, false) => say(format!("{id} names no proof and does not say {UNPROVEN}")),
        (false, true) => say(format!("{id} names a proof and says {UNPROVEN}")),
        _ => {}
    }
    for proof in &claim.proofs {
        match scenarios.get(proof) {
            Some((_, named)) if !named.contains(id) => {
                say(format!("{id} rests on `{proof}`, and that scenario does not claim {id}"));
            }
            Some(_) => {}
            None if is_test(proof, tree) => {}
            None => say(format!("{id} rests on `{proof}`, which is no scenario and no test")),
        }
    }
}

/// A claim may also rest on a test, named by its function: their names are sentences, so that each exists once.
fn is_test(name: &str, tree: &Tree) -> bool {
    let head = format!("fn {name}(");
    tree.ending(".rs").any(|file| file.text.lines().any(|line| line.trim_start().starts_with(&head)))
}

/// Claims with the lines that belong to each: all up to the next claim or heading.
fn claims(spec: &str, found: &mut Vec<Finding>) -> Vec<Claim> {
    let mut claims: Vec<Claim> = Vec::new();
    let mut ids = BTreeSet::new();
    let mut open = false;
    let mut in_proof = false;
    for (line, text) in spec.lines().enumerate() {
        let begun = text.strip_prefix("**C-").and_then(|rest| rest.split_once("**"));
        if let Some((number, _)) = begun {
            let id = format!("C-{number}");
            if !ids.insert(id.clone()) {
                found.push(Finding::at(SPEC, line, format!("{id} is there twice")));
            }
            claims.push(Claim { id, line, proofs: Vec::new(), unproven: false });
            (open, in_proof) = (true, false);
        } else if text.starts_with('#') {
            open = false;
        }
        let Some(claim) = claims.last_mut().filter(|_| open) else { continue };
        in_proof = (in_proof && !text.trim().is_empty()) || text.starts_with("Proof:");
        claim.unproven |= text.contains(UNPROVEN);
        if in_proof {
            claim.proofs.extend(text.split('`').skip(1).step_by(2).map(str::to_owned));
        }
    }
    claims
}

/// Scenarios by id (`area/name`) with the path of the file and its claims.
fn scenarios(tree: &Tree, found: &mut Vec<Finding>) -> Scenarios {
    let mut scenarios = BTreeMap::new();
    for file in tree.ending(".yaml") {
        let Some(id) = file.path.strip_prefix("scenarios/").and_then(|path| path.strip_suffix(".yaml"))
        else {
            continue;
        };
        // Policies and the crate's own test data are no scenarios.
        if ["policies/", "tests/", "src/"].iter().any(|folder| id.starts_with(folder)) {
            continue;
        }
        match serde_saphyr::from_str::<ScenarioFile>(&file.text) {
            Ok(scenario) => {
                scenarios.insert(id.to_owned(), (file.path.clone(), scenario.claims));
            }
            Err(error) => found.push(Finding::of(&file.path, format!("can't be read: {error}"))),
        }
    }
    scenarios
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::{super::tree::tree, *};

    const GOOD: &str = "# Spec\n\n**C-01** A write is stopped.\nProof: `file/a`, `a_sentence`\n\n\
                        **C-02** All else too. [not proven yet]\n\n## More\n`unrelated`\n";

    fn findings(spec: &str, claims: &str) -> Vec<String> {
        let scenario = format!("title: x\nclaims: {claims}\nsteps: [1]\n");
        let tree = tree(&[
            (SPEC, spec),
            ("scenarios/file/a.yaml", &scenario),
            ("scenarios/policies/p.yaml", "kind: x"),
            ("tests/b.rs", "#[test]\nfn a_sentence() {}\n"),
        ]);
        check(&tree).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_spec_and_scenarios_that_agree_are_clean() {
        assert_eq!(findings(GOOD, "[C-01]"), Vec::<String>::new());
    }

    #[rstest]
    #[case::unknown_claim(GOOD, "[C-01, C-09]", "claims C-09, which is not in SPEC.md")]
    #[case::scenario_without_claim(GOOD, "[]", "proves no claim")]
    #[case::proof_that_claims_something_else(GOOD, "[C-02]", "does not claim C-01")]
    #[case::unnamed_proof("**C-01** x\nProof: `a_sentence`\n", "[C-01]", "does not name `file/a`")]
    #[case::no_proof("**C-01** x\n", "[C-01]", "names no proof")]
    #[case::proven_and_not(
        "**C-01** x [not proven yet]\nProof: `file/a`\n",
        "[C-01]",
        "names a proof and says"
    )]
    #[case::vanished_proof(
        "**C-01** x\nProof: `file/a`,\n`file/z`\n",
        "[C-01]",
        "`file/z`, which is no scenario"
    )]
    #[case::twice(
        "**C-01** x\nProof: `file/a`\n**C-01** y\nProof: `file/a`\n",
        "[C-01]",
        "C-01 is there twice"
    )]
    #[case::nothing_claimed("# Spec\n", "[]", "has no line that begins with a claim")]
    fn a_difference_is_found(#[case] spec: &str, #[case] claims: &str, #[case] expected: &str) {
        let found = findings(spec, claims);
        assert!(found.iter().any(|finding| finding.contains(expected)), "{found:?}");
    }

    #[test]
    fn a_missing_spec_is_a_finding() {
        assert_eq!(check(&tree(&[])).len(), 1);
    }
}
