//! The spanned tree against serde_yaml as a second opinion, and against hostile documents.

use std::time::{Duration, Instant};

use proptest::prelude::*;
use rstest::rstest;

use super::*;

fn tree(text: &str) -> Node {
    read(&Source::new("p.yaml", text))
        .unwrap()
        .pop()
        .unwrap_or(Node { value: Value::Null, span: Span::default() })
}

fn failure(text: &str) -> (Code, String) {
    let source = Source::new("p.yaml", text);
    let found = read(&source).unwrap_err();
    (found.code, source.position(found.span.offset).to_string())
}

fn entries(node: &Node) -> &[(Node, Node)] {
    match &node.value {
        Value::Map(entries) => entries,
        other => panic!("not a mapping: {other:?}"),
    }
}

#[rstest]
#[case("a: 0x10", Value::Integer(16), "0x10")]
#[case("a: -5 # five", Value::Integer(-5), "-5")]
#[case("a: \"1\"", Value::Text("1".into()), "\"1\"")]
#[case("a: yes", Value::Text("yes".into()), "yes")]
#[case("a: True", Value::Bool(true), "True")]
#[case("a: 017", Value::Text("017".into()), "017")]
#[case("a: 1_0", Value::Text("1_0".into()), "1_0")]
#[case("a:", Value::Null, "")]
#[case("ä: 'ö'", Value::Text("ö".into()), "'ö'")]
fn a_value_is_read_with_its_own_place(#[case] text: &str, #[case] value: Value, #[case] spelling: &str) {
    let root = tree(text);
    let (_, node) = &entries(&root)[0];
    assert_eq!(node.value, value);
    assert_eq!(&text[node.span.offset..node.span.end()], spelling);
}

#[test]
fn both_places_of_a_duplicate_key_are_kept() {
    let root = tree("a: 1\nb: 2\na: 3\n");
    let keys: Vec<_> = entries(&root).iter().map(|(key, _)| key.span.offset).collect();
    assert_eq!(keys, [0, 5, 10]);
}

#[test]
fn documents_keep_their_places_in_the_file() {
    let text = "---\na: 1\n---\n# nothing\n---\nb: ä\n...\n---\nc: 3\n";
    let roots = read(&Source::new("p.yaml", text)).unwrap();
    let spellings: Vec<_> = roots
        .iter()
        .map(|root| {
            let (key, value) = &entries(root)[0];
            (&text[key.span.offset..key.span.end()], &text[value.span.offset..value.span.end()])
        })
        .collect();
    assert_eq!(spellings, [("a", "1"), ("b", "ä"), ("c", "3")]);
}

#[rstest]
#[case("a: !!binary /wD+", Value::Bytes(Some(vec![0xff, 0, 0xfe])))]
#[case("a: !!binary |\n  /w\n  D+\n", Value::Bytes(Some(vec![0xff, 0, 0xfe])))]
#[case("a: !!binary '*'", Value::Bytes(None))]
#[case("a: !!str /wD+", Value::Text("/wD+".into()))]
fn binary_is_decoded(#[case] text: &str, #[case] value: Value) {
    assert_eq!(entries(&tree(text))[0].1.value, value);
}

#[test]
fn an_alias_has_the_place_of_what_it_repeats() {
    let root = tree("a: &x 7\nb: *x\n");
    let (_, node) = &entries(&root)[1];
    assert_eq!((&node.value, node.span), (&Value::Integer(7), Span::new(6, 1)));
}

#[rstest]
#[case("a: [1, 2", Code::Syntax, "1:4")]
#[case("a: 1\nb: c: d", Code::Syntax, "2:5")]
#[case("x: *b", Code::Syntax, "1:4")]
#[case("x: &a [*a]", Code::Syntax, "1:8")]
#[case("a: !custom 3", Code::Syntax, "1:12")]
#[case("a: 1\n---\nb: [\n", Code::Syntax, "3:4")]
fn a_text_that_is_not_yaml_is_refused_where_it_breaks(
    #[case] text: &str,
    #[case] code: Code,
    #[case] at: &str,
) {
    assert_eq!(failure(text), (code, at.to_owned()));
}

fn alias_bomb() -> String {
    let mut text = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..12 {
        let repeated = vec![format!("*a{}", level - 1); 10].join(", ");
        text.push_str(&format!("a{level}: &a{level} [{repeated}]\n"));
    }
    text
}

