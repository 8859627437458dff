//! Which pieces of deleted content are to come back, and in which order.

use std::collections::BTreeSet;
use std::ops::Range;

use yrs::block::ClientID;
use yrs::{Doc, ID, IdSet, ReadTxn, StateVector, Transact};

use super::super::ApplyError;
use super::items::{Item, Items, Start};
use super::replay::Undone;

/// A stretch of one client's clocks that is a single item of the document, or a part of one.
pub(super) struct Piece {
    pub(super) client: ClientID,
    pub(super) clocks: Range<u32>,
    /// How deep it is nested: what is inside something else comes back after that.
    pub(super) depth: usize,
    /// Whether it comes back only to be taken out again: see [`bridged`].
    pub(super) bridge: bool,
}

/// What the refused updates deleted, item by item, less what has been overwritten or deleted by honest hands since.
///
/// yrs would find the items by itself, but brings them back in an order that changes from run to run.
pub(super) fn to_bring_back(doc: &Doc, undone: &Undone) -> Result<Vec<Piece>, ApplyError> {
    let state = doc.transact().encode_diff_v1(&StateVector::default());
    let items = Items::read(&state)?;
    let settled = settled(&items, undone);
    let lost = undone.deleted.diff(&undone.inserted);
    let mut pieces = in_items(&items, &lost, |start, _| !settled.contains(&start));
    let bridged = bridged(&items, &pieces);
    let refused = undone.deleted.intersect(&undone.inserted);
    pieces.extend(in_items(&items, &refused, |_, item| {
        item.keyed && items.nested_key(item).is_some_and(|key| bridged.contains(&key))
    }));
    for piece in &mut pieces {
        piece.bridge = holds(&refused, (piece.client, piece.clocks.start));
    }
    pieces.sort_by_key(|piece| (piece.depth, !piece.bridge, piece.client, piece.clocks.start));
    Ok(pieces)
}

/// The keys of which a refused value has to be there for the value that it overwrote to come back. It is so in a map
/// that was deleted as a whole afterwards, and comes back as a new one: yrs looks for the place of the old value next
/// to what had overwritten it, and without a copy of that finds it in the old map (yjs#757).
fn bridged<'a>(items: &'a Items, pieces: &[Piece]) -> BTreeSet<(Start, &'a str)> {
    let starts: BTreeSet<Start> =
        pieces.iter().map(|piece| (piece.client, piece.clocks.start)).collect();
    let keyed = starts.iter().filter_map(|start| items.at(ID::new(start.0, start.1)));
    let keys = keyed.filter(|(_, item)| item.keyed).filter_map(|(_, item)| items.nested_key(item));
    keys.filter(|(container, _)| starts.contains(container)).collect()
}

/// A set, cut up into the items that are wanted.
fn in_items(items: &Items, set: &IdSet, wanted: impl Fn(Start, &Item) -> bool) -> Vec<Piece> {
    let mut pieces = Vec::new();
    for (&client, ranges) in set.iter() {
        for range in ranges {
            for (start, item) in
                items.within(client, range).filter(|(start, item)| wanted(*start, item))
            {
                let clocks = start.1.max(range.start)..(start.1 + item.length).min(range.end);
                let depth = items.containers(item).count();
                // yrs joins values of a key that were deleted. What is brought back in one goes into one block, and
                // a key takes one value: others would refuse the mend.
                let step = if item.keyed { 1 } else { clocks.end - clocks.start };
                for first in clocks.clone().step_by(step as usize) {
                    let clocks = first..clocks.end.min(first + step);
                    pieces.push(Piece { client, clocks, depth, bridge: false });
                }
            }
        }
    }
    pieces
}

/// The values of keys that are history: an honest hand has written or deleted the key since.
fn settled(items: &Items, undone: &Undone) -> BTreeSet<Start> {
    let mut settled = BTreeSet::new();
    for (start, item) in items.iter().filter(|(_, item)| item.keyed) {
        if holds(&undone.inserted, start) && !holds(&undone.disowned, start) {
            continue;
        }
        for (before, _) in items.history(item) {
            if !settled.insert(before) {
                break;
            }
        }
    }
    settled
}

fn holds(set: &IdSet, (client, clock): Start) -> bool {
    set.contains(&ID::new(client, clock))
}
