//! Connections: addresses, ports, protocol, family and state.

use std::net::IpAddr;

use super::answer::Answer;
use super::context::Connection;
use crate::policy::ast::{Network, Operator, Values};

/// Ports below this one are privileged.
const FIRST_UNPRIVILEGED_PORT: u16 = 1024;

/// A positive operator, or its negation.
pub(super) fn answer(connection: &Connection, op: Operator, negated: bool, values: &Values) -> Answer {
    let source = (connection.source, connection.source_port);
    let destination = (connection.destination, connection.destination_port);
    let holds = match op {
        Operator::SAddr => end(source, |address, _| in_networks(address, values)),
        Operator::DAddr => end(destination, |address, _| in_networks(address, values)),
        Operator::SPort => end(source, |_, port| in_ranges(port, values)),
        Operator::DPort => end(destination, |_, port| in_ranges(port, values)),
        Operator::SPortPriv => end(source, |_, port| port < FIRST_UNPRIVILEGED_PORT),
        Operator::DPortPriv => end(destination, |_, port| port < FIRST_UNPRIVILEGED_PORT),
        Operator::Protocol => Some(listed(connection.protocol, values)),
        Operator::Family => Some(listed(connection.family, values)),
        Operator::State => Some(listed(connection.state, values)),
        _ => None,
    };
    // An end that is not there is neither in nor outside of anything.
    holds.map_or(Answer::No, |holds| Answer::decided(holds).negated_if(negated))
}

/// What is asked of one end; `None` when it has no address.
fn end((address, port): (Option<IpAddr>, u16), holds: impl Fn(IpAddr, u16) -> bool) -> Option<bool> {
    address.map(|address| holds(address, port))
}

fn in_networks(address: IpAddr, values: &Values) -> bool {
    match values {
        Values::Networks(networks) => networks.iter().any(|network| contains(network, address)),
        _ => false,
    }
}

/// Whether the leading bits agree; an IPv4 address is in no IPv6 network and the other way round.
pub(super) fn contains(network: &Network, address: IpAddr) -> bool {
    let (differing, width) = match (network.address, address) {
        (IpAddr::V4(network), IpAddr::V4(address)) => (u128::from(network.to_bits() ^ address.to_bits()), 32),
        (IpAddr::V6(network), IpAddr::V6(address)) => (network.to_bits() ^ address.to_bits(), 128),
        _ => return false,
    };
    let behind: u32 = width - u32::from(network.bits).min(width);
    // Shifting by the whole width leaves nothing to differ.
    differing.checked_shr(behind).unwrap_or(0) == 0
}

fn in_ranges(port: u16, values: &Values) -> bool {
    match values {
        Values::Ranges(ranges) => {
            ranges.iter().any(|(least, greatest)| (*least..=*greatest).contains(&u64::from(port)))
        }
        _ => false,
    }
}

fn listed(number: u32, values: &Values) -> bool {
    matches!(values, Values::Integers(numbers) if numbers.contains(&u64::from(number)))
}
