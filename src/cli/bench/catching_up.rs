//! Meeting again: how many bytes it costs when little is new, or nothing.

use std::time::Duration;

use driftline::trace::{Trace, Transaction, Utf16Positions};
use driftline::yrs::Text;
use driftline::{Change, Device, EditError, Invitation, Level, Space};

use super::ingest::{Bench, options};
use super::typing::{ROOT, keystroke};

/// What went over the wire, in both directions together, and what was missing, in bytes.
pub(super) struct Wire {
    pub(super) bytes: u64,
    pub(super) missing: u64,
}

/// A device that is 1 % behind meets one that has the document on disk and not open.
pub(super) async fn one_percent(trace: &Trace) -> Wire {
    let (alice, bob) = (Bench::device().await, Bench::device().await);
    let hers = alice.device.create_space("bench").await.expect("created");
    let ticket = hers.invite(Invitation::default()).await.expect("an admin invites");
    bob.device.join(&ticket).await.expect("joined");
    let mut positions = Utf16Positions::of(trace);
    let split = trace.transactions.len() - trace.transactions.len() / 100;
    let (known, new) = trace.transactions.split_at(split);
    type_into(&hers, known, &mut positions, Level::Peers(1)).await;
    bob.device.close().await.expect("closed");
    let missing = type_into(&hers, new, &mut positions, Level::Saved).await;

    let before = total(&alice.device);
    let bob = reopen(&bob).await;
    let his = bob.space(hers.id()).await.expect("open").expect("a member");
    his.caught_up().await.expect("open");
    let bytes = total(&alice.device) - before;
    bob.close().await.expect("closed");
    alice.device.close().await.expect("closed");
    Wire { bytes, missing }
}

/// Two devices with so many documents, and nothing new for one another.
pub(super) async fn nothing_new(documents: usize) -> Wire {
    let (alice, bob) = (Bench::device().await, Bench::device().await);
    let hers = alice.device.create_space("bench").await.expect("created");
    let ticket = hers.invite(Invitation::default()).await.expect("an admin invites");
    bob.device.join(&ticket).await.expect("joined");
    fill(&hers, documents, Level::Peers(1)).await;
    settle(&alice.device, &bob.device).await;
    bob.device.close().await.expect("closed");

    let before = total(&alice.device);
    let bob = reopen(&bob).await;
    let his = bob.space(hers.id()).await.expect("open").expect("a member");
    his.caught_up().await.expect("open");
    settle(&alice.device, &bob).await;
    let bytes = total(&alice.device) - before;
    bob.close().await.expect("closed");
    alice.device.close().await.expect("closed");
    Wire { bytes, missing: 0 }
}

/// Makes so many small documents, each closed again.
pub(super) async fn fill(space: &Space, documents: usize, level: Level) {
    let mut last = None;
    for number in 0..documents {
        let document = space.document(&format!("note/{number}")).await.expect("opened");
        let body = document.text(ROOT);
        last = Some(document.edit(|txn| body.push(txn, "a note of one line")).expect("a writer"));
    }
    if let Some(last) = last {
        last.reached(level).await.expect("saved");
    }
}

/// Types into the document and closes it again; gives the size of the updates that came of it.
pub(super) async fn type_into(
    space: &Space,
    transactions: &[Transaction],
    positions: &mut Utf16Positions,
    level: Level,
) -> u64 {
    let document = space.document("paper").await.expect("opened");
    let (body, mut bytes, mut last) = (document.text(ROOT), 0, None);
    let mut changes = document.changes();
    for transaction in transactions {
        let edit = loop {
            match document.edit(|txn| keystroke(&body, txn, transaction, positions)) {
                Err(EditError::Busy) => tokio::time::sleep(Duration::from_millis(1)).await,
                edit => break edit.expect("a writer"),
            }
        };
        last = Some(edit);
    }
    if let Some(last) = last {
        last.reached(level).await.expect("saved");
    }
    // Too much for a watcher to hear of, where it is the whole document; what is new is little.
    while let Some(Change::Entries(entries)) = changes.try_next() {
        bytes += entries.updates().map(|update| update.len() as u64).sum::<u64>();
    }
    bytes
}

/// Until what housekeeping has to say is said.
async fn settle(alice: &Device, bob: &Device) {
    let mut before = (0, 0);
    loop {
        let now = (total(alice), total(bob));
        if now == before {
            return;
        }
        before = now;
        tokio::time::sleep(Duration::from_millis(2_500)).await;
    }
}

async fn reopen(bench: &Bench) -> Device {
    Device::open_with(bench.path(), options()).await.expect("it opened before")
}

fn total(device: &Device) -> u64 {
    let traffic = device.traffic();
    traffic.sent + traffic.received
}
