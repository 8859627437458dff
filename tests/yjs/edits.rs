//! The edits of `peer.mjs`, made in a document of ours.

use std::collections::HashMap;
use std::sync::Arc;

use driftline::yrs::types::Attrs;
use driftline::yrs::{
    Any, Array, ArrayPrelim, Doc, In, Map, MapPrelim, Out, ReadTxn, Text, TextPrelim,
    TransactionMut, Xml, XmlElementPrelim, XmlFragment, XmlOut, XmlTextPrelim,
};
use serde_json::{Value, json};

/// Defines the roots, which a document has to know before a transaction.
pub(crate) fn define_roots(doc: &Doc) {
    doc.get_or_insert_text("text");
    doc.get_or_insert_map("map");
    doc.get_or_insert_array("array");
    doc.get_or_insert_xml_fragment("xml");
}

/// Makes one edit.
pub(crate) fn perform(txn: &mut TransactionMut<'_>, edit: &Value) {
    let kind = edit["do"].as_str().unwrap();
    let default = json!([kind.split('-').next().unwrap()]);
    let path = edit.get("path").unwrap_or(&default).as_array().unwrap();
    match (kind, find(txn, path)) {
        (_, Out::YText(text)) => in_text(txn, &text, kind, edit),
        (_, Out::YXmlText(text)) => in_text(txn, &text, kind, edit),
        ("map-set", Out::YMap(map)) => {
            map.insert(txn, string(edit, "key"), input(&edit["value"]));
        }
        ("map-delete", Out::YMap(map)) => _ = map.remove(txn, &string(edit, "key")),
        ("array-insert", Out::YArray(array)) => {
            for (at, value) in (number(edit, "at")..).zip(edit["values"].as_array().unwrap()) {
                array.insert(txn, at, input(value));
            }
        }
        ("array-delete", Out::YArray(array)) => {
            array.remove_range(txn, number(edit, "at"), number(edit, "length"));
        }
        ("xml-set", Out::YXmlElement(element)) => {
            element.insert_attribute(txn, string(edit, "key"), string(edit, "value"));
        }
        ("xml-unset", Out::YXmlElement(element)) => {
            element.remove_attribute(txn, &string(edit, "key"));
        }
        (_, Out::YXmlElement(element)) => in_xml(txn, &element, kind, edit),
        (_, Out::YXmlFragment(fragment)) => in_xml(txn, &fragment, kind, edit),
        (kind, found) => panic!("{kind} in {found:?}"),
    }
}

/// A root, by the name that says of what type it is.
pub(crate) fn root_of<T: ReadTxn>(txn: &T, name: &str) -> Out {
    let root = match name {
        "text" => txn.get_text(name).map(Out::YText),
        "map" => txn.get_map(name).map(Out::YMap),
        "array" => txn.get_array(name).map(Out::YArray),
        _ => txn.get_xml_fragment(name).map(Out::YXmlFragment),
    };
    root.unwrap()
}

fn find(txn: &TransactionMut<'_>, path: &[Value]) -> Out {
    let (root, steps) = path.split_first().unwrap();
    steps.iter().fold(root_of(txn, root.as_str().unwrap()), |held, step| {
        let index = || u32::try_from(step.as_u64().unwrap()).unwrap();
        match held {
            Out::YMap(map) => map.get(txn, step.as_str().unwrap()).unwrap(),
            Out::YArray(array) => array.get(txn, index()).unwrap(),
            Out::YXmlElement(element) => child(txn, &element, index()),
            Out::YXmlFragment(fragment) => child(txn, &fragment, index()),
            other => panic!("no way on from {other:?}"),
        }
    })
}

fn child(txn: &TransactionMut<'_>, parent: &impl XmlFragment, index: u32) -> Out {
    match parent.get(txn, index).unwrap() {
        XmlOut::Element(element) => Out::YXmlElement(element),
        XmlOut::Text(text) => Out::YXmlText(text),
        XmlOut::Fragment(fragment) => Out::YXmlFragment(fragment),
    }
}

fn in_text(txn: &mut TransactionMut<'_>, text: &impl Text, kind: &str, edit: &Value) {
    let at = number(edit, "at");
    match (kind, edit.get("attributes")) {
        ("text-insert", None) => text.insert(txn, at, &string(edit, "text")),
        ("text-insert", Some(formats)) => {
            text.insert_with_attributes(txn, at, &string(edit, "text"), attributes(formats));
        }
        ("text-embed", _) => _ = text.insert_embed(txn, at, any(&edit["value"])),
        ("text-delete", _) => text.remove_range(txn, at, number(edit, "length")),
        ("text-format", Some(formats)) => {
            text.format(txn, at, number(edit, "length"), attributes(formats));
        }
        _ => panic!("{kind} in a text"),
    }
}

fn in_xml(txn: &mut TransactionMut<'_>, parent: &impl XmlFragment, kind: &str, edit: &Value) {
    let at = number(edit, "at");
    match kind {
        "xml-element" => {
            parent.insert(txn, at, XmlElementPrelim::empty(string(edit, "name")));
        }
        "xml-text" => _ = parent.insert(txn, at, XmlTextPrelim::new(string(edit, "text"))),
        "xml-delete" => parent.remove_range(txn, at, number(edit, "length")),
        _ => panic!("{kind} in XML"),
    }
}

/// A value as it goes into a map or an array.
fn input(value: &Value) -> In {
    if let Some(text) = value.get("$text") {
        return TextPrelim::new(text.as_str().unwrap()).into();
    }
    if let Some(values) = value.get("$array") {
        return ArrayPrelim::from_iter(values.as_array().unwrap().iter().map(input)).into();
    }
    if let Some(entries) = value.get("$map") {
        let entries = entries.as_object().unwrap().iter();
        return MapPrelim::from_iter(entries.map(|(key, held)| (key.as_str(), input(held)))).into();
    }
    In::Any(any(value))
}

fn any(value: &Value) -> Any {
    Any::from_json(&value.to_string()).unwrap()
}

fn attributes(formats: &Value) -> Attrs {
    let formats = formats.as_object().unwrap().iter();
    formats.map(|(key, value)| (Arc::from(key.as_str()), any(value))).collect::<HashMap<_, _>>()
}

fn number(edit: &Value, key: &str) -> u32 {
    u32::try_from(edit[key].as_u64().unwrap()).unwrap()
}

fn string(edit: &Value, key: &str) -> String {
    edit[key].as_str().unwrap().to_owned()
}
