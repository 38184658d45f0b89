//! Compiles each `c/*.bpf.c` with clang into `OUT_DIR/*.bpf.o`.
//!
//! -mcpu=v2: v3 objects do not load on 5.4, and newer clang would default to v3. The debug information that `-g` adds
//! beside BTF is stripped: it would triple the agent.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

fn main() -> Result<()> {
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    let headers = std::env::var("DEP_BPF_INCLUDE").context("libbpf-sys names no include folder")?;
    let clang = std::env::var("QUELL_CLANG").unwrap_or_else(|_| "clang".into());
    let strip = std::env::var("QUELL_LLVM_STRIP").unwrap_or_else(|_| "llvm-strip".into());
    for variable in ["QUELL_CLANG", "QUELL_LLVM_STRIP"] {
        println!("cargo::rerun-if-env-changed={variable}");
    }
    for folder in ["c", "include", "host"] {
        println!("cargo::rerun-if-changed={folder}");
    }
    let mut objects = vec!["kprobe", "kprobe_perf"];
    if cfg!(feature = "evaluate-object") {
        objects.push("evaluate");
    }
    for object in objects {
        compile(object, &out, &headers, &clang, &strip)?;
    }
    #[cfg(feature = "host-selector")]
    host_selector(&clang)?;
    Ok(())
}

/// One object.
fn compile(name: &str, out: &Path, headers: &str, clang: &str, strip: &str) -> Result<()> {
    // <asm/types.h> of the build machine: the multiarch folder is not on clang's path for the bpf target.
    let multiarch = format!("/usr/include/{}-linux-gnu", std::env::consts::ARCH);
    let (source, object) = (format!("c/{name}.bpf.c"), out.join(format!("{name}.bpf.o")));
    duct::cmd!(
        clang,
        "-target",
        "bpf",
        "-mcpu=v2",
        "-O2",
        "-g",
        "-Wall",
        "-Wextra",
        "-Wno-unused-parameter",
        "-Werror",
        "-I",
        "include",
        "-I",
        headers,
        "-I",
        &multiarch,
        "-c",
        &source,
        "-o",
        &object
    )
    .run()
    .with_context(|| {
        format!("failed to compile {source} with {clang}: is it installed? ci/install.sh does it")
    })?;
    duct::cmd!(strip, "-g", &object).run().with_context(|| {
        format!("failed to strip the object with {strip}: is it installed? ci/install.sh does it")
    })?;
    Ok(())
}

/// The evaluator for the host, by the same compiler. Its unaligned loads are right on x86-64 as long as no compiler
/// vectorises them.
#[cfg(feature = "host-selector")]
fn host_selector(clang: &str) -> Result<()> {
    cc::Build::new()
        .compiler(clang)
        .file("host/shim.c")
        .includes(["c", "include"])
        .std("gnu11")
        .opt_level(2)
        .flag("-fno-strict-aliasing")
        .flag("-fno-vectorize")
        .flag("-fno-slp-vectorize")
        .extra_warnings(true)
        .warnings_into_errors(true)
        .try_compile("quell_host_selector")
        .context("failed to compile host/shim.c")
}
