//! `resolve`: members and indexes of a policy become offsets, by the kernel's type information.
//!
//! A path starts at a word: an argument of the hooked function, the calling task, the registers at the hook. What the word
//! points to has a type, in which the first step is looked up; a pointer on the way is followed by reading the word that it
//! is. The kernel side knows nothing of types: it adds offsets and reads words.

use libbpf_rs::btf::types::{Array, Composite, Func, FuncProto, MemberAttr, Ptr, Struct, Typedef};
use libbpf_rs::btf::{Btf, BtfKind, BtfType, ReferencesType};
use quell_wire::hook::HookConfig;
use quell_wire::limits::MAX_STEPS;

use super::resolve_error::{Cause, ResolveError};
use super::resolve_value::{self as value, describe};
use crate::policy::ast::{Arg, ArgSource, Hook, HookPoint, Step};

const STEPS: usize = MAX_STEPS as usize;

/// Fills in how the arguments of a hook with `resolve` are reached: offsets, and the width of the last one. The others are
/// left as they are. The function is the one that the policy names, whatever its plan attaches to: an argument has the same
/// type there.
///
/// `source: pt_regs` are the registers at the hook itself: the kernel's where a kernel function is entered, the caller's at a
/// function of a program.
///
/// # Errors
/// The first argument whose path the kernel's types do not have, or that ends at something else than the policy reads.
pub fn resolve(btf: &Btf<'_>, hook: &Hook, config: &mut HookConfig) -> Result<(), ResolveError> {
    for (position, arg) in hook.args.iter().enumerate().filter(|(_, arg)| !arg.resolve.is_empty()) {
        let wrong = |cause| ResolveError { arg: position, span: arg.span, cause };
        let found = start(btf, hook, arg).and_then(|start| follow(btf, start, arg)).map_err(wrong)?;
        let too_many = || wrong(Cause::TooManySteps { steps: found.offsets.len() });
        let slots = config.arg_step.chunks_exact_mut(STEPS).nth(position).ok_or_else(too_many)?;
        let used = slots.get_mut(..found.offsets.len()).ok_or_else(too_many)?;
        used.copy_from_slice(&found.offsets);
        config.arg_steps[position] = u32::try_from(found.offsets.len()).unwrap_or(MAX_STEPS);
        config.arg_width[position] = found.width;
    }
    Ok(())
}

/// Whether an argument of the hook needs the registers at the hook, which only probes have.
#[must_use]
pub fn needs_registers(hook: &Hook) -> bool {
    hook.args.iter().any(|arg| arg.source == ArgSource::Registers)
}

/// How an argument is reached.
struct Found {
    /// A word is read at each but the last.
    offsets: Vec<u32>,
    /// Bytes to read at the last one; 0: its address is the argument.
    width: u32,
}

/// What the starting word points to.
fn start<'btf>(btf: &'btf Btf<'btf>, hook: &Hook, arg: &Arg) -> Result<BtfType<'btf>, Cause> {
    let named = |name: &str| {
        let found: Option<Struct<'_>> = btf.type_by_name(name);
        found.map(|found| *found).ok_or_else(|| Cause::NoType { name: name.to_owned() })
    };
    match arg.source {
        ArgSource::CurrentTask => named("task_struct"),
        ArgSource::Registers => named("pt_regs"),
        ArgSource::Returned => Err(Cause::Returned),
        ArgSource::Argument(index) => {
            let parameter = parameter(btf, &hook.point, index)?;
            pointee(parameter).ok_or_else(|| Cause::NoPointer {
                what: format!("argument {index}"),
                is: describe(parameter),
            })
        }
    }
}

/// The type of an argument of the hook's function.
fn parameter<'btf>(btf: &'btf Btf<'btf>, point: &HookPoint, index: u8) -> Result<BtfType<'btf>, Cause> {
    let target = point.target();
    if point.is_syscall() || matches!(point, HookPoint::Uprobe { .. } | HookPoint::Usdt { .. }) {
        return Err(Cause::UserMemory);
    }
    let (prototype, first) = match point {
        HookPoint::Kprobe { function, .. } | HookPoint::Fentry { function, .. } => {
            (of_function(btf, function), 0)
        }
        HookPoint::Lsm { hook } => {
            let own = of_function(btf, &format!("bpf_lsm_{hook}"));
            (own.or_else(|| of_function(btf, &format!("security_{hook}"))), 0)
        }
        // The first parameter is what the probe was registered with.
        HookPoint::Tracepoint { event, raw: true, .. } => (of_tracepoint(btf, event), 1),
        HookPoint::Tracepoint { raw: false, .. } | HookPoint::Functions { .. } => {
            return Err(Cause::Untyped { target });
        }
        HookPoint::Uprobe { .. } | HookPoint::Usdt { .. } => return Err(Cause::UserMemory),
    };
    let prototype = prototype.ok_or_else(|| Cause::NotDescribed { target: target.clone() })?;
    let taken = prototype.len().saturating_sub(first);
    let parameter = prototype.get(first + usize::from(index)).filter(|_| usize::from(index) < taken);
    let ty = parameter.and_then(|parameter| btf.type_by_id::<BtfType<'_>>(parameter.ty));
    ty.map(|ty| ty.skip_mods_and_typedefs()).ok_or(Cause::NoArgument { target, index, taken })
}

fn of_function<'btf>(btf: &'btf Btf<'btf>, name: &str) -> Option<FuncProto<'btf>> {
    let function: Func<'_> = btf.type_by_name(name)?;
    btf.type_by_id(function.referenced_type_id())
}

/// The kernel has a typedef of the function that each raw tracepoint calls.
fn of_tracepoint<'btf>(btf: &'btf Btf<'btf>, event: &str) -> Option<FuncProto<'btf>> {
    let typedef: Typedef<'_> = btf.type_by_name(&format!("btf_trace_{event}"))?;
    let pointer = typedef.skip_mods_and_typedefs();
    FuncProto::try_from(pointee(pointer)?).ok()
}

/// Goes through the steps of an argument.
fn follow<'btf>(btf: &'btf Btf<'btf>, start: BtfType<'btf>, arg: &Arg) -> Result<Found, Cause> {
    let (mut at, mut offset) = (start, 0);
    let mut offsets = Vec::new();
    let mut walked = String::new();
    for step in &arg.resolve {
        if at.kind() == BtfKind::Ptr {
            at = pointee(at).ok_or_else(|| Cause::NoPointer { what: walked.clone(), is: describe(at) })?;
            offsets.push(offset);
            offset = 0;
        }
        let (behind, there) = match step {
            Step::Member(name) => member(btf, at, name, &walked)?,
            Step::Index(index) => element(btf, at, *index, offsets.is_empty() && walked.is_empty(), &walked)?,
        };
        match step {
            Step::Member(name) if walked.is_empty() => walked.push_str(name),
            Step::Member(name) => walked.extend([".", name]),
            Step::Index(index) => walked.push_str(&format!("[{index}]")),
        }
        offset = there.checked_add(offset).ok_or_else(|| Cause::TooFar { what: walked.clone() })?;
        at = behind.skip_mods_and_typedefs();
    }
    let width = value::width(btf, at, arg.ty, &walked)?;
    offsets.push(offset);
    if offsets.len() > STEPS {
        return Err(Cause::TooManySteps { steps: offsets.len() });
    }
    Ok(Found { offsets, width })
}

