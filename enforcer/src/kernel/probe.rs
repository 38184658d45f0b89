//! Asks the running kernel, by trying, never by its version number: distributions carry features backwards.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::Path;

use libbpf_rs::btf::Btf;
use libbpf_rs::btf::types::Struct;
use libbpf_rs::{MapType, ProgramType};

use super::facts::{Answer, FACTS_VERSION, Feature, KernelFacts};
use super::functions::Functions;
use super::prototype;
use crate::policy::ast::{HookPoint, Policy};

/// Why the facts of the running kernel could not be read at all.
#[derive(Debug, thiserror::Error)]
#[error("failed to read {path}")]
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
    Ok(KernelFacts { version: FACTS_VERSION, release, features, functions, prototypes: None })
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
    let hooks = policies.iter().flat_map(|policy| &policy.hooks);
    let functions = hooks
        .filter_map(|hook| match &hook.point {
            HookPoint::Kprobe { function, syscall: false, .. } => Some(function.as_str()),
            _ => None,
        })
        .collect();
    facts.prototypes = Some(prototype::of_running_kernel(&functions)?);
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

/// Whether the kernel counts the runs of kprobe programs that it skipped. The counter itself is older (5.12), but kprobe
/// programs are counted only since 6.7, whose kprobe links also say how many calls they missed: the kernel's type
/// information shows that.
///
/// # Errors
/// When the kernel's type information cannot be read.
pub fn counts_skipped_kprobes() -> libbpf_rs::Result<bool> {
    let btf = Btf::from_vmlinux()?;
    let found = btf.type_by_kind::<Struct<'_>>().any(|described| {
        let has = |name: &str| described.iter().any(|member| member.name.is_some_and(|of| of == name));
        described.name().is_none() && has("func_name") && has("missed")
    });
    Ok(found)
}

/// The process id of this process as the kernel's programs see it, when that is known: in another PID namespace than the
/// initial one the number would be somebody else's.
#[must_use]
pub fn own_tgid() -> Option<u32> {
    // PROC_PID_INIT_INO of the kernel: the initial PID namespace, on every kernel since 3.8.
    const INITIAL_PID_NAMESPACE: &str = "pid:[4026531836]";
    let namespace = std::fs::read_link("/proc/self/ns/pid").ok()?;
    (namespace.as_os_str() == INITIAL_PID_NAMESPACE).then(std::process::id)
}
