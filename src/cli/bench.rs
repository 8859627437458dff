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

use report::{Figure, rate};
use typing::{Typed, apply_one_by_one, typed};

const PAPER: &[u8] = include_bytes!("../../benches/traces/automerge-paper.json.gz");
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
    let trace = Trace::parse(if options.short { SHORT } else { PAPER });
    let trace = trace.expect("the traces in the repository are sound");
    let figures = match &options.what {
        What::Merge => runtime.block_on(merge(&trace)),
        What::Sync => runtime.block_on(sync(&trace)),
        What::Store => runtime.block_on(store()),
        What::Resident { folder } => {
            println!("{}", runtime.block_on(loading::resident_with(folder)).unwrap_or_default());
            return ExitCode::SUCCESS;
        }
    };
    report::print(&figures, options.json);
    ExitCode::SUCCESS
}

async fn merge(trace: &Trace) -> Vec<Figure> {
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
    let ones = ingest::whole_way_in(1, write).await;
    let each = count as f64 / ones.as_secs_f64();
    let (loaded, alone_loaded) = loading::load(trace, 9).await;
    let ratio = loaded.as_secs_f64() / alone_loaded.as_secs_f64();
    vec![
        Figure {
            work: "the whole way in, segments of 1, each signed",
            measured: rate(count, ones.as_secs_f64(), "updates"),
            baseline: None,
            ratio: None,
            wanted: "20k updates/s a core",
            met: each >= 20_000.0,
        },
        against(
            ingest::whole_way_in(30, write).await,
            "the whole way in, segments of 30",
            0.5,
            "0.5 ×",
        ),
        against(
            ingest::whole_way_in(count, write).await,
            "catch-up in long segments",
            2.0,
            "2 ×",
        ),
        against(
            ingest::forwarded(30, write).await,
            "forward without decoding, segments of 30",
            1.0,
            "1 ×",
        ),
        Figure {
            work: "load a document from disk to readable",
            measured: format!("{:.2} ms", loaded.as_secs_f64() * 1e3),
            baseline: Some(format!("{:.2} ms of yrs loading", alone_loaded.as_secs_f64() * 1e3)),
            ratio: Some(ratio),
            wanted: "1.1 × its time",
            met: ratio <= 1.1,
        },
    ]
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

async fn sync(trace: &Trace) -> Vec<Figure> {
    let edits = live::edits(1_000).await;
    let trips = live::round_trips(20_000).await.expect("loopback works");
    let micros = |nanos: u64| nanos as f64 / 1e3;
    let (edit, trip) = (edits.value_at_quantile(0.5), trips.value_at_quantile(0.5));
    let ratio = edit as f64 / trip as f64;
    let behind = catching_up::one_percent(trace).await;
    let share = behind.bytes as f64 / behind.missing as f64;
    let nothing = catching_up::nothing_new(10_000).await;
    vec![
        Figure {
            work: "live edit on one device to visible on another",
            measured: format!(
                "p50 {:.0} µs, p99 {:.0} µs",
                micros(edit),
                micros(edits.value_at_quantile(0.99))
            ),
            baseline: Some(format!("{:.1} µs of a libp2p round trip", micros(trip))),
            ratio: Some(ratio),
            wanted: "30 × at the most",
            met: ratio <= 30.0,
        },
        Figure {
            work: "catch up 1 % behind, from the log with no open document",
            measured: format!("{} bytes on the wire", behind.bytes),
            baseline: Some(format!("{} bytes of missing updates", behind.missing)),
            ratio: Some(share),
            wanted: "1.3 × at the most",
            met: share <= 1.3,
        },
        Figure {
            work: "reconnect with nothing new, 10,000 documents",
            measured: format!("{} bytes on the wire", nothing.bytes),
            baseline: None,
            ratio: None,
            wanted: "1 KiB at the most",
            met: nothing.bytes <= 1024,
        },
    ]
}

async fn store() -> Vec<Figure> {
    const DOCUMENTS: usize = 64;
    const EACH: usize = 200;
    let count = DOCUMENTS * EACH;
    let ours = durable::edits(DOCUMENTS, EACH).await.as_secs_f64();
    let alone = durable::group_commits(DOCUMENTS, EACH).as_secs_f64();
    let resident = loading::resident(10_000).await;
    vec![
        Figure {
            work: "acknowledged durable edits from 64 documents at once",
            measured: rate(count, ours, "edits"),
            baseline: Some(format!("{} of the database alone", rate(count, alone, "records"))),
            ratio: Some(alone / ours),
            wanted: "0.5 ×",
            met: alone / ours >= 0.5,
        },
        Figure {
            work: "resident memory, 10,000 closed documents",
            measured: resident.map_or("not known here".to_owned(), |bytes| {
                format!("{:.1} MB", bytes as f64 / 1e6)
            }),
            baseline: None,
            ratio: None,
            wanted: "under 100 MB",
            met: resident.is_none_or(|bytes| bytes < 100_000_000),
        },
    ]
}
