//! What was appended to logs is read back, whole or from any frontier on.

use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};

use driftline_core::id::{DocumentId, Hash};
use driftline_core::log::{Frontier, MAX_SEGMENT_BYTES, Point, Segment};
use driftline_core::space::Change;
use driftline_storage::{Damage, Record, SledEngine, Snapshot, Store, StoreError};
use quickcheck::quickcheck;

use crate::author::Author;
use crate::open;

thread_local! {
    /// One store for all cases of a test, so that they also meet each other's documents. It goes with
    /// the test's thread: a static of the process would never be dropped, and its folder would stay.
    static SHARED: Rc<(Store<SledEngine>, tempfile::TempDir)> = Rc::new({
        let folder = tempfile::tempdir().unwrap();
        (open(&folder.path().join("store")), folder)
    });
}

fn shared() -> Rc<(Store<SledEngine>, tempfile::TempDir)> {
    SHARED.with(Rc::clone)
}

fn new_document() -> DocumentId {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    DocumentId(Hash::of("a test's document", &[&count.to_be_bytes()]).0)
}

/// The frontier that holds `number` entries of the author's chain. Only the number is looked at.
fn holding(author: &Author, number: u64) -> Frontier {
    let point = Point { number, hash: author.tip.hash };
    std::iter::once((author.chain(), point)).filter(|(_, point)| point.number > 0).collect()
}

/// Appends the segments one by one and returns all payloads. Long ones span parts.
fn append(store: &Store<SledEngine>, author: &mut Author, split: &[Vec<u16>]) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    for lengths in split.iter().filter(|lengths| !lengths.is_empty()) {
        let payload = |length: &u16| vec![*length as u8; usize::from(length % 1_000)];
        let payloads: Vec<_> = lengths.iter().map(payload).collect();
        store.append(&author.write(&payloads)).unwrap();
        all.extend(payloads);
    }
    all
}

quickcheck! {
    fn a_chain_reads_back_however_it_was_split(split: Vec<Vec<u16>>) -> bool {
        let store = &shared().0;
        let mut author = Author::new(new_document(), 1);
        let written = append(store, &mut author, &split);
        let log = store.document(&author.head.document).unwrap();
        author.check(&log.segments, 0) == written
    }

    fn beyond_a_frontier_is_exactly_what_is_missing(split: Vec<Vec<u16>>, held: u64) -> bool {
        let store = &shared().0;
        let mut author = Author::new(new_document(), 1);
        let written = append(store, &mut author, &split);
        let held = held % (written.len() as u64 + 1);
        let beyond = holding(&author, held);
        let reading = store.segments(&author.head.document, &beyond, usize::MAX).unwrap();
        !reading.more && author.check(&reading.segments, held) == written[held as usize..]
    }

    fn small_budgets_add_up_to_the_whole(split: Vec<Vec<u16>>, budget: u16) -> bool {
        let store = &shared().0;
        let mut author = Author::new(new_document(), 1);
        let written = append(store, &mut author, &split);
        let mut read = Vec::new();
        loop {
            let held = read.len() as u64;
            let beyond = holding(&author, held);
            let document = &author.head.document;
            let reading = store.segments(document, &beyond, budget.into()).unwrap();
            read.extend(author.check(&reading.segments, held));
            if !reading.more {
                break;
            }
            assert!(read.len() as u64 > held, "each reading brings something");
        }
        read == written
    }

    fn up_to_a_frontier_is_nothing_that_came_after(before: Vec<Vec<u16>>, after: Vec<Vec<u16>>) -> bool {
        let store = &shared().0;
        let mut author = Author::new(new_document(), 1);
        let written = append(store, &mut author, &before);
        let upto = holding(&author, written.len() as u64);
        append(store, &mut author, &after);
        let (document, nothing) = (&author.head.document, Frontier::default());
        let reading = store.segments_between(document, &nothing, &upto, usize::MAX).unwrap();
        !reading.more && author.check(&reading.segments, 0) == written
    }

    fn every_chain_is_read_from_where_the_frontier_says(a: Vec<Vec<u16>>, b: Vec<Vec<u16>>) -> bool {
        let store = &shared().0;
        let document = new_document();
        let (mut one, mut two) = (Author::new(document, 1), Author::new(document, 2));
        let written = [append(store, &mut one, &a), append(store, &mut two, &b)];
        let held = (written[0].len() / 2) as u64;
        let reading = store.segments(&document, &holding(&one, held), usize::MAX).unwrap();
        let of = |author: &Author| -> Vec<Segment> {
            let own = |segment: &&Segment| segment.chain == author.chain();
            reading.segments.iter().filter(own).cloned().collect()
        };
        let places: Vec<_> = reading.segments.iter().map(|s| (s.chain, s.first())).collect();
        places.is_sorted()
            && one.check(&of(&one), held) == written[0][held as usize..]
            && two.check(&of(&two), 0) == written[1]
    }
}

