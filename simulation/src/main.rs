//! Plays seeds, and draws one of them.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use driftline_simulation::clock::MILLISECOND;
use driftline_simulation::diagram;
use driftline_simulation::scenario::{Run, play};
use indicatif::{ProgressBar, ProgressStyle};

/// Runs Driftline's core and store in random worlds, each decided by its seed.
#[derive(Debug, Parser)]
struct Options {
    /// How many seeds to play
    #[arg(long, default_value_t = 100)]
    seeds: u64,
    /// The first of them
    #[arg(long, default_value_t = 1)]
    from: u64,
    /// Play this seed alone
    #[arg(long)]
    seed: Option<u64>,
    /// Draw the seed's run into this file
    #[arg(long, requires = "seed")]
    html: Option<PathBuf>,
    /// Draw what happens from this time on, in milliseconds
    #[arg(long, default_value_t = 0)]
    begin: u64,
    /// Draw what happens up to this time, in milliseconds; the whole run if left out
    #[arg(long)]
    end: Option<u64>,
    /// Print everything that happens
    #[arg(long)]
    verbose: bool,
}

fn main() -> ExitCode {
    let options = Options::parse();
    if options.verbose {
        let level = tracing::Level::TRACE;
        tracing_subscriber::fmt().with_max_level(level).without_time().with_target(false).init();
    }
    let right = match options.seed {
        Some(seed) => play_one(seed, &options),
        None => play_many(&options),
    };
    if right { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn play_one(seed: u64, options: &Options) -> bool {
    let run = play(seed, |world| {
        if options.html.is_some() {
            world.trace.keep();
        }
    });
    let world = &run.world;
    println!(
        "seed {seed}: {} devices, {} edits, {} decisions, {} frames ({} lost), {} s, trace {}",
        world.devices.len(),
        world.ledger.edits.len(),
        world.orders.shown.keys().flat_map(|(decided, _)| decided).max().unwrap_or(&0),
        world.trace.frames,
        world.trace.lost,
        world.now / (1_000 * MILLISECOND),
        blake3::Hash::from(world.trace.hash()).to_hex().split_at(16).0,
    );
    report(seed, &run);
    let drawn = options.html.as_ref().is_none_or(|file| {
        let end = options.end.map_or(world.now, |end| end * MILLISECOND);
        let page =
            diagram::page(world, &format!("Seed {seed}"), (options.begin * MILLISECOND, end));
        let written = std::fs::write(file, page);
        written.inspect_err(|error| eprintln!("cannot write {}: {error}", file.display())).is_ok()
    });
    drawn && run.wrongs.is_empty()
}

fn play_many(options: &Options) -> bool {
    let style = "{bar:40} {pos}/{len} seeds, {per_sec}, {eta} left {msg}";
    let style =
        ProgressStyle::with_template(style).unwrap_or_else(|_| ProgressStyle::default_bar());
    let bar = ProgressBar::new(options.seeds).with_style(style);
    let mut failed = 0;
    for seed in options.from..options.from.saturating_add(options.seeds) {
        let run = play(seed, |_| {});
        if !run.wrongs.is_empty() {
            failed += 1;
            bar.suspend(|| report(seed, &run));
            bar.set_message(format!("{failed} failed"));
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    println!("{} seeds played, {failed} failed", options.seeds);
    failed == 0
}

fn report(seed: u64, run: &Run) {
    for wrong in &run.wrongs {
        println!("seed {seed}: {wrong}");
    }
    if !run.wrongs.is_empty() {
        println!("    cargo run --release -p driftline-simulation -- --seed {seed} --verbose");
    }
}
