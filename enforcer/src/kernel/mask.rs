//! A mask over a kernel: what the enforcer must do without, as if the kernel were older or built with less.
//!
//! Kernels that nobody packages any more are still in use. What the enforcer does on them is tested on one that can be had,
//! by denying it what those lack.

use std::fmt;
use std::str::FromStr;

use super::facts::{Answer, KernelFacts};
use super::feature::Feature;

/// One word of a mask, and the features that go with it.
const WORDS: &[(&str, &[Feature])] = &[
    ("attach_cookie", &[Feature::AttachCookies]),
    ("boot_clock", &[Feature::BootClock]),
    ("btf", &[Feature::Btf]),
    // LSM programs are one kind of trampoline programs, and so are those that modify a return value.
    ("fmod_ret", &[Feature::ModifyReturn]),
    ("frozen_constants", &[Feature::FrozenConstants]),
    ("kprobe_multi", &[Feature::KprobeMulti]),
    ("kprobe_override", &[Feature::KprobeOverride]),
    ("lsm", &[Feature::BpfLsm, Feature::ActiveBpfLsm]),
    ("memcg_accounting", &[Feature::MemcgAccounting]),
    ("probe_read_kernel", &[Feature::ProbeReadKernel]),
    ("probe_read_user", &[Feature::ProbeReadUser]),
    ("raw_tracepoint", &[Feature::RawTracepoints]),
    ("ringbuf", &[Feature::RingBuffer]),
    ("tracepoint", &[Feature::Tracepoints]),
    ("trampoline", &[Feature::Trampolines, Feature::ModifyReturn, Feature::BpfLsm, Feature::ActiveBpfLsm]),
    ("unpreempted", &[Feature::Unpreempted]),
    ("uprobe", &[Feature::Uprobes]),
];

/// Something of a kernel to do without.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Without {
    word: &'static str,
    features: &'static [Feature],
}

/// A word that names nothing of a kernel.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("a kernel has no `{0}` to do without; there is {known}", known = known())]
pub struct MaskError(String);

fn known() -> String {
    WORDS.iter().map(|(word, _)| *word).collect::<Vec<_>>().join(", ")
}

impl FromStr for Without {
    type Err = MaskError;

    fn from_str(text: &str) -> Result<Self, MaskError> {
        let found = WORDS.iter().find(|(word, _)| *word == text);
        found.map(|(word, features)| Self { word, features }).ok_or_else(|| MaskError(text.to_owned()))
    }
}

impl fmt::Display for Without {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word)
    }
}

impl Without {
    /// Whether this feature is one of them.
    #[must_use]
    pub fn names(self, feature: Feature) -> bool {
        self.features.contains(&feature)
    }
}

impl KernelFacts {
    /// The same kernel without these.
    #[must_use]
    pub fn without(mut self, mask: &[Without]) -> Self {
        for feature in mask.iter().flat_map(|one| one.features) {
            self.features.insert(*feature, Answer::Absent);
        }
        // No program whose place is found by a function's type can be loaded without types.
        if self.feature(Feature::Btf) == Answer::Absent {
            self.prototypes = None;
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::recorded;

    #[test]
    fn a_masked_feature_is_absent_whatever_the_kernel_has() {
        let facts = recorded::of_kernel("6.12").unwrap();
        let mask = ["ringbuf", "trampoline"].map(|word| word.parse().unwrap());
        let masked = facts.clone().without(&mask);
        for feature in Feature::ALL {
            let hidden = mask.iter().any(|one: &Without| one.names(*feature));
            let expected = if hidden { Answer::Absent } else { facts.feature(*feature) };
            assert_eq!(masked.feature(*feature), expected, "{feature:?}");
        }
        assert_eq!(masked.feature(Feature::BpfLsm), Answer::Absent);
    }

    #[test]
    fn an_unknown_word_is_an_error_that_lists_the_known_ones() {
        let error = "ring".parse::<Without>().unwrap_err().to_string();
        assert!(
            error.contains("`ring`") && error.contains("ringbuf, tracepoint, trampoline, unpreempted"),
            "{error}"
        );
    }

    #[test]
    fn every_feature_that_not_every_kernel_since_5_3_has_can_be_masked() {
        let given = [Feature::KprobePrograms, Feature::SendSignal];
        for feature in Feature::ALL.iter().filter(|feature| !given.contains(feature)) {
            let words = WORDS.iter().filter(|(_, features)| features.contains(feature)).count();
            assert!(words > 0, "{feature:?}");
        }
    }
}
