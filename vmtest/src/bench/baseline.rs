//! The costs that are agreed on, and what of a run is above them.
//!
//! Numbers hold for one kernel package, one build of QEMU and one shift. A run with another key has nothing to be compared with, and
//! that is red until somebody blesses its numbers, with a reason.

use std::{collections::BTreeMap, fs, io::ErrorKind, path::Path};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use vmtest_proto::BenchCall;

use super::cost::{Costs, KernelCosts, PolicyCosts, per_call};

/// Version of the file.
const BASELINE_VERSION: u32 = 1;
/// A cell may grow by this many instructions per call, or by this part, whichever is less …
const MOST: i64 = 20;
const MOST_PERCENT: i64 = 2;
/// … but by so many in any case: how a table of the kernel happens to be filled is worth a few instructions …
const SLACK: i64 = 4;
/// … and for opening a file and reading one, which walk more of them, 0 to 8 were seen where no hook sees it, by the policy and by the build of
/// the agent.
const FILE_SLACK: i64 = 10;

/// The file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Baseline {
    version: u32,
    kernels: Vec<Blessed>,
}

/// What was agreed on for one key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Blessed {
    kernel: String,
    package: String,
    qemu: String,
    icount_shift: u8,
    /// Why these numbers are right.
    reason: String,
    /// Instructions of a call without an agent.
    plain: BTreeMap<BenchCall, u64>,
    /// What each policy adds.
    added: BTreeMap<String, BTreeMap<BenchCall, i64>>,
}

impl Default for Baseline {
    fn default() -> Self {
        Self { version: BASELINE_VERSION, kernels: Vec::new() }
    }
}

impl Baseline {
    /// Reads the file; one that is not there agrees on nothing.
    ///
    /// # Errors
    /// It can't be read, or is of another version.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(error).with_context(|| format!("failed to read {}", path.display())),
        };
        let read: Self = serde_json::from_str(&text)
            .with_context(|| format!("failed to understand {}", path.display()))?;
        let version = read.version;
        anyhow::ensure!(version == BASELINE_VERSION, "{} is of version {version}", path.display());
        Ok(read)
    }

    /// Writes the file.
    ///
    /// # Errors
    /// It can't be written.
    pub fn write(&self, path: &Path) -> anyhow::Result<()> {
        let text = serde_json::to_string_pretty(self).context("failed to write the baseline down")?;
        fs::write(path, text + "\n").with_context(|| format!("failed to write {}", path.display()))
    }

    /// Agrees on what was measured. Of a kernel whose key is the same, cells that were not measured stay; another key replaces the
    /// kernel's old one.
    pub fn bless(&mut self, costs: &Costs, reason: &str) {
        for kernel in &costs.kernels {
            let mut blessed = Blessed {
                kernel: kernel.kernel.clone(),
                package: kernel.package.clone(),
                qemu: costs.qemu.clone(),
                icount_shift: costs.icount_shift,
                reason: reason.to_owned(),
                plain: BTreeMap::new(),
                added: BTreeMap::new(),
            };
            if let Some(old) = self.kernels.iter().find(|old| old.has_key_of(&blessed)) {
                (blessed.plain, blessed.added) = (old.plain.clone(), old.added.clone());
            }
            blessed.plain.extend(kernel.plain.iter().map(|(call, cost)| (*call, per_call(cost))));
            for policy in &kernel.policies {
                blessed.added.entry(policy.policy.clone()).or_default().extend(&policy.added);
            }
            self.kernels.retain(|old| old.kernel != blessed.kernel);
            self.kernels.push(blessed);
        }
        self.kernels.sort_by(|a, b| a.kernel.cmp(&b.kernel));
    }

    /// What is above the agreement, or not covered by it, a sentence each.
    #[must_use]
    pub fn exceeded(&self, costs: &Costs) -> Vec<String> {
        let mut found = Vec::new();
        for kernel in &costs.kernels {
            let same = |blessed: &&Blessed| {
                blessed.kernel == kernel.kernel
                    && blessed.package == kernel.package
                    && blessed.qemu == costs.qemu
                    && blessed.icount_shift == costs.icount_shift
            };
            match self.kernels.iter().find(same) {
                Some(blessed) => found.extend(blessed.exceeded(kernel)),
                None => found.push(format!(
                    "{}: nothing is agreed on for package {}, {} and shift {}; look at the numbers and use --bless REASON",
                    kernel.kernel, kernel.package, costs.qemu, costs.icount_shift
                )),
            }
        }
        found
    }
}

