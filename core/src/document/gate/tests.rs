//! What writers with hostile clients tried, and what honest people must not notice of it.

use std::sync::{Arc, Mutex};

use data_encoding::HEXLOWER;
use quickcheck::{Gen, QuickCheck};
use yrs::types::ToJson;
use yrs::{Any, Doc, GetString, Map, MapPrelim, Out, ReadTxn, Text, Transact};

use super::super::check::tests::honest::{Step, written};
use super::super::check::{self, Author};
use super::super::{ApplyError, OpenDocument};
use super::Gate;

fn bytes(hex: &str) -> Vec<u8> {
    HEXLOWER.decode(hex.replace(' ', "").as_bytes()).unwrap()
}

/// Updates that the check lets through, as it sees one at a time.
fn sound(updates: &[&str]) -> Vec<Vec<u8>> {
    let updates: Vec<_> = updates.iter().map(|hex| bytes(hex)).collect();
    assert!(updates.iter().all(|update| check::update(update, Author::Anyone).is_ok()));
    updates
}

/// A document that took updates in, of which something was misplaced.
fn opened(updates: &[Vec<u8>]) -> OpenDocument {
    let document = OpenDocument::new(1 << 40, |_| {});
    let told = document.apply(&updates.iter().map(Vec::as_slice).collect::<Vec<_>>());
    assert!(matches!(told, Err(ApplyError::Misplaced { .. })), "{told:?}");
    document
}

/// Fuzzing found this: an entry passes the check, claims no key for its text, and leans on a value that has one. yrs
/// put the text under the key, and once the map was gone looked in vain for it there: it panicked, and the document
/// could not be used any more.
#[test]
fn text_does_not_get_under_a_key_by_way_of_its_neighbour() {
    let entries = sound(&[
        "01038780808020000001848e8080802004057479706564448780808020020574797065640280808080200102038780808020010502",
        "01028e80808020002701036d617008d0bad0bbd18ed1870008008e8080802000027d017d02018e80808020010003",
        "01048e8080802003a78e80808020000128008e80808020030464656570017cd400000027008e808080200305616761696e0204008e808080200504f09d849e00",
        "00018e80808020010305",
    ]);
    opened(&entries);
}

/// yrs counts the values of a list in UTF-16 units and reads characters. So a list with an emoji among its text, put
/// there by way of a neighbour, kept `to_json` going for ever.
#[test]
fn text_does_not_get_into_a_list_by_way_of_its_neighbour() {
    let entries = sound(&[
        // The first client makes a list with one value, under the key "k" of the root "m".
        "01 02 01 00 27 01 01 6d 01 6b 00 08 00 01 00 01 7d 07 00",
        // The second puts an emoji behind that value.
        "01 01 02 00 84 01 01 04 f09f9982 00",
    ]);
    let document = opened(&entries);
    let map = document.doc().get_or_insert_map("m");
    let txn = document.doc().transact();
    let Some(Out::YArray(list)) = map.get(&txn, "k") else { panic!("a list") };
    assert_eq!(list.to_json(&txn), Any::from(vec![Any::from(7)]));
}

/// yrs' `Array::to_json` never comes back from a root that holds an emoji as text. Of what type a root is, the app
/// knows, and may say so before or after the text has come.
#[test]
fn a_root_that_is_read_as_a_list_shows_no_text() {
    let [list, emoji, more] = [
        "01 01 01 00 08 01 01 61 01 7d 07 00",
        "01 01 02 00 04 01 01 61 04 f09f9982 00",
        "01 01 02 02 84 02 01 04 f09f9982 00",
    ]
    .map(bytes);
    let (before, after) = (OpenDocument::new(1 << 40, |_| {}), OpenDocument::new(1 << 40, |_| {}));
    before.array("a");
    assert!(matches!(before.apply(&[&list, &emoji]), Err(ApplyError::Misplaced { .. })));
    assert!(matches!(before.apply(&[&more]), Err(ApplyError::Misplaced { .. })));
    after.apply(&[&list, &emoji, &more]).unwrap();
    for document in [before, after] {
        let array = document.array("a");
        assert_eq!(array.to_json(&document.doc().transact()), Any::from(vec![Any::from(7)]));
    }
}

/// A map under the key "k" of the root "m", a value in the row of the root "a", and text in the root "t", of client 1.
const MAP_LIST_TEXT: &str = "01 04 01 00 27 01 01 6d 01 6b 01 28 00 01 00 01 78 01 7d 01 08 01 01 61 01 7d 07 04 01 01 74 02 6869 00";

