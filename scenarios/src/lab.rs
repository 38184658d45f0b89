//! Where things are in the lab, and how long to wait for them: the only machine-dependent input of a run.

use std::path::PathBuf;
use std::time::Duration;

use crate::scenario::FileSystem;

/// Paths of one lab.
#[derive(Clone, Debug)]
pub struct LabPaths {
    /// The agent under test.
    pub quell: PathBuf,
    /// The subject, a static binary of this crate.
    pub subject: PathBuf,
    /// Holds a work directory for each file system, called as it is.
    pub work: PathBuf,
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
            work: "/lab".into(),
            rootfs: "/".into(),
            scratch: "/lab/scratch".into(),
            deadlines: Deadlines::default(),
        }
    }

    /// The work directory for a file system.
    #[must_use]
    pub fn work_dir(&self, filesystem: FileSystem) -> PathBuf {
        match filesystem {
            // Nothing can be made there; a relative path of such a scenario is a mistake that shows at once.
            FileSystem::Procfs => self.rootfs.join("proc"),
            named => self.work.join(named.name()),
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
