//! Every Rust file opens by saying why it exists.

use super::{finding::Finding, tree::Tree};

/// Files that do not begin with `//!`.
pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let undocumented = tree.ending(".rs").filter(|file| {
        let first = file.text.lines().next().and_then(|line| line.strip_prefix("//! "));
        first.is_none_or(|text| text.trim().is_empty())
    });
    undocumented
        .map(|file| Finding::of(&file.path, "opens without `//!`; say in a sentence why the module exists"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{super::tree::tree, *};

    #[test]
    fn a_module_without_its_reason_is_found() {
        let tree = tree(&[
            ("a.rs", "//! Why.\n"),
            ("b.rs", "use x;\n//! Late.\n"),
            ("c.rs", "//! \n"),
            ("d.rs", ""),
            ("e.md", "text"),
        ]);
        let found: Vec<_> = check(&tree).into_iter().map(|finding| finding.path).collect();
        assert_eq!(found, ["b.rs", "c.rs", "d.rs"]);
    }
}
