//! Names of numbers: signals, capabilities, errors, address families, protocols, connection states, file types, system calls.

use std::collections::{HashMap, HashSet};
use std::str::FromStr;
use std::sync::LazyLock;

use nix::errno::Errno;
use nix::libc;
use nix::sys::signal::Signal;

/// What a number counts, hence which names it can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Domain {
    /// `SIGKILL`, 1 to 64.
    Signal,
    /// `CAP_SYS_ADMIN`, 0 to 63.
    Capability,
    /// `EPERM`, 1 to 4095.
    Error,
    /// `AF_INET`.
    Family,
    /// `IPPROTO_TCP`.
    Protocol,
    /// `TCP_ESTABLISHED`.
    State,
    /// `reg`: the type bits of a file's mode.
    FileType,
    /// `write`, of the 64-bit ABI of x86; `i386/write` of the 32-bit one, with bit 31.
    SystemCall,
}

/// Bit that a system call number of the 32-bit ABI has.
pub const COMPAT_SYSCALL_BIT: u64 = 1 << 31;
/// What stands before the name of a system call of the 32-bit ABI.
pub const COMPAT_ABI: &str = "i386/";
/// What may stand before the name of a system call of the 64-bit ABI.
const NATIVE_ABI: &str = "x64/";
/// What stands before `sys_` in the kernel's names of the entries of both ABIs.
const NATIVE_ENTRY: &str = "__x64_";
const COMPAT_ENTRY: &str = "__ia32_";
/// Highest number of a capability set's bit.
pub const LAST_CAPABILITY: u64 = 63;
/// Highest signal (SIGRTMAX).
pub const LAST_SIGNAL: u64 = 64;
/// First and last signal for real-time use, as glibc counts them: it keeps 32 and 33 for itself.
const REAL_TIME_SIGNALS: &[(&str, u64)] = &[("SIGRTMIN", 34), ("SIGRTMAX", LAST_SIGNAL)];
/// Highest error a call can return (MAX_ERRNO).
pub const LAST_ERROR: u64 = 4095;

const FAMILIES: &[(&str, i32)] = &[
    ("AF_UNSPEC", libc::AF_UNSPEC),
    ("AF_UNIX", libc::AF_UNIX),
    ("AF_LOCAL", libc::AF_LOCAL),
    ("AF_INET", libc::AF_INET),
    ("AF_AX25", libc::AF_AX25),
    ("AF_IPX", libc::AF_IPX),
    ("AF_APPLETALK", libc::AF_APPLETALK),
    ("AF_NETROM", libc::AF_NETROM),
    ("AF_BRIDGE", libc::AF_BRIDGE),
    ("AF_ATMPVC", libc::AF_ATMPVC),
    ("AF_X25", libc::AF_X25),
    ("AF_INET6", libc::AF_INET6),
    ("AF_ROSE", libc::AF_ROSE),
    ("AF_NETLINK", libc::AF_NETLINK),
    ("AF_ROUTE", libc::AF_ROUTE),
    ("AF_PACKET", libc::AF_PACKET),
    ("AF_RDS", libc::AF_RDS),
    ("AF_PPPOX", libc::AF_PPPOX),
    ("AF_CAN", libc::AF_CAN),
    ("AF_TIPC", libc::AF_TIPC),
    ("AF_BLUETOOTH", libc::AF_BLUETOOTH),
    ("AF_RXRPC", libc::AF_RXRPC),
    ("AF_PHONET", libc::AF_PHONET),
    ("AF_ALG", libc::AF_ALG),
    ("AF_NFC", libc::AF_NFC),
    ("AF_VSOCK", libc::AF_VSOCK),
    ("AF_XDP", libc::AF_XDP),
];

const PROTOCOLS: &[(&str, i32)] = &[
    ("IPPROTO_IP", libc::IPPROTO_IP),
    ("IPPROTO_ICMP", libc::IPPROTO_ICMP),
    ("IPPROTO_IGMP", libc::IPPROTO_IGMP),
    ("IPPROTO_IPIP", libc::IPPROTO_IPIP),
    ("IPPROTO_TCP", libc::IPPROTO_TCP),
    ("IPPROTO_EGP", libc::IPPROTO_EGP),
    ("IPPROTO_PUP", libc::IPPROTO_PUP),
    ("IPPROTO_UDP", libc::IPPROTO_UDP),
    ("IPPROTO_IDP", libc::IPPROTO_IDP),
    ("IPPROTO_TP", libc::IPPROTO_TP),
    ("IPPROTO_DCCP", libc::IPPROTO_DCCP),
    ("IPPROTO_IPV6", libc::IPPROTO_IPV6),
    ("IPPROTO_RSVP", libc::IPPROTO_RSVP),
    ("IPPROTO_GRE", libc::IPPROTO_GRE),
    ("IPPROTO_ESP", libc::IPPROTO_ESP),
    ("IPPROTO_AH", libc::IPPROTO_AH),
    ("IPPROTO_ICMPV6", libc::IPPROTO_ICMPV6),
    ("IPPROTO_MTP", libc::IPPROTO_MTP),
    ("IPPROTO_BEETPH", libc::IPPROTO_BEETPH),
    ("IPPROTO_ENCAP", libc::IPPROTO_ENCAP),
    ("IPPROTO_PIM", libc::IPPROTO_PIM),
    ("IPPROTO_COMP", libc::IPPROTO_COMP),
    ("IPPROTO_SCTP", libc::IPPROTO_SCTP),
    ("IPPROTO_UDPLITE", libc::IPPROTO_UDPLITE),
    ("IPPROTO_MPLS", libc::IPPROTO_MPLS),
    ("IPPROTO_RAW", libc::IPPROTO_RAW),
    ("IPPROTO_MPTCP", libc::IPPROTO_MPTCP),
];

