//! Which crate may use which. Data flows one way: a scenario that linked the enforcer could not be surprised by it, and
//! the lab must not know how enforcement works.

use cargo_metadata::{DependencyKind, Metadata};

use super::finding::Finding;

/// Each crate with what it may use. An edge is written once, here, and in ARCHITECTURE.md.
const ALLOWED: [(&str, &[&str]); 11] = [
    ("quell-wire", &[]),
    ("quell-bpf", &["quell-wire"]),
    ("quell", &["quell-wire", "quell-bpf"]),
    ("quell-differential", &["quell-wire", "quell-bpf", "quell"]),
    ("quell-kernels", &[]),
    ("quell-scenarios", &[]),
    ("vmtest-proto", &[]),
    ("vmtest-guest", &["quell-scenarios", "vmtest-proto"]),
    ("vmtest", &["quell-scenarios", "quell-kernels", "vmtest-proto"]),
    ("quell-benches", &["quell-wire", "quell", "vmtest"]),
    ("xtask", &[]),
];

/// What only tests may use beside that: the runner's tests drive the real enforcer.
const ALLOWED_IN_TESTS: [(&str, &[&str]); 1] = [("quell-scenarios", &["quell"])];

/// One crate of this workspace uses another.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Edge {
    from: String,
    to: String,
    in_tests: bool,
}

/// Edges and crates that the tables do not know.
pub(crate) fn check(metadata: &Metadata) -> Vec<Finding> {
    let members = metadata.workspace_packages();
    let names: Vec<&str> = members.iter().map(|package| package.name.as_str()).collect();
    let mut edges = Vec::new();
    for package in &members {
        for dependency in &package.dependencies {
            if names.contains(&dependency.name.as_str()) {
                edges.push(Edge {
                    from: package.name.to_string(),
                    to: dependency.name.clone(),
                    in_tests: dependency.kind == DependencyKind::Development,
                });
            }
        }
    }
    judge(&names, &edges)
}

fn judge(crates: &[&str], edges: &[Edge]) -> Vec<Finding> {
    let mut found = Vec::new();
    for name in crates {
        if !ALLOWED.iter().any(|(known, _)| known == name) {
            let message = "is a crate without a row in ci/src/tidy/crate_edges.rs; say there what it may use";
            found.push(Finding::of(name, message));
        }
    }
    for Edge { from, to, in_tests } in edges {
        let listed = |table: &[(&str, &[&str])]| {
            table.iter().any(|(crate_name, uses)| crate_name == from && uses.contains(&to.as_str()))
        };
        let allowed = listed(&ALLOWED) || (*in_tests && listed(&ALLOWED_IN_TESTS));
        if !allowed {
            let place = if *in_tests { " in its tests" } else { "" };
            found
                .push(Finding::of(from, format!("must not use {to}{place}; ARCHITECTURE.md says which may")));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("quell", "quell-bpf", false, true)]
    #[case("quell-scenarios", "quell", true, true)]
    #[case("quell-scenarios", "quell", false, false)]
    #[case("vmtest-guest", "quell", false, false)]
    #[case("vmtest-guest", "quell", true, false)]
    #[case("quell-wire", "quell", false, false)]
    #[case("xtask", "vmtest", false, false)]
    fn only_listed_edges_pass(
        #[case] from: &str,
        #[case] to: &str,
        #[case] in_tests: bool,
        #[case] passes: bool,
    ) {
        let edge = Edge { from: from.into(), to: to.into(), in_tests };
        assert_eq!(judge(&[from, to], &[edge]).is_empty(), passes);
    }

    #[test]
    fn a_new_crate_needs_its_row() {
        assert_eq!(judge(&["quell", "newcomer"], &[])[0].path, "newcomer");
    }

    #[test]
    fn the_table_has_no_way_back() {
        let uses = |name: &str| ALLOWED.iter().find(|(known, _)| *known == name).map_or(&[][..], |row| row.1);
        for (start, _) in ALLOWED {
            let mut reached: Vec<&str> = uses(start).to_vec();
            let mut at = 0;
            while at < reached.len() {
                for next in uses(reached[at]) {
                    if !reached.contains(next) {
                        reached.push(next);
                    }
                }
                at += 1;
            }
            assert!(!reached.contains(&start), "{start} uses itself by way of {reached:?}");
        }
    }
}
