//! What a person typed, as Yjs updates.

use std::sync::{Arc, Mutex};

use driftline::trace::{Trace, Transaction, Utf16Positions};
use driftline::yrs::block::ClientID;
use driftline::yrs::updates::decoder::Decode;
use driftline::yrs::{
    Doc, GetString, OffsetKind, Options, Text, TextRef, Transact, TransactionMut, Update,
};

/// The root that everything is typed into.
pub(super) const ROOT: &str = "body";

/// A typed text: an update for each keystroke, and what came of it.
pub(super) struct Typed {
    /// The client id that it was typed under.
    pub(super) client: u64,
    pub(super) updates: Vec<Vec<u8>>,
    pub(super) text: String,
}

/// Types a sequential trace, a transaction a keystroke, under a client id.
pub(super) fn typed(trace: &Trace, client: u64) -> Typed {
    let doc = document(client);
    let body = doc.get_or_insert_text(ROOT);
    let updates = Arc::new(Mutex::new(Vec::new()));
    let kept = updates.clone();
    let observed = doc.observe_update_v1("typing", move |_, event| {
        if let Ok(mut kept) = kept.lock() {
            kept.push(event.update.clone());
        }
    });
    debug_assert!(observed.is_ok());
    let mut positions = Utf16Positions::of(trace);
    for transaction in &trace.transactions {
        keystroke(&body, &mut doc.transact_mut(), transaction, &mut positions);
    }
    let txn = doc.transact();
    let text = body.get_string(&txn);
    let updates = updates.lock().map(|mut updates| std::mem::take(&mut *updates));
    Typed { client, updates: updates.unwrap_or_default(), text }
}

/// Types one transaction of a trace.
pub(super) fn keystroke(
    body: &TextRef,
    txn: &mut TransactionMut<'_>,
    transaction: &Transaction,
    positions: &mut Utf16Positions,
) {
    for patch in &transaction.patches {
        let range = positions.range(patch, || body.get_string(txn));
        // yrs looks for the place from the start of the text, also to do nothing there.
        if !range.is_empty() {
            body.remove_range(txn, range.start, range.end - range.start);
        }
        if !patch.inserted.is_empty() {
            body.insert(txn, range.start, &patch.inserted);
        }
    }
}

/// The baseline: yrs alone applies the updates one by one.
pub(super) fn apply_one_by_one(updates: &[Vec<u8>]) -> Doc {
    let doc = document(1);
    for update in updates {
        let update = Update::decode_v1(update).expect("yrs wrote it");
        doc.transact_mut().apply_update(update).expect("yrs wrote it");
    }
    doc
}

/// The text of a document.
pub(super) fn text_of(doc: &Doc) -> String {
    let body = doc.get_or_insert_text(ROOT);
    body.get_string(&doc.transact())
}

fn document(client: u64) -> Doc {
    Doc::with_options(Options {
        client_id: ClientID::new(client),
        offset_kind: OffsetKind::Utf16,
        ..Options::default()
    })
}
