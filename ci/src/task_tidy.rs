//! All rules of the house in one go.

use anyhow::{Context, Result};
use cargo_metadata::MetadataCommand;

use crate::root;
use crate::tidy::finding::Finding;
use crate::tidy::tree::Tree;
use crate::tidy::{
    claims, crate_edges, dependencies, guest_tree, length, lock_sources, module_docs, places, stub_words,
    top_level, unsafe_code,
};

/// Checks the whole tree and prints what is wrong.
pub(crate) fn run() -> Result<bool> {
    let tree = Tree::read(&root())?;
    let metadata = MetadataCommand::new()
        .manifest_path(root().join("Cargo.toml"))
        // For the one platform that this is built for; packages of others need not be downloaded.
        .other_options(["--locked", "--filter-platform", "x86_64-unknown-linux-gnu"].map(String::from))
        .exec()
        .context("failed to read the workspace with `cargo metadata`")?;
    let rules: [(&str, Vec<Finding>); 11] = [
        ("crate edges", crate_edges::check(&metadata)),
        ("PID 1 links no enforcement", guest_tree::check(&metadata)),
        ("dependencies have a reason and a user", dependencies::check(&tree, &metadata)),
        ("one registry", lock_sources::check(&tree)),
        ("modules say why they exist", module_docs::check(&tree)),
        ("length of files", length::check(&tree)),
        ("unsafe code is listed", unsafe_code::check(&tree)),
        ("nothing unfinished", stub_words::check(&tree)),
        ("claims and scenarios agree", claims::check(&tree)),
        ("no places of one machine", places::check(&tree)),
        ("top level", top_level::check(&tree)),
    ];
    let mut clean = true;
    for (rule, found) in &rules {
        if found.is_empty() {
            println!("ok      {rule}");
            continue;
        }
        clean = false;
        println!("broken  {rule}");
        for finding in found {
            println!("        {finding}");
        }
    }
    println!("{} files, {} rules", tree.files.len(), rules.len());
    Ok(clean)
}
