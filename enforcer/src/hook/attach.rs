//! Plan to attached programs: all or nothing. Killing hooks attach first and detach last.

use libbpf_rs::query::ProgInfoIter;
use libbpf_rs::{Link, Program};
use quell_bpf::KPROBE_ENTRY;

use super::load::{self, HookStatistics, LoadError, LoadedHook, Settings, SharedMaps};
use super::plan::PlannedHook;
use super::verifier_log;
use crate::kernel::probe;

/// Why hooks could not be attached. Nothing stays attached.
#[derive(Debug, thiserror::Error)]
pub enum AttachError {
    /// A hook could not be loaded.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The kernel refused to attach.
    #[error("failed to attach to {call}: {source}\n{log}")]
    Refused {
        /// The hook.
        call: String,
        /// The loader's error.
        source: libbpf_rs::Error,
        /// What the loader said.
        log: String,
    },
    /// There is nothing to attach.
    #[error("no hook to attach")]
    Nothing,
}

/// Hooks that are in force. Dropping it detaches them.
#[derive(Debug)]
pub struct Attached {
    hooks: Vec<LoadedHook>,
    /// In the order of attaching.
    links: Vec<Link>,
    shared: SharedMaps,
}

/// Hooks that are no longer in force, with what they counted.
#[derive(Debug)]
pub struct Detached {
    /// In the order of the plan: call, counters, skipped runs.
    pub hooks: Vec<HookResult>,
}

/// What one hook counted.
#[derive(Debug)]
pub struct HookResult {
    /// The kernel function.
    pub call: String,
    /// Counters and failed helpers.
    pub statistics: HookStatistics,
    /// Runs of the program that the kernel skipped (`bpf_prog_info.recursion_misses`); `None` on kernels that do not
    /// count them for kprobes (before 6.7).
    pub recursion_misses: Option<u64>,
}

/// Loads every hook, then attaches every hook.
///
/// # Errors
/// The first refusal; whatever was attached by then is detached again, in reverse order.
pub fn attach(plan: &[PlannedHook], settings: Settings) -> Result<Attached, AttachError> {
    if plan.is_empty() {
        return Err(AttachError::Nothing);
    }
    let mut shared = SharedMaps::default();
    let hooks =
        plan.iter().map(|hook| load::load(hook, settings, &mut shared)).collect::<Result<Vec<_>, _>>()?;
    let mut attached = Attached { hooks, links: Vec::new(), shared };
    let mut order: Vec<usize> = (0..attached.hooks.len()).collect();
    order.sort_by_key(|index| attached.hooks.get(*index).is_none_or(|hook| !hook.enforces));
    for index in order {
        let Some(hook) = attached.hooks.get(index) else { continue };
        let link = link(hook)?;
        attached.links.push(link);
    }
    Ok(attached)
}

fn link(hook: &LoadedHook) -> Result<Link, AttachError> {
    let refused = |source, log: &[String]| AttachError::Refused {
        call: hook.call.clone(),
        source,
        log: verifier_log::summary(log, usize::MAX),
    };
    let program = hook
        .object
        .progs_mut()
        .find(|program| program.name() == KPROBE_ENTRY)
        .ok_or_else(|| refused(std::io::Error::other("the object has no entry program").into(), &[]))?;
    let (link, log) = verifier_log::with_log(|| program.attach_kprobe(false, &hook.call));
    link.map_err(|error| refused(error, &log))
}

impl Attached {
    /// The maps that all hooks share.
    #[must_use]
    pub fn shared(&self) -> &SharedMaps {
        &self.shared
    }

    /// Detaches in reverse order of attaching, so that killing hooks go last.
    pub fn detach(&mut self) {
        while let Some(link) = self.links.pop() {
            drop(link);
        }
    }

    /// What every hook counted so far.
    ///
    /// # Errors
    /// When the kernel does not give it.
    pub fn results(&self) -> libbpf_rs::Result<Detached> {
        let counted = probe::counts_skipped_kprobes()?;
        let hooks = self
            .hooks
            .iter()
            .map(|hook| {
                Ok(HookResult {
                    call: hook.call.clone(),
                    statistics: hook.statistics()?,
                    recursion_misses: if counted { Some(recursion_misses(hook)?) } else { None },
                })
            })
            .collect::<libbpf_rs::Result<Vec<_>>>()?;
        Ok(Detached { hooks })
    }
}

impl Drop for Attached {
    fn drop(&mut self) {
        self.detach();
    }
}

fn recursion_misses(hook: &LoadedHook) -> libbpf_rs::Result<u64> {
    let missing = || libbpf_rs::Error::from(std::io::Error::other("the entry program is gone"));
    let entry = hook.object.progs().find(|program| program.name() == KPROBE_ENTRY).ok_or_else(missing)?;
    let id = Program::id_from_fd(std::os::fd::AsFd::as_fd(&entry))?;
    let info = ProgInfoIter::default().find(|info| info.id == id).ok_or_else(missing)?;
    Ok(info.recursion_misses)
}
