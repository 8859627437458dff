//! A document in memory: a `yrs::Doc`, which the app edits and entries of others flow into.

mod guest;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use thiserror::Error;
use yrs::block::ClientID;
use yrs::updates::decoder::Decode;
use yrs::{
    ArrayRef, Doc, OffsetKind, Options, Origin, ReadTxn, StateVector, Transact, Update,
    XmlFragmentRef,
};

use super::check::{BadUpdate, Id, Nested};
use super::gate::SharedGate;
use super::merge::stretches;

pub use guest::Admission;
use guest::FROM_GUEST;

/// Marks transactions that bring in entries from the log, so that they are not taken for local edits.
const FROM_LOG: &str = "driftline log";

/// Why updates could not be brought into a document.
#[derive(Debug, Error)]
pub enum ApplyError {
    /// An update was refused before yrs saw it.
    #[error("an update is not sound")]
    Unsound {
        /// What is wrong with it.
        #[from]
        source: BadUpdate,
    },
    /// yrs does not read what was found sound.
    #[error("an update does not decode")]
    Malformed {
        /// What yrs says about it.
        #[from]
        source: yrs::encoding::read::Error,
    },
    /// An update does not fit the document.
    #[error("an update does not fit the document")]
    Misfit {
        /// What yrs says about it.
        #[from]
        source: yrs::error::UpdateError,
    },
    /// An update puts something where it can't be. It comes in without that.
    #[error("client {client} puts something where it can't be, at clock {clock}: it is left out")]
    Misplaced {
        /// The Yjs client that did.
        client: u64,
        /// Its clock.
        clock: u32,
    },
    /// yrs panicked. The document is not to be used any more.
    #[error("the document broke while an update was brought in: close it and open it again")]
    Panicked,
}

