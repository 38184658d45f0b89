//! Which passes a guest makes: without an agent, with each policy, and without an agent again.

use std::path::{Path, PathBuf};

use vmtest_proto::{BenchAgent, BenchPass, BenchWork};

/// The first pass.
pub const OFF: &str = "off";
/// The last pass: were the first one and this one different, the ones between could not be compared with either.
pub const OFF_AGAIN: &str = "off again";

/// The passes for these policy files, and for these agents of others.
#[must_use]
pub fn passes(policies: &[PathBuf], others: &[String]) -> Vec<BenchPass> {
    let of = |policy: &PathBuf| calls(name(policy), BenchAgent::Quell { policies: vec![file_name(policy)] });
    let other = |name: &String| calls(name.clone(), BenchAgent::Other { name: name.clone() });
    between(policies.iter().map(of).chain(others.iter().map(other)).collect())
}

/// These passes between two without an agent.
#[must_use]
pub fn between(mut passes: Vec<BenchPass>) -> Vec<BenchPass> {
    passes.insert(0, calls(OFF.to_owned(), BenchAgent::Off));
    passes.push(calls(OFF_AGAIN.to_owned(), BenchAgent::Off));
    passes
}

/// A pass in which the calls are made, beside this agent.
#[must_use]
pub fn calls(name: String, agent: BenchAgent) -> BenchPass {
    BenchPass { name, agent, processes: 0, work: BenchWork::Calls }
}

/// What a policy is called in results: its file without the ending.
#[must_use]
pub fn name(policy: &Path) -> String {
    policy.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

fn file_name(policy: &Path) -> String {
    policy.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policies_are_between_two_passes_without_an_agent() {
        let passes = passes(&["benches/policies/a.yaml".into()], &["theirs".into()]);
        let names: Vec<_> = passes.iter().map(|pass| pass.name.as_str()).collect();
        assert_eq!(names, [OFF, "a", "theirs", OFF_AGAIN]);
        assert_eq!(passes[2].agent, BenchAgent::Other { name: "theirs".into() });
        assert_eq!(passes[1].agent, BenchAgent::Quell { policies: vec!["a.yaml".into()] });
    }
}
