use std::sync::{Arc, Mutex};

use yrs::{GetString, Text, Transact};

use super::*;
use crate::document::OpenDocument;
use crate::id::DocumentId;
use crate::identity::DeviceKey;
use crate::log::{ChainHead, SegmentBuilder};

/// Somebody who types into a document, an entry and a segment for each edit.
struct Person {
    key: DeviceKey,
    chain: ChainId,
    head: ChainHead,
    tip: Tip,
    open: OpenDocument,
    made: Arc<Mutex<Vec<Vec<u8>>>>,
    log: Vec<Segment>,
}

impl Person {
    fn new(seed: u8) -> Self {
        let key = DeviceKey::from_seed(&[seed; 32]);
        let opened = WallTime(1_000);
        let document = DocumentId([1; 32]);
        let head =
            ChainHead { document, device: key.id(), previous: None, opened, nonce: [seed; 16] };
        let chain = head.id();
        let made = Arc::new(Mutex::new(Vec::new()));
        let kept = made.clone();
        let open =
            OpenDocument::new(chain.client_id(), move |update| kept.lock().unwrap().push(update));
        let tip = Tip::start(chain, opened);
        Self { key, chain, head, tip, open, made, log: Vec::new() }
    }

    fn types(&mut self, at: u32, text: &str) -> &mut Self {
        let body = self.open.doc().get_or_insert_text("body");
        body.insert(&mut self.open.doc().transact_mut(), at, text);
        self.seal();
        self
    }

    fn deletes(&mut self, at: u32) -> &mut Self {
        let body = self.open.doc().get_or_insert_text("body");
        body.remove_range(&mut self.open.doc().transact_mut(), at, 1);
        self.seal();
        self
    }

    fn hears(&self, other: &Self) {
        let entries = other.log.iter().flat_map(Segment::entries);
        let updates: Vec<_> = entries.map(|entry| entry.unwrap().0.payload).collect();
        self.open.apply(&updates).unwrap();
    }

    fn seal(&mut self) {
        let mut builder = match self.tip.number {
            0 => SegmentBuilder::opening(self.head.clone()),
            _ => SegmentBuilder::behind(self.chain, self.tip),
        };
        let update = self.made.lock().unwrap().pop().unwrap();
        builder.push(EntryKind::UPDATE, &update, WallTime(2_000 + self.tip.number));
        self.tip = builder.tip();
        self.log.push(builder.seal(&self.key));
    }

    fn unit(&self, clock: u32) -> Unit {
        Unit { client: self.chain.client_id(), clock }
    }
}

/// Alice types "milk" and " bread", in two entries; Bob, who has heard of the first, puts a crab behind it.
fn alice_and_bob() -> (Person, Person) {
    let (mut alice, mut bob) = (Person::new(1), Person::new(2));
    alice.types(0, "milk");
    bob.hears(&alice);
    bob.types(4, "🦀!");
    alice.types(4, " bread");
    (alice, bob)
}

#[test]
fn a_character_is_traced_to_its_entry() {
    let (alice, bob) = alice_and_bob();
    let log: Vec<_> = alice.log.iter().chain(&bob.log).collect();
    let read = Provenance::read(log);
    let origin = read.origin(alice.unit(5)).unwrap();
    assert_eq!((origin.author, origin.chain, origin.number), (alice.key.id(), alice.chain, 2));
    assert_eq!((origin.hash, origin.time), (alice.tip.hash, WallTime(2_001)));
    assert_eq!(origin.signed_with, Some(2));
    assert_eq!(read.inserted(alice.unit(5)).unwrap().character, Some('b'));
    assert_eq!(read.origin(alice.unit(10)), None, "nobody has typed that yet");
    assert_eq!(read.author(bob.chain.client_id()), Some(bob.key.id()));
}

#[test]
fn its_neighbours_are_those_that_its_author_saw() {
    let (alice, bob) = alice_and_bob();
    let log: Vec<_> = alice.log.iter().chain(&bob.log).collect();
    let read = Provenance::read(log);
    let crab = read.inserted(bob.unit(1)).unwrap();
    assert_eq!(crab.character, Some('🦀'), "the second unit is part of the same character");
    assert_eq!(crab.left, Some(bob.unit(0)));
    let first = read.inserted(bob.unit(0)).unwrap();
    assert_eq!((first.left, first.right), (Some(alice.unit(3)), None));
}

#[test]
fn what_they_lean_on_they_had_seen() {
    let (alice, mut bob) = alice_and_bob();
    let seen = |bob: &Person, clock| {
        let log: Vec<_> = alice.log.iter().chain(&bob.log).collect();
        let read = Provenance::read(log);
        read.seen_by(&read.origin(bob.unit(clock)).unwrap())
    };
    assert_eq!(seen(&bob, 0), BTreeMap::from([(alice.chain, 1)]), "the second came too late");
    bob.hears(&alice);
    // Deleting something shows that one has seen it, and counts from there on.
    let bread = place(&bob, "bread");
    bob.deletes(bread).types(0, "> ");
    assert_eq!(seen(&bob, 3), BTreeMap::from([(alice.chain, 2)]));
    assert_eq!(seen(&bob, 0), BTreeMap::from([(alice.chain, 1)]));
    let read = Provenance::read(alice.log.iter());
    let origin = read.origin(alice.unit(5)).unwrap();
    assert!(read.seen_by(&origin).is_empty(), "Alice leans on nobody");
}

#[test]
fn what_was_seen_by_somebody_seen_was_seen() {
    let (alice, bob) = alice_and_bob();
    let mut carol = Person::new(3);
    carol.hears(&alice);
    carol.hears(&bob);
    let behind = place(&carol, "🦀") + 2;
    carol.types(behind, "?");
    let people = [&alice, &bob, &carol];
    let read = Provenance::read(people.iter().flat_map(|person| &person.log));
    let seen = read.seen_by(&read.origin(carol.unit(0)).unwrap());
    assert_eq!(seen, BTreeMap::from([(alice.chain, 1), (bob.chain, 1)]), "the first by way of Bob");
}

#[test]
fn contributions_are_counted_by_device() {
    let (alice, bob) = alice_and_bob();
    let read = Provenance::read(alice.log.iter().chain(&bob.log));
    let all = read.contributions();
    let (first, last) = (WallTime(2_000), WallTime(2_001));
    assert_eq!(all[&alice.key.id()], Contribution { entries: 2, first, last });
    assert_eq!(all[&bob.key.id()], Contribution { entries: 1, first, last: first });
}

#[test]
fn a_chain_without_a_signature_at_its_end_is_vouched_for_by_nobody() {
    let (mut alice, _) = alice_and_bob();
    alice.log[1].signature = alice.log[0].signature;
    let read = Provenance::read(alice.log.iter());
    assert_eq!(read.origin(alice.unit(0)).unwrap().signed_with, Some(1));
    assert_eq!(read.origin(alice.unit(4)).unwrap().signed_with, None);
}

/// Where something stands in the text, in UTF-16 units.
fn place(person: &Person, what: &str) -> u32 {
    let body = person.open.doc().get_or_insert_text("body");
    let body = body.get_string(&person.open.doc().transact());
    body.split_once(what).unwrap().0.encode_utf16().count() as u32
}
