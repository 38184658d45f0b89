//! The numbers of the language: operators, argument types, actions, argument statuses.
//!
//! Where Tetragon's published encoding has a number for a name, ours is the same, so that byte listings read alike.

use crate::schema::codes;

codes! {
    /// How an entry compares. Several values: the positive operators hold when any value does, the negative ones when
    /// none does.
    pub enum Operator {
        /// Greater than the value.
        Gt = 1 as "QUELL_OP_GT",
        /// Less than the value.
        Lt = 2 as "QUELL_OP_LT",
        /// The same number, or the same bytes.
        Equal = 3 as "QUELL_OP_EQUAL",
        /// Not `Equal` to any value.
        NotEqual = 4 as "QUELL_OP_NOT_EQUAL",
        /// Member of the set.
        In = 5 as "QUELL_OP_IN",
        /// Not a member of the set.
        NotIn = 6 as "QUELL_OP_NOT_IN",
        /// Starts with a value.
        Prefix = 8 as "QUELL_OP_PREFIX",
        /// Ends with a value.
        Postfix = 9 as "QUELL_OP_POSTFIX",
        /// In one of the ranges.
        InMap = 10 as "QUELL_OP_IN_MAP",
        /// In none of the ranges.
        NotInMap = 11 as "QUELL_OP_NOT_IN_MAP",
        /// Has a bit of a value.
        Mask = 12 as "QUELL_OP_MASK",
        /// The source address is in a network.
        SAddr = 13 as "QUELL_OP_SADDR",
        /// The destination address is in a network.
        DAddr = 14 as "QUELL_OP_DADDR",
        /// The source port is in a range.
        SPort = 15 as "QUELL_OP_SPORT",
        /// The destination port is in a range.
        DPort = 16 as "QUELL_OP_DPORT",
        /// The transport protocol is one of these.
        Protocol = 17 as "QUELL_OP_PROTOCOL",
        /// The source port is in none of the ranges.
        NotSPort = 18 as "QUELL_OP_NOT_SPORT",
        /// The destination port is in none of the ranges.
        NotDPort = 19 as "QUELL_OP_NOT_DPORT",
        /// The source port is below 1024.
        SPortPriv = 20 as "QUELL_OP_SPORT_PRIV",
        /// The source port is not below 1024.
        NotSPortPriv = 21 as "QUELL_OP_NOT_SPORT_PRIV",
        /// The destination port is below 1024.
        DPortPriv = 22 as "QUELL_OP_DPORT_PRIV",
        /// The destination port is not below 1024.
        NotDPortPriv = 23 as "QUELL_OP_NOT_DPORT_PRIV",
        /// The source address is in no network.
        NotSAddr = 24 as "QUELL_OP_NOT_SADDR",
        /// The destination address is in no network.
        NotDAddr = 25 as "QUELL_OP_NOT_DADDR",
        /// Starts with no value.
        NotPrefix = 26 as "QUELL_OP_NOT_PREFIX",
        /// Ends with no value.
        NotPostfix = 27 as "QUELL_OP_NOT_POSTFIX",
        /// The address family is one of these.
        Family = 28 as "QUELL_OP_FAMILY",
        /// The state of the connection is one of these.
        State = 29 as "QUELL_OP_STATE",
        /// The second argument has a capability that this one lacks.
        CapabilitiesGained = 30 as "QUELL_OP_CAPABILITIES_GAINED",
        /// Between a pair of bounds, both included.
        InRange = 31 as "QUELL_OP_IN_RANGE",
        /// Between no pair of bounds.
        NotInRange = 32 as "QUELL_OP_NOT_IN_RANGE",
        /// Contains a value.
        SubString = 33 as "QUELL_OP_SUB_STRING",
        /// Contains a value, ASCII letters of either case.
        SubStringIgnCase = 34 as "QUELL_OP_SUB_STRING_IGN_CASE",
        /// The file is of one of these types.
        FileType = 36 as "QUELL_OP_FILE_TYPE",
        /// The file is of none of these types.
        NotFileType = 37 as "QUELL_OP_NOT_FILE_TYPE",
        /// Has no bit of a value. No name of the language: NotIn of capabilities and namespaces that changed.
        NotMask = 64 as "QUELL_OP_NOT_MASK",
    }
}