impl Blessed {
    fn has_key_of(&self, other: &Self) -> bool {
        self.kernel == other.kernel
            && self.package == other.package
            && self.qemu == other.qemu
            && self.icount_shift == other.icount_shift
    }

    fn exceeded(&self, kernel: &KernelCosts) -> Vec<String> {
        let mut found = Vec::new();
        for policy in &kernel.policies {
            for (call, now) in &policy.added {
                let whole = kernel.plain.get(call).map_or(0, per_call);
                match self.added.get(&policy.policy).and_then(|own| own.get(call)) {
                    Some(then) => found.extend(grown(kernel, policy, *call, *then, *now, whole)),
                    None => found.push(format!(
                        "{}: nothing is agreed on for {} under {}; it adds {now} instructions; use --bless REASON",
                        kernel.kernel,
                        call.name(),
                        policy.policy
                    )),
                }
            }
        }
        found
    }
}

fn grown(
    kernel: &KernelCosts,
    policy: &PolicyCosts,
    call: BenchCall,
    then: i64,
    now: i64,
    whole: u64,
) -> Option<String> {
    let allowed = allowed(call, then, i64::try_from(whole).unwrap_or(i64::MAX));
    // Less than nothing was a stroke of luck of the call without an agent, and is nothing to measure the next run by.
    (now - then.max(0) > allowed).then(|| {
        let hooks: Vec<_> =
            policy.hooks.iter().map(|hook| format!("{} ({})", hook.call, hook.mechanism)).collect();
        let hooks = if hooks.is_empty() { "no hook".to_owned() } else { hooks.join(", ") };
        format!(
            "{}: {} costs {now} instructions more under {}, and {then} were agreed on (+{}, {allowed} allowed); hooked: {hooks}",
            kernel.kernel,
            call.name(),
            policy.policy,
            now - then
        )
    })
}

/// By how many instructions a call differs for no reason that is its own.
pub(super) fn slack(call: BenchCall) -> i64 {
    if matches!(call, BenchCall::OpenClose | BenchCall::Read) { FILE_SLACK } else { SLACK }
}

