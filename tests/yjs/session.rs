//! One session: a document here and one in Yjs, edited at the same time and exchanged.

use std::sync::{Arc, Mutex};

use driftline::ChainId;
use driftline::yrs::Transact;
use driftline_core::document::OpenDocument;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};

use crate::content::content;
use crate::peer::{Peer, apply, update};
use crate::{edits, random};

pub(crate) struct Session<'a> {
    case: u64,
    rng: ChaCha8Rng,
    peer: &'a mut Peer,
    ours: OpenDocument,
    /// The updates of our own edits, as they are made.
    made: Arc<Mutex<Vec<Vec<u8>>>>,
    /// What either side has not got yet.
    to_them: Vec<Vec<u8>>,
    to_us: Vec<Vec<u8>>,
    /// Whether Yjs has updates that wait for others.
    pending: bool,
    history: Vec<Value>,
}

impl<'a> Session<'a> {
    /// Two empty documents. The case's number is all that the session depends on.
    pub(crate) fn new(case: u64, peer: &'a mut Peer) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(case);
        let made = Arc::<Mutex<Vec<_>>>::default();
        let kept = made.clone();
        let client = ChainId(rng.random()).client_id();
        let ours = OpenDocument::new(client, move |update| kept.lock().unwrap().push(update));
        edits::define_roots(ours.doc());
        // To read it is to define its roots, without which Yjs does not tend to formats.
        peer.ask(&[
            json!({ "op": "new", "doc": "d", "client": rng.random::<u32>() }),
            json!({ "op": "json", "doc": "d" }),
        ]);
        let (to_them, to_us, history) = (Vec::new(), Vec::new(), Vec::new());
        Self { case, rng, peer, ours, made, to_them, to_us, pending: false, history }
    }

    /// Edits and exchanges, for a few rounds, and compares.
    pub(crate) fn play(mut self) {
        for _ in 0..self.rng.random_range(1..5) {
            self.edit_here();
            self.edit_there();
            let late = self.rng.random_bool(0.3);
            self.exchange(late);
        }
        self.exchange(false);
        assert!(!self.pending, "case {}: Yjs waits for what it has", self.case);
        // Yjs takes formats away that it finds redundant when updates come in: edits of its own.
        let state = self.theirs();
        self.ours.apply(&[&state]).unwrap();
        self.must_read(content(self.ours.doc()), "after the exchange");
        // A device that has only what Yjs would store reads the same.
        let again = OpenDocument::new(1 << 40, |_| {});
        again.apply(&[&state]).unwrap();
        self.must_read(content(again.doc()), "loaded from the state of Yjs");
    }

    /// All of the document in Yjs.
    fn theirs(&mut self) -> Vec<u8> {
        update(&self.peer.ask(&[json!({ "op": "diff", "doc": "d", "since": null })])[0])
    }

    fn edit_here(&mut self) {
        for _ in 0..self.rng.random_range(0..4) {
            let mut txn = self.ours.doc().transact_mut();
            for _ in 0..self.rng.random_range(1..4) {
                let edit = random::edit(&mut self.rng, &txn);
                edits::perform(&mut txn, &edit);
                self.history.push(json!({ "here": edit }));
            }
        }
        self.to_them.append(&mut self.made.lock().unwrap());
    }

    /// Has Yjs make edits that fit its own document: they are drawn on a copy of it.
    fn edit_there(&mut self) {
        let copy = OpenDocument::new(0, |_| {});
        edits::define_roots(copy.doc());
        copy.apply(&[&self.theirs()]).unwrap();
        self.must_read(content(copy.doc()), "as a copy of Yjs");
        let mut requests = Vec::new();
        for _ in 0..self.rng.random_range(0..4) {
            let mut txn = copy.doc().transact_mut();
            let mut drawn = Vec::new();
            for _ in 0..self.rng.random_range(1..4) {
                let edit = random::edit(&mut self.rng, &txn);
                edits::perform(&mut txn, &edit);
                self.history.push(json!({ "there": edit }));
                drawn.push(edit);
            }
            requests.push(json!({ "op": "edit", "doc": "d", "edits": drawn }));
        }
        let answers = if requests.is_empty() { Vec::new() } else { self.peer.ask(&requests) };
        self.to_us.extend(answers.iter().map(update));
    }

    /// Exchanges what was made, in any order and some of it twice; if `late`, some comes another time.
    fn exchange(&mut self, late: bool) {
        let to_them = shuffled(&mut self.rng, &mut self.to_them, late);
        let requests: Vec<_> = to_them.iter().map(|update| apply(update)).collect();
        if !requests.is_empty() {
            let answers = self.peer.ask(&requests);
            self.pending = answers.last().is_some_and(|answer| answer["pending"] == true);
        }
        let to_us = shuffled(&mut self.rng, &mut self.to_us, late);
        let at_once = self.rng.random_range(1..=to_us.len().max(1));
        for updates in to_us.chunks(at_once) {
            self.ours.apply(&updates.iter().map(Vec::as_slice).collect::<Vec<_>>()).unwrap();
        }
    }

    fn must_read(&mut self, ours: Value, when: &str) {
        let theirs = &self.peer.ask(&[json!({ "op": "json", "doc": "d" })])[0]["json"];
        if ours != *theirs {
            let history: Vec<_> = self.history.iter().map(Value::to_string).collect();
            panic!(
                "case {} (DRIFTLINE_CASE={}) differs {when}\n{}\nours:   {ours}\ntheirs: {theirs}",
                self.case,
                self.case,
                history.join("\n")
            );
        }
    }
}

/// Takes from what waits: some twice, in any order.
fn shuffled(rng: &mut ChaCha8Rng, waiting: &mut Vec<Vec<u8>>, late: bool) -> Vec<Vec<u8>> {
    waiting.shuffle(rng);
    let kept_back = if late { rng.random_range(0..=waiting.len()) } else { 0 };
    let mut taken = waiting.split_off(kept_back);
    let twice: Vec<_> = taken.iter().filter(|_| rng.random_bool(0.2)).cloned().collect();
    taken.extend(twice);
    taken.shuffle(rng);
    taken
}
