//! Opens, specialises and loads one object per hook. With `attach.rs`, the only file that knows the loader.

use std::os::fd::AsFd;

use libbpf_rs::{MapCore, MapFlags, MapHandle, Object, ObjectBuilder, OpenObject};
use quell_bpf::{EVENT_MAP, SHARED_MAPS};
use quell_wire::WireRecord;
use quell_wire::emit_c::RECORDS;
use quell_wire::hook::{
    FAULT_SITES, FaultRow, FaultSite, HOOK_MONITOR, HOOK_RATE_LIMITS, HOOK_STACKS, HookCounters,
};

use super::layout::{self, LayoutError};
use super::plan::PlannedHook;
use super::{fill, verifier_log};
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

/// The maps that all hooks of one agent share.
#[derive(Debug, Default)]
pub struct SharedMaps {
    maps: Vec<(String, MapHandle)>,
}

impl SharedMaps {
    /// The buffer of events, once a hook was loaded.
    #[must_use]
    pub fn events(&self) -> Option<&MapHandle> {
        self.maps.iter().find(|(name, _)| name == EVENT_MAP).map(|(_, map)| map)
    }
}

/// A hook whose programs and maps are in the kernel, not attached yet.
#[derive(Debug)]
pub struct LoadedHook {
    /// The kernel function.
    pub call: String,
    /// Whether a selector stops processes.
    pub enforces: bool,
    pub(super) object: Object,
}

/// What holds for every hook of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// Post matches and send no signal.
    pub monitor: bool,
    /// The agent's process id in the initial PID namespace, whose calls are let through; `None` when it is not known.
    pub agent_tgid: Option<u32>,
    /// Inode numbers of the host's namespaces, in the order of
    /// [`Namespace::ALL`](crate::policy::ast::Namespace::ALL); zeros when no hook names one.
    pub host_namespaces: [u32; 10],
}

/// Loads one hook; the first one creates the shared maps.
///
/// # Errors
/// When the kernel refuses, with the end of the verifier's log.
pub fn load(
    hook: &PlannedHook,
    settings: Settings,
    shared: &mut SharedMaps,
) -> Result<LoadedHook, LoadError> {
    let refused = |step, source, log: &[String]| LoadError::Refused {
        step,
        call: hook.call.clone(),
        source,
        log: verifier_log::summary(log, LOG_LINES),
    };
    let (opened, log) =
        verifier_log::with_log(|| ObjectBuilder::default().open_memory(hook.event_buffer.object()));
    let mut open = opened.map_err(|error| refused("open the object", error, &log))?;
    specialise(&mut open, hook, settings)?;
    fill::size(&mut open, hook).map_err(|error| refused("size the maps", error, &[]))?;
    for mut map in open.maps_mut() {
        let name = map.name().to_string_lossy().into_owned();
        if let Some((_, handle)) = shared.maps.iter().find(|(known, _)| *known == name) {
            map.reuse_fd(handle.as_fd()).map_err(|error| refused("share a map", error, &[]))?;
        }
    }
    let (loaded, log) = verifier_log::with_log(|| open.load());
    let object = loaded.map_err(|error| refused("load the programs", error, &log))?;
    check_layout(&object, hook)?;
    if shared.maps.is_empty() {
        for name in SHARED_MAPS {
            let map = map(&object, name).ok_or_else(|| incomplete(hook, format!("map {name}")))?;
            let handle = MapHandle::try_from(&map).map_err(|error| refused("share a map", error, &[]))?;
            shared.maps.push(((*name).to_owned(), handle));
        }
    }
    let compiled = host_namespaces::resolve(&hook.compiled, &settings.host_namespaces)
        .map_err(|source| LoadError::Namespaces { call: hook.call.clone(), source })?;
    fill::fill(&object, &compiled).map_err(|error| refused("fill the maps", error, &[]))?;
    Ok(LoadedHook { call: hook.call.clone(), enforces: hook.enforces(), object })
}

fn incomplete(hook: &PlannedHook, what: String) -> LoadError {
    LoadError::Incomplete { call: hook.call.clone(), what }
}

