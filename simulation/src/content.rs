//! What a person would see in a document, in one form: never judged by state vector.

use std::collections::HashMap;
use std::fmt::Write;

use yrs::{Any, GetString, ReadTxn, Transact, types::ToJson};

/// The content of a document, with the fields of the map in order.
pub fn canonical(doc: &yrs::Doc) -> String {
    let txn = doc.transact();
    let body = txn.get_text("body").map(|text| text.get_string(&txn)).unwrap_or_default();
    // A root that is not there yet is an empty one.
    let nothing = || Any::from(Vec::<Any>::new());
    let fields = txn.get_map("fields").map(|map| map.to_json(&txn));
    let fields = fields.unwrap_or_else(|| Any::from(HashMap::<String, Any>::new()));
    let items = txn.get_array("items").map_or_else(nothing, |list| list.to_json(&txn));
    let mut content = format!("{body:?}");
    for part in [fields, items] {
        content.push(' ');
        write(&part, &mut content);
    }
    content
}

fn write(any: &Any, out: &mut String) {
    match any {
        Any::Map(map) => {
            let mut fields: Vec<_> = map.iter().collect();
            fields.sort_by_key(|(name, _)| *name);
            out.push('{');
            for (name, value) in fields {
                // Writing to a string can't fail.
                _ = write!(out, "{name:?}:");
                write(value, out);
                out.push(',');
            }
            out.push('}');
        }
        Any::Array(items) => {
            out.push('[');
            for item in items.iter() {
                write(item, out);
                out.push(',');
            }
            out.push(']');
        }
        other => _ = write!(out, "{other}"),
    }
}
