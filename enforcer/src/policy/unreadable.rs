//! Why a text is not readable as YAML, in the words of somebody who writes policies.
//!
//! The parser speaks of its own insides: of budgets, contexts and recursion types. What of it can be said plainly is said
//! here, each with the advice that fits; what is not known here keeps the parser's words.

use serde_saphyr::Error;
use serde_saphyr::budget::BudgetBreach;

use super::code::Code;
use super::diag::Diagnostic;
use super::raw::{
    MAX_ALIASES, MAX_DEPTH, MAX_DOCUMENTS, MAX_NODES, MAX_REPEATED_NODES, MAX_TEXT_BYTES, place_of,
};
use super::source::{Source, Span};

/// What the parser says, what that means, and what to do.
const PLAIN: &[(&str, &str, &str)] = &[
    (
        "alias references unknown anchor",
        "the alias repeats a value that has no such anchor",
        "write the value out, put `&name` before the value that is meant, or put a text that begins with `*` into quotes",
    ),
    (
        "recursive references",
        "the alias stands within the value that it repeats",
        "write the value out: a value cannot hold itself",
    ),
    (
        "the handle wasn't declared",
        "the tag has a handle that is not declared",
        "remove the tag; a text that begins with `!` is put into quotes",
    ),
    (
        "while parsing a tag",
        "the tag is not complete",
        "remove it; a text that begins with `!` is put into quotes",
    ),
    (
        "invalid u64",
        "the value is not the number that its tag says",
        "remove the tag, or write digits behind it",
    ),
    ("tabs disallowed", "a tab stands where only spaces indent", "indent with spaces"),
    (
        "did not find expected",
        "the line is indented like none of those that it could belong to",
        "begin it in the column of the keys that it belongs to; entries of a list begin with `- `",
    ),
    (
        "mapping values are not allowed",
        "a `:` stands where no key can end",
        "put a text with `: ` into quotes, or begin the line in the column of the keys that it belongs to",
    ),
    (
        "illegal placement of ':'",
        "a `:` stands where no key can end",
        "close the bracket of the line before, or put the text into quotes",
    ),
    (
        "unknown escape",
        "the text has a `\\` before a character that it does not change",
        "write `\\\\` for the character itself, or use single quotes",
    ),
    ("unclosed quote", "a quote is opened and not closed", "close it on the same line"),
    (
        "unclosed bracket",
        "a bracket is opened and not closed",
        "close it, or put a text that begins with it into quotes",
    ),
    (
        "mismatched bracket",
        "a bracket is closed by one of the other kind",
        "`[` is closed by `]` and `{` by `}`",
    ),
    (
        "unexpected character",
        "no value begins with this character",
        "put the text into quotes; characters that are not printed cannot stand in a policy",
    ),
];

/// The finding for an error of the parser.
pub(super) fn finding(source: &Source, error: &Error) -> Diagnostic {
    let end = Span::new(source.text().len(), 0);
    let span = error.location().map_or(end, |at| place_of(source, &at));
    let error = match error {
        Error::AliasError { error, .. } => error.without_snippet(),
        direct => direct,
    };
    let rendered = error.render();
    let line = rendered.lines().next().unwrap_or("unreadable");
    // The position is said once, by the diagnostic itself.
    let text = line.rfind(" at line ").map_or(line, |cut| &line[..cut]);
    // The scanner runs ahead of the budget and has no variant of its own for its nesting limit.
    let too_deep = text.starts_with("recursion limit exceeded");
    let over = match error {
        Error::Budget { breach, .. } => Some(breached(breach)),
        Error::AliasReplayLimitExceeded { .. }
        | Error::AliasReplayStackDepthExceeded { .. }
        | Error::AliasExpansionLimitExceeded { .. }
        | Error::AliasReplayCounterOverflow { .. } => Some(repeated()),
        _ if too_deep => Some(deep()),
        _ => None,
    };
    if let Some((message, help)) = over {
        return Diagnostic::new(Code::Budget, span, message).label("reading stopped here").help(help);
    }
    let tag = text.strip_prefix("unsupported tag ");
    let known = PLAIN.iter().find(|(said, ..)| text.contains(said));
    let (what, help) = match (tag, known) {
        (Some(tag), _) => (
            format!("no policy has values with the tag {tag}"),
            "remove it; a text that begins with `!` is put into quotes, and bytes are `!!binary`",
        ),
        (None, Some((_, what, help))) => ((*what).to_owned(), *help),
        (None, None) => (
            text.to_owned(),
            "check indentation (spaces, no tabs), quotes and colons on this line and the one before",
        ),
    };
    Diagnostic::new(Code::Syntax, span, format!("the text is not readable as YAML: {what}"))
        .label("reading stopped here")
        .help(help)
}

