//! What guests write: people with stock Yjs clients, who have no chain.
//!
//! Their clients speak Yjs and nothing else. They draw their ids by chance, and when they meet somebody they say all that
//! they have, from everybody. So of what they say only what is new counts, and of that only what is theirs.

use std::panic::{AssertUnwindSafe, catch_unwind};

use yrs::updates::decoder::Decode;
use yrs::{Transact, Update};

use super::super::gate::{Admitted, Passed};
use super::{ApplyError, OpenDocument};

/// Marks transactions that bring in what guests write, which [`OpenDocument::admit`] hands on by itself.
pub(super) const FROM_GUEST: &str = "driftline guest";

/// What was taken in of what a guest wrote.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Admission {
    /// What of it was new here, as one update, v1; nothing if nothing was.
    pub news: Option<Vec<u8>>,
    /// Whether something was left out because it leans on what is not here: once more is here, the guest may send it
    /// again.
    pub lacks: bool,
    /// Whether something was put where it can't be, and was struck out.
    pub struck: bool,
    /// What had waited for it, and came in with it.
    pub woken: Vec<Vec<u8>>,
}

impl OpenDocument {
    /// Brings in what is new of what a guest wrote, who is not held to a chain: stock clients send again what they have,
    /// from everybody. What is under Yjs client ids that are not `theirs` is passed over, and so is what chains wrote.
    /// `keep` gets what was new under the document's write lock, like the update of a local transaction.
    ///
    /// # Errors
    /// If the update is refused, with nothing done; or if yrs panics.
    pub fn admit(
        &self,
        update: &[u8],
        theirs: impl Fn(u64) -> bool,
        keep: impl FnOnce(&[u8]),
    ) -> Result<Admission, ApplyError> {
        let all = AssertUnwindSafe(|| {
            let mut gate = self.gate.lock();
            let Admitted { passed, lacks } = gate.admit(update, &theirs)?;
            let struck = passed.misfit.is_some();
            let news = self.apply_new(&passed.updates, keep)?;
            let mut woken = Passed::default();
            gate.wake(&mut woken);
            for update in &woken.updates {
                self.apply_one(update)?;
            }
            Ok(Admission { news, lacks, struck, woken: woken.updates })
        });
        catch_unwind(all).unwrap_or(Err(ApplyError::Panicked))
    }