impl Operator {
    /// The operator that holds when no value makes this one hold, for those that have one; else `None`.
    #[must_use]
    pub const fn positive(self) -> Option<Self> {
        Some(match self {
            Self::NotEqual => Self::Equal,
            Self::NotIn => Self::In,
            Self::NotInMap => Self::InMap,
            Self::NotSPort => Self::SPort,
            Self::NotDPort => Self::DPort,
            Self::NotSPortPriv => Self::SPortPriv,
            Self::NotDPortPriv => Self::DPortPriv,
            Self::NotSAddr => Self::SAddr,
            Self::NotDAddr => Self::DAddr,
            Self::NotPrefix => Self::Prefix,
            Self::NotPostfix => Self::Postfix,
            Self::NotInRange => Self::InRange,
            Self::NotFileType => Self::FileType,
            Self::NotMask => Self::Mask,
            _ => return None,
        })
    }

    /// How the values of an entry with this operator are written, given the class of its type.
    #[must_use]
    pub const fn values(self, bytes: bool) -> ValueKind {
        match self {
            Self::Gt
            | Self::Lt
            | Self::Mask
            | Self::NotMask
            | Self::Protocol
            | Self::Family
            | Self::State => ValueKind::Numbers,
            Self::CapabilitiesGained | Self::FileType | Self::NotFileType => ValueKind::Numbers,
            Self::InMap | Self::NotInMap | Self::InRange | Self::NotInRange => ValueKind::Ranges,
            Self::SPort | Self::NotSPort | Self::DPort | Self::NotDPort => ValueKind::Ranges,
            Self::SPortPriv | Self::NotSPortPriv | Self::DPortPriv | Self::NotDPortPriv => ValueKind::Ranges,
            Self::SAddr | Self::NotSAddr | Self::DAddr | Self::NotDAddr => ValueKind::Networks,
            Self::Prefix | Self::NotPrefix | Self::Postfix | Self::NotPostfix => ValueKind::Strings,
            Self::SubString | Self::SubStringIgnCase => ValueKind::Strings,
            Self::Equal | Self::NotEqual | Self::In | Self::NotIn if bytes => ValueKind::Strings,
            Self::Equal | Self::NotEqual | Self::In | Self::NotIn => ValueKind::Numbers,
        }
    }
}

/// How the values of an entry are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ValueKind {
    /// u64 each.
    Numbers,
    /// Two u64 each: the least and the greatest.
    Ranges,
    /// A StringHead and padded bytes each.
    Strings,
    /// A Network record each.
    Networks,
}

