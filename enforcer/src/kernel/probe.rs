//! Asks the running kernel, by trying, never by its version number: distributions carry features backwards.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use super::ask::Asker;
use super::facts::{Answer, FACTS_VERSION, KernelFacts};
use super::feature::Feature;
use super::functions::{FunctionAnswer, Functions};
use super::modifiable::Modifiable;
use super::running::RunningFunctions;
use super::traced::Traced;
use super::view::View;
use super::{once, prototype, raw_types, state};
use crate::policy::entry;

/// Why the facts of the running kernel could not be read at all.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    /// A file that every kernel has.
    #[error("failed to read {path}")]
    Read {
        /// The file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// The type information, which the kernel has or the user gave.
    #[error("failed to read the kernel's type information from {from}: {reason}")]
    Types {
        /// Where it is.
        from: String,
        /// Why.
        reason: String,
    },
}

/// Families of functions that are recorded whole: what policies name most, at a size that can be committed. Functions that
/// the scenarios' policies name are families of their own.
pub const RECORDED_FAMILIES: &[&str] = &[
    "__x64_sys_",
    "__ia32_sys_",
    "__ia32_compat_sys_",
    "__x32_compat_sys_",
    "__x64_compat_sys_",
    "security_",
    "bpf_lsm_",
];

/// Facts of the running kernel that do not depend on a policy. Needs `CAP_BPF` and `CAP_PERFMON`, or root, for definite
/// answers about features.
///
/// # Errors
/// When `/proc` cannot be read. What only could not be *tried* is an unknown feature.
pub fn running_kernel(view: &View) -> Result<KernelFacts, ProbeError> {
    running_kernel_but(&[], view)
}

/// The same for planning, where [`add_asked`] adds what is asked only for some policies.
///
/// # Errors
/// As [`running_kernel`].
pub fn running_kernel_to_plan(view: &View) -> Result<KernelFacts, ProbeError> {
    running_kernel_but(ON_DEMAND, view)
}

/// Features that are asked about only where a policy needs to know: an attempt that attaches changes code of the kernel, and waits
/// until nobody runs what was there.
const ON_DEMAND: &[Feature] = &[Feature::KprobeMulti];

fn running_kernel_but(left_out: &[Feature], view: &View) -> Result<KernelFacts, ProbeError> {
    let release = read("/proc/sys/kernel/osrelease")?.trim().to_owned();
    let mut functions = Functions::of_running_kernel(&running()?);
    // Without debugfs nothing is known to be forbidden; attaching will say so then.
    if let Ok(blacklist) = read("/sys/kernel/debug/kprobes/blacklist") {
        functions.add_blacklist(&blacklist);
    }
    if let Ok(injectable) = read("/sys/kernel/debug/error_injection/list") {
        functions.add_injectable(&injectable);
    }
    let asker = Asker::new();
    let shown = Feature::ALL.iter().filter(|feature| !hides(view, **feature) && !left_out.contains(feature));
    let features = shown.map(|feature| (*feature, asker.feature(*feature))).collect::<BTreeMap<_, _>>();
    let facts = KernelFacts {
        version: FACTS_VERSION,
        release,
        features,
        state: state::of_running_kernel(),
        functions,
        modifiable: Modifiable::default(),
        prototypes: None,
    };
    let mut facts = facts.without(&view.without);
    // Given from outside, types are there whatever the kernel itself lacks.
    if view.btf.is_some() {
        facts.features.insert(Feature::Btf, Answer::Present);
    }
    Ok(facts)
}

fn hides(view: &View, feature: Feature) -> bool {
    view.without.iter().any(|one| one.names(feature))
}

/// What is asked about single functions: too much to ask about all of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// Functions whose prototype matters. Those of `security_…` and of the hooks behind them are known in any case: where a
    /// policy is better served by another function, it is one of these.
    pub named: BTreeSet<String>,
    /// Functions whose return value a trampoline program may have to replace.
    pub replaced: BTreeSet<String>,
    /// Whether one program may serve many functions.
    pub together: bool,
}

