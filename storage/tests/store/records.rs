//! Everything besides logs: spaces, names, positions, settings; and damage to any of it.

use driftline_core::clock::WallTime;
use driftline_core::document::Label;
use driftline_core::id::DeviceId;
use driftline_core::identity::DeviceKey;
use driftline_core::log::Frontier;
use driftline_core::roster::Genesis;
use driftline_core::space::{Change, Position, SpaceRecord, Stored};
use driftline_storage::{Batch, Damage, Engine, Record, SledEngine, Store, StoreError};
use quickcheck::quickcheck;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use crate::author::Author;
use crate::{open, same_boot};

#[test]
fn a_space_is_loaded_with_all_that_belongs_to_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let kitchen = space("kitchen", 1);
    let garden = space("garden", 2);
    let peer = DeviceId([9; 32]);
    let seen = Position { incarnation: [4; 16], number: 77 };
    let acked = Position { incarnation: [1; 16], number: 88 };
    let mut authors = Vec::new();
    let store = open(&path);
    for (space, name) in [(&kitchen, "notes"), (&kitchen, "shopping"), (&garden, "notes")] {
        let label = Label::new(name).unwrap();
        let id = space.genesis.space();
        let mut author = Author::new(label.document(&id), 3);
        let mut records = author.write(&[b"milk".to_vec()]);
        records.push(Change::Space(space.clone()).into());
        records.push(Change::Document { space: id, label, mended: Frontier::default() }.into());
        records.push(Change::Seen { space: id, peer, position: seen }.into());
        records.push(Change::Acked { space: id, peer, position: acked }.into());
        store.append(&records).unwrap();
        authors.push(author);
    }
    store.close().unwrap();
    drop(store);

    let spaces = open(&path).load(&authors[0].key.id()).unwrap();
    let find = |name| spaces.iter().find(|space| space.record.genesis.name() == name).unwrap();
    let names = |space: &Stored| {
        let mut names: Vec<_> =
            space.documents.iter().map(|document| document.label.name().to_owned()).collect();
        names.sort();
        names
    };
    assert_eq!(names(find("kitchen")), ["notes", "shopping"]);
    assert_eq!(names(find("garden")), ["notes"]);
    assert_eq!(find("garden").record, garden);
    assert_eq!(find("garden").seen, [(peer, seen)]);
    assert_eq!(find("garden").acked, [(peer, acked)]);
    let (head, record) = &find("garden").documents[0].chains[0];
    assert_eq!(*head, authors[2].head);
    assert_eq!(record.tip, authors[2].tip);
}

/// Of what is forgotten no row is left, whether it was stored before or is to be in the same batch.
#[test]
fn a_document_is_forgotten_but_for_what_is_kept_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let kitchen = space("kitchen", 1);
    let (id, label) = (kitchen.genesis.space(), Label::new("notes").unwrap());
    let document = label.document(&id);
    let (mut mine, mut theirs) = (Author::new(document, 3), Author::new(document, 4));
    let purge = |kept| Record::from(Change::Purge { space: id, document, kept });
    let store = open(&path);
    let begun = Change::Document { space: id, label, mended: Frontier::default() };
    store.append(&[Change::Space(kitchen).into(), begun.into()]).unwrap();
    store
        .append(&[mine.write(&[b"milk".to_vec()]), theirs.write(&[vec![7; 9000]])].concat())
        .unwrap();
    let late = theirs.write(&[b"secret".to_vec()]);
    store.append(late.iter().chain(&[purge(vec![mine.head.id()])])).unwrap();
    let log = store.segments(&document, &Frontier::default(), usize::MAX).unwrap().segments;
    assert_eq!(log.iter().map(|segment| segment.chain).collect::<Vec<_>>(), [mine.head.id()]);
    store.append(&[purge(Vec::new())]).unwrap();
    store.close().unwrap();
    drop(store);

    let engine = SledEngine::open(&path).unwrap();
    let all = engine.scan(&[][..]..&[0xff; 128][..]);
    let keys: Vec<_> = all.map(|pair| pair.unwrap().0).collect();
    let names_it = |key: &&Vec<u8>| key.windows(32).any(|part| part == document.0);
    assert_eq!(keys.iter().filter(names_it).count(), 0, "of {} rows", keys.len());
}

quickcheck! {
    fn settings_read_back_as_last_set(changes: Vec<(u8, u16)>) -> bool {
        let folder = tempfile::tempdir().unwrap();
        let store = open(folder.path());
        let mut expected = std::collections::BTreeMap::new();
        // Half of them in one batch each, then all in one, so that both ways of replacing are taken.
        let name = |name: u8| ["", "a", "a\0\0\0\0", "b", "ümläut"][usize::from(name) % 5].to_owned();
        let record = |&(key, length): &(u8, u16)| {
            Record::Setting { name: name(key), value: vec![key; usize::from(length)] }
        };
        let (single, together) = changes.split_at(changes.len() / 2);
        single.iter().for_each(|change| store.append(&[record(change)]).unwrap());
        store.append(&together.iter().map(record).collect::<Vec<_>>()).unwrap();
        for (key, length) in &changes {
            expected.insert(name(*key), vec![*key; usize::from(*length)]);
        }
        let found: std::collections::BTreeMap<_, _> = store.settings().unwrap().into_iter().collect();
        found == expected
            && expected.iter().all(|(name, value)| store.setting(name).unwrap().as_ref() == Some(value))
    }
}

#[test]
fn a_flipped_bit_is_noticed_and_named() {
    let folder = tempfile::tempdir().unwrap();
    let engine = SledEngine::open(folder.path()).unwrap();
    let store = Store::open(engine, same_boot()).unwrap();
    let setting = Record::Setting { name: "colour".to_owned(), value: b"green".to_vec() };
    store.append(&[setting]).unwrap();
    store.close().unwrap();
    drop(store);

    let engine = SledEngine::open(folder.path()).unwrap();
    let (key, mut value) = engine.scan(&[10]..&[11]).next().unwrap().unwrap();
    *value.last_mut().unwrap() ^= 1;
    let mut batch = Batch::default();
    batch.put(key, value);
    engine.apply(batch).unwrap();
    let store = Store::open(engine, same_boot()).unwrap();
    let error = store.setting("colour").unwrap_err();
    assert!(matches!(error, StoreError::Damaged { source: Damage::Changed, .. }), "{error}");
    assert_eq!(error.to_string(), "the store is damaged at setting “colour”");
}

fn space(name: &str, seed: u8) -> SpaceRecord {
    let creator = DeviceKey::from_seed(&[seed; 32]);
    let mut rng = ChaCha8Rng::seed_from_u64(seed.into());
    let genesis = Genesis::new(name, &creator, WallTime(5), &mut rng);
    SpaceRecord { genesis, local: false }
}
