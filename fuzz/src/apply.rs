//! What the check lets through goes to yrs. Shared by the target of libFuzzer and by the driver for stable Rust.

use std::collections::BTreeMap;

use driftline_core::document::check::{self, Author, Shape};
use driftline_core::document::{ApplyError, OpenDocument, merged};
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

/// The updates of a case that a device would take in: each under its sender's chain, and writing to each root as the
/// app reads it.
pub(crate) fn accepted<'a>(frames: &[Frame<'a>]) -> Vec<&'a [u8]> {
    let mut clocks = BTreeMap::new();
    let mut updates = Vec::new();
    for &(sender, update) in frames {
        let client = client(sender);
        let clock = clocks.entry(client).or_insert(0);
        let author = Author::Chain { client, clock: Some(*clock) };
        let Ok(outline) = check::update(update, author) else { continue };
        if check::roots(update).iter().all(|(root, shape)| is_read_so(root, *shape)) {
            *clock = outline.clocks.map_or(*clock, |clocks| clocks.end);
            updates.push(update);
        }
    }
    updates
}

/// How the reader below reads each root.
fn is_read_so(root: &str, shape: Shape) -> bool {
    match root {
        "text" => shape.agrees(Shape::Text),
        "array" => shape.agrees(Shape::Values),
        _ => true,
    }
}

/// Takes a case in as a device would, and uses the document as an app might. Says how many updates passed.
pub(crate) fn apply(frames: &[Frame<'_>]) -> usize {
    let updates = accepted(frames);
    let merged_at_once = OpenDocument::new(1, |_| {});
    bring_in(&merged_at_once, &updates);
    let one_by_one = OpenDocument::new(1, |_| {});
    updates.iter().for_each(|update| bring_in(&one_by_one, &[*update]));
    // Known, and not to be found again: yrs does not come back from an array with characters of two units in it, and
    // which type an item lands in by way of its neighbours no update says.
    let lists = !updates.iter().any(|update| update.contains(&0xf0));
    let state = read(&one_by_one, lists);
    read(&merged_at_once, lists);
    let again = OpenDocument::new(1, |_| {});
    bring_in(&again, &[&state]);
    updates.len()
}

/// yrs may say that something does not fit. It must not break.
fn bring_in(document: &OpenDocument, updates: &[&[u8]]) {
    if let Err(error @ (ApplyError::Panicked | ApplyError::Malformed { .. })) =
        document.apply(updates)
    {
        panic!("{error:?}");
    }
    for update in merged(updates).updates {
        Update::decode_v1(&update).expect("what was merged decodes");
    }
}

fn read(document: &OpenDocument, lists: bool) -> Vec<u8> {
    let doc = document.doc();
    let (text, tree) = (doc.get_or_insert_text("text"), doc.get_or_insert_xml_fragment("tree"));
    let (map, array) = (doc.get_or_insert_map("map"), doc.get_or_insert_array("array"));
    let txn = doc.transact();
    text.get_string(&txn);
    text.diff(&txn, YChange::identity);
    text.len(&txn);
    if lists {
        tree.get_string(&txn);
        map.to_json(&txn);
        array.to_json(&txn);
    }
    txn.encode_state_as_update_v1(&StateVector::default())
}
