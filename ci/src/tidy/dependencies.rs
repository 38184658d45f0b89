//! Every dependency is declared once, says why it is here, and is used.

use std::collections::BTreeSet;

use cargo_metadata::Metadata;

use super::{finding::Finding, tree::Tree};

const MANIFEST: &str = "Cargo.toml";
const TABLE: &str = "[workspace.dependencies]";
/// A heading groups lines; it is no reason.
const HEADING: &str = "# --";

/// Dependencies of the workspace without a reason or without a user.
pub(crate) fn check(tree: &Tree, metadata: &Metadata) -> Vec<Finding> {
    let members = metadata.workspace_packages();
    let used: BTreeSet<&str> = members
        .iter()
        .flat_map(|package| &package.dependencies)
        .map(|dependency| dependency.name.as_str())
        .collect();
    let Some(manifest) = tree.get(MANIFEST) else {
        return vec![Finding::of(MANIFEST, "is missing")];
    };
    judge(&manifest.text, &used)
}

fn judge(manifest: &str, used: &BTreeSet<&str>) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut in_table = false;
    // A reason covers the lines that follow it without a gap.
    let mut reason = false;
    for (index, line) in manifest.lines().enumerate() {
        if line.starts_with('[') {
            in_table = line == TABLE;
            reason = false;
            continue;
        }
        if !in_table {
            continue;
        }
        if line.starts_with('#') {
            reason = !line.starts_with(HEADING) && line.trim_start_matches(['#', ' ']).len() > 3;
            continue;
        }
        let Some((name, value)) = line.split_once('=') else {
            reason = reason && !line.trim().is_empty();
            continue;
        };
        let name = name.trim();
        // Our own crates say in their manifests what they are.
        if !reason && !value.contains("path =") {
            found.push(Finding::at(
                MANIFEST,
                index,
                format!("{name} has no comment that says why it is here"),
            ));
        }
        if !used.contains(name) {
            found.push(Finding::at(MANIFEST, index, format!("{name} is used by no crate; remove it")));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANIFEST_TEXT: &str = "[workspace.package]\nversion = \"1\"\n[workspace.dependencies]\n\
        own = { path = \"own\" }\n\n# -- heading --\nbare = \"1\"\n# Both read images.\nzstd = \"1\"\nlz4 = \"1\"\n\n\
        late = \"1\"\n# Gone.\nunused = \"1\"\n[profile.dev]\ndebug = 1\n";

    #[test]
    fn a_dependency_needs_a_reason_and_a_user() {
        let used = ["own", "bare", "zstd", "lz4", "late"].into();
        let found: Vec<_> =
            judge(MANIFEST_TEXT, &used).into_iter().map(|finding| (finding.line, finding.message)).collect();
        assert_eq!(
            found,
            [
                (Some(7), "bare has no comment that says why it is here".to_owned()),
                (Some(12), "late has no comment that says why it is here".to_owned()),
                (Some(14), "unused is used by no crate; remove it".to_owned()),
            ]
        );
    }
}