/// Adds answers about single functions.
///
/// # Errors
/// When the kernel's type information, or a file about its functions, cannot be read; [`Feature::Btf`] says whether there is
/// type information at all.
pub fn add_asked(facts: &mut KernelFacts, asked: &Asked, view: &View) -> Result<(), ProbeError> {
    let asker = Asker::new();
    for feature in ON_DEMAND.iter().filter(|feature| asked.together && !hides(view, **feature)) {
        facts.features.entry(*feature).or_insert_with(|| asker.feature(*feature));
    }
    let named = asked.named.iter().map(String::as_str);
    let beginnings: Vec<&str> = SECURITY.iter().copied().chain(named).collect();
    let is_security = |name: &str| SECURITY.iter().any(|beginning| name.starts_with(beginning));
    add_prototypes(facts, view, &beginnings, &|name| asked.named.contains(name) || is_security(name))?;
    add_untraceable(facts)?;
    let mut replaced = asked.replaced.clone();
    replaced.retain(|name| facts.functions.answer(name) == FunctionAnswer::Present);
    add_modifiable(facts, &asker, &replaced);
    Ok(())
}

/// Adds all that is recorded, and leaves nothing but that.
///
/// # Errors
/// As [`add_asked`].
pub fn add_for_record(facts: &mut KernelFacts, view: &View) -> Result<(), ProbeError> {
    let families: Vec<&str> = RECORDED_FAMILIES.iter().chain(super::named::FUNCTIONS).copied().collect();
    add_untraceable(facts)?;
    facts.functions = facts.functions.recorded(&families);
    let listed = facts.functions.names.listed();
    let asker = Asker::new();
    add_prototypes(facts, view, &families, &|name| listed.contains(name))?;
    // Entries of system calls take saved registers, all of them: only where the kernel does not say so there is something to record.
    if let Some(prototypes) = &mut facts.prototypes {
        prototypes
            .retain(|name, prototype| entry::convention(name).is_none() || !prototype.has_typed_registers());
    }
    add_modifiable(facts, &asker, &listed);
    facts.modifiable.no.clear();
    facts.modifiable.families = facts.functions.families.clone();
    Ok(())
}

/// How functions begin whose prototypes are always read.
const SECURITY: &[&str] = &["security_", "bpf_lsm_"];

fn add_prototypes(
    facts: &mut KernelFacts,
    view: &View,
    beginnings: &[&str],
    wanted: &dyn Fn(&str) -> bool,
) -> Result<(), ProbeError> {
    if facts.feature(Feature::Btf) != Answer::Present {
        return Ok(());
    }
    let types = view.types().map_err(|error| ProbeError::Types {
        from: view
            .btf
            .as_ref()
            .map_or_else(|| raw_types::RUNNING.to_owned(), |file| file.display().to_string()),
        reason: error.to_string(),
    })?;
    facts.prototypes = Some(prototype::of_functions(&types, beginnings, wanted));
    Ok(())
}

fn add_untraceable(facts: &mut KernelFacts) -> Result<(), ProbeError> {
    facts.functions.add_traceable(Traced::default(), &running()?);
    Ok(())
}

fn add_modifiable(facts: &mut KernelFacts, asker: &Asker, functions: &BTreeSet<String>) {
    if facts.feature(Feature::ModifyReturn) != Answer::Present {
        return;
    }
    for function in functions {
        match asker.modifiable(function) {
            Answer::Present => facts.modifiable.yes.insert(function.clone()),
            Answer::Absent => facts.modifiable.no.insert(function.clone()),
            // Stays what it is when nobody asks.
            Answer::Unknown(_) => false,
        };
    }
}

fn running() -> Result<Rc<RunningFunctions>, ProbeError> {
    once::functions().map_err(|source| ProbeError::Read { path: "/proc/kallsyms".to_owned(), source })
}

fn read(path: &str) -> Result<String, ProbeError> {
    std::fs::read_to_string(path).map_err(|source| ProbeError::Read { path: path.to_owned(), source })
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
