//! PID 1 of the guests links no enforcement code, not even by way of somebody else: the product is what is tested, and it
//! is tested as the release program that users get.

use std::collections::BTreeMap;

use cargo_metadata::{DependencyKind, Metadata};

use super::finding::Finding;

const GUEST: &str = "vmtest-guest";

/// Whether a package is part of enforcement.
fn enforces(name: &str) -> bool {
    matches!(name, "quell" | "quell-bpf") || name.starts_with("libbpf-")
}

/// Enforcement code in the guest's dependency tree.
pub(crate) fn check(metadata: &Metadata) -> Vec<Finding> {
    let Some(resolve) = &metadata.resolve else {
        return vec![Finding::of(GUEST, "has no dependency tree: cargo metadata resolved nothing")];
    };
    let name = |id: &cargo_metadata::PackageId| metadata[id].name.to_string();
    let mut uses: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for node in &resolve.nodes {
        let linked = node
            .deps
            .iter()
            .filter(|dependency| dependency.dep_kinds.iter().any(|kind| kind.kind == DependencyKind::Normal));
        // Two versions of a package are one name here; that errs on the side of finding too much.
        uses.entry(name(&node.id)).or_default().extend(linked.map(|dependency| name(&dependency.pkg)));
    }
    judge(&uses)
}

fn judge(uses: &BTreeMap<String, Vec<String>>) -> Vec<Finding> {
    if !uses.contains_key(GUEST) {
        return vec![Finding::of(
            GUEST,
            "is not in the workspace; then its rule in ci/src/tidy must go as well",
        )];
    }
    // Each reached package with the one that it was reached from.
    let mut reached: Vec<(&str, Option<usize>)> = vec![(GUEST, None)];
    let mut at = 0;
    while at < reached.len() {
        for next in uses.get(reached[at].0).into_iter().flatten() {
            if reached.iter().all(|(known, _)| known != next) {
                reached.push((next, Some(at)));
            }
        }
        at += 1;
    }
    let way = |mut at: usize| {
        let mut names = vec![reached[at].0];
        while let Some(before) = reached[at].1 {
            names.insert(0, reached[before].0);
            at = before;
        }
        names.join(" → ")
    };
    let guilty = reached.iter().enumerate().filter(|(_, (name, _))| enforces(name));
    guilty
        .map(|(at, (name, _))| {
            Finding::of(GUEST, format!("links {name} ({}); PID 1 must not enforce anything", way(at)))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uses(rows: &[(&str, &[&str])]) -> BTreeMap<String, Vec<String>> {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        rows.iter().map(|(from, to)| ((*from).to_owned(), owned(to))).collect()
    }

    #[test]
    fn enforcement_code_is_found_however_far_away_it_is() {
        let rows = uses(&[(GUEST, &["serde", "a"]), ("a", &["b"]), ("b", &["a", "libbpf-rs"])]);
        let found = judge(&rows);
        assert_eq!(found.len(), 1);
        assert!(found[0].message.contains("vmtest-guest → a → b → libbpf-rs"), "{}", found[0]);
    }

    #[test]
    fn a_guest_without_it_is_clean() {
        assert_eq!(judge(&uses(&[(GUEST, &["serde"]), ("quell", &["libbpf-rs"])])), []);
    }

    #[test]
    fn a_guest_that_is_not_there_is_not_clean() {
        assert_eq!(judge(&uses(&[("quell", &[])])).len(), 1);
    }
}
