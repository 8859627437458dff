//! What a document says, in the canonical JSON that `peer.mjs` gives too.

use driftline::yrs::Xml;
use driftline::yrs::types::text::YChange;
use driftline::yrs::types::{Attrs, ToJson};
use driftline::yrs::{
    Any, Array, Doc, GetString, Map, Number, Out, ReadTxn, Text, Transact, XmlElementRef,
    XmlFragment, XmlOut,
};
use serde_json::{Map as Object, Value, json};

/// The four roots.
pub(crate) fn content(doc: &Doc) -> Value {
    let (text, map) = (doc.get_or_insert_text("text"), doc.get_or_insert_map("map"));
    let (array, xml) = (doc.get_or_insert_array("array"), doc.get_or_insert_xml_fragment("xml"));
    let txn = doc.transact();
    let nodes: Vec<_> = xml.children(&txn).map(|child| node(&child, &txn)).collect();
    json!({
        "text": delta(&text, &txn),
        "map": plain(&Out::YMap(map), &txn),
        "array": plain(&Out::YArray(array), &txn),
        "xml": nodes,
    })
}

/// Runs of text, neighbours with equal formats joined.
fn delta<T: ReadTxn>(text: &impl Text, txn: &T) -> Value {
    let mut runs: Vec<(Value, Value)> = Vec::new();
    for run in text.diff(txn, YChange::identity) {
        let insert = plain(&run.insert, txn);
        let formats = run.attributes.map(|formats| attributes(&formats)).unwrap_or_default();
        match (runs.last_mut(), &insert) {
            (Some((Value::String(before), same)), Value::String(more)) if *same == formats => {
                before.push_str(more);
            }
            _ => runs.push((insert, formats)),
        }
    }
    let run = |(insert, formats): (Value, Value)| match formats {
        Value::Null => json!({ "insert": insert }),
        formats => json!({ "insert": insert, "attributes": formats }),
    };
    runs.into_iter().map(run).collect()
}

fn attributes(formats: &Attrs) -> Value {
    let formats: Object<_, _> =
        formats.iter().map(|(key, value)| (key.to_string(), any(value))).collect();
    if formats.is_empty() { Value::Null } else { Value::Object(formats) }
}

fn plain<T: ReadTxn>(value: &Out, txn: &T) -> Value {
    match value {
        Out::Any(value) => any(value),
        Out::YText(text) => text.get_string(txn).into(),
        Out::YArray(array) => array.iter(txn).map(|held| plain(&held, txn)).collect(),
        Out::YMap(map) => {
            map.iter(txn).map(|(key, held)| (key.to_owned(), plain(&held, txn))).collect()
        }
        other => any(&other.to_json(txn)),
    }
}

fn any(value: &Any) -> Value {
    match value {
        Any::Null | Any::Undefined => Value::Null,
        Any::Number(Number::Int(number)) => json!(number),
        Any::Number(Number::Float(number)) => number_of(*number),
        Any::Array(values) => values.iter().map(any).collect(),
        Any::Map(entries) => entries.iter().map(|(key, held)| (key.clone(), any(held))).collect(),
        other => serde_json::to_value(other).unwrap(),
    }
}

/// JavaScript has one kind of number: 1.0 is 1.
fn number_of(number: f64) -> Value {
    let whole = number.fract() == 0.0 && number.abs() < 2_f64.powi(53);
    if whole { json!(number as i64) } else { json!(number) }
}

fn node<T: ReadTxn>(node: &XmlOut, txn: &T) -> Value {
    match node {
        XmlOut::Text(text) => json!({ "text": delta(text, txn) }),
        XmlOut::Element(element) => element_of(element, txn),
        XmlOut::Fragment(_) => unreachable!("no fragment is ever put into another"),
    }
}

fn element_of<T: ReadTxn>(element: &XmlElementRef, txn: &T) -> Value {
    let attributes: Object<_, _> =
        element.attributes(txn).map(|(key, held)| (key.to_owned(), plain(&held, txn))).collect();
    let children: Vec<_> = element.children(txn).map(|child| node(&child, txn)).collect();
    json!({ "name": &**element.tag(), "attributes": attributes, "children": children })
}