codes! {
    /// What an entry compares: an argument, or something of the calling process.
    pub enum Subject {
        /// The first argument that the policy names; data entries follow the arguments.
        Arg0 = 0 as "QUELL_SUBJECT_ARG_0",
        /// The second one.
        Arg1 = 1 as "QUELL_SUBJECT_ARG_1",
        /// The third one.
        Arg2 = 2 as "QUELL_SUBJECT_ARG_2",
        /// The fourth one.
        Arg3 = 3 as "QUELL_SUBJECT_ARG_3",
        /// The fifth one.
        Arg4 = 4 as "QUELL_SUBJECT_ARG_4",
        /// Path of the process's executable.
        Executable = 5 as "QUELL_SUBJECT_EXECUTABLE",
        /// Path of the parent's executable.
        ParentExecutable = 6 as "QUELL_SUBJECT_PARENT_EXECUTABLE",
        /// What the function returned.
        Returned = 7 as "QUELL_SUBJECT_RETURNED",
        /// Inode number of the UTS namespace; of the following likewise.
        NsUts = 8 as "QUELL_SUBJECT_NS_UTS",
        /// IPC namespace.
        NsIpc = 9 as "QUELL_SUBJECT_NS_IPC",
        /// Mount namespace.
        NsMnt = 10 as "QUELL_SUBJECT_NS_MNT",
        /// PID namespace of the process.
        NsPid = 11 as "QUELL_SUBJECT_NS_PID",
        /// PID namespace that its children will have.
        NsPidForChildren = 12 as "QUELL_SUBJECT_NS_PID_FOR_CHILDREN",
        /// Network namespace.
        NsNet = 13 as "QUELL_SUBJECT_NS_NET",
        /// Time namespace.
        NsTime = 14 as "QUELL_SUBJECT_NS_TIME",
        /// Time namespace that its children will have.
        NsTimeForChildren = 15 as "QUELL_SUBJECT_NS_TIME_FOR_CHILDREN",
        /// Cgroup namespace.
        NsCgroup = 16 as "QUELL_SUBJECT_NS_CGROUP",
        /// User namespace.
        NsUser = 17 as "QUELL_SUBJECT_NS_USER",
        /// Permitted capabilities, a bit each.
        CapPermitted = 18 as "QUELL_SUBJECT_CAP_PERMITTED",
        /// Effective capabilities.
        CapEffective = 19 as "QUELL_SUBJECT_CAP_EFFECTIVE",
        /// Inheritable capabilities.
        CapInheritable = 20 as "QUELL_SUBJECT_CAP_INHERITABLE",
        /// Namespaces that differ from those at exec: bit N is the namespace with subject NsUts + N.
        ChangedNamespaces = 21 as "QUELL_SUBJECT_CHANGED_NAMESPACES",
        /// Permitted capabilities that differ from those at exec.
        ChangedPermitted = 22 as "QUELL_SUBJECT_CHANGED_PERMITTED",
        /// Effective ones.
        ChangedEffective = 23 as "QUELL_SUBJECT_CHANGED_EFFECTIVE",
        /// Inheritable ones.
        ChangedInheritable = 24 as "QUELL_SUBJECT_CHANGED_INHERITABLE",
        /// Sets of matchBinaries entries with followChildren to which the process or an ancestor belongs: bit N is the
        /// entry with that number in the hook.
        FollowedBinaries = 25 as "QUELL_SUBJECT_FOLLOWED_BINARIES",
    }
}

