//! Merged or one by one, the document is the same.

use quickcheck::{Gen, QuickCheck};
use yrs::types::ToJson;
use yrs::types::text::YChange;
use yrs::updates::decoder::Decode;
use yrs::{Doc, GetString, ReadTxn, StateVector, Text, Transact, Update};

use super::super::OpenDocument;
use super::super::check::tests::honest::{Step, empty, written};
use super::*;

/// Two updates that change places.
type Swap = (usize, usize);

/// All that a reader can see, and what the document says it has.
fn seen(doc: &Doc) -> String {
    let (text, tree) = (doc.get_or_insert_text("text"), doc.get_or_insert_xml_fragment("tree"));
    let (map, array) = (doc.get_or_insert_map("map"), doc.get_or_insert_array("array"));
    let txn = doc.transact();
    let mut vector: Vec<_> = txn.state_vector().iter().map(|(id, at)| (id.get(), *at)).collect();
    vector.sort();
    assert!(!txn.has_missing_updates());
    format!(
        "{:?} {} {} {} {vector:?}",
        text.diff(&txn, YChange::identity),
        tree.get_string(&txn),
        sorted(&map.to_json(&txn)),
        sorted(&array.to_json(&txn)),
    )
}

/// JSON with its keys in order.
fn sorted(any: &yrs::Any) -> String {
    serde_json::to_value(any).unwrap().to_string()
}

fn applied(updates: &[impl AsRef<[u8]>]) -> Doc {
    let doc = empty(1);
    for update in updates {
        let update = Update::decode_v1(update.as_ref()).unwrap();
        doc.transact_mut().apply_update(update).unwrap();
    }
    doc
}

fn log(people: u64, steps: &[Step]) -> Vec<Vec<u8>> {
    written(people, steps).into_iter().map(|written| written.update).collect()
}

fn slices(log: &[Vec<u8>]) -> Vec<&[u8]> {
    log.iter().map(Vec::as_slice).collect()
}

/// Merges in stretches of so many.
fn merged_by(log: &[&[u8]], many: usize) -> Vec<Vec<u8>> {
    let merge = |stretch: &[&[u8]]| {
        let merged = merged(stretch);
        assert!(merged.refused.is_empty());
        merged.updates
    };
    log.chunks(many.max(1)).flat_map(merge).collect()
}

#[test]
fn merged_in_stretches_is_applied_one_by_one() {
    fn property(people: u64, steps: Vec<Step>, many: usize) {
        let log = log(1 + people % 3, &steps);
        let merged = merged_by(&slices(&log), 1 + many % 40);
        assert_eq!(seen(&applied(&merged)), seen(&applied(&log)));
    }
    let property: fn(u64, Vec<Step>, usize) = property;
    QuickCheck::new().rng(Gen::new(100)).tests(200).quickcheck(property);
}

#[test]
fn merged_in_any_order_and_twice_is_the_same() {
    fn property(steps: Vec<Step>, swaps: Vec<Swap>, doubled: usize) {
        let log = log(3, &steps);
        let mut mixed = slices(&log);
        for (a, b) in swaps {
            let len = mixed.len().max(1);
            if !mixed.is_empty() {
                mixed.swap(a % len, b % len);
            }
        }
        mixed.extend_from_within(..doubled % (mixed.len() + 1));
        let merged = merged_by(&mixed, usize::MAX);
        assert_eq!(seen(&applied(&merged)), seen(&applied(&log)));
    }
    let property: fn(Vec<Step>, Vec<Swap>, usize) = property;
    QuickCheck::new().rng(Gen::new(60)).tests(150).quickcheck(property);
}

