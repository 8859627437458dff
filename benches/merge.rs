//! Bringing in what a peer wrote, beside yrs alone. The workloads are those of `driftline bench merge`.

#[allow(dead_code, reason = "the other benchmarks use the rest")]
#[path = "../src/cli/bench/catching_up.rs"]
mod catching_up;
#[path = "../src/cli/bench/ingest.rs"]
mod ingest;
#[allow(dead_code, reason = "only `driftline bench store` measures memory")]
#[path = "../src/cli/bench/loading.rs"]
mod loading;
#[path = "../src/cli/bench/peer.rs"]
mod peer;
#[path = "../src/cli/bench/rounds.rs"]
mod rounds;
#[path = "../src/cli/bench/typing.rs"]
mod typing;

use std::time::Duration;

use criterion::{Bencher, BenchmarkId, Criterion, SamplingMode, Throughput};
use driftline::trace::Trace;
use tokio::runtime::Runtime;

use typing::{Typed, typed};

/// A short one: there are many samples.
const TRACE: &[u8] = include_bytes!("traces/sveltecomponent.json.gz");

/// Updates in a segment: a keystroke live, a moment's typing, a catch-up.
const IN_SEGMENT: [usize; 3] = [1, 30, ingest::LONG];

fn main() {
    let mut criterion = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(1))
        .measurement_time(Duration::from_secs(1))
        .configure_from_args();
    let runtime = Runtime::new().expect("the runtime starts");
    let trace = Trace::parse(TRACE).expect("the traces in the repository are sound");
    let typed = typed(&trace, runtime.block_on(ingest::client()));
    bring_in(&mut criterion, &runtime, &typed);
    load(&mut criterion, &runtime, &typed);
    criterion.final_summary();
}

/// From a peer into the open document, and through a device that does not open it.
fn bring_in(criterion: &mut Criterion, runtime: &Runtime, typed: &Typed) {
    let mut group = criterion.benchmark_group("merge");
    group.sampling_mode(SamplingMode::Flat);
    group.throughput(Throughput::Elements(typed.updates.len() as u64));
    group.bench_function("yrs alone, one by one", |bencher| {
        rounds(bencher, || ingest::yrs_alone(typed));
    });
    for in_segment in IN_SEGMENT {
        group.bench_function(BenchmarkId::new("whole way in", in_segment), |bencher| {
            rounds(bencher, || runtime.block_on(ingest::whole_way_in(in_segment, typed)));
        });
    }
    group.bench_function(BenchmarkId::new("forward", 30), |bencher| {
        rounds(bencher, || runtime.block_on(ingest::forwarded(30, typed)));
    });
    group.finish();
}

/// From disk to readable.
fn load(criterion: &mut Criterion, runtime: &Runtime, typed: &Typed) {
    let mut group = criterion.benchmark_group("load");
    group.sampling_mode(SamplingMode::Flat);
    group.bench_function("yrs alone, the same state", |bencher| {
        rounds(bencher, || runtime.block_on(loading::load(typed, 9)).alone);
    });
    group.bench_function("document", |bencher| {
        rounds(bencher, || runtime.block_on(loading::load(typed, 9)).opened);
    });
    group.bench_function("the text of a closed document", |bencher| {
        rounds(bencher, || runtime.block_on(loading::load(typed, 9)).kept);
    });
    group.finish();
}

/// Adds up what the workload itself timed: its preparations take longer than what is measured.
fn rounds(bencher: &mut Bencher<'_>, mut round: impl FnMut() -> Duration) {
    bencher.iter_custom(|iterations| (0..iterations).map(|_| round()).sum());
}
