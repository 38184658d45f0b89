//! Nothing in the repository may depend on where it was written: no home folder, and no address of a mirror, which is for
//! the machine's own apt and cargo configuration to know.

use super::{finding::Finding, tree::Tree};

/// Folders of one person's machine, in halves, so that this file does not find itself.
const HOMES: [&str; 3] = [concat!("/ro", "ot/"), concat!("/ho", "me/"), concat!("/wo", "rk/")];
/// Words that stand in the address of a package mirror.
const MIRRORS: [&str; 6] = ["mirror", "debian", "registry", "crates", "artifact", "proxy"];
/// Reserved for examples and tests (RFC 2606); no machine has such a name.
const RESERVED: [&str; 3] = [".test", ".example", ".invalid"];

/// Lines that name such a place. Cargo.lock has a rule of its own.
pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let mut found = Vec::new();
    for file in tree.files.iter().filter(|file| file.path != "Cargo.lock") {
        for (index, line) in file.text.lines().enumerate() {
            if let Some(home) = HOMES.iter().find(|home| names_folder(line, home)) {
                let message = format!("`{home}…` exists on one machine; use a relative path or a variable");
                found.push(Finding::at(&file.path, index, message));
            }
            if let Some(host) = mirror(line) {
                let message = format!("`{host}` is a mirror; it is for the machine's configuration to name");
                found.push(Finding::at(&file.path, index, message));
            }
        }
    }
    found
}

/// Whether the folder stands there as the beginning of an absolute path.
fn names_folder(line: &str, folder: &str) -> bool {
    line.match_indices(folder).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        before.is_none_or(|c| !(c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | '/' | '}' | '*' | '~')))
    })
}

/// Host of a URL that looks like a mirror.
fn mirror(line: &str) -> Option<&str> {
    let mut rest = line;
    while let Some((_, after)) = rest.split_once("://") {
        let end = after.find(|c: char| !(c.is_ascii_alphanumeric() || ".-:".contains(c)));
        let host = &after[..end.unwrap_or(after.len())];
        let name = host.split(':').next().unwrap_or_default();
        let reserved = RESERVED.iter().any(|suffix| name.ends_with(suffix));
        if !reserved && MIRRORS.iter().any(|word| name.contains(word)) {
            return Some(host);
        }
        rest = after;
    }
    None
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::{super::tree::tree, *};

    #[rstest]
    #[case(concat!("see /ho", "me/me/notes"), true)]
    #[case(concat!("PATH=/ro", "ot/bin"), true)]
    #[case("the tree grows at <root>/x", false)]
    #[case("let path = root.join(\"x\");", false)]
    #[case("root:x:0:0:root:/root:/bin/sh", false)]
    #[case(concat!("target/ro", "ot/x and ./ho", "me/x"), false)]
    #[case(concat!("http://", "mirror.somewhere.org/debian"), true)]
    #[case("http://mirror.test/debian and https://packages.test/", false)]
    #[case("https://docs.kernel.org/bpf/", false)]
    fn places_of_one_machine_are_found(#[case] line: &str, #[case] expected: bool) {
        assert_eq!(!check(&tree(&[("a.md", line)])).is_empty(), expected);
    }
}
