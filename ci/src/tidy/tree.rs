//! The files of the repository, as a person who clones it sees them.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use walkdir::WalkDir;

/// One file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TreeFile {
    /// Relative to the root, with `/`.
    pub(crate) path: String,
    /// What is in it; bytes that are no UTF-8 are replaced.
    pub(crate) text: String,
}

/// All files, sorted by path.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tree {
    pub(crate) files: Vec<TreeFile>,
}

/// What is built or belongs to git.
const OUTSIDE: [&str; 3] = [".git", "target", "out"];

impl Tree {
    /// Reads every file under `root`, except what is built.
    ///
    /// # Errors
    /// A folder or file can't be read.
    pub(crate) fn read(root: &Path) -> Result<Self> {
        let outside = |entry: &walkdir::DirEntry| {
            entry.depth() == 1 && OUTSIDE.iter().any(|name| entry.file_name() == *name)
        };
        let mut files = Vec::new();
        for entry in WalkDir::new(root).sort_by_file_name().into_iter().filter_entry(|entry| !outside(entry))
        {
            let entry = entry.context("failed to walk the workspace")?;
            if !entry.file_type().is_file() {
                continue;
            }
            let path = entry.path();
            let bytes = fs::read(path).with_context(|| format!("failed to read {}", path.display()))?;
            let relative = path.strip_prefix(root).context("a file outside of the workspace")?;
            files.push(TreeFile {
                path: relative.to_string_lossy().into_owned(),
                text: String::from_utf8_lossy(&bytes).into_owned(),
            });
        }
        Ok(Self { files })
    }

    /// The file at this path.
    pub(crate) fn get(&self, path: &str) -> Option<&TreeFile> {
        self.files.iter().find(|file| file.path == path)
    }

    /// Files whose names end like this.
    pub(crate) fn ending(&self, suffix: &str) -> impl Iterator<Item = &TreeFile> {
        self.files.iter().filter(move |file| file.path.ends_with(suffix))
    }
}

/// A tree for a test.
#[cfg(test)]
pub(crate) fn tree(files: &[(&str, &str)]) -> Tree {
    let file = |(path, text): &(&str, &str)| TreeFile { path: (*path).into(), text: (*text).into() };
    Tree { files: files.iter().map(file).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_built_is_not_part_of_the_tree() {
        let root = tempfile::tempdir().unwrap();
        for path in ["a/target/kept.rs", "target/debug/x.rs", "out/y.log", ".ci/run"] {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "text").unwrap();
        }
        let tree = Tree::read(root.path()).unwrap();
        let paths: Vec<_> = tree.files.iter().map(|file| file.path.as_str()).collect();
        assert_eq!(paths, [".ci/run", "a/target/kept.rs"]);
    }
}
