//! The log played again: the honest updates first, the refused ones apart from them.

use std::borrow::Cow;

use yrs::block::ClientID;
use yrs::updates::decoder::Decode;
use yrs::{Doc, IdSet, OffsetKind, Options, Transact, Update, WriteTxn};

use super::super::gate::Gate;
use super::super::{ApplyError, merged};
use super::MendError;

/// A document that holds everything, with its deleted content.
pub(super) struct Replayed {
    pub(super) doc: Doc,
    pub(super) undone: Undone,
}

/// What the refused updates did.
#[derive(Default)]
pub(super) struct Undone {
    /// What they inserted.
    pub(super) inserted: IdSet,
    /// What they deleted or overwrote, and nobody else had.
    pub(super) deleted: IdSet,
    /// What of all that is in the document an honest hand has deleted or overwritten.
    pub(super) disowned: IdSet,
}

pub(super) fn replay(
    client: u64,
    honest: &[&[u8]],
    refused: &[&[u8]],
) -> Result<Replayed, MendError> {
    let (honest, refused) = gated(honest, refused)?;
    let doc = Doc::with_options(Options {
        client_id: ClientID::new(client),
        offset_kind: OffsetKind::Utf16,
        // What was deleted has to be there to come back.
        skip_gc: true,
        cleanup_formatting: false,
        ..Options::default()
    });
    // Most of it in bulk, which is fast.
    for update in merged(&views(&honest)).updates {
        let update = Update::decode_v1(&update).map_err(ApplyError::from)?;
        doc.transact_mut().apply_update(update).map_err(ApplyError::from)?;
    }
    doc.transact_mut().prune_pending();
    let undone = take_turns(&doc, decoded(&honest)?, decoded(&refused)?)?;
    Ok(Replayed { doc, undone })
}

type Updates<'a> = Vec<Cow<'a, [u8]>>;

/// The updates as they are in the document that is to be mended, where what does not fit came in as something else.
/// An honest one that waits for what is missing is left out.
fn gated<'a>(
    honest: &[&'a [u8]],
    refused: &[&'a [u8]],
) -> Result<(Updates<'a>, Updates<'a>), MendError> {
    let mut gate = Gate::default();
    let passed = gate.pass(&[honest, refused].concat());
    if let Some(bad) = passed.refused.first() {
        return Err(ApplyError::from(*bad).into());
    }
    let cleaned = |update: &&'a [u8]| gate.cleaned(&passed, update);
    let refused: Option<Updates<'a>> = refused.iter().map(cleaned).collect();
    Ok((honest.iter().filter_map(cleaned).collect(), refused.ok_or(MendError::Waiting)?))
}

fn views<'a>(updates: &'a Updates<'_>) -> Vec<&'a [u8]> {
    updates.iter().map(AsRef::as_ref).collect()
}

fn decoded(updates: &Updates<'_>) -> Result<Vec<Update>, ApplyError> {
    updates.iter().map(|update| Ok(Update::decode_v1(update)?)).collect()
}

/// Brings in the honest rest that needs nothing refused; then the refused, then what waited for them, and so on: a
/// refused update may also lean on an honest one that leans on another refused one.
fn take_turns(
    doc: &Doc,
    mut honest: Vec<Update>,
    mut refused: Vec<Update>,
) -> Result<Undone, MendError> {
    bring_in(doc, &mut honest)?;
    let mut undone = Undone::default();
    loop {
        let bad = bring_in(doc, &mut refused)?;
        let good = bring_in(doc, &mut honest)?;
        let idle = bad.is_empty() && good.is_empty();
        undone.inserted.merge_with(bad.inserted);
        undone.deleted.merge_with(bad.deleted);
        undone.disowned.merge_with(good.deleted);
        if idle {
            break;
        }
    }
    if refused.is_empty() { Ok(undone) } else { Err(MendError::Waiting) }
}

/// What was brought in.
#[derive(Default)]
struct Change {
    inserted: IdSet,
    deleted: IdSet,
}

impl Change {
    fn is_empty(&self) -> bool {
        self.inserted.is_empty() && self.deleted.is_empty()
    }

    fn merge_with(&mut self, other: Self) {
        self.inserted.merge_with(other.inserted);
        self.deleted.merge_with(other.deleted);
    }
}

/// Brings in all that need not wait, and leaves the rest. The updates stay apart and nothing is left waiting in the
/// document: it would come in with what it waits for, and be taken for a part of that; and who is merged with one
/// that waits, waits too, so that it would depend on the order of arrival what does.
fn bring_in(doc: &Doc, updates: &mut Vec<Update>) -> Result<Change, ApplyError> {
    let mut change = Change::default();
    loop {
        let round = bring_in_once(doc, updates)?;
        if round.is_empty() {
            return Ok(change);
        }
        change.merge_with(round);
    }
}

fn bring_in_once(doc: &Doc, updates: &mut Vec<Update>) -> Result<Change, ApplyError> {
    let mut change = Change::default();
    for update in std::mem::take(updates) {
        let mut txn = doc.transact_mut();
        txn.apply_update(update)?;
        updates.extend(txn.prune_pending());
        let (inserted, deleted) = (txn.insert_set().clone(), txn.delete_set().clone());
        change.merge_with(Change { inserted, deleted });
    }
    Ok(change)
}
