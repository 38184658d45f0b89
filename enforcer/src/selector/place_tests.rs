//! What becomes a set, at every border, and what is refused one step beyond.

use std::fmt::Write;

use quell_wire::hook::SetKind;
use quell_wire::limits::{MAX_SET_MEMBERS, MAX_STRING_VALUE_BYTES};
use rstest::rstest;

use super::*;
use crate::policy::ast::Hook;
use crate::policy::{Source, parse_one};
use crate::selector::compile;

/// A hook with an int, a string and a sock argument, and these selectors in flow style.
fn hook(selectors: &str) -> Hook {
    let text = format!(
        "apiVersion: cilium.io/v1alpha1\nkind: TracingPolicy\nmetadata: {{name: t}}\nspec:\n  kprobes:\n  - call: f\n    \
         syscall: false\n    args: [{{index: 0, type: int}}, {{index: 1, type: string}}, {{index: 2, type: sock}}]\n    \
         selectors: [{selectors}]\n"
    );
    match parse_one(&Source::new("t", text)) {
        Ok(mut policy) => policy.hooks.remove(0),
        Err(found) => panic!("{}", crate::policy::render::text(&found, crate::policy::Style::Plain)),
    }
}

fn filter(index: usize, op: &str, values: &[String]) -> String {
    format!("{{index: {index}, operator: {op}, values: [{}]}}", values.join(", "))
}

fn one(index: usize, op: &str, values: &[String]) -> Hook {
    hook(&format!("{{matchArgs: [{}]}}", filter(index, op, values)))
}

fn numbered(count: usize, text: impl Fn(usize) -> String) -> Vec<String> {
    (0..count).map(text).collect()
}

fn padded(length: usize, number: usize) -> String {
    let mut text = "\"".to_owned();
    write!(text, "{number:0>length$}\"").unwrap();
    text
}

#[rstest]
#[case::strings("Equal", 1, 8, None)]
#[case::more_strings("NotIn", 1, 9, Some(SetKind::Strings))]
#[case::prefixes("NotPrefix", 1, 9, Some(SetKind::Prefixes))]
#[case::postfixes("Postfix", 1, 9, Some(SetKind::Postfixes))]
#[case::searches("SubString", 1, 20, None)]
#[case::numbers("Equal", 0, 64, None)]
#[case::more_numbers("NotEqual", 0, 65, Some(SetKind::Numbers))]
#[case::ranges("InMap", 0, 16, None)]
#[case::more_ranges("NotInMap", 0, 17, Some(SetKind::Numbers))]
#[case::ports("SPort", 2, 17, Some(SetKind::Numbers))]
fn many_values_become_a_set(
    #[case] op: &str,
    #[case] arg: usize,
    #[case] count: usize,
    #[case] set: Option<SetKind>,
) {
    // Every other number, because ranges that touch are merged.
    let hook = one(
        arg,
        op,
        &numbered(count, |number| if arg == 1 { padded(4, number) } else { (2 * number).to_string() }),
    );
    let (trees, sets) = compile::selectors(&hook).unwrap();
    let entry = &trees[0].sections[0].1[0];
    let members = [
        (SetKind::Numbers, sets.numbers.len()),
        (SetKind::Strings, sets.strings.len()),
        (SetKind::Prefixes, sets.prefixes.len()),
        (SetKind::Postfixes, sets.postfixes.len()),
        (SetKind::Networks, sets.networks.len()),
    ];
    for (kind, found) in members {
        assert_eq!(found, if Some(kind) == set { count } else { 0 }, "{kind:?}");
    }
    assert_eq!(matches!(entry.values, ValueTree::Set(1)), set.is_some());
    let config = compile::hook(&hook, 0).unwrap().config;
    assert_eq!(config.set_kinds, set.map_or(0, |kind| 1 << kind.number()));
    assert_eq!(config.values, if set.is_some() { 0 } else { u32::try_from(count).unwrap() });
}

#[rstest]
#[case(16, 0)]
#[case(17, 17)]
fn many_networks_become_a_set(#[case] count: usize, #[case] members: usize) {
    let hook = one(2, "DAddr", &numbered(count, |number| format!("10.0.{number}.0/24")));
    let (_, sets) = compile::selectors(&hook).unwrap();
    assert_eq!(sets.networks.len(), members);
    assert!(sets.networks.iter().all(|key| key.bits == 64 + 24 && key.family == 4));
}

#[test]
fn a_set_of_strings_says_how_long_its_longest_is() {
    let hook = one(1, "Equal", &numbered(9, |number| padded(10 * number + 1, number)));
    let (trees, sets) = compile::selectors(&hook).unwrap();
    assert_eq!(trees[0].sections[0].1[0].longest, 81);
    assert_eq!(sets.strings[8].length, 81);
}

