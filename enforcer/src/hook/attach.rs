//! Plan to attached programs: all or nothing. Hooks that stop or refuse attach first and detach last.
//!
//! A call that one program refuses does not come to those behind it. Of several at one place the kernel runs the youngest
//! first, both of kprobes (`list_add_rcu` in `add_new_kprobe`) and of trampolines (`hlist_add_head` in
//! `bpf_trampoline_link_prog`): so what refuses attaches before everything else.

use std::collections::BTreeMap;

use libbpf_rs::query::{LinkTypeInfo, PerfEventType, ProgInfoIter};
use libbpf_rs::{Link, Program};

use super::link;
use super::load::{self, HookStatistics, LoadError, LoadedHook, Settings};
use super::mechanism::Mechanism;
use super::plan::{Plan, PlannedHook};
use super::program_size::ProgramSize;
use super::types::{Counted, KernelTypes, TypesError};
use super::user_program::UserProgramError;
use quell_wire::hook::{HOOK_ENFORCER, HOOK_OVERRIDES};

pub use super::shared::SharedMaps;

/// Security modules that the kernel asks.
const SECURITY_MODULES: &str = "/sys/kernel/security/lsm";

/// Why hooks could not be attached. Nothing stays attached.
#[derive(Debug, thiserror::Error)]
pub enum AttachError {
    /// A hook could not be loaded.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The kernel refused to attach.
    #[error("failed to attach {call} to {target} as {mechanism}: {source}{advice}\n{log}")]
    Refused {
        /// The hook.
        call: String,
        /// What it was to be attached to.
        target: String,
        /// How.
        mechanism: &'static str,
        /// The loader's error.
        source: libbpf_rs::Error,
        /// What there is instead, on a line of its own, or nothing.
        advice: String,
        /// What the loader said.
        log: String,
    },
    /// The place in a user program is none.
    #[error("failed to attach {call}")]
    UserProgram {
        /// The hook.
        call: String,
        /// Why.
        source: UserProgramError,
    },
    /// The object lacks a program, or the hook is not what its mechanism serves.
    #[error("there is no program {program} for {call}")]
    Incomplete {
        /// The hook.
        call: String,
        /// What is missing.
        program: &'static str,
    },
    /// The kernel would take the program and never run it.
    #[error(
        "{call} would never run: `bpf` is not among the active security modules ({active}); boot with it in lsm=, or hook \
         the function security_{call}"
    )]
    Inactive {
        /// The hook.
        call: String,
        /// The modules that are.
        active: String,
    },
    /// There is nothing to attach.
    #[error("no hook to attach")]
    Nothing,
}