/// Reads "m", "a" and "t".
fn read(document: &OpenDocument) -> String {
    let (map, array) = (document.doc().get_or_insert_map("m"), document.array("a"));
    let text = document.doc().get_or_insert_text("t");
    let txn = document.doc().transact();
    format!("{} {} {}", map.to_json(&txn), array.to_json(&txn), text.get_string(&txn))
}

/// Before, yrs put such a block next to the one neighbour or the other, as the other had been collected or not.
#[test]
fn nothing_stands_between_two_containers() {
    let between = [
        // Between the value of the list and the text; between the value of the key and the text; left of a value
        // that has a key.
        "01 01 02 00 c8 01 02 01 03 01 7d 09 00",
        "01 01 02 00 c8 01 01 01 03 01 7d 09 00",
        "01 01 02 00 48 01 01 01 7d 09 00",
    ];
    for between in between {
        let document = OpenDocument::new(1 << 40, |_| {});
        document.apply(&[&bytes(between), &bytes(MAP_LIST_TEXT)]).unwrap();
        // What its author wrote later, and what leans on it, is not held up.
        document.apply(&[&bytes("01 01 02 01 04 01 01 74 01 21 00")]).unwrap();
        assert_eq!(read(&document), "{k: {x: 1}} [7] hi!");
    }
}

/// yrs stopped at such a block, and took in nothing of what had come together with it.
#[test]
fn what_lies_in_something_that_is_no_container_holds_up_nobody() {
    let document = OpenDocument::new(1 << 40, |_| {});
    let inside_a_value = bytes("01 01 02 00 04 00 01 02 01 21 00");
    let honest = bytes("01 01 03 00 84 01 04 01 21 00");
    document.apply(&[&bytes(MAP_LIST_TEXT), &inside_a_value, &honest]).unwrap();
    assert_eq!(read(&document), "{k: {x: 1}} [7] hi!");
}

#[test]
fn what_honest_people_write_passes_unchanged_in_any_order() {
    fn property(steps: Vec<Step>, swaps: Vec<(usize, usize)>, many: usize) {
        let mut log: Vec<_> = written(3, &steps).into_iter().map(|one| one.update).collect();
        for (a, b) in swaps {
            let len = log.len().max(1);
            if !log.is_empty() {
                log.swap(a % len, b % len);
            }
        }
        let mut gate = Gate::default();
        let views: Vec<_> = log.iter().map(Vec::as_slice).collect();
        for some in views.chunks(1 + many % 5) {
            let passed = gate.pass(some);
            assert!(passed.refused.is_empty() && passed.changed.is_empty());
        }
        assert!(!gate.keeps_waiting());
    }
    let property: fn(Vec<Step>, Vec<(usize, usize)>, usize) = property;
    QuickCheck::new().rng(Gen::new(80)).tests(200).quickcheck(property);
}

#[test]
fn what_waits_is_stored_with_the_document_and_goes_on_waiting() {
    let first = bytes(MAP_LIST_TEXT);
    let behind = bytes("01 01 02 00 84 01 04 01 21 01 01 01 02 01");
    let early = OpenDocument::new(1 << 40, |_| {});
    early.apply(&[&behind]).unwrap();
    assert_eq!(read(&early), "{} [] ");
    let stored = early.state_if(|| true).unwrap();
    let opened_again = OpenDocument::new(1 << 40, |_| {});
    opened_again.load(&stored).unwrap();
    for document in [early, opened_again] {
        document.apply(&[&first]).unwrap();
        assert_eq!(read(&document), "{k: {x: 1}} [] hi!", "and the deletion waited too");
    }
}

/// Which of two that wait for one another came first nobody can say, and yrs has panicked over them.
#[test]
fn two_that_wait_for_one_another_wait_for_ever_and_alone() {
    let document = OpenDocument::new(1 << 40, |_| {});
    let entangled = ["01 01 02 00 84 03 00 01 21 00", "01 01 03 00 84 02 00 01 3f 00"].map(bytes);
    document.apply(&entangled.each_ref().map(Vec::as_slice)).unwrap();
    document.apply(&[&bytes(MAP_LIST_TEXT)]).unwrap();
    assert_eq!(read(&document), "{k: {x: 1}} [7] hi");
    assert!(!document.doc().transact().has_missing_updates());
}