/// include/net/tcp_states.h; no library has them.
const STATES: &[(&str, i32)] = &[
    ("TCP_ESTABLISHED", 1),
    ("TCP_SYN_SENT", 2),
    ("TCP_SYN_RECV", 3),
    ("TCP_FIN_WAIT1", 4),
    ("TCP_FIN_WAIT2", 5),
    ("TCP_TIME_WAIT", 6),
    ("TCP_CLOSE", 7),
    ("TCP_CLOSE_WAIT", 8),
    ("TCP_LAST_ACK", 9),
    ("TCP_LISTEN", 10),
    ("TCP_CLOSING", 11),
    ("TCP_NEW_SYN_RECV", 12),
];

const FILE_TYPES: &[(&str, u32)] = &[
    ("fifo", libc::S_IFIFO),
    ("chr", libc::S_IFCHR),
    ("dir", libc::S_IFDIR),
    ("blk", libc::S_IFBLK),
    ("reg", libc::S_IFREG),
    ("lnk", libc::S_IFLNK),
    ("sock", libc::S_IFSOCK),
];

impl Domain {
    /// What one of its numbers is called in messages.
    #[must_use]
    pub const fn what(self) -> &'static str {
        match self {
            Self::Signal => "a signal",
            Self::Capability => "a capability",
            Self::Error => "an error",
            Self::Family => "an address family",
            Self::Protocol => "a protocol",
            Self::State => "a connection state",
            Self::FileType => "a file type",
            Self::SystemCall => "a system call",
        }
    }

    /// The number of a name; `None` when there is no such name.
    #[must_use]
    pub fn number(self, name: &str) -> Option<u64> {
        match self {
            Self::Signal => match REAL_TIME_SIGNALS.iter().find(|(known, _)| *known == name) {
                Some((_, number)) => Some(*number),
                None => Signal::from_str(name).ok().and_then(|signal| u64::try_from(signal as i32).ok()),
            },
            Self::Capability => {
                caps::Capability::from_str(name).ok().map(|capability| u64::from(capability.index()))
            }
            Self::Error => ERRORS.get(name).copied(),
            Self::Family => among(FAMILIES, "AF_", name),
            Self::Protocol => among(PROTOCOLS, "IPPROTO_", name),
            Self::State => among(STATES, "TCP_", name),
            Self::FileType => {
                FILE_TYPES.iter().find(|(known, _)| *known == name).map(|(_, number)| u64::from(*number))
            }
            Self::SystemCall => system_call(name),
        }
    }

    /// The preferred name of a number, if it has one.
    #[must_use]
    pub fn name(self, number: u64) -> Option<String> {
        self.names().into_iter().find(|(_, known)| *known == number).map(|(name, _)| name)
    }

    /// Every name with its number; a number with several names has the preferred one first.
    #[must_use]
    pub fn names(self) -> Vec<(String, u64)> {
        let table = |rows: &[(&str, i32)]| {
            rows.iter()
                .filter_map(|(name, number)| Some(((*name).to_owned(), u64::try_from(*number).ok()?)))
                .collect()
        };
        match self {
            Self::Signal => Signal::iterator()
                .filter_map(|signal| Some((signal.as_str().to_owned(), u64::try_from(signal as i32).ok()?)))
                .chain(REAL_TIME_SIGNALS.iter().map(|(name, number)| ((*name).to_owned(), *number)))
                .collect(),
            Self::Capability => {
                let mut all: Vec<_> = caps::all()
                    .into_iter()
                    .map(|capability| (capability.to_string(), u64::from(capability.index())))
                    .collect();
                all.sort_by_key(|(_, number)| *number);
                all
            }
            Self::Error => errors().collect(),
            Self::Family => table(FAMILIES),
            Self::Protocol => table(PROTOCOLS),
            Self::State => table(STATES),
            Self::FileType => {
                FILE_TYPES.iter().map(|(name, number)| ((*name).to_owned(), u64::from(*number))).collect()
            }
            Self::SystemCall => syscalls::x86_64::Sysno::iter()
                .filter_map(|call| Some((call.name().to_owned(), u64::try_from(call.id()).ok()?)))
                .collect(),
        }
    }
}

