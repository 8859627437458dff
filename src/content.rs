//! What a document holds, as JSON.
//!
//! A Yjs document does not say of what type its roots are; an app knows. Here they are read as what their content
//! looks like. Whether that is text is found out first: yrs may not come to an end when it reads text as an array.

use serde_json::{Map, Value};
use yrs::types::{AsPrelim, ToJson};
use yrs::{Any, ArrayRef, GetString, In, MapRef, Out, ReadTxn, TextRef, XmlTextRef};

/// The root that the command line types into, and takes for text.
pub const BODY: &str = "body";

/// All roots by name. `body` is text, if it can be.
pub fn whole(txn: &impl ReadTxn) -> Value {
    let entries = roots(txn).into_iter();
    let entries = entries.filter_map(|name| root(txn, &name).map(|value| (name, value)));
    Value::Object(entries.collect::<Map<_, _>>())
}

/// The names of all roots.
pub fn roots(txn: &impl ReadTxn) -> Vec<String> {
    let mut names: Vec<_> = txn.root_refs().map(|(name, _)| name.to_owned()).collect();
    names.sort_unstable();
    names
}

/// One root, if it is there.
pub fn root(txn: &impl ReadTxn, name: &str) -> Option<Value> {
    let value = serde_json::to_value(read(txn.get(name)?, txn)).unwrap_or_default();
    // What holds nothing looks like an empty map or array.
    let holds_nothing =
        value.as_array().is_some_and(Vec::is_empty) || value.as_object().is_some_and(Map::is_empty);
    Some(if name == BODY && holds_nothing { Value::String(String::new()) } else { value })
}

/// The text of `body`; empty if there is none.
pub fn body(txn: &impl ReadTxn) -> String {
    match root(txn, BODY) {
        Some(Value::String(text)) => text,
        _ => String::new(),
    }
}

fn read(root: Out, txn: &impl ReadTxn) -> Any {
    let Out::UndefinedRef(branch) = root else { return root.to_json(txn) };
    match Out::UndefinedRef(branch).as_prelim(txn) {
        In::Text(_) => TextRef::from(branch).get_string(txn).into(),
        In::XmlText(_) => XmlTextRef::from(branch).get_string(txn).into(),
        In::Array(_) | In::XmlElement(_) => ArrayRef::from(branch).to_json(txn),
        _ => MapRef::from(branch).to_json(txn),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use yrs::updates::decoder::Decode;
    use yrs::{Array, Doc, Map as _, StateVector, Text, Transact, Update};

    use super::*;

    /// The same document on a device that knows of no root's type.
    fn elsewhere(doc: &Doc) -> Doc {
        let state = doc.transact().encode_state_as_update_v1(&StateVector::default());
        let other = Doc::new();
        other.transact_mut().apply_update(Update::decode_v1(&state).unwrap()).unwrap();
        other
    }

    #[test]
    fn roots_are_read_as_what_they_look_like() {
        let doc = Doc::new();
        let (body, map) = (doc.get_or_insert_text("body"), doc.get_or_insert_map("settings"));
        let array = doc.get_or_insert_array("list");
        let mut txn = doc.transact_mut();
        body.push(&mut txn, "an emoji 🦀");
        map.insert(&mut txn, "dark", true);
        array.push_back(&mut txn, "milk");
        drop(txn);
        let other = elsewhere(&doc);
        let expected =
            json!({ "body": "an emoji 🦀", "settings": { "dark": true }, "list": ["milk"] });
        assert_eq!(whole(&other.transact()), expected);
        assert_eq!(whole(&doc.transact()), expected);
    }

    #[test]
    fn a_body_whose_text_was_deleted_is_an_empty_text() {
        let doc = Doc::new();
        let text = doc.get_or_insert_text("body");
        text.push(&mut doc.transact_mut(), "gone");
        text.remove_range(&mut doc.transact_mut(), 0, 4);
        assert_eq!(whole(&elsewhere(&doc).transact()), json!({ "body": "" }));
    }
}
