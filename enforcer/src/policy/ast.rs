//! The validated policy: what every later stage reads instead of text.
//!
//! The structs are `#[non_exhaustive]`, so outside this crate a value can only come from [`parse`](super::parse) or from
//! decoding, and inside it only the validating pass, the decoder (and unit tests) build one. No serde and no wire numbers
//! here: the compile pass maps these enums to the wire, the reference model reads them as they are.

use super::source::{Span, Spanned};

/// One policy: one document of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Policy {
    /// `metadata.name`.
    pub name: Spanned<String>,
    /// `metadata.namespace` of a `TracingPolicyNamespaced`; `None` for a `TracingPolicy`.
    pub namespace: Option<String>,
    /// Every hook: kprobes, tracepoints, lsmhooks and fentries, each kind in the order of the file. A `call: "list:NAME"` is one
    /// hook per function. Never empty.
    pub hooks: Vec<Hook>,
    /// `spec.enforcers`: functions at which NotifyEnforcer acts.
    pub enforcers: Vec<Spanned<String>>,
    /// `spec.options`.
    pub options: Options,
}

/// `spec.options`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Options {
    /// `policy-mode`: monitor even when the agent enforces; `None` when it is not given.
    pub monitor: Option<bool>,
    /// `override-method`.
    pub override_method: Option<OverrideMethod>,
    /// `disable-kprobe-multi`.
    pub disable_kprobe_multi: bool,
}

/// How a call is refused, as pinned by the author.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OverrideMethod {
    /// `fmod-ret`
    FmodRet,
    /// `override-return`
    OverrideReturn,
}

/// One place to hook, with what to read and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Hook {
    /// Where.
    pub point: HookPoint,
    /// The name as written (`call`, `event` or `hook`) with its place; of a function from a list, the function.
    pub name: Spanned<String>,
    /// What to read, in the order of the file, `args` first and then `data`; together at most `MAX_ARGS`.
    pub args: Vec<Arg>,
    /// `returnArg`, when the hook looks at what the function returns.
    pub returned: Option<Arg>,
    /// ORed, the first that matches wins, at most `MAX_SELECTORS`. Empty: every call matches, and is posted.
    pub selectors: Vec<Selector>,
    /// Text for the event.
    pub message: Option<String>,
    /// Tags for the event.
    pub tags: Vec<String>,
    /// `ignore.callNotFound`: a missing function is no error.
    pub may_be_missing: bool,
    /// The entry in the file.
    pub span: Span,
}

/// Where a hook is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum HookPoint {
    /// `kprobes`: entry of a function, and its return when `returns`.
    Kprobe {
        /// The kernel function; whether it exists is for the plan to say. `sys_write` has become `__x64_sys_write`.
        function: String,
        /// Whether the function takes its arguments from the saved registers of a system call.
        syscall: bool,
        /// `return`: the return is looked at as well.
        returns: bool,
        /// The name was the portable one (`sys_write`), which stands for the entries of every ABI.
        every_abi: bool,
    },
    /// `tracepoints`
    Tracepoint {
        /// `subsystem`
        subsystem: String,
        /// `event`
        event: String,
        /// `raw`: arguments are those of the raw tracepoint.
        raw: bool,
    },
    /// `lsmhooks`: a hook of the security modules, without `security_`.
    Lsm {
        /// `hook`
        hook: String,
    },
    /// `fentries`: like a kprobe, by a trampoline.
    Fentry {
        /// The kernel function.
        function: String,
        /// Whether it is a system call's entry.
        syscall: bool,
        /// `return`
        returns: bool,
    },
}