#[test]
fn others_lean_on_what_was_written_here() {
    let made = Arc::<Mutex<Vec<Vec<u8>>>>::default();
    let kept = made.clone();
    let alice = OpenDocument::new(1 << 40, move |update| kept.lock().unwrap().push(update));
    let text = alice.doc().get_or_insert_text("t");
    text.insert(&mut alice.doc().transact_mut(), 0, "milk");
    let answer = Arc::<Mutex<Vec<Vec<u8>>>>::default();
    let kept = answer.clone();
    let bob = OpenDocument::new(1 << 41, move |update| kept.lock().unwrap().push(update));
    bob.apply(&[&made.lock().unwrap()[0]]).unwrap();
    bob.doc().get_or_insert_text("t").insert(&mut bob.doc().transact_mut(), 4, " and honey");
    alice.apply(&[&answer.lock().unwrap()[0]]).unwrap();
    assert_eq!(text.get_string(&alice.doc().transact()), "milk and honey");
}

#[test]
fn a_long_text_takes_no_more_memory_than_a_short_one() {
    let made = Arc::<Mutex<Vec<Vec<u8>>>>::default();
    let kept = made.clone();
    let writer = OpenDocument::new(1 << 40, move |update| kept.lock().unwrap().push(update));
    let text = writer.doc().get_or_insert_text("t");
    for at in 0..500 {
        text.insert(&mut writer.doc().transact_mut(), at * 7 % (at + 1), "some words");
        text.remove_range(&mut writer.doc().transact_mut(), at * 5 % (at + 1), 3);
    }
    let (mut written, mut folded) = (Gate::default(), Gate::default());
    made.lock().unwrap().iter().for_each(|update| drop(written.pass(&[update])));
    folded.pass(&[&writer.state_if(|| true).unwrap()]);
    assert_eq!(written.containers.runs(), 1);
    assert!(folded.containers.runs() <= 2, "it may begin with what is deleted");
}

/// Fuzzing found this after millions of cases: where a document within a document goes together with what it lies in,
/// yrs frees it and reads it once more, and every so often that ended the process.
#[test]
fn a_document_within_a_document_does_not_get_in() {
    let made = Arc::<Mutex<Vec<Vec<u8>>>>::default();
    let kept = made.clone();
    let hostile = OpenDocument::new(1 << 40, move |update| kept.lock().unwrap().push(update));
    let map = hostile.doc().get_or_insert_map("m");
    let inner = map.insert(&mut hostile.doc().transact_mut(), "inner", MapPrelim::default());
    inner.insert(&mut hostile.doc().transact_mut(), "document", Doc::new());
    inner.insert(&mut hostile.doc().transact_mut(), "value", 1);
    let written = made.lock().unwrap();

    let document = opened(&written);
    let map = document.doc().get_or_insert_map("m");
    let mut shown = String::new();
    map.to_json(&document.doc().transact()).to_json(&mut shown);
    assert_eq!(shown, r#"{"inner":{"value":1}}"#);
}

/// What waited was not bounded before: a writer could fill the memory with what leans on something that never comes.
#[test]
fn too_much_that_waits_is_let_go_of_and_read_from_the_log_when_it_can_come_in() {
    let made = Arc::<Mutex<Vec<Vec<u8>>>>::default();
    let kept = made.clone();
    let writer = OpenDocument::new(1 << 40, move |update| kept.lock().unwrap().push(update));
    let text = writer.doc().get_or_insert_text("t");
    let words = "w".repeat(64 << 10);
    (0..140).for_each(|_| text.push(&mut writer.doc().transact_mut(), &words));
    let log = made.lock().unwrap();
    let all: Vec<_> = log.iter().map(Vec::as_slice).collect();

    let reader = OpenDocument::new(1 << 41, |_| {});
    reader.apply(&all[1..]).unwrap();
    assert!(!reader.wants_log(), "what is lacking has not come");
    assert!(reader.state_if(|| true).is_none(), "no state stands for what was let go of");
    reader.apply(&all[..1]).unwrap();
    assert!(reader.wants_log());
    assert!(!reader.wants_log(), "once is enough");
    reader.apply(&all).unwrap();
    let read = reader.doc().get_or_insert_text("t");
    assert_eq!(read.len(&reader.doc().transact()), 140 * (64 << 10));
    assert!(reader.state_if(|| true).is_some());
}