#[test]
fn segments_that_follow_are_joined_up_to_the_limit() {
    let store = &shared().0;
    let mut author = Author::new(new_document(), 1);
    let written = append(store, &mut author, &vec![vec![999]; 300]);
    let log = store.document(&author.head.document).unwrap();
    assert_eq!(author.check(&log.segments, 0), written);
    assert!(log.segments.iter().all(|segment| segment.body.len() <= MAX_SEGMENT_BYTES));
    assert_eq!(log.segments.len(), 3);
}

#[test]
fn an_entry_of_eight_megabytes_reads_back() {
    let store = &shared().0;
    let mut author = Author::new(new_document(), 1);
    let payload: Vec<u8> = (0..8 << 20).map(|i: u32| i.wrapping_mul(2_654_435_761) as u8).collect();
    store.append(&author.write(std::slice::from_ref(&payload))).unwrap();
    let log = store.document(&author.head.document).unwrap();
    assert_eq!(author.check(&log.segments, 0), [payload]);
}

#[test]
fn a_document_is_loaded_from_its_snapshot_on() {
    let store = &shared().0;
    let mut author = Author::new(new_document(), 1);
    let document = author.head.document;
    let written = append(store, &mut author, &[vec![1, 2], vec![3, 4]]);
    let snapshot =
        |bytes, number| Snapshot { frontier: holding(&author, number), state: vec![7; bytes] };
    for snapshot in [snapshot(100_000, 1), snapshot(10, 3)] {
        store.append(&[Record::Snapshot { document, snapshot }]).unwrap();
    }
    let log = store.document(&document).unwrap();
    assert_eq!(log.snapshot, snapshot(10, 3), "a shorter snapshot replaces a longer one");
    assert_eq!(author.check(&log.segments, 3), written[3..]);
}

#[test]
fn a_lost_segment_is_noticed() {
    let store = &shared().0;
    let mut author = Author::new(new_document(), 1);
    let document = author.head.document;
    append(store, &mut author, &[vec![1], vec![2]]);
    let lost = author.write(&[b"never stored".to_vec()]);
    let is_segment = |record: &&Record| matches!(record, Record::Core(Change::Segment { .. }));
    store.append(lost.iter().filter(|record| !is_segment(record))).unwrap();
    append(store, &mut author, &[vec![4]]);
    let error = store.segments(&document, &Frontier::default(), usize::MAX).unwrap_err();
    let StoreError::Damaged { row, source: Damage::Missing } = error else { panic!("{error}") };
    assert!(row.to_string().starts_with("entry 3 of chain"), "{row}");
}

#[test]
fn nothing_is_ever_so_large_that_sled_puts_it_into_a_file_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder.path().join("store"));
    let document = new_document();
    let mut author = Author::new(document, 1);
    for round in 0..40 {
        let sizes = [10, 4_000, 4_090, 100_000, 1_000_000];
        let payload = vec![round as u8; sizes[round % sizes.len()]];
        let state = vec![round as u8; (round * 7_919) % 200_000];
        let snapshot = Snapshot { frontier: holding(&author, author.tip.number), state };
        store.append(&[Record::Snapshot { document, snapshot }]).unwrap();
        store.append(&author.write(&[payload])).unwrap();
        store.write().unwrap();
    }
    let blobs = folder.path().join("store").join("blobs");
    assert_eq!(blobs.read_dir().unwrap().count(), 0);
}