/// Which limit a text exceeds.
fn breached(breach: &BudgetBreach) -> (String, &'static str) {
    match breach {
        BudgetBreach::Documents { .. } => (
            format!("the file has more than {MAX_DOCUMENTS} documents"),
            "split the file; a line with `---` begins a document, an empty one too",
        ),
        BudgetBreach::Nodes { .. } | BudgetBreach::Events { .. } => (
            format!("a document has more than {MAX_NODES} keys and values"),
            "split the policy: hooks and selectors are independent of each other",
        ),
        BudgetBreach::Depth { .. } => deep(),
        BudgetBreach::Aliases { .. } | BudgetBreach::Anchors { .. } => (
            format!("the file has more than {MAX_ALIASES} anchors or aliases"),
            "write repeated parts out, or use `lists` and `selectorsMacros`",
        ),
        BudgetBreach::ScalarBytes { .. } => (
            format!(
                "the texts of the file have more than {} bytes, repeated ones included",
                4 * MAX_TEXT_BYTES
            ),
            "split the file, or repeat less by aliases",
        ),
        _ => ("the file is larger than a policy can be".to_owned(), "split the file"),
    }
}

fn deep() -> (String, &'static str) {
    let message = format!("the values stand in each other more than {MAX_DEPTH} levels deep");
    (message, "no key of a policy is nested so deeply: check brackets and indentation")
}

fn repeated() -> (String, &'static str) {
    let message = format!("the aliases of the file repeat more than {MAX_REPEATED_NODES} values");
    (message, "write repeated parts out, or use `lists` and `selectorsMacros`")
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::policy::parse;

    fn found(text: &str) -> Diagnostic {
        parse(&Source::new("p.yaml", text)).unwrap_err().as_slice()[0].clone()
    }

    #[rstest]
    #[case("a: *b\n", "no such anchor", "write the value out")]
    #[case("a: &a [*a]\n", "within the value that it repeats", "cannot hold itself")]
    #[case("a: !foo b\n", "the tag `!foo`", "remove it")]
    #[case("a: !!int b\n", "not the number", "remove the tag")]
    #[case("a: !e!x b\n", "handle", "remove the tag")]
    #[case("a:\n\t- b\n", "a tab", "with spaces")]
    #[case("a: b: c\n", "a `:` stands", "into quotes")]
    #[case("a: [b}\n", "the other kind", "`]`")]
    #[case("a: [b\n", "opened and not closed", "close it")]
    #[case("a: \"b\n", "a quote is opened", "close it")]
    #[case("a: \"\\q\"\n", "does not change", "single quotes")]
    #[case("a: %b\n", "begins with this character", "into quotes")]
    #[case("- a: b\n  c: d\n e: f\n", "is indented", "in the column")]
    fn what_is_not_yaml_is_said_plainly(#[case] text: &str, #[case] message: &str, #[case] help: &str) {
        let found = found(text);
        assert_eq!(found.code, Code::Syntax);
        assert!(found.message.contains(message), "{}", found.message);
        assert!(found.help.as_deref().is_some_and(|own| own.contains(help)), "{:?}", found.help);
    }

    #[rstest]
    #[case("---\n".repeat(1100), "more than 1024 documents")]
    #[case(format!("[{}]", "1, ".repeat(150_001)), "more than 150000 keys and values")]
    #[case("[".repeat(33), "32 levels deep")]
    #[case((0..300).map(|number| format!("k{number}: &a{number} 1\n")).collect::<String>(), "256 anchors")]
    fn what_is_too_much_is_said_by_its_limit(#[case] text: String, #[case] message: &str) {
        let found = found(&text);
        assert_eq!(found.code, Code::Budget);
        assert!(found.message.contains(message), "{}", found.message);
        assert!(!found.message.contains("budget"), "{}", found.message);
    }
}
