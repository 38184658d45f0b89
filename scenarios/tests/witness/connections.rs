//! Sockets, packets and addresses: real ones on the loopback device.
//!
//! A hook that is given the length of an address tells the cases apart by it: the kernel takes a longer one than it needs. Of a
//! packet, the port at the other end tells them apart.

use quell::policy::ast::{ArgType, Operator};
use quell_scenarios::scenario::FileSystem;
use quell_scenarios::step::{SocketKind, Step};
use serde_json::{Value, json};

use super::case::{Case, Hook, Witness, filter, only};

/// The length that tells case 0; the others follow. Larger than that of every address.
const FIRST_LENGTH: u32 = 40;
/// A length that tells no case.
const PLAIN_LENGTH: u32 = 31;
/// The real length of an IPv4 address, at which one IPv6 function calls the IPv4 one.
const MAPPED_LENGTH: u32 = 16;

pub(crate) fn witness(ty: ArgType, operators: &[Operator]) -> Witness {
    let hook = match ty {
        ArgType::Sock => Hook::new("__ip4_datagram_connect", &[ty, ArgType::Nop, ArgType::Int32]),
        ArgType::Socket => Hook::new("security_socket_connect", &[ty, ArgType::Nop, ArgType::Int32]),
        ArgType::Sockaddr => Hook::new("security_socket_connect", &[ArgType::Nop, ty, ArgType::Int32]),
        ArgType::Skb => Hook::new("ip_output", &[ArgType::Nop, ArgType::Nop, ty]),
        other => panic!("no way for {other:?} to get to a hook"),
    };
    let cases = operators.iter().zip(0..).map(|(operator, number)| match ty {
        ArgType::Skb => of_packet(*operator, number),
        ArgType::Sockaddr => of_address(*operator, number),
        _ => of_socket(ty, *operator, number),
    });
    Witness { ty, hook, filesystem: FileSystem::None, files: vec![], before: vec![], cases: cases.collect() }
}

