//! The policies of the scenarios: real ones, so that a bench measures what users write.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use quell::policy::{Policy, Source, Style, parse, render};
use quell::selector::compile::{self, CompiledHook};

/// A policy file, read.
#[derive(Clone, Debug)]
pub struct PolicyText {
    /// Name of the file.
    pub name: String,
    /// What is in it.
    pub text: String,
}

/// Reads every file of `scenarios/policies`, sorted by name.
///
/// # Errors
/// The folder or a file can't be read, or there is none: a bench of nothing would be very fast.
pub fn all() -> Result<Vec<PolicyText>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios/policies");
    let mut policies = Vec::new();
    for entry in fs::read_dir(&folder).with_context(|| format!("failed to read {}", folder.display()))? {
        let path = entry.context("failed to list the policies")?.path();
        if path.extension().is_some_and(|extension| extension == "yaml") {
            let text =
                fs::read_to_string(&path).with_context(|| format!("failed to read {}", path.display()))?;
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            policies.push(PolicyText { name, text });
        }
    }
    ensure!(!policies.is_empty(), "there is no policy in {}", folder.display());
    policies.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(policies)
}

/// From text to policies.
///
/// # Errors
/// The policy is refused.
pub fn read(policy: &PolicyText) -> Result<Vec<Policy>> {
    match parse(&Source::new(policy.name.as_str(), policy.text.as_str())) {
        Ok(policies) => Ok(policies),
        Err(findings) => bail!("{}", render::text(&findings, Style::Plain)),
    }
}

/// From text to the bytes, sets and constants of every hook.
///
/// # Errors
/// The policy is refused.
pub fn compile(policy: &PolicyText) -> Result<Vec<CompiledHook>> {
    let policies = read(policy)?;
    let hooks = (0..).zip(policies.iter().flat_map(|policy| &policy.hooks));
    let compiled = hooks.map(|(number, hook)| compile::hook(hook, number));
    compiled.collect::<Result<_, _>>().context("failed to encode the selectors")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_policy_of_the_scenarios_compiles_to_hooks_with_bytes() {
        for policy in all().unwrap() {
            let hooks = compile(&policy).unwrap();
            assert!(!hooks.is_empty(), "{}", policy.name);
            for hook in hooks {
                assert!(hook.filter.iter().any(|byte| *byte != 0), "{}", policy.name);
            }
        }
    }

    #[test]
    fn a_refused_policy_is_no_measurement() {
        let refused = PolicyText { name: "x.yaml".into(), text: "kind: x\n".into() };
        assert!(compile(&refused).unwrap_err().to_string().contains("x.yaml"));
    }
}