impl HookPoint {
    /// The key of `spec` under which such hooks stand.
    #[must_use]
    pub const fn key(&self) -> &'static str {
        match self {
            Self::Kprobe { .. } => "kprobes",
            Self::Tracepoint { .. } => "tracepoints",
            Self::Lsm { .. } => "lsmhooks",
            Self::Fentry { .. } => "fentries",
        }
    }

    /// The kernel's name of it: a function, `subsystem/event`, or an LSM hook.
    #[must_use]
    pub fn target(&self) -> String {
        match self {
            Self::Kprobe { function, .. } | Self::Fentry { function, .. } => function.clone(),
            Self::Tracepoint { subsystem, event, .. } => format!("{subsystem}/{event}"),
            Self::Lsm { hook } => hook.clone(),
        }
    }

    /// Whether arguments come from the saved registers of a system call.
    #[must_use]
    pub const fn is_syscall(&self) -> bool {
        matches!(self, Self::Kprobe { syscall: true, .. } | Self::Fentry { syscall: true, .. })
    }
}

/// One thing to read.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Arg {
    /// Where it comes from.
    pub source: ArgSource,
    /// How to read it.
    pub ty: ArgType,
    /// Position **from 0** of the argument with the size in bytes, or the count of buffers (`sizeArgIndex`, which counts from 1,
    /// minus one). Set only for [`ArgType::CharBuf`] and [`ArgType::CharIovec`], and always unless `return_copy`: then the size may
    /// be what the call returns. The argument need not be listed in `args`.
    pub size_arg: Option<u8>,
    /// `resolve`: members and indexes to follow from there by the kernel's type information; empty: the value itself.
    pub resolve: Vec<Step>,
    /// `returnCopy`: read again when the function returns, because the function fills it.
    pub return_copy: bool,
    /// `maxData`: more of a buffer than fits an event may be posted in several.
    pub max_data: bool,
    /// Name for the event.
    pub label: Option<String>,
    /// The entry in the file.
    pub span: Span,
}

/// Where something to read comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ArgSource {
    /// An argument of the function (or a field of the tracepoint): its position, from 0.
    Argument(u8),
    /// The returned value.
    Returned,
    /// `data` with `source: current_task`.
    CurrentTask,
    /// `data` with `source: pt_regs`.
    Registers,
}

/// One step of `resolve`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Step {
    /// `.name`
    Member(String),
    /// `[3]`
    Index(u32),
}

/// How an argument is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ArgType {
    /// `int8`, `sint8`
    Int8,
    /// `uint8`
    Uint8,
    /// `int16`, `sint16`
    Int16,
    /// `uint16`
    Uint16,
    /// `int`, `int32`, `sint32`
    Int32,
    /// `uint32`
    Uint32,
    /// `int64`, `sint64`, `long`
    Int64,
    /// `uint64`, `ulong`
    Uint64,
    /// `size_t`, 64 bits
    Size,
    /// A file descriptor of the caller; matched by the path of its file.
    Fd,
    /// `struct file *`; matched by its path.
    File,
    /// `struct path *`; matched by its path.
    Path,
    /// NUL-terminated string of the caller.
    String,
    /// NUL-terminated file name of the caller, as it was passed: not resolved, possibly relative.
    Filename,
    /// Bytes of the caller, as many as the size argument says.
    CharBuf,
    /// Bytes of the caller in several buffers (`struct iovec *`), as many buffers as the size argument says.
    CharIovec,
    /// `struct sk_buff *`; matched by addresses, ports, protocol.
    Skb,
    /// `struct sock *`; the same, and state.
    Sock,
    /// `struct socket *`: its sock.
    Socket,
    /// `struct sockaddr *`: family, source address and port.
    Sockaddr,
    /// `struct sockaddr_un *`: its path, of an abstract one with the leading NUL.
    SockaddrUn,
    /// `struct dentry *`; matched by its path below its mount.
    Dentry,
    /// `struct linux_binprm *`; matched by the path of the file that is executed.
    LinuxBinprm,
    /// `struct kiocb *`; matched by the path of its file.
    Kiocb,
    /// `struct net_device *`; matched by its name.
    NetDevice,
    /// A capability number.
    Capability,
    /// `kernel_cap_t *`: 64 capability bits.
    KernelCap,
    /// `kernel_cap_t *` of inheritable capabilities.
    CapInheritable,
    /// `kernel_cap_t *` of permitted capabilities.
    CapPermitted,
    /// `kernel_cap_t *` of effective capabilities.
    CapEffective,
    /// A system call number; bit 31 set for the 32-bit ABI.
    Syscall64,
    /// Nothing: keeps a position.
    Nop,
}

