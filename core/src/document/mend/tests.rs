//! What the table of `tests/yjs` does not tell: chains of answers, the shape of a mend, and the limits.

mod random;

use std::sync::{Arc, Mutex};

use yrs::block::ClientID;
use yrs::types::{Attrs, ToJson};
use yrs::updates::decoder::Decode;
use yrs::{
    Any, ArrayRef, Doc, GetString, Map, MapPrelim, MapRef, ReadTxn, Text, TextPrelim, TextRef,
    Transact, TransactionMut, Update, XmlElementPrelim, XmlFragment,
};

use super::{MendError, mend};
use crate::document::OpenDocument;

const ALICE: u64 = 1 << 40;
const BOB: u64 = 1 << 41;
const MALLORY: u64 = 1 << 42;
const MENDER: u64 = 1 << 43;

/// Somebody with a document, whose edits are updates.
struct Author {
    document: OpenDocument,
    made: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Author {
    fn new(client: u64, seen: &[&[u8]]) -> Self {
        let made = Arc::<Mutex<Vec<Vec<u8>>>>::default();
        let kept = made.clone();
        let document = OpenDocument::new(client, move |update| kept.lock().unwrap().push(update));
        define_roots(document.doc());
        document.apply(seen).unwrap();
        Self { document, made }
    }

    fn doc(&self) -> &Doc {
        self.document.doc()
    }

    /// Makes an edit, which gives an update.
    fn writes(&self, edit: impl FnOnce(&mut TransactionMut<'_>, &Roots)) -> Vec<u8> {
        let roots = define_roots(self.doc());
        let mut txn = self.doc().transact_mut();
        edit(&mut txn, &roots);
        drop(txn);
        self.made.lock().unwrap().last().unwrap().clone()
    }
}

struct Roots {
    text: TextRef,
    map: MapRef,
    array: ArrayRef,
}

fn define_roots(doc: &Doc) -> Roots {
    Roots {
        text: doc.get_or_insert_text("text"),
        map: doc.get_or_insert_map("map"),
        array: doc.get_or_insert_array("array"),
    }
}

fn writes(
    client: u64,
    seen: &[&[u8]],
    edit: impl FnOnce(&mut TransactionMut<'_>, &Roots),
) -> Vec<u8> {
    Author::new(client, seen).writes(edit)
}

fn views(updates: &[Vec<u8>]) -> Vec<&[u8]> {
    updates.iter().map(Vec::as_slice).collect()
}

/// What a document says that took these updates in.
fn reads(updates: &[&[u8]]) -> (String, Any, Any) {
    let reader = Author::new(1 << 45, updates);
    let roots = define_roots(reader.doc());
    let txn = reader.doc().transact();
    assert!(!txn.has_missing_updates());
    (roots.text.get_string(&txn), roots.map.to_json(&txn), roots.array.to_json(&txn))
}

fn text_of(updates: &[&[u8]]) -> String {
    reads(updates).0
}

fn key_of(updates: &[&[u8]]) -> Option<Any> {
    let Any::Map(map) = reads(updates).1 else { panic!("a map") };
    map.get("k").cloned()
}

/// The history that this keeps away: two refused values and an honest one between them. Undone in one go, the undo
/// manager puts the oldest on top, or the honest one, in an order that changes from run to run.
#[test]
fn an_honest_value_between_two_refused_ones_comes_back_and_not_what_was_before() {
    let base = writes(ALICE, &[], |txn, roots| _ = roots.map.insert(txn, "k", "oldest"));
    let mallory = Author::new(MALLORY, &[&base]);
    let first = mallory.writes(|txn, roots| _ = roots.map.insert(txn, "k", "evil"));
    let honest =
        writes(BOB, &[&base, &first], |txn, roots| _ = roots.map.insert(txn, "k", "honest"));
    mallory.document.apply(&[&honest]).unwrap();
    let second = mallory.writes(|txn, roots| _ = roots.map.insert(txn, "k", "worse"));

    let mended = mend(MENDER, &[&honest, &base], &[&second, &first]).unwrap();
    assert_eq!(key_of(&[&base, &first, &honest, &second, &mended]), Some("honest".into()));
}

#[test]
fn a_key_that_an_honest_hand_deleted_since_stays_deleted() {
    let base = writes(ALICE, &[], |txn, roots| _ = roots.map.insert(txn, "k", "good"));
    let refused = writes(MALLORY, &[&base], |txn, roots| _ = roots.map.insert(txn, "k", "evil"));
    let honest = writes(BOB, &[&base, &refused], |txn, roots| _ = roots.map.remove(txn, "k"));
    let mended = mend(MENDER, &[&base, &honest], &[&refused]).unwrap();
    assert_eq!(key_of(&[&base, &refused, &honest, &mended]), None);
}

#[test]
fn a_conversation_is_mended_on_one_side_only() {
    let mallory = Author::new(MALLORY, &[]);
    let bob = Author::new(BOB, &[]);
    let (mut honest, mut refused) = (Vec::new(), Vec::new());
    for turn in 0..4 {
        let bad = mallory.writes(|txn, roots| roots.text.insert(txn, turn, "x"));
        bob.document.apply(&[&bad]).unwrap();
        let good = bob.writes(|txn, roots| roots.text.insert(txn, turn + 1, "o"));
        mallory.document.apply(&[&good]).unwrap();
        refused.push(bad);
        honest.push(good);
    }
    let (honest, refused) = (views(&honest), views(&refused));
    assert_eq!(text_of(&[&*honest, &*refused].concat()), "xxxxoooo");
    let mended = mend(MENDER, &honest, &refused).unwrap();
    assert_eq!(text_of(&[&*honest, &*refused, &[&mended]].concat()), "oooo");
}

#[test]
fn what_was_nested_comes_back_whole_with_what_others_wrote_inside_meanwhile() {
    let base = writes(ALICE, &[], |txn, roots| {
        let outer = roots.map.insert(txn, "k", MapPrelim::default());
        let inner = outer.insert(txn, "inner", MapPrelim::default());
        inner.insert(txn, "title", TextPrelim::new("a title"));
        inner.insert(txn, "done", true);
    });
    let inside = writes(BOB, &[&base], |txn, roots| {
        let outer: MapRef = roots.map.get(txn, "k").unwrap().cast().unwrap();
        let inner: MapRef = outer.get(txn, "inner").unwrap().cast().unwrap();
        let title: TextRef = inner.get(txn, "title").unwrap().cast().unwrap();
        title.insert(txn, 2, "better ");
    });
    let refused = writes(MALLORY, &[&base], |txn, roots| _ = roots.map.remove(txn, "k"));
    let mended = mend(MENDER, &[&base, &inside], &[&refused]).unwrap();
    assert_eq!(reads(&[&base, &inside, &refused, &mended]), reads(&[&base, &inside]));
    assert_ne!(reads(&[&base, &inside, &refused]), reads(&[&base, &inside]));
}

#[test]
fn roots_that_nobody_named_before_are_mended_too() {
    let refused = Author::new(MALLORY, &[]);
    let new_root = refused.doc().get_or_insert_xml_fragment("of their own");
    new_root.insert(&mut refused.doc().transact_mut(), 0, XmlElementPrelim::empty("p"));
    let update = refused.made.lock().unwrap().remove(0);
    let mended = mend(MENDER, &[], &[&update]).unwrap();
    refused.document.apply(&[&mended]).unwrap();
    assert_eq!(new_root.len(&refused.doc().transact()), 0);
}

#[test]
fn a_mend_follows_the_last_that_its_author_wrote_and_inserts_under_no_other_name() {
    let mender = Author::new(MENDER, &[]);
    let base = mender.writes(|txn, roots| roots.text.insert(txn, 0, "abcdef"));
    let refused = writes(MALLORY, &[&base], |txn, roots| {
        roots.text.remove_range(txn, 1, 1);
        roots.text.insert(txn, 3, "evil");
        roots.text.remove_range(txn, 2, 1);
    });
    let mended = mend(MENDER, &[&base], &[&refused]).unwrap();
    assert_eq!(text_of(&[&base, &refused, &mended]), "abcdef");
    let inserted = Update::decode_v1(&mended).unwrap().insertions(true);
    let inserted: Vec<_> = inserted.iter().map(|(id, at)| (*id, at.iter().collect())).collect();
    assert_eq!(inserted, [(ClientID::new(MENDER), vec![&(6..8)])]);
}

#[test]
fn the_folded_state_may_stand_for_the_honest_updates() {
    let alice = Author::new(ALICE, &[]);
    alice.writes(|txn, roots| roots.text.insert(txn, 0, "milk and honey"));
    alice.writes(|txn, roots| roots.text.remove_range(txn, 4, 4));
    let state = alice.document.state_if(|| true).unwrap();
    let refused = writes(MALLORY, &[&state], |txn, roots| roots.text.remove_range(txn, 0, 5));
    let mended = mend(MENDER, &[&state], &[&refused]).unwrap();
    assert_eq!(text_of(&[&state, &refused, &mended]), "milk honey");
}

#[test]
fn who_was_refused_once_can_be_refused_again() {
    let base = writes(ALICE, &[], |txn, roots| _ = roots.map.insert(txn, "k", "good"));
    let mallory = Author::new(MALLORY, &[&base]);
    let first = mallory.writes(|txn, roots| _ = roots.map.insert(txn, "k", "evil"));
    let once = mend(MENDER, &[&base], &[&first]).unwrap();
    let unaware = mallory.writes(|txn, roots| _ = roots.map.insert(txn, "k", "worse"));
    let twice = mend(MENDER, &[&base, &first, &once], &[&unaware]).unwrap();
    assert_eq!(key_of(&[&base, &first, &once, &unaware, &twice]), Some("good".into()));
}

#[test]
fn what_changed_nothing_is_mended_by_nothing() {
    let base = writes(ALICE, &[], |txn, roots| roots.text.insert(txn, 0, "milk"));
    let gone = |client| writes(client, &[&base], |txn, roots| roots.text.remove_range(txn, 0, 4));
    let (honest, refused) = (gone(BOB), gone(MALLORY));
    assert_eq!(mend(MENDER, &[&base, &honest], &[&refused]).unwrap(), [0, 0]);
}

#[test]
fn a_refused_update_waits_for_what_it_leans_on() {
    let base = writes(ALICE, &[], |txn, roots| roots.text.insert(txn, 0, "milk"));
    let inserted = writes(MALLORY, &[&base], |txn, roots| roots.text.insert(txn, 2, "evil"));
    let deleted = writes(MALLORY, &[&base], |txn, roots| roots.text.remove_range(txn, 0, 2));
    for refused in [inserted, deleted] {
        assert!(matches!(mend(MENDER, &[], &[&refused]), Err(MendError::Waiting)));
        assert!(mend(MENDER, &[&base], &[&refused]).is_ok());
    }
}

#[test]
fn an_honest_update_that_waits_for_a_missing_one_holds_up_no_mend() {
    let alice = Author::new(ALICE, &[]);
    let base = alice.writes(|txn, roots| roots.text.insert(txn, 0, "milk"));
    let missing = alice.writes(|txn, roots| roots.text.insert(txn, 4, " and"));
    let later = alice.writes(|txn, roots| roots.text.insert(txn, 8, " honey"));
    let refused = writes(MALLORY, &[&base], |txn, roots| roots.text.insert(txn, 0, "evil "));
    let mended = mend(MENDER, &[&base, &later], &[&refused]).unwrap();
    assert_eq!(text_of(&[&base, &missing, &later, &refused, &mended]), "milk and honey");
}

/// A mend is made in a document of its own, which panicked as any other did.
#[test]
fn what_would_break_the_document_does_not_keep_it_from_being_mended() {
    let base = writes(ALICE, &[], |txn, roots| _ = roots.map.insert(txn, "k", "good"));
    // Two letters behind the value of the key, as MALLORY's first block: the ids are numbers of seven bits a byte.
    let (alice, mallory) =
        ([0x80, 0x80, 0x80, 0x80, 0x80, 0x20], [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 1]);
    let under_a_key = [&[1, 1], &mallory[..], &[0, 0x84], &alice, &[0, 2, b'h', b'i', 0]].concat();
    let mended = mend(MENDER, &[&base], &[&under_a_key]).unwrap();
    assert_eq!(mended, [0, 0], "it changed nothing");
}

#[test]
fn bytes_that_are_no_update_are_an_error() {
    assert!(matches!(mend(MENDER, &[], &[&[1, 2, 3]]), Err(MendError::Apply { .. })));
    assert!(matches!(mend(MENDER, &[&[1, 2, 3]], &[]), Err(MendError::Apply { .. })));
}

#[test]
fn limit_two_menders_who_do_not_know_of_one_another_bring_it_back_twice() {
    let base = writes(ALICE, &[], |txn, roots| roots.text.insert(txn, 0, "milk"));
    let refused = writes(MALLORY, &[&base], |txn, roots| roots.text.remove_range(txn, 0, 4));
    let one = mend(MENDER, &[&base], &[&refused]).unwrap();
    let other = mend(MENDER + 1, &[&base], &[&refused]).unwrap();
    assert_eq!(text_of(&[&base, &refused, &one, &other]), "milkmilk");
}

#[test]
fn limit_deleting_what_was_put_in_place_of_text_does_not_delete_that_text() {
    let base = writes(ALICE, &[], |txn, roots| roots.text.insert(txn, 0, "milk"));
    let refused = writes(MALLORY, &[&base], |txn, roots| {
        roots.text.remove_range(txn, 0, 4);
        roots.text.insert(txn, 0, "evil");
    });
    let honest = writes(BOB, &[&base, &refused], |txn, roots| roots.text.remove_range(txn, 0, 4));
    let mended = mend(MENDER, &[&base, &honest], &[&refused]).unwrap();
    assert_eq!(text_of(&[&base, &refused, &honest, &mended]), "milk");
}

#[test]
fn limit_the_closing_mark_of_an_honest_format_says_the_refused_one_again() {
    let format = |from, length, bold: Any| {
        move |txn: &mut TransactionMut<'_>, roots: &Roots| {
            roots.text.format(txn, from, length, Attrs::from([("bold".into(), bold)]));
        }
    };
    let base = writes(ALICE, &[], |txn, roots| roots.text.insert(txn, 0, "abcdef"));
    let refused = writes(MALLORY, &[&base], format(0, 6, true.into()));
    let plain = writes(BOB, &[&base, &refused], format(2, 2, Any::Null));
    let mended = mend(MENDER, &[&base, &plain], &[&refused]).unwrap();

    let reader = Author::new(1 << 45, &[&base, &refused, &plain, &mended]);
    let text = define_roots(reader.doc()).text;
    let runs = text.diff(&reader.doc().transact(), yrs::types::text::YChange::identity);
    let formatted: Vec<_> = runs.iter().map(|run| run.attributes.is_some()).collect();
    assert_eq!(formatted, [false, false, true], "“ab”, “cd” and “ef”");
}
