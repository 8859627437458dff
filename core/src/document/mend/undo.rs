//! The undo itself, by the undo manager of yrs.

use std::sync::{Arc, Mutex, PoisonError};

use yrs::undo::{Options, StackItem, UndoManager};
use yrs::{Doc, IdSet, MapRef, ReadTxn, Transact};

use super::super::check::BadUpdate;
use super::super::{Merged, merged};
use super::pieces::Piece;

const UNDONE: &str = "driftline mend";

/// Takes out what was `inserted`, brings the `pieces` back, and gives both as one update.
pub(super) fn undo(doc: &Doc, inserted: IdSet, pieces: &[Piece]) -> Result<Vec<u8>, BadUpdate> {
    let made = Arc::<Mutex<Vec<Vec<u8>>>>::default();
    let kept = made.clone();
    let observed = doc.observe_update_v1(UNDONE, move |_, event| {
        kept.lock().unwrap_or_else(PoisonError::into_inner).push(event.update.clone());
    });
    // Only a transaction under way can make it fail, and nobody else has the document.
    observed.expect("the document has no transaction");

    take_out(doc, &inserted);
    for same in pieces.chunk_by(|a, b| (a.depth, a.bridge) == (b.depth, b.bridge)) {
        bring_back(doc, &inserted, same);
    }
    // The bridges, now that they have been crossed.
    take_out(doc, &inserted);
    in_one(&made.lock().unwrap_or_else(PoisonError::into_inner))
}

fn take_out(doc: &Doc, inserted: &IdSet) {
    pop(doc, StackItem::with_meta(doc.guid(), IdSet::new(), inserted.clone(), ()));
}

/// Brings back pieces of one depth. Of two bridges one may lean on the other: so it goes on for as long as any comes.
fn bring_back(doc: &Doc, inserted: &IdSet, pieces: &[Piece]) {
    let client = doc.client_id();
    let written = || doc.transact().state_vector().get(&client);
    loop {
        let before = written();
        for piece in pieces {
            let lost = IdSet::from_iter([(piece.client, [piece.clocks.clone()])]);
            // yrs brings nothing back that is among the insertions.
            let overwritten_by = if piece.bridge { IdSet::new() } else { inserted.clone() };
            pop(doc, StackItem::with_meta(doc.guid(), lost, overwritten_by, ()));
        }
        if written() == before || !pieces.iter().any(|piece| piece.bridge) {
            break;
        }
    }
}

/// Undoes one thing. The options stand here one by one because the default ones read the clock, for grouping what
/// was done within half a second; nothing is grouped here.
fn pop(doc: &Doc, item: StackItem<()>) {
    let mut manager = UndoManager::with_options(Options {
        capture_timeout_millis: 0,
        tracked_origins: Default::default(),
        capture_transaction: None,
        timestamp: Arc::new(|| 0),
        init_undo_stack: vec![item],
        init_redo_stack: Vec::new(),
    });
    let roots: Vec<MapRef> = {
        let txn = doc.transact();
        let names: Vec<String> = txn.root_refs().map(|(name, _)| name.to_owned()).collect();
        // The type does not matter: to the undo manager a root is a place.
        names.iter().filter_map(|name| txn.get_map(name.as_str())).collect()
    };
    roots.iter().for_each(|root| manager.expand_scope(doc, root));
    manager.undo_blocking();
}

/// Many updates as one: all are of one client, and each goes on where the one before ended.
fn in_one(made: &[Vec<u8>]) -> Result<Vec<u8>, BadUpdate> {
    let views: Vec<_> = made.iter().map(Vec::as_slice).collect();
    let Merged { mut updates, refused } = merged(&views);
    debug_assert!(updates.len() <= 1, "nothing overlaps");
    match refused.first() {
        Some(bad) => Err(*bad),
        None => Ok(updates.pop().unwrap_or_else(|| vec![0, 0])),
    }
}