impl ArgType {
    /// Every type.
    pub const ALL: [Self; 32] = [
        Self::Int8,
        Self::Uint8,
        Self::Int16,
        Self::Uint16,
        Self::Int32,
        Self::Uint32,
        Self::Int64,
        Self::Uint64,
        Self::Size,
        Self::Fd,
        Self::File,
        Self::Path,
        Self::String,
        Self::Filename,
        Self::CharBuf,
        Self::CharIovec,
        Self::Skb,
        Self::Sock,
        Self::Socket,
        Self::Sockaddr,
        Self::SockaddrUn,
        Self::Dentry,
        Self::LinuxBinprm,
        Self::Kiocb,
        Self::NetDevice,
        Self::Capability,
        Self::KernelCap,
        Self::CapInheritable,
        Self::CapPermitted,
        Self::CapEffective,
        Self::Syscall64,
        Self::Nop,
    ];

    /// What its filter values are, and how they compare.
    #[must_use]
    pub const fn class(self) -> TypeClass {
        match self {
            Self::Int8 => TypeClass::Integer { signed: true, bits: 8 },
            Self::Uint8 => TypeClass::Integer { signed: false, bits: 8 },
            Self::Int16 => TypeClass::Integer { signed: true, bits: 16 },
            Self::Uint16 => TypeClass::Integer { signed: false, bits: 16 },
            Self::Int32 => TypeClass::Integer { signed: true, bits: 32 },
            Self::Uint32 => TypeClass::Integer { signed: false, bits: 32 },
            Self::Int64 => TypeClass::Integer { signed: true, bits: 64 },
            Self::Uint64 | Self::Size | Self::Syscall64 => TypeClass::Integer { signed: false, bits: 64 },
            Self::Capability => TypeClass::Integer { signed: true, bits: 32 },
            Self::Fd | Self::File | Self::Path | Self::Dentry | Self::LinuxBinprm | Self::Kiocb => {
                TypeClass::Path
            }
            Self::String
            | Self::Filename
            | Self::CharBuf
            | Self::CharIovec
            | Self::NetDevice
            | Self::SockaddrUn => TypeClass::Text,
            Self::KernelCap | Self::CapInheritable | Self::CapPermitted | Self::CapEffective => {
                TypeClass::Capabilities
            }
            Self::Sock | Self::Skb | Self::Socket => TypeClass::Connection,
            Self::Sockaddr => TypeClass::Address,
            Self::Nop => TypeClass::Nothing,
        }
    }

    /// The preferred name in a policy; aliases are in [`typing`](super::typing).
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Int8 => "int8",
            Self::Uint8 => "uint8",
            Self::Int16 => "int16",
            Self::Uint16 => "uint16",
            Self::Int32 => "int",
            Self::Uint32 => "uint32",
            Self::Int64 => "int64",
            Self::Uint64 => "uint64",
            Self::Size => "size_t",
            Self::Fd => "fd",
            Self::File => "file",
            Self::Path => "path",
            Self::String => "string",
            Self::Filename => "filename",
            Self::CharBuf => "char_buf",
            Self::CharIovec => "char_iovec",
            Self::Skb => "skb",
            Self::Sock => "sock",
            Self::Socket => "socket",
            Self::Sockaddr => "sockaddr",
            Self::SockaddrUn => "sockaddr_un",
            Self::Dentry => "dentry",
            Self::LinuxBinprm => "linux_binprm",
            Self::Kiocb => "kiocb",
            Self::NetDevice => "net_device",
            Self::Capability => "capability",
            Self::KernelCap => "kernel_cap_t",
            Self::CapInheritable => "cap_inheritable",
            Self::CapPermitted => "cap_permitted",
            Self::CapEffective => "cap_effective",
            Self::Syscall64 => "syscall64",
            Self::Nop => "nop",
        }
    }
}

