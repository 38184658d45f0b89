//! The `pattern` of a generated list: which functions of a kernel it means.
//!
//! A regular expression as most tools have it, matched anywhere in a name, in time that grows with the name only; `^` and `$`
//! bind it to the ends. What its automaton may take is bounded, because a policy comes from outside.

use regex::{Regex, RegexBuilder};

/// Most bytes of a pattern.
pub const MAX_PATTERN_BYTES: usize = 1024;
/// Bytes that a compiled pattern may take.
const COMPILED_BYTES: usize = 1 << 16;

/// What a list of functions matches names with.
#[derive(Debug, Clone)]
pub struct Pattern(Regex);

/// Why a text is no pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// It has no letter, and would match every function.
    #[error("the pattern is empty")]
    Empty,
    /// It is too long to be read, or its automaton would be too large.
    #[error("the pattern is too large")]
    TooLarge,
    /// It is not a regular expression; in the words of the library.
    #[error("the pattern is not a regular expression: {0}")]
    Syntax(String),
}

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// When it is none, or costs too much.
    pub fn new(text: &str) -> Result<Self, PatternError> {
        if text.is_empty() {
            return Err(PatternError::Empty);
        }
        if text.len() > MAX_PATTERN_BYTES {
            return Err(PatternError::TooLarge);
        }
        let built = RegexBuilder::new(text).unicode(false).size_limit(COMPILED_BYTES).build();
        built.map(Self).map_err(|error| match error {
            regex::Error::CompiledTooBig(_) => PatternError::TooLarge,
            // The library draws the pattern over several lines; the last one says what is wrong.
            other => {
                let words = other.to_string();
                let last = words.lines().last().unwrap_or_default();
                PatternError::Syntax(last.trim_start_matches("error: ").to_owned())
            }
        })
    }

    /// Whether a function is meant.
    #[must_use]
    pub fn matches(&self, function: &str) -> bool {
        self.0.is_match(function)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("^vfs_", "vfs_read", true)]
    #[case("^vfs_", "do_vfs_ioctl", false)]
    #[case("vfs_", "do_vfs_ioctl", true)]
    #[case("^ksys_*", "ksyswrite", true)]
    #[case("^tcp_(connect|close)$", "tcp_close", true)]
    #[case("^tcp_(connect|close)$", "tcp_closed", false)]
    #[case(r"^sk_\w+$", "sk_alloc", true)]
    fn a_pattern_means_the_functions_it_matches_anywhere(
        #[case] pattern: &str,
        #[case] function: &str,
        #[case] meant: bool,
    ) {
        assert_eq!(Pattern::new(pattern).unwrap().matches(function), meant);
    }

    #[rstest]
    #[case("", PatternError::Empty)]
    #[case("a{1000}{1000}", PatternError::TooLarge)]
    #[case(&"a".repeat(1025), PatternError::TooLarge)]
    #[case("vfs_(", PatternError::Syntax("unclosed group".to_owned()))]
    #[case("*", PatternError::Syntax("repetition operator missing expression".to_owned()))]
    fn what_is_no_pattern_is_refused(#[case] text: &str, #[case] expected: PatternError) {
        assert_eq!(Pattern::new(text).unwrap_err(), expected);
    }
}
