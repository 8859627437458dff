//! Edits drawn at random that fit the document they are for.

use driftline::yrs::types::text::YChange;
use driftline::yrs::{Any, Array, Map, Out, ReadTxn, Text, XmlFragment, XmlOut};
use rand::RngExt;
use rand::seq::IndexedRandom;
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};

use crate::edits::root_of;

const WORDS: [&str; 9] = ["milk ", "honey", "x", "é", "世界", "🦀", "a👩‍🌾b", "\u{2028}", "\n"];

/// One edit for the document as it stands.
pub(crate) fn edit<T: ReadTxn>(rng: &mut ChaCha8Rng, txn: &T) -> Value {
    let root = *["text", "text", "map", "array", "xml"].choose(rng).unwrap();
    let mut places = Vec::new();
    gather(txn, vec![json!(root)], root_of(txn, root), &mut places);
    let (path, held) = places.choose(rng).unwrap();
    let mut edit = match held {
        Out::YText(text) => in_text(rng, &words_of(text, txn)),
        Out::YXmlText(text) => in_text(rng, &words_of(text, txn)),
        Out::YMap(_) => in_map(rng),
        Out::YArray(array) => in_array(rng, array.len(txn)),
        Out::YXmlElement(_) if rng.random_bool(0.4) => in_attributes(rng),
        Out::YXmlElement(element) => in_xml(rng, element.len(txn)),
        Out::YXmlFragment(fragment) => in_xml(rng, fragment.len(txn)),
        other => panic!("nothing can be edited in {other:?}"),
    };
    edit["path"] = json!(path);
    edit
}

/// All shared types below one, itself included, each with its path.
fn gather<T: ReadTxn>(txn: &T, path: Vec<Value>, held: Out, places: &mut Vec<(Vec<Value>, Out)>) {
    let step = |to: Value| path.iter().cloned().chain([to]).collect::<Vec<_>>();
    let below: Vec<(Vec<Value>, Out)> = match &held {
        Out::YMap(map) => {
            let mut entries: Vec<_> = map.iter(txn).collect();
            entries.sort_by_key(|(key, _)| *key);
            entries.into_iter().map(|(key, held)| (step(json!(key)), held)).collect()
        }
        Out::YArray(array) => {
            array.iter(txn).enumerate().map(|(at, held)| (step(json!(at)), held)).collect()
        }
        Out::YXmlElement(element) => children(element, txn, step),
        Out::YXmlFragment(fragment) => children(fragment, txn, step),
        Out::Any(_) => return,
        _ => Vec::new(),
    };
    places.push((path.clone(), held));
    below.into_iter().for_each(|(path, held)| gather(txn, path, held, places));
}

fn children<T: ReadTxn>(
    parent: &impl XmlFragment,
    txn: &T,
    step: impl Fn(Value) -> Vec<Value>,
) -> Vec<(Vec<Value>, Out)> {
    let out = |child| match child {
        XmlOut::Element(element) => Out::YXmlElement(element),
        XmlOut::Text(text) => Out::YXmlText(text),
        XmlOut::Fragment(fragment) => Out::YXmlFragment(fragment),
    };
    let children = parent.children(txn).enumerate();
    children.map(|(at, child)| (step(json!(at)), out(child))).collect()
}

/// A text without its formats.
fn words_of<T: ReadTxn>(text: &impl Text, txn: &T) -> String {
    let runs = text.diff(txn, YChange::identity).into_iter();
    let words = runs.filter_map(|run| match run.insert {
        Out::Any(Any::String(words)) => Some(words.to_string()),
        _ => None,
    });
    words.collect()
}

