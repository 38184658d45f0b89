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
        Operator::SAddr => connection.source.map(|address| in_networks(address, values)),
        Operator::DAddr => connection.destination.map(|address| in_networks(address, values)),
        Operator::SPort => port(source).map(|port| in_ranges(port, values)),
        Operator::DPort => port(destination).map(|port| in_ranges(port, values)),
        Operator::SPortPriv => port(source).map(|port| port < FIRST_UNPRIVILEGED_PORT),
        Operator::DPortPriv => port(destination).map(|port| port < FIRST_UNPRIVILEGED_PORT),
        Operator::Protocol => Some(listed(connection.protocol, values)),
        Operator::Family => Some(listed(connection.family, values)),
        Operator::State => Some(listed(connection.state, values)),
        _ => None,
    };
    // An address or a port that is not there is neither in nor outside of anything.
    holds.map_or(Answer::No, |holds| Answer::decided(holds).negated_if(negated))
}

/// The port of an end that is there.
fn port((address, port): (Option<IpAddr>, Option<u16>)) -> Option<u16> {
    address.and(port)
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
