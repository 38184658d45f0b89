//! Every operator × type pair of the language has a witness: a real call for which it holds, and one for which it does not, in
//! a scenario that the lab runs on every kernel.
//!
//! The files are generated from these tables and from the enforcer's own table of what applies to what, so that a new operator
//! or type without calls fails here.

#![expect(clippy::unwrap_used, reason = "a failed helper of a test is a failed test")]

mod capabilities;
mod case;
mod connections;
mod numbers;
mod texts;
mod write;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use case::Witness;
use quell::policy::ast::{ArgType, Operator, TypeClass};
use quell::policy::typing;

/// Set to write the files instead of comparing them.
const BLESS: &str = "QUELL_BLESS";

fn witnesses() -> Vec<Witness> {
    let with_operators = |ty: &ArgType| {
        let operators: Vec<Operator> =
            Operator::ALL.iter().copied().filter(|operator| typing::applies(*operator, *ty)).collect();
        (!operators.is_empty()).then_some((*ty, operators))
    };
    ArgType::ALL
        .iter()
        .filter_map(with_operators)
        .map(|(ty, operators)| match ty.class() {
            TypeClass::Integer { .. } => numbers::witness(ty, &operators),
            TypeClass::Text | TypeClass::Path => texts::witness(ty, &operators),
            TypeClass::Capabilities => capabilities::witness(ty, &operators),
            TypeClass::Connection | TypeClass::Address => connections::witness(ty, &operators),
            TypeClass::Nothing => panic!("{ty:?} has operators, but nothing to compare"),
        })
        .collect()
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

/// The committed files, by path below the folder of the scenarios.
fn texts_of_files() -> Vec<(String, String)> {
    witnesses()
        .iter()
        .flat_map(|witness| {
            let name = witness.name();
            [
                (format!("policies/witness-{name}.yaml"), witness.policy()),
                (format!("witness/{name}.yaml"), witness.scenario()),
            ]
        })
        .collect()
}

#[test]
fn committed_witnesses_are_those_of_the_tables() {
    let files = texts_of_files();
    if std::env::var_os(BLESS).is_some() {
        std::fs::create_dir_all(folder().join("witness")).unwrap();
        for (name, text) in &files {
            std::fs::write(folder().join(name), text).unwrap();
        }
    }
    for (name, text) in &files {
        let committed = std::fs::read_to_string(folder().join(name)).unwrap_or_default();
        assert!(
            committed == *text,
            "{name} is not what the tables say; look at it, then renew it with {BLESS}=1"
        );
    }
    let generated: BTreeSet<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
    for part in ["witness", "policies"] {
        for entry in std::fs::read_dir(folder().join(part)).unwrap() {
            let name = format!("{part}/{}", entry.unwrap().file_name().to_str().unwrap());
            if name.starts_with("witness/") || name.starts_with("policies/witness-") {
                assert!(generated.contains(name.as_str()), "{name} belongs to no type of the language");
            }
        }
    }
}

#[test]
fn every_operator_of_every_type_has_a_call_that_holds_and_one_that_does_not() {
    let mut pairs = 0;
    for witness in witnesses() {
        let mut operators = BTreeSet::new();
        for case in &witness.cases {
            assert!(operators.insert(case.operator), "{:?} {:?} twice", witness.ty, case.operator);
            assert!(!case.hit.is_empty(), "{:?} {:?}", witness.ty, case.operator);
            let refused = !case.miss.is_empty() && case.miss != case.hit;
            assert!(refused || case.other_filters.is_some(), "{:?} {:?}", witness.ty, case.operator);
            pairs += 1;
        }
        for operator in Operator::ALL {
            assert_eq!(operators.contains(operator), typing::applies(*operator, witness.ty), "{operator:?}");
        }
    }
    let all = ArgType::ALL
        .iter()
        .map(|ty| Operator::ALL.iter().filter(|operator| typing::applies(**operator, *ty)).count())
        .sum::<usize>();
    assert!(all > 300 && pairs == all, "{pairs} of {all}");
}
