//! Edits that would survive a power cut, from 64 documents at once, beside what the database alone can do. The
//! workloads are those of `driftline bench store`, which also measures memory.

#[path = "../src/cli/bench/durable.rs"]
mod durable;
#[allow(dead_code, reason = "the other benchmarks use the rest")]
#[path = "../src/cli/bench/ingest.rs"]
mod ingest;
#[allow(dead_code, reason = "the other benchmarks use the rest")]
#[path = "../src/cli/bench/peer.rs"]
mod peer;
#[allow(dead_code, reason = "the other benchmarks use the rest")]
#[path = "../src/cli/bench/rounds.rs"]
mod rounds;
#[allow(dead_code, reason = "the other benchmarks use the rest")]
#[path = "../src/cli/bench/typing.rs"]
mod typing;

use std::time::Duration;

use criterion::{Criterion, SamplingMode, Throughput};
use tokio::runtime::Runtime;

const DOCUMENTS: usize = 64;

fn main() {
    let mut criterion = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(100))
        .measurement_time(Duration::from_secs(3))
        .configure_from_args();
    let runtime = Runtime::new().expect("the runtime starts");
    let mut group = criterion.benchmark_group("durable");
    group.sampling_mode(SamplingMode::Flat);
    group.throughput(Throughput::Elements(DOCUMENTS as u64));
    group.bench_function("the database alone", |bencher| {
        bencher.iter_custom(|each| durable::group_commits(DOCUMENTS, each as usize));
    });
    group.bench_function("edits", |bencher| {
        bencher.iter_custom(|each| runtime.block_on(durable::edits(DOCUMENTS, each as usize)));
    });
    group.finish();
    criterion.final_summary();
}
