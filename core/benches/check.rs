//! Reading updates before yrs does, and finding out where their blocks belong, beside yrs decoding and applying them.

#[allow(dead_code, reason = "the other benchmark uses the rest")]
mod typing;

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use driftline_core::document::check::{self, Author};
use driftline_core::document::{Gate, stretches};

use typing::{TRACES, apply_one_by_one, typed};

fn checking(criterion: &mut Criterion) {
    for (name, trace) in TRACES {
        let updates = typed(trace).updates;
        let mut group = criterion.benchmark_group(format!("check/{name}"));
        group.throughput(Throughput::Elements(updates.len() as u64)).sample_size(10);
        group.bench_function("check", |bencher| {
            bencher.iter(|| {
                for update in &updates {
                    black_box(check::update(black_box(update), Author::Anyone)).expect("sound");
                }
            });
        });
        group.bench_function("gate", |bencher| {
            bencher.iter_with_large_drop(|| {
                let mut gate = Gate::default();
                for update in &updates {
                    black_box(gate.pass(&[black_box(update)]));
                }
                gate
            });
        });
        group.bench_function("gate, in stretches", |bencher| {
            let updates: Vec<_> = updates.iter().map(Vec::as_slice).collect();
            bencher.iter_with_large_drop(|| {
                let mut gate = Gate::default();
                for stretch in stretches(&updates) {
                    black_box(gate.pass(black_box(stretch)));
                }
                gate
            });
        });
        group.bench_function("yrs, decode and apply one by one", |bencher| {
            bencher.iter_with_large_drop(|| apply_one_by_one(&updates));
        });
        group.finish();
    }
}

criterion_group!(benches, checking);
criterion_main!(benches);
