//! Diagnostics as people and programs read them: text with the source line underlined, and JSON.

use std::fmt::{self, Write as _};

use miette::{GraphicalReportHandler, GraphicalTheme, LabeledSpan, NamedSource, SourceCode};
use serde::Serialize;

use super::diag::{Diagnostic, Diagnostics, Severity};
use super::escape::Escaped;
use super::source::{Position, Source, Span};

/// How text is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// Colour and box drawing, for a terminal.
    Fancy,
    /// ASCII without colour, for pipes, logs and golden files.
    Plain,
}

/// Columns of text output; wide enough for the longest message before a wrapped help text.
const WIDTH_COLUMNS: usize = 100;

/// A finding together with its file: what `miette` needs to draw it.
#[derive(Debug)]
struct Located<'a> {
    found: &'a Diagnostic,
    source: &'a Source,
    shown: &'a Escaped,
    code: NamedSource<String>,
}

impl<'a> Located<'a> {
    fn new(found: &'a Diagnostic, source: &'a Source, shown: &'a Escaped) -> Self {
        let code = NamedSource::new(Escaped::line(source.name()), shown.text.clone());
        Self { found, source, shown, code }
    }

    fn labeled(&self, span: Span, label: Option<&str>, primary: bool) -> LabeledSpan {
        let span = self.shown.span(self.source.clamp(span));
        let label = label.map(Escaped::line);
        if primary {
            LabeledSpan::new_primary_with_span(label, (span.offset, span.len))
        } else {
            LabeledSpan::new_with_span(label, (span.offset, span.len))
        }
    }
}

impl fmt::Display for Located<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&Escaped::line(&self.found.message))
    }
}

impl std::error::Error for Located<'_> {}

impl miette::Diagnostic for Located<'_> {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(Box::new(format!("{}[{}]", self.found.severity.as_str(), self.found.code)))
    }

    fn severity(&self) -> Option<miette::Severity> {
        Some(match self.found.severity {
            Severity::Error => miette::Severity::Error,
            Severity::Warning => miette::Severity::Warning,
        })
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.found.help.as_ref().map(|help| Box::new(Escaped::line(help)) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(&self.code)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let first = self.labeled(self.found.span, self.found.label.as_deref(), true);
        let second = self.found.also.as_ref().map(|also| self.labeled(also.span, Some(&also.label), false));
        Some(Box::new(std::iter::once(first).chain(second)))
    }
}

/// Longest line that is drawn; the findings of a file in one line would each show all of it.
const LONGEST_LINE_BYTES: usize = 4096;

/// Whether the line of a place, and its neighbours, are short enough to be shown.
fn is_short(source: &Source, span: Span) -> bool {
    let span = source.clamp(span);
    let (before, after) = (&source.text()[..span.offset], &source.text()[span.offset..]);
    let lines = before.rsplit('\n').take(2).chain(after.split('\n').take(2));
    span.len <= LONGEST_LINE_BYTES && lines.map(str::len).sum::<usize>() <= 4 * LONGEST_LINE_BYTES
}

/// All findings as text, one after the other, with a closing count. Empty when there is nothing.
#[must_use]
pub fn text(diagnostics: &Diagnostics, style: Style) -> String {
    let theme = match style {
        Style::Fancy => GraphicalTheme::unicode(),
        Style::Plain => GraphicalTheme::none(),
    };
    let handler = GraphicalReportHandler::new_themed(theme)
        .with_width(WIDTH_COLUMNS)
        .with_links(false)
        .without_syntax_highlighting();
    let mut out = String::new();
    let shown = Escaped::text(diagnostics.source().text());
    for found in diagnostics.as_slice() {
        let located = Located::new(found, diagnostics.source(), &shown);
        let start = out.len();
        let drawn =
            is_short(diagnostics.source(), found.span) && handler.render_report(&mut out, &located).is_ok();
        if !drawn {
            // A finding is never lost to its drawing: fall back to the one-line form.
            out.truncate(start);
            let at = diagnostics.position(found);
            let file = Escaped::line(diagnostics.source().name());
            out.push_str(&format!("{file}:{at}: {}[{}]: {located}\n", found.severity.as_str(), found.code));
            for (what, words) in [("at this place", &found.label), ("help", &found.help)] {
                if let Some(words) = words {
                    out.push_str(&format!("  {what}: {}\n", Escaped::line(words)));
                }
            }
        }
        out.push('\n');
    }
    if !diagnostics.is_empty() {
        let count = |severity| diagnostics.as_slice().iter().filter(|d| d.severity == severity).count();
        let (errors, warnings) = (count(Severity::Error), count(Severity::Warning));
        let parts: Vec<_> = [(errors, "error"), (warnings, "warning")]
            .into_iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, noun)| format!("{count} {noun}{}", if count == 1 { "" } else { "s" }))
            .collect();
        let verdict = if errors > 0 { "; nothing is attached" } else { "" };
        let name = Escaped::line(diagnostics.source().name());
        let written = writeln!(out, "{name}: {}{verdict}", parts.join(", "));
        debug_assert!(written.is_ok(), "a String takes every write");
    }
    out
}

