//! A copy of a document that tells what each update changes.

use std::collections::BTreeSet;
use std::mem::take;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use driftline_core::document::OpenDocument;
use yrs::types::{DeepObservable, Delta};
use yrs::{Any, Observable, Out, ReadTxn, Transact};

use crate::cli::error::Error;
use crate::cli::report::Difference;
use driftline::content::BODY;

/// Nothing is ever written in it, so any id of a client will do.
const CLIENT: u64 = 1;

pub(super) struct Follower {
    copy: OpenDocument,
    /// The roots besides `body` that are observed.
    roots: BTreeSet<String>,
    heard: Arc<Mutex<Vec<Difference>>>,
}

impl Follower {
    pub(super) fn new() -> Self {
        let copy = OpenDocument::new(CLIENT, |_| {});
        let heard = Arc::new(Mutex::new(Vec::new()));
        let told = heard.clone();
        let body = copy.doc().get_or_insert_text(BODY);
        body.observe("follower", move |txn, event| {
            lock(&told).extend(differences(event.delta(txn)));
        });
        Self { copy, roots: BTreeSet::new(), heard }
    }

    /// Takes updates in; gives what they changed.
    pub(super) fn take(&mut self, updates: &[&[u8]]) -> Result<Vec<Difference>, Error> {
        self.copy.apply(updates).map_err(|source| Error::Follow { source })?;
        self.observe_new_roots();
        Ok(take(&mut *lock(&self.heard)))
    }

    /// A root can be observed only once it is there, and is news by then.
    fn observe_new_roots(&mut self) {
        let roots: Vec<_> = {
            let txn = self.copy.doc().transact();
            txn.root_refs().map(|(name, _)| name.to_owned()).collect()
        };
        for name in roots {
            if name == BODY || !self.roots.insert(name.clone()) {
                continue;
            }
            lock(&self.heard).push(Difference::Root(name.clone()));
            let told = self.heard.clone();
            // yrs tells nothing of a root without a type. Any type does: nothing is read here.
            let root = self.copy.doc().get_or_insert_map(name.as_str());
            root.observe_deep("follower", move |_, _| {
                let mut told = lock(&told);
                let change = Difference::Root(name.clone());
                if !told.contains(&change) {
                    told.push(change);
                }
            });
        }
    }
}

fn differences(delta: &[Delta]) -> Vec<Difference> {
    let mut at = 0;
    let mut differences = Vec::new();
    for step in delta {
        match step {
            Delta::Inserted(Out::Any(Any::String(text)), _) => {
                differences.push(Difference::Inserted { at, text: text.to_string() });
                at += text.encode_utf16().count() as u32;
            }
            Delta::Inserted(..) => {
                differences.push(Difference::Embedded { at });
                at += 1;
            }
            Delta::Deleted(length) => differences.push(Difference::Deleted { at, length: *length }),
            Delta::Retain(length, format) => {
                if format.is_some() {
                    differences.push(Difference::Formatted { at, length: *length });
                }
                at += length;
            }
        }
    }
    differences
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A list is whole between any two statements.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use yrs::{Doc, Map, OffsetKind, Options, StateVector, Text};

    use super::*;

    #[test]
    fn a_follower_says_what_changed() {
        let doc =
            Doc::with_options(Options { offset_kind: OffsetKind::Utf16, ..Options::default() });
        let (body, settings) = (doc.get_or_insert_text(BODY), doc.get_or_insert_map("settings"));
        let mut follower = Follower::new();
        let mut hear = || {
            let state = doc.transact().encode_state_as_update_v1(&StateVector::default());
            follower.take(&[&state]).unwrap()
        };
        body.push(&mut doc.transact_mut(), "🦀 milk");
        assert_eq!(hear(), [Difference::Inserted { at: 0, text: "🦀 milk".to_owned() }]);
        body.remove_range(&mut doc.transact_mut(), 3, 2);
        assert_eq!(hear(), [Difference::Deleted { at: 3, length: 2 }]);
        assert!(hear().is_empty());
        for dark in [true, false] {
            settings.insert(&mut doc.transact_mut(), "dark", dark);
            assert_eq!(hear(), [Difference::Root("settings".to_owned())]);
        }
    }
}