/// With or without its prefix, the latter in either case.
fn among(rows: &[(&str, i32)], prefix: &str, name: &str) -> Option<u64> {
    let own = |known: &str| {
        known == name || known.strip_prefix(prefix).is_some_and(|short| short.eq_ignore_ascii_case(name))
    };
    rows.iter().find(|(known, _)| own(known)).and_then(|(_, number)| u64::try_from(*number).ok())
}

fn errors() -> impl Iterator<Item = (String, u64)> {
    let last_named = 133;
    (1..=last_named).filter_map(|number: i32| match Errno::from_raw(number) {
        Errno::UnknownErrno => None,
        error => Some((format!("{error:?}"), u64::try_from(number).ok()?)),
    })
}

// A policy may have very many of them, so they are not searched one by one.
static ERRORS: LazyLock<HashMap<String, u64>> = LazyLock::new(|| errors().collect());
static NATIVE_CALLS: LazyLock<HashMap<&str, u64>> = LazyLock::new(|| {
    let calls = syscalls::x86_64::Sysno::iter();
    calls.filter_map(|call| Some((call.name(), u64::try_from(call.id()).ok()?))).collect()
});
static NATIVE_STEMS: LazyLock<HashSet<&str>> =
    LazyLock::new(|| NATIVE_CALLS.keys().map(|call| call.trim_end_matches(numeric)).collect());
static COMPAT_CALLS: LazyLock<HashMap<&str, u64>> = LazyLock::new(|| {
    let calls = syscalls::x86::Sysno::iter();
    calls.filter_map(|call| Some((call.name(), u64::try_from(call.id()).ok()?))).collect()
});

fn system_call(name: &str) -> Option<u64> {
    fn plain(name: &str) -> &str {
        name.strip_prefix("sys_").unwrap_or(name)
    }
    match name.strip_prefix(COMPAT_ABI).or_else(|| name.strip_prefix(COMPAT_ENTRY)) {
        Some(compat) => COMPAT_CALLS.get(plain(compat)).map(|number| number | COMPAT_SYSCALL_BIT),
        None => {
            let native = name.strip_prefix(NATIVE_ABI).or_else(|| name.strip_prefix(NATIVE_ENTRY));
            NATIVE_CALLS.get(plain(native.unwrap_or(name))).copied()
        }
    }
}

/// The system call that a portable name (without `sys_`) was meant to be, if it is none and one is a typing mistake away.
///
/// The kernel calls some of its entries otherwise than the call (`newfstat`, `chown16`), and newer kernels have calls that are
/// not known here: only a single wrong, missing, doubled or exchanged letter is taken for a mistake, never a digit at the end.
#[must_use]
pub fn mistyped_system_call(plain: &str) -> Option<&'static str> {
    let known = |name: &str| NATIVE_CALLS.contains_key(name) || COMPAT_CALLS.contains_key(name);
    let stem = plain.trim_end_matches(numeric);
    if known(plain) || known(stem) || NATIVE_STEMS.contains(stem) {
        return None;
    }
    let close = |call: &&&str| {
        one_letter_apart(plain.as_bytes(), call.as_bytes()) || plain.eq_ignore_ascii_case(call)
    };
    let calls = NATIVE_CALLS.keys().filter(|call| call.len() > 3);
    calls.filter(close).min().copied()
}

/// Whether a letter is wrong, missing, too much, or exchanged with its neighbour. A file may ask this very often.
fn one_letter_apart(one: &[u8], other: &[u8]) -> bool {
    if one.len().abs_diff(other.len()) > 1 {
        return false;
    }
    let before = one.iter().zip(other).take_while(|(one, other)| one == other).count();
    let (one, other) = (&one[before..], &other[before..]);
    let behind = one.iter().rev().zip(other.iter().rev()).take_while(|(one, other)| one == other).count();
    match (&one[..one.len() - behind], &other[..other.len() - behind]) {
        ([a, b], [c, d]) => a == d && b == c,
        (one, other) => one.len().max(other.len()) == 1,
    }
}

const fn numeric(c: char) -> bool {
    c.is_ascii_digit() || c == '_'
}

