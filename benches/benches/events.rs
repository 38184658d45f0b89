//! From the kernel's record of an event to the line that the agent prints: what bounds how many events it takes.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use quell::event::clock::WallClock;
use quell::event::json::Origin;
use quell::event::record::Event;
use quell::event::{compact, json};
use quell::policy::ast::HookPoint;
use quell_benches::policies;
use quell_benches::records::record;
use quell_benches::values::policy;
use quell_wire::code::ArgType;

#[expect(clippy::unwrap_used, reason = "a bench on a refused record must not go on")]
fn record_to_line(criterion: &mut Criterion) {
    let hook = policies::read(&policy("Equal", 1)).unwrap().remove(0).hooks.remove(0);
    let point: &HookPoint = &hook.point;
    let labels = [None, None];
    let origin = Origin {
        node: "node",
        policy: "policy",
        point,
        call: "sys_write",
        message: None,
        tags: &[],
        labels: &labels,
        selector_labels: &[],
        symbols: None,
        mechanism: "kprobe",
        targets: &[],
        return_label: None,
    };
    let clock = WallClock::now().unwrap();
    let buffer = vec![b'x'; 4096];
    let records = [
        ("a path", record(&[(ArgType::String, b"/etc/passwd")])),
        (
            "a path and a buffer of a page",
            record(&[(ArgType::String, b"/etc/passwd"), (ArgType::CharBuf, &buffer)]),
        ),
    ];
    let mut group = criterion.benchmark_group("record to line");
    for (name, bytes) in &records {
        let event = Event::read(bytes).unwrap();
        assert_eq!((event.head.tgid, event.args[0].bytes.as_slice()), (4711, b"/etc/passwd".as_slice()));
        assert!(json::value(&event, origin, &clock).to_string().contains("/etc/passwd"));
        group.bench_function(format!("read: {name}"), |bencher| {
            bencher.iter(|| Event::read(black_box(bytes)).unwrap());
        });
        group.bench_function(format!("json: {name}"), |bencher| {
            bencher.iter(|| json::value(black_box(&event), origin, &clock).to_string());
        });
        group.bench_function(format!("compact: {name}"), |bencher| {
            bencher.iter(|| compact::line(black_box(&event), origin));
        });
    }
    group.finish();
}

criterion_group!(benches, record_to_line);
criterion_main!(benches);
