//! Everything that is stored is checked, and what is wrong with it is named.

use std::collections::BTreeMap;

use driftline_core::audit::Place;
use driftline_core::clock::WallTime;
use driftline_core::document::Label;
use driftline_core::id::{DeviceId, DocumentId, SpaceId};
use driftline_core::log::Frontier;
use driftline_core::roster::Genesis;
use driftline_core::space::{Change, Position, SpaceRecord};
use driftline_storage::{Audit, Batch, Engine, Finding, Record, Snapshot, Store, Tally};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use crate::author::Author;
use crate::memory::{Memory, sign};
use crate::same_boot;

type Rows = BTreeMap<Vec<u8>, Vec<u8>>;

/// A space with one document, in which its creator has typed "milk" and " & honey".
struct Kitchen {
    rows: Rows,
    space: SpaceId,
    document: DocumentId,
    author: Author,
}

/// The Yjs update of a client that types on where it stands, v1: into the root `body` at first.
fn typing(client: u64, clock: u8, text: &str) -> Vec<u8> {
    let mut number = Vec::new();
    let mut rest = client;
    while rest >= 0x80 {
        number.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    number.push(rest as u8);
    let place = match clock.checked_sub(1) {
        None => [&[4, 1, 4][..], b"body"].concat(),
        Some(before) => [&[0x84][..], &number, &[before]].concat(),
    };
    let text = [&[text.len() as u8], text.as_bytes()].concat();
    [&[1, 1][..], &number, &[clock], &place, &text, &[0]].concat()
}

impl Kitchen {
    fn new() -> Self {
        let engine = Memory::default();
        let store = Store::open(engine.clone(), same_boot()).unwrap();
        let label = Label::new("list").unwrap();
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let key = driftline_core::identity::DeviceKey::from_seed(&[3; 32]);
        let genesis = Genesis::new("kitchen", &key, WallTime(5), &mut rng);
        let space = genesis.space();
        let document = label.document(&space);
        let mut author = Author::open(document, key, None);
        let client = author.chain().client_id();

        let mut records = vec![Change::Space(SpaceRecord { genesis, local: false }).into()];
        records.push(Change::Document { space, label, mended: Frontier::default() }.into());
        author.clock = 4;
        records.extend(author.write(&[typing(client, 0, "milk")]));
        author.clock = 12;
        records.extend(author.write(&[typing(client, 4, " & honey")]));
        let state = typing(client, 0, "milk & honey");
        let frontier = [(author.chain(), author.tip.point())].into_iter().collect();
        records.push(Record::Snapshot { document, snapshot: Snapshot { frontier, state } });
        let (peer, position) = (DeviceId([9; 32]), Position { incarnation: [1; 16], number: 2 });
        records.push(Change::Seen { space, peer, position }.into());
        records.push(Change::Acked { space, peer, position }.into());
        records.push(Record::Setting { name: "colour".to_owned(), value: vec![7; 5_000] });
        store.append(&records).unwrap();
        store.close().unwrap();
        Self { rows: engine.rows(), space, document, author }
    }

    /// The stored rows of a kind.
    fn rows_of(&self, kind: u8) -> Vec<Vec<u8>> {
        self.rows.keys().filter(|key| key[0] == kind).cloned().collect()
    }

    fn place(&self) -> Place {
        Place::of_chain(self.space, self.document, self.author.chain())
    }
}

/// What is found, each in a word.
fn names(rows: &Rows) -> Vec<&'static str> {
    audit(rows).0.iter().map(|finding| finding.fault.name()).collect()
}

fn audit(rows: &Rows) -> (Vec<Finding>, Tally) {
    let store = Store::read_only(Memory::of(rows)).unwrap();
    let me = Author::new(DocumentId([0; 32]), 3).key.id();
    let mut audit = Audit::new(Some(me));
    while audit.step(&store).unwrap() {}
    (audit.take_findings(), audit.tally())
}

#[test]
fn a_sound_store_is_counted() {
    let kitchen = Kitchen::new();
    let (findings, tally) = audit(&kitchen.rows);
    assert!(findings.is_empty(), "{findings:?}");
    let size = |(key, value): (&Vec<u8>, &Vec<u8>)| (key.len() + value.len()) as u64;
    let bytes = kitchen.rows.iter().map(size).sum();
    assert_eq!(tally, Tally { spaces: 1, documents: 1, entries: 2, bytes });
}

