//! Nothing unfinished lands, and no test is switched off.

use super::{finding::Finding, tree::Tree};

/// Written in halves, so that this file does not find itself.
const WORDS: [&str; 5] = [
    concat!("to", "do!("),
    concat!("unimple", "mented!("),
    concat!("#[ig", "nore"),
    concat!("FIX", "ME"),
    concat!("TO", "DO"),
];

/// Lines of source files with such a word.
pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let mut found = Vec::new();
    for suffix in [".rs", ".c", ".h", ".sh", ".yaml", ".toml"] {
        for file in tree.ending(suffix) {
            for (index, line) in file.text.lines().enumerate() {
                for word in WORDS.iter().filter(|word| line.contains(**word)) {
                    found.push(Finding::at(
                        &file.path,
                        index,
                        format!("`{word}`: finish it or leave it out"),
                    ));
                }
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::{super::tree::tree, *};

    #[test]
    fn each_word_is_found_on_its_line() {
        for word in WORDS {
            let text = format!("fine\n    {word}\n");
            let found = check(&tree(&[("a.rs", &text), ("b.md", &text)]));
            assert_eq!(found.len(), 1, "{word}");
            assert_eq!(found[0].line, Some(2));
        }
    }
}
