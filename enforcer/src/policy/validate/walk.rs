//! Reading the spanned tree key by key, with a finding for everything that is not as the schema says.

use std::collections::HashMap;

use crate::policy::code::Code;
use crate::policy::diag::Diagnostic;
use crate::policy::raw::{Node, Value};
use crate::policy::schema::{ALL, MAX_FINDINGS, MAX_TOTAL_VALUES, Schema};
use crate::policy::source::{Source, Span};

/// The source, and what was found wrong so far.
pub(super) struct Walk<'s> {
    pub(super) source: &'s Source,
    found: Vec<Diagnostic>,
    /// Values read so far, those that lists and macros repeat counted every time.
    values: usize,
    /// Whether there were too many of them: the file is not read further.
    stopped: bool,
}

/// The entries of one mapping, duplicates and unknown keys already reported and removed.
pub(super) struct Fields<'n> {
    schema: &'static Schema,
    /// The place of the mapping.
    pub(super) span: Span,
    entries: Vec<(&'n str, Span, &'n Node)>,
    /// Whether a known, unsupported key was among them.
    pub(super) has_unsupported: bool,
}

impl<'n> Fields<'n> {
    /// The value of a key, if it is there.
    pub(super) fn get(&self, key: &str) -> Option<&'n Node> {
        debug_assert!(self.schema.keys.contains(&key), "{key} is not in the schema of {}", self.schema.what);
        self.entries.iter().find(|(name, ..)| *name == key).map(|(_, _, node)| *node)
    }

    /// The value of a key that is neither absent nor without a value, where both mean the same.
    pub(super) fn given(&self, key: &str) -> Option<&'n Node> {
        self.get(key).filter(|node| node.value != Value::Null)
    }

    /// The place of a key, if it is there.
    pub(super) fn key_span(&self, key: &str) -> Option<Span> {
        self.entries.iter().find(|(name, ..)| *name == key).map(|(_, span, _)| *span)
    }

    /// Key, its place and value, in the order of the file.
    pub(super) fn entries(&self) -> &[(&'n str, Span, &'n Node)] {
        &self.entries
    }

    /// Adds an entry that stands elsewhere.
    pub(super) fn add(&mut self, entry: (&'n str, Span, &'n Node)) {
        self.entries.push(entry);
    }
}

impl<'s> Walk<'s> {
    pub(super) const fn new(source: &'s Source) -> Self {
        Self { source, found: Vec::new(), values: 0, stopped: false }
    }

    pub(super) fn finish(self) -> Vec<Diagnostic> {
        self.found
    }

    /// Adds a finding, unless it is known (what a macro or an alias repeats) or more than are worth listing.
    pub(super) fn push(&mut self, found: Diagnostic) {
        if self.is_full() || self.found.contains(&found) {
            return;
        }
        if self.found.len() == MAX_FINDINGS {
            self.found.push(
                Diagnostic::new(Code::TooManyFindings, found.span, "further mistakes are not listed")
                    .label("the next one")
                    .help(format!("correct the first {MAX_FINDINGS} and check again")),
            );
            return;
        }
        self.found.push(found);
    }

    /// Whether further findings are dropped, so that there is no need to look for them.
    pub(super) fn is_full(&self) -> bool {
        self.stopped || self.found.len() > MAX_FINDINGS
    }

    /// Counts values; `None`, with a finding, when lists and macros have multiplied them beyond all measure.
    pub(super) fn spend(&mut self, values: usize, span: Span) -> Option<()> {
        self.values = self.values.saturating_add(values);
        if self.values <= MAX_TOTAL_VALUES {
            return Some(());
        }
        self.push(
            Diagnostic::new(
                Code::Budget,
                span,
                format!("the hooks of this file have more than {MAX_TOTAL_VALUES} values together"),
            )
            .label("reading stopped here")
            .help(
                "lists and macros repeat their values at every use: use them less often, or split the file",
            ),
        );
        // Everything behind has the same cause.
        self.stopped = true;
        None
    }

