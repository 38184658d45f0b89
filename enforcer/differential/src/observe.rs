//! What the kernel side reads of a call, before anything is decided: process ids, and every subject with its status and
//! bytes. What `ebpf/c/process.h` and `ebpf/c/arguments.h` do with a task, done with a context.

use std::net::IpAddr;

use quell::model::context::{Argument, Capabilities, Connection as Seen, Context, Process, Value};
use quell::policy::ast::{Hook, TypeClass};
use quell::selector::compile::CompiledHook;
use quell_wire::WireRecord;
use quell_wire::code::{ArgStatus, Subject};
use quell_wire::hook::{HOOK_FOLLOW_FORKS, HOOK_NAMESPACE_PIDS};
use quell_wire::limits::MAX_ANCESTORS;
use quell_wire::selector::{Connection, FAMILY_4, FAMILY_6, NO_PORT};
use quell_wire::sets::Sets;

/// Ids of the process itself and of its ancestors, nearest first.
pub type Ids = [u32; 1 + MAX_ANCESTORS as usize];

/// One subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subjected {
    /// Which.
    pub subject: Subject,
    /// How reading went.
    pub status: ArgStatus,
    /// The number, extended to 64 bits.
    pub number: u64,
    /// S_IF* bits of a path's file; 0 when they are not known.
    pub mode: u32,
    /// Bytes of a string, or of a [`Connection`].
    pub bytes: Vec<u8>,
    /// Whether the bytes end where a slot ends, as those of a path do, or begin where it begins.
    pub at_end: bool,
}

/// Everything that the evaluator is given of one call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Observation {
    /// In the initial PID namespace.
    pub global: Ids,
    /// In the process's own PID namespace; 0 when that is the initial one.
    pub namespace: Ids,
    /// The subjects that the hook's constants ask for, in their order; the others keep what an earlier call left there.
    pub subjects: Vec<Subjected>,
}

/// Reads what the hook's constants ask for.
#[must_use]
pub fn observe(hook: &Hook, compiled: &CompiledHook, context: &Context) -> Observation {
    let (global, namespace) = ids(compiled.config.flags, context);
    let wanted = |subject: &&Subject| compiled.config.filtered & (1 << subject.number()) != 0;
    let subjects = Subject::ALL.iter().filter(wanted);
    let subjects = subjects.filter_map(|subject| read(*subject, hook, &compiled.sets, context)).collect();
    Observation { global, namespace, subjects }
}

/// The ids that the hook's flags ask for; where an ancestor is missing, the process's own id is repeated.
fn ids(flags: u32, context: &Context) -> (Ids, Ids) {
    let own = context.process;
    let by_namespace = flags & HOOK_NAMESPACE_PIDS != 0;
    let mut global = [own.tgid; _];
    let mut namespace = [if by_namespace { own.namespace_tgid() } else { 0 }; _];
    if flags & HOOK_FOLLOW_FORKS != 0 {
        put(&mut global, context.ancestors.iter().map(|ancestor| ancestor.tgid));
        if by_namespace {
            let inside = context.ancestors.iter().take_while(|ancestor| ancestor.shares_namespace(own));
            put(&mut namespace, inside.copied().map(Process::namespace_tgid));
        }
    }
    (global, namespace)
}

fn put(ids: &mut Ids, ancestors: impl Iterator<Item = u32>) {
    for (slot, id) in ids[1..].iter_mut().zip(ancestors) {
        *slot = id;
    }
}

