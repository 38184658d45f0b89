//! What filters compare with.

/// The values of an argument filter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Values {
    /// None: the operator says it all (`SPortPriv`, …).
    None,
    /// Two's complement, extended to 64 bits by the sign of the argument's type. At least one, none twice.
    Integers(Vec<u64>),
    /// Least and greatest, both included, extended likewise; least ≤ greatest by the sign of the type. At least one.
    Ranges(Vec<(u64, u64)>),
    /// Bytes without a terminating NUL, never empty. At least one, none twice.
    Strings(Vec<Vec<u8>>),
    /// Networks. At least one, none twice.
    Networks(Vec<Network>),
    /// Position in [`Hook::args`](super::Hook::args) of the other argument (`CapabilitiesGained`).
    Other(usize),
}

impl Values {
    /// How many values.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::None => 0,
            Self::Integers(values) => values.len(),
            Self::Ranges(values) => values.len(),
            Self::Strings(values) => values.len(),
            Self::Networks(values) => values.len(),
            Self::Other(_) => 1,
        }
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A network: an address and how many of its leading bits count; the others are zero. An IPv4 network also holds the
/// addresses that IPv6 sockets see as ::ffff:a.b.c.d, and an IPv6 network holds none of those.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Network {
    /// The address; never an IPv4-mapped IPv6 one.
    pub address: std::net::IpAddr,
    /// 0 to 32, or 0 to 128.
    pub bits: u8,
}
