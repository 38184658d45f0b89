//! What is wrong with the text of a context, in the words of the file and not of its reader.

use std::borrow::Cow;

use serde_saphyr::{Error, MessageFormatter, UserMessageFormatter};

/// Where and what, with the lines around it.
pub(super) fn describe(text: &str, error: &Error) -> String {
    let formatter = Words { text };
    error.render_with_formatter(&formatter)
}

struct Words<'a> {
    text: &'a str,
}

impl MessageFormatter for Words<'_> {
    fn format_message<'a>(&self, error: &'a Error) -> Cow<'a, str> {
        match error {
            Error::SerdeUnknownField { field, expected, .. } => {
                format!("there is no key `{field}` here; there is {}", expected.join(", ")).into()
            }
            Error::SerdeMissingField { field, .. } => format!("the key `{field}` is missing").into(),
            Error::DuplicateMappingKey { key: Some(key), .. } => {
                format!("the key `{key}` is given twice").into()
            }
            Error::DuplicateMappingKey { key: None, .. } => "a key is given twice".into(),
            Error::SerdeUnknownVariant { variant, expected, .. } => self.value(error, |key| {
                format!("{key} cannot be `{variant}`; it is one of {}", expected.join(", "))
            }),
            Error::SerdeInvalidType { unexpected, expected, .. }
            | Error::SerdeInvalidValue { unexpected, expected, .. } => {
                self.value(error, |key| format!("{key} is {expected}, not {unexpected}"))
            }
            Error::InvalidScalar { ty, .. } => self.value(error, |key| format!("{key} is {}", scalar(ty))),
            Error::Unexpected { expected, .. } => {
                self.value(error, |key| format!("{key} is {}", structure(expected)))
            }
            Error::NullIntoString { .. } => {
                self.value(error, |key| format!("{key} is text, in quotes if empty"))
            }
            other => UserMessageFormatter.format_message(other).into_owned().into(),
        }
    }
}

impl Words<'_> {
    /// A message about the value of the key at the place or before it.
    fn value<'a>(&self, error: &Error, message: impl Fn(&str) -> String) -> Cow<'a, str> {
        let key = error.location().and_then(|at| {
            let before = self.before(at.line(), at.column())?;
            let here = self.text[before.len()..].trim_start_matches(['"', '\'']);
            let (word, behind) = here.split_at(here.find(|found| !is_key(found)).unwrap_or(here.len()));
            if behind.trim_start_matches(['"', '\'']).starts_with(':') {
                return Some(word);
            }
            let earlier = before.rsplit_once(':')?.0.trim_end_matches(['"', '\'']);
            Some(
                &earlier[earlier
                    .rfind(|found| !is_key(found))
                    .map_or(0, |at| earlier.ceil_char_boundary(at + 1))..],
            )
        });
        match key.filter(|key| !key.is_empty()) {
            Some(key) => message(&format!("`{key}`")).into(),
            None => message("the context").into(),
        }
    }

    /// The text before a line and column, both from 1.
    fn before(&self, line: u64, column: u64) -> Option<&str> {
        let (line, column) = (usize::try_from(line).ok()?, usize::try_from(column).ok()?);
        let start: usize = self.text.split_inclusive('\n').take(line.checked_sub(1)?).map(str::len).sum();
        let own = self.text.get(start..)?;
        let width: usize = own.chars().take(column.checked_sub(1)?).map(char::len_utf8).sum();
        self.text.get(..start + width)
    }
}

const fn is_key(found: char) -> bool {
    found.is_ascii_alphanumeric() || found == '_'
}

/// What a number of this width may be.
fn scalar(ty: &str) -> Cow<'_, str> {
    let most = match ty {
        "u8" => u64::from(u8::MAX),
        "u16" => u64::from(u16::MAX),
        "u32" => u64::from(u32::MAX),
        "u64" => u64::MAX,
        other => return format!("not {other}").into(),
    };
    format!("a whole number from 0 to {most}").into()
}

fn structure(expected: &str) -> Cow<'_, str> {
    match expected {
        "sequence start" => "a list, in brackets or with a dash before each item".into(),
        "mapping start" => "keys with values, in braces or one per line".into(),
        other => format!("wrong: {other} is expected").into(),
    }
}
