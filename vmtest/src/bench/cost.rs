//! What was measured, as data: what `bench.json` holds and every report is made of.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use vmtest_proto::{BenchCall, CallCost, KnownLoop};

use super::{events::EventFigures, scale::Chart};

/// Version of `bench.json`.
pub const COSTS_VERSION: u32 = 1;

/// Everything that one run measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Costs {
    /// [`COSTS_VERSION`].
    pub version: u32,
    /// What runs the guests: the line in which QEMU says its version and build.
    pub qemu: String,
    /// An instruction takes two to the power of this many nanoseconds of guest time.
    pub icount_shift: u8,
    /// SHA-256 of the enforcer, and its size.
    pub quell: Binary,
    /// By kernel, in the order of the catalogue.
    pub kernels: Vec<KernelCosts>,
}

/// A program that was measured.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Binary {
    /// SHA-256, in hex.
    pub digest: String,
    /// Its size.
    pub bytes: u64,
}

/// What was measured in one kernel.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KernelCosts {
    /// Catalogue id.
    pub kernel: String,
    /// `uname -r`.
    pub release: String,
    /// Version of its package.
    pub package: String,
    /// Whether instructions are counted exactly.
    pub known_loop: KnownLoop,
    /// Without an agent: the cheaper of before and after all others.
    pub plain: BTreeMap<BenchCall, CallCost>,
    /// Under each policy.
    pub policies: Vec<PolicyCosts>,
    /// Curves, where they were asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub charts: Vec<Chart>,
    /// The way of events, where it was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub events: Option<EventFigures>,
}

/// What was measured under one agent.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyCosts {
    /// Name of the policy's file without ending.
    pub policy: String,
    /// Instructions that a call takes more than without an agent.
    pub added: BTreeMap<BenchCall, i64>,
    /// Its hooks.
    pub hooks: Vec<HookSeen>,
    /// The agent.
    pub agent: AgentFigures,
}

/// What a hook says of the calls that were timed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HookSeen {
    /// As the policy calls it.
    pub call: String,
    /// How it is served.
    pub mechanism: String,
    /// Calls that its programs decided, the agent's own left out.
    pub decided: u64,
    /// Calls made in the loops that have to be among them; none of a function whose callers are not known here.
    pub made: Option<u64>,
    /// Its programs, by name.
    pub programs: BTreeMap<String, ProgramSize>,
}

/// How large a program is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProgramSize {
    /// Bytes as the kernel rewrote it.
    pub bytes: u64,
    /// Bytes of machine code.
    pub jited_bytes: u64,
    /// Instructions that the verifier walked; none where the kernel does not keep them (before Linux 5.16).
    #[serde(default)]
    pub verified_instructions: Option<u64>,
}

/// What an agent takes beside the calls.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AgentFigures {
    /// From its start to its saying that it enforces, in guest instructions; a wait counts as long as it lasts.
    pub ready: u64,
    /// Instructions executed by it and for it until then; none where the kernel does not count them.
    pub ready_own: Option<u64>,
    /// Resident memory when it was ready, in KiB.
    pub resident_kib: u64,
    /// The most that it ever had, in KiB.
    pub most_resident_kib: u64,
}

/// Instructions per call, rounded.
#[must_use]
pub fn per_call(cost: &CallCost) -> u64 {
    let batch = u64::from(cost.batch.max(1));
    (cost.fewest + batch / 2) / batch
}

/// What a call takes more, rounded to whole instructions.
#[must_use]
pub fn added(with: &CallCost, without: &CallCost) -> Option<i64> {
    if with.batch != without.batch || with.batch == 0 {
        return None;
    }
    let more = i64::try_from(with.fewest).ok()? - i64::try_from(without.fewest).ok()?;
    let batch = i64::from(with.batch);
    Some((more + batch.div_euclid(2)).div_euclid(batch))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn cost(fewest: u64) -> CallCost {
        CallCost { fewest, median: fewest, batch: 64, made: 64 }
    }

    #[rstest]
    #[case(6400, 6400, 0)]
    #[case(6400, 12800, 100)]
    #[case(6400, 6431, 0)]
    #[case(6400, 6432, 1)]
    #[case(6432, 6400, 0)]
    #[case(6433, 6400, -1)]
    fn a_difference_is_rounded_to_the_nearest_instruction(
        #[case] without: u64,
        #[case] with: u64,
        #[case] more: i64,
    ) {
        assert_eq!(added(&cost(with), &cost(without)), Some(more));
    }

    #[test]
    fn batches_of_different_lengths_are_not_compared() {
        assert_eq!(added(&CallCost { batch: 32, ..cost(1) }, &cost(1)), None);
    }
}
