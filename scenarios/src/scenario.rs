//! The scenario: what is done, under which policy, and what must be seen. Self-contained, so that it can travel into
//! a guest as JSON.

use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::effect::Effect;
pub use crate::expect::{Expectation, ExpectedEffect, ExpectedFault, ExpectedProcess, PRESENT};
use crate::step::Step;

/// What stands in scenario files for the one thing in which act and bystander differ.
pub const TARGET: &str = "$target";

/// One scenario, with its policy inlined.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// `area/name`, from the path of the file: `file/kill-write-by-path-at-sys-write`.
    pub id: String,
    /// One sentence that says what is claimed.
    pub title: String,
    /// Numbers of the claims that this scenario proves (`C-07`).
    pub claims: Vec<String>,
    /// The policy under which the act happens.
    pub policy: Policy,
    /// Where the act happens; one cell for each.
    pub filesystems: Vec<FileSystem>,
    /// In which runs it is.
    #[serde(default)]
    pub tier: Tier,
    /// In which PID namespace, and as whose child, the subject runs.
    #[serde(default)]
    pub position: Position,
    /// Whether the agent enforces or only reports.
    #[serde(default)]
    pub mode: Mode,
    /// What [`TARGET`] stands for.
    pub target: Target,
    /// What is there before each performance.
    pub files: Vec<PreparedFile>,
    /// What the subject does.
    pub steps: Vec<Step>,
    /// What the bystander does instead, where one string is not all the difference; empty: the same.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bystander_steps: Vec<Step>,
    /// What another process can see afterwards, if the act had its effect. All of it together is the effect.
    pub effect: Vec<Effect>,
    /// What must be seen for a cell to pass.
    pub expect: Expectation,
    /// Kernels on which something else must be seen; the first that fits counts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub except: Vec<Exception>,
    /// What the agent is told to do without, as on a kernel that lacks it (`--without`). From the kernel's entry in the
    /// catalogue, never from a scenario's file.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub without: Vec<String>,
    /// A file with the kernel's type information, for one that has none in itself (`--btf`). Not from a scenario's file either.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub btf: Option<PathBuf>,
}

/// Another expectation on some kernels.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exception {
    /// Ids of kernels: whole ones, or how they begin and a `*`.
    pub kernels: Vec<String>,
    /// On which of the scenario's file systems; empty: on all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub filesystems: Vec<FileSystem>,
    /// In what these kernels differ.
    pub why: String,
    /// The policy that says the same there, where functions of the kernel differ.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<Policy>,
    /// What must be seen there.
    pub expect: Expectation,
}

/// A policy file as it was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// Path of the file, relative to the scenario folder.
    pub file: String,
    /// The whole text.
    pub text: String,
}

/// The one string in which the act, which is meant by the policy, differs from the bystander, which is not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// For the control and the act.
    pub act: String,
    /// For the bystander.
    pub bystander: String,
}

/// A file that exists before each performance. Every other path that a scenario names is absent then.
///
/// A relative path is created anew in the work directory. An absolute path is a file of the machine: it must exist,
/// keeps its content, and gets it back afterwards.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PreparedFile {
    /// Which file.
    pub path: String,
    /// Its content in the work directory.
    #[serde(default)]
    pub content: String,
    /// Make it a symbolic link to the subject instead, to be the image of an `execve`.
    #[serde(default)]
    pub link_to_subject: bool,
    /// Make it an empty directory instead.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub directory: bool,
    /// Let it be executed, whatever is in it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub executable: bool,
}

/// Where the act happens. A kill that prevents a write on one file system may come too late on another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FileSystem {
    /// Memory only; `/lab/tmpfs` in the guest.
    Tmpfs,
    /// A real ext4 on the guest's NVMe disk; `/lab/ext4` in the guest.
    Ext4,
    /// XFS on a disk, with shared extents (reflink).
    Xfs,
    /// Btrfs on a disk: copies on write, and writes through a path of its own.
    Btrfs,
    /// FAT with long names on a disk.
    Vfat,
    /// An overlay whose layers are on tmpfs; `/lab/overlay` in the guest.
    Overlay,
    /// Files of the kernel itself, which scenarios name by their absolute paths.
    Procfs,
    /// The act touches no file system under test (pipes, processes); runs in `/lab/none`.
    None,
}

