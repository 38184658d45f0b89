//! Kernel numbers as names, for events. A number without a name is shown as it is: new kernels have more than this list.

use nix::errno::Errno;

/// Address families (include/linux/socket.h).
const FAMILIES: &[(u32, &str)] = &[
    (0, "AF_UNSPEC"),
    (1, "AF_UNIX"),
    (2, "AF_INET"),
    (10, "AF_INET6"),
    (16, "AF_NETLINK"),
    (17, "AF_PACKET"),
    (29, "AF_CAN"),
    (31, "AF_BLUETOOTH"),
    (38, "AF_ALG"),
    (40, "AF_VSOCK"),
    (44, "AF_XDP"),
];

/// Socket types (include/linux/net.h).
const SOCKET_TYPES: &[(u32, &str)] = &[
    (1, "SOCK_STREAM"),
    (2, "SOCK_DGRAM"),
    (3, "SOCK_RAW"),
    (4, "SOCK_RDM"),
    (5, "SOCK_SEQPACKET"),
    (6, "SOCK_DCCP"),
    (10, "SOCK_PACKET"),
];

/// Transport protocols (include/uapi/linux/in.h).
const PROTOCOLS: &[(u32, &str)] = &[
    (0, "IPPROTO_IP"),
    (1, "IPPROTO_ICMP"),
    (2, "IPPROTO_IGMP"),
    (4, "IPPROTO_IPIP"),
    (6, "IPPROTO_TCP"),
    (17, "IPPROTO_UDP"),
    (33, "IPPROTO_DCCP"),
    (41, "IPPROTO_IPV6"),
    (47, "IPPROTO_GRE"),
    (50, "IPPROTO_ESP"),
    (51, "IPPROTO_AH"),
    (58, "IPPROTO_ICMPV6"),
    (132, "IPPROTO_SCTP"),
    (136, "IPPROTO_UDPLITE"),
    (255, "IPPROTO_RAW"),
    (262, "IPPROTO_MPTCP"),
];

/// States of a connection (include/net/tcp_states.h), from 1.
const STATES: [&str; 13] = [
    "TCP_ESTABLISHED",
    "TCP_SYN_SENT",
    "TCP_SYN_RECV",
    "TCP_FIN_WAIT1",
    "TCP_FIN_WAIT2",
    "TCP_TIME_WAIT",
    "TCP_CLOSE",
    "TCP_CLOSE_WAIT",
    "TCP_LAST_ACK",
    "TCP_LISTEN",
    "TCP_CLOSING",
    "TCP_NEW_SYN_RECV",
    "TCP_BOUND_INACTIVE",
];

/// Capabilities (include/uapi/linux/capability.h), from 0.
const CAPABILITIES: [&str; 41] = [
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_DAC_READ_SEARCH",
    "CAP_FOWNER",
    "CAP_FSETID",
    "CAP_KILL",
    "CAP_SETGID",
    "CAP_SETUID",
    "CAP_SETPCAP",
    "CAP_LINUX_IMMUTABLE",
    "CAP_NET_BIND_SERVICE",
    "CAP_NET_BROADCAST",
    "CAP_NET_ADMIN",
    "CAP_NET_RAW",
    "CAP_IPC_LOCK",
    "CAP_IPC_OWNER",
    "CAP_SYS_MODULE",
    "CAP_SYS_RAWIO",
    "CAP_SYS_CHROOT",
    "CAP_SYS_PTRACE",
    "CAP_SYS_PACCT",
    "CAP_SYS_ADMIN",
    "CAP_SYS_BOOT",
    "CAP_SYS_NICE",
    "CAP_SYS_RESOURCE",
    "CAP_SYS_TIME",
    "CAP_SYS_TTY_CONFIG",
    "CAP_MKNOD",
    "CAP_LEASE",
    "CAP_AUDIT_WRITE",
    "CAP_AUDIT_CONTROL",
    "CAP_SETFCAP",
    "CAP_MAC_OVERRIDE",
    "CAP_MAC_ADMIN",
    "CAP_SYSLOG",
    "CAP_WAKE_ALARM",
    "CAP_BLOCK_SUSPEND",
    "CAP_AUDIT_READ",
    "CAP_PERFMON",
    "CAP_BPF",
    "CAP_CHECKPOINT_RESTORE",
];

fn named(table: &[(u32, &str)], number: u32) -> String {
    table
        .iter()
        .find(|(known, _)| *known == number)
        .map_or_else(|| number.to_string(), |(_, name)| (*name).to_owned())
}

/// `AF_INET` for 2.
pub(super) fn family(number: u32) -> String {
    named(FAMILIES, number)
}

/// `SOCK_STREAM` for 1.
pub(super) fn socket_type(number: u32) -> String {
    named(SOCKET_TYPES, number)
}

/// `IPPROTO_TCP` for 6.
pub(super) fn protocol(number: u32) -> String {
    named(PROTOCOLS, number)
}

/// `TCP_ESTABLISHED` for 1.
pub(super) fn state(number: u32) -> String {
    let name = usize::try_from(number).ok().and_then(|number| STATES.get(number.checked_sub(1)?));
    name.map_or_else(|| number.to_string(), |name| (*name).to_owned())
}

/// `CAP_SYS_ADMIN` for 21.
pub(super) fn capability(number: u64) -> String {
    let name = usize::try_from(number).ok().and_then(|number| CAPABILITIES.get(number));
    name.map_or_else(|| number.cast_signed().to_string(), |name| (*name).to_owned())
}

/// `EPERM` for 1.
pub(super) fn error(number: i32) -> String {
    match Errno::from_raw(number) {
        Errno::UnknownErrno => number.to_string(),
        known => format!("{known:?}"),
    }
}

/// `reg` for S_IFREG, as file types are written in policies; empty for none.
pub(super) const fn file_type(mode: u32) -> &'static str {
    match mode & 0o170_000 {
        0o100_000 => "reg",
        0o040_000 => "dir",
        0o120_000 => "lnk",
        0o020_000 => "chr",
        0o060_000 => "blk",
        0o010_000 => "fifo",
        0o140_000 => "sock",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(family(10), "AF_INET6")]
    #[case(family(99), "99")]
    #[case(socket_type(2), "SOCK_DGRAM")]
    #[case(protocol(17), "IPPROTO_UDP")]
    #[case(state(0), "0")]
    #[case(state(1), "TCP_ESTABLISHED")]
    #[case(state(10), "TCP_LISTEN")]
    #[case(state(14), "14")]
    #[case(capability(21), "CAP_SYS_ADMIN")]
    #[case(capability(40), "CAP_CHECKPOINT_RESTORE")]
    #[case(capability(41), "41")]
    #[case(error(1), "EPERM")]
    #[case(error(524), "524")]
    fn numbers_have_the_names_of_the_kernel_or_none(#[case] found: String, #[case] expected: &str) {
        assert_eq!(found, expected);
    }

    #[test]
    fn the_permissions_of_a_mode_do_not_matter_for_its_type() {
        assert_eq!((file_type(0o100_644), file_type(0o140_777), file_type(0)), ("reg", "sock", ""));
    }
}