    /// Applies updates in one transaction, and gives what it changed.
    fn apply_new(
        &self,
        updates: &[Vec<u8>],
        keep: impl FnOnce(&[u8]),
    ) -> Result<Option<Vec<u8>>, ApplyError> {
        let decoded = updates.iter().map(|update| Update::decode_v1(update));
        let decoded = decoded.collect::<Result<Vec<_>, _>>()?;
        let mut txn = self.doc.transact_mut_with(FROM_GUEST);
        for update in decoded {
            txn.apply_update(update)?;
        }
        txn.commit();
        let changed = !txn.delete_set().is_empty() || txn.after_state() != txn.before_state();
        let news = changed.then(|| txn.encode_update_v1());
        news.as_deref().map(keep);
        Ok(news)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use quickcheck::{Gen, QuickCheck};
    use yrs::{Doc, GetString, ReadTxn, StateVector, Text};

    use super::super::super::check::tests::honest::{Step, written_under};
    use super::super::super::check::{self, Author};
    use super::super::super::normal::Normal;
    use super::*;

    const ANN: u64 = 7;
    const BOB: u64 = 8;

    /// A document, and what was kept of what guests wrote in it.
    struct Host {
        document: OpenDocument,
        kept: Arc<Mutex<Vec<Vec<u8>>>>,
    }

    impl Host {
        fn new() -> Self {
            Self { document: OpenDocument::new(1 << 40, |_| {}), kept: Arc::default() }
        }

        fn admits(&self, update: &[u8], theirs: impl Fn(u64) -> bool) -> Admission {
            let kept = self.kept.clone();
            let keep = |update: &[u8]| kept.lock().unwrap().push(update.to_vec());
            self.document.admit(update, theirs, keep).unwrap()
        }

        fn reads(&self) -> String {
            let body = self.document.doc().get_or_insert_text("body");
            body.get_string(&self.document.doc().transact())
        }

        fn state(&self) -> Vec<u8> {
            state(self.document.doc())
        }
    }

    /// A stock client that has something already.
    fn client(id: u64, has: &[u8]) -> Doc {
        let doc = Doc::with_client_id(id);
        doc.transact_mut().apply_update(Update::decode_v1(has).unwrap()).unwrap();
        doc
    }

    fn types(doc: &Doc, text: &str) {
        let body = doc.get_or_insert_text("body");
        body.push(&mut doc.transact_mut(), text);
    }

    fn state(doc: &Doc) -> Vec<u8> {
        doc.transact().encode_state_as_update_v1(&StateVector::default())
    }

    fn anybody(_: u64) -> bool {
        true
    }

    #[test]
    fn what_is_new_is_kept_once_however_often_it_is_said() {
        let (host, ann) = (Host::new(), client(ANN, &[0, 0]));
        types(&ann, "milk");
        assert!(host.admits(&state(&ann), anybody).news.is_some());
        assert_eq!(host.admits(&state(&ann), anybody), Admission::default());
        types(&ann, " and honey");
        host.admits(&state(&ann), anybody);
        assert_eq!(host.reads(), "milk and honey");
        let kept = host.kept.lock().unwrap();
        let clocks = kept.iter().map(|update| check::update(update, Author::Guest).unwrap().clocks);
        assert_eq!(clocks.collect::<Vec<_>>(), [Some(0..4), Some(4..14)]);
    }

    #[test]
    fn a_deletion_that_is_said_again_is_no_news() {
        let (host, ann) = (Host::new(), client(ANN, &[0, 0]));
        types(&ann, "milk");
        host.admits(&state(&ann), anybody);
        ann.get_or_insert_text("body").remove_range(&mut ann.transact_mut(), 0, 2);
        assert!(host.admits(&state(&ann), anybody).news.is_some());
        assert_eq!(host.admits(&state(&ann), anybody).news, None);
        assert_eq!(host.reads(), "lk");
    }

    #[test]
    fn nobody_writes_under_the_id_of_another_nor_under_that_of_a_chain() {
        let (host, ann) = (Host::new(), client(ANN, &[0, 0]));
        types(&ann, "milk");
        host.admits(&state(&ann), anybody);
        for forged in [ANN, 1 << 40, 1 << 33] {
            let mallory = client(forged, &host.state());
            types(&mallory, "mallory was here");
            let admitted = host.admits(&state(&mallory), |client| client == BOB);
            assert_eq!((admitted.news, admitted.lacks), (None, true));
        }
        assert_eq!(host.reads(), "milk");
    }

    #[test]
    fn what_leans_on_something_missing_is_taken_in_when_it_is_said_again() {
        let (host, ann) = (Host::new(), client(ANN, &[0, 0]));
        types(&ann, "milk");
        let bob = client(BOB, &state(&ann));
        types(&bob, " and honey");
        let only_bobs = |client| client == BOB;
        let admitted = host.admits(&state(&bob), only_bobs);
        assert_eq!((admitted.news, admitted.lacks), (None, true));
        host.admits(&state(&ann), anybody);
        let admitted = host.admits(&state(&bob), only_bobs);
        assert!(admitted.news.is_some() && !admitted.lacks);
        assert_eq!(host.reads(), "milk and honey");
    }

    #[test]
    fn what_waited_in_the_log_comes_in_with_what_it_waited_for() {
        let (host, ann) = (Host::new(), client(ANN, &[0, 0]));
        types(&ann, "milk");
        let member = client(1 << 41, &state(&ann));
        types(&member, " and honey");
        let update = member.transact().encode_diff_v1(&ann.transact().state_vector());
        host.document.apply(&[&update]).unwrap();
        let admitted = host.admits(&state(&ann), anybody);
        assert_eq!(admitted.woken.len(), 1);
        assert_eq!(host.reads(), "milk and honey");
        // What the member wrote is in the member's log.
        let kept = host.kept.lock().unwrap();
        assert!(kept.iter().all(|update| check::update(update, Author::Guest).is_ok()));
    }

    #[test]
    fn what_was_kept_makes_the_same_document_elsewhere() {
        fn property(people: u64, steps: Vec<Step>, again: Vec<usize>) {
            let log = written_under(ANN, 2 + people % 3, &steps);
            let host = Host::new();
            for (at, written) in log.iter().enumerate() {
                host.admits(&written.update, anybody);
                // Now and then somebody says all that they have.
                if again.contains(&at) {
                    host.admits(&host.state(), anybody);
                }
            }
            let elsewhere = OpenDocument::new(1 << 41, |_| {});
            let kept = host.kept.lock().unwrap();
            elsewhere.apply(&kept.iter().map(Vec::as_slice).collect::<Vec<_>>()).unwrap();
            let (there, here) = (state(elsewhere.doc()), host.state());
            assert_eq!(Normal::of(&there).unwrap(), Normal::of(&here).unwrap());
        }
        let property: fn(u64, Vec<Step>, Vec<usize>) = property;
        QuickCheck::new().rng(Gen::new(60)).tests(200).quickcheck(property);
    }
}
