//! Undoing one's own edits, and nobody else's.

use std::sync::{Arc, MutexGuard};
use std::time::Instant;

use yrs::branch::Branch;
use yrs::undo::{Options, UndoManager};
use yrs::{Doc, Transact};

use super::{Document, Edit, EditError};

/// What is edited in so many milliseconds is undone at once.
const TOGETHER: u64 = 500;

/// Undo and redo for what was edited through a document, as long as it is open: see [`Document::undo`].
#[derive(Clone)]
pub struct Undo {
    document: Document,
}

/// The edits that can be undone.
///
/// The undo manager of yrs is told of edits under the document's lock, through a pointer, and begins to undo under no
/// lock. So whoever edits or undoes has the history to themselves; entries of others only ever look at what it watches,
/// which is changed under the document's lock. It also panics where it can't have the document to itself when it begins
/// and ends: so it is there before anybody has the document, watching something in a document of its own, and goes with
/// the document.
pub(crate) struct History {
    manager: UndoManager<()>,
    doc: Doc,
    _elsewhere: Doc,
}

impl History {
    /// The history of a document that nobody else has yet.
    pub(crate) fn of(doc: &Doc) -> Self {
        let begun = Instant::now();
        let mut manager = UndoManager::with_options(Options {
            capture_timeout_millis: TOGETHER,
            tracked_origins: Default::default(),
            capture_transaction: None,
            // Not the default one, which goes by the wall clock. 0 means never to yrs.
            timestamp: Arc::new(move || 1 + begun.elapsed().as_millis() as u64),
            init_undo_stack: Vec::new(),
            init_redo_stack: Vec::new(),
        });
        let elsewhere = Doc::new();
        manager.expand_scope(doc, &elsewhere.get_or_insert_text("nothing"));
        Self { manager, doc: doc.clone(), _elsewhere: elsewhere }
    }

    fn watch(&mut self, root: &impl AsRef<Branch>) {
        let _nobody_edits = self.doc.transact_mut();
        self.manager.expand_scope(&self.doc, root);
    }
}

impl Document {
    /// Undo for what is edited in a text, a map or another root from now on. All handles of an open document share one
    /// history; it ends when the document is closed.
    ///
    /// Only what was edited through this copy is undone. What others typed stays where it is, also in the middle of it,
    /// but for what they put into a map, a list or an element whose coming is undone. What was deleted comes back as new
    /// text. Edits within half a second of one another are undone together, unless [`Undo::stop`] comes between.
    pub fn undo(&self, root: &impl AsRef<Branch>) -> Undo {
        self.handle.replica.history().watch(root);
        Undo { document: self.clone() }
    }
}

impl Undo {
    /// Undoes the last edits. It is an edit like any other; nothing if there was nothing to undo.
    ///
    /// # Errors
    /// As [`Document::edit`].
    pub fn undo(&self) -> Result<Option<Edit<()>>, EditError> {
        self.step(UndoManager::undo_blocking)
    }

    /// Does again what was undone last. An edit meanwhile is the end of that.
    ///
    /// # Errors
    /// As [`Document::edit`].
    pub fn redo(&self) -> Result<Option<Edit<()>>, EditError> {
        self.step(UndoManager::redo_blocking)
    }

    /// What is edited from now on is not undone together with what was edited before.
    pub fn stop(&self) {
        self.history().manager.reset();
    }

    /// Whether there is anything to undo.
    pub fn can_undo(&self) -> bool {
        self.history().manager.can_undo()
    }

    /// Whether there is anything to do again.
    pub fn can_redo(&self) -> bool {
        self.history().manager.can_redo()
    }

    fn step(
        &self,
        step: impl FnOnce(&mut UndoManager<()>) -> bool,
    ) -> Result<Option<Edit<()>>, EditError> {
        let mut history = self.history();
        self.document.may_edit_now()?;
        let changed = step(&mut history.manager);
        drop(history);
        changed.then(|| self.document.edited(())).transpose()
    }

    fn history(&self) -> MutexGuard<'_, History> {
        self.document.handle.replica.history()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use driftline_core::document::OpenDocument;
    use quickcheck::{Arbitrary, Gen, TestResult, quickcheck};
    use yrs::{GetString, Text, TextRef};

    use super::*;

    /// Somebody with a copy of a document, who can undo.
    struct Person {
        open: OpenDocument,
        body: TextRef,
        history: History,
        written: Arc<Mutex<Vec<Vec<u8>>>>,
    }

    impl Person {
        fn new(client: u64) -> Self {
            let written = Arc::<Mutex<Vec<Vec<u8>>>>::default();
            let kept = written.clone();
            let open = OpenDocument::new(client, move |update| kept.lock().unwrap().push(update));
            let mut history = History::of(open.doc());
            let body = open.doc().get_or_insert_text("body");
            history.watch(&body);
            Self { open, body, history, written }
        }

        fn inserts(&self, at: u32, words: &str) {
            let mut txn = self.open.doc().transact_mut();
            let at = at % (self.body.len(&txn) + 1);
            self.body.insert(&mut txn, at, words);
        }

        fn deletes(&self, at: u32) {
            let mut txn = self.open.doc().transact_mut();
            let length = self.body.len(&txn);
            if length > 0 {
                let at = at % length;
                self.body.remove_range(&mut txn, at, 3.min(length - at));
            }
        }

