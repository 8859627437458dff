//! The folded state of a document, held against its log.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::StoredLog;
use super::fault::{Fault, Finding, Place};
use crate::document::check::MAX_CLIENTS;
use crate::document::{ApplyError, Normal, OpenDocument};
use crate::log::Frontier;

/// Checks the folded state, if there is one. If the log is `intact`, it is folded anew up to there and compared.
pub(super) fn check(place: Place, stored: &StoredLog, intact: bool) -> Vec<Finding> {
    let Some((frontier, state)) = &stored.snapshot else { return Vec::new() };
    let find = |fault| vec![Finding { place, fault }];
    if !is_held(frontier, stored) {
        return match intact {
            true => find(Fault::SnapshotAhead),
            // What is missing was told already.
            false => Vec::new(),
        };
    }
    // The check takes no more clients than this at a time; each chain is one.
    if stored.chains.len() >= MAX_CLIENTS as usize {
        return Vec::new();
    }
    let kept = match Normal::of(state) {
        Ok(kept) => kept,
        Err(source) => return find(Fault::SnapshotUnsound { source }),
    };
    if !intact {
        return Vec::new();
    }
    match fold(stored, frontier) {
        Err(source) => find(Fault::Fold { source }),
        Ok(state) => match Normal::of(&state) {
            Ok(folded) if folded == kept => Vec::new(),
            Ok(_) => find(Fault::SnapshotDiffers),
            Err(source) => find(Fault::Fold { source: source.into() }),
        },
    }
}

/// Whether the log reaches as far. What its entries are, the walk along their chains has seen.
fn is_held(frontier: &Frontier, stored: &StoredLog) -> bool {
    let held = |id| stored.chains.iter().find(|chain| chain.chain == id);
    let last = |(_, segment): &(u64, crate::log::Segment)| segment.last();
    frontier.iter().all(|(chain, point)| {
        let last = held(*chain).and_then(|chain| chain.segments.last()).map_or(0, last);
        last >= point.number
    })
}

fn fold(stored: &StoredLog, upto: &Frontier) -> Result<Vec<u8>, ApplyError> {
    let mut updates = Vec::new();
    for (_, segment) in stored.chains.iter().flat_map(|chain| &chain.segments) {
        let numbered = (segment.first()..).zip(segment.entries().map_while(Result::ok));
        let within = numbered.take_while(|(number, _)| *number <= upto.number(&segment.chain));
        updates.extend(within.filter_map(|(_, (entry, _))| entry.update()));
    }
    // No chain has this client id.
    let document = OpenDocument::new(0, |_| {});
    document.apply(&updates)?;
    let state = AssertUnwindSafe(|| document.state_if(|| true).unwrap_or_default());
    catch_unwind(state).map_err(|_| ApplyError::Panicked)
}
