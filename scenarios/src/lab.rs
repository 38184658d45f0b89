//! Where things are in the lab, and how long to wait for them: the only machine-dependent input of a run.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::scenario::FileSystem;

/// Paths of one lab.
#[derive(Clone, Debug)]
pub struct LabPaths {
    /// The agent under test.
    pub quell: PathBuf,
    /// The subject, a static binary of this crate.
    pub subject: PathBuf,
    /// Work directory on tmpfs.
    pub tmpfs: PathBuf,
    /// Work directory on ext4.
    pub ext4: PathBuf,
    /// Work directory for acts without a file system under test.
    pub none: PathBuf,
    /// Put before the absolute paths of a scenario (`/etc/passwd`); `/` in a guest.
    pub rootfs: PathBuf,
    /// For sockets, the policy, the agent's output: created anew by each run.
    pub scratch: PathBuf,
    /// How long to wait.
    pub deadlines: Deadlines,
}

impl LabPaths {
    /// The layout of the lab's guests.
    #[must_use]
    pub fn guest() -> Self {
        Self {
            quell: "/lab/quell".into(),
            subject: "/lab/subject".into(),
            tmpfs: "/lab/tmpfs".into(),
            ext4: "/lab/ext4".into(),
            none: "/lab/none".into(),
            rootfs: "/".into(),
            scratch: "/lab/scratch".into(),
            deadlines: Deadlines::default(),
        }
    }

    /// The work directory for a file system.
    #[must_use]
    pub fn work_dir(&self, filesystem: FileSystem) -> &Path {
        match filesystem {
            FileSystem::Tmpfs => &self.tmpfs,
            FileSystem::Ext4 => &self.ext4,
            FileSystem::None => &self.none,
        }
    }

    /// The real place of a path of a scenario: relative ones are in the work directory, absolute ones on the rootfs.
    #[must_use]
    pub fn resolve(&self, filesystem: FileSystem, path: &str) -> PathBuf {
        match path.strip_prefix('/') {
            Some(rest) => self.rootfs.join(rest),
            None => self.work_dir(filesystem).join(path),
        }
    }
}

/// How long to wait before a run is given up. Generous, because guests without hardware virtualisation are slow;
/// nothing waits this long when all is well.
#[derive(Clone, Copy, Debug)]
pub struct Deadlines {
    /// From starting the agent to its readiness.
    pub attach: Duration,
    /// For one performance, from starting the subject to its end.
    pub act: Duration,
    /// From SIGTERM to the end of the agent.
    pub detach: Duration,
}

impl Default for Deadlines {
    fn default() -> Self {
        Self {
            attach: Duration::from_secs(120),
            act: Duration::from_secs(60),
            detach: Duration::from_secs(60),
        }
    }
}
