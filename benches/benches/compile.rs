//! How long a policy takes from its text to the bytes that the kernel reads: the agent's start, and each answer of
//! `quell check`.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use quell_benches::policies;

#[expect(clippy::unwrap_used, reason = "a bench on a refused policy must not go on")]
fn text_to_bytes(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("text to bytes");
    for policy in policies::all().unwrap() {
        let expected = policies::compile(&policy).unwrap();
        assert!(!expected.is_empty(), "{} has no hook", policy.name);
        group.bench_function(policy.name.trim_end_matches(".yaml"), |bencher| {
            bencher.iter(|| policies::compile(black_box(&policy)).unwrap());
        });
        assert_eq!(policies::compile(&policy).unwrap(), expected, "{} compiles differently", policy.name);
    }
    group.finish();
}

criterion_group!(benches, text_to_bytes);
criterion_main!(benches);
