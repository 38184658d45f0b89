//! Every operation whose effect is in question, under every way to meet it: the policies, what is expected of each, and hence
//! the published table, from the same rows.
//!
//! What a row expects was measured. A kernel that differs is named in it, with the reason.

#![expect(clippy::unwrap_used, reason = "a failed helper of a test is a failed test")]

mod bare;
mod content;
mod elsewhere;
mod inject;
mod names;
mod row;
mod write;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use row::{Row, Way};

/// Set to write the files instead of comparing them.
const BLESS: &str = "QUELL_BLESS";

fn rows() -> Vec<Row> {
    let mut rows = [content::rows(), names::rows(), elsewhere::rows()].concat();
    rows.iter_mut().for_each(inject::at_the_system_call);
    rows.iter_mut().for_each(bare::without_security_functions);
    rows
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

fn texts_of_files() -> Vec<(String, String)> {
    let rows = rows();
    rows.iter().flat_map(|row| row.forms.iter().flat_map(|form| write::files(row, form))).collect()
}

#[test]
fn committed_scenarios_are_those_of_the_table() {
    let files = texts_of_files();
    let generated: BTreeSet<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(generated.len(), files.len(), "two forms have one name");
    let bless = std::env::var_os(BLESS).is_some();
    if bless {
        std::fs::create_dir_all(folder().join("deny")).unwrap();
        for (name, text) in &files {
            std::fs::write(folder().join(name), text).unwrap();
        }
    }
    for part in ["deny", "policies"] {
        for entry in std::fs::read_dir(folder().join(part)).unwrap() {
            let name = format!("{part}/{}", entry.unwrap().file_name().to_str().unwrap());
            let of_table = name.starts_with("deny/") || name.starts_with("policies/deny-");
            if of_table && !generated.contains(name.as_str()) {
                assert!(bless, "{name} belongs to no row; look at it, then renew all with {BLESS}=1");
                std::fs::remove_file(folder().join(name)).unwrap();
            }
        }
    }
    for (name, text) in &files {
        let committed = std::fs::read_to_string(folder().join(name)).unwrap_or_default();
        assert!(
            committed == *text,
            "{name} is not what the table says; look at it, then renew it with {BLESS}=1"
        );
    }
}

#[test]
fn every_operation_is_killed_at_its_system_call_and_refused_where_the_kernel_asks() {
    for row in rows() {
        let ways: Vec<Way> = row.forms.iter().map(|form| form.way).collect();
        assert!(ways.contains(&Way::Kill), "{}: {ways:?}", row.name);
        let refused = ways.iter().any(|way| way.refuses());
        let excused = elsewhere::NOT_REFUSED.iter().any(|(name, why)| *name == row.name && !why.is_empty());
        assert!(refused != excused, "{}: {ways:?}", row.name);
    }
}
