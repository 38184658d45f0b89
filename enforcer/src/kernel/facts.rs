//! Facts about one kernel: plain data, three-valued, with the place each was learned from.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::functions::Functions;
use super::prototype::Prototypes;

/// Version of the facts format; another one is refused.
pub const FACTS_VERSION: u32 = 1;

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

/// Something that a policy may need.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Feature {
    /// Type information of the running kernel, `/sys/kernel/btf/vmlinux` (Linux 5.4, `CONFIG_DEBUG_INFO_BTF`).
    Btf,
    /// Kprobe programs (`CONFIG_BPF_EVENTS`, `CONFIG_KPROBE_EVENTS`).
    KprobePrograms,
    /// `bpf_send_signal` in kprobe programs (Linux 5.3, commit 8b401f9ed244).
    SendSignal,
    /// Ring buffer maps (Linux 5.8, commit 457f44363a88).
    RingBuffer,
    /// `bpf_probe_read_user_str` and its family (Linux 5.5, commit 6ae08ae3dea2).
    ProbeReadUser,
}

impl Feature {
    /// Every feature.
    pub const ALL: &[Self] =
        &[Self::Btf, Self::KprobePrograms, Self::SendSignal, Self::RingBuffer, Self::ProbeReadUser];

    /// What a user would call it.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Btf => "kernel type information (BTF)",
            Self::KprobePrograms => "kprobe programs",
            Self::SendSignal => "bpf_send_signal in kprobe programs",
            Self::RingBuffer => "ring buffer maps",
            Self::ProbeReadUser => "bpf_probe_read_user",
        }
    }

    /// What gives it to a kernel.
    #[must_use]
    pub const fn origin(self) -> &'static str {
        match self {
            Self::Btf => "Linux 5.4 with CONFIG_DEBUG_INFO_BTF=y",
            Self::KprobePrograms => "CONFIG_KPROBE_EVENTS=y and CONFIG_BPF_EVENTS=y",
            Self::SendSignal => "Linux 5.3",
            Self::RingBuffer => "Linux 5.8",
            Self::ProbeReadUser => "Linux 5.5",
        }
    }
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
    /// Functions that a kprobe may name.
    pub functions: Functions,
    /// Prototypes of the functions that a policy names; read from a running kernel, not recorded.
    #[serde(skip)]
    pub prototypes: Option<Prototypes>,
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
}
