//! A document in memory: a `yrs::Doc`, which the app edits and entries of others flow into.

use std::panic::{AssertUnwindSafe, catch_unwind};

use thiserror::Error;
use yrs::block::ClientID;
use yrs::updates::decoder::Decode;
use yrs::{
    Doc, OffsetKind, Options, Origin, ReadTxn, StateVector, Transact, TransactionMut, Update,
    WriteTxn,
};

use super::check::BadUpdate;
use super::merge::{Merged, merged, stretches};

/// Marks transactions that bring in entries from the log, so that they are not taken for local edits.
const FROM_LOG: &str = "driftline log";

/// Why updates could not be brought into a document.
#[derive(Debug, Error)]
pub enum ApplyError {
    /// An update was refused before yrs saw it.
    #[error("an update in the log is not sound")]
    Unsound {
        /// What is wrong with it.
        #[from]
        source: BadUpdate,
    },
    /// yrs does not read what was found sound.
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
        // Not `observe_update_v1`, for which yrs would also encode all that comes from the log.
        let local = doc.observe_transaction_cleanup(FROM_LOG, move |txn, done| {
            let changed = !done.delete_set.is_empty() || done.after_state != done.before_state;
            if changed && txn.origin() != Some(&from_log) {
                on_local(txn.encode_update_v1());
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

    /// Brings in updates, merged in stretches, each under the write lock for itself: an app that edits waits for one
    /// stretch at the most. Within a stretch the order does not matter; otherwise an update should come after those it
    /// leans on, or it waits in yrs until they are there.
    ///
    /// # Errors
    /// If yrs panics, or an update is refused or does not fit: all others are in then, and the first error is told.
    pub fn apply(&self, updates: &[&[u8]]) -> Result<(), ApplyError> {
        let all = AssertUnwindSafe(|| {
            let mut told = Ok(());
            for stretch in stretches(updates) {
                let applied = self.apply_merged(stretch);
                told = told.and(applied);
            }
            told
        });
        catch_unwind(all).unwrap_or(Err(ApplyError::Panicked))
    }

    /// Brings in a state that this device folded and stored itself, and that was sound when it was.
    ///
    /// # Errors
    /// If yrs panics, or the state does not decode or does not fit.
    pub fn load(&self, state: &[u8]) -> Result<(), ApplyError> {
        let load = AssertUnwindSafe(|| self.apply_one(state));
        catch_unwind(load).unwrap_or(Err(ApplyError::Panicked))
    }

    fn apply_merged(&self, stretch: &[&[u8]]) -> Result<(), ApplyError> {
        let Merged { updates, refused } = merged(stretch);
        let mut told = refused.first().map_or(Ok(()), |&bad| Err(bad.into()));
        for update in updates {
            told = match self.apply_one(&update) {
                // yrs stops at the first block that does not fit, so the others have to come in without it.
                Err(_) if stretch.len() > 1 => told.and(self.apply_each(stretch)),
                applied => told.and(applied),
            };
        }
        told
    }

    fn apply_each(&self, stretch: &[&[u8]]) -> Result<(), ApplyError> {
        let mut told = Ok(());
        for update in stretch {
            let applied = self.apply_merged(&[*update]);
            told = told.and(applied);
        }
        told
    }

    fn apply_one(&self, update: &[u8]) -> Result<(), ApplyError> {
        let update = Update::decode_v1(update)?;
        let mut txn = self.doc.transact_mut_with(FROM_LOG);
        txn.apply_update(update)?;
        retry_waiting(&mut txn)
    }

    /// The whole document as one Yjs update, v1, what still waits for its parents included; nothing if it is not
    /// `still` what it should be, which is asked while nobody can edit.
    pub fn state_if(&self, still: impl FnOnce() -> bool) -> Option<Vec<u8>> {
        let txn = self.doc.transact();
        still().then(|| txn.encode_state_as_update_v1(&StateVector::default()))
    }
}

/// Lets what waits in yrs for earlier updates try again, for as long as any of it comes in.
///
/// yrs 0.28.1 does that by itself only when something comes that it remembers to wait for, and it forgets: where two
/// clients wait for one another's updates, it remembers the last one it looked at. Then all of it waits for ever.
fn retry_waiting(txn: &mut TransactionMut<'_>) -> Result<(), ApplyError> {
    let mut before = None;
    while txn.has_missing_updates() {
        let now = Some((txn.insert_set().clone(), txn.delete_set().clone()));
        if now == before {
            break;
        }
        before = now;
        let Some(waiting) = txn.prune_pending() else { break };
        txn.apply_update(waiting)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use data_encoding::HEXLOWER;
    use yrs::{GetString, Text};

    use super::super::check::{self, Author};
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

    /// Fuzzing found this: an entry passes the check, claims no key for its text, and leans on a value that has one.
    /// yrs puts the text under the key, and once the map is gone looks in vain for it there. Which entry lied can't be
    /// told from its bytes; what can be done is not to take the process along.
    #[test]
    fn what_breaks_yrs_all_the_same_is_told() {
        let entries = [
            "01038780808020000001848e8080802004057479706564448780808020020574797065640280808080200102038780808020010502",
            "01028e80808020002701036d617008d0bad0bbd18ed1870008008e8080802000027d017d02018e80808020010003",
            "01048e8080802003a78e80808020000128008e80808020030464656570017cd400000027008e808080200305616761696e0204008e808080200504f09d849e00",
            "00018e80808020010305",
        ];
        let decode = |hex: &str| HEXLOWER.decode(hex.replace(' ', "").as_bytes()).unwrap();
        let entries: Vec<_> = entries.into_iter().map(decode).collect();
        let (document, _) = open(1 << 40);
        let entries: Vec<_> = entries.iter().map(Vec::as_slice).collect();
        assert!(entries.iter().all(|entry| check::update(entry, Author::Anyone).is_ok()));
        assert!(matches!(document.apply(&entries), Err(ApplyError::Panicked)));
    }
}
