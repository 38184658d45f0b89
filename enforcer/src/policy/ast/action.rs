//! What happens on a match.

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
    /// Descriptors keep their path: positions in [`Hook::args`](super::Hook::args) of the descriptor and of the name.
    FollowFd(FdArgs),
    /// Forget the path again.
    UnfollowFd(FdArgs),
    /// Positions of the old and the new descriptor.
    CopyFd(FdArgs),
    /// Let the enforcer act.
    NotifyEnforcer(Notification),
    /// Position in [`Hook::args`](super::Hook::args) of the socket whose process is remembered.
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

/// Two arguments of a FollowFD, UnfollowFD or CopyFD, by position in [`Hook::args`](super::Hook::args).
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
