//! Packs the recorded facts of every kernel, `kernels/facts/ID.toml`, and lists them: each has a hundred KiB of text, nearly all of it
//! names that compress well, and the agent would carry them all.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use miniz_oxide::deflate::compress_to_vec_zlib;

/// How hard they are packed, of 10.
const LEVEL: u8 = 8;

fn main() -> Result<()> {
    let folder = Path::new("../kernels/facts");
    println!("cargo::rerun-if-changed={}", folder.display());
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    let entries =
        std::fs::read_dir(folder).with_context(|| format!("failed to list {}", folder.display()))?;
    let mut files = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<PathBuf>>>()?;
    files.sort();
    let mut rows = String::new();
    for file in files.iter().filter(|file| file.extension().is_some_and(|extension| extension == "toml")) {
        let id = file.file_stem().unwrap_or_default().to_string_lossy();
        println!("cargo::rerun-if-changed={}", file.display());
        let text = std::fs::read(file).with_context(|| format!("failed to read {}", file.display()))?;
        let packed = out.join(format!("{id}.z"));
        std::fs::write(&packed, compress_to_vec_zlib(&text, LEVEL))
            .with_context(|| format!("failed to write {}", packed.display()))?;
        writeln!(rows, "    ({id:?}, include_bytes!(concat!(env!(\"OUT_DIR\"), \"/{id}.z\"))),")?;
    }
    let list = out.join("recorded_facts.rs");
    std::fs::write(&list, format!("&[\n{rows}]\n"))
        .with_context(|| format!("failed to write {}", list.display()))
}
