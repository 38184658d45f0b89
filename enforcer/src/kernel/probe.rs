//! Asks the running kernel, by trying, never by its version number: distributions carry features backwards.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::Path;

use libbpf_rs::{MapType, ProgramType};

use super::facts::{Answer, FACTS_VERSION, Feature, KernelFacts};
use super::functions::Functions;
use super::prototype::{self, Prototypes};
use crate::policy::Policy;

/// Why the facts of the running kernel could not be read at all.
#[derive(Debug, thiserror::Error)]
#[error("failed to read {path}: {source}")]
pub struct ProbeError {
    path: String,
    source: std::io::Error,
}

/// Families of functions that are recorded whole: what policies name most, at a size that can be committed.
pub const RECORDED_FAMILIES: &[&str] = &["__x64_sys_", "__ia32_sys_", "__ia32_compat_sys_", "security_"];

/// Facts of the running kernel. Needs `CAP_BPF` and `CAP_PERFMON`, or root, for definite answers about features.
///
/// # Errors
/// When `/proc` cannot be read. What only could not be *tried* is an unknown feature.
pub fn running_kernel() -> Result<KernelFacts, ProbeError> {
    let release = read("/proc/sys/kernel/osrelease")?.trim().to_owned();
    let mut functions = Functions::from_kallsyms(&read("/proc/kallsyms")?);
    // Without debugfs nothing is known to be forbidden; attaching will say so then.
    if let Ok(blacklist) = read("/sys/kernel/debug/kprobes/blacklist") {
        functions.add_blacklist(&blacklist);
    }
    let features = Feature::ALL.iter().map(|feature| (*feature, probe(*feature))).collect::<BTreeMap<_, _>>();
    let prototypes = Prototypes::new();
    Ok(KernelFacts { version: FACTS_VERSION, release, features, functions, prototypes })
}

/// Adds the prototypes of the functions that policies name. System-call entries have none worth comparing: they are all
/// given one pointer to saved registers.
///
/// # Errors
/// When the kernel's type information cannot be read; [`Feature::Btf`] says whether it is there at all.
pub fn add_prototypes(facts: &mut KernelFacts, policies: &[&Policy]) -> libbpf_rs::Result<()> {
    if facts.feature(Feature::Btf) != Answer::Present {
        return Ok(());
    }
    let hooks = policies.iter().flat_map(|policy| &policy.hooks).filter(|hook| !hook.syscall);
    let functions = hooks.map(|hook| hook.call.value.as_str()).collect();
    facts.prototypes = prototype::of_running_kernel(&functions)?;
    Ok(())
}

fn read(path: &str) -> Result<String, ProbeError> {
    std::fs::read_to_string(path).map_err(|source| ProbeError { path: path.to_owned(), source })
}

fn probe(feature: Feature) -> Answer {
    match feature {
        Feature::Btf => file(Path::new("/sys/kernel/btf/vmlinux")),
        Feature::KprobePrograms => answer(ProgramType::Kprobe.is_supported()),
        Feature::SendSignal => helper(libbpf_sys::BPF_FUNC_send_signal),
        Feature::RingBuffer => answer(MapType::RingBuf.is_supported()),
        Feature::ProbeReadUser => helper(libbpf_sys::BPF_FUNC_probe_read_user_str),
    }
}

fn helper(id: libbpf_sys::bpf_func_id) -> Answer {
    // The helper probe says no, not "denied", when loading any program is denied.
    match answer(ProgramType::Kprobe.is_supported()) {
        Answer::Present => answer(ProgramType::Kprobe.is_helper_supported(id)),
        other => other,
    }
}

fn answer(result: libbpf_rs::Result<bool>) -> Answer {
    match result {
        Ok(true) => Answer::Present,
        // The kernel's no to a process that may load nothing at all is not a no about the feature.
        Ok(false) if may_load_programs() => Answer::Absent,
        Ok(false) => Answer::Unknown("this process may not load BPF programs; try as root".into()),
        Err(error) => Answer::Unknown(error.to_string()),
    }
}

/// Whether the simplest program, which every kernel with BPF has, can be loaded.
fn may_load_programs() -> bool {
    matches!(ProgramType::SocketFilter.is_supported(), Ok(true)) && nix::unistd::geteuid().is_root()
}

fn file(path: &Path) -> Answer {
    match std::fs::metadata(path) {
        Ok(_) => Answer::Present,
        Err(error) if error.kind() == ErrorKind::NotFound && Path::new("/sys/kernel").is_dir() => {
            Answer::Absent
        }
        Err(error) => Answer::Unknown(format!("{}: {error}", path.display())),
    }
}

/// Whether the kernel counts program runs that it skipped: its own type information names the field. Without type
/// information nothing is loaded, so that the answer is never used.
#[must_use]
pub fn counts_recursion_misses() -> bool {
    const FIELD: &[u8] = b"\0recursion_misses\0";
    std::fs::read("/sys/kernel/btf/vmlinux")
        .is_ok_and(|btf| btf.windows(FIELD.len()).any(|window| window == FIELD))
}