#[test]
fn every_flipped_byte_is_found_in_its_row() {
    let kitchen = Kitchen::new();
    for (key, value) in &kitchen.rows {
        for at in 0..value.len() {
            // Where most are alike, a few will do.
            if at > 200 && at % 97 > 0 {
                continue;
            }
            let mut rows = kitchen.rows.clone();
            rows.get_mut(key).unwrap()[at] ^= 1;
            let names = names(&rows);
            assert!(names.contains(&"damaged"), "byte {at} of a row of kind {}: {names:?}", key[0]);
        }
    }
}

#[test]
fn every_flipped_byte_of_a_segment_is_found_even_if_its_checksum_fits() {
    let kitchen = Kitchen::new();
    for key in kitchen.rows_of(6) {
        for at in 12..kitchen.rows[&key].len() {
            let mut rows = kitchen.rows.clone();
            let value = rows.get_mut(&key).unwrap();
            value[at] ^= 1;
            sign(&key, value);
            let (findings, _) = audit(&rows);
            let place = kitchen.place();
            let named = |finding: &Finding| {
                let Place { space, document, .. } = finding.place;
                (space, document) == (place.space, place.document)
            };
            assert!(findings.iter().any(named), "byte {at}: {findings:?}");
        }
    }
}

#[test]
fn a_row_that_is_gone_is_missed() {
    let kitchen = Kitchen::new();
    let expected = [(2, "damaged"), (3, "stray"), (4, "no_head"), (5, "no_end"), (6, "missing")];
    for (kind, name) in expected {
        for key in kitchen.rows_of(kind) {
            let mut rows = kitchen.rows.clone();
            rows.remove(&key);
            assert!(names(&rows).contains(&name), "of kind {kind}: {:?}", names(&rows));
        }
    }
    let mut rows = kitchen.rows.clone();
    rows.remove(&kitchen.rows_of(10)[1]);
    assert_eq!(names(&rows), ["damaged"], "the second part of a setting");
}

#[test]
fn a_row_of_no_known_kind_is_a_stray() {
    let mut kitchen = Kitchen::new();
    kitchen.rows.insert(vec![77, 0, 0, 0, 0], vec![1]);
    assert_eq!(names(&kitchen.rows), ["stray"]);
}

#[test]
fn a_damaged_row_says_which_entry_it_holds() {
    let mut kitchen = Kitchen::new();
    let key = kitchen.rows_of(6).pop().unwrap();
    kitchen.rows.get_mut(&key).unwrap()[20] ^= 1;
    let (findings, _) = audit(&kitchen.rows);
    let place = Place { entry: Some(2), ..kitchen.place() };
    assert_eq!(findings[0].place, place);
    let chain = kitchen.author.chain().short();
    assert!(findings[0].fault.to_string().contains(&format!("entry 2 of chain {chain}")));
}

#[test]
fn a_row_in_another_place_is_found() {
    let kitchen = Kitchen::new();
    for kind in 2..=9 {
        let key = kitchen.rows_of(kind).pop().unwrap();
        for at in 0..key.len() {
            let (mut rows, mut other) = (kitchen.rows.clone(), key.clone());
            other[at] ^= 1;
            let value = rows.remove(&key).unwrap();
            rows.insert(other, value);
            assert!(!names(&rows).is_empty(), "byte {at} of a key of kind {kind}");
        }
    }
}

#[test]
fn what_a_peer_acknowledged_has_to_be_there() {
    let kitchen = Kitchen::new();
    let (space, peer) = (kitchen.space, DeviceId([9; 32]));
    let position = Position { incarnation: [1; 16], number: 3 };
    let engine = Memory::of(&kitchen.rows);
    let store = Store::open(engine.clone(), same_boot()).unwrap();
    store.append(&[Change::Acked { space, peer, position }.into()]).unwrap();
    assert_eq!(names(&engine.rows()), ["acked_ahead"]);
}

#[test]
fn looking_changes_nothing() {
    let kitchen = Kitchen::new();
    let engine = Memory::of(&kitchen.rows);
    let store = Store::read_only(engine.clone()).unwrap();
    let mut audit = Audit::new(None);
    while audit.step(&store).unwrap() {}
    assert!(store.append(&[Record::Setting { name: "a".to_owned(), value: vec![1] }]).is_err());
    assert!(store.close().is_err());
    assert_eq!(engine.rows(), kitchen.rows);
    let mut batch = Batch::default();
    batch.put(vec![99], vec![1]);
    engine.apply(batch).unwrap();
    assert_ne!(engine.rows(), kitchen.rows, "had it been written to, this would show");
}
