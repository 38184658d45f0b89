//! Compiles each `c/*.bpf.c` with clang and packs it into `OUT_DIR/*.bpf.o.z`.
//!
//! -mcpu=v2: v3 objects do not load on 5.4, and newer clang would default to v3. The debug information that `-g` adds
//! beside BTF is stripped: it would triple the agent. So is what places BTF in memory, with the labels that only this names: no
//! loader looks at it, and every start would unpack it.

use std::ffi::OsStr;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::available_parallelism;

use anyhow::{Context, Result};
use miniz_oxide::deflate::compress_to_vec_zlib;

/// How hard objects are packed, of 10: above this they get no smaller.
const LEVEL: u8 = 6;

/// Every object of the product, `c/NAME.bpf.c`.
const OBJECTS: &[&str] = &[
    "kprobe",
    "kprobe_perf",
    "multi",
    "tracepoint",
    "tracepoint_perf",
    "raw_tracepoint",
    "raw_tracepoint_perf",
    "lsm",
    "fmod_ret",
    "fentry",
    "uprobe",
    "uprobe_perf",
    "usdt",
    "usdt_perf",
    "process",
    "process_perf",
];

/// What `llvm-strip` leaves out.
const STRIPPED: &[&str] =
    &["-g", "--remove-section=.rel.BTF", "--remove-section=.rel.BTF.ext", "--strip-unneeded"];

fn main() -> Result<()> {
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    let tools = Tools::find(&out)?;
    for variable in ["QUELL_CLANG", "QUELL_LLVM_STRIP"] {
        println!("cargo::rerun-if-env-changed={variable}");
    }
    for folder in ["c", "include", "host"] {
        println!("cargo::rerun-if-changed={folder}");
    }
    let mut objects = OBJECTS.to_vec();
    if cfg!(feature = "evaluate-object") {
        objects.push("evaluate");
    }
    let next = AtomicUsize::new(0);
    let work = || {
        while let Some(object) = objects.get(next.fetch_add(1, Ordering::Relaxed)) {
            tools.compile(object, &out)?;
        }
        Ok(())
    };
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..available_parallelism()?.get()).map(|_| scope.spawn(work)).collect();
        let results = workers.into_iter().map(|worker| worker.join().expect("a worker does not panic"));
        results.collect::<Result<Vec<()>>>()
    })?;
    #[cfg(feature = "host-selector")]
    host_selector(&tools.clang)?;
    Ok(())
}

/// Where things are.
struct Tools {
    clang: String,
    strip: String,
    /// What `clang --version` says: another compiler makes another object.
    version: String,
    /// Headers of libbpf.
    headers: String,
    /// <asm/types.h> of the build machine: the multiarch folder is not on clang's path for the bpf target.
    multiarch: String,
    /// Objects of earlier builds, by what they were made of; all profiles and sets of features share it.
    cache: PathBuf,
}

impl Tools {
    fn find(out: &Path) -> Result<Self> {
        let clang = std::env::var("QUELL_CLANG").unwrap_or_else(|_| "clang".into());
        let missing = || format!("failed to run {clang}: is it installed? ci/install.sh does it");
        let version = duct::cmd!(&clang, "--version").read().with_context(missing)?;
        // target/PROFILE/build/PACKAGE/out: the folder of the profile's parent.
        let target = out.ancestors().nth(4).context("the output folder is not below a target folder")?;
        let cache = target.join("bpf-objects");
        std::fs::create_dir_all(&cache).context("failed to create the folder of compiled objects")?;
        Ok(Self {
            clang,
            version,
            cache,
            strip: std::env::var("QUELL_LLVM_STRIP").unwrap_or_else(|_| "llvm-strip".into()),
            headers: std::env::var("DEP_BPF_INCLUDE").context("libbpf-sys names no include folder")?,
            multiarch: format!("/usr/include/{}-linux-gnu", std::env::consts::ARCH),
        })
    }

    /// The compiler with everything that both passes are given.
    fn arguments(&self) -> Vec<String> {
        let map = format!("-ffile-prefix-map={}=libbpf", self.headers);
        let fixed = [
            "-target",
            "bpf",
            "-mcpu=v2",
            "-O2",
            "-g",
            "-Wall",
            "-Wextra",
            "-Wno-unused-parameter",
            "-Werror",
        ];
        let folders = ["-I", "include", "-I", &self.headers, "-I", &self.multiarch, &map];
        fixed.iter().chain(&folders).map(|argument| (*argument).to_owned()).collect()
    }

    /// One object. Compiling takes seconds, and there are many; so an object is kept as long as what it is made of stays the same,
    /// byte by byte, behind the preprocessor.
    fn compile(&self, name: &str, out: &Path) -> Result<()> {
        let (source, object) = (format!("c/{name}.bpf.c"), out.join(format!("{name}.bpf.o")));
        let failed = || format!("failed to compile {source} with {}", self.clang);
        let mut arguments = self.arguments();
        arguments.extend(["-E".to_owned(), source.clone()]);
        let text = duct::cmd(&self.clang, &arguments).read().with_context(failed)?;
        let mut hasher = DefaultHasher::new();
        (text.replace(&self.headers, ""), self.arguments().len(), STRIPPED, &self.version).hash(&mut hasher);
        let kept = self.cache.join(format!("{name}-{:016x}.z", hasher.finish()));
        let packed = out.join(format!("{name}.bpf.o.z"));
        if kept.exists() {
            return std::fs::copy(&kept, &packed).map(drop).context("failed to copy a kept object");
        }
        arguments.truncate(arguments.len() - 2);
        arguments.extend(["-c".into(), source.clone(), "-o".into(), object.display().to_string()]);
        duct::cmd(&self.clang, &arguments).run().with_context(failed)?;
        let stripping = STRIPPED.iter().copied().map(OsStr::new).chain([object.as_os_str()]);
        duct::cmd(&self.strip, stripping).run().with_context(|| {
            format!("failed to strip the object with {}: is it installed? ci/install.sh does it", self.strip)
        })?;
        let bytes = std::fs::read(&object).context("failed to read the object")?;
        std::fs::write(&packed, compress_to_vec_zlib(&bytes, LEVEL)).context("failed to pack the object")?;
        // Renamed into its place, so that another build never sees half of it.
        let partial = out.join(format!("{name}.partial"));
        std::fs::copy(&packed, &partial).context("failed to keep an object")?;
        std::fs::rename(&partial, &kept).context("failed to keep an object")
    }
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
