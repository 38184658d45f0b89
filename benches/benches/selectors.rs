//! How long decoding takes, from the bytes and sets back to the policy, and how long the reference model takes for one call:
//! both bound how many cases a proof can afford.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use quell::model::context_file;
use quell::model::{Verdict, evaluate};
use quell::selector::compile;
use quell::selector::decode;
use quell::selector::describe::HookDescription;
use quell_benches::policies;

#[expect(clippy::unwrap_used, reason = "a bench on a refused policy must not go on")]
fn bytes_to_policy(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("bytes to policy");
    for policy in policies::all().unwrap() {
        let policies = policies::read(&policy).unwrap();
        let hooks: Vec<_> = policies
            .iter()
            .flat_map(|policy| &policy.hooks)
            .map(|hook| (HookDescription::new(hook), compile::hook(hook, 0).unwrap()))
            .collect();
        group.bench_function(policy.name.trim_end_matches(".yaml"), |bencher| {
            bencher.iter(|| {
                for (description, compiled) in &hooks {
                    black_box(decode::hook(black_box(description), black_box(compiled)).unwrap());
                }
            });
        });
    }
    group.finish();
}

#[expect(clippy::unwrap_used, reason = "a bench on a refused context must not go on")]
fn call_to_verdict(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("call to verdict");
    for policy in policies::all().unwrap() {
        let policies = policies::read(&policy).unwrap();
        let hooks: Vec<_> = policies.iter().flat_map(|policy| &policy.hooks).collect();
        let mut context = context_file::read("{}").unwrap();
        // Nothing that an argument could be read as: no filter ends early on the form of a value.
        context.args = vec![context.executable.clone(); 5];
        group.bench_function(policy.name.trim_end_matches(".yaml"), |bencher| {
            bencher.iter(|| {
                for hook in &hooks {
                    let verdict = evaluate(black_box(hook), black_box(&context));
                    assert!(verdict != Verdict::Unreadable, "what has no path is not left open");
                }
            });
        });
    }
    group.finish();
}

criterion_group!(benches, bytes_to_policy, call_to_verdict);
criterion_main!(benches);