codes! {
    /// What a hook argument is, hence how it is read and compared. Integers are compared as 64 bits, extended from their
    /// own width by their own sign.
    pub enum ArgType {
        /// `int`.
        Int = 1 as "QUELL_TYPE_INT",
        /// Buffer with its size in another argument.
        CharBuf = 2 as "QUELL_TYPE_CHAR_BUF",
        /// Several buffers: `struct iovec *` with their number in another argument.
        CharIovec = 3 as "QUELL_TYPE_CHAR_IOVEC",
        /// `size_t`.
        SizeT = 4 as "QUELL_TYPE_SIZE_T",
        /// `struct sk_buff *`.
        Skb = 5 as "QUELL_TYPE_SKB",
        /// NUL-terminated string.
        String = 6 as "QUELL_TYPE_STRING",
        /// `struct sock *`.
        Sock = 7 as "QUELL_TYPE_SOCK",
        /// Signed 64 bits.
        S64 = 10 as "QUELL_TYPE_S64",
        /// Unsigned 64 bits.
        U64 = 11 as "QUELL_TYPE_U64",
        /// Signed 32 bits.
        S32 = 12 as "QUELL_TYPE_S32",
        /// Unsigned 32 bits.
        U32 = 13 as "QUELL_TYPE_U32",
        /// `struct filename *`.
        Filename = 14 as "QUELL_TYPE_FILENAME",
        /// `struct path *`.
        Path = 15 as "QUELL_TYPE_PATH",
        /// `struct file *`.
        File = 16 as "QUELL_TYPE_FILE",
        /// File descriptor, resolved in the calling task's own table.
        Fd = 17 as "QUELL_TYPE_FD",
        /// A capability number.
        Capability = 23 as "QUELL_TYPE_CAPABILITY",
        /// `struct kiocb *`: the path of its file.
        Kiocb = 24 as "QUELL_TYPE_KIOCB",
        /// A system call number of the 64-bit ABI; bit 31 set for the 32-bit one.
        Syscall64 = 28 as "QUELL_TYPE_SYSCALL64",
        /// Signed 16 bits.
        S16 = 29 as "QUELL_TYPE_S16",
        /// Unsigned 16 bits.
        U16 = 30 as "QUELL_TYPE_U16",
        /// Signed 8 bits.
        S8 = 31 as "QUELL_TYPE_S8",
        /// Unsigned 8 bits.
        U8 = 32 as "QUELL_TYPE_U8",
        /// `kernel_cap_t *`: 64 capability bits.
        KernelCap = 33 as "QUELL_TYPE_KERNEL_CAP",
        /// `kernel_cap_t *` of inheritable capabilities.
        CapInheritable = 34 as "QUELL_TYPE_CAP_INHERITABLE",
        /// `kernel_cap_t *` of permitted capabilities.
        CapPermitted = 35 as "QUELL_TYPE_CAP_PERMITTED",
        /// `kernel_cap_t *` of effective capabilities.
        CapEffective = 36 as "QUELL_TYPE_CAP_EFFECTIVE",
        /// `struct linux_binprm *`: the path of the file that is executed.
        LinuxBinprm = 37 as "QUELL_TYPE_LINUX_BINPRM",
        /// `struct net_device *`: its name.
        NetDevice = 39 as "QUELL_TYPE_NET_DEVICE",
        /// `struct sockaddr *`: family, address and port, as the source.
        Sockaddr = 40 as "QUELL_TYPE_SOCKADDR",
        /// `struct socket *`: the tuple of its sock.
        Socket = 41 as "QUELL_TYPE_SOCKET",
        /// `struct dentry *`: its path, without the mounts above it.
        Dentry = 42 as "QUELL_TYPE_DENTRY",
        /// `struct sockaddr_un *`: its path.
        SockaddrUn = 44 as "QUELL_TYPE_SOCKADDR_UN",
        /// Nothing is read: a placeholder that keeps a position.
        Nop = 63 as "QUELL_TYPE_NOP",
    }
}

impl ArgType {
    /// Whether the argument is a string of bytes.
    #[must_use]
    pub const fn is_bytes(self) -> bool {
        self.is_path()
            || matches!(
                self,
                Self::CharBuf
                    | Self::CharIovec
                    | Self::String
                    | Self::Filename
                    | Self::NetDevice
                    | Self::SockaddrUn
            )
    }

    /// Whether the string is a path found by walking directory entries, whose *end* is known when it had to be cut.
    #[must_use]
    pub const fn is_path(self) -> bool {
        matches!(self, Self::Path | Self::File | Self::Fd | Self::Dentry | Self::LinuxBinprm | Self::Kiocb)
    }

    /// Whether what was read is a [`crate::selector::Connection`].
    #[must_use]
    pub const fn is_connection(self) -> bool {
        matches!(self, Self::Sock | Self::Skb | Self::Socket | Self::Sockaddr)
    }

    /// Whether the number is compared as a signed one.
    #[must_use]
    pub const fn is_signed(self) -> bool {
        matches!(self, Self::Int | Self::S8 | Self::S16 | Self::S32 | Self::S64 | Self::Capability)
    }
}