/// Both ends of what a call is about.
#[derive(Clone, Copy)]
struct Ends {
    kind: SocketKind,
    source: (&'static str, u16),
    destination: (&'static str, u16),
    /// Connected before the call that counts.
    connected: bool,
}

fn at((address, port): (&str, u16)) -> String {
    format!("{address}:{port}")
}

/// Values, and what to change in `ends` so that the operator holds and does not.
fn rule(operator: Operator, ends: Ends) -> (Vec<String>, Ends, Ends) {
    let source = |address, port| Ends { source: (address, port), ..ends };
    let destination = |address, port| Ends { destination: (address, port), ..ends };
    let kind = |kind| Ends { kind, ..ends };
    let (from, to) = (ends.source.1, ends.destination.1);
    let values = |list: &[&str]| list.iter().map(|value| (*value).to_owned()).collect();
    match operator {
        Operator::SAddr => (values(&["127.0.0.8/29"]), source("127.0.0.9", from), source("127.0.0.16", from)),
        Operator::NotSAddr => {
            (values(&["127.0.0.8/29"]), source("127.0.0.16", from), source("127.0.0.15", from))
        }
        Operator::DAddr => (
            values(&["10.0.0.0/8", "127.0.0.32/28"]),
            destination("127.0.0.47", to),
            destination("127.0.0.48", to),
        ),
        Operator::NotDAddr => {
            (values(&["127.0.0.32/28"]), destination("127.0.0.48", to), destination("127.0.0.32", to))
        }
        Operator::SPort => (values(&["21000:21010"]), source("127.0.0.1", 21010), source("127.0.0.1", 21011)),
        Operator::NotSPort => {
            (values(&["21000:21010"]), source("127.0.0.1", 21011), source("127.0.0.1", 21000))
        }
        Operator::DPort => {
            (values(&["22000:22010", "9"]), destination("127.0.0.2", 9), destination("127.0.0.2", 22011))
        }
        Operator::NotDPort => {
            (values(&["22000:22010", "9"]), destination("127.0.0.2", 22011), destination("127.0.0.2", 22010))
        }
        Operator::SPortPriv => (vec![], source("127.0.0.1", 1023), source("127.0.0.1", 1024)),
        Operator::NotSPortPriv => (vec![], source("127.0.0.1", 1024), source("127.0.0.1", 1023)),
        Operator::DPortPriv => (vec![], destination("127.0.0.2", 1023), destination("127.0.0.2", 1024)),
        Operator::NotDPortPriv => (vec![], destination("127.0.0.2", 1024), destination("127.0.0.2", 1023)),
        Operator::Protocol => (values(&["IPPROTO_ICMP"]), kind(SocketKind::Icmp4), ends),
        Operator::Family => {
            let six =
                Ends { kind: SocketKind::Udp6, source: ("[::1]", from), destination: ("[::1]", to), ..ends };
            (values(&["AF_INET6"]), six, ends)
        }
        Operator::State => (values(&["TCP_ESTABLISHED"]), ends, Ends { connected: false, ..ends }),
        other => panic!("no values for {other:?} on connections"),
    }
}

fn of_socket(ty: ArgType, operator: Operator, number: u16) -> Case {
    let ends = Ends {
        kind: SocketKind::Udp4,
        source: ("127.0.0.1", 20000 + number),
        destination: ("127.0.0.2", 20500 + number),
        connected: true,
    };
    let (values, mut hit, miss) = rule(operator, ends);
    let mapped = ty == ArgType::Sock && operator == Operator::Family;
    let mut length = Some(FIRST_LENGTH + u32::from(number));
    if mapped {
        hit =
            Ends { source: ("[::ffff:127.0.0.1]", 20600), destination: ("[::ffff:127.0.0.2]", 20601), ..hit };
        length = None;
    }
    let steps = |ends: Ends| {
        let to = at(ends.destination);
        let mut steps =
            vec![Step::Socket { kind: ends.kind }, Step::Bind { to: at(ends.source), without_family: false }];
        if ends.connected && !mapped {
            steps.push(Step::Connect { to: to.clone(), length: Some(PLAIN_LENGTH), refused: false });
        }
        steps.push(Step::Connect { to, length, refused: false });
        steps
    };
    let told = length.unwrap_or(MAPPED_LENGTH);
    Case {
        operator,
        filters: vec![filter(0, operator, &values), only(2, Operator::Equal, &told)],
        other_filters: None,
        hit: steps(hit),
        miss: steps(miss),
        args: vec![json!({"sock_arg": shown(hit, mapped)}), json!({}), json!({"int_arg": told})],
    }
}

fn shown(ends: Ends, not_yet_connected: bool) -> Value {
    let family = if ends.kind == SocketKind::Udp6 { "AF_INET6" } else { "AF_INET" };
    // A raw socket has no ports.
    if not_yet_connected || ends.kind == SocketKind::Icmp4 {
        return json!({"family": family});
    }
    json!({
        "family": family,
        "saddr": ends.source.0.trim_matches(['[', ']']),
        "daddr": ends.destination.0.trim_matches(['[', ']']),
        "sport": ends.source.1,
        "dport": ends.destination.1,
    })
}

/// The address that a connect is given, which counts as the source.
fn of_address(operator: Operator, number: u16) -> Case {
    let ends = Ends {
        kind: SocketKind::Udp4,
        source: ("127.0.0.2", 20500 + number),
        destination: ("127.0.0.2", 20500 + number),
        connected: false,
    };
    let (values, hit, miss) = rule(operator, ends);
    let length = FIRST_LENGTH + u32::from(number);
    let steps = |ends: Ends| {
        vec![
            Step::Socket { kind: ends.kind },
            Step::Connect { to: at(ends.source), length: Some(length), refused: false },
        ]
    };
    let shown =
        json!({"sockaddr_arg": {"addr": hit.source.0.trim_matches(['[', ']']), "port": hit.source.1}});
    Case {
        operator,
        filters: vec![filter(1, operator, &values), only(2, Operator::Equal, &length)],
        other_filters: None,
        hit: steps(hit),
        miss: steps(miss),
        args: vec![json!({}), shown, json!({"int_arg": length})],
    }
}

fn of_packet(operator: Operator, number: u16) -> Case {
    let ends = Ends {
        kind: SocketKind::Udp4,
        source: ("127.0.0.1", 23000 + number),
        destination: ("127.0.0.2", 24000 + number),
        connected: false,
    };
    let index = 2;
    // What the operator does not look at tells the case.
    let own = match operator {
        Operator::SAddr | Operator::NotSAddr | Operator::SPort | Operator::NotSPort => Operator::DPort,
        Operator::SPortPriv | Operator::NotSPortPriv => Operator::DPort,
        _ => Operator::SPort,
    };
    let port = if own == Operator::DPort { ends.destination.1 } else { ends.source.1 };
    let own = only(index, own, &port);
    let (mut values, mut hit, mut miss) = rule(operator, ends);
    let mut other_filters = None;
    if operator == Operator::Protocol {
        values = vec!["IPPROTO_TCP".into()];
        hit.kind = SocketKind::Tcp4;
    }
    if operator == Operator::Family {
        // No other family comes through this function.
        values = vec!["AF_INET".into()];
        (hit, miss) = (ends, ends);
        other_filters = Some(vec![own.clone(), only(index, operator, "AF_INET6")]);
    }
    let steps = |ends: Ends| {
        let to = at(ends.destination);
        let last = if ends.kind == SocketKind::Tcp4 {
            Step::Connect { to, length: None, refused: true }
        } else {
            Step::SendTo { to, data: "datagram".into() }
        };
        vec![
            Step::Socket { kind: ends.kind },
            Step::Bind { to: at(ends.source), without_family: false },
            last,
        ]
    };
    let shown = json!({"skb_arg": {
        "saddr": hit.source.0,
        "daddr": hit.destination.0,
        "sport": hit.source.1,
        "dport": hit.destination.1,
        "protocol": if hit.kind == SocketKind::Tcp4 { "IPPROTO_TCP" } else { "IPPROTO_UDP" },
    }});
    Case {
        operator,
        filters: vec![own, filter(index, operator, &values)],
        miss: if other_filters.is_some() { vec![] } else { steps(miss) },
        other_filters,
        hit: steps(hit),
        args: vec![json!({}), json!({}), shown],
    }
}