fn read(subject: Subject, hook: &Hook, sets: &Sets, context: &Context) -> Option<Subjected> {
    let number = |number: u64| Subjected {
        subject,
        status: ArgStatus::Ok,
        number,
        mode: 0,
        bytes: Vec::new(),
        at_end: false,
    };
    let argument = |position: usize| {
        let path = hook.args.get(position)?.ty.class() == TypeClass::Path;
        Some(of_argument(subject, context.args.get(position)?, path))
    };
    let namespace = |position: usize| number(u64::from(context.namespaces[position]));
    let (now, before) = (context.capabilities, context.capabilities_at_exec);
    let at_exec = |bits: u64| {
        let status = if context.at_exec_unknown { ArgStatus::KernelFault } else { ArgStatus::Ok };
        Subjected { status, ..number(bits) }
    };
    let changed = |of: fn(Capabilities) -> u64| at_exec(of(now) ^ of(before));
    Some(match subject {
        Subject::Arg0 => argument(0)?,
        Subject::Arg1 => argument(1)?,
        Subject::Arg2 => argument(2)?,
        Subject::Arg3 => argument(3)?,
        Subject::Arg4 => argument(4)?,
        Subject::Executable => of_argument(subject, &context.executable, true),
        Subject::ParentExecutable => of_argument(subject, &context.parent_executable, true),
        Subject::Returned => {
            let path = hook.returned.as_ref()?.ty.class() == TypeClass::Path;
            of_argument(subject, context.returned.as_ref()?, path)
        }
        Subject::NsUts => namespace(0),
        Subject::NsIpc => namespace(1),
        Subject::NsMnt => namespace(2),
        Subject::NsPid => namespace(3),
        Subject::NsPidForChildren => namespace(4),
        Subject::NsNet => namespace(5),
        Subject::NsTime => namespace(6),
        Subject::NsTimeForChildren => namespace(7),
        Subject::NsCgroup => namespace(8),
        Subject::NsUser => namespace(9),
        Subject::CapPermitted => number(now.permitted),
        Subject::CapEffective => number(now.effective),
        Subject::CapInheritable => number(now.inheritable),
        Subject::ChangedNamespaces => {
            let pairs = context.namespaces.iter().zip(&context.namespaces_at_exec).enumerate();
            at_exec(pairs.filter(|(_, (now, then))| now != then).map(|(bit, _)| 1 << bit).sum())
        }
        Subject::ChangedPermitted => changed(|set| set.permitted),
        Subject::ChangedEffective => changed(|set| set.effective),
        Subject::ChangedInheritable => changed(|set| set.inheritable),
        Subject::FollowedBinaries => number(followed(sets, context)),
    })
}

/// Bit N - 1: an executable that ran is in the set with number N.
fn followed(sets: &Sets, context: &Context) -> u64 {
    let mut bits = 0;
    for member in &sets.strings {
        let length = usize::try_from(member.length).unwrap_or(usize::MAX);
        let Some(path) = member.bytes.get(..length) else { continue };
        if (1..=64).contains(&member.set) && context.followed.iter().any(|ran| ran == path) {
            bits |= 1 << (member.set - 1);
        }
    }
    bits
}

fn of_argument(subject: Subject, argument: &Argument, at_end: bool) -> Subjected {
    let mut out = Subjected {
        subject,
        status: ArgStatus::Ok,
        number: 0,
        mode: argument.file_type.unwrap_or(0),
        bytes: Vec::new(),
        at_end: false,
    };
    match &argument.value {
        Value::Integer(number) => out.number = *number,
        Value::Whole(bytes) => (out.bytes, out.at_end) = (bytes.clone(), at_end),
        Value::Cut(bytes) => {
            (out.status, out.bytes, out.at_end) = (ArgStatus::Truncated, bytes.clone(), at_end);
        }
        Value::Connection(seen) => connection(seen).write(&mut out.bytes),
        Value::UserFault => out.status = ArgStatus::UserFault,
        Value::KernelFault => out.status = ArgStatus::KernelFault,
        Value::Disconnected => out.status = ArgStatus::Disconnected,
        Value::NoPath => out.status = ArgStatus::NoPath,
        Value::BadFd => out.status = ArgStatus::BadFd,
    }
    out
}

fn connection(seen: &Seen) -> Connection {
    let (source_family, source_address) = address(seen.source);
    let (destination_family, destination_address) = address(seen.destination);
    Connection {
        family: seen.family,
        protocol: seen.protocol,
        state: seen.state,
        source_port: seen.source_port.map_or(NO_PORT, u32::from),
        destination_port: seen.destination_port.map_or(NO_PORT, u32::from),
        source_family,
        destination_family,
        source_address,
        destination_address,
        ..Connection::default()
    }
}

/// Family tag and bytes, as they are read from a socket: an address that an IPv6 socket sees as ::ffff:a.b.c.d is the
/// IPv4 one.
fn address(seen: Option<IpAddr>) -> (u32, [u8; 16]) {
    let mut bytes = [0; 16];
    match seen.map(|address| address.to_canonical()) {
        None => (0, bytes),
        Some(IpAddr::V4(address)) => {
            bytes[..4].copy_from_slice(&address.octets());
            (FAMILY_4, bytes)
        }
        Some(IpAddr::V6(address)) => (FAMILY_6, address.octets()),
    }
}