/// What the values of a filter are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TypeClass {
    /// A number of this width.
    Integer {
        /// Two's complement.
        signed: bool,
        /// 8, 16, 32 or 64.
        bits: u8,
    },
    /// Bytes read from the caller, from their start.
    Text,
    /// The absolute path of an open file, assembled from its end; and the file's type.
    Path,
    /// A set of capabilities: 64 bits.
    Capabilities,
    /// Family, protocol, state, and address and port of both ends.
    Connection,
    /// Family, address and port of one end, as the source.
    Address,
    /// Nothing to compare.
    Nothing,
}

/// One rule of a hook: all its filters must hold.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Selector {
    /// `label`: a name for counters and events.
    pub label: Option<String>,
    /// `matchPIDs`, all of which must hold, at most `MAX_PID_ENTRIES`.
    pub pids: Vec<PidFilter>,
    /// `matchBinaries`, at most `MAX_FILTERS`, as of the following.
    pub binaries: Vec<BinaryFilter>,
    /// `matchParentBinaries`.
    pub parent_binaries: Vec<BinaryFilter>,
    /// `matchArgs` and then `matchData`, all of which must hold, together at most `MAX_FILTERS`.
    pub args: Vec<ArgFilter>,
    /// `matchReturnArgs`; [`ArgFilter::arg`] is 0 and means [`Hook::returned`].
    pub return_args: Vec<ArgFilter>,
    /// `matchNamespaces`.
    pub namespaces: Vec<NamespaceFilter>,
    /// `matchNamespaceChanges`.
    pub namespace_changes: Vec<NamespaceChangeFilter>,
    /// `matchCapabilities`.
    pub capabilities: Vec<CapabilityFilter>,
    /// `matchCapabilityChanges`.
    pub capability_changes: Vec<CapabilityFilter>,
    /// Never empty: a selector without `matchActions` posts. No kind twice.
    pub actions: Vec<Action>,
    /// `matchReturnActions`. No kind twice.
    pub return_actions: Vec<Action>,
    /// The entry in the file.
    pub span: Span,
}

impl Selector {
    /// Whether a match does more than report.
    #[must_use]
    pub fn enforces(&self) -> bool {
        self.actions.iter().chain(&self.return_actions).any(Action::enforces)
    }
}

/// One `matchPIDs` entry.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PidFilter {
    /// `NotIn` instead of `In`.
    pub negated: bool,
    /// `isNamespacePID`: compare ids of the process's own innermost PID namespace; 0 stands for the initial one.
    pub namespace: bool,
    /// `followForks`: an ancestor with a listed id counts as well.
    pub follow_forks: bool,
    /// Process ids, at least one, at most `MAX_PIDS`, no id twice.
    pub values: Vec<u32>,
    /// The entry in the file.
    pub span: Span,
}

/// One `matchBinaries` or `matchParentBinaries` entry: the path of the executable.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct BinaryFilter {
    /// In, NotIn, Prefix, NotPrefix, Postfix or NotPostfix.
    pub op: Operator,
    /// `followChildren`: descendants of a process that ran such a binary count as well. Only with In and NotIn.
    pub follow_children: bool,
    /// Absolute paths (of Postfix: ends), without a NUL; at least one, none twice.
    pub values: Vec<Vec<u8>>,
    /// The entry in the file.
    pub span: Span,
}

/// One `matchArgs`, `matchData` or `matchReturnArgs` entry.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ArgFilter {
    /// Position in [`Hook::args`], always in range.
    pub arg: usize,
    /// How the argument compares.
    pub op: Operator,
    /// With what; of the kind that [`typing`](super::typing) has for the operator and the type.
    pub values: Values,
    /// The entry in the file.
    pub span: Span,
}