/// A member by its name, also inside of structs and unions without one: its type, and its offset in bytes.
fn member<'btf>(
    btf: &'btf Btf<'btf>,
    of: BtfType<'btf>,
    name: &str,
    walked: &str,
) -> Result<(BtfType<'btf>, u32), Cause> {
    let (ty, attr, base) = find(btf, of, name).ok_or_else(|| Cause::NoMember {
        name: name.to_owned(),
        of: describe(of),
        members: members(btf, of),
        walked: walked.to_owned(),
    })?;
    match attr {
        MemberAttr::Normal { offset } | MemberAttr::BitField { size: 0, offset } => {
            Ok((ty, base + offset / 8))
        }
        MemberAttr::BitField { size, .. } => Err(Cause::BitField { name: name.to_owned(), bits: size }),
    }
}

fn find<'btf>(
    btf: &'btf Btf<'btf>,
    of: BtfType<'btf>,
    name: &str,
) -> Option<(BtfType<'btf>, MemberAttr, u32)> {
    let composite = Composite::try_from(of).ok()?;
    (0..composite.len()).filter_map(|number| composite.get(number)).find_map(|member| {
        let ty: BtfType<'_> = btf.type_by_id(member.ty)?;
        match member.name.filter(|own| !own.is_empty()) {
            Some(own) => (own == name).then_some((ty, member.attr, 0)),
            None => {
                let MemberAttr::Normal { offset } = member.attr else { return None };
                let (found, attr, base) = find(btf, ty.skip_mods_and_typedefs(), name)?;
                Some((found, attr, base + offset / 8))
            }
        }
    })
}

/// The names of all members.
fn members(btf: &Btf<'_>, of: BtfType<'_>) -> Vec<String> {
    let Ok(composite) = Composite::try_from(of) else { return Vec::new() };
    let inside = (0..composite.len()).filter_map(|number| composite.get(number)).flat_map(|member| {
        match member.name.filter(|own| !own.is_empty()) {
            Some(own) => vec![own.to_string_lossy().into_owned()],
            None => match btf.type_by_id::<BtfType<'_>>(member.ty) {
                Some(ty) => members(btf, ty.skip_mods_and_typedefs()),
                None => Vec::new(),
            },
        }
    });
    inside.collect()
}

/// An element of an array, or of what a pointer points to: its type, and its offset in bytes.
fn element<'btf>(
    btf: &'btf Btf<'btf>,
    of: BtfType<'btf>,
    index: u32,
    behind_pointer: bool,
    walked: &str,
) -> Result<(BtfType<'btf>, u32), Cause> {
    let array = Array::try_from(of).ok();
    let ty = match array {
        Some(array) => array.contained_type(),
        // What a pointer points to may be one of several.
        None if behind_pointer || !of.is_composite() => of,
        None => return Err(Cause::NoArray { what: walked.to_owned(), is: describe(of) }),
    };
    let count = array.map_or(0, |array| array.capacity());
    // An array without a length ends its struct, and is as long as the kernel made it.
    if count > 0 && usize::try_from(index).is_ok_and(|index| index >= count) {
        return Err(Cause::Beyond { what: walked.to_owned(), index, count });
    }
    let bytes = value::bytes(btf, ty.skip_mods_and_typedefs()).and_then(|bytes| bytes.checked_mul(index));
    Ok((ty, bytes.ok_or_else(|| Cause::TooFar { what: walked.to_owned() })?))
}

/// What a pointer points to; `None` for what is no pointer, or one to nothing that is known.
fn pointee(pointer: BtfType<'_>) -> Option<BtfType<'_>> {
    let behind = Ptr::try_from(pointer).ok()?.next_type()?.skip_mods_and_typedefs();
    (behind.kind() != BtfKind::Void).then_some(behind)
}

#[cfg(test)]
#[path = "resolve_tests.rs"]
mod tests;
