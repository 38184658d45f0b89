//! One noun per file: a file that outgrows a few screens holds more than one.

use super::{finding::Finding, tree::Tree};

const MAX_LINES: usize = 500;
/// What people write; generated files are as long as they are.
const WRITTEN: [&str; 4] = [".rs", ".c", ".h", ".sh"];
const GENERATED: &str = ".gen.h";

/// Source files that are too long.
pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let is_written = |path: &str, text: &str| {
        let script = text.starts_with("#!");
        !path.ends_with(GENERATED) && (script || WRITTEN.iter().any(|suffix| path.ends_with(suffix)))
    };
    let files = tree.files.iter().filter(|file| is_written(&file.path, &file.text));
    files
        .filter_map(|file| {
            let lines = file.text.lines().count();
            let message = format!("has {lines} lines, more than {MAX_LINES}; split it by its nouns");
            (lines > MAX_LINES).then(|| Finding::of(&file.path, message))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{super::tree::tree, *};

    #[test]
    fn only_written_files_can_be_too_long() {
        let (fits, long) = ("x\n".repeat(500), "x\n".repeat(501));
        let script = format!("#!/bin/sh\n{long}");
        let tree =
            tree(&[("a.rs", &fits), ("b.rs", &long), ("c.gen.h", &long), ("d", &script), ("e.lock", &long)]);
        let found: Vec<_> = check(&tree).into_iter().map(|finding| finding.path).collect();
        assert_eq!(found, ["b.rs", "d"]);
    }
}