/// Why the counters could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ResultsError {
    /// The kernel does not give them.
    #[error(transparent)]
    Kernel(#[from] libbpf_rs::Error),
    /// It is not known what it counts.
    #[error(transparent)]
    Types(#[from] TypesError),
}

/// Hooks that are in force. Dropping it detaches them.
#[derive(Debug)]
pub struct Attached {
    hooks: Vec<LoadedHook>,
    /// In the order of attaching, each with the position of its hook.
    links: Vec<(usize, Link)>,
    shared: SharedMaps,
    types: KernelTypes,
    /// By hook, calls that its links missed; known once they are gone.
    missed: Vec<Option<u64>>,
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
    /// count them (for trampolines before 5.12, for kprobes before 6.7).
    pub recursion_misses: Option<u64>,
    /// Calls that never came to the program because the kernel was handling another probe; `None` where it does not count them
    /// (before 6.7), or where there can be none.
    pub missed: Option<u64>,
    /// How large its programs are.
    pub programs: BTreeMap<String, ProgramSize>,
}

/// Loads every hook of every policy, then attaches every hook. `shared` has the maps that were created before.
///
/// # Errors
/// The first refusal; whatever was attached by then is detached again, in reverse order.
pub fn attach(plans: &[Plan], settings: &Settings, mut shared: SharedMaps) -> Result<Attached, AttachError> {
    let mut types = KernelTypes::new(settings.opening.btf.clone());
    let mut hooks = Vec::new();
    let mut ranks = Vec::new();
    for (policy, plan) in plans.iter().enumerate() {
        for hook in &plan.hooks {
            check_active(hook)?;
            ranks.push(rank(hook));
            hooks.push(load::load(hook, policy, settings, &types, &mut shared)?);
        }
    }
    if hooks.is_empty() {
        return Err(AttachError::Nothing);
    }
    // Asked while the types are at hand. Where they can't be read, the results will say so.
    _ = types.counted();
    types.forget();
    let missed = vec![None; hooks.len()];
    let mut attached = Attached { hooks, links: Vec::new(), shared, types, missed };
    let mut order: Vec<usize> = (0..attached.hooks.len()).collect();
    order.sort_by_key(|index| ranks.get(*index).copied());
    for (part, index) in
        link::Part::ORDER.iter().flat_map(|part| order.iter().map(move |index| (*part, *index)))
    {
        let Some(hook) = attached.hooks.get(index) else { continue };
        let mut links = Vec::new();
        let result = link::attach(hook, part, &mut links);
        attached.links.extend(links.into_iter().map(|link| (index, link)));
        result?;
    }
    Ok(attached)
}

/// Enforcers, to which others leave notes, come before those; then what refuses; then what stops in another way, so that it runs
/// before a refusal ends the call; then what only watches.
pub(super) fn rank(hook: &PlannedHook) -> u8 {
    let flags = hook.compiled.config.flags;
    if flags & HOOK_ENFORCER != 0 {
        0
    } else if flags & HOOK_OVERRIDES != 0 {
        1
    } else if hook.enforces() {
        2
    } else {
        3
    }
}

/// An LSM program attaches on every kernel that knows its kind, also where nothing asks it.
fn check_active(hook: &PlannedHook) -> Result<(), AttachError> {
    if hook.mechanism != Mechanism::Lsm {
        return Ok(());
    }
    // Where securityfs is not mounted, what the plan went by stands.
    let Ok(active) = std::fs::read_to_string(SECURITY_MODULES) else { return Ok(()) };
    if active.trim().split(',').any(|module| module == "bpf") {
        return Ok(());
    }
    Err(AttachError::Inactive { call: hook.call.clone(), active: active.trim().to_owned() })
}

impl Attached {
    /// The maps that all hooks share.
    #[must_use]
    pub fn shared(&self) -> &SharedMaps {
        &self.shared
    }

    /// Detaches in reverse order of attaching, so that what stops or refuses goes last.
    pub fn detach(&mut self) {
        while let Some((hook, link)) = self.links.pop() {
            if let Some((place, missed)) = self.missed.get_mut(hook).zip(missed(&link)) {
                *place = Some(place.unwrap_or(0) + missed);
            }
            drop(link);
        }
    }

    /// What every hook counted so far.
    ///
    /// # Errors
    /// When the kernel does not give it.
    pub fn results(&self) -> Result<Detached, ResultsError> {
        let Counted { kprobes, trampolines } = self.types.counted()?;
        let hooks = self
            .hooks
            .iter()
            .zip(&self.missed)
            .map(|(hook, missed)| {
                let counted = match hook.mechanism {
                    Mechanism::Lsm | Mechanism::FmodRet | Mechanism::Fentry => trampolines,
                    _ => kprobes,
                };
                Ok(HookResult {
                    call: hook.call.clone(),
                    statistics: hook.statistics()?,
                    recursion_misses: if counted { Some(recursion_misses(hook)?) } else { None },
                    missed: missed.filter(|_| kprobes),
                    programs: hook.sizes()?,
                })
            })
            .collect::<Result<Vec<_>, ResultsError>>()?;
        Ok(Detached { hooks })
    }
}

impl Drop for Attached {
    fn drop(&mut self) {
        self.detach();
    }
}

/// Calls that a kprobe link missed, where there is a link to ask (Linux 5.15; before, there is only a perf event).
fn missed(link: &Link) -> Option<u64> {
    match link.info().ok()?.info {
        LinkTypeInfo::KprobeMulti(info) => Some(info.missed),
        LinkTypeInfo::PerfEvent(info) => match info.event_type {
            PerfEventType::Kprobe { missed, .. } => Some(missed),
            _ => None,
        },
        _ => None,
    }
}

/// Skipped runs of the programs that are attached.
fn recursion_misses(hook: &LoadedHook) -> libbpf_rs::Result<u64> {
    let missing = || libbpf_rs::Error::from(std::io::Error::other("the entry program is gone"));
    let attached = [Some(hook.programs.entry), hook.programs.refusing, hook.programs.returning];
    let mut misses = 0;
    for name in attached.into_iter().flatten() {
        let program = hook.object.progs().find(|program| program.name() == name).ok_or_else(missing)?;
        let id = Program::id_from_fd(std::os::fd::AsFd::as_fd(&program))?;
        misses += ProgInfoIter::default().find(|info| info.id == id).ok_or_else(missing)?.recursion_misses;
    }
    Ok(misses)
}
