//! Opens, specialises and loads one object per hook. With `attach.rs` and `link.rs`, the only file that knows the loader.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::rc::Rc;

use libbpf_rs::{Object, OpenObject};
use quell_bpf::Family;
use quell_wire::emit_c::RECORDS;

use super::family::{self, Programs};
use super::layout::{self, LayoutError};
use super::mechanism::{Mechanism, Target};
use super::open::{OpenError, Opening};
use super::plan::PlannedHook;
use super::program_size::{self, ProgramSize};
use super::shared::SharedMaps;
use super::specialise::{self, SpecialiseError};
pub use super::statistics::{HookStatistics, read as statistics_of};
use super::types::{KernelTypes, TypesError};
use super::{bound, constants, fill, verifier_log};
use crate::kernel::raw_types::RawTypes;
use crate::policy::ast::HookPoint;
use crate::selector::host_namespaces::{self, ResolveError};

/// Lines of a verifier log that an error shows.
const LOG_LINES: usize = 12;

/// Why a hook could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The loader or the kernel refused.
    #[error("failed to {step} for {call}: {source}\n{log}")]
    Refused {
        /// What was tried.
        step: &'static str,
        /// The hook.
        call: String,
        /// The loader's error.
        source: libbpf_rs::Error,
        /// The end of the loader's and the verifier's log.
        log: String,
    },
    /// The object lacks something that this agent needs.
    #[error("the object for {call} has no {what}")]
    Incomplete {
        /// The hook.
        call: String,
        /// What it lacks.
        what: String,
    },
    /// There is no object for this mechanism on a kernel without ring buffers.
    #[error(
        "{mechanism} programs need ring buffers (Linux 5.8), which this kernel does not have, for {call}"
    )]
    NoObject {
        /// The hook.
        call: String,
        /// How it is served.
        mechanism: &'static str,
    },
    /// The kernel does not say what the hook's constants need.
    #[error("failed to make the constants of {call}")]
    Constants {
        /// The hook.
        call: String,
        /// Why.
        source: SpecialiseError,
    },
    /// Its object could not be opened.
    #[error("failed to open the object for {call}")]
    Open {
        /// The hook.
        call: String,
        /// Why.
        source: OpenError,
    },
    /// The object was built from another header.
    #[error("the object for {call} doesn't fit this agent")]
    Layout {
        /// The hook.
        call: String,
        /// The difference.
        source: LayoutError,
    },
    /// The hook's own selectors could not be read back.
    #[error("failed to put the host's namespaces into the selectors of {call}")]
    Namespaces {
        /// The hook.
        call: String,
        /// Why.
        source: ResolveError,
    },
}

/// A hook whose programs and maps are in the kernel, not attached yet.
#[derive(Debug)]
pub struct LoadedHook {
    /// The kernel function, or whatever the policy names.
    pub call: String,
    /// How it is served.
    pub mechanism: Mechanism,
    /// What it is attached to.
    pub targets: Vec<Target>,
    /// Where the policy puts it.
    pub point: HookPoint,
    /// Instructions that the verifier walked, by program, when that was asked.
    pub walked: BTreeMap<String, u64>,
    pub(super) programs: Programs,
    pub(super) object: Object,
}

/// What holds for every hook of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// Post matches and send no signal.
    pub monitor: bool,
    /// The agent's process id in the initial PID namespace, whose calls are let through; `None` when it is not known.
    pub agent_tgid: Option<u32>,
    /// Inode numbers of the host's namespaces, in the order of
    /// [`Namespace::ALL`](crate::policy::ast::Namespace::ALL); zeros when no hook names one.
    pub host_namespaces: [u32; 10],
    /// Inode number of the initial mount namespace, 0 when it is not known.
    pub initial_mounts: u32,
    /// How objects are opened on the running kernel.
    pub opening: Opening,
    /// Ask the verifier how many instructions it walked.
    pub measured: bool,
}

