//! One transaction after the other, no faster than asked for.

use std::num::NonZeroU32;
use std::time::Duration;

use driftline::trace::{Trace, Utf16Positions};
use driftline::{Edit, EditError};
use tokio::time::{Instant, sleep, sleep_until};
use yrs::{GetString, Text, TextRef, TransactionMut};

use crate::cli::error::ReplayError;
use crate::cli::output::Speaker;

/// After so many transactions, progress is told, and other tasks get their turn.
const TURN: usize = 128;

/// How long to wait when too much waits to be written.
const BREATH: Duration = Duration::from_millis(5);

/// Writes what a trace says.
pub(super) struct Typist<'a> {
    trace: &'a Trace,
    positions: Utf16Positions,
}

impl<'a> Typist<'a> {
    pub(super) fn new(trace: &'a Trace) -> Self {
        Self { trace, positions: Utf16Positions::of(trace) }
    }

    /// Does one transaction of the trace, up to the first patch that does not fit: yrs panics past the end.
    pub(super) fn write(
        &self,
        text: &TextRef,
        txn: &mut TransactionMut<'_>,
        index: usize,
    ) -> Result<(), ReplayError> {
        for patch in &self.trace.transactions[index].patches {
            let range = self.positions.range(patch, || text.get_string(txn));
            let length = text.len(txn);
            if range.end > length {
                return Err(ReplayError::PastEnd { transaction: index, end: range.end, length });
            }
            if !range.is_empty() {
                text.remove_range(txn, range.start, range.end - range.start);
            }
            text.insert(txn, range.start, &patch.inserted);
        }
        Ok(())
    }
}

/// Edits as soon as there is room for it.
pub(super) async fn retry<T>(
    mut edit: impl FnMut() -> Result<Edit<T>, EditError>,
) -> Result<Edit<T>, EditError> {
    loop {
        match edit() {
            Err(EditError::Busy) => sleep(BREATH).await,
            other => return other,
        }
    }
}

/// Keeps to a number of edits a second, and tells how far it got.
pub(super) struct Pace<'a> {
    trace: &'a Trace,
    rate: Option<NonZeroU32>,
    began: Instant,
    all: usize,
    done: usize,
}

impl<'a> Pace<'a> {
    pub(super) fn new(rate: Option<NonZeroU32>, trace: &'a Trace) -> Self {
        Self { trace, rate, began: Instant::now(), all: trace.edits(), done: 0 }
    }

    /// Call it before each transaction.
    pub(super) async fn keep(&mut self, index: usize, speaker: &Speaker) {
        if index.is_multiple_of(TURN) {
            let counts = Some((self.done as u64, self.all as u64));
            speaker.progress("typing", counts).await;
            tokio::task::yield_now().await;
        }
        if let Some(rate) = self.rate {
            let due = Duration::from_secs_f64(self.done as f64 / f64::from(rate.get()));
            if due > self.began.elapsed() {
                sleep_until(self.began + due).await;
            }
        }
        self.done += self.trace.transactions[index].patches.len();
    }
}
