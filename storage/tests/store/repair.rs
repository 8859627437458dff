//! Entries that the disk gives back changed, and what peers send in their place.

use driftline_core::id::DocumentId;
use driftline_core::log::{Frontier, Segment};
use driftline_core::space::Change;
use driftline_storage::{Batch, Engine, Record, SledEngine, Store};
use quickcheck::quickcheck;

use crate::author::Author;
use crate::{open, same_boot};

const SEGMENT: u8 = 6;

/// A chain of segments of so many entries each, as it was sealed.
fn chain(sizes: &[u8]) -> (Author, Vec<Record>) {
    let mut author = Author::new(DocumentId([1; 32]), 1);
    let mut records = Vec::new();
    for (number, size) in sizes.iter().enumerate() {
        // Some take several rows.
        let payload = vec![number as u8; if size % 7 == 0 { 9_000 } else { 20 }];
        records.extend(author.write(&vec![payload; usize::from(size % 5) + 1]));
    }
    (author, records)
}

fn segments(records: &[Record]) -> Vec<Segment> {
    let segment = |record: &Record| match record {
        Record::Core(Change::Segment { segment, .. }) => Some(segment.clone()),
        _ => None,
    };
    records.iter().filter_map(segment).collect()
}

/// Changes a byte of every stored part of a log that a pattern hits.
fn damage(engine: &SledEngine, pattern: &[bool]) {
    let mut batch = Batch::default();
    for (pair, hit) in engine.scan(&[SEGMENT]..&[SEGMENT + 1]).zip(pattern.iter().cycle()) {
        let (key, mut value) = pair.unwrap();
        if *hit {
            *value.last_mut().unwrap() ^= 1;
            batch.put(key, value);
        }
    }
    engine.apply(batch).unwrap();
}

/// What a peer has of the same chain: the same segments, joined in groups of its own.
fn joined(segments: Vec<Segment>, groups: &[u8]) -> Vec<Segment> {
    let (mut joined, mut left): (Vec<Segment>, u8) = (Vec::new(), 0);
    let mut groups = groups.iter().cycle();
    for segment in segments {
        match joined.last_mut().filter(|_| left > 0) {
            Some(last) => last.join(segment),
            None => {
                joined.push(segment);
                left = groups.next().copied().unwrap_or(0) % 4 + 1;
            }
        }
        left -= 1;
    }
    joined
}

fn put_back(store: &Store<SledEngine>, author: &Author, from: &[Segment]) -> Option<u64> {
    let (document, chain) = (author.head.document, author.chain());
    // Each time at least one row is mended.
    for _ in 0..from.len() + 1 {
        let first = store.first_unreadable(&document, &chain).unwrap()?;
        let found = from.iter().find(|segment| segment.last() >= first).unwrap();
        let segment = Box::new(found.after(first - 1).unwrap().unwrap());
        store.append([&Change::PutBack { document, segment }.into()]).unwrap();
    }
    store.first_unreadable(&document, &chain).unwrap()
}

quickcheck! {
    fn whatever_was_lost_can_be_put_back(sizes: Vec<u8>, pattern: Vec<bool>, groups: Vec<u8>) -> bool {
        let folder = tempfile::tempdir().unwrap();
        let (author, records) = chain(&sizes);
        let store = open(folder.path());
        store.append(&records).unwrap();
        store.close().unwrap();
        drop(store);
        let engine = SledEngine::open(folder.path()).unwrap();
        damage(&engine, &pattern);
        let store = Store::open(engine, same_boot()).unwrap();
        let left = put_back(&store, &author, &joined(segments(&records), &groups));
        let document = author.head.document;
        let log = store.segments(&document, &Frontier::default(), usize::MAX).unwrap().segments;
        left.is_none() && author.check(&log, 0).len() as u64 == author.tip.number
    }
}

#[test]
fn what_leads_elsewhere_is_not_put_back() {
    let folder = tempfile::tempdir().unwrap();
    let (author, records) = chain(&[1, 1, 1]);
    let store = open(folder.path());
    store.append(&records).unwrap();
    store.close().unwrap();
    drop(store);
    let engine = SledEngine::open(folder.path()).unwrap();
    damage(&engine, &[false, true, false]);
    let store = Store::open(engine, same_boot()).unwrap();
    let (document, chain) = (author.head.document, author.chain());
    assert_eq!(store.first_unreadable(&document, &chain).unwrap(), Some(3));
    // The same device signed something else of the same numbers.
    let mut forged = Author::new(document, 1);
    let mut other = forged.write(&[vec![0; 20], vec![0; 20]]);
    other.extend(forged.write(&[b"something else".to_vec(), b"entirely".to_vec()]));
    let segment = Box::new(segments(&other).pop().unwrap());
    assert_eq!((segment.first(), segment.last()), (3, 4));
    store.append([&Change::PutBack { document, segment }.into()]).unwrap();
    assert_eq!(store.first_unreadable(&document, &chain).unwrap(), Some(3), "it stays lost");
    assert_eq!(put_back(&store, &author, &segments(&records)), None);
}
