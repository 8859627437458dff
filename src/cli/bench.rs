//! Figures about this machine, each beside a baseline of the same run.

mod catching_up;
mod durable;
mod hostile;
mod ingest;
mod live;
mod loading;
mod peer;
mod presence;
mod report;
mod rounds;
mod typing;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use driftline::trace::Trace;

use report::{Figure, Report, rate};
use rounds::median;
use typing::{Typed, typed};

const PAPER: &[u8] = include_bytes!("../../benches/traces/automerge-paper.json.gz");
/// How often everything is measured, by turns.
const ROUNDS: usize = 3;

/// How long a benchmark may take, on a machine that has other things to do: what it waits for may never be.
const PATIENCE: Duration = Duration::from_secs(300);

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
    /// How soon cursors are seen that move
    Presence,
    /// How long edits take while somebody attacks, beside how long in peace
    Hostile,
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
    let measuring = async {
        match &options.what {
            What::Merge => merge(&trace(), &report).await,
            What::Sync => sync(&trace(), &report).await,
            What::Store => store(&report).await,
            What::Presence => presence(options.short, &report).await,
            What::Hostile => hostile(&report).await,
            What::Resident { folder } => {
                println!("{}", loading::resident_with(folder).await.unwrap_or_default());
            }
        }
    };
    match runtime.block_on(async { tokio::time::timeout(PATIENCE, measuring).await }) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => {
            eprintln!("it does not end: try --short, or when the machine has less to do");
            ExitCode::FAILURE
        }
    }
}

async fn merge(trace: &Trace, report: &Report) {
    report.progress("typing the trace");
    let typed = typed(trace, ingest::client().await);
    let [mut alone, mut ones, mut thirties, mut long, mut forward] = [const { Vec::new() }; 5];
    for round in 1..=ROUNDS {
        report.progress(format_args!("bringing it in, round {round} of {ROUNDS}"));
        alone.push(ingest::yrs_alone(&typed));
        ones.push(ingest::whole_way_in(1, &typed).await);
        thirties.push(ingest::whole_way_in(30, &typed).await);
        long.push(ingest::whole_way_in(ingest::LONG, &typed).await);
        forward.push(ingest::forwarded(30, &typed).await);
    }
    let (count, alone) = (typed.updates.len(), median(alone).as_secs_f64());
    let against = |work, times, least: f64, wanted| {
        let took = median(times).as_secs_f64();
        let measured = rate(count, took, "updates");
        let baseline = Some(format!("{} of yrs one by one", rate(count, alone, "updates")));
        let ratio = alone / took;
        Figure { work, measured, baseline, ratio: Some(ratio), wanted, met: ratio >= least }
    };
    let ones = median(ones).as_secs_f64();
    report.add(&Figure {
        work: "the whole way in, segments of 1, each signed",
        measured: rate(count, ones, "updates"),
        baseline: None,
        ratio: None,
        wanted: "20k updates/s a core",
        met: count as f64 / ones >= 20_000.0,
    });
    report.add(&against("the whole way in, segments of 30", thirties, 0.5, "0.5 ×"));
    report.add(&against("catch-up in long segments", long, 2.0, "2 ×"));
    report.add(&against("forward without decoding, segments of 30", forward, 1.0, "1 ×"));
    load(&typed, report).await;
}

async fn load(typed: &Typed, report: &Report) {
    report.progress("loading");
    let loading::Loading { kept, opened, alone } = loading::load(typed, 9).await;
    let add = |work, took: Duration, limit, wanted| {
        let ratio = took.as_secs_f64() / alone.as_secs_f64();
        report.add(&Figure {
            work,
            measured: format!("{:.2} ms", took.as_secs_f64() * 1e3),
            baseline: Some(format!("{:.2} ms of yrs loading", alone.as_secs_f64() * 1e3)),
            ratio: Some(ratio),
            wanted,
            met: ratio <= limit,
        });
    };
    add("load a document from disk to readable", opened, 1.1, "1.1 × its time");
    add("read the text of a closed document from disk", kept, 0.2, "0.2 × its time");
}

async fn sync(trace: &Trace, report: &Report) {
    report.progress("one edit after the other");
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
    report.progress("typing a document, and catching up with its end");
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
    report.progress("writing 10,000 documents, and meeting again");
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

async fn presence(short: bool, report: &Report) {
    report.progress("moving cursors");
    let moves = presence::moves(Duration::from_secs(if short { 3 } else { 20 })).await;
    let trips = live::round_trips(20_000).await.expect("loopback works");
    let millis = |times: &live::Times, quantile| times.value_at_quantile(quantile) as f64 / 1e6;
    let (p50, p99, most) = (millis(&moves, 0.5), millis(&moves, 0.99), millis(&moves, 1.0));
    let trip = millis(&trips, 0.99);
    report.add(&Figure {
        work: "100 cursors moving 10 times a second, by way of one device, to seen on another",
        measured: format!("p50 {p50:.1} ms, p99 {p99:.1} ms, at the most {most:.1} ms"),
        baseline: Some(format!("p99 {:.0} µs of a libp2p round trip", trip * 1e3)),
        ratio: Some(p99 / trip),
        wanted: "always under 100 ms",
        met: most < 100.0,
    });
}

async fn hostile(report: &Report) {
    for attack in hostile::Attack::ALL {
        report.progress(attack.name());
        let (peace, attacked) = hostile::edits(attack, 3 * ROUNDS).await;
        let micros = |times: &live::Times| times.value_at_quantile(0.99) as f64 / 1e3;
        let (peace, attacked) = (micros(&peace), micros(&attacked));
        report.add(&Figure {
            work: attack.name(),
            measured: format!("p99 {attacked:.0} µs"),
            baseline: Some(format!("p99 {peace:.0} µs in peace")),
            ratio: Some(attacked / peace),
            wanted: "2 × at the most",
            met: attacked / peace <= 2.0,
        });
    }
}

async fn store(report: &Report) {
    const DOCUMENTS: usize = 64;
    const EACH: usize = 200;
    let count = DOCUMENTS * EACH;
    let (mut ours, mut alone) = (Vec::new(), Vec::new());
    for round in 1..=ROUNDS {
        report.progress(format_args!("saving edits, round {round} of {ROUNDS}"));
        ours.push(durable::edits(DOCUMENTS, EACH).await);
        alone.push(durable::group_commits(DOCUMENTS, EACH));
    }
    let (ours, alone) = (median(ours).as_secs_f64(), median(alone).as_secs_f64());
    report.add(&Figure {
        work: "acknowledged durable edits from 64 documents at once",
        measured: rate(count, ours, "edits"),
        baseline: Some(format!("{} of the database alone", rate(count, alone, "records"))),
        ratio: Some(alone / ours),
        wanted: "0.5 ×",
        met: alone / ours >= 0.5,
    });
    report.progress("writing 10,000 documents, and opening the device again");
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
