//! Values of numbers, ranges, networks and names, for every operator and type.

use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use quell::policy::ast::{ArgType, Operator, TypeClass};

use super::strings::{Amount, strings};
use crate::dice::Dice;

/// Values of a filter as YAML scalars; none where the operator takes none.
pub(super) fn values(dice: &mut Dice, op: Operator, ty: ArgType, amount: Amount) -> Vec<String> {
    match op {
        Operator::Equal | Operator::NotEqual | Operator::In | Operator::NotIn => match ty.class() {
            TypeClass::Text | TypeClass::Path => strings(dice, op, ty, amount),
            _ => several(dice, amount, |dice, _| number(dice, ty).to_string()),
        },
        Operator::Prefix
        | Operator::NotPrefix
        | Operator::Postfix
        | Operator::NotPostfix
        | Operator::SubString
        | Operator::SubStringIgnCase => strings(dice, op, ty, amount),
        Operator::Gt | Operator::Lt => vec![number(dice, ty).to_string()],
        Operator::Mask => several(dice, few(amount), |dice, _| mask(dice, ty).to_string()),
        Operator::InMap | Operator::NotInMap => several(dice, amount, |dice, many| {
            let short = many || dice.one_in(2);
            range(dice, ty, short)
        }),
        Operator::InRange | Operator::NotInRange => several(dice, amount, |dice, many| range(dice, ty, many)),
        Operator::SAddr | Operator::NotSAddr | Operator::DAddr | Operator::NotDAddr => {
            several(dice, amount, network)
        }
        Operator::SPort | Operator::NotSPort | Operator::DPort | Operator::NotDPort => {
            several(dice, amount, ports)
        }
        Operator::SPortPriv
        | Operator::NotSPortPriv
        | Operator::DPortPriv
        | Operator::NotDPortPriv
        | Operator::CapabilitiesGained => Vec::new(),
        Operator::Protocol => named(dice, &["IPPROTO_TCP", "IPPROTO_UDP", "IPPROTO_ICMP", "IPPROTO_ICMPV6"]),
        Operator::Family => named(dice, &["AF_INET", "AF_INET6", "AF_UNIX"]),
        Operator::State => named(dice, &["TCP_ESTABLISHED", "TCP_SYN_SENT", "TCP_LISTEN", "TCP_CLOSE"]),
        Operator::FileType | Operator::NotFileType => {
            named(dice, &["reg", "dir", "lnk", "chr", "blk", "fifo", "sock"])
        }
    }
}

/// An amount for operators whose values never are a set.
fn few(amount: Amount) -> Amount {
    if matches!(amount, Amount::Many(_)) { Amount::AroundInline } else { amount }
}

/// Different values; `one` is told whether they are so many that each should be small.
fn several(dice: &mut Dice, amount: Amount, mut one: impl FnMut(&mut Dice, bool) -> String) -> Vec<String> {
    let (count, many) = match amount {
        Amount::Few => (1 + dice.below(4), false),
        Amount::AroundInline => (dice.pick(&[15_usize, 16, 17, 63, 64]), false),
        Amount::Many(count) => (count, true),
    };
    let mut seen = HashSet::new();
    let mut values = Vec::new();
    // Small types do not have that many.
    for _ in 0..count * 4 {
        if values.len() == count {
            break;
        }
        let value = one(dice, many);
        if seen.insert(value.clone()) {
            values.push(value);
        }
    }
    values
}

fn named(dice: &mut Dice, names: &[&str]) -> Vec<String> {
    let from = dice.below(names.len());
    let count = 1 + dice.below(names.len() - from);
    names[from..from + count].iter().map(|name| (*name).to_owned()).collect()
}

/// Least and greatest number of a type, as far as a policy may name them.
fn bounds(ty: ArgType) -> (i128, i128) {
    match ty.class() {
        _ if ty == ArgType::Capability => (0, 40),
        TypeClass::Integer { signed: true, bits } => (-(1 << (bits - 1)), (1 << (bits - 1)) - 1),
        TypeClass::Integer { signed: false, bits } => (0, (1 << bits) - 1),
        _ => (0, (1 << 41) - 1),
    }
}

/// A number that the type can have, often one at an edge.
fn number(dice: &mut Dice, ty: ArgType) -> i128 {
    let (least, greatest) = bounds(ty);
    let any = least + i128::from(dice.bits()) % (greatest - least + 1);
    let small = i128::from(dice.byte() % 8);
    let drawn = match dice.below(12) {
        0 => least,
        1 => greatest,
        2 => -1,
        3 => -small,
        4 => greatest - 1,
        5 => 1 << dice.below(63),
        6 => -(1 << dice.below(63)),
        7 => 0x8000_0000,
        8 | 9 => any,
        _ => small,
    };
    drawn.clamp(least, greatest)
}