    /// The value as the file has it: the spelling of a number, the quotes of a text.
    pub(super) fn spelling(&self, span: Span) -> &'s str {
        let span = self.source.clamp(span);
        &self.source.text()[span.offset..span.end()]
    }

    /// The fields of a mapping; `None`, with a finding, for anything else.
    pub(super) fn mapping<'n>(&mut self, node: &'n Node, schema: &'static Schema) -> Option<Fields<'n>> {
        let Value::Map(raw) = &node.value else {
            self.wrong_kind(node, &format!("{} to be a mapping", schema.what));
            return None;
        };
        let mut fields = Fields { schema, span: node.span, entries: Vec::new(), has_unsupported: false };
        let mut seen = HashMap::new();
        for (key, value) in raw {
            let Value::Text(name) = &key.value else {
                self.push(
                    Diagnostic::new(Code::UnknownKey, key.span, "a key must be a word")
                        .label(format!("{} used as a key", key.value.kind()))
                        .help(format!("keys of {} are {}", schema.what, listed(schema.keys))),
                );
                continue;
            };
            if schema.unsupported.contains(&name.as_str()) {
                fields.has_unsupported = true;
                self.push(
                    Diagnostic::new(
                        Code::UnsupportedKey,
                        key.span,
                        format!("`{name}` is known, not supported here"),
                    )
                    .label("not implemented by this version")
                    .help(format!(
                        "remove it if the policy means the same without; keys of {} read here: {}",
                        schema.what,
                        listed(schema.keys)
                    )),
                );
            } else if !schema.keys.contains(&name.as_str()) {
                self.unknown_key(name, key.span, schema);
            } else if let Some(first) = seen.insert(name.as_str(), key.span) {
                seen.insert(name, first);
                self.push(
                    Diagnostic::new(Code::DuplicateKey, key.span, format!("`{name}` is given twice"))
                        .label("second time")
                        .also(first, "first time")
                        .help("keep one of them; the second never silently replaces the first"),
                );
            } else {
                fields.entries.push((name, key.span, value));
            }
        }
        Some(fields)
    }

    fn unknown_key(&mut self, name: &str, span: Span, schema: &Schema) {
        let home = ALL.iter().find(|other| other.keys.contains(&name));
        let known: Vec<_> = schema.keys.iter().chain(schema.unsupported).copied().collect();
        let help = match (closest(name, &known), home) {
            (Some(close), _) => format!("did you mean `{close}`?"),
            (None, Some(home)) if home.what != schema.what => {
                format!("`{name}` belongs to {}: check the indentation", home.what)
            }
            _ if name == "<<" => "merge keys are not read: write the keys out".to_owned(),
            _ => format!("keys of {} are {}", schema.what, listed(schema.keys)),
        };
        self.push(
            Diagnostic::new(Code::UnknownKey, span, format!("unknown key `{}`", printable(name)))
                .label(format!("not a key of {}", schema.what))
                .help(help),
        );
    }

    /// The value of a key that must be there; a finding if it is not.
    pub(super) fn required<'n>(&mut self, fields: &Fields<'n>, key: &str) -> Option<&'n Node> {
        let node = fields.get(key);
        if node.is_none() {
            self.push(
                Diagnostic::new(
                    Code::MissingKey,
                    fields.span,
                    format!("{} has no `{key}`", fields.schema.what),
                )
                .label(format!("`{key}` is missing here"))
                .help(format!("add `{key}:`")),
            );
        }
        node
    }

    /// The entries of a list of at most `limit`; those behind the limit are reported as one and left out.
    pub(super) fn list<'n>(&mut self, node: &'n Node, what: &str, limit: usize) -> Option<&'n [Node]> {
        let Value::List(items) = &node.value else {
            self.wrong_kind(node, &format!("{what} to be a list"));
            return None;
        };
        if let Some(first_over) = items.get(limit) {
            let message = format!("{what} has {} entries, at most {limit} fit", items.len());
            self.push(
                Diagnostic::new(Code::ListTooLong, first_over.span, message)
                    .label(format!("entry {}", limit + 1))
                    .help(divided(what)),
            );
            return Some(&items[..limit]);
        }
        Some(items)
    }

    /// The same for a list that must have an entry.
    pub(super) fn filled_list<'n>(&mut self, node: &'n Node, what: &str, limit: usize) -> Option<&'n [Node]> {
        let items = self.list(node, what, limit)?;
        if items.is_empty() {
            self.push(
                Diagnostic::new(Code::EmptyList, node.span, format!("{what} is empty"))
                    .label("no entry")
                    .help("give at least one entry; an empty list would match nothing or everything"),
            );
            return None;
        }
        Some(items)
    }

    /// Every entry of an optional list; all are read before one that is wrong ends it.
    pub(super) fn entries<'n, T>(
        &mut self,
        fields: &Fields<'n>,
        key: &str,
        limit: usize,
        mut read: impl FnMut(&mut Self, &'n Node) -> Option<T>,
    ) -> Option<Vec<T>> {
        let Some(node) = fields.get(key) else {
            return Some(Vec::new());
        };
        let items = self.list(node, &format!("`{key}`"), limit)?;
        let all: Vec<_> = items.iter().map(|item| read(self, item)).collect();
        all.into_iter().collect()
    }

    /// A text; a number or boolean must be quoted to be one.
    pub(super) fn text<'n>(&mut self, node: &'n Node, what: &str) -> Option<&'n str> {
        match &node.value {
            Value::Text(text) => Some(text),
            _ => {
                self.wrong_kind(node, &format!("{what} to be text"));
                None
            }
        }
    }

    /// `true` or `false`, or the default if the key is absent.
    pub(super) fn boolean(&mut self, fields: &Fields<'_>, key: &str, default: bool) -> Option<bool> {
        match fields.get(key) {
            None => Some(default),
            Some(Node { value: Value::Bool(value), .. }) => Some(*value),
            Some(node) => {
                self.wrong_kind(node, &format!("`{key}` to be true or false"));
                None
            }
        }
    }

    /// A number, unquoted.
    pub(super) fn integer(&mut self, node: &Node, what: &str) -> Option<i128> {
        match &node.value {
            Value::Integer(value) => Some(*value),
            Value::Text(text) if self.spelling(node.span) == text => {
                if let Ok(value) = super::number::parse(text) {
                    return Some(value);
                }
                self.wrong_kind(node, &format!("{what} to be a whole number"));
                None
            }
            _ => {
                self.wrong_kind(node, &format!("{what} to be a whole number"));
                None
            }
        }
    }

    pub(super) fn wrong_kind(&mut self, node: &Node, expected: &str) {
        let found = node.value.kind();
        let help = match &node.value {
            Value::Null => "write a value, or remove the key".to_owned(),
            Value::Text(text)
                if matches!(text.as_str(), "yes" | "no" | "on" | "off" | "Yes" | "No" | "On" | "Off") =>
            {
                "booleans are written true and false".to_owned()
            }
            Value::Bool(_) | Value::Integer(_) | Value::Float(_) if expected.ends_with("text") => {
                "put it in quotes if the text is meant".to_owned()
            }
            Value::Text(_) if expected.ends_with("number") || expected.ends_with("false") => {
                "write it without quotes".to_owned()
            }
            Value::Map(_) if expected.ends_with("list") => "begin every entry with `- `".to_owned(),
            _ => format!("write {}", expected.replace(" to be ", " as ")),
        };
        self.push(
            Diagnostic::new(Code::WrongKind, node.span, format!("expected {expected}, found {found}"))
                .label(format!("this is {found}"))
                .help(help),
        );
    }
}

