//! What a hook saw, as plain data.

/// One call of a hooked function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Context {
    /// The calling process.
    pub process: Process,
    /// Its parent (`real_parent`, thread-group leaders), the parent of that, and so on: nearest first, without the idle task.
    /// May be longer than followForks looks.
    pub ancestors: Vec<Process>,
    /// What was read, in the order of the hook's `args`.
    pub args: Vec<Argument>,
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

/// How reading an argument went, and what was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Argument {
    /// A number, extended to 64 bits by the sign of its type.
    Integer(u64),
    /// A text or path, whole, without a terminating NUL.
    Whole(Vec<u8>),
    /// A longer one, of which this was kept: the beginning of a text, the end of a path. Of a text always more than the
    /// longest value that a filter can have.
    Cut(Vec<u8>),
    /// Memory of the caller that is not there (yet).
    UserFault,
    /// Memory of the kernel that could not be read.
    KernelFault,
    /// A path whose walk does not end at a root.
    Disconnected,
    /// A pipe, a socket or an anonymous inode.
    NoPath,
    /// Not an open descriptor.
    BadFd,
}
