//! The closed list of steps that a subject can be told to do: one step is one system call, with one errno.

use serde::{Deserialize, Serialize};

/// One step. In a scenario file strings may contain `$target`; paths are relative to the work directory of the cell
/// or absolute. A subject only ever sees them filled in and absolute.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Step {
    /// `openat(AT_FDCWD, path, flags, 0600)`; later writes go to this file.
    Open {
        /// Which file.
        path: String,
        /// How to open it; exactly these flags reach the kernel.
        flags: Vec<OpenFlag>,
        /// Pass the name in memory that was never touched: the kernel brings the page in when it copies the name, but
        /// a program that looks at it before finds nothing there.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        untouched_name: bool,
    },
    /// `write` to the opened file.
    Write {
        /// What to write.
        data: String,
    },
    /// `pwrite64` to the opened file.
    WriteAt {
        /// What to write.
        data: String,
        /// Where, in bytes from the start of the file.
        offset: u32,
    },
    /// `write` to standard output, a pipe whose other end the runner holds.
    WritePipe {
        /// What to write.
        data: String,
    },
    /// `unlink`.
    Unlink {
        /// Which name.
        path: String,
    },
    /// `rename`.
    Rename {
        /// Present name.
        from: String,
        /// New name.
        to: String,
    },
    /// `execve` of an image that performs further steps. Nothing after it is performed by the old image.
    Execve {
        /// Which image; prepare it with `link_to_subject`.
        path: String,
        /// Execute a copy of it in memory (`memfd_create`, `execveat`), which has no path.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        in_memory: bool,
        /// What the new image does.
        then: Vec<Step>,
    },
    /// `clock_nanosleep`, so that another process can act in between.
    Pause {
        /// How long, in milliseconds.
        ms: u32,
    },
    /// `writev` to the opened file.
    WriteParts {
        /// One buffer each.
        parts: Vec<String>,
        /// By the 32-bit system call, with a vector of 32-bit addresses and lengths.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        short: bool,
    },
    /// `mknod` of a pipe with a name.
    Mkfifo {
        /// Which name.
        path: String,
    },
    /// `faccessat(AT_FDCWD, path, F_OK)`; that the name is absent is no failure.
    Look {
        /// Which name.
        path: String,
    },
    /// `execve` of a file that is no program, which the kernel refuses (ENOEXEC) after all its checks.
    ExecveRefused {
        /// Which file; prepare it with `executable`.
        path: String,
    },
    /// `prctl(PR_GET_DUMPABLE, value, case, 0, 0)`: the kernel looks at neither, so that both can be anything.
    Number {
        /// Second argument: decimal, -2^63 to 2^63-1.
        value: String,
        /// Third argument.
        case: u32,
    },
    /// The same, with the address of a NUL-terminated text as second argument.
    Text {
        /// Second argument.
        text: String,
        /// Third argument.
        case: u32,
    },
    /// `capset` of the process itself; bit N is capability N.
    Capset {
        /// What it has.
        effective: u64,
        /// What it may make effective; a subset of what it was.
        permitted: u64,
        /// What a program that it executes may keep.
        inheritable: u64,
    },
    /// `unshare`.
    Unshare {
        /// Which namespaces become new ones.
        namespaces: Vec<NamespaceKind>,
    },
    /// `ioctl(SIOCSIFNAME)` on a socket made before: gives a network device another name.
    RenameDevice {
        /// Present name.
        from: String,
        /// New name.
        to: String,
    },
    /// `socket`; later socket steps use this one. Earlier ones stay open.
    Socket {
        /// Which.
        kind: SocketKind,
    },
    /// `bind` to an address and port (`127.0.0.1:80`, `[::1]:80`).
    Bind {
        /// Which.
        to: String,
        /// Say AF_UNSPEC instead of the family, which Linux takes for IPv4 when the address is 0.0.0.0.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        without_family: bool,
    },
    /// `listen`.
    Listen {},
    /// `connect` to an address and port.
    Connect {
        /// Which.
        to: String,
        /// The length of the address that the kernel is told, if not the real one: 28 to 128. It takes more than it needs,
        /// and functions that are given it can be told apart by it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        length: Option<u32>,
        /// Nobody listens there: ECONNREFUSED is what has to come.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        refused: bool,
    },
    /// `connect` to the name of a socket at which nobody listens: ENOENT is what has to come.
    ConnectNobody {
        /// Which name.
        path: String,
    },
    /// `sendto` without flags.
    SendTo {
        /// To which address and port.
        to: String,
        /// What.
        data: String,
    },
}

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
}

impl OpenFlag {
    /// Whether this is one of the three access modes, of which an open has exactly one.
    #[must_use]
    pub fn is_access_mode(self) -> bool {
        matches!(self, Self::Rdonly | Self::Wronly | Self::Rdwr)
    }
}

impl Step {
    /// The same step with every string that names a file changed by `path` and every string that is content changed
    /// by `data`.
    #[must_use]
    pub fn map(&self, path: &dyn Fn(&str) -> String, data: &dyn Fn(&str) -> String) -> Self {
        let mut step = self.clone();
        step.change(path, data);
        step
    }

    fn change(&mut self, path: &dyn Fn(&str) -> String, data: &dyn Fn(&str) -> String) {
        let (paths, contents) = self.strings_mut();
        for name in paths {
            *name = path(name);
        }
        for text in contents {
            *text = data(text);
        }
        if let Self::Execve { then, .. } = self {
            then.iter_mut().for_each(|step| step.change(path, data));
        }
    }

    /// What the step itself says: names of files, and content. The steps of a new image are left out.
    fn strings_mut(&mut self) -> (Vec<&mut String>, Vec<&mut String>) {
        match self {
            Self::Open { path, .. }
            | Self::Unlink { path }
            | Self::Execve { path, .. }
            | Self::Mkfifo { path }
            | Self::Look { path }
            | Self::ExecveRefused { path }
            | Self::ConnectNobody { path } => (vec![path], vec![]),
            Self::Rename { from, to } => (vec![from, to], vec![]),
            Self::Write { data } | Self::WriteAt { data, .. } | Self::WritePipe { data } => {
                (vec![], vec![data])
            }
            Self::WriteParts { parts, .. } => (vec![], parts.iter_mut().collect()),
            Self::Number { value: text, .. }
            | Self::Text { text, .. }
            | Self::Bind { to: text, .. }
            | Self::Connect { to: text, .. } => (vec![], vec![text]),
            Self::SendTo { to, data } => (vec![], vec![to, data]),
            Self::RenameDevice { from, to } => (vec![], vec![from, to]),
            Self::Pause { .. }
            | Self::Capset { .. }
            | Self::Unshare { .. }
            | Self::Socket { .. }
            | Self::Listen {} => (vec![], vec![]),
        }
    }

    /// Every path that the step names, those of a new image included.
    #[must_use]
    pub fn paths(&self) -> Vec<String> {
        let mut step = self.clone();
        let mut all: Vec<String> = step.strings_mut().0.into_iter().map(|path| path.clone()).collect();
        if let Self::Execve { then, .. } = self {
            all.extend(then.iter().flat_map(Self::paths));
        }
        all
    }

    /// Every string of the step, those of a new image included.
    #[must_use]
    pub fn texts(&self) -> Vec<String> {
        let mut step = self.clone();
        let (paths, contents) = step.strings_mut();
        let mut all: Vec<String> = paths.into_iter().chain(contents).map(|text| text.clone()).collect();
        if let Self::Execve { then, .. } = self {
            all.extend(then.iter().flat_map(Self::texts));
        }
        all
    }
}
