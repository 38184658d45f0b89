//! The top level says what there is; a newcomer reads it first. Whatever has a home further down goes there.

use super::{finding::Finding, tree::Tree};

const FOLDERS: [&str; 8] = ["ebpf", "enforcer", "kernels", "vmtest", "scenarios", "benches", "ci", "docs"];
const FILES: [&str; 10] = [
    "Cargo.toml",
    "Cargo.lock",
    "README.md",
    "ARCHITECTURE.md",
    "SPEC.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    // Tools read these from the top level only.
    "clippy.toml",
    "rustfmt.toml",
    "LICENSE",
];

/// Entries of the top level that are not in the list; names that begin with a dot are free.
pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let mut found: Vec<Finding> = Vec::new();
    for file in &tree.files {
        let (entry, known) = match file.path.split_once('/') {
            Some((folder, _)) => (folder, FOLDERS.contains(&folder)),
            None => (file.path.as_str(), FILES.contains(&file.path.as_str())),
        };
        let is_free = entry.starts_with('.');
        if !known && !is_free && found.iter().all(|finding| finding.path != entry) {
            found
                .push(Finding::of(entry, "does not belong to the top level; ARCHITECTURE.md says what does"));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::{super::tree::tree, *};

    #[test]
    fn an_entry_without_a_place_is_named_once() {
        let tree = tree(&[
            (".ci/run", ""),
            ("Cargo.toml", ""),
            ("ci/lab", ""),
            ("notes.txt", ""),
            ("tools/a", ""),
            ("tools/b", ""),
        ]);
        let found: Vec<_> = check(&tree).into_iter().map(|finding| finding.path).collect();
        assert_eq!(found, ["notes.txt", "tools"]);
    }
}
