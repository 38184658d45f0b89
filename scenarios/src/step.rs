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
        /// What the new image does.
        then: Vec<Step>,
    },
    /// `clock_nanosleep`, so that another process can act in between.
    Pause {
        /// How long, in milliseconds.
        ms: u32,
    },
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
        match self {
            Self::Open { path: name, flags, untouched_name } => {
                Self::Open { path: path(name), flags: flags.clone(), untouched_name: *untouched_name }
            }
            Self::Write { data: text } => Self::Write { data: data(text) },
            Self::WriteAt { data: text, offset } => Self::WriteAt { data: data(text), offset: *offset },
            Self::WritePipe { data: text } => Self::WritePipe { data: data(text) },
            Self::Unlink { path: name } => Self::Unlink { path: path(name) },
            Self::Rename { from, to } => Self::Rename { from: path(from), to: path(to) },
            Self::Execve { path: name, then } => Self::Execve {
                path: path(name),
                then: then.iter().map(|step| step.map(path, data)).collect(),
            },
            Self::Pause { ms } => Self::Pause { ms: *ms },
        }
    }

    /// Every path that the step names, those of a new image included.
    #[must_use]
    pub fn paths(&self) -> Vec<&str> {
        match self {
            Self::Open { path, .. } | Self::Unlink { path } => vec![path],
            Self::Rename { from, to } => vec![from, to],
            Self::Execve { path, then } => {
                std::iter::once(path.as_str()).chain(then.iter().flat_map(Self::paths)).collect()
            }
            Self::Write { .. } | Self::WriteAt { .. } | Self::WritePipe { .. } | Self::Pause { .. } => {
                Vec::new()
            }
        }
    }

    /// Every string of the step, those of a new image included.
    #[must_use]
    pub fn texts(&self) -> Vec<&str> {
        match self {
            Self::Write { data } | Self::WriteAt { data, .. } | Self::WritePipe { data } => vec![data],
            Self::Execve { path, then } => {
                std::iter::once(path.as_str()).chain(then.iter().flat_map(Self::texts)).collect()
            }
            Self::Open { .. } | Self::Unlink { .. } | Self::Rename { .. } | Self::Pause { .. } => {
                self.paths()
            }
        }
    }
}