#[rstest]
#[case::aliases(alias_bomb())]
#[case::depth("[".repeat(100_000))]
#[case::depth_by_keys("{a: ".repeat(5_000))]
#[case::width(format!("[{}]", "1,".repeat(400_000)))]
#[case::size("# comment\n".repeat(MAX_TEXT_BYTES / 10 + 1))]
fn a_hostile_document_is_refused_at_once(#[case] text: String) {
    let start = Instant::now();
    let (code, _) = failure(&text);
    assert_eq!(code, Code::Budget);
    // Generous for a debug build on a busy machine; unbounded, these take minutes or the stack.
    assert!(start.elapsed() < Duration::from_secs(10), "took {:?}", start.elapsed());
}

/// The same tree as serde_yaml's, without places.
fn plain(node: &Node) -> serde_yaml::Value {
    match &node.value {
        Value::Null => serde_yaml::Value::Null,
        Value::Bool(value) => (*value).into(),
        Value::Integer(value) => match u64::try_from(*value) {
            Ok(value) => value.into(),
            Err(_) => i64::try_from(*value).unwrap().into(),
        },
        Value::Float(value) => (*value).into(),
        Value::Text(value) => value.as_str().into(),
        Value::Bytes(_) => panic!("binary"),
        Value::List(items) => items.iter().map(plain).collect::<Vec<_>>().into(),
        Value::Map(entries) => {
            let mapping: serde_yaml::Mapping =
                entries.iter().map(|(key, value)| (plain(key), plain(value))).collect();
            mapping.into()
        }
    }
}

fn any_yaml() -> impl Strategy<Value = serde_yaml::Value> {
    let text = prop_oneof![
        "[a-zA-Z0-9_/.*&: #'\"-]{0,12}",
        // Without the separators of lines and paragraphs: line breaks in YAML 1.1, which serde_yaml writes, and content in
        // YAML 1.2, which policies are.
        "[^\\pC\u{2028}\u{2029}]{0,8}",
        "[\\t\\n ~!%@`|>?,{}\\[\\]-]{0,6}",
        Just("017".to_owned()),
        Just("yes".to_owned()),
        Just("1_000".to_owned()),
    ];
    let leaf = prop_oneof![
        Just(serde_yaml::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<u64>().prop_map(Into::into),
        text.clone().prop_map(Into::into),
    ];
    leaf.prop_recursive(4, 32, 5, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Into::into),
            prop::collection::btree_map(text.clone(), inner, 0..5).prop_map(|entries| {
                let mapping: serde_yaml::Mapping =
                    entries.into_iter().map(|(key, value)| (key.into(), value)).collect();
                mapping.into()
            }),
        ]
    })
}

proptest! {
    #[test]
    fn two_parsers_read_the_same_tree(value in any_yaml()) {
        let text = serde_yaml::to_string(&value).unwrap();
        let second: serde_yaml::Value = serde_yaml::from_str(&text).unwrap();
        prop_assert_eq!(plain(&tree(&text)), second, "of:\n{}", text);
    }

    #[test]
    fn two_parsers_agree_on_hand_written_mappings(
        keys in prop::collection::btree_set("[a-z]{1,6}", 1..5),
        spelled in prop::sample::select(vec![
            "1", "-1", "0x1f", "0o17", "true", "null", "~", "text", "'q'", "\"d\\n\"", "[1, a, {b: c}]", "{x: [y]}",
            "/etc/passwd", "\"\"", "a b c", "3.5", "|\n  block\n  text", ">-\n  folded\n  text", "&n v", "!!str 1",
        ]),
    ) {
        let text: String = keys.iter().map(|key| format!("{key}: {spelled}\n")).collect();
        let text = text.replace("&n v\n", "&n v # again\n");
        let second: serde_yaml::Value = serde_yaml::from_str(&text).unwrap();
        prop_assert_eq!(plain(&tree(&text)), second, "of:\n{}", text);
    }

    #[test]
    fn reading_never_panics_and_places_are_inside_the_text(text in "\\PC{0,200}|[a-z:\\- \\n\\[\\]{}&*!|>'\"#0-9\t]{0,200}") {
        let source = Source::new("p", text.as_str());
        fn inside(node: &Node, text: &str) -> bool {
            text.is_char_boundary(node.span.offset) && text.is_char_boundary(node.span.end()) && match &node.value {
                Value::List(items) => items.iter().all(|item| inside(item, text)),
                Value::Map(entries) => entries.iter().all(|(key, value)| inside(key, text) && inside(value, text)),
                _ => true,
            }
        }
        for root in read(&source).unwrap_or_default() {
            prop_assert!(inside(&root, &text));
        }
    }
}