codes! {
    /// What a matching selector does. The parameters are those of [`crate::selector::ActionEntry`].
    pub enum Action {
        /// Posts an event. Parameters: rate limit in milliseconds (0: none), its [`RateScope`], kernel stack (0 or 1), user
        /// stack (0 or 1).
        Post = 0 as "QUELL_ACTION_POST",
        /// Keeps the path of a descriptor. Parameters: positions of the descriptor and of the name among the arguments.
        FollowFd = 1 as "QUELL_ACTION_FOLLOW_FD",
        /// Sends SIGKILL to the calling process (`bpf_send_signal`, Linux 5.3).
        Sigkill = 2 as "QUELL_ACTION_SIGKILL",
        /// Forgets the path of a descriptor. Parameters as for FollowFd.
        UnfollowFd = 3 as "QUELL_ACTION_UNFOLLOW_FD",
        /// Makes the call return an error. Parameter: the value, two's complement.
        Override = 4 as "QUELL_ACTION_OVERRIDE",
        /// Gives the path of one descriptor to another. Parameters: positions of the old and the new one.
        CopyFd = 5 as "QUELL_ACTION_COPY_FD",
        /// Posts no event.
        NoPost = 8 as "QUELL_ACTION_NO_POST",
        /// Sends a signal to the calling process. Parameter: its number.
        Signal = 9 as "QUELL_ACTION_SIGNAL",
        /// Remembers the process that owns a socket. Parameter: position of the socket.
        TrackSock = 10 as "QUELL_ACTION_TRACK_SOCK",
        /// Forgets it.
        UntrackSock = 11 as "QUELL_ACTION_UNTRACK_SOCK",
        /// Lets an enforcer at another hook act. Parameters: error (two's complement), signal, position of the argument
        /// with the system call number or NO_SIZE_ARG.
        NotifyEnforcer = 12 as "QUELL_ACTION_NOTIFY_ENFORCER",
        /// Writes an argument. Parameters: its position, the value.
        Set = 14 as "QUELL_ACTION_SET",
    }
}

codes! {
    /// Whose events a rate limit counts together.
    pub enum RateScope {
        /// Those of one thread.
        Thread = 0 as "QUELL_RATE_THREAD",
        /// Those of one process.
        Process = 1 as "QUELL_RATE_PROCESS",
        /// All.
        Global = 2 as "QUELL_RATE_GLOBAL",
    }
}

codes! {
    /// How reading an argument went. Everything but `Ok` and `Truncated` leaves no bytes to compare.
    pub enum ArgStatus {
        /// Not read: the hook has no such argument, or a cheaper filter had already decided.
        Absent = 0 as "QUELL_ARG_ABSENT",
        /// Read whole.
        Ok = 1 as "QUELL_ARG_OK",
        /// Longer than is kept: of a path the end is known, of everything else the beginning.
        Truncated = 2 as "QUELL_ARG_TRUNCATED",
        /// User memory that is not there yet; an ordinary program may pass it, so nothing is concluded.
        UserFault = 3 as "QUELL_ARG_USER_FAULT",
        /// Kernel memory that could not be read; an enforcing selector takes it for a match.
        KernelFault = 4 as "QUELL_ARG_KERNEL_FAULT",
        /// A path whose walk does not end at the root of a mount namespace; an enforcing selector takes it for a match.
        Disconnected = 5 as "QUELL_ARG_DISCONNECTED",
        /// A pipe, socket or anonymous inode: no path, hence no match, whatever the operator.
        NoPath = 6 as "QUELL_ARG_NO_PATH",
        /// Not an open descriptor: no match, whatever the operator.
        BadFd = 7 as "QUELL_ARG_BAD_FD",
    }
}

codes! {
    /// What a filter, or a whole selector, says of one call.
    pub enum Match {
        /// It does not match.
        No = 0 as "QUELL_MATCH_NO",
        /// It matches.
        Yes = 1 as "QUELL_MATCH_YES",
        /// What was read does not decide it (truncated, disconnected, kernel fault).
        Undecided = 2 as "QUELL_MATCH_UNDECIDED",
        /// User memory could not be read.
        Unreadable = 3 as "QUELL_MATCH_UNREADABLE",
        /// The bytes are not selectors that this hook's constants describe.
        Malformed = 4 as "QUELL_MATCH_MALFORMED",
    }
}
