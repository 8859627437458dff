//! Bringing a whole log into a document: merged in stretches, beside yrs taking the updates one by one.

mod typing;

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use driftline_core::document::{OpenDocument, merged, stretches};

use typing::{TRACES, apply_one_by_one, text_of, typed};

fn merging(criterion: &mut Criterion) {
    for (name, trace) in TRACES {
        let typed = typed(trace);
        let updates: Vec<_> = typed.updates.iter().map(Vec::as_slice).collect();
        assert_eq!(text_of(&apply_one_by_one(&typed.updates)), typed.text);
        assert_eq!(text_of(apply_merged(&updates).doc()), typed.text);
        let mut group = criterion.benchmark_group(format!("merge/{name}"));
        group.throughput(Throughput::Elements(updates.len() as u64)).sample_size(10);
        group.bench_function("yrs, one by one", |bencher| {
            bencher.iter_with_large_drop(|| apply_one_by_one(&typed.updates));
        });
        group.bench_function("merge only", |bencher| {
            bencher.iter(|| stretches(&updates).for_each(|some| drop(black_box(merged(some)))));
        });
        group.bench_function("merge and apply", |bencher| {
            bencher.iter_with_large_drop(|| apply_merged(&updates));
        });
        group.finish();
    }
}

fn apply_merged(updates: &[&[u8]]) -> OpenDocument {
    let document = OpenDocument::new(1, |_| {});
    document.apply(updates).expect("yrs wrote it");
    document
}

criterion_group!(benches, merging);
criterion_main!(benches);
