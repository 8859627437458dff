//! Devices as an app links them: real folders, real sockets on loopback.

#![allow(clippy::unwrap_used, reason = "what fails in a test fails the test")]

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use driftline::yrs::types::{Attrs, ToJson};
use driftline::yrs::updates::decoder::Decode;
use driftline::yrs::updates::encoder::Encode;
use driftline::yrs::{
    Any, Array, ArrayPrelim, Doc, GetString, Map, MapPrelim, ReadTxn, StateVector, Text,
    TextPrelim, Transact, Update, Xml, XmlElementPrelim, XmlFragment, XmlTextPrelim,
};
use driftline::{
    Device, DeviceOptions, Document, EditError, ImportError, Invitation, Level, Role, Space, Ticket,
};
use tempfile::TempDir;

/// Somebody with a device.
struct Person {
    device: Device,
    folder: TempDir,
}

impl Person {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let device = open(&folder).await;
        Self { device, folder }
    }

    async fn restarts(&mut self) {
        self.device.close().await.unwrap();
        self.device = open(&self.folder).await;
    }

    async fn space(&self) -> Space {
        self.device.spaces().await.unwrap().remove(0).0
    }

    async fn notes(&self) -> Document {
        self.space().await.document("notes").await.unwrap()
    }

    async fn joins(&self, ticket: &Ticket) {
        self.device.join(ticket).await.unwrap().caught_up().await.unwrap();
    }
}

async fn open(folder: &TempDir) -> Device {
    let listen = vec!["/ip4/127.0.0.1/tcp/0".parse().unwrap()];
    let options = DeviceOptions { listen, ..DeviceOptions::default() };
    Device::open_with(folder.path().join("device"), options).await.unwrap()
}

async fn ticket(owner: &Person, role: Role) -> Ticket {
    let lasts = Duration::from_secs(60);
    owner.space().await.invite(Invitation { role, rank: None, lasts }).await.unwrap()
}

fn text(document: &Document) -> String {
    let body = document.text("body");
    document.read(|txn| body.get_string(txn))
}

fn push(document: &Document, words: &str) -> Result<driftline::Edit<()>, EditError> {
    let body = document.text("body");
    document.edit(|txn| body.push(txn, words))
}

#[tokio::test]
async fn a_document_reopened_at_once_goes_on_where_it_was_left() {
    // An edit waits up to 2 ms for more before it is sealed. A document that was closed and opened again within that
    // time was loaded without it, and the next edit took the same place on the chain's clock: peers saw one of the two.
    let (alice, bob) = (Person::new().await, Person::new().await);
    alice.device.create_space("kitchen").await.unwrap();
    bob.joins(&ticket(&alice, Role::Writer).await).await;
    let mut written = String::new();
    for word in 0..200 {
        let notes = alice.notes().await;
        let word = format!("{word} ");
        push(&notes, &word).unwrap();
        written.push_str(&word);
    }
    let notes = alice.notes().await;
    assert_eq!(text(&notes), written);
    push(&notes, "end").unwrap().reached(Level::Peers(1)).await.unwrap();
    assert_eq!(text(&bob.notes().await), format!("{written}end"));
}

#[tokio::test]
async fn what_an_anchor_saved_is_anchored_and_survives_everybodys_restart() {
    let (mut alice, mut anchor) = (Person::new().await, Person::new().await);
    alice.device.create_space("kitchen").await.unwrap();
    anchor.joins(&ticket(&alice, Role::Anchor).await).await;
    push(&alice.notes().await, "milk").unwrap().reached(Level::Anchored).await.unwrap();
    alice.restarts().await;
    anchor.restarts().await;
    assert_eq!(text(&alice.notes().await), "milk");
    assert_eq!(text(&anchor.notes().await), "milk");
}

#[tokio::test]
async fn a_reader_reads_and_does_not_write() {
    let (alice, rita) = (Person::new().await, Person::new().await);
    alice.device.create_space("kitchen").await.unwrap();
    rita.joins(&ticket(&alice, Role::Reader).await).await;
    push(&alice.notes().await, "milk").unwrap().reached(Level::Peers(1)).await.unwrap();
    let notes = rita.notes().await;
    assert_eq!(text(&notes), "milk");
    assert_eq!(push(&notes, "!").err(), Some(EditError::ReadOnly));
    assert!(rita.space().await.invite(Invitation::default()).await.is_err());
}

#[tokio::test]
async fn an_edit_too_large_to_keep_is_an_error_and_spoils_nothing() {
    let alice = Person::new().await;
    alice.device.create_space("kitchen").await.unwrap();
    let notes = alice.notes().await;
    push(&notes, "milk").unwrap().reached(Level::Saved).await.unwrap();
    let huge = "x".repeat(9 << 20);
    assert_eq!(push(&notes, &huge).err(), Some(EditError::TooLarge));
    assert_eq!(push(&notes, "more").err(), Some(EditError::TooLarge));
    drop(notes);
    let notes = alice.notes().await;
    assert_eq!(text(&notes), "milk");
    push(&notes, " and honey").unwrap().reached(Level::Saved).await.unwrap();
}