        fn undoes(&mut self) -> bool {
            self.history.manager.undo_blocking()
        }

        fn redoes(&mut self) -> bool {
            self.history.manager.redo_blocking()
        }

        fn stops(&mut self) {
            self.history.manager.reset();
        }

        fn reads(&self) -> String {
            self.body.get_string(&self.open.doc().transact())
        }

        /// Gives all that was written here to somebody.
        fn tells(&self, other: &Self) {
            let updates = std::mem::take(&mut *self.written.lock().unwrap());
            other.open.apply(&updates.iter().map(Vec::as_slice).collect::<Vec<_>>()).unwrap();
        }
    }

    fn two() -> (Person, Person) {
        (Person::new(1 << 40), Person::new(1 << 41))
    }

    #[test]
    fn one_undoes_what_one_typed_and_the_other_keeps_theirs() {
        let (mut ann, mut ben) = two();
        ann.inserts(0, "milk honey");
        ann.tells(&ben);
        ben.inserts(5, "BREAD ");
        ben.tells(&ann);
        assert_eq!(ann.reads(), "milk BREAD honey");
        assert!(ann.undoes());
        assert_eq!(ann.reads(), "BREAD ");
        assert!(!ann.undoes(), "the rest is not hers");
        ann.tells(&ben);
        assert_eq!(ben.reads(), "BREAD ");
        assert!(ann.redoes() && ben.undoes());
        ann.tells(&ben);
        ben.tells(&ann);
        assert_eq!(ann.reads(), "milk honey");
        assert_eq!(ben.reads(), "milk honey");
    }

    #[test]
    fn what_was_deleted_comes_back_in_its_place() {
        let (mut ann, ben) = two();
        ben.inserts(0, "milk BREAD honey");
        ben.tells(&ann);
        ann.deletes(5);
        assert_eq!(ann.reads(), "milk AD honey");
        ann.tells(&ben);
        ben.inserts(4, " and");
        ben.tells(&ann);
        assert!(ann.undoes());
        assert_eq!(ann.reads(), "milk and BREAD honey");
        ann.tells(&ben);
        assert_eq!(ben.reads(), ann.reads());
    }

    #[test]
    fn edits_are_undone_in_the_steps_that_were_made() {
        let (mut ann, _) = two();
        ann.inserts(0, "milk");
        ann.stops();
        ann.inserts(4, " honey");
        assert!(ann.undoes());
        assert_eq!(ann.reads(), "milk");
        assert!(ann.redoes());
        assert_eq!(ann.reads(), "milk honey");
        assert!(ann.undoes());
        ann.inserts(4, " bread");
        assert!(!ann.redoes(), "something else was typed meanwhile");
    }

    #[derive(Clone, Debug)]
    enum Deed {
        AnnTypes(u8),
        AnnDeletes(u8),
        AnnStops,
        AnnUndoes,
        AnnRedoes,
        BenTypes(u8),
        TheyMeet,
    }

    impl Arbitrary for Deed {
        fn arbitrary(g: &mut Gen) -> Self {
            let at = u8::arbitrary(g);
            match u8::arbitrary(g) % 8 {
                0 | 1 => Self::AnnTypes(at),
                2 => Self::AnnDeletes(at),
                3 => Self::AnnStops,
                4 => Self::AnnUndoes,
                5 => Self::AnnRedoes,
                6 => Self::BenTypes(at),
                _ => Self::TheyMeet,
            }
        }
    }

    /// Ben's words: each is one letter that nobody types twice.
    fn ben_typed(text: &str) -> Vec<char> {
        let mut letters: Vec<_> = text.chars().filter(|letter| !letter.is_ascii()).collect();
        letters.sort_unstable();
        letters
    }

    quickcheck! {
        fn undoing_never_takes_away_what_the_other_typed(deeds: Vec<Deed>) -> TestResult {
            let (mut ann, ben) = two();
            let mut letters = '一'..;
            for deed in deeds {
                let before = ben_typed(&ann.reads());
                match deed {
                    Deed::AnnTypes(at) => ann.inserts(at.into(), "milk"),
                    Deed::AnnDeletes(at) => ann.deletes(at.into()),
                    Deed::AnnStops => ann.stops(),
                    Deed::AnnUndoes => {
                        ann.undoes();
                        let after = ben_typed(&ann.reads());
                        if before.iter().any(|letter| !after.contains(letter)) {
                            return TestResult::error(format!("{before:?} became {after:?}"));
                        }
                    }
                    Deed::AnnRedoes => _ = ann.redoes(),
                    Deed::BenTypes(at) => {
                        let letter = letters.next().unwrap();
                        ben.inserts(at.into(), &letter.to_string());
                    }
                    Deed::TheyMeet => {
                        ann.tells(&ben);
                        ben.tells(&ann);
                    }
                }
            }
            ann.tells(&ben);
            ben.tells(&ann);
            TestResult::from_bool(ann.reads() == ben.reads())
        }

        fn undoing_all_brings_back_what_was(words: Vec<u8>) -> bool {
            let (mut ann, ben) = two();
            ben.inserts(0, "one two three");
            ben.tells(&ann);
            for at in words {
                match at % 3 {
                    0 => ann.deletes(at.into()),
                    1 => ann.inserts(at.into(), "milk"),
                    _ => ann.stops(),
                }
            }
            while ann.undoes() {}
            ann.reads() == "one two three"
        }
    }
}