/// The number that a name without a context means, by its prefix: `SIG…`, `CAP_…`, `AF_…`, `IPPROTO_…`, `TCP_…`, `E…`; an error
/// may be negated, as calls return it.
#[must_use]
pub fn constant(text: &str) -> Option<i128> {
    if let Some(error) = text.strip_prefix('-') {
        return Domain::Error.number(error).map(|number| -i128::from(number));
    }
    let domain = if text.starts_with("SIG") {
        Domain::Signal
    } else if text.starts_with("CAP_") {
        Domain::Capability
    } else if text.starts_with("AF_") {
        Domain::Family
    } else if text.starts_with("IPPROTO_") {
        Domain::Protocol
    } else if text.starts_with("TCP_") {
        Domain::State
    } else {
        Domain::Error
    };
    domain.number(text).map(i128::from)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const DOMAINS: [Domain; 8] = [
        Domain::Signal,
        Domain::Capability,
        Domain::Error,
        Domain::Family,
        Domain::Protocol,
        Domain::State,
        Domain::FileType,
        Domain::SystemCall,
    ];

    #[test]
    fn every_name_is_its_number_and_back() {
        for domain in DOMAINS {
            let all = domain.names();
            assert!(all.len() > 6, "{domain:?}");
            for (name, number) in all {
                assert_eq!(domain.number(&name), Some(number), "{domain:?} {name}");
                let preferred = domain.name(number).unwrap();
                assert_eq!(domain.number(&preferred), Some(number), "{domain:?} {preferred}");
            }
        }
    }

    #[rstest]
    #[case(Domain::Signal, "SIGKILL", Some(9))]
    #[case(Domain::Signal, "SIGNONE", None)]
    #[case(Domain::Signal, "SIGRTMIN", Some(34))]
    #[case(Domain::Signal, "SIGRTMAX", Some(64))]
    #[case(Domain::Capability, "CAP_SYS_ADMIN", Some(21))]
    #[case(Domain::Capability, "CAP_CHECKPOINT_RESTORE", Some(40))]
    #[case(Domain::Error, "EPERM", Some(1))]
    #[case(Domain::Error, "UnknownErrno", None)]
    #[case(Domain::Family, "inet6", Some(10))]
    #[case(Domain::Family, "AF_INET", Some(2))]
    #[case(Domain::Protocol, "tcp", Some(6))]
    #[case(Domain::Protocol, "IPPROTO_MPTCP", Some(262))]
    #[case(Domain::State, "listen", Some(10))]
    #[case(Domain::FileType, "reg", Some(0o100_000))]
    #[case(Domain::FileType, "file", None)]
    #[case(Domain::SystemCall, "write", Some(1))]
    #[case(Domain::SystemCall, "sys_write", Some(1))]
    #[case(Domain::SystemCall, "i386/sys_write", Some(0x8000_0004))]
    #[case(Domain::SystemCall, "__x64_sys_write", Some(1))]
    #[case(Domain::SystemCall, "__ia32_sys_write", Some(0x8000_0004))]
    #[case(Domain::SystemCall, "x64/sys_write", Some(1))]
    #[case(Domain::SystemCall, "wrote", None)]
    fn names_of_each_domain(#[case] domain: Domain, #[case] name: &str, #[case] expected: Option<u64>) {
        assert_eq!(domain.number(name), expected);
    }

    #[rstest]
    #[case("opnat", Some("openat"))]
    #[case("wirte", Some("write"))]
    #[case("Openat", Some("openat"))]
    #[case("openat", None)]
    #[case("wrte", Some("write"))]
    #[case("writte", Some("write"))]
    #[case("writa", Some("write"))]
    #[case("wtiex", None)]
    #[case("newfstat", None)]
    #[case("newuname", None)]
    #[case("umount", None)]
    #[case("waitpid", None)]
    #[case("sendfile64", None)]
    #[case("chown16", None)]
    #[case("epoll_pwait9", None)]
    #[case("openat9", None)]
    #[case("imageblit", None)]
    #[case("", None)]
    fn only_one_wrong_letter_is_a_mistyped_system_call(#[case] plain: &str, #[case] meant: Option<&str>) {
        assert_eq!(mistyped_system_call(plain), meant);
    }

    #[test]
    fn no_system_call_is_taken_for_another() {
        let native = syscalls::x86_64::Sysno::iter().map(|call| call.name());
        for name in native.chain(syscalls::x86::Sysno::iter().map(|call| call.name())) {
            assert_eq!(mistyped_system_call(name), None, "{name}");
        }
    }

    #[rstest]
    #[case("SIGTERM", Some(15))]
    #[case("-EPERM", Some(-1))]
    #[case("ENOSYS", Some(38))]
    #[case("AF_UNIX", Some(1))]
    #[case("--EPERM", None)]
    #[case("-SIGKILL", None)]
    #[case("EVERY", None)]
    #[case("", None)]
    fn constants_are_known_by_their_prefix(#[case] text: &str, #[case] expected: Option<i128>) {
        assert_eq!(constant(text), expected);
    }
}
