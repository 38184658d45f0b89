//! Random calls of a hook, close to what its policy names: the interesting ones differ from a value by one byte, one bit or
//! one number.

mod bytes;
mod near;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use quell::model::context::{Argument, Capabilities, Connection, Context, PidNamespace, Process, Value};
use quell::policy::ast::{Arg, ArgType, Hook, Network, TypeClass};

use crate::dice::Dice;
use near::Near;

/// Types of files, S_IF* bits.
const FILE_TYPES: [u32; 7] = [0o100_000, 0o040_000, 0o120_000, 0o020_000, 0o060_000, 0o010_000, 0o140_000];

/// Inode numbers of the host's namespaces, for all calls on one machine.
#[must_use]
pub fn host_namespaces(dice: &mut Dice) -> [u32; 10] {
    std::array::from_fn(|_| dice.pick(&[4_026_531_835, 4_026_531_836, 4_026_531_837, 1, u32::MAX]))
}

/// One call of the hook, on a machine with these namespaces.
#[must_use]
pub fn draw(dice: &mut Dice, hook: &Hook, host_namespaces: [u32; 10]) -> Context {
    let near = Near::of(hook);
    let process = process(dice, &near.pids, None);
    let generations = dice.pick(&[0_usize, 1, 1, 2, 3, 8, 9, 10, 12]);
    let ancestors =
        (0..generations).map(|_| self::process(dice, &near.pids, Some(process.namespace))).collect();
    let namespaces_at_exec = namespaces(dice, &near.namespaces);
    let mut own = if dice.one_in(2) { namespaces_at_exec } else { namespaces(dice, &near.namespaces) };
    for (number, host) in own.iter_mut().zip(host_namespaces) {
        if dice.one_in(3) {
            *number = host;
        }
    }
    if dice.one_in(2) {
        // The initial user namespace, the last of them.
        own[9] = 0xEFFF_FFFD;
    }
    let capabilities_at_exec = capabilities(dice, &near.masks);
    let now = if dice.one_in(2) { capabilities_at_exec } else { capabilities(dice, &near.masks) };
    Context {
        process,
        ancestors,
        executable: executable(dice, &near.executables),
        parent_executable: executable(dice, &near.parent_executables),
        followed: followed(dice, &near.followed),
        namespaces: own,
        host_namespaces,
        namespaces_at_exec,
        capabilities: now,
        capabilities_at_exec,
        at_exec_unknown: dice.one_in(12),
        args: (0..hook.args.len()).map(|at| argument(dice, &near.args[at], &hook.args[at])).collect(),
        returned: hook.returned.as_ref().map(|arg| argument(dice, &near.returned, arg)),
    }
}

/// A relative is mostly in the same PID namespace.
fn process(dice: &mut Dice, ids: &[u32], relative: Option<PidNamespace>) -> Process {
    let id = match relative {
        Some(PidNamespace::Child { id, .. }) if !dice.one_in(8) => id,
        Some(PidNamespace::Initial) if !dice.one_in(8) => 0,
        _ => dice.pick(&[0, 0, 1, 2]),
    };
    let tgid = dice.pick(ids);
    let namespace = match id {
        0 => PidNamespace::Initial,
        id => PidNamespace::Child { id, tgid: dice.pick(ids) },
    };
    Process { tgid, namespace }
}

fn namespaces(dice: &mut Dice, near: &[u32]) -> [u32; 10] {
    std::array::from_fn(|_| dice.pick(near))
}

fn capabilities(dice: &mut Dice, masks: &[u64]) -> Capabilities {
    let mut set = || bits(dice, masks);
    Capabilities { permitted: set(), effective: set(), inheritable: set() }
}

/// Bits around those that the policy names, of the 41 that there are.
fn bits(dice: &mut Dice, masks: &[u64]) -> u64 {
    const ALL: u64 = (1 << 41) - 1;
    let named = if masks.is_empty() { dice.bits() } else { dice.pick(masks) };
    let one = 1_u64 << dice.below(41);
    ALL & match dice.below(8) {
        0 => 0,
        1 => u64::MAX,
        2 => named,
        3 => !named,
        4 => named & dice.bits(),
        5 => named ^ one,
        6 => one,
        _ => dice.bits(),
    }
}

fn executable(dice: &mut Dice, near: &[Vec<u8>]) -> Argument {
    let file_type = dice.pick(&[Some(FILE_TYPES[0]), None]);
    let value = match dice.below(20) {
        0 => Value::KernelFault,
        1 => Value::Disconnected,
        2 => Value::NoPath,
        3 | 4 => Value::Cut(bytes::end_of_path(dice, near)),
        _ => Value::Whole(bytes::near_path(dice, near)),
    };
    Argument { value, file_type }
}

fn followed(dice: &mut Dice, near: &[Vec<u8>]) -> Vec<Vec<u8>> {
    (0..dice.below(4)).map(|_| bytes::near_path(dice, near)).collect()
}

fn argument(dice: &mut Dice, near: &near::OfArgument, arg: &Arg) -> Argument {
    let plain = |value| Argument { value, file_type: None };
    match arg.ty.class() {
        TypeClass::Integer { signed, bits } => {
            plain(Value::Integer(number(dice, &near.numbers, signed, bits)))
        }
        TypeClass::Capabilities if dice.one_in(16) => plain(Value::KernelFault),
        TypeClass::Capabilities => plain(Value::Integer(capability_set(dice, &near.numbers))),
        TypeClass::Text => plain(bytes::text(dice, &near.strings)),
        TypeClass::Path => bytes::path(dice, &near.strings, arg.ty == ArgType::Fd, &FILE_TYPES),
        TypeClass::Connection | TypeClass::Address => {
            plain(connection(dice, near, arg.ty.class() == TypeClass::Address))
        }
        TypeClass::Nothing => plain(Value::Integer(0)),
    }
}

