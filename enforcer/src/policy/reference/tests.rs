//! The page is what the tables say, and its examples do what it says of them.

use std::collections::BTreeSet;
use std::path::Path;

use quell_wire::capacity::capacity;

use super::keys::{MEANINGS, meaning};
use super::*;
use crate::model::{Verdict, context_file, evaluate};
use crate::policy::ast::{ArgType, Operator};
use crate::policy::schema::ALL;
use crate::policy::typing::applies;
use crate::policy::{Source, parse_one};
use crate::selector::code::wire_operator;

#[test]
fn the_page_is_what_the_tables_say() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/policy-language.md");
    if std::env::var_os("QUELL_BLESS").is_some() {
        std::fs::write(&path, page()).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    for (line, (committed, generated)) in committed.lines().zip(page().lines()).enumerate() {
        assert_eq!(
            committed,
            generated,
            "line {} of docs/policy-language.md; run `cargo xtask bless`",
            line + 1
        );
    }
    assert_eq!(committed.len(), page().len(), "docs/policy-language.md; run `cargo xtask bless`");
}

#[test]
fn every_key_has_a_meaning_and_every_meaning_a_key() {
    let mut used = BTreeSet::new();
    for schema in ALL {
        for key in schema.keys {
            let found = meaning(schema.what, key);
            assert!(found.is_some_and(|text| !text.is_empty()), "{} has no meaning for `{key}`", schema.what);
            used.insert(found);
        }
    }
    for (key, text) in MEANINGS {
        assert!(used.contains(&Some(*text)), "no mapping has `{key}`");
    }
}

#[test]
fn every_operator_has_an_example() {
    let shown: BTreeSet<_> = EXAMPLES.iter().filter_map(|example| example.operator).collect();
    assert_eq!(shown, Operator::ALL.iter().copied().collect());
}

#[test]
fn every_example_matches_what_it_says_and_nothing_else() {
    for example in EXAMPLES {
        let text = example.policy();
        let policy = parse_one(&Source::new("example.yaml", text.as_str()))
            .unwrap_or_else(|found| panic!("{found}\n{text}"));
        let hook = &policy.hooks[0];
        if let Some(operator) = example.operator {
            assert_eq!(hook.selectors[0].args[0].op, operator, "{text}");
        }
        for (context, matches) in example.contexts() {
            let context = context_file::read(&context).unwrap_or_else(|error| panic!("{error}\n{context}"));
            context_file::check(&context, hook).unwrap_or_else(|error| panic!("{error}\n{text}"));
            let verdict = evaluate(hook, &context);
            let matched = matches!(verdict, Verdict::Matched { failed_closed: false, .. });
            assert_eq!(
                (matched, matched || verdict == Verdict::NotMatched),
                (matches, true),
                "{verdict:?}\n{text}"
            );
        }
    }
}

/// Whether a hook with one filter on its string argument can be compiled.
fn fits(operator: Operator, values: &[String]) -> bool {
    let text = format!(
        "apiVersion: cilium.io/v1alpha1\nkind: TracingPolicy\nmetadata: {{name: t}}\nspec:\n  kprobes:\n  - call: f\n    \
         syscall: false\n    args: [{{index: 0, type: string}}]\n    selectors:\n    - matchArgs:\n      - {{index: 0, operator: {}, \
         values: [{}]}}\n",
        operator.name(),
        values.join(", ")
    );
    parse_one(&Source::new("limit.yaml", text))
        .is_ok_and(|policy| crate::selector::compile::hook(&policy.hooks[0], 0).is_ok())
}

#[test]
fn a_string_may_be_as_long_as_the_page_says_and_not_a_byte_longer() {
    let text = |length: u32, number: usize| format!("\"{number:0>width$}\"", width = length as usize);
    let operators: Vec<_> =
        Operator::ALL.iter().filter(|operator| applies(**operator, ArgType::String)).collect();
    assert_eq!(operators.len(), 10);
    for operator in operators {
        let capacity = capacity(wire_operator(*operator), true);
        let name = operator.name();
        assert!(fits(*operator, &[text(capacity.inline_bytes, 1)]), "{name}");
        assert!(!fits(*operator, &[text(capacity.inline_bytes + 1, 1)]), "{name}");
        if capacity.set_bytes > 0 {
            // More than stay in the filter bytes, whatever their length.
            let many = |longest| {
                let short = (1..capacity.inline as usize + 1).map(|number| text(8, number));
                short.chain([text(longest, 0)]).collect::<Vec<_>>()
            };
            assert!(fits(*operator, &many(capacity.set_bytes)), "{name}");
            assert!(!fits(*operator, &many(capacity.set_bytes + 1)), "{name}");
        }
    }
}
