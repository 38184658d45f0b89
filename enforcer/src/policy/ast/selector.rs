//! Selectors and their filters.

use super::{Action, Operator, Values};
use crate::policy::source::Span;

/// One rule of a hook: all its filters must hold.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Selector {
    /// `label`: a name for counters and events.
    pub label: Option<String>,
    /// `required`: anything less than full enforcement of this rule refuses the policy. A key that other readers of the language do
    /// not have; it changes what a plan is worth and never what matches.
    pub required: bool,
    /// `matchPIDs`, all of which must hold, at most `MAX_PID_ENTRIES`.
    pub pids: Vec<PidFilter>,
    /// `matchBinaries`, at most `MAX_FILTERS`, as of the following.
    pub binaries: Vec<BinaryFilter>,
    /// `matchParentBinaries`.
    pub parent_binaries: Vec<BinaryFilter>,
    /// `matchArgs` and then `matchData`, all of which must hold, together at most `MAX_FILTERS`.
    pub args: Vec<ArgFilter>,
    /// `matchReturnArgs`; [`ArgFilter::arg`] is 0 and means [`Hook::returned`](super::Hook::returned).
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
    /// Position in [`Hook::args`](super::Hook::args), always in range.
    pub arg: usize,
    /// How the argument compares.
    pub op: Operator,
    /// With what; of the kind that [`typing`](crate::policy::typing) has for the operator and the type.
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