/// Capability sets are compared whole as well, so the very values that the policy names come often.
fn capability_set(dice: &mut Dice, near: &[u64]) -> u64 {
    if !near.is_empty() && dice.one_in(3) { dice.pick(near) } else { bits(dice, near) }
}

/// A number that the type can have.
fn number(dice: &mut Dice, near: &[u64], signed: bool, bits: u8) -> u64 {
    let anything = dice.bits();
    let base = if near.is_empty() { anything } else { dice.pick(near) };
    let number = match dice.below(9) {
        0..=2 => base,
        3 => base.wrapping_add(1),
        4 => base.wrapping_sub(1),
        5 => base ^ (1 << dice.below(64)),
        6 => base.wrapping_neg(),
        7 => dice.pick(&[0, 1, u64::MAX, 1 << 63, (1 << 63) - 1, 1 << 31, u64::from(u32::MAX)]),
        _ => anything,
    };
    let spare = 64 - u32::from(bits);
    if signed { (number.cast_signed() << spare >> spare).cast_unsigned() } else { number << spare >> spare }
}

fn connection(dice: &mut Dice, near: &near::OfArgument, address_only: bool) -> Value {
    match dice.below(24) {
        0 => return Value::KernelFault,
        1 if address_only => return Value::UserFault,
        _ => {}
    }
    let number = |dice: &mut Dice, known: &[u32]| {
        let mut from = known.to_vec();
        from.extend(near.numbers.iter().filter_map(|number| u32::try_from(*number).ok()));
        dice.pick(&from)
    };
    let source = address(dice, &near.networks);
    let source_port = port(dice, &near.ranges);
    let mut seen =
        Connection { family: number(dice, &[2, 10, 1, 16]), source, source_port, ..Connection::default() };
    if !address_only {
        seen.protocol = number(dice, &[6, 17, 1, 58, 255]);
        seen.state = number(dice, &[1, 2, 7, 10, 0]);
        seen.destination = address(dice, &near.networks);
        seen.destination_port = port(dice, &near.ranges);
    }
    Value::Connection(seen)
}

/// An address in, at the edge of, or next to a network that the policy names. Never an IPv4-mapped one: those are read as
/// the IPv4 address that they are.
fn address(dice: &mut Dice, near: &[Network]) -> Option<IpAddr> {
    if dice.one_in(12) {
        return None;
    }
    if near.is_empty() || dice.one_in(6) {
        let any = u128::from(dice.bits()) << 64 | u128::from(dice.bits());
        let address = if dice.one_in(2) {
            IpAddr::V4(Ipv4Addr::from_bits(dice.bits32()))
        } else {
            IpAddr::V6(Ipv6Addr::from_bits(any))
        };
        return Some(address);
    }
    let network = dice.pick(near);
    let drawn = match network.address {
        IpAddr::V4(address) => {
            let bits = u128::from(address.to_bits()) << 96;
            let moved = moved(dice, bits, network.bits) >> 96;
            IpAddr::V4(Ipv4Addr::from_bits(u32::try_from(moved).unwrap_or_default()))
        }
        IpAddr::V6(address) => {
            let drawn = Ipv6Addr::from_bits(moved(dice, address.to_bits(), network.bits));
            drawn.to_ipv4_mapped().map_or(IpAddr::V6(drawn), IpAddr::V4)
        }
    };
    // The same bytes in the other family.
    Some(match drawn {
        IpAddr::V4(address) if dice.one_in(10) => {
            IpAddr::V6(Ipv6Addr::from_bits(u128::from(address.to_bits()) << 96))
        }
        other => other,
    })
}

/// An address with its first bits at the top of 128: inside of the network, or with one bit of the prefix changed.
fn moved(dice: &mut Dice, address: u128, bits: u8) -> u128 {
    let behind = u128::MAX.checked_shr(u32::from(bits)).unwrap_or(0);
    let any = u128::from(dice.bits()) << 64 | u128::from(dice.bits());
    let inside = match dice.below(3) {
        0 => address,
        1 => address | behind,
        _ => address | any & behind,
    };
    if bits > 0 && dice.one_in(3) {
        let last = bits - 1;
        let changed = dice.below(usize::from(bits));
        let at = dice.pick(&[usize::from(last), usize::from(last), 0, changed]);
        return inside ^ (1 << (127 - at));
    }
    inside
}

fn port(dice: &mut Dice, near: &[(u64, u64)]) -> Option<u16> {
    if dice.one_in(8) {
        return None;
    }
    let any = dice.bits();
    let (low, high) = if near.is_empty() { (any, any) } else { dice.pick(near) };
    let drawn = match dice.below(10) {
        0 => low,
        1 => high,
        2 => low.wrapping_sub(1),
        3 => high.wrapping_add(1),
        4 => low.wrapping_add(high.wrapping_sub(low) / 2),
        5 => dice.pick(&[0, 1, 1023, 1024, 65535]),
        6 => low.swap_bytes() >> 48,
        _ => any,
    };
    u16::try_from(drawn & 0xffff).ok()
}