/// An open document. Offsets in text count UTF-16 code units, as in Yjs.
pub struct OpenDocument {
    doc: Doc,
    gate: Arc<SharedGate>,
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
        let gate = Arc::<SharedGate>::default();
        let (elsewhere, hearing) = ([FROM_LOG, FROM_GUEST].map(Origin::from), gate.clone());
        // Not `observe_update_v1`, for which yrs would also encode all that comes from the log.
        let local = doc.observe_transaction_cleanup(FROM_LOG, move |txn, done| {
            let changed = !done.delete_set.is_empty() || done.after_state != done.before_state;
            if changed && !txn.origin().is_some_and(|origin| elsewhere.contains(origin)) {
                let update = txn.encode_update_v1();
                hearing.hear(&update);
                on_local(update);
            }
        });
        // Only a transaction under way can make it fail, and nobody else has the document yet.
        local.expect("a new document has no transaction");
        Self { doc, gate }
    }

    /// The document itself.
    pub fn doc(&self) -> &Doc {
        &self.doc
    }

    /// The root of that name, to be read as a list. Text in it, which a hostile writer may have put there, is not shown:
    /// yrs may not come back from reading it.
    pub fn array(&self, name: &str) -> ArrayRef {
        let array = self.doc.get_or_insert_array(name);
        self.take_text_out(name, Nested::Array);
        array
    }

    /// The root of that name, to be read as a tree: a row of elements and of texts that are types of their own. Other
    /// text in it, which a hostile writer may have put there, is not shown.
    pub fn xml(&self, name: &str) -> XmlFragmentRef {
        let tree = self.doc.get_or_insert_xml_fragment(name);
        self.take_text_out(name, Nested::Tree);
        tree
    }

    fn take_text_out(&self, root: &str, nested: Nested) {
        for deletion in self.gate.lock().read_as(root, nested) {
            // It names what is there and nothing else, so it fits.
            _ = self.apply_one(&deletion);
        }
    }

    /// Brings in updates, merged in stretches, each under the write lock for itself: an app that edits waits for one
    /// stretch at the most. They may come in any order: what leans on something that is missing waits for it.
    ///
    /// # Errors
    /// If yrs panics, or an update is refused or does not fit: all others are in then, and the first error is told.
    pub fn apply(&self, updates: &[&[u8]]) -> Result<(), ApplyError> {
        self.apply_and_tell(updates, &mut |_| {})
    }

    /// The same, and `tell` gets each update as it came in: what had to wait is not in it, what waited is, and what did
    /// not fit is struck out.
    ///
    /// # Errors
    /// As [`apply`](Self::apply).
    pub fn apply_and_tell(
        &self,
        updates: &[&[u8]],
        tell: &mut dyn FnMut(Vec<u8>),
    ) -> Result<(), ApplyError> {
        let all = AssertUnwindSafe(|| {
            let mut told = Ok(());
            for stretch in stretches(updates) {
                let applied = self.apply_stretch(stretch, tell);
                told = told.and(applied);
            }
            told
        });
        catch_unwind(all).unwrap_or(Err(ApplyError::Panicked))
    }

    /// Brings in a state that this device folded and stored itself.
    ///
    /// # Errors
    /// As [`apply`](Self::apply).
    pub fn load(&self, state: &[u8]) -> Result<(), ApplyError> {
        self.apply(&[state])
    }

    fn apply_stretch(
        &self,
        stretch: &[&[u8]],
        tell: &mut dyn FnMut(Vec<u8>),
    ) -> Result<(), ApplyError> {
        let mut gate = self.gate.lock();
        let passed = gate.pass(stretch);
        let mut told = passed.refused.first().map_or(Ok(()), |&bad| Err(bad.into()));
        told = told.and(passed.misfit.map_or(Ok(()), |misfit| Err(misfit.into())));
        for update in passed.updates {
            let applied = self.apply_one(&update);
            if applied.is_ok() {
                tell(update);
            }
            told = told.and(applied);
        }
        told
    }

    fn apply_one(&self, update: &[u8]) -> Result<(), ApplyError> {
        let update = Update::decode_v1(update)?;
        Ok(self.doc.transact_mut_with(FROM_LOG).apply_update(update)?)
    }

    /// Whether everything that was brought in is in, and nothing waits for what it leans on.
    pub fn is_whole(&self) -> bool {
        let gate = self.gate.lock();
        !gate.keeps_waiting() && !gate.has_forgotten()
    }

    /// Whether all that is in the log has to be brought in again: more waited than is kept in memory (8 MiB), and what it
    /// waited for has come. Asked once, it is not so any more.
    pub fn wants_log(&self) -> bool {
        self.gate.lock().wants_log()
    }

    /// The whole document as one Yjs update, v1, what still waits for its parents included; nothing if it is not
    /// `still` what it should be, which is asked while nobody can edit, or if more waits than is kept in memory.
    pub fn state_if(&self, still: impl FnOnce() -> bool) -> Option<Vec<u8>> {
        let gate = self.gate.lock();
        if gate.has_forgotten() {
            // The log holds more than this does.
            return None;
        }
        let txn = self.doc.transact();
        let state = still().then(|| txn.encode_state_as_update_v1(&StateVector::default()))?;
        match gate.keeps_waiting() {
            true => gate.with_waiting(&state),
            false => Some(state),
        }
    }
}

impl From<Id> for ApplyError {
    fn from(Id { client, clock }: Id) -> Self {
        Self::Misplaced { client, clock }
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
    fn a_transaction_that_changes_nothing_is_no_edit() {
        let (alice, written) = open(1 << 40);
        let body = alice.doc().get_or_insert_text("body");
        drop(alice.doc().transact_mut());
        assert!(written.lock().unwrap().is_empty());
        body.insert(&mut alice.doc().transact_mut(), 0, "milk");
        body.remove_range(&mut alice.doc().transact_mut(), 0, 1);
        assert_eq!(written.lock().unwrap().len(), 2, "a deletion is one");
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
