//! From a text with one to ten thousand values to the syntax tree, to the bytes and sets for the kernel, and back.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use quell::selector::decode;
use quell::selector::describe::HookDescription;
use quell_benches::policies;
use quell_benches::values::{NUMBERS, policy};

#[expect(clippy::unwrap_used, reason = "a bench on a refused policy must not go on")]
fn many_values(criterion: &mut Criterion) {
    for operator in ["Equal", "Prefix", "Postfix"] {
        let mut group = criterion.benchmark_group(format!("values of {operator}"));
        for number in NUMBERS {
            let text = policy(operator, number);
            let read = policies::read(&text).unwrap();
            let compiled = policies::compile(&text).unwrap();
            let description = HookDescription::new(&read[0].hooks[0]);
            group.bench_function(BenchmarkId::new("text to tree", number), |bencher| {
                bencher.iter(|| policies::read(black_box(&text)).unwrap());
            });
            group.bench_function(BenchmarkId::new("text to bytes", number), |bencher| {
                bencher.iter(|| policies::compile(black_box(&text)).unwrap());
            });
            group.bench_function(BenchmarkId::new("bytes to tree", number), |bencher| {
                bencher.iter(|| decode::hook(black_box(&description), black_box(&compiled[0])).unwrap());
            });
        }
        group.finish();
    }
}

criterion_group!(benches, many_values);
criterion_main!(benches);
