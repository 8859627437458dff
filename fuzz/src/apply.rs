//! What the check lets through goes to yrs. Shared by the target of libFuzzer and by the driver for stable Rust.

use std::collections::BTreeMap;

use driftline_core::document::check::{self, Author};
use driftline_core::document::{ApplyError, Normal, OpenDocument, merged};
use yrs::types::ToJson;
use yrs::types::text::YChange;
use yrs::updates::decoder::Decode;
use yrs::{GetString, ReadTxn, StateVector, Text, Transact, Update};

/// The client ids of those who write, by their number.
pub(crate) fn client(number: u8) -> u64 {
    (1 << 33) + u64::from(number % 4) * 7
}

/// One update in a case: who sends it, and its bytes.
pub(crate) type Frame<'a> = (u8, &'a [u8]);

/// A case as bytes: for each update the sender, the length in two bytes, and the update.
pub(crate) fn frames(mut case: &[u8]) -> Vec<Frame<'_>> {
    let mut frames = Vec::new();
    while let [sender, high, low, rest @ ..] = case {
        let length = usize::from(u16::from_be_bytes([*high, *low])).min(rest.len());
        let (update, behind) = rest.split_at(length);
        frames.push((*sender, update));
        case = behind;
    }
    frames
}

/// Turns a case into bytes again.
#[allow(dead_code, reason = "only who makes cases needs it")]
pub(crate) fn framed(frames: &[(u8, Vec<u8>)]) -> Vec<u8> {
    let mut case = Vec::new();
    for (sender, update) in frames {
        case.push(*sender);
        case.extend_from_slice(&(update.len() as u16).to_be_bytes());
        case.extend_from_slice(update);
    }
    case
}

/// The updates of a case that a device would take in: each under its sender's chain.
pub(crate) fn accepted<'a>(frames: &[Frame<'a>]) -> Vec<&'a [u8]> {
    let mut clocks = BTreeMap::new();
    let mut updates = Vec::new();
    for &(sender, update) in frames {
        let client = client(sender);
        let clock = clocks.entry(client).or_insert(0);
        let author = Author::Chain { client, clock: Some(*clock) };
        let Ok(outline) = check::update(update, author) else { continue };
        *clock = outline.clocks.map_or(*clock, |clocks| clocks.end);
        updates.push(update);
    }
    updates
}

/// Takes a case in as devices would, and uses the document as an app might. Says how many updates passed.
///
/// The devices get it all at once, one by one, backwards, and with the document closed and opened again in the middle.
/// What is there, is there on all, but not in the same order: who lies about what they have seen between two others is
/// not found out.
pub(crate) fn apply(frames: &[Frame<'_>]) -> usize {
    let updates = accepted(frames);
    let merged_at_once = OpenDocument::new(1, |_| {});
    bring_in(&merged_at_once, &updates);
    let one_by_one = OpenDocument::new(1, |_| {});
    one_by_one.array("array");
    updates.iter().for_each(|update| bring_in(&one_by_one, &[*update]));
    let backwards = OpenDocument::new(1, |_| {});
    updates.iter().rev().for_each(|update| bring_in(&backwards, &[*update]));
    let (before, after) = updates.split_at(updates.len() / 2);
    let opened_again = OpenDocument::new(1, |_| {});
    bring_in(&opened_again, before);
    let state = opened_again.state_if(|| true).expect("no blocks overlap");
    let opened_again = OpenDocument::new(1, |_| {});
    bring_in(&opened_again, &[&state]);
    bring_in(&opened_again, after);
    let read = read(&merged_at_once);
    let said = Normal::of(&read).expect("yrs writes sound states");
    for other in [one_by_one, backwards, opened_again] {
        let read = self::read(&other);
        assert_eq!(said, Normal::of(&read).expect("yrs writes sound states"), "devices disagree");
    }
    updates.len()
}

/// yrs may not say that something does not fit, and must not break.
fn bring_in(document: &OpenDocument, updates: &[&[u8]]) {
    if let Err(
        error @ (ApplyError::Panicked | ApplyError::Malformed { .. } | ApplyError::Misfit { .. }),
    ) = document.apply(updates)
    {
        panic!("{error:?}");
    }
    assert!(!document.doc().transact().has_missing_updates(), "nothing waits in yrs");
    for update in merged(updates).updates {
        Update::decode_v1(&update).expect("what was merged decodes");
    }
}

/// Reads all that an app can see, which must not break, and gives the state.
fn read(document: &OpenDocument) -> Vec<u8> {
    let doc = document.doc();
    let (text, tree) = (doc.get_or_insert_text("text"), document.xml("tree"));
    let (map, array) = (doc.get_or_insert_map("map"), document.array("array"));
    let txn = doc.transact();
    text.get_string(&txn);
    text.diff(&txn, YChange::identity);
    tree.get_string(&txn);
    map.to_json(&txn);
    array.to_json(&txn);
    txn.encode_state_as_update_v1(&StateVector::default())
}
