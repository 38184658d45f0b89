//! YAML → a tree in which every key and every value has its place; nothing here knows what a policy is.
//!
//! A derived `Deserialize` stops at the first mistake and cannot say where a valid value stood. So the whole document is
//! read into this generic tree first, duplicate keys included, and the validating pass walks it and collects everything.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::options::{DuplicateKeyPolicy, MergeKeyPolicy, NonFiniteFloatPolicy};

use super::code::Code;
use super::diag::Diagnostic;
use super::source::{Source, Span};
use super::unreadable;

/// Longest policy text in bytes. Far above any real policy; it keeps a wrong file (a log, a core dump) from being parsed.
pub(super) const MAX_TEXT_BYTES: usize = 1 << 20;
/// Most nodes of a document, alias expansions included.
pub(super) const MAX_NODES: usize = 150_000;
/// Most documents of a file, empty ones included.
pub(super) const MAX_DOCUMENTS: usize = 1024;
/// Deepest nesting; the language itself needs 9.
pub(super) const MAX_DEPTH: usize = 32;
/// Most aliases, and most nodes that they may repeat.
pub(super) const MAX_ALIASES: usize = 256;
pub(super) const MAX_REPEATED_NODES: usize = 10_000;

/// Of base64 text.
const BINARY_TAG: &str = "tag:yaml.org,2002:binary";

/// A value and its place.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Node {
    pub(super) value: Value,
    pub(super) span: Span,
}

/// What YAML can say, with integers in full width and mappings in the order of the file.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Null,
    Bool(bool),
    Integer(i128),
    Float(f64),
    Text(String),
    /// `!!binary`, decoded; `None` when it is not base64.
    Bytes(Option<Vec<u8>>),
    List(Vec<Node>),
    Map(Vec<(Node, Node)>),
}

impl Value {
    /// What it is, for "expected …, found …".
    pub(super) const fn kind(&self) -> &'static str {
        match self {
            Self::Null => "nothing",
            Self::Bool(_) => "a boolean",
            Self::Integer(_) => "a number",
            Self::Float(_) => "a decimal number",
            Self::Text(_) => "text",
            Self::Bytes(_) => "binary",
            Self::List(_) => "a list",
            Self::Map(_) => "a mapping",
        }
    }
}

/// Reads every document of a file.
///
/// Empty documents are left out. The error is the first thing that makes the text unreadable; behind it nothing can be
/// trusted, so there is only one.
pub(super) fn read(source: &Source) -> Result<Vec<Node>, Diagnostic> {
    let text = source.text();
    if text.len() > MAX_TEXT_BYTES {
        let found = format!("the file has {} bytes; a policy has at most {MAX_TEXT_BYTES}", text.len());
        return Err(Diagnostic::new(Code::Budget, Span::default(), found)
            .help("split it into several policies, or check that this is the file you meant"));
    }
    serde_saphyr::from_multiple_with_options::<Node>(text, options())
        .map_err(|error| unreadable::finding(source, error.without_snippet()))
}

fn options() -> serde_saphyr::Options {
    serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_events: 4 * MAX_NODES,
            max_nodes: MAX_NODES,
            max_documents: MAX_DOCUMENTS,
            max_depth: MAX_DEPTH,
            flow_nesting_limit: MAX_DEPTH,
            max_aliases: MAX_ALIASES,
            max_anchors: MAX_ALIASES,
            max_recorded_anchor_events: 4 * MAX_REPEATED_NODES,
            max_total_scalar_bytes: 4 * MAX_TEXT_BYTES,
        },
        alias_limits: serde_saphyr::alias_limits! {
            max_total_replayed_events: MAX_REPEATED_NODES,
            max_replay_stack_depth: MAX_DEPTH,
        },
        emit_comments: false,
        // Our walk reports both places of a duplicate; the parser would stop at the first.
        duplicate_keys: DuplicateKeyPolicy::PassThrough,
        merge_keys: MergeKeyPolicy::AsOrdinary,
        non_finite_float_policy: NonFiniteFloatPolicy::PassThrough,
        // `yes` and `on` are text, as YAML 1.2 has it.
        strict_booleans: true,
        // `0755` and `1_000` mean different numbers to different readers: left as text, the value parser decides.
        leading_zero_numbers_as_strings: true,
        underscored_numbers_as_strings: true,
        // Decoded here, because the bytes need not be UTF-8.
        ignore_binary_tag_for_string: true,
        reject_unsupported_tags: true,
        reject_tagged_field_names: true,
        with_snippet: false,
    }
}

/// The place of a parser error; some have only a line and a column.
pub(super) fn place_of(source: &Source, location: &serde_saphyr::Location) -> Span {
    let span = span_of(location);
    if span.offset > 0 {
        return span;
    }
    let line = usize::try_from(location.line()).unwrap_or(usize::MAX).saturating_sub(1);
    let column = usize::try_from(location.column()).unwrap_or(usize::MAX).saturating_sub(1);
    let text = source.text();
    let line_start = match line {
        0 => 0,
        _ => text.match_indices('\n').nth(line - 1).map_or(text.len(), |(newline, _)| newline + 1),
    };
    let offset = text[line_start..].char_indices().nth(column).map_or(text.len(), |(at, _)| line_start + at);
    Span::new(offset, 0)
}

fn span_of(location: &serde_saphyr::Location) -> Span {
    let span = location.span();
    let bytes = |value: u64| usize::try_from(value).unwrap_or(usize::MAX);
    Span::new(bytes(span.byte_offset().unwrap_or_default()), bytes(span.byte_len().unwrap_or_default()))
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned = serde_saphyr::Spanned::<serde_saphyr::Tagged<Value>>::deserialize(deserializer)?;
        let serde_saphyr::Tagged(mut value, tag) = spanned.value;
        if tag.is_some_and(|tag| tag == BINARY_TAG)
            && let Value::Text(text) = &value
        {
            let text: String = text.split_ascii_whitespace().collect();
            value = Value::Bytes(STANDARD.decode(text).ok());
        }
        // The place of the text itself: for an alias, where its value is written. An anchored value repeated by aliases
        // is therefore reported once, where it has to be corrected.
        let mut span = span_of(&spanned.defined);
        // A block collection has no text of its own; point at its first key or entry, not at an empty place.
        match &value {
            Value::Map(entries) => {
                if let Some((key, _)) = entries.first() {
                    span = key.span;
                }
            }
            Value::List(items) => {
                if let Some(item) = items.first() {
                    span = item.span;
                }
            }
            _ => {}
        }
        Ok(Self { value, span })
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any YAML value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Integer(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Integer(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value::Float(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::Text(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Value::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut entries = Vec::new();
        while let Some(key) = map.next_key::<Node>()? {
            entries.push((key, map.next_value()?));
        }
        Ok(Value::Map(entries))
    }
}

#[cfg(test)]
#[path = "raw_tests.rs"]
mod tests;