/// One `matchNamespaces` entry: the process is in (or in none of) these namespaces.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct NamespaceFilter {
    /// Which kind.
    pub namespace: Namespace,
    /// `NotIn` instead of `In`.
    pub negated: bool,
    /// Which ones, at least one, none twice.
    pub values: Vec<NamespaceId>,
    /// The entry in the file.
    pub span: Span,
}

/// A namespace by its number, or the host's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NamespaceId {
    /// `host_ns`: the one that process 1 of the machine is in.
    Host,
    /// Its inode number, never 0.
    Number(u32),
}

/// Kinds of namespaces, in the order of the wire's subjects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Namespace {
    /// `Uts`
    Uts,
    /// `Ipc`
    Ipc,
    /// `Mnt`
    Mnt,
    /// `Pid`
    Pid,
    /// `PidForChildren`
    PidForChildren,
    /// `Net`
    Net,
    /// `Time`
    Time,
    /// `TimeForChildren`
    TimeForChildren,
    /// `Cgroup`
    Cgroup,
    /// `User`
    User,
}

impl Namespace {
    /// Every kind.
    pub const ALL: [Self; 10] = [
        Self::Uts,
        Self::Ipc,
        Self::Mnt,
        Self::Pid,
        Self::PidForChildren,
        Self::Net,
        Self::Time,
        Self::TimeForChildren,
        Self::Cgroup,
        Self::User,
    ];

    /// Its name in a policy.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Uts => "Uts",
            Self::Ipc => "Ipc",
            Self::Mnt => "Mnt",
            Self::Pid => "Pid",
            Self::PidForChildren => "PidForChildren",
            Self::Net => "Net",
            Self::Time => "Time",
            Self::TimeForChildren => "TimeForChildren",
            Self::Cgroup => "Cgroup",
            Self::User => "User",
        }
    }
}

/// One `matchNamespaceChanges` entry: one of these (or none) differs from what it was when the process executed its program.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct NamespaceChangeFilter {
    /// `NotIn` instead of `In`.
    pub negated: bool,
    /// Which kinds, at least one, none twice.
    pub values: Vec<Namespace>,
    /// The entry in the file.
    pub span: Span,
}

/// One `matchCapabilities` entry (the process has one of these, or none), or one `matchCapabilityChanges` entry (one of these,
/// or none, differs from what it was when the process executed its program).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CapabilityFilter {
    /// Which set.
    pub set: CapabilitySet,
    /// `NotIn` instead of `In`.
    pub negated: bool,
    /// `isNamespaceCapability`: only for processes outside of the initial user namespace.
    pub namespaced: bool,
    /// Bit N is capability N; never 0.
    pub mask: u64,
    /// The entry in the file.
    pub span: Span,
}

/// The sets of a process's capabilities.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum CapabilitySet {
    /// `Permitted`
    Permitted,
    /// `Effective`, the default
    Effective,
    /// `Inheritable`
    Inheritable,
}

impl CapabilitySet {
    /// Every set.
    pub const ALL: [Self; 3] = [Self::Permitted, Self::Effective, Self::Inheritable];

    /// Its name in a policy.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Permitted => "Permitted",
            Self::Effective => "Effective",
            Self::Inheritable => "Inheritable",
        }
    }
}

