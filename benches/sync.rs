//! From an edit on one device until another shows it, beside the round trip of a bare libp2p stream. The workloads
//! are those of `driftline bench sync`, which also counts what it costs in bytes to meet again.

#[allow(dead_code, reason = "the other benchmarks use the rest")]
#[path = "../src/cli/bench/ingest.rs"]
mod ingest;
#[path = "../src/cli/bench/live.rs"]
mod live;
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

use criterion::{Criterion, SamplingMode};
use tokio::runtime::Runtime;

fn main() {
    let mut criterion = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(100))
        .measurement_time(Duration::from_secs(10))
        .configure_from_args();
    let runtime = Runtime::new().expect("the runtime starts");
    let mut group = criterion.benchmark_group("live");
    group.sampling_mode(SamplingMode::Flat);
    group.bench_function("libp2p round trip", |bencher| {
        bencher.iter_custom(|count| {
            let times = runtime.block_on(live::round_trips(count as usize));
            in_all(&times.expect("loopback works"))
        });
    });
    group.bench_function("edit to visible", |bencher| {
        bencher.iter_custom(|count| in_all(&runtime.block_on(live::edits(count as usize))));
    });
    group.finish();
    criterion.final_summary();
}

/// The time of all of them together, as if each had taken the median: a scheduler's whim is not our work.
fn in_all(times: &live::Times) -> Duration {
    Duration::from_nanos(times.value_at_quantile(0.5) * times.len())
}