/// One finding as data. Field names are stable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct JsonDiagnostic {
    /// Stable code.
    pub code: &'static str,
    /// `error` or `warning`.
    pub severity: &'static str,
    /// What is wrong.
    pub message: String,
    /// A few words at the place itself.
    pub label: Option<String>,
    /// What to do.
    pub help: Option<String>,
    /// Where it starts and ends.
    #[serde(flatten)]
    pub place: JsonPlace,
    /// A second place that belongs to it.
    pub also: Option<JsonAlso>,
}

/// A place in the text: lines and columns from 1, columns in characters, the end exclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct JsonPlace {
    /// Line of the first character.
    pub line: usize,
    /// Column of the first character.
    pub column: usize,
    /// Line of the character behind the last one.
    pub end_line: usize,
    /// Column of the character behind the last one.
    pub end_column: usize,
    /// Offset from the start of the file in bytes.
    pub offset_bytes: usize,
    /// Length in bytes.
    pub length_bytes: usize,
}

/// A second place with its words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct JsonAlso {
    /// Why it belongs here.
    pub label: String,
    /// Where.
    #[serde(flatten)]
    pub place: JsonPlace,
}

impl JsonPlace {
    fn new(source: &Source, span: Span) -> Self {
        let span = source.clamp(span);
        let Position { line, column } = source.position(span.offset);
        let Position { line: end_line, column: end_column } = source.position(span.end());
        Self { line, column, end_line, end_column, offset_bytes: span.offset, length_bytes: span.len }
    }
}

/// All findings as data.
#[must_use]
pub fn json(diagnostics: &Diagnostics) -> Vec<JsonDiagnostic> {
    let source = diagnostics.source();
    diagnostics
        .as_slice()
        .iter()
        .map(|found| JsonDiagnostic {
            code: found.code.as_str(),
            severity: found.severity.as_str(),
            message: found.message.clone(),
            label: found.label.as_deref().map(str::to_owned),
            help: found.help.as_deref().map(str::to_owned),
            place: JsonPlace::new(source, found.span),
            also: found.also.as_ref().map(|also| JsonAlso {
                label: also.label.to_string(),
                place: JsonPlace::new(source, also.span),
            }),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::policy::{Code, parse};

    #[rstest]
    #[case(Style::Plain)]
    #[case(Style::Fancy)]
    fn control_bytes_of_a_file_do_not_reach_the_terminal(#[case] style: Style) {
        let source = Source::new("p\u{1b}.yaml", "a: x\u{1b}]0;title\u{7}\u{9b}31m\rb: y\n");
        let found =
            Diagnostic::new(Code::UnknownKey, Span::new(4, 9), "no `\u{1b}[31m`").help("not \u{202e}");
        let drawn = text(&Diagnostics::new(source, vec![found]), style);
        // Colours are our own; a foreign colour is looked for below.
        let foreign: Vec<_> = drawn
            .split("\u{1b}[")
            .flat_map(str::chars)
            .filter(|found| found.is_control() && *found != '\n')
            .collect();
        assert_eq!(foreign, [] as [char; 0], "{drawn:?}");
        assert!(!drawn.contains('\u{202e}') && !drawn.contains("[31m\r"), "{drawn:?}");
        for shown in
            ["\\u{1b}]0;title\\u{7}\\u{9b}31m\\rb: y", "no `\\u{1b}[31m`", "not \\u{202e}", "p\\u{1b}.yaml"]
        {
            assert!(drawn.contains(shown), "{shown} in {drawn}");
        }
    }

    #[test]
    fn what_is_underlined_is_the_place_behind_an_escaped_byte() {
        let source = Source::new("p.yaml", "\u{1b}a: wrong\n");
        let found = Diagnostic::new(Code::UnknownKey, Span::new(4, 5), "no");
        let drawn = text(&Diagnostics::new(source, vec![found]), Style::Plain);
        let lines: Vec<_> = drawn.lines().collect();
        let at = lines.iter().position(|line| line.contains("wrong")).unwrap();
        assert_eq!(lines[at].find("wrong"), lines[at + 1].find('^'), "{drawn}");
    }

    #[test]
    fn a_finding_in_a_line_that_is_not_drawn_keeps_its_help() {
        let long = "x".repeat(5 * LONGEST_LINE_BYTES);
        let wrong = format!(
            "apiVersion: cilium.io/v1alpha1\nkind: TracingPolicy\nmetadata: {{name: t}}\nspec: {{kprobes: [{{cal: f, \
             message: {long}}}]}}\n"
        );
        let found = parse(&Source::new("p.yaml", wrong)).unwrap_err();
        let drawn = text(&found, Style::Plain);
        assert!(drawn.contains("p.yaml:4:19: error[P005]: "), "{}", &drawn[..200]);
        assert!(drawn.contains("\n  help: did you mean `call`?\n") && !drawn.contains("xxx"), "{drawn}");
    }
}
