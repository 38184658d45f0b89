//! The time budgets in `ci/tiers.toml`.

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::root;

/// What the file holds.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub(crate) struct Tiers {
    /// Budget of the whole door, in seconds.
    pub(crate) total_s: u64,
    /// Budget of each stage, in seconds.
    budget_s: BTreeMap<String, u64>,
}

impl Tiers {
    /// Reads `ci/tiers.toml`.
    ///
    /// # Errors
    /// The file can't be read or understood.
    pub(crate) fn read() -> Result<Self> {
        let path = root().join("ci/tiers.toml");
        let text = fs::read_to_string(&path).with_context(|| format!("failed to read {}", path.display()))?;
        toml::from_str(&text).context("failed to understand ci/tiers.toml")
    }

    /// Refuses a stage without a budget, a budget without a stage, and a budget that the total can't hold.
    ///
    /// # Errors
    /// One of these.
    pub(crate) fn check(&self, stages: &[&str]) -> Result<()> {
        for stage in stages {
            if !self.budget_s.contains_key(*stage) {
                bail!("ci/tiers.toml has no budget for the stage `{stage}`");
            }
        }
        for (name, budget_s) in &self.budget_s {
            if !stages.contains(&name.as_str()) {
                bail!("ci/tiers.toml has a budget for `{name}`, and there is no such stage");
            }
            if *budget_s == 0 || *budget_s > self.total_s {
                bail!(
                    "the budget of `{name}`, {budget_s} s, is not between 1 s and the total, {} s",
                    self.total_s
                );
            }
        }
        Ok(())
    }

    /// Budget of a stage in seconds; [`check`](Self::check) makes sure that it is there.
    pub(crate) fn budget_s(&self, stage: &str) -> u64 {
        self.budget_s.get(stage).copied().unwrap_or(self.total_s)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn tiers(text: &str) -> Tiers {
        toml::from_str(text).unwrap()
    }

    #[rstest]
    #[case("total_s = 10\n[budget_s]\na = 5\nb = 6\n", None)]
    #[case("total_s = 10\n[budget_s]\na = 5\n", Some("no budget for the stage `b`"))]
    #[case("total_s = 10\n[budget_s]\na = 5\nb = 6\nc = 1\n", Some("no such stage"))]
    #[case("total_s = 10\n[budget_s]\na = 5\nb = 11\n", Some("between 1 s and the total"))]
    #[case("total_s = 10\n[budget_s]\na = 0\nb = 11\n", Some("between 1 s and the total"))]
    fn budgets_and_stages_belong_together(#[case] text: &str, #[case] complaint: Option<&str>) {
        let found = tiers(text).check(&["a", "b"]).err().map(|error| error.to_string());
        match (found, complaint) {
            (None, None) => {}
            (Some(found), Some(complaint)) => assert!(found.contains(complaint), "{found}"),
            (found, complaint) => panic!("{found:?} instead of {complaint:?}"),
        }
    }

    #[test]
    fn the_committed_budgets_stay_within_an_hour() {
        let tiers = Tiers::read().unwrap();
        assert!(tiers.total_s <= 60 * 60);
        tiers.check(&crate::task_test::STAGES).unwrap();
    }
}