#[test]
fn wide_ranges_stay_in_the_bytes_when_they_are_not_too_many() {
    let wide =
        |count| numbered(count, |number| format!("\"{}:{}\"", 10_000 * number, 10_000 * number + 5000));
    let (trees, sets) = compile::selectors(&one(0, "InRange", &wide(64))).unwrap();
    assert_eq!((trees[0].sections[0].1[0].values.clone(), sets.numbers.len()), {
        let ranges = (0..64).map(|number| (10_000 * number, 10_000 * number + 5000)).collect();
        (ValueTree::Ranges(ranges), 0)
    });
    let error = compile::selectors(&one(0, "InRange", &wide(65))).unwrap_err();
    let expected = CompileError::TooManyRanges {
        place: Place { selector: 0, section: Section::Args, entry: 0 },
        ranges: 65,
        members: 65 * 5001,
        listed: LISTED_NUMBERS,
        negative: false,
    };
    assert_eq!(error, expected);
}

#[test]
fn negative_ranges_are_listed_up_to_zero_and_beyond() {
    let mut values = numbered(16, |number| (100 + 2 * number).to_string());
    values.push("\"-3:2\"".to_owned());
    let (_, sets) = compile::selectors(&one(0, "InMap", &values)).unwrap();
    let numbers: Vec<_> = sets.numbers.iter().take(7).map(|key| key.number.cast_signed()).collect();
    assert_eq!(numbers, [-3, -2, -1, 0, 1, 2, 100]);
}

#[test]
fn what_costs_most_becomes_a_set_until_the_bytes_suffice() {
    // Eight strings of 256 bytes fill half of the bytes; each entry alone would stay there.
    let long = |first: usize| filter(1, "Equal", &numbered(8, |number| padded(256, first + number)));
    let short = filter(1, "NotEqual", &[padded(8, 7)]);
    let hook = hook(&format!("{{matchArgs: [{}, {short}, {}]}}", long(0), long(100)));
    let (trees, sets) = compile::selectors(&hook).unwrap();
    let placed: Vec<_> =
        trees[0].sections[0].1.iter().map(|entry| matches!(entry.values, ValueTree::Set(_))).collect();
    assert_eq!(placed.iter().filter(|set| **set).count(), 1, "{placed:?}");
    assert!(!placed[1], "the short one costs nothing");
    assert_eq!(sets.strings.len(), 8);
    assert_eq!(compile::hook(&hook, 0), compile::hook(&hook, 0));
}

#[test]
fn string_comparisons_stay_within_what_the_verifier_walks() {
    let entries = |count| -> String {
        let entry = |selector: usize| {
            let values = numbered(8, |number| padded(256, 100 * selector + number));
            format!("{{matchArgs: [{}]}}", filter(1, "Equal", &values))
        };
        numbered(count, entry).join(", ")
    };
    let hook = hook(&entries(1));
    let config = compile::hook(&hook, 0).unwrap().config;
    assert_eq!((config.filters, config.values, config.string_words), (1, 8, 32));
    let many_filters = format!(
        "{{matchArgs: [{}]}}",
        numbered(16, |number| filter(1, "Equal", &numbered(8, |value| padded(40, 10 * number + value))))
            .join(", ")
    );
    let hook = self::hook(&many_filters);
    let config = compile::hook(&hook, 0).unwrap().config;
    assert!(config.filters * config.values * config.string_words <= MAX_INLINE_WORDS, "{config:?}");
    assert_eq!(compile::selectors(&hook).unwrap(), compile::selectors(&hook).unwrap());
}

#[test]
fn equal_sets_are_one_and_the_same_number_of_two_namespaces_is_two() {
    let values = numbered(9, |number| padded(3, number));
    let same =
        format!("{{matchArgs: [{}, {}]}}", filter(1, "Equal", &values), filter(1, "NotEqual", &values));
    let (trees, sets) = compile::selectors(&hook(&same)).unwrap();
    assert_eq!(sets.strings.len(), 9);
    assert!(trees[0].entries().all(|entry| entry.values == ValueTree::Set(1)));
    let ids = numbered(65, |number| (4_026_531_840 + number).to_string()).join(", ");
    let of = |namespace: &str| format!("{{namespace: {namespace}, operator: In, values: [{ids}, host_ns]}}");
    let text = format!("{{matchNamespaces: [{}, {}]}}", of("Uts"), of("Net"));
    let (_, sets) = compile::selectors(&hook(&text)).unwrap();
    assert_eq!(sets.numbers.len(), 2 * 66);
}

#[rstest]
#[case(64, true)]
#[case(65, false)]
fn prefixes_too_long_for_a_set_stay_in_the_bytes_up_to_the_limit(
    #[case] count: usize,
    #[case] possible: bool,
) {
    // 64 short values and a long one would need 64 * 32 comparisons.
    let mut values = numbered(count - 1, |number| padded(8, number));
    values.push(padded(MAX_AFFIX_SET_BYTES as usize + 1, 7));
    match (compile::selectors(&one(1, "Prefix", &values)), possible) {
        (Ok((trees, sets)), true) => {
            assert!(
                matches!(trees[0].sections[0].1[0].values, ValueTree::Strings(_)) && sets.prefixes.is_empty()
            );
        }
        (Err(error), false) => {
            assert!(matches!(error, CompileError::AffixTooLong { values: 65, length: 249, .. }), "{error}");
        }
        (found, _) => panic!("{found:?}"),
    }
}

