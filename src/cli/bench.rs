//! Figures about this machine, each beside a baseline of the same run.

mod catching_up;
mod durable;
mod ingest;
mod live;
mod loading;
mod peer;
mod report;
mod typing;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use driftline::trace::Trace;

use report::{Figure, Report, rate};
use typing::{Typed, apply_one_by_one, typed};

const PAPER: &[u8] = include_bytes!("../../benches/traces/automerge-paper.json.gz");
/// So many keystrokes fill a segment.
const LONG: usize = 4_000;

const SHORT: &[u8] = include_bytes!("../../benches/traces/sveltecomponent.json.gz");

/// What is measured, and how.
#[derive(clap::Args)]
pub(super) struct Options {
    /// What to measure
    #[command(subcommand)]
    what: What,
    /// Use a short trace: quicker, and less to be trusted
    #[arg(long, global = true)]
    short: bool,
    /// Print one JSON object for each figure
    #[arg(long, env = "DRIFTLINE_JSON", global = true)]
    json: bool,
}

#[derive(clap::Subcommand)]
enum What {
    /// Bringing in what a peer wrote, beside yrs alone
    Merge,
    /// How long an edit takes to a peer, and what it costs to meet again
    Sync,
    /// Saving edits, and memory
    Store,
    /// The memory of a process that has this device's folder open
    #[command(hide = true)]
    Resident {
        #[arg(long)]
        folder: PathBuf,
    },
}

pub(super) fn main(options: &Options) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("the runtime does not start: {error}");
            return ExitCode::FAILURE;
        }
    };
    let trace = || {
        let trace = Trace::parse(if options.short { SHORT } else { PAPER });
        trace.expect("the traces in the repository are sound")
    };
    let report = Report { json: options.json };
    match &options.what {
        What::Merge => runtime.block_on(merge(&trace(), &report)),
        What::Sync => runtime.block_on(sync(&trace(), &report)),
        What::Store => runtime.block_on(store(&report)),
        What::Resident { folder } => {
            println!("{}", runtime.block_on(loading::resident_with(folder)).unwrap_or_default());
        }
    }
    ExitCode::SUCCESS
}

async fn merge(trace: &Trace, report: &Report) {
    let count = trace.transactions.len();
    let write = |client: u64| typed(trace, client);
    let alone = baseline(&write(1 << 40));
    let yrs = || format!("{} of yrs one by one", rate(count, alone.as_secs_f64(), "updates"));
    let against = |took: Duration, work, least: f64, wanted| {
        let ratio = alone.as_secs_f64() / took.as_secs_f64();
        let measured = rate(count, took.as_secs_f64(), "updates");
        let (baseline, ratio, met) = (Some(yrs()), Some(ratio), ratio >= least);
        Figure { work, measured, baseline, ratio, wanted, met }
    };
    let ones = ingest::whole_way_in(1, write).await.as_secs_f64();
    report.add(&Figure {
        work: "the whole way in, segments of 1, each signed",
        measured: rate(count, ones, "updates"),
        baseline: None,
        ratio: None,
        wanted: "20k updates/s a core",
        met: count as f64 / ones >= 20_000.0,
    });
    let took = ingest::whole_way_in(30, write).await;
    report.add(&against(took, "the whole way in, segments of 30", 0.5, "0.5 ×"));
    let took = ingest::whole_way_in(LONG, write).await;
    report.add(&against(took, "catch-up in long segments", 2.0, "2 ×"));
    let took = ingest::forwarded(30, write).await;
    report.add(&against(took, "forward without decoding, segments of 30", 1.0, "1 ×"));
    let (loaded, alone) = loading::load(trace, 9).await;
    let ratio = loaded.as_secs_f64() / alone.as_secs_f64();
    report.add(&Figure {
        work: "load a document from disk to readable",
        measured: format!("{:.2} ms", loaded.as_secs_f64() * 1e3),
        baseline: Some(format!("{:.2} ms of yrs loading", alone.as_secs_f64() * 1e3)),
        ratio: Some(ratio),
        wanted: "1.1 × its time",
        met: ratio <= 1.1,
    });
}

/// How long yrs alone takes to apply the updates one by one: the best of three.
fn baseline(typed: &Typed) -> Duration {
    let round = || {
        let start = Instant::now();
        let doc = apply_one_by_one(&typed.updates);
        let took = start.elapsed();
        drop(doc);
        took
    };
    (0..3).map(|_| round()).min().unwrap_or_default()
}

async fn sync(trace: &Trace, report: &Report) {
    let edits = live::edits(1_000).await;
    let trips = live::round_trips(20_000).await.expect("loopback works");
    let micros = |times: &live::Times, quantile| times.value_at_quantile(quantile) as f64 / 1e3;
    let (edit, trip) = (micros(&edits, 0.5), micros(&trips, 0.5));
    report.add(&Figure {
        work: "live edit on one device to visible on another",
        measured: format!("p50 {edit:.0} µs, p99 {:.0} µs", micros(&edits, 0.99)),
        baseline: Some(format!("{trip:.1} µs of a libp2p round trip")),
        ratio: Some(edit / trip),
        wanted: "30 × at the most",
        met: edit / trip <= 30.0,
    });
    let behind = catching_up::one_percent(trace).await;
    let share = behind.bytes as f64 / behind.missing as f64;
    report.add(&Figure {
        work: "catch up 1 % behind, from the log with no open document",
        measured: format!("{} bytes on the wire", behind.bytes),
        baseline: Some(format!("{} bytes of missing updates", behind.missing)),
        ratio: Some(share),
        wanted: "1.3 × at the most",
        met: share <= 1.3,
    });
    let nothing = catching_up::nothing_new(10_000).await.bytes;
    report.add(&Figure {
        work: "reconnect with nothing new, 10,000 documents",
        measured: format!("{nothing} bytes on the wire"),
        baseline: None,
        ratio: None,
        wanted: "1 KiB at the most",
        met: nothing <= 1024,
    });
}

async fn store(report: &Report) {
    const DOCUMENTS: usize = 64;
    const EACH: usize = 200;
    let count = DOCUMENTS * EACH;
    let ours = durable::edits(DOCUMENTS, EACH).await.as_secs_f64();
    let alone = durable::group_commits(DOCUMENTS, EACH).as_secs_f64();
    report.add(&Figure {
        work: "acknowledged durable edits from 64 documents at once",
        measured: rate(count, ours, "edits"),
        baseline: Some(format!("{} of the database alone", rate(count, alone, "records"))),
        ratio: Some(alone / ours),
        wanted: "0.5 ×",
        met: alone / ours >= 0.5,
    });
    let resident = loading::resident(10_000).await;
    report.add(&Figure {
        work: "resident memory, 10,000 closed documents",
        measured: match resident {
            Some(bytes) => format!("{:.1} MB", bytes as f64 / 1e6),
            None => "not told by this system".to_owned(),
        },
        baseline: None,
        ratio: None,
        wanted: "under 100 MB",
        met: resident.is_some_and(|bytes| bytes < 100_000_000),
    });
}
