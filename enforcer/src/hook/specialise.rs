//! The constants of a hook as its mechanism needs them: what the plan leaves to whoever knows the running kernel.

use quell_wire::WireRecord;
use quell_wire::hook::{
    Convention, HOOK_COOKIES, HOOK_MONITOR, HOOK_RATE_LIMITS, HOOK_STACKS, HookConfig, TARGET_BYTES,
};
use quell_wire::limits::MAX_TARGETS;

use super::cast;
use super::load::Settings;
use super::mechanism::{Mechanism, Target};
use super::plan::PlannedHook;
use super::record::{self, FieldsError};
use super::types::{KernelTypes, TypesError};
use crate::kernel::resolve::resolve;
use crate::kernel::resolve_error::ResolveError;
use crate::policy::ast::HookPoint;

/// Why the constants of a hook could not be made.
#[derive(Debug, thiserror::Error)]
pub enum SpecialiseError {
    /// The kernel's description of itself.
    #[error(transparent)]
    Types(#[from] TypesError),
    /// The record of a tracepoint.
    #[error(transparent)]
    Fields(#[from] Box<FieldsError>),
    /// The kernel's structures are not as the policy has them.
    #[error(transparent)]
    Resolve(#[from] Box<ResolveError>),
    /// Nothing to attach to, or too much.
    #[error("a {mechanism} program serves 1 to {most} targets and was given {count}")]
    Targets {
        /// How the hook is served.
        mechanism: &'static str,
        /// Targets of the plan.
        count: usize,
        /// Targets that one load can serve.
        most: usize,
    },
}

/// The constants of a hook, for `.rodata`.
///
/// # Errors
/// When the kernel does not say what they need.
pub(super) fn constants(
    hook: &PlannedHook,
    settings: &Settings,
    types: &KernelTypes,
) -> Result<HookConfig, SpecialiseError> {
    let mut config = hook.compiled.config;
    let flags = [
        (settings.monitor || hook.monitor, HOOK_MONITOR),
        (hook.rate_limits, HOOK_RATE_LIMITS),
        (hook.kernel_stacks || hook.user_stacks, HOOK_STACKS),
        (hook.mechanism == Mechanism::KprobeMulti, HOOK_COOKIES),
    ];
    config.flags |= flags.iter().filter(|(wanted, _)| *wanted).fold(0, |all, (_, flag)| all | flag);
    config.agent_tgid = settings.agent_tgid.unwrap_or(0);
    if hook.hook.args.iter().any(|arg| !arg.resolve.is_empty()) {
        resolve(types.btf()?, &hook.hook, &mut config).map_err(Box::new)?;
    }
    if let (Mechanism::Tracepoint, HookPoint::Tracepoint { subsystem, event, .. }) =
        (hook.mechanism, &hook.hook.point)
    {
        record::of_running(subsystem, event, &hook.hook, &mut config).map_err(Box::new)?;
    }
    targets(hook, types, &mut config)?;
    config.parameters = match (hook.mechanism, hook.targets.as_slice()) {
        (Mechanism::Lsm, [target]) => types.words(&format!("bpf_lsm_{}", target.symbol))?,
        (Mechanism::FmodRet | Mechanism::Fentry, [target]) => types.words(&target.symbol)?,
        _ => 0,
    };
    config.quick_typed = u32::from(is_typed(hook, types, &config)?);
    cast::put(types, &mut config)?;
    config.quick_mounts = settings.initial_mounts;
    Ok(config)
}

/// Whether the verifier knows the type of the argument that the early look is at, so that plain loads read what it points to.
fn is_typed(hook: &PlannedHook, types: &KernelTypes, config: &HookConfig) -> Result<bool, SpecialiseError> {
    if config.target_convention[0] != Convention::Function.number() {
        return Ok(false);
    }
    let Some(structure) = cast::structure(config.quick_type) else { return Ok(false) };
    let position = usize::try_from(config.quick_index).unwrap_or(usize::MAX);
    let pointed_to = match (hook.mechanism, hook.targets.as_slice()) {
        (Mechanism::Lsm, [target]) => types.pointed_to(&format!("bpf_lsm_{}", target.symbol), position)?,
        (Mechanism::FmodRet | Mechanism::Fentry, [target]) => types.pointed_to(&target.symbol, position)?,
        _ => None,
    };
    Ok(pointed_to.as_deref() == Some(structure))
}

/// Targets that one load of a mechanism can serve.
const fn most_targets(mechanism: Mechanism) -> usize {
    match mechanism {
        Mechanism::Kprobe | Mechanism::KprobeOverride => MAX_TARGETS as usize,
        Mechanism::KprobeMulti => usize::MAX,
        _ => 1,
    }
}

/// How a program with several targets knows where it is.
fn targets(hook: &PlannedHook, types: &KernelTypes, config: &mut HookConfig) -> Result<(), SpecialiseError> {
    let (count, most) = (hook.targets.len(), most_targets(hook.mechanism));
    if count == 0 || count > most {
        return Err(SpecialiseError::Targets { mechanism: hook.mechanism.name(), count, most });
    }
    let counted = u32::try_from(count).unwrap_or(u32::MAX);
    let cookies = hook.mechanism == Mechanism::KprobeMulti;
    config.targets = if cookies { 1 } else { counted };
    let places = config.target_convention.iter_mut().zip(&mut config.target_address);
    let mut known = Vec::new();
    for ((convention, address), target) in places.zip(&hook.targets) {
        *convention = target.convention.number();
        if count > 1 && !cookies {
            let begins = types.address(&target.symbol)?;
            *address = if known.contains(&begins) { NOWHERE } else { begins };
            known.push(begins);
        }
    }
    let addresses = config.target_address;
    for (bytes, begins) in config.target_bytes.iter_mut().zip(addresses).take(known.len()) {
        *bytes = bytes_of(begins, &addresses[..known.len()]);
    }
    Ok(())
}

/// How far from its begin a target's probe may be: no further than the next target, because short entries lie nearer to each other
/// than a probe may be.
fn bytes_of(begins: u64, addresses: &[u64]) -> u32 {
    let apart = addresses.iter().map(|other| other.wrapping_sub(begins)).filter(|apart| *apart != 0);
    apart.filter_map(|apart| u32::try_from(apart).ok()).fold(TARGET_BYTES, u32::min)
}

/// The address of a target that is another name of an earlier one. No instruction lies behind it.
const NOWHERE: u64 = u64::MAX;

/// The targets that are functions of their own. A system call without arguments has one entry with a name for every ABI: a
/// program at each of them would run as often.
///
/// # Errors
/// When the kernel does not say where they are.
pub(super) fn distinct(
    mechanism: Mechanism,
    targets: &[Target],
    types: &KernelTypes,
) -> Result<Vec<Target>, TypesError> {
    let several = targets.len() > 1 && matches!(mechanism, Mechanism::Kprobe | Mechanism::KprobeOverride);
    if !several {
        return Ok(targets.to_vec());
    }
    let places = targets.iter().map(|target| types.address(&target.symbol)).collect::<Result<Vec<_>, _>>()?;
    let first = |at: usize| places.iter().position(|place| places.get(at) == Some(place)) == Some(at);
    Ok(targets.iter().enumerate().filter(|(at, _)| first(*at)).map(|(_, target)| target.clone()).collect())
}

/// The constants as bytes.
pub(super) fn bytes(config: &HookConfig) -> Vec<u8> {
    let mut bytes = Vec::new();
    config.write(&mut bytes);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_probe_of_one_target_is_not_behind_the_begin_of_the_next() {
        let addresses = [0x1000, 0x1010, 0x2000, NOWHERE];
        let bytes = addresses.map(|begins| bytes_of(begins, &addresses));
        assert_eq!(bytes[..3], [0x10, TARGET_BYTES, TARGET_BYTES]);
    }
}