impl FileSystem {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Tmpfs,
        Self::Ext4,
        Self::Xfs,
        Self::Btrfs,
        Self::Vfat,
        Self::Overlay,
        Self::Procfs,
        Self::None,
    ];

    /// The kernel's name for it, and that of its work directory.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Tmpfs => "tmpfs",
            Self::Ext4 => "ext4",
            Self::Xfs => "xfs",
            Self::Btrfs => "btrfs",
            Self::Vfat => "vfat",
            Self::Overlay => "overlay",
            Self::Procfs => "procfs",
            Self::None => "none",
        }
    }

    /// The file system with this name.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// Whether it lies on a disk, which the host makes.
    #[must_use]
    pub fn is_on_disk(self) -> bool {
        matches!(self, Self::Ext4 | Self::Xfs | Self::Btrfs | Self::Vfat)
    }
}

impl fmt::Display for FileSystem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// How often a scenario is run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tier {
    /// Before every change is taken over.
    #[default]
    Gate,
    /// Now and then, and when somebody asks for it.
    Full,
}

/// In which PID namespace, and as whose child, the subject runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Position {
    /// An ordinary child of the runner.
    #[default]
    Host,
    /// In a child PID namespace which its parent entered by `setns`; the parent itself stays outside.
    EnteredNamespace,
    /// In a child PID namespace, as a child of that namespace's pid 1.
    ChildOfNamespaceInit,
}

/// How the agent is started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Matches are acted upon.
    #[default]
    Enforce,
    /// Matches are only reported.
    Monitor,
}

/// Whether a kernel's id is the one that an exception names, or begins as that does before its `*`.
fn is_meant(named: &str, kernel: &str) -> bool {
    named.strip_suffix('*').map_or(named == kernel, |begin| kernel.starts_with(begin))
}

impl Scenario {
    /// What must be seen on this kernel and file system.
    #[must_use]
    pub fn expectation(&self, kernel: &str, filesystem: FileSystem) -> &Expectation {
        self.exception(kernel, filesystem).map_or(&self.expect, |exception| &exception.expect)
    }

    /// The policy for this kernel and file system.
    #[must_use]
    pub fn policy(&self, kernel: &str, filesystem: FileSystem) -> &Policy {
        let other = self.exception(kernel, filesystem).and_then(|exception| exception.policy.as_ref());
        other.unwrap_or(&self.policy)
    }

    fn exception(&self, kernel: &str, filesystem: FileSystem) -> Option<&Exception> {
        let fits = |exception: &&Exception| {
            exception.kernels.iter().any(|id| is_meant(id, kernel))
                && (exception.filesystems.is_empty() || exception.filesystems.contains(&filesystem))
        };
        self.except.iter().find(fits)
    }

    /// `text` with [`TARGET`] filled in.
    #[must_use]
    pub fn fill(&self, text: &str, target: &str) -> String {
        text.replace(TARGET, target)
    }

    /// Every path that the scenario names, with [`TARGET`] filled in: of prepared files, of steps, of effects.
    #[must_use]
    pub fn paths(&self, target: &str) -> Vec<String> {
        let of_files = self.files.iter().map(|file| file.path.clone());
        let of_steps = self.steps.iter().chain(&self.bystander_steps).flat_map(Step::paths);
        let of_effect = self.effect.iter().filter_map(Effect::path).map(str::to_owned);
        of_files.chain(of_steps).chain(of_effect).map(|path| self.fill(&path, target)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exception_means_kernels_by_their_ids_or_by_how_these_begin() {
        assert!(is_meant("6.1", "6.1") && !is_meant("6.1", "6.12"));
        assert!(is_meant("6.*", "6.12-rt") && !is_meant("6.*", "7.3"));
        assert!(is_meant("*", "5.10"));
    }

    #[test]
    fn every_file_system_is_found_by_its_name() {
        for kind in FileSystem::ALL {
            assert_eq!(FileSystem::of_name(kind.name()), Some(kind));
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.name());
        }
        assert_eq!(FileSystem::of_name("zfs"), None);
    }
}
