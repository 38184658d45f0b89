//! Every dependency in Cargo.lock comes from the one registry whose checksums the file holds. A git revision, a local path
//! or a company's own mirror in the lock file would build on one desk only.

use super::{finding::Finding, tree::Tree};

const LOCK: &str = "Cargo.lock";

/// Lines of the lock file with more than one source, or with a source that is no registry.
pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let Some(lock) = tree.get(LOCK) else {
        return vec![Finding::of(LOCK, "is missing; a program commits its lock file")];
    };
    let mut registry = None;
    let mut found = Vec::new();
    for (index, line) in lock.text.lines().enumerate() {
        let Some(source) = line.strip_prefix("source = ") else { continue };
        if !source.starts_with("\"registry+") {
            found.push(Finding::at(LOCK, index, format!("{source} is no registry")));
        } else if *registry.get_or_insert(source) != source {
            found.push(Finding::at(LOCK, index, format!("{source} is a second registry")));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::{super::tree::tree, *};

    #[test]
    fn a_second_source_is_found() {
        let text = "[[package]]\nsource = \"registry+a\"\nsource = \"registry+a\"\nsource = \"git+b\"\n\
                    source = \"registry+c\"\n";
        let lines: Vec<_> = check(&tree(&[(LOCK, text)])).iter().map(|finding| finding.line).collect();
        assert_eq!(lines, [Some(4), Some(5)]);
    }
}
