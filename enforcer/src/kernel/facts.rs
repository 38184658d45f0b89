//! Facts about one kernel: plain data, three-valued, with the place each was learned from.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use super::feature::Feature;
use super::functions::{FunctionAnswer, Functions};
use super::modifiable::Modifiable;
use super::prototype::{Prototype, Prototypes};

/// Version of the facts format; another one is refused.
pub const FACTS_VERSION: u32 = 2;

/// Whether the kernel has something. Not knowing is its own answer and never becomes a no.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// It has.
    Present,
    /// It has not.
    Absent,
    /// It could not be found out, for this reason.
    Unknown(String),
}

/// How a kernel is set up, beyond what it was built with; `None`: not known, as the file that says it is not there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct State {
    /// Active security modules, in the order in which they are asked: `/sys/kernel/security/lsm`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub security_modules: Option<Vec<String>>,
    /// `none`, `integrity` or `confidentiality`: `/sys/kernel/security/lockdown`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lockdown: Option<String>,
    /// Whether kprobes fire: `/sys/kernel/debug/kprobes/enabled`. Where they do not, they attach all the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kprobes_armed: Option<bool>,
    /// Whether the function tracer, on which kprobes and trampolines of most functions rest, is switched on:
    /// `/proc/sys/kernel/ftrace_enabled`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ftrace_enabled: Option<bool>,
}

/// Everything known about one kernel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KernelFacts {
    /// [`FACTS_VERSION`].
    pub version: u32,
    /// `uname -r`.
    pub release: String,
    /// Answers by feature; a feature that is not listed is unknown.
    pub features: BTreeMap<Feature, Answer>,
    /// How it is set up.
    #[serde(default)]
    pub state: State,
    /// Functions that a kprobe may name.
    pub functions: Functions,
    /// Functions whose return value a trampoline program may replace.
    #[serde(default)]
    pub modifiable: Modifiable,
    /// Prototypes of functions: of a running kernel those that policies name, of a recorded one those of some families.
    /// `None`: the kernel does not describe its types, or nobody asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prototypes: Option<Prototypes>,
}

/// What is known about the parameters of a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PrototypeAnswer<'a> {
    /// They are these.
    Known(&'a Prototype),
    /// The kernel's type information does not describe the function.
    NotDescribed,
    /// Nobody asked, or the kernel has no type information at all.
    NotAsked,
}

impl KernelFacts {
    /// The answer for a feature.
    #[must_use]
    pub fn feature(&self, feature: Feature) -> Answer {
        self.features
            .get(&feature)
            .cloned()
            .unwrap_or_else(|| Answer::Unknown("the facts do not mention it".into()))
    }

    /// What is known about the parameters of `function`.
    #[must_use]
    pub fn prototype(&self, function: &str) -> PrototypeAnswer<'_> {
        let Some(prototypes) = &self.prototypes else { return PrototypeAnswer::NotAsked };
        match prototypes.get(function) {
            Some(prototype) => PrototypeAnswer::Known(prototype),
            None if self.functions.answer(function) == FunctionAnswer::Unknown => PrototypeAnswer::NotAsked,
            None => PrototypeAnswer::NotDescribed,
        }
    }

    /// Whether a trampoline program may replace the return value of `function`.
    #[must_use]
    pub fn modifiable(&self, function: &str) -> Answer {
        match self.feature(Feature::ModifyReturn) {
            Answer::Present => self.modifiable.answer(function),
            other => other,
        }
    }
}