#[test]
fn what_overlaps_is_taken_in_once() {
    fn property(steps: Vec<Step>, early: usize, late: usize) {
        let log = log(3, &steps);
        let state = |entries: usize| {
            let doc = applied(&log[..entries % (log.len() + 1)]);
            doc.transact().encode_state_as_update_v1(&StateVector::default())
        };
        let (early, late) = (state(early), state(late));
        let mut mixed = slices(&log);
        mixed.insert(mixed.len() / 2, &late);
        mixed.insert(mixed.len() / 3, &early);
        let merged = merged_by(&mixed, usize::MAX);
        assert_eq!(seen(&applied(&merged)), seen(&applied(&log)));
    }
    let property: fn(Vec<Step>, usize, usize) = property;
    QuickCheck::new().rng(Gen::new(60)).tests(150).quickcheck(property);
}

/// Once, whole documents stayed empty for ever when their first entry had come in last: yrs forgot what it was waiting
/// for as soon as two clients waited for each other. Devices then had equal logs and unequal documents.
#[test]
fn two_who_wait_for_each_other_come_in_when_the_first_entry_does() {
    // One types, the other sees it and types on, the first sees that and types on.
    let answered = [(0, 0, 0, 0), (1, 15, 0, 0), (1, 0, 0, 0), (0, 15, 0, 0), (0, 0, 0, 0)];
    let log = log(2, &answered);
    let document = OpenDocument::new(1, |_| {});
    for late in [1, 2, 0] {
        document.apply(&[&log[late]]).unwrap();
    }
    assert_eq!(seen(document.doc()), seen(&applied(&log)));
}

#[test]
fn in_whatever_order_updates_come_the_document_is_the_same() {
    fn property(people: u64, steps: Vec<Step>, swaps: Vec<Swap>, many: usize) {
        let log = log(2 + people % 3, &steps);
        let mut mixed = slices(&log);
        for (a, b) in swaps.into_iter().take(6) {
            if !mixed.is_empty() {
                let len = mixed.len();
                mixed.swap(a % len, b % len);
            }
        }
        let document = OpenDocument::new(1, |_| {});
        for some in mixed.chunks(1 + many % 4) {
            document.apply(some).unwrap();
        }
        assert_eq!(seen(document.doc()), seen(&applied(&log)));
    }
    let property: fn(u64, Vec<Step>, Vec<Swap>, usize) = property;
    QuickCheck::new().rng(Gen::new(60)).tests(300).quickcheck(property);
}

#[test]
fn typing_becomes_one_block() {
    let log = log(1, &[(0, 0, 0, 0); 100]);
    let merged = merged_by(&slices(&log), 100);
    let [merged] = merged.as_slice() else { panic!("one update") };
    let outline = check::update(merged, check::Author::Anyone).unwrap();
    assert_eq!((outline.blocks, outline.clocks), (1, Some(0..100)));
}

#[test]
fn one_that_is_unsound_is_left_out_as_a_whole() {
    let log = log(1, &[(0, 0, 0, 0); 3]);
    // Sound up to its last byte: its block and its deletion must not come in.
    let trailing: &[u8] = &[1, 1, 9, 0, 4, 1, 1, b'x', 1, b'y', 1, 9, 1, 0, 1, 7];
    let mut mixed = slices(&log);
    mixed.insert(1, trailing);
    let Merged { updates, refused } = merged(&mixed);
    assert_eq!(refused, [BadUpdate::Trailing { at: 15, extra: 1 }]);
    assert_eq!(updates, merged_by(&slices(&log), 3));
}

#[test]
fn stretches_are_bounded_and_lose_nothing() {
    let (small, large) = (vec![0_u8; 10], vec![0_u8; MERGED_BYTES + 1]);
    let updates: Vec<&[u8]> = (0..5_000)
        .map(|at| if at % 2_222 == 7 { &large } else { &small })
        .map(Vec::as_slice)
        .collect();
    let lengths: Vec<_> = stretches(&updates).map(<[_]>::len).collect();
    assert_eq!(lengths, [7, 1, 2_000, 221, 1, 2_000, 221, 1, 548]);
    assert_eq!(stretches(&[]).count(), 0);
}
