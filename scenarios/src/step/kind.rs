//! What a step can be told besides strings and numbers.

use serde::{Deserialize, Serialize};

/// Namespaces that `unshare` can make.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NamespaceKind {
    /// Host and domain name.
    Uts,
    /// System V objects and message queues.
    Ipc,
    /// Mounts.
    Mnt,
    /// Network devices, addresses, ports.
    Net,
    /// Cgroup root.
    Cgroup,
    /// Users and capabilities: in the new one the process has all of these.
    User,
}

/// Sockets that a step can make.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SocketKind {
    /// TCP over IPv4.
    Tcp4,
    /// TCP over IPv6.
    Tcp6,
    /// UDP over IPv4.
    Udp4,
    /// UDP over IPv6.
    Udp6,
    /// Raw ICMP over IPv4.
    Icmp4,
    /// A stream in the file system.
    Unix,
}

/// Flags of an `open` step, by their kernel names without `O_`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OpenFlag {
    /// Read only.
    Rdonly,
    /// Write only.
    Wronly,
    /// Read and write.
    Rdwr,
    /// Every write goes to the end.
    Append,
    /// Create the file if it is absent.
    Creat,
    /// Fail if the file exists.
    Excl,
    /// Empty the file.
    Trunc,
    /// Past the page cache.
    Direct,
}

impl OpenFlag {
    /// Whether this is one of the three access modes, of which an open has exactly one.
    #[must_use]
    pub fn is_access_mode(self) -> bool {
        matches!(self, Self::Rdonly | Self::Wronly | Self::Rdwr)
    }
}

/// Who performs a request of io_uring.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RingWay {
    /// The thread that enters the ring.
    Inline,
    /// A worker (`IOSQE_ASYNC`).
    Worker,
    /// A thread of the kernel that polls the ring (`IORING_SETUP_SQPOLL`): nobody calls anything.
    Polled,
}
