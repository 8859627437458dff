//! Hands on a keyboard: recorded sessions are typed again, one transaction for each that was recorded.

use std::thread::sleep;
use std::time::Duration;

use driftline::trace::{Trace, Transaction, Utf16Positions};
use driftline::yrs::{GetString, Text, TextRef, TransactionMut};
use driftline::{Change, Document, EditError};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::Result;
use super::cast::{InVain, PATIENCE};
use super::screen::Bar;

/// Types a session of one person into a document.
pub(super) fn type_trace(document: &Document, trace: &Trace, bar: &Bar) -> Result<()> {
    let body = document.text("body");
    let positions = Utf16Positions::of(trace);
    for (done, transaction) in (1..).zip(&trace.transactions) {
        patiently(|| document.edit(|txn| perform(&body, txn, transaction, positions)))?;
        bar.at(done);
    }
    Ok(())
}

/// Types a text word by word, the first at `at`, with a pause after each.
pub(super) fn type_words(
    document: &Document,
    mut at: u32,
    text: &str,
    pause: Duration,
    bar: &Bar,
) -> Result<()> {
    let body = document.text("body");
    for (done, word) in (1..).zip(words(text)) {
        patiently(|| document.edit(|txn| body.insert(txn, at, word)))?;
        at += utf16_len(word);
        bar.at(done);
        sleep(pause);
    }
    Ok(())
}

/// A text's words, each with the blanks behind it.
pub(super) fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split_inclusive(' ')
}

pub(super) fn utf16_len(text: &str) -> u32 {
    text.chars().map(|char| char.len_utf16() as u32).sum()
}

/// Watches others' edits arrive in a document, until it reads as it should. The bar shows the last of them.
pub(super) async fn watch(document: &Document, bar: Option<&Bar>, expected: &str) -> Result<()> {
    let body = document.text("body");
    let length = utf16_len(expected);
    let mut changes = document.changes();
    let arrived =
        || document.read(|txn| body.len(txn) == length && body.get_string(txn) == expected);
    let in_vain = |_| InVain { who: "somebody", what: "a text that another had typed" };
    while !arrived() {
        let change = timeout(PATIENCE, changes.next()).await.map_err(in_vain)?;
        if let (Change::Entries(entries), Some(bar)) = (change, bar) {
            bar.at(entries.last);
        }
    }
    Ok(())
}

/// Does something that takes a thread of its own.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    spawn_blocking(work).await?
}

/// Waits while the device has as much to write as it can hold.
pub(super) fn patiently<T>(
    mut edit: impl FnMut() -> std::result::Result<T, EditError>,
) -> Result<T> {
    loop {
        match edit() {
            Err(EditError::Busy) => sleep(Duration::from_millis(1)),
            edited => return Ok(edited?),
        }
    }
}

/// Makes the changes of one transaction.
pub(super) fn perform(
    body: &TextRef,
    txn: &mut TransactionMut<'_>,
    transaction: &Transaction,
    positions: Utf16Positions,
) {
    for patch in &transaction.patches {
        let range = positions.range(patch, || body.get_string(txn));
        body.remove_range(txn, range.start, range.end - range.start);
        if !patch.inserted.is_empty() {
            body.insert(txn, range.start, &patch.inserted);
        }
    }
}
