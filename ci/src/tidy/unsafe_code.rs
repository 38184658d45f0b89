//! Unsafe code lives only in the files listed here. The compiler denies it everywhere else; what it can't deny is that one
//! more file opts out, so a file opts out here too, where a reviewer sees it.

use super::{finding::Finding, tree::Tree};

/// Path and why it can't do without.
const ALLOWED: &[(&str, &str)] = &[
    ("enforcer/src/heap.rs", "asks the C library's allocator, which only it does"),
    ("enforcer/src/hook/bound.rs", "is called by the loader, which is C"),
    ("enforcer/src/kernel/attempt.rs", "loads programs of single instructions, which no safe wrapper takes"),
    ("ebpf/src/host.rs", "calls the evaluator, which is C"),
    ("scenarios/src/marker.rs", "has a function whose name a probe finds"),
    ("scenarios/src/raw/aio.rs", "hands the kernel addresses that it uses later"),
    ("scenarios/src/raw/fork.rs", "makes processes that go on in the middle of a program"),
    ("scenarios/src/raw/memory.rs", "stores to a file through a mapping"),
    ("scenarios/src/raw/ring.rs", "hands the kernel addresses that it uses later"),
    ("scenarios/src/raw/short.rs", "enters the kernel as a 32-bit program does"),
    ("scenarios/src/raw.rs", "hands the kernel arguments that safe wrappers rule out"),
    ("scenarios/src/untouched.rs", "hands the kernel an address that no safe type can hold"),
    ("vmtest/guest/src/bin/caller/raw.rs", "counts instructions by instructions, and forks"),
    ("vmtest/guest/src/random.rs", "two ioctls of the random device, which have no safe wrapper"),
];

/// The name of the lint, in halves, so that this file does not find itself.
const LINT: &str = concat!("unsafe", "_code");

/// Files that opt out of the lint without being listed, and entries of the list that no longer need it.
pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    with_list(tree, ALLOWED)
}

fn with_list(tree: &Tree, allowed: &[(&str, &str)]) -> Vec<Finding> {
    let mut found = Vec::new();
    for file in tree.ending(".rs") {
        let opts_out = |line: &str| line.trim_start().starts_with("#") && line.contains(LINT);
        let listed = allowed.iter().any(|(path, _)| *path == file.path);
        match file.text.lines().position(opts_out) {
            Some(index) if !listed => {
                let message = format!("opts out of `{LINT}`; if it really must, list it in ci/src/tidy");
                found.push(Finding::at(&file.path, index, message));
            }
            None if listed => {
                found.push(Finding::of(&file.path, "is listed for unsafe code in ci/src/tidy and has none"));
            }
            _ => {}
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::{super::tree::tree, *};

    #[test]
    fn opting_out_is_for_listed_files_only() {
        let out = format!("//! x\n#![expect({LINT}, reason = \"y\")]\n");
        let tree = tree(&[("a.rs", &out), ("b.rs", &out), ("c.rs", "//! none\n"), ("d.rs", "//! none\n")]);
        let found: Vec<_> =
            with_list(&tree, &[("a.rs", "ffi"), ("c.rs", "gone")]).iter().map(ToString::to_string).collect();
        assert_eq!(found.len(), 2);
        assert!(found[0].starts_with("b.rs:2: opts out"), "{found:?}");
        assert!(found[1].starts_with("c.rs: is listed"), "{found:?}");
    }

    #[test]
    fn every_listed_file_has_its_reason() {
        assert!(ALLOWED.iter().all(|(path, reason)| path.ends_with(".rs") && !reason.is_empty()));
    }
}
