//! The same through a whole device: what it hands out loads in Yjs, and what Yjs makes of it comes back.

use driftline::yrs::updates::decoder::Decode;
use driftline::yrs::{Doc, GetString, Transact, Update};
use driftline::{Device, Document, Level};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};

use crate::content::content;
use crate::peer::{Peer, apply, update};
use crate::{cases, edits, random};

#[tokio::test]
async fn a_devices_document_goes_to_yjs_and_back() {
    let Some(mut peer) = Peer::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    let device = Device::open(folder.path().join("device")).await.unwrap();
    let space = device.create_space("against Yjs").await.unwrap();
    for case in cases(20) {
        let mut rng = ChaCha8Rng::seed_from_u64(case);
        let name = format!("case {case}");
        let document = space.document(&name).await.unwrap();
        write(&mut rng, &document).await;
        let answers = peer.ask(&[
            json!({ "op": "new", "doc": "d" }),
            apply(&document.state()),
            json!({ "op": "json", "doc": "d" }),
            json!({ "op": "edit", "doc": "d", "edits": [
                { "do": "text-insert", "at": 0, "text": "from Yjs 🦀 " },
            ] }),
            json!({ "op": "json", "doc": "d" }),
        ]);
        assert_eq!(read(&document), answers[2]["json"], "case {case}");

        // A branch takes updates of others as they are.
        let branch = space.branch(&name).await.unwrap();
        branch.take(&[&update(&answers[3])]).unwrap();
        let body = branch.text("text");
        let text = branch.edit(|txn| body.get_string(txn)).unwrap().output;
        assert_eq!(text, plain(&answers[4]["json"]["text"]), "case {case}, and back again");
    }
    device.close().await.unwrap();
}

/// Makes some edits, one transaction each, and waits until they are saved.
async fn write(rng: &mut ChaCha8Rng, document: &Document) {
    document.text("text");
    document.map("map");
    document.array("array");
    document.xml("xml");
    let mut last = None;
    for _ in 0..rng.random_range(5..30) {
        let edited = document.edit(|txn| {
            let edit = random::edit(rng, txn);
            edits::perform(txn, &edit);
        });
        last = Some(edited.unwrap());
    }
    last.unwrap().reached(Level::Saved).await.unwrap();
}

/// What the document's state says.
fn read(document: &Document) -> Value {
    let copy = Doc::new();
    let state = Update::decode_v1(&document.state()).unwrap();
    copy.transact_mut().apply_update(state).unwrap();
    content(&copy)
}

fn plain(delta: &Value) -> String {
    delta.as_array().unwrap().iter().map(|run| run["insert"].as_str().unwrap()).collect()
}