#[tokio::test]
async fn a_device_can_be_reached_from_outside_once_it_is_told_to() {
    let (alice, bob) = (Person::new().await, Person::new().await);
    let loopback = |address: &driftline::Multiaddr| address.to_string().starts_with("/ip4/127.");
    assert!(alice.device.addresses().iter().all(loopback), "by default nobody else can");
    let real = alice.device.listen("/ip4/0.0.0.0/tcp/0".parse().unwrap()).await.unwrap();
    assert!(!real.to_string().contains("/tcp/0"), "the real port is told: {real}");
    alice.device.create_space("kitchen").await.unwrap();
    bob.joins(&ticket(&alice, Role::Writer).await).await;
    push(&alice.notes().await, "milk").unwrap().reached(Level::Peers(1)).await.unwrap();
    assert_eq!(text(&bob.notes().await), "milk");
}

#[tokio::test(flavor = "multi_thread")]
async fn closing_while_somebody_types_keeps_what_was_accepted() {
    // A device that closed took edits that it never logged, and its cache of the document had them all the same. After
    // the restart the chain went on behind a gap, and nothing that was typed from then on ever showed on a peer.
    let (mut alice, bob) = (Person::new().await, Person::new().await);
    alice.device.create_space("kitchen").await.unwrap();
    bob.joins(&ticket(&alice, Role::Writer).await).await;
    let mut accepted = String::new();
    for round in 0..10 {
        let notes = alice.notes().await;
        assert_eq!(text(&notes), accepted, "all that was accepted is there, and nothing else");
        let typing = tokio::task::spawn_blocking(move || {
            let mut typed = String::new();
            for word in 0.. {
                let word = format!("{round}.{word} ");
                if let Err(error) = push(&notes, &word) {
                    assert_eq!(error, EditError::Closed);
                    break;
                }
                typed.push_str(&word);
            }
            typed
        });
        tokio::time::sleep(Duration::from_millis(5)).await;
        alice.restarts().await;
        accepted.push_str(&typing.await.unwrap());
    }
    let notes = alice.notes().await;
    push(&notes, "end").unwrap().reached(Level::Peers(1)).await.unwrap();
    assert_eq!(text(&bob.notes().await), accepted + "end");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_closed_while_another_types_is_whole_when_it_is_opened_again() {
    // What had come in but was not taken in yet when the app let go of a document never reached it, and its state was
    // kept all the same as if it had: opened again, it lacked those entries for ever, and whatever leaned on them.
    let (alice, bob) = (Person::new().await, Person::new().await);
    alice.device.create_space("kitchen").await.unwrap();
    bob.joins(&ticket(&alice, Role::Writer).await).await;
    let notes = alice.notes().await;
    push(&notes, "begin ").unwrap().reached(Level::Peers(1)).await.unwrap();
    let bob_is_done = Arc::new(AtomicBool::new(false));
    let done = bob_is_done.clone();
    let typing = tokio::task::spawn_blocking(move || {
        for word in 0.. {
            push(&notes, &format!("{word} ")).unwrap();
            std::thread::sleep(Duration::from_micros(300));
            if done.load(Ordering::Relaxed) {
                return notes;
            }
        }
        unreachable!("it goes on until Bob is done")
    });
    for _ in 0..300 {
        push(&bob.notes().await, "bob ").unwrap();
    }
    bob_is_done.store(true, Ordering::Relaxed);
    let notes = typing.await.unwrap();
    push(&notes, "end").unwrap().reached(Level::Peers(1)).await.unwrap();
    push(&bob.notes().await, "end").unwrap().reached(Level::Peers(1)).await.unwrap();
    assert_eq!(text(&bob.notes().await), text(&notes));
}

#[tokio::test]
async fn a_space_with_many_documents_is_caught_up_with_at_once() {
    // An offer of more documents took the place of the one before, although that had been answered; and of many
    // stretches of the feed that came in at once only the first few hundred counted. Either way the acknowledgement
    // waited for a repair that is made after seconds.
    let (alice, bob) = (Person::new().await, Person::new().await);
    let space = alice.device.create_space("kitchen").await.unwrap();
    for number in 0..1_000 {
        push(&space.document(&format!("note/{number}")).await.unwrap(), "milk").unwrap();
    }
    push(&alice.notes().await, "honey").unwrap().reached(Level::Saved).await.unwrap();
    bob.joins(&ticket(&alice, Role::Writer).await).await;
    let documents = bob.space().await.status().await.unwrap().documents;
    assert_eq!(documents.len(), 1_001);
    assert!(documents.iter().all(|document| document.entries == 1));
}

#[tokio::test]
async fn a_closed_device_says_so() {
    let alice = Person::new().await;
    let space = alice.device.create_space("kitchen").await.unwrap();
    alice.device.close().await.unwrap();
    assert!(space.document("notes").await.is_err());
    alice.device.close().await.unwrap();
}

/// What stock Yjs clients, which have ids below 2^32, might have made together.
fn foreign_document() -> Doc {
    let (ann, ben) = (Doc::with_client_id(7), Doc::with_client_id(4_000_000_000));
    for (doc, word) in [(&ann, "milk"), (&ben, "bread 🦀")] {
        let (body, list) = (doc.get_or_insert_text("body"), doc.get_or_insert_array("list"));
        let (map, tree) = (doc.get_or_insert_map("map"), doc.get_or_insert_xml_fragment("tree"));
        let mut txn = doc.transact_mut();
        // More than fits into one piece, or one edit.
        body.insert(&mut txn, 0, &word.repeat(200_000));
        let bold = Attrs::from([("bold".into(), true.into())]);
        body.insert_with_attributes(&mut txn, 2, "&", bold);
        body.insert_embed(
            &mut txn,
            1,
            Any::from(HashMap::from([("image".to_owned(), Any::from(word))])),
        );
        body.remove_range(&mut txn, 0, 1);
        list.push_back(&mut txn, word);
        list.push_back(&mut txn, MapPrelim::from([("nested", ArrayPrelim::from([word, "x"]))]));
        list.insert_range(&mut txn, 1, (0..300).map(f64::from).collect::<Vec<_>>());
        map.insert(&mut txn, word, TextPrelim::new(word.repeat(4)));
        let paragraph = tree.push_back(&mut txn, XmlElementPrelim::empty("p"));
        paragraph.insert_attribute(&mut txn, "class", word);
        paragraph.push_back(&mut txn, XmlTextPrelim::new(word));
    }
    let state = ben.transact().encode_state_as_update_v1(&StateVector::default());
    ann.transact_mut().apply_update(Update::decode_v1(&state).unwrap()).unwrap();
    ann
}

/// All that shows of it.
fn shown(doc: &Doc) -> Vec<(&'static str, String)> {
    let (body, list) = (doc.get_or_insert_text("body"), doc.get_or_insert_array("list"));
    let (map, tree) = (doc.get_or_insert_map("map"), doc.get_or_insert_xml_fragment("tree"));
    let txn = doc.transact();
    let runs = body.diff(&txn, yrs::types::text::YChange::identity);
    let runs = runs.iter().map(|run| format!("{:?} {:?}", run.insert, run.attributes)).collect();
    let json = |any: Any| serde_json::to_value(any).unwrap().to_string();
    vec![
        ("body", runs),
        ("list", json(list.to_json(&txn))),
        ("map", json(map.to_json(&txn))),
        ("tree", tree.get_string(&txn)),
    ]
}

#[tokio::test]
async fn a_document_from_elsewhere_is_taken_in_under_the_devices_own_client_id() {
    let alice = Person::new().await;
    let space = alice.device.create_space("kitchen").await.unwrap();
    let foreign = foreign_document();
    let file = foreign.transact().encode_state_as_update_v1(&StateVector::default());
    let notes = space.document("notes").await.unwrap();
    notes.import(&file).await.unwrap().reached(Level::Saved).await.unwrap();
    let own = notes.chain().client_id();
    let clients = notes.read(|txn| txn.state_vector());
    assert_eq!(clients.iter().map(|(client, _)| client.get()).collect::<Vec<_>>(), [own]);
    let taken = Doc::new();
    let state = Update::decode_v1(&notes.state()).unwrap();
    taken.transact_mut().apply_update(state).unwrap();
    for ((root, taken), (_, foreign)) in shown(&taken).iter().zip(shown(&foreign)) {
        assert!(*taken == foreign, "{root} differs");
    }

    assert!(matches!(notes.import(&file).await, Err(ImportError::NotNew)));
    let other = space.document("other").await.unwrap();
    assert!(matches!(other.import(&file[..9]).await, Err(ImportError::Unsound { .. })));
    // One update of several: what it leans on is missing.
    foreign.get_or_insert_text("body").push(&mut foreign.transact_mut(), "more");
    let seen = StateVector::decode_v1(&taken_in(&file)).unwrap();
    let part = foreign.transact().encode_diff_v1(&seen);
    assert!(matches!(other.import(&part).await, Err(ImportError::Incomplete)));
    assert!(other.read(|txn| txn.state_vector().is_empty()), "nothing was written");
}

/// The state vector of who has that update.
fn taken_in(update: &[u8]) -> Vec<u8> {
    let doc = Doc::new();
    doc.transact_mut().apply_update(Update::decode_v1(update).unwrap()).unwrap();
    doc.transact().state_vector().encode_v1()
}