/// Loads one hook of a policy, which is known by its position; the first object that has a shared map creates it.
///
/// # Errors
/// When the kernel refuses, with the end of the verifier's log.
pub fn load(
    hook: &PlannedHook,
    policy: usize,
    settings: &Settings,
    types: &KernelTypes,
    shared: &mut SharedMaps,
) -> Result<LoadedHook, LoadError> {
    let call = || hook.call.clone();
    let refused = |step, source, log: &[String]| LoadError::Refused {
        step,
        call: call(),
        source,
        log: verifier_log::summary(log, LOG_LINES),
    };
    bound::prepare().map_err(|error| refused("prepare the loader", error, &[]))?;
    let Given { family, object, constants } = given(hook, settings, types)?;
    let programs = Programs::of(hook, family);
    let function = function(hook, family, types)
        .map_err(|source| LoadError::Constants { call: call(), source: source.into() })?;
    let mut open = settings
        .opening
        .open(&object, &constants, &|program| programs.have(program))
        .map_err(|source| LoadError::Open { call: call(), source })?;
    let (chosen, log) = verifier_log::with_log(|| choose(&mut open, hook, family, function, &programs));
    chosen.map_err(|error| refused("find the target", error, &log))?;
    fill::size(&mut open, hook).map_err(|error| refused("size the maps", error, &[]))?;
    shared.give(&mut open, policy).map_err(|error| refused("share a map", error, &[]))?;
    let (loaded, log) = if settings.measured {
        open.progs_mut().for_each(|mut program| program.set_log_level(verifier_log::STATISTICS));
        verifier_log::with_whole_log(|| bound::to(function, || open.load()))
    } else {
        verifier_log::with_log(|| bound::to(function, || open.load()))
    };
    let walked = verifier_log::instructions(&log);
    let object = loaded.map_err(|error| refused("load the programs", error, &log))?;
    check_layout(&object, hook)?;
    shared.take(&object, family, policy).map_err(|error| refused("share a map", error, &[]))?;
    let compiled = host_namespaces::resolve(&hook.compiled, &settings.host_namespaces)
        .map_err(|source| LoadError::Namespaces { call: call(), source })?;
    fill::fill(&object, &programs, &compiled).map_err(|error| refused("fill the maps", error, &[]))?;
    let targets = specialise::distinct(hook.mechanism, &hook.targets, types)
        .map_err(|source| LoadError::Constants { call: call(), source: source.into() })?;
    Ok(LoadedHook {
        call: call(),
        mechanism: hook.mechanism,
        targets,
        point: hook.hook.point.clone(),
        walked,
        programs,
        object,
    })
}

/// What the loader is given for a hook, beside sizes of maps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Given {
    /// Whose object it is.
    pub family: Family,
    /// The object.
    pub object: Cow<'static, [u8]>,
    /// Bytes of its global `config`.
    pub constants: Vec<u8>,
}

/// The object of a hook and its constants: what another loader would have to be given, too.
///
/// # Errors
/// When there is no object for the hook, or the kernel does not say what its constants need.
pub fn given(hook: &PlannedHook, settings: &Settings, types: &KernelTypes) -> Result<Given, LoadError> {
    let call = || hook.call.clone();
    let missing = || LoadError::NoObject { call: call(), mechanism: hook.mechanism.name() };
    let family = family::of(hook.mechanism);
    let object = family::object(family, hook.event_buffer).ok_or_else(missing)?;
    let config = specialise::constants(hook, settings, types)
        .map_err(|source| LoadError::Constants { call: call(), source })?;
    let object = match config.cast {
        0 => Cow::Borrowed(object),
        number => constants::with_casts(object, number)
            .map_err(|source| LoadError::Open { call: call(), source: source.into() })?
            .into(),
    };
    Ok(Given { family, object, constants: specialise::bytes(&config) })
}

fn incomplete(hook: &PlannedHook, what: String) -> LoadError {
    LoadError::Incomplete { call: hook.call.clone(), what }
}

/// The function that the hook's programs are bound to, by its number among the kernel's types; 0: they are bound to none, or to one of a
/// module, which the loader has to look for.
fn function(hook: &PlannedHook, family: Family, types: &KernelTypes) -> Result<u32, TypesError> {
    let (Some(target), true) = (hook.targets.first(), family::is_bound(family)) else { return Ok(0) };
    let name = match hook.mechanism {
        Mechanism::Lsm => format!("bpf_lsm_{}", target.symbol),
        _ => target.symbol.clone(),
    };
    let number = |types: Rc<RawTypes>| types.function(&name).map(|(number, _)| number);
    Ok(types.own()?.and_then(number).unwrap_or(0))
}

/// Leaves out the programs that the hook does not need, and binds the others to their function where the kernel asks for that.
fn choose(
    open: &mut OpenObject,
    hook: &PlannedHook,
    family: Family,
    function: u32,
    programs: &Programs,
) -> libbpf_rs::Result<()> {
    let by_name = || hook.targets.first().filter(|_| family::is_bound(family) && function == 0);
    for mut program in open.progs_mut() {
        if !programs.have(&program.name().to_string_lossy()) {
            program.set_autoload(false);
        } else if let Some(target) = by_name() {
            program.set_attach_target(0, Some(target.symbol.clone()))?;
        }
    }
    Ok(())
}

fn check_layout(object: &Object, hook: &PlannedHook) -> Result<(), LoadError> {
    let btf = object.btf().ok().flatten().ok_or_else(|| incomplete(hook, "type information".into()))?;
    layout::check(&btf, RECORDS).map_err(|source| LoadError::Layout { call: hook.call.clone(), source })
}

impl LoadedHook {
    /// Reads the hook's counters and fault table.
    ///
    /// # Errors
    /// When the kernel does not give them.
    pub fn statistics(&self) -> libbpf_rs::Result<HookStatistics> {
        statistics_of(&self.object)
    }

    /// How large every program is that is in the kernel.
    ///
    /// # Errors
    /// When the kernel does not say it.
    pub fn sizes(&self) -> libbpf_rs::Result<BTreeMap<String, ProgramSize>> {
        program_size::of(
            self.object.progs().filter(|program| self.programs.have(&program.name().to_string_lossy())),
        )
    }
}
