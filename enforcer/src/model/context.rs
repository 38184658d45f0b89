//! What a hook saw, as plain data.

/// One call of a hooked function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Context {
    /// The calling process.
    pub process: Process,
    /// The process that forked it, the one that forked that, and so on: nearest first, without the idle task. A process stays among
    /// the ancestors of its descendants when it ends and they get another parent. Only of processes older than the agent, and of
    /// those that the table of processes had no room for, it is the parents as they are at the call (`real_parent`, thread-group
    /// leaders). May be longer than followForks looks.
    pub ancestors: Vec<Process>,
    /// Path of its executable.
    pub executable: Argument,
    /// Path of its parent's executable.
    pub parent_executable: Argument,
    /// Executables that the process runs or ran, or one of those it descends from by fork did before the fork: what
    /// `followChildren` looks at.
    pub followed: Vec<Vec<u8>>,
    /// Inode numbers of its namespaces, in the order of [`Namespace::ALL`](crate::policy::ast::Namespace::ALL).
    pub namespaces: [u32; 10],
    /// Those of the host.
    pub host_namespaces: [u32; 10],
    /// Namespaces as they were when it executed its program, or when the agent first saw it, whichever is later.
    pub namespaces_at_exec: [u32; 10],
    /// Its capabilities.
    pub capabilities: Capabilities,
    /// Capabilities as they were at the same moment.
    pub capabilities_at_exec: Capabilities,
    /// Nobody knows what either of them was: it could not be read then.
    pub at_exec_unknown: bool,
    /// What was read, in the order of the hook's `args`.
    pub args: Vec<Argument>,
    /// What the function returned, once it has.
    pub returned: Option<Argument>,
}

/// The capability sets of a process; bit N is capability N.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Capabilities {
    /// What it may make effective.
    pub permitted: u64,
    /// What it has.
    pub effective: u64,
    /// What a program that it executes may keep.
    pub inheritable: u64,
}

/// Both ends of a connection, as a socket knows them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Connection {
    /// AF_* number.
    pub family: u32,
    /// IPPROTO_* number.
    pub protocol: u32,
    /// TCP_* state.
    pub state: u32,
    /// Source address, if there is one; an IPv4 one also where an IPv6 socket sees ::ffff:a.b.c.d.
    pub source: Option<std::net::IpAddr>,
    /// Destination address.
    pub destination: Option<std::net::IpAddr>,
    /// Source port, if there is one: an end may have an address only, as of a protocol without ports.
    pub source_port: Option<u16>,
    /// Destination port.
    pub destination_port: Option<u16>,
}

/// A process in both views.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Process {
    /// Thread-group id in the initial PID namespace.
    pub tgid: u32,
    /// Its own, innermost PID namespace.
    pub namespace: PidNamespace,
}

impl Process {
    /// The id that `isNamespacePID` compares: 0 for a process of the initial namespace.
    #[must_use]
    pub const fn namespace_tgid(self) -> u32 {
        match self.namespace {
            PidNamespace::Initial => 0,
            PidNamespace::Child { tgid, .. } => tgid,
        }
    }

    /// Whether both are in the same innermost PID namespace.
    #[must_use]
    pub const fn shares_namespace(self, other: Self) -> bool {
        match (self.namespace, other.namespace) {
            (PidNamespace::Initial, PidNamespace::Initial) => true,
            (PidNamespace::Child { id: one, .. }, PidNamespace::Child { id: two, .. }) => one == two,
            _ => false,
        }
    }
}

/// A PID namespace, and the process's id in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PidNamespace {
    /// The initial one.
    Initial,
    /// Any other.
    Child {
        /// Which one: the inode number of the namespace.
        id: u64,
        /// The thread-group id in it.
        tgid: u32,
    },
}

/// What was read of an argument.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Argument {
    /// How reading went, and what was read.
    pub value: Value,
    /// Of a path: the type of its file (S_IF* bits), known also where it has no path.
    pub file_type: Option<u32>,
}

/// How reading an argument went, and what was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// A number, extended to 64 bits by the sign of its type; capability bits.
    Integer(u64),
    /// A text or path, whole, without a terminating NUL.
    Whole(Vec<u8>),
    /// A longer one, of which this was kept: the beginning of a text, of which there is more; the end of a path, which
    /// may have run out of steps at the root.
    Cut(Vec<u8>),
    /// A socket's two ends.
    Connection(Connection),
    /// Memory of the caller that is not there (yet).
    UserFault,
    /// Memory of the kernel that could not be read.
    KernelFault,
    /// A path whose walk does not end at a root.
    Disconnected,
    /// A pipe, a socket or an anonymous inode; of an executable: a kernel thread.
    NoPath,
    /// Not an open descriptor.
    BadFd,
}
