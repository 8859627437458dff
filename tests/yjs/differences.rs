//! Where yrs and Yjs differ on the way to the same content. A test that fails here is good news: the difference is
//! gone, and so may be what is said of it at the head of `main.rs`.

use std::sync::{Arc, Mutex};

use driftline::yrs::Transact;
use driftline_core::document::OpenDocument;
use serde_json::{Value, json};

use crate::content::content;
use crate::edits;
use crate::peer::{Peer, apply, update};

#[test]
fn yjs_takes_away_format_marks_with_nothing_between_them_and_yrs_leaves_them() {
    let Some(mut peer) = Peer::start() else { return };
    let [bold, inside, deletion] = made(&[
        json!({ "do": "text-insert", "at": 0, "text": "b", "attributes": { "bold": true } }),
        json!({ "do": "text-insert", "at": 1, "text": "x" }),
        json!({ "do": "text-delete", "at": 0, "length": 1 }),
    ]);
    let ours = OpenDocument::new(1 << 41, |_| {});
    peer.ask(&[json!({ "op": "new", "doc": "d" }), json!({ "op": "json", "doc": "d" })]);

    // The deletion comes first: to Yjs the marks are of no use then.
    for update in [&bold, &deletion, &inside] {
        ours.apply(&[update]).unwrap();
        peer.ask(&[apply(update)]);
    }
    let formatted = json!([{ "insert": "x", "attributes": { "bold": true } }]);
    assert_eq!(content(ours.doc())["text"], formatted);
    assert_eq!(theirs(&mut peer)["text"], json!([{ "insert": "x" }]));

    let state = peer.ask(&[json!({ "op": "diff", "doc": "d", "since": null })]);
    ours.apply(&[&update(&state[0])]).unwrap();
    assert_eq!(content(ours.doc()), theirs(&mut peer));
}

/// The updates of edits that one device makes.
fn made<const N: usize>(edits: &[Value; N]) -> [Vec<u8>; N] {
    let made = Arc::<Mutex<Vec<Vec<u8>>>>::default();
    let kept = made.clone();
    let device = OpenDocument::new(1 << 40, move |update| kept.lock().unwrap().push(update));
    edits::define_roots(device.doc());
    edits.iter().for_each(|edit| edits::perform(&mut device.doc().transact_mut(), edit));
    made.lock().unwrap().clone().try_into().unwrap()
}

fn theirs(peer: &mut Peer) -> Value {
    peer.ask(&[json!({ "op": "json", "doc": "d" })])[0]["json"].clone()
}
