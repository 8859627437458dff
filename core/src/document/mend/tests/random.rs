//! Mends of what was drawn at random.

use quickcheck::{Arbitrary, Gen, QuickCheck};
use yrs::{Any, Array, Map, MapPrelim, MapRef, Text, Transact, TransactionMut};

use super::super::super::check;
use super::{ALICE, Author, BOB, MALLORY, MENDER, Roots, define_roots, mend, reads, views};

/// An edit, drawn at random; places are taken modulo what there is.
#[derive(Clone, Debug)]
enum Edit {
    Type { at: u32, what: char },
    Erase { at: u32, length: u32 },
    Set { key: u8, value: u8 },
    Unset { key: u8 },
    Nest { key: u8, value: u8 },
    Push { at: u32, value: u8 },
    Pop { at: u32 },
}

impl Arbitrary for Edit {
    fn arbitrary(g: &mut Gen) -> Self {
        let (at, key, value) = (u32::arbitrary(g), u8::arbitrary(g) % 3, u8::arbitrary(g));
        match u8::arbitrary(g) % 7 {
            0 => Self::Type { at, what: char::from(b'a' + value % 26) },
            1 => Self::Erase { at, length: u32::from(value % 4) },
            2 => Self::Set { key, value },
            3 => Self::Unset { key },
            4 => Self::Nest { key, value },
            5 => Self::Push { at, value },
            _ => Self::Pop { at },
        }
    }
}

impl Edit {
    /// Makes the edit; what is `evil` can be told from all else: capitals, and numbers from 1000.
    fn perform(&self, txn: &mut TransactionMut<'_>, roots: &Roots, evil: bool) {
        let number = |value: u8| u32::from(value) + if evil { 1000 } else { 0 };
        let Roots { text, map, array } = roots;
        let (written, listed) = (text.len(txn), array.len(txn));
        match *self {
            Self::Type { at, what } => {
                let what = if evil { what.to_ascii_uppercase() } else { what };
                text.insert(txn, at % (written + 1), what.encode_utf8(&mut [0; 4]));
            }
            Self::Erase { at, length } if written > 0 => {
                let at = at % written;
                text.remove_range(txn, at, length.min(written - at));
            }
            Self::Set { key, value } => _ = map.insert(txn, key.to_string(), number(value)),
            Self::Unset { key } => _ = map.remove(txn, &key.to_string()),
            Self::Nest { key, value } => {
                let nested: Option<MapRef> =
                    map.get(txn, &key.to_string()).and_then(|held| held.cast().ok());
                let nested = nested
                    .unwrap_or_else(|| map.insert(txn, key.to_string(), MapPrelim::default()));
                nested.insert(txn, (value % 2).to_string(), number(value));
            }
            Self::Push { at, value } => _ = array.insert(txn, at % (listed + 1), number(value)),
            Self::Pop { at } if listed > 0 => array.remove(txn, at % listed),
            _ => {}
        }
    }
}

/// The updates of some edits, one each.
fn session(client: u64, seen: &[&[u8]], edits: &[Edit]) -> Vec<Vec<u8>> {
    let author = Author::new(client, seen);
    let roots = define_roots(author.doc());
    for edit in edits {
        edit.perform(&mut author.doc().transact_mut(), &roots, client == MALLORY);
    }
    author.made.lock().unwrap().clone()
}

/// The strongest thing to be said: whatever was done at the same time as what is refused, the document reads as if
/// that had never been; and the mend is the same from every order of arrival.
#[test]
fn a_mended_document_reads_as_if_the_refused_updates_had_never_been() {
    fn holds(base: Vec<Edit>, honest: Vec<Edit>, (refused, too): (Vec<Edit>, Vec<Edit>)) {
        let base = session(ALICE, &[], &base);
        let mut all_honest = base.clone();
        all_honest.extend(session(BOB, &views(&base), &honest));
        let mut refused = session(MALLORY, &views(&base), &refused);
        refused.extend(session(MALLORY + 1, &views(&base), &too));
        let (mut good, mut bad) = (views(&all_honest), views(&refused));
        let mended = mend(MENDER, &good, &bad).unwrap();
        assert_sound(&mended);
        assert_eq!(reads(&[&*good, &*bad, &[&mended]].concat()), reads(&good));
        good.reverse();
        bad.reverse();
        assert_eq!(mend(MENDER, &good, &bad).unwrap(), mended);
        assert_eq!(reads(&[&[&*mended], &*bad, &*good].concat()), reads(&good));
    }
    QuickCheck::new()
        .tests(300)
        .quickcheck(holds as fn(Vec<Edit>, Vec<Edit>, (Vec<Edit>, Vec<Edit>)));
}

/// Where people answer one another, what remains is not so easily told; but nothing evil does, and all agree.
#[test]
fn nothing_of_a_refused_conversation_is_left_and_all_agree() {
    fn holds(edits: Vec<(Edit, u8)>) {
        let authors = [ALICE, BOB, MALLORY].map(|client| Author::new(client, &[]));
        for (edit, hand) in &edits {
            let (hand, hears) = (usize::from(hand % 3), usize::from(hand / 3 % 4));
            let author = &authors[hand];
            if let Some(other) = authors.get(hears) {
                author.document.apply(&[&other.document.state_if(|| true).unwrap()]).unwrap();
            }
            let roots = define_roots(author.doc());
            edit.perform(&mut author.doc().transact_mut(), &roots, hand == 2);
        }
        let [alice, bob, bad] = authors.map(|author| author.made.lock().unwrap().clone());
        let good = [alice, bob].concat();
        let (mut good, bad) = (views(&good), views(&bad));
        let mended = mend(MENDER, &good, &bad).unwrap();
        assert_sound(&mended);
        let found = reads(&[&*good, &*bad, &[&mended]].concat());
        let (text, map, array) = &found;
        assert!(!text.contains(|char: char| char.is_uppercase()), "{text}");
        assert!(![map, array].into_iter().any(is_evil), "{map} {array}");
        good.reverse();
        assert_eq!(mend(MENDER, &good, &bad).unwrap(), mended);
        assert_eq!(reads(&[&[&*mended], &*bad, &*good].concat()), found);
    }
    QuickCheck::new().tests(300).quickcheck(holds as fn(Vec<(Edit, u8)>));
}

/// Others take a mend in as they do any update. Values of one key that yrs had joined once came back as one block, which
/// the check refuses.
fn assert_sound(mended: &[u8]) {
    let author = check::Author::Chain { client: MENDER, clock: Some(0) };
    check::update(mended, author).unwrap();
}

fn is_evil(value: &Any) -> bool {
    match value {
        Any::Number(number) => number.as_i64() >= Some(1000),
        Any::Array(values) => values.iter().any(is_evil),
        Any::Map(entries) => entries.values().any(is_evil),
        _ => false,
    }
}
