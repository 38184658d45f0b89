//! Addresses and networks, as `SAddr` and its kin compare them.

use std::net::{IpAddr, Ipv6Addr};

use super::walk::{Walk, printable};
use crate::policy::ast::Network;
use crate::policy::code::Code;
use crate::policy::diag::Diagnostic;
use crate::policy::raw::{Node, Value};

/// Bits of an IPv6 address before an IPv4 one that it stands for.
const MAPPED_PREFIX_BITS: u8 = 96;

/// Why a text is no network.
#[derive(Debug, PartialEq, Eq)]
enum Wrong {
    /// Neither an address nor an address and a prefix length.
    Spelling,
    /// More bits than the address has.
    Bits(u8),
    /// The prefix of an IPv4 address in the form of IPv6 ends before the IPv4 part; the network of IPv6 that it says.
    HostBits(Network),
}

/// One network, an address being a network of one.
pub(super) fn network(walk: &mut Walk<'_>, node: &Node) -> Option<Network> {
    let Value::Text(text) = &node.value else {
        let shown = printable(walk.spelling(node.span));
        walk.push(
            Diagnostic::new(Code::NotANetwork, node.span, format!("`{shown}` is not an address or network"))
                .help("write an IPv4 or IPv6 address, alone or with `/` and the number of leading bits"),
        );
        return None;
    };
    let found = match parse(text) {
        Ok(network) => return Some(network),
        Err(Wrong::Spelling) => Diagnostic::new(
            Code::NotANetwork,
            node.span,
            format!("`{}` is not an address or network", printable(text)),
        )
        .help("write an IPv4 or IPv6 address, alone or with `/` and the number of leading bits"),
        Err(Wrong::Bits(most)) => Diagnostic::new(
            Code::NotANetwork,
            node.span,
            format!("`{}` has more bits than an address", printable(text)),
        )
        .help(format!("the number behind `/` is 0 to {most}")),
        Err(Wrong::HostBits(meant)) => Diagnostic::new(
            Code::HostBits,
            node.span,
            format!("`{}` is an IPv4 address, and its prefix ends before it", printable(text)),
        )
        .label("a prefix of IPv4, or of IPv6?")
        .help(format!("write the IPv4 address with its own prefix, or `{}`", written(&meant))),
    };
    walk.push(found);
    None
}

/// The network as it is written.
pub(in crate::policy) fn written(network: &Network) -> String {
    format!("{}/{}", network.address, network.bits)
}

fn parse(text: &str) -> Result<Network, Wrong> {
    let (address, bits) = match text.split_once('/') {
        Some((address, bits)) => {
            let digits =
                !bits.is_empty() && bits.len() <= 3 && bits.bytes().all(|digit| digit.is_ascii_digit());
            let bits = bits.parse::<u16>().ok().filter(|_| digits).ok_or(Wrong::Spelling)?;
            (address, Some(bits))
        }
        None => (text, None),
    };
    let address: IpAddr = address.parse().map_err(|_| Wrong::Spelling)?;
    let width: u8 = if address.is_ipv4() { 32 } else { 128 };
    let bits = match bits {
        None => width,
        Some(bits) => u8::try_from(bits).ok().filter(|bits| *bits <= width).ok_or(Wrong::Bits(width))?,
    };
    let cut = prefix(address, bits);
    let network = canonical(cut, bits);
    // Bits behind the prefix do not count, so the network is meant: of an IPv4 one in the form of IPv6, as long as the prefix
    // reaches into the IPv4 part.
    let mapped = matches!(address, IpAddr::V6(six) if six.to_ipv4_mapped().is_some());
    if cut != address && mapped && bits < MAPPED_PREFIX_BITS {
        Err(Wrong::HostBits(network))
    } else {
        Ok(network)
    }
}

/// The address without the bits behind the prefix.
fn prefix(address: IpAddr, bits: u8) -> IpAddr {
    match address {
        IpAddr::V4(address) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(bits)).unwrap_or(0);
            IpAddr::V4((u32::from(address) & mask).into())
        }
        IpAddr::V6(address) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(bits)).unwrap_or(0);
            IpAddr::V6(Ipv6Addr::from(u128::from(address) & mask))
        }
    }
}

/// ::ffff:a.b.c.d is the IPv4 address that it stands for: sockets of both kinds are compared alike.
fn canonical(address: IpAddr, bits: u8) -> Network {
    let mapped = match address {
        IpAddr::V6(six) => six.to_ipv4_mapped(),
        IpAddr::V4(_) => None,
    };
    match (mapped, bits.checked_sub(MAPPED_PREFIX_BITS)) {
        (Some(four), Some(bits)) => Network { address: IpAddr::V4(four), bits },
        _ => Network { address, bits },
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("10.0.0.0/8", "10.0.0.0/8")]
    #[case("127.0.0.1", "127.0.0.1/32")]
    #[case("0.0.0.0/0", "0.0.0.0/0")]
    #[case("::/0", "::/0")]
    #[case("2001:DB8::/32", "2001:db8::/32")]
    #[case("::1", "::1/128")]
    #[case("::ffff:10.1.0.0/112", "10.1.0.0/16")]
    #[case("::ffff:1.2.3.4", "1.2.3.4/32")]
    #[case("127.0.0.1/8", "127.0.0.0/8")]
    #[case("10.1.2.3/0", "0.0.0.0/0")]
    #[case("::1/64", "::/64")]
    #[case("::ffff:1.2.3.4/112", "1.2.0.0/16")]
    fn networks_have_one_form(#[case] text: &str, #[case] expected: &str) {
        assert_eq!(parse(text).map(|network| written(&network)), Ok(expected.to_owned()));
    }

    #[rstest]
    #[case("::ffff:0.0.0.0/90", "::ffc0:0:0/90")]
    #[case("::ffff:10.0.0.1/8", "::/8")]
    fn a_prefix_that_ends_before_the_ipv4_address_is_not_guessed(#[case] text: &str, #[case] meant: &str) {
        let Err(Wrong::HostBits(network)) = parse(text) else { panic!("{text}") };
        assert_eq!(written(&network), meant);
    }

    #[rstest]
    #[case("", Wrong::Spelling)]
    #[case("10.0.0", Wrong::Spelling)]
    #[case("10.0.0.0/", Wrong::Spelling)]
    #[case("10.0.0.0/+8", Wrong::Spelling)]
    #[case("10.0.0.0/8/8", Wrong::Spelling)]
    #[case("010.0.0.1", Wrong::Spelling)]
    #[case("fe80::1%eth0", Wrong::Spelling)]
    #[case("localhost", Wrong::Spelling)]
    #[case("10.0.0.0/33", Wrong::Bits(32))]
    #[case("::/129", Wrong::Bits(128))]
    #[case("::/999", Wrong::Bits(128))]
    fn what_is_no_network_is_refused(#[case] text: &str, #[case] expected: Wrong) {
        assert_eq!(parse(text), Err(expected));
    }

    proptest! {
        #[test]
        fn a_written_network_reads_back(address in any::<u128>(), four in any::<bool>(), bits in 0u8..=128) {
            let (address, bits) = if four {
                let bytes = address.to_be_bytes();
                (IpAddr::from([bytes[0], bytes[1], bytes[2], bytes[3]]), bits % 33)
            } else {
                (IpAddr::V6(address.into()), bits)
            };
            let network = canonical(prefix(address, bits), bits);
            prop_assert_eq!(parse(&written(&network)), Ok(network));
        }
    }
}