/// By how many instructions a cell may grow.
fn allowed(call: BenchCall, then: i64, whole: i64) -> i64 {
    let steady = MOST.min(then.saturating_abs() * MOST_PERCENT / 100).max(slack(call));
    let Some(per_mille) = call.varies_per_mille() else { return steady };
    let part = whole.saturating_mul(per_mille.into()) / 1000;
    part.max(then.saturating_abs() * MOST_PERCENT / 100).max(MOST)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use vmtest_proto::CallCost;

    use super::*;
    use crate::bench::cost::{COSTS_VERSION, HookSeen};

    fn costs(package: &str, write: i64) -> Costs {
        let cost = CallCost { fewest: 64_000, median: 64_000, batch: 64, made: 640 };
        Costs {
            version: COSTS_VERSION,
            qemu: "QEMU emulator version 7.2.22".into(),
            icount_shift: 0,
            quell: Default::default(),
            kernels: vec![KernelCosts {
                kernel: "6.12".into(),
                package: package.into(),
                plain: BTreeMap::from([(BenchCall::Write, cost.clone()), (BenchCall::Fork, cost)]),
                policies: vec![PolicyCosts {
                    policy: "write-fd-equal".into(),
                    added: BTreeMap::from([(BenchCall::Write, write), (BenchCall::Fork, 3)]),
                    hooks: vec![HookSeen {
                        call: "sys_write".into(),
                        mechanism: "fentry".into(),
                        ..HookSeen::default()
                    }],
                    ..PolicyCosts::default()
                }],
                ..KernelCosts::default()
            }],
        }
    }

    fn agreed(write: i64) -> Baseline {
        let mut baseline = Baseline::default();
        baseline.bless(&costs("6.12.1-1", write), "first");
        baseline
    }

    #[rstest]
    #[case::the_same(500, 500, true)]
    #[case::less(500, 300, true)]
    #[case::two_percent(500, 510, true)]
    #[case::more_than_two_percent(500, 511, false)]
    #[case::twenty_instructions(5000, 5020, true)]
    #[case::more_than_twenty(5000, 5021, false)]
    #[case::nothing_to_four(0, 4, true)]
    #[case::nothing_to_five(0, 5, false)]
    fn a_cell_may_grow_a_little(#[case] then: i64, #[case] now: i64, #[case] green: bool) {
        assert_eq!(agreed(then).exceeded(&costs("6.12.1-1", now)).is_empty(), green);
    }

    #[test]
    fn opening_a_file_or_reading_one_may_grow_a_little_more() {
        assert_eq!(allowed(BenchCall::Read, 0, 1150), 10);
        assert_eq!([0, 500].map(|then| allowed(BenchCall::OpenClose, then, 5500)), [10, 10]);
        assert_eq!(allowed(BenchCall::Write, 0, 5500), 4);
    }

    #[test]
    fn what_was_less_than_nothing_is_nothing_to_measure_the_next_run_by() {
        assert!(agreed(-48).exceeded(&costs("6.12.1-1", 4)).is_empty());
        assert_eq!(agreed(-48).exceeded(&costs("6.12.1-1", 5)).len(), 1);
    }

    #[test]
    fn what_grew_is_named_with_its_hook() {
        let found = agreed(500).exceeded(&costs("6.12.1-1", 600));
        assert_eq!(
            found,
            [
                "6.12: write costs 600 instructions more under write-fd-equal, and 500 were agreed on (+100, 10 allowed); \
              hooked: sys_write (fentry)"
            ]
        );
    }

    #[test]
    fn another_package_or_qemu_is_red_until_it_is_blessed() {
        let mut baseline = agreed(500);
        let new = costs("6.12.2-1", 500);
        assert!(baseline.exceeded(&new)[0].contains("nothing is agreed on for package 6.12.2-1"));
        let other_qemu = Costs { qemu: "QEMU emulator version 10.0".into(), ..costs("6.12.1-1", 500) };
        assert_eq!(baseline.exceeded(&other_qemu).len(), 1);
        baseline.bless(&new, "a new package");
        assert!(baseline.exceeded(&new).is_empty());
        assert_eq!(baseline.kernels.len(), 1, "the old package's numbers are gone");
    }

    #[test]
    fn a_cell_that_nobody_agreed_on_is_red() {
        let mut new = costs("6.12.1-1", 500);
        new.kernels[0].policies[0].added.insert(BenchCall::Read, 1);
        let found = agreed(500).exceeded(&new);
        assert!(found[0].contains("nothing is agreed on for read under write-fd-equal"), "{found:?}");
    }

    #[test]
    fn blessing_a_part_keeps_the_rest_and_is_read_back() {
        let mut baseline = agreed(500);
        let mut part = costs("6.12.1-1", 480);
        part.kernels[0].policies[0].added.remove(&BenchCall::Fork);
        baseline.bless(&part, "cheaper");
        assert!(baseline.exceeded(&costs("6.12.1-1", 480)).is_empty());
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("baseline.json");
        assert_eq!(Baseline::read(&path).unwrap(), Baseline::default());
        baseline.write(&path).unwrap();
        assert_eq!(Baseline::read(&path).unwrap(), baseline);
    }
}