macro_rules! operators {
    ($($(#[$doc:meta])* $name:ident = $text:literal $(not $positive:ident)?,)*) => {
        /// Operators of filters. With several values, the positive ones mean "any of" and the negative ones "none of".
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Operator {
            $($(#[$doc])* $name,)*
        }

        impl Operator {
            /// Every operator.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// Its preferred name in a policy.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// The operator of which this one is the negation.
            #[must_use]
            pub const fn positive(self) -> Option<Self> {
                match self {
                    $($(Self::$name => Some(Self::$positive),)?)*
                    _ => None,
                }
            }
        }
    };
}

operators! {
    /// Equal to any value.
    Equal = "Equal",
    /// Equal to no value.
    NotEqual = "NotEqual" not Equal,
    /// Member of the set; the same as Equal.
    In = "In",
    /// Not a member of the set.
    NotIn = "NotIn" not In,
    /// Starts with any value.
    Prefix = "Prefix",
    /// Starts with no value.
    NotPrefix = "NotPrefix" not Prefix,
    /// Ends with any value.
    Postfix = "Postfix",
    /// Ends with no value.
    NotPostfix = "NotPostfix" not Postfix,
    /// Contains any value.
    SubString = "SubString",
    /// Contains any value, ASCII letters of either case.
    SubStringIgnCase = "SubStringIgnCase",
    /// Greater than the value.
    Gt = "GT",
    /// Less than the value.
    Lt = "LT",
    /// In any of the ranges or numbers.
    InMap = "InMap",
    /// In none of them.
    NotInMap = "NotInMap" not InMap,
    /// In any of the ranges.
    InRange = "InRange",
    /// In none of the ranges.
    NotInRange = "NotInRange" not InRange,
    /// Has a bit of any value.
    Mask = "Mask",
    /// The source address is in any network.
    SAddr = "SAddr",
    /// The source address is in no network.
    NotSAddr = "NotSAddr" not SAddr,
    /// The destination address is in any network.
    DAddr = "DAddr",
    /// The destination address is in no network.
    NotDAddr = "NotDAddr" not DAddr,
    /// The source port is in any range.
    SPort = "SPort",
    /// The source port is in no range.
    NotSPort = "NotSPort" not SPort,
    /// The destination port is in any range.
    DPort = "DPort",
    /// The destination port is in no range.
    NotDPort = "NotDPort" not DPort,
    /// The source port is below 1024.
    SPortPriv = "SPortPriv",
    /// The source port is 1024 or above.
    NotSPortPriv = "NotSPortPriv" not SPortPriv,
    /// The destination port is below 1024.
    DPortPriv = "DPortPriv",
    /// The destination port is 1024 or above.
    NotDPortPriv = "NotDPortPriv" not DPortPriv,
    /// The transport protocol is any of these.
    Protocol = "Protocol",
    /// The address family is any of these.
    Family = "Family",
    /// The state of the connection is any of these.
    State = "State",
    /// A second argument has a capability that this one lacks.
    CapabilitiesGained = "CapabilitiesGained",
    /// The file is of any of these types.
    FileType = "FileType",
    /// The file is of none of these types.
    NotFileType = "NotFileType" not FileType,
}

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
    /// Position in [`Hook::args`] of the other argument (`CapabilitiesGained`).
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

/// What happens on a match.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// Report an event.
    Post(Post),
    /// Report no event, whatever else happens.
    NoPost,
    /// Send SIGKILL to the calling process. The return value of the call does not change (kernel 5.3 on).
    Sigkill,
    /// Send this signal to the calling process (kernel 5.3 on).
    Signal(u32),
    /// Make the call return this error instead: 0 to 4095, negated.
    Override(i32),
    /// Descriptors keep their path: positions in [`Hook::args`] of the descriptor and of the name.
    FollowFd(FdArgs),
    /// Forget the path again.
    UnfollowFd(FdArgs),
    /// Positions of the old and the new descriptor.
    CopyFd(FdArgs),
    /// Let the enforcer act.
    NotifyEnforcer(Notification),
    /// Position in [`Hook::args`] of the socket whose process is remembered.
    TrackSock(usize),
    /// Position of the socket that is forgotten.
    UntrackSock(usize),
    /// Write an argument.
    Set {
        /// Its position in the function's prototype.
        index: u8,
        /// What is written.
        value: u32,
    },
}

/// How an event is reported.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Post {
    /// Events with the same arguments within this time are counted and not reported; 0: all are.
    pub rate_limit_ms: u32,
    /// Whose events count together.
    pub scope: RateScope,
    /// With the kernel's stack.
    pub kernel_stack: bool,
    /// With the process's stack.
    pub user_stack: bool,
}

/// Whose events a rate limit counts together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum RateScope {
    /// `thread`
    #[default]
    Thread,
    /// `process`
    Process,
    /// `global`
    Global,
}

/// Two arguments of a FollowFD, UnfollowFD or CopyFD, by position in [`Hook::args`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FdArgs {
    /// `argFd`
    pub fd: usize,
    /// `argName`
    pub name: usize,
}

