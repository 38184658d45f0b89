//! The committed ceilings: how many instructions the verifier may walk, by family, program and kernel.

use std::{collections::BTreeMap, fs, path::Path};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

use super::Walked;

const HEAD: &str = "\
# How many instructions the verifier of a kernel may walk for a program: what was measured and a tenth more, rounded up. The kernel's own
# limit is a million. To renew it: vmtest load --bless

";
/// Ceilings are multiples of this, so that a few instructions change no file.
const STEP: u64 = 100;

/// By family, by program, by kernel.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Ceilings(BTreeMap<String, BTreeMap<String, BTreeMap<String, u64>>>);

impl Ceilings {
    pub(super) fn read(path: &Path) -> anyhow::Result<Self> {
        let text = fs::read_to_string(path).with_context(|| format!("failed to read {}", path.display()))?;
        toml::from_str(&text).with_context(|| format!("failed to understand {}", path.display()))
    }

    pub(super) fn write(&self, path: &Path) -> anyhow::Result<()> {
        let text = toml::to_string(self).context("failed to write ceilings down")?;
        fs::write(path, format!("{HEAD}{text}"))
            .with_context(|| format!("failed to write {}", path.display()))
    }

    /// What was measured becomes the ceilings of the kernels that were asked; those of others stay.
    pub(super) fn renew(&mut self, walked: &Walked, asked: &[String]) {
        for by_kernel in self.0.values_mut().flat_map(BTreeMap::values_mut) {
            by_kernel.retain(|kernel, _| !asked.contains(kernel));
        }
        for ((family, program), by_kernel) in walked {
            let own = self.0.entry(family.clone()).or_default().entry(program.clone()).or_default();
            own.extend(by_kernel.iter().map(|(kernel, count)| (kernel.clone(), above(*count))));
        }
        self.0.values_mut().for_each(|programs| programs.retain(|_, by_kernel| !by_kernel.is_empty()));
        self.0.retain(|_, programs| !programs.is_empty());
    }

    /// What is above its ceiling, or has none.
    pub(super) fn exceeded(&self, walked: &Walked) -> Vec<String> {
        let mut found = Vec::new();
        for ((family, program), by_kernel) in walked {
            for (kernel, count) in by_kernel {
                let ceiling =
                    self.0.get(family).and_then(|own| own.get(program)).and_then(|own| own.get(kernel));
                match ceiling {
                    Some(ceiling) if count <= ceiling => {}
                    Some(ceiling) => found.push(format!(
                        "{kernel}: the verifier walks {count} instructions for {program}, and its ceiling is {ceiling}"
                    )),
                    None => found.push(format!(
                        "{kernel}: {program} has no ceiling; it takes {count} instructions: vmtest load --bless"
                    )),
                }
            }
        }
        found
    }
}

/// A tenth more, rounded up.
fn above(count: u64) -> u64 {
    (count + count.div_ceil(10)).next_multiple_of(STEP)
}
