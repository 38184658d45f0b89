//! Text of files as a terminal may show it: a refused file is anyone's, and its control bytes would act on the terminal.

use std::borrow::Cow;

use super::source::Span;

/// A text whose control characters are escaped, and where its places went.
#[derive(Debug, Clone)]
pub struct Escaped {
    /// What can be shown.
    pub text: String,
    /// Of each escaped character: the offset behind it in the original, and how many bytes the text has grown up to there.
    grown: Vec<(usize, usize)>,
}

impl Escaped {
    /// A text of lines: line ends stay as they are, and so do tabs.
    #[must_use]
    pub fn text(original: &str) -> Self {
        let mut text = String::with_capacity(original.len());
        let (mut grown, mut growth) = (Vec::new(), 0);
        for (at, found) in original.char_indices() {
            let line_end = found == '\r' && original[at..].starts_with("\r\n");
            if matches!(found, '\n' | '\t') || line_end || !acts(found) {
                text.push(found);
                continue;
            }
            let before = text.len();
            text.extend(found.escape_default());
            growth += text.len() - before - found.len_utf8();
            grown.push((at + found.len_utf8(), growth));
        }
        Self { text, grown }
    }

    /// One line, such as a name: line ends and tabs are escaped as well.
    #[must_use]
    pub fn line(original: &str) -> String {
        let one = |found: char| -> Cow<'static, str> {
            if acts(found) { found.escape_default().to_string().into() } else { found.to_string().into() }
        };
        original.chars().map(one).collect()
    }

    /// The place in the shown text of a place in the original.
    #[must_use]
    pub fn span(&self, span: Span) -> Span {
        let (start, end) = (self.offset(span.offset), self.offset(span.end()));
        Span::new(start, end - start)
    }

    fn offset(&self, offset: usize) -> usize {
        let before = self.grown.partition_point(|(behind, _)| *behind <= offset);
        offset + before.checked_sub(1).and_then(|last| self.grown.get(last)).map_or(0, |(_, growth)| *growth)
    }
}

/// Whether a terminal would act on it instead of showing it: control characters, and those that turn the direction of text.
fn acts(found: char) -> bool {
    found.is_control()
        || matches!(found, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2028}' | '\u{2029}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_what_acts_is_escaped() {
        let shown = Escaped::text("ä\tb\r\nc\rd\u{85}\0");
        assert_eq!(shown.text, "ä\tb\r\nc\\rd\\u{85}\\u{0}");
        assert_eq!(Escaped::line("ä\tb\n"), "ä\\tb\\n");
    }

    proptest! {
        #[test]
        fn places_of_what_is_shown_are_those_of_the_original(
            before in "[a\u{1b}\u{9b}\u{202e}\u{e4}]{0,9}",
            marked in "[b-d]{1,5}",
            after in "[a\u{1b}\u{9b}]{0,5}",
        ) {
            let original = format!("{before}{marked}{after}");
            let shown = Escaped::text(&original);
            let span = shown.span(Span::new(before.len(), marked.len()));
            prop_assert_eq!(&shown.text[span.offset..span.end()], marked.as_str());
            prop_assert!(!shown.text.chars().any(acts));
        }
    }
}