/// What the enforcer does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Notification {
    /// `argError`: the value that the call returns; 0: unchanged.
    pub error: i32,
    /// `argSig`: the signal that is sent; 0: none.
    pub signal: u32,
}

impl Action {
    /// The kind, without its arguments.
    #[must_use]
    pub const fn kind(&self) -> ActionKind {
        match self {
            Self::Post(_) => ActionKind::Post,
            Self::NoPost => ActionKind::NoPost,
            Self::Sigkill => ActionKind::Sigkill,
            Self::Signal(_) => ActionKind::Signal,
            Self::Override(_) => ActionKind::Override,
            Self::FollowFd(_) => ActionKind::FollowFd,
            Self::UnfollowFd(_) => ActionKind::UnfollowFd,
            Self::CopyFd(_) => ActionKind::CopyFd,
            Self::NotifyEnforcer(_) => ActionKind::NotifyEnforcer,
            Self::TrackSock(_) => ActionKind::TrackSock,
            Self::UntrackSock(_) => ActionKind::UntrackSock,
            Self::Set { .. } => ActionKind::Set,
        }
    }

    /// Its name in a policy.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.kind().name()
    }

    /// Whether it does more than report.
    #[must_use]
    pub const fn enforces(&self) -> bool {
        matches!(
            self,
            Self::Sigkill | Self::Signal(_) | Self::Override(_) | Self::NotifyEnforcer(_) | Self::Set { .. }
        )
    }
}

/// Kinds of actions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ActionKind {
    /// [`Action::Post`]
    Post,
    /// [`Action::NoPost`]
    NoPost,
    /// [`Action::Sigkill`]
    Sigkill,
    /// [`Action::Signal`]
    Signal,
    /// [`Action::Override`]
    Override,
    /// [`Action::FollowFd`]
    FollowFd,
    /// [`Action::UnfollowFd`]
    UnfollowFd,
    /// [`Action::CopyFd`]
    CopyFd,
    /// [`Action::NotifyEnforcer`]
    NotifyEnforcer,
    /// [`Action::TrackSock`]
    TrackSock,
    /// [`Action::UntrackSock`]
    UntrackSock,
    /// [`Action::Set`]
    Set,
}

impl ActionKind {
    /// Every kind.
    pub const ALL: [Self; 12] = [
        Self::Post,
        Self::NoPost,
        Self::Sigkill,
        Self::Signal,
        Self::Override,
        Self::FollowFd,
        Self::UnfollowFd,
        Self::CopyFd,
        Self::NotifyEnforcer,
        Self::TrackSock,
        Self::UntrackSock,
        Self::Set,
    ];

    /// Its name in a policy.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Post => "Post",
            Self::NoPost => "NoPost",
            Self::Sigkill => "Sigkill",
            Self::Signal => "Signal",
            Self::Override => "Override",
            Self::FollowFd => "FollowFD",
            Self::UnfollowFd => "UnfollowFD",
            Self::CopyFd => "CopyFD",
            Self::NotifyEnforcer => "NotifyEnforcer",
            Self::TrackSock => "TrackSock",
            Self::UntrackSock => "UntrackSock",
            Self::Set => "Set",
        }
    }
}
