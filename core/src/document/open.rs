//! A document in memory: a `yrs::Doc`, which the app edits and entries of others flow into.

use std::panic::{AssertUnwindSafe, catch_unwind};

use thiserror::Error;
use yrs::block::ClientID;
use yrs::{Doc, OffsetKind, Options, Origin, ReadTxn, StateVector, Transact, Update};

use super::merge::merged;

/// Marks transactions that bring in entries from the log, so that they are not taken for local edits.
const FROM_LOG: &str = "driftline log";

/// Why updates could not be brought into a document.
#[derive(Debug, Error)]
pub enum ApplyError {
    /// An update does not decode.
    #[error("an update in the log does not decode")]
    Malformed {
        /// What yrs says about it.
        #[from]
        source: yrs::encoding::read::Error,
    },
    /// An update does not fit the document.
    #[error("an update in the log does not fit the document")]
    Misfit {
        /// What yrs says about it.
        #[from]
        source: yrs::error::UpdateError,
    },
    /// yrs panicked. The document is not to be used any more.
    #[error("the document broke while an update was brought in: close it and open it again")]
    Panicked,
}

/// An open document. Offsets in text count UTF-16 code units, as in Yjs.
pub struct OpenDocument {
    doc: Doc,
}

impl OpenDocument {
    /// Opens an empty document that writes under `client`. `on_local` gets the update of every local
    /// transaction, under the document's write lock and in the order of its clock.
    pub fn new(client: u64, on_local: impl Fn(Vec<u8>) + Send + Sync + 'static) -> Self {
        let doc = Doc::with_options(Options {
            client_id: ClientID::new(client),
            offset_kind: OffsetKind::Utf16,
            ..Options::default()
        });
        let from_log = Origin::from(FROM_LOG);
        let local = doc.observe_update_v1(FROM_LOG, move |txn, event| {
            if txn.origin() != Some(&from_log) {
                on_local(event.update.clone());
            }
        });
        // Only a transaction under way can make it fail, and nobody else has the document yet.
        local.expect("a new document has no transaction");
        Self { doc }
    }

    /// The document itself.
    pub fn doc(&self) -> &Doc {
        &self.doc
    }

    /// Brings in updates, in groups, each under the write lock for itself: an app that edits waits for one
    /// group at the most.
    ///
    /// # Errors
    /// If yrs panics, or an update does not decode or does not fit: all others are in then, and the first error
    /// is told.
    pub fn apply(&self, updates: &[&[u8]]) -> Result<(), ApplyError> {
        let all = AssertUnwindSafe(|| {
            let mut told = Ok(());
            for update in merged(updates) {
                let applied = update.and_then(|update| self.apply_one(update));
                told = told.and(applied);
            }
            told
        });
        catch_unwind(all).unwrap_or(Err(ApplyError::Panicked))
    }

    fn apply_one(&self, update: Update) -> Result<(), ApplyError> {
        Ok(self.doc.transact_mut_with(FROM_LOG).apply_update(update)?)
    }

    /// The whole document as one Yjs update, v1, what still waits for its parents included; nothing if it is not
    /// `still` what it should be, which is asked while nobody can edit.
    pub fn state_if(&self, still: impl FnOnce() -> bool) -> Option<Vec<u8>> {
        let txn = self.doc.transact();
        still().then(|| txn.encode_state_as_update_v1(&StateVector::default()))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use yrs::{GetString, Text};

    use super::*;

    /// A document, and the updates that its app made.
    fn open(client: u64) -> (OpenDocument, Arc<Mutex<Vec<Vec<u8>>>>) {
        let local = Arc::new(Mutex::new(Vec::new()));
        let kept = local.clone();
        (OpenDocument::new(client, move |update| kept.lock().unwrap().push(update)), local)
    }

    fn text(document: &OpenDocument) -> String {
        let text = document.doc().get_or_insert_text("body");
        text.get_string(&document.doc().transact())
    }

    #[test]
    fn what_comes_from_the_log_is_not_taken_for_a_local_edit() {
        let (alice, written) = open(1 << 40);
        let (bob, echoed) = open(1 << 41);
        let body = alice.doc().get_or_insert_text("body");
        for (at, word) in ["milk ", "and ", "honey"].iter().enumerate() {
            let end = body.get_string(&alice.doc().transact()).len() as u32;
            assert_eq!(written.lock().unwrap().len(), at);
            body.insert(&mut alice.doc().transact_mut(), end, word);
        }
        let updates = written.lock().unwrap().clone();
        bob.apply(&updates.iter().map(Vec::as_slice).collect::<Vec<_>>()).unwrap();
        assert_eq!(text(&bob), "milk and honey");
        assert!(echoed.lock().unwrap().is_empty());
    }

    #[test]
    fn a_state_loads_again() {
        let (alice, _) = open(1 << 40);
        let body = alice.doc().get_or_insert_text("body");
        body.insert(&mut alice.doc().transact_mut(), 0, "𝄞 counts two");
        body.insert(&mut alice.doc().transact_mut(), 2, " really");
        let (again, _) = open(1 << 41);
        again.apply(&[&alice.state_if(|| true).unwrap()]).unwrap();
        assert_eq!(text(&again), "𝄞 really counts two");
    }

    #[test]
    fn bytes_that_are_no_update_are_an_error_and_hold_up_nobody_else() {
        let (alice, written) = open(1 << 40);
        let body = alice.doc().get_or_insert_text("body");
        body.insert(&mut alice.doc().transact_mut(), 0, "milk");
        let good = written.lock().unwrap().remove(0);
        let (bob, _) = open(1 << 41);
        assert!(bob.apply(&[&[1, 2, 3], &good]).is_err());
        assert_eq!(text(&bob), "milk");
    }
}
