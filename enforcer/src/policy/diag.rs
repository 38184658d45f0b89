//! What is wrong, where, and what to do: the one diagnostic type of every stage that reads policies.

use std::borrow::Cow;
use std::fmt;

use super::code::Code;
use super::source::{Position, Source, Span};

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Severity {
    /// The policy is enforced as written; this is worth knowing.
    Warning,
    /// The policy is refused.
    Error,
}

impl Severity {
    /// `error` or `warning`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// A second place of a finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Related {
    /// Where.
    pub span: Span,
    /// Why it belongs here.
    pub label: Cow<'static, str>,
}

/// One finding. Built with [`Diagnostic::new`] and completed with the methods that take `self`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Diagnostic {
    /// The stable code.
    pub code: Code,
    /// Whether the policy is refused.
    pub severity: Severity,
    /// Where it is wrong.
    pub span: Span,
    /// What is wrong, one line, lower case.
    pub message: String,
    /// A few words at the place itself.
    pub label: Option<Cow<'static, str>>,
    /// What to do.
    pub help: Option<Cow<'static, str>>,
    /// A second place that belongs to it, such as the first of two duplicates.
    pub also: Option<Box<Related>>,
}

impl Diagnostic {
    /// An error at a place.
    #[must_use]
    pub fn new(code: Code, span: Span, message: impl Into<String>) -> Self {
        Self {
            code,
            severity: Severity::Error,
            span,
            message: message.into(),
            label: None,
            help: None,
            also: None,
        }
    }

    /// A warning at a place.
    #[must_use]
    pub fn warning(code: Code, span: Span, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::new(code, span, message) }
    }

    /// Adds a few words at the place itself.
    #[must_use]
    pub fn label(mut self, label: impl Into<Cow<'static, str>>) -> Self {
        self.label = Some(label.into());
        self
    }

    /// Adds what to do.
    #[must_use]
    pub fn help(mut self, help: impl Into<Cow<'static, str>>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Adds a second place.
    #[must_use]
    pub fn also(mut self, span: Span, label: impl Into<Cow<'static, str>>) -> Self {
        self.also = Some(Box::new(Related { span, label: label.into() }));
        self
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// Everything found wrong in one file, in the order of the file; never empty when returned as an error.
#[derive(Debug, Clone)]
pub struct Diagnostics {
    source: Source,
    found: Vec<Diagnostic>,
}

impl Diagnostics {
    /// Findings in a source; they are put in the order of the text.
    #[must_use]
    pub fn new(source: Source, mut found: Vec<Diagnostic>) -> Self {
        sort(&mut found);
        Self { source, found }
    }

    /// The file.
    #[must_use]
    pub fn source(&self) -> &Source {
        &self.source
    }

    /// The findings, in the order of the text.
    #[must_use]
    pub fn as_slice(&self) -> &[Diagnostic] {
        &self.found
    }

    /// Adds findings of a later stage and restores the order.
    pub fn extend(&mut self, more: impl IntoIterator<Item = Diagnostic>) {
        self.found.extend(more);
        sort(&mut self.found);
    }

    /// Whether there is nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// How many findings.
    #[must_use]
    pub fn len(&self) -> usize {
        self.found.len()
    }

    /// Whether one of them refuses the policy.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.found.iter().any(|diagnostic| diagnostic.severity == Severity::Error)
    }

    /// Where a finding starts.
    #[must_use]
    pub fn position(&self, diagnostic: &Diagnostic) -> Position {
        self.source.position(diagnostic.span.offset)
    }
}

/// Order of the text; a value that aliases repeat is reported once.
fn sort(found: &mut Vec<Diagnostic>) {
    found.sort_by_key(|diagnostic| (diagnostic.span.offset, diagnostic.code));
    found.dedup();
}

impl fmt::Display for Diagnostics {
    /// One line per finding, `file:line:column: error[P005]: …`: for logs and error chains. The full form is in
    /// [`render`](super::render).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, found) in self.found.iter().enumerate() {
            let separator = if index == 0 { "" } else { "\n" };
            let (file, at) = (self.source.name(), self.position(found));
            write!(f, "{separator}{file}:{at}: {}[{}]: {found}", found.severity.as_str(), found.code)?;
        }
        Ok(())
    }
}

impl std::error::Error for Diagnostics {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn findings_are_listed_in_the_order_of_the_text() {
        let source = Source::new("p.yaml", "a: 1\nb: 2\n");
        let later = Diagnostic::new(Code::UnknownKey, Span::new(5, 1), "second");
        let earlier = Diagnostic::warning(Code::MissingKey, Span::new(0, 1), "first");
        let all = Diagnostics::new(source, vec![later, earlier]);
        assert_eq!(all.to_string(), "p.yaml:1:1: warning[P008]: first\np.yaml:2:1: error[P005]: second");
        assert!(all.has_errors());
    }
}