/// Bits, never none.
fn mask(dice: &mut Dice, ty: ArgType) -> i128 {
    let (_, greatest) = bounds(ty);
    match dice.below(4) {
        0 => 1,
        1 => greatest,
        2 => (1 << dice.below(63)).clamp(1, greatest),
        _ => number(dice, ty).clamp(1, greatest),
    }
}

/// A number, or two of them.
fn range(dice: &mut Dice, ty: ArgType, short: bool) -> String {
    let (least, greatest) = bounds(ty);
    let one = if short && dice.one_in(2) {
        // Many of them should be different ones.
        least + i128::from(dice.bits()) % (greatest - least + 1)
    } else {
        number(dice, ty)
    };
    let other = if short { (one + i128::from(dice.byte() % 16)).min(greatest) } else { number(dice, ty) };
    if one == other { format!("\"{one}\"") } else { format!("\"{}:{}\"", one.min(other), one.max(other)) }
}

fn ports(dice: &mut Dice, short: bool) -> String {
    let port = |dice: &mut Dice| {
        let any = dice.below(65536);
        dice.pick(&[0, 1, 22, 80, 443, 1023, 1024, 8080, 32767, 32768, 65534, 65535, any])
    };
    let one = if short { dice.below(65536) } else { port(dice) };
    let other = if short { (one + dice.below(3)).min(65535) } else { port(dice) };
    if one == other || dice.one_in(2) {
        format!("\"{one}\"")
    } else {
        format!("\"{}:{}\"", one.min(other), one.max(other))
    }
}

/// A network in its shortest form, whose bits behind the prefix are zero. Of many, none holds nearly everything.
fn network(dice: &mut Dice, many: bool) -> String {
    let any6 = u128::from(dice.bits()) << 64 | u128::from(dice.bits());
    let any4 = dice.bits32();
    if dice.one_in(2) {
        let known = dice.pick(&[0x7f00_0001, 0x0a01_0203, 0x0a01_ffff, 0xc0a8_0001, 0, u32::MAX, any4]);
        let address = if many && dice.one_in(2) { any4 } else { known };
        let any = u8::try_from(dice.below(33)).unwrap_or(32);
        let bits = dice.pick(&[0, 1, 7, 8, 9, 16, 24, 31, 32, 32, 32, any]).max(if many { 20 } else { 0 });
        let kept = address & u32::MAX.checked_shl(32 - u32::from(bits)).unwrap_or(0);
        return shown(IpAddr::V4(Ipv4Addr::from(kept)), bits, 32);
    }
    let documentation = 0x2001_0db8_u128 << 96;
    let known = dice.pick(&[1, documentation, documentation | 1, 0xfe80 << 112 | 7, 0, u128::MAX, any6]);
    let any = u8::try_from(dice.below(129)).unwrap_or(128);
    let address = if many && dice.one_in(2) { any6 } else { known };
    let bits =
        dice.pick(&[0, 1, 10, 31, 32, 33, 63, 64, 65, 96, 127, 128, 128, any]).max(if many { 20 } else { 0 });
    let kept = address & u128::MAX.checked_shl(128 - u32::from(bits)).unwrap_or(0);
    shown(IpAddr::V6(Ipv6Addr::from(kept)), bits, 128)
}

fn shown(address: IpAddr, bits: u8, all: u8) -> String {
    if bits == all { format!("\"{address}\"") } else { format!("\"{address}/{bits}\"") }
}

#[cfg(test)]
mod tests {
    use quell::policy::typing::applies;

    use super::*;

    #[test]
    fn every_pair_of_the_table_has_values_or_an_operator_that_takes_none() {
        let mut dice = Dice::new(3);
        for op in Operator::ALL {
            for ty in ArgType::ALL.into_iter().filter(|ty| applies(*op, *ty)) {
                for amount in [Amount::Few, Amount::AroundInline, Amount::Many(100)] {
                    let drawn = values(&mut dice, *op, ty, amount);
                    let distinct: HashSet<_> = drawn.iter().collect();
                    assert_eq!(distinct.len(), drawn.len(), "{op:?} on {ty:?}");
                }
            }
        }
    }

    #[test]
    fn prefixes_of_no_bits_and_of_all_bits_are_drawn() {
        let mut dice = Dice::new(4);
        let drawn: Vec<String> = (0..2000).map(|_| network(&mut dice, false)).collect();
        assert!(
            drawn.iter().any(|text| text == "\"0.0.0.0/0\"") && drawn.iter().any(|text| text == "\"::/0\"")
        );
        assert!(drawn.iter().any(|text| text == "\"127.0.0.1\""));
    }
}