/// Writes the hook's constants into `.rodata`, from which the verifier will take them for granted.
fn specialise(open: &mut OpenObject, hook: &PlannedHook, settings: Settings) -> Result<(), LoadError> {
    let mut config = hook.compiled.config;
    let flags = [
        (settings.monitor || hook.monitor, HOOK_MONITOR),
        (hook.rate_limits, HOOK_RATE_LIMITS),
        (hook.kernel_stacks || hook.user_stacks, HOOK_STACKS),
    ];
    config.flags |= flags.iter().filter(|(wanted, _)| *wanted).fold(0, |all, (_, flag)| all | flag);
    config.agent_tgid = settings.agent_tgid.unwrap_or(0);
    let mut bytes = Vec::new();
    config.write(&mut bytes);
    for mut map in open.maps_mut() {
        if map.name().to_string_lossy().ends_with(".rodata") {
            let target = map
                .initial_value_mut()
                .and_then(|value| value.get_mut(..bytes.len()))
                .ok_or_else(|| incomplete(hook, "room for its constants".into()))?;
            target.copy_from_slice(&bytes);
            return Ok(());
        }
    }
    Err(incomplete(hook, "constants".into()))
}

fn check_layout(object: &Object, hook: &PlannedHook) -> Result<(), LoadError> {
    let btf = object.btf().ok().flatten().ok_or_else(|| incomplete(hook, "type information".into()))?;
    layout::check(&btf, RECORDS).map_err(|source| LoadError::Layout { call: hook.call.clone(), source })
}

fn map<'a>(object: &'a Object, name: &str) -> Option<libbpf_rs::Map<'a>> {
    object.maps().find(|map| map.name() == name)
}

/// Counters and failed helpers of a hook, read after detach.
#[derive(Clone, Debug)]
pub struct HookStatistics {
    /// The counters.
    pub counters: HookCounters,
    /// Counts by site and errno, zero counts left out.
    pub faults: Vec<(FaultSite, usize, u64)>,
}

impl LoadedHook {
    /// Reads the hook's counters and fault table.
    ///
    /// # Errors
    /// When the kernel does not give them.
    pub fn statistics(&self) -> libbpf_rs::Result<HookStatistics> {
        let missing = || libbpf_rs::Error::from(std::io::Error::other("the object has no counters"));
        let bss = self
            .object
            .maps()
            .find(|map| map.name().to_string_lossy().ends_with(".bss"))
            .ok_or_else(missing)?;
        let bytes = bss.lookup(&0_u32.to_le_bytes(), MapFlags::ANY)?.ok_or_else(missing)?;
        let btf = self.object.btf()?.ok_or_else(missing)?;
        let at = |name: &str| section_offset(&btf, ".bss", name).ok_or_else(missing);
        let counters =
            HookCounters::read(bytes.get(at("counters")?..).unwrap_or_default()).ok_or_else(missing)?;
        let rows = at("faults")?;
        let mut faults = Vec::new();
        for site in FaultSite::ALL.iter().take(FAULT_SITES as usize) {
            let start = rows + site.number() as usize * FaultRow::SIZE;
            let row = FaultRow::read(bytes.get(start..).unwrap_or_default()).ok_or_else(missing)?;
            let counted = row.errno.iter().enumerate().filter(|(_, count)| **count > 0);
            faults.extend(counted.map(|(errno, count)| (*site, errno, *count)));
        }
        Ok(HookStatistics { counters, faults })
    }
}

/// Where a global lies in its section, from the object's type information.
fn section_offset(btf: &libbpf_rs::btf::Btf<'_>, section: &str, name: &str) -> Option<usize> {
    let data: libbpf_rs::btf::types::DataSec<'_> = btf.type_by_name(section)?;
    data.iter().find_map(|entry| {
        let variable: libbpf_rs::btf::types::Var<'_> = btf.type_by_id(entry.ty)?;
        (variable.name()? == name).then_some(entry.offset as usize)
    })
}