#[test]
fn sets_searches_and_members_are_counted() {
    let selector = |number: usize| {
        let values = |entry: usize| numbered(9, |value| padded(8, 1000 * number + 10 * entry + value));
        format!("{{matchArgs: [{}]}}", numbered(5, |entry| filter(1, "Equal", &values(entry))).join(", "))
    };
    let sets = |count| hook(&numbered(count, selector).join(", "));
    assert_eq!(compile::selectors(&sets(12)).unwrap().1.strings.len(), 60 * 9);
    assert_eq!(compile::selectors(&sets(13)).unwrap_err(), CompileError::TooManySets { needed: 65 });
    let searches = |count| {
        let entries = numbered(count, |number| filter(1, "SubString", &[format!("\"needle {number}\"")]));
        hook(&format!("{{matchArgs: [{}]}}", entries.join(", ")))
    };
    assert_eq!(compile::selectors(&searches(8)).unwrap().1.searches.len(), 8);
    assert_eq!(compile::selectors(&searches(9)).unwrap_err(), CompileError::TooManySearches { searches: 9 });
}

#[test]
fn ten_thousand_paths_a_thousand_networks_and_every_port_fit() {
    let paths = filter(1, "Equal", &numbered(10_000, |number| format!("/srv/{number}")));
    let networks =
        filter(2, "NotSAddr", &numbered(1000, |number| format!("10.{}.{}.0/24", number / 250, number % 250)));
    let ports = filter(2, "DPort", &numbered(10_000, |number| (2 * number + 1).to_string()));
    let hook = hook(&format!("{{matchArgs: [{paths}, {networks}, {ports}]}}"));
    let compiled = compile::hook(&hook, 0).unwrap();
    let sets = &compiled.sets;
    assert_eq!((sets.strings.len(), sets.networks.len(), sets.numbers.len()), (10_000, 1000, 10_000));
    assert_eq!((compiled.config.values, compiled.config.string_words), (0, 0));
}

#[test]
fn members_of_one_kind_are_limited_together() {
    let half =
        |offset: usize| numbered(MAX_SET_MEMBERS as usize / 2 + 1, |number| (offset + number).to_string());
    let hook = hook(&format!(
        "{{matchArgs: [{}, {}]}}",
        filter(0, "Equal", &half(0)),
        filter(0, "NotEqual", &half(1_000_000))
    ));
    let members = MAX_SET_MEMBERS as usize + 2;
    assert_eq!(
        compile::selectors(&hook).unwrap_err(),
        CompileError::TooManyMembers { kind: "numbers", members }
    );
}

#[test]
fn every_refusal_says_where_and_what_to_do() {
    let place = Place { selector: 2, section: Section::Args, entry: 3 };
    let errors = [
        CompileError::TooLarge(TooLarge { needed: 5000 }),
        CompileError::TooManyValues { place, values: 65, negative: false },
        CompileError::AffixTooLong {
            place,
            values: 65,
            length: MAX_STRING_VALUE_BYTES as usize,
            negative: false,
        },
        CompileError::TooManyComparisons { words: 5000 },
        CompileError::TooManyEntries { selector: 1, section: Section::Capabilities, entries: 17 },
        CompileError::SearchTooLarge { place, bytes: 300 },
        CompileError::Mismatch { place },
    ];
    for error in errors {
        let (text, advice) = (error.to_string(), error.advice());
        assert!(
            text.contains(|letter: char| letter.is_ascii_digit()) && advice.len() > 10,
            "{text}: {advice}"
        );
        assert!(text.chars().next().is_some_and(char::is_lowercase), "{text}");
    }
}

#[test]
fn values_of_a_negation_are_divided_within_their_selector() {
    let wide =
        |count| numbered(count, |number| format!("\"{}:{}\"", 10_000 * number, 10_000 * number + 5000));
    for (operator, negative) in
        [("InRange", false), ("NotInRange", true), ("InMap", false), ("NotInMap", true)]
    {
        let error = compile::selectors(&one(0, operator, &wide(65))).unwrap_err();
        assert_eq!(
            error.advice().contains("of the same selector"),
            negative,
            "{operator}: {}",
            error.advice()
        );
        assert_eq!(error.advice().contains("two selectors"), !negative, "{operator}: {}", error.advice());
    }
    let values = numbered(65, |number| padded(249, number));
    for (operator, negative) in
        [("Prefix", false), ("NotPrefix", true), ("Postfix", false), ("NotPostfix", true)]
    {
        let error = compile::selectors(&one(1, operator, &values)).unwrap_err();
        assert_eq!(
            error.advice().contains("in the same selector"),
            negative,
            "{operator}: {}",
            error.advice()
        );
        assert_eq!(error.advice().contains("a second selector"), !negative, "{operator}: {}", error.advice());
    }
}

#[test]
fn the_entry_of_a_namespace_capability_stays_where_decoding_finds_it() {
    let guard = filters::outside_initial_user_namespace();
    assert!(!movable(&guard));
    let numbers = ValueTree::Numbers(vec![7]);
    assert!(movable(&EntryTree { values: numbers, ..guard }), "any other number may move");
}
