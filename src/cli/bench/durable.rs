//! Edits that would survive a power cut, from many documents at once, beside what the store alone can do.

use std::time::{Duration, Instant};

use driftline::Level;
use driftline::yrs::Text;
use driftline_storage::{Batch, Engine, SledEngine};

use super::ingest::Bench;
use super::typing::ROOT;

/// How long so many documents take to have so many edits each saved, each document's one after the other.
pub(super) async fn edits(documents: usize, each: usize) -> Duration {
    let bench = Bench::device().await;
    let space = bench.device.create_space("bench").await.expect("created");
    let mut open = Vec::new();
    for number in 0..documents {
        open.push(space.document(&format!("note/{number}")).await.expect("opened"));
    }
    let start = Instant::now();
    let writing = open.into_iter().map(|document| {
        tokio::spawn(async move {
            let body = document.text(ROOT);
            for _ in 0..each {
                let edit = document.edit(|txn| body.push(txn, "a few words ")).expect("a writer");
                edit.reached(Level::Saved).await.expect("saved");
            }
        })
    });
    for document in writing.collect::<Vec<_>>() {
        document.await.expect("it wrote");
    }
    let took = start.elapsed();
    bench.device.close().await.expect("closed");
    took
}

/// How long the database alone takes for as many records of the size that an edit has in it, as many to a save.
pub(super) fn group_commits(documents: usize, each: usize) -> Duration {
    /// A segment of one such edit with its key, and the chain's end with its own, as a device's store has them.
    const ROWS: [(usize, usize); 2] = [(77, 149), (69, 56)];
    let folder = tempfile::tempdir().expect("a temporary folder");
    let database = SledEngine::open(&folder.path().join("store")).expect("a fresh database opens");
    let start = Instant::now();
    for round in 0..each {
        let mut batch = Batch::default();
        for document in 0..documents {
            for (row, (key, value)) in ROWS.into_iter().enumerate() {
                // The segment is new each time, the end of the chain written over.
                let number = if row == 0 { round } else { 0 };
                let mut name = format!("{row}{document:08}{number:08}").into_bytes();
                name.resize(key, b'-');
                batch.put(name, vec![round as u8; value]);
            }
        }
        database.apply(batch).expect("applied");
        database.write().expect("written");
        database.save().expect("saved");
    }
    start.elapsed()
}