/// How a list that is too long is divided without changing what the policy means.
pub(super) fn divided(what: &str) -> &'static str {
    if what.contains("values") {
        "values of a negative operator go on in another entry of the same selector, those of a positive one in another selector \
         that is alike in everything else"
    } else if what.contains("Actions") {
        "leave out what is not needed: the actions of a selector belong together"
    } else if what.contains("match") || what.contains("args") || what.contains("data") {
        "leave out what is not needed: all of them hold together, so they cannot be divided"
    } else {
        "split the policy: further selectors, hooks or files are independent of each other"
    }
}

/// A limit of the wire as a length.
pub(super) fn limit(limit: u32) -> usize {
    usize::try_from(limit).unwrap_or(usize::MAX)
}

/// "`a`, `b` and `c`".
pub(super) fn listed(names: &[&str]) -> String {
    let quoted: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
    match quoted.as_slice() {
        [] => "none".to_owned(),
        [one] => one.clone(),
        [many @ .., last] => format!("{} and {last}", many.join(", ")),
    }
}

/// The candidate that a mistyped name most likely meant.
///
/// Only short names and a bounded number of candidates are compared: a file may have very many of both.
pub(super) fn closest<'c>(name: &str, candidates: &[&'c str]) -> Option<&'c str> {
    const LONGEST_BYTES: usize = 64;
    const MOST: usize = 1000;
    if name.len() > LONGEST_BYTES {
        return None;
    }
    let folded = name.to_lowercase();
    candidates
        .iter()
        .take(MOST)
        .filter(|candidate| candidate.len() <= LONGEST_BYTES)
        .map(|candidate| (strsim::damerau_levenshtein(&folded, &candidate.to_lowercase()), *candidate))
        .filter(|(distance, candidate)| *distance <= 1 + candidate.len() / 5 && *distance < candidate.len())
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// A name from the file for use in a message: one line, not too long, nothing that moves a terminal's cursor.
pub(super) fn printable(name: &str) -> String {
    const LONGEST_CHARS: usize = 64;
    let mut out: String = name.chars().take(LONGEST_CHARS).flat_map(char::escape_debug).collect();
    if name.chars().nth(LONGEST_CHARS).is_some() {
        out.push('…');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typing_mistake_finds_its_key_and_a_stranger_finds_none() {
        let keys = ["matchPIDs", "matchArgs", "matchActions", "index"];
        assert_eq!(closest("matchPids", &keys), Some("matchPIDs"));
        assert_eq!(closest("matchAgrs", &keys), Some("matchArgs"));
        assert_eq!(closest("indx", &keys), Some("index"));
        assert_eq!(closest("colour", &keys), None);
    }

    #[test]
    fn names_from_the_file_cannot_move_the_cursor() {
        assert_eq!(printable("a\u{1b}[2Jb"), "a\\u{1b}[2Jb");
        assert_eq!(printable(&"x".repeat(70)).chars().count(), 65);
    }
}