fn in_text(rng: &mut ChaCha8Rng, text: &str) -> Value {
    // Only between whole characters: half of one is no valid text on either side.
    let units = text.chars().scan(0, |at, char| {
        *at += char.len_utf16();
        Some(*at)
    });
    let places: Vec<_> = std::iter::once(0).chain(units).collect();
    if places.len() == 1 || rng.random_bool(0.5) {
        let (at, word) = (places.choose(rng).unwrap(), WORDS.choose(rng).unwrap());
        return match rng.random_bool(0.25) {
            true => {
                json!({ "do": "text-insert", "at": at, "text": word, "attributes": formats(rng) })
            }
            false => json!({ "do": "text-insert", "at": at, "text": word }),
        };
    }
    let from = rng.random_range(0..places.len() - 1);
    let upto = rng.random_range(from + 1..places.len().min(from + 6));
    let (at, length) = (places[from], places[upto] - places[from]);
    match rng.random_bool(0.5) {
        true => json!({ "do": "text-delete", "at": at, "length": length }),
        false => {
            json!({ "do": "text-format", "at": at, "length": length, "attributes": formats(rng) })
        }
    }
}

fn formats(rng: &mut ChaCha8Rng) -> Value {
    let all = [
        json!({ "bold": true }),
        json!({ "bold": null }),
        json!({ "color": "red" }),
        json!({ "color": "blue" }),
        json!({ "link": { "to": "a" } }),
        json!({ "link": null }),
    ];
    all.choose(rng).unwrap().clone()
}

fn in_map(rng: &mut ChaCha8Rng) -> Value {
    let key = ["a", "b", "c"].choose(rng).unwrap();
    match rng.random_bool(0.7) {
        true => json!({ "do": "map-set", "key": key, "value": value(rng, 3) }),
        false => json!({ "do": "map-delete", "key": key }),
    }
}

fn in_array(rng: &mut ChaCha8Rng, length: u32) -> Value {
    if length == 0 || rng.random_bool(0.6) {
        let values: Vec<_> = (0..rng.random_range(1..4)).map(|_| value(rng, 3)).collect();
        return json!({ "do": "array-insert", "at": rng.random_range(0..=length), "values": values });
    }
    let at = rng.random_range(0..length);
    json!({ "do": "array-delete", "at": at, "length": rng.random_range(1..=(length - at).min(3)) })
}

fn in_xml(rng: &mut ChaCha8Rng, length: u32) -> Value {
    let place = rng.random_range(0..=length);
    match rng.random_range(0..5) {
        0 if place < length => json!({ "do": "xml-delete", "at": place, "length": 1 }),
        0..3 => {
            let name = ["p", "h1"].choose(rng).unwrap();
            json!({ "do": "xml-element", "at": place, "name": name })
        }
        _ => json!({ "do": "xml-text", "at": place, "text": WORDS.choose(rng).unwrap() }),
    }
}

fn in_attributes(rng: &mut ChaCha8Rng) -> Value {
    let key = ["class", "id"].choose(rng).unwrap();
    match rng.random_bool(0.7) {
        true => json!({ "do": "xml-set", "key": key, "value": WORDS.choose(rng).unwrap() }),
        false => json!({ "do": "xml-unset", "key": key }),
    }
}

/// A plain value, or a shared type that holds one.
fn value(rng: &mut ChaCha8Rng, depth: u32) -> Value {
    match rng.random_range(0..if depth == 0 { 6 } else { 10 }) {
        0 => json!(null),
        1 => json!(rng.random_bool(0.5)),
        2 => json!(rng.random_range(-100..100)),
        3 => json!(rng.random_range(-(1_i64 << 52)..1 << 52)),
        4 => json!(f64::from(rng.random_range(-1000..1000)) / 8.0),
        5 => json!(WORDS.choose(rng).unwrap()),
        6 => json!({ "plain": [value(rng, 0), { "deep": value(rng, 0) }] }),
        7 => json!({ "$text": WORDS.choose(rng).unwrap() }),
        8 => json!({ "$array": [value(rng, depth - 1), value(rng, 0)] }),
        // One entry: with more, yrs would write them in an order that changes from run to run.
        _ => json!({ "$map": { "a": value(rng, depth - 1) } }),
    }
}
