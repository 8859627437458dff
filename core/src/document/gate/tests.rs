//! What writers with hostile clients tried, and what honest people must not notice of it.

use data_encoding::HEXLOWER;
use yrs::types::ToJson;
use yrs::{Any, Map, Out, Transact};

use super::super::check::{self, Author};
use super::super::{ApplyError, OpenDocument};

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
