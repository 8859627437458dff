//! Many devices in one document, each with what it happens to have heard: their state reads the same in Yjs.

use std::sync::{Arc, Mutex};

use driftline::ChainId;
use driftline::yrs::Transact;
use driftline_core::document::OpenDocument;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::json;

use crate::content::content;
use crate::peer::{Peer, apply, update};
use crate::{cases, edits, random};

#[test]
fn the_state_of_many_devices_reads_the_same_in_yjs() {
    let Some(mut peer) = Peer::start() else { return };
    for case in cases(1_000) {
        let mut rng = ChaCha8Rng::seed_from_u64(case);
        let ours = OpenDocument::new(1 << 40, |_| {});
        for update in session(&mut rng) {
            ours.apply(&[&update]).unwrap();
        }
        let answers = peer.ask(&[
            json!({ "op": "new", "doc": "d" }),
            apply(&ours.state_if(|| true).unwrap()),
            json!({ "op": "json", "doc": "d" }),
            json!({ "op": "diff", "doc": "d", "since": null }),
        ]);
        let theirs = &answers[2]["json"];
        assert_eq!(content(ours.doc()), *theirs, "case {case}");

        let back = OpenDocument::new(1 << 41, |_| {});
        back.apply(&[&update(&answers[3])]).unwrap();
        assert_eq!(content(back.doc()), *theirs, "case {case}, and back again");
    }
}

/// Three to eight devices that edit and now and then hear of the others; gives their updates, in order.
fn session(rng: &mut ChaCha8Rng) -> Vec<Vec<u8>> {
    let made = Arc::<Mutex<Vec<Vec<u8>>>>::default();
    let device = |_| {
        let kept = made.clone();
        let client = ChainId(rng.random()).client_id();
        let device = OpenDocument::new(client, move |update| kept.lock().unwrap().push(update));
        edits::define_roots(device.doc());
        device
    };
    let devices: Vec<_> = (0..8).map(device).collect();
    let crowd = &devices[..rng.random_range(3..=8)];
    for _ in 0..rng.random_range(3..40) {
        let device = crowd.choose(rng).unwrap();
        if rng.random_bool(0.6) {
            let heard = made.lock().unwrap().clone();
            let heard = &heard[..rng.random_range(0..=heard.len())];
            device.apply(&heard.iter().map(Vec::as_slice).collect::<Vec<_>>()).unwrap();
        }
        let mut txn = device.doc().transact_mut();
        let edit = random::edit(rng, &txn);
        edits::perform(&mut txn, &edit);
    }
    made.lock().unwrap().clone()
}
