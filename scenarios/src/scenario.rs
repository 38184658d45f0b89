//! The scenario: what is done, under which policy, and what must be seen. Self-contained, so that it can travel into
//! a guest as JSON.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::effect::Effect;
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
    /// The act touches no file system under test (pipes, processes); runs in `/lab/none`.
    None,
}

impl fmt::Display for FileSystem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Tmpfs => "tmpfs",
            Self::Ext4 => "ext4",
            Self::None => "none",
        })
    }
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

/// What must be seen for a cell to pass. Process, effect and counters are asserted separately: "killed" alone
/// proves nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expectation {
    /// What becomes of the process that acts.
    pub process: ExpectedProcess,
    /// Whether the side effect is there afterwards.
    pub effect: ExpectedEffect,
    /// Matches that the kernel-side counter must show, exactly.
    pub matched: u64,
    /// Successful `bpf_send_signal` calls that the kernel-side counter must show, exactly.
    pub killed: u64,
    /// Events about the acting process that the agent must have printed, exactly.
    pub events: u64,
    /// Successful signals of Signal actions that the kernel-side counter must show, exactly.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub signalled: u64,
    /// Matches whose event a rate limit held back, exactly.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub rate_limited: u64,
    /// Matches of selectors with NoPost, exactly.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub not_posted: u64,
    /// Calls of the hooked functions that the programs must have seen, at least: act and bystander together.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub least_calls: u64,
    /// What the events about the acting process must hold, one by one in their order: every key that stands here; an
    /// object may have more keys, a list no more elements. The text [`PRESENT`] stands for anything but null and empty. Without entries nothing is compared.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub seen: Vec<serde_json::Value>,
    /// Helpers that must have failed in the kernel; no other may have.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<ExpectedFault>,
}

/// What stands in [`Expectation::seen`] for anything that is not null, not empty.
pub const PRESENT: &str = "$present";

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the shape that serde wants")]
const fn is_zero(count: &u64) -> bool {
    *count == 0
}

const fn one() -> u64 {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the shape that serde wants")]
const fn is_one(count: &u64) -> bool {
    *count == 1
}

/// A place and an errno, however often.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExpectedFault {
    /// Where, by the enforcer's name for the place.
    pub site: String,
    /// With which errno.
    pub errno: i32,
}

/// Fate of the acting process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ExpectedProcess {
    /// Died of signal 9, as its parent's wait status says.
    Killed,
    /// Ran to its end with exit status 0.
    Survives,
    /// Died of this other signal.
    Signalled(i32),
}

/// Fate of the side effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ExpectedEffect {
    /// Nothing of it is there afterwards: everything is as prepared.
    Prevented,
    /// There afterwards, although the process may have died.
    Happens,
}

impl Scenario {
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
