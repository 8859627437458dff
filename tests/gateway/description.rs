//! The gateway's own description of what it answers, held against what it does answer.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::anchor::Anchor;
use crate::plain::{Answer, ask};

pub(crate) struct Description {
    api: Value,
    seen: BTreeSet<String>,
}

impl Description {
    pub(crate) fn of(anchor: &Anchor) -> Self {
        let api = ask(anchor.port(), "GET", "/v1/openapi.json", &[], &[]).json();
        Self { api, seen: BTreeSet::new() }
    }

    /// Holds an answer against what is described.
    pub(crate) fn fits(&mut self, method: &str, path: &str, answer: &Answer) {
        let what = format!("{method} {path} {}", answer.status);
        let described = &self.api["paths"][path][method]["responses"][answer.status.to_string()];
        let described = self.resolved(described);
        assert!(described.is_object(), "{what} is not described");
        if let Some(contents) = described["content"].as_object() {
            let kind = answer.header("content-type").split(';').next().unwrap();
            let content = contents.get(kind);
            let content = content.unwrap_or_else(|| panic!("{what}: {kind} is not described"));
            if content.get("schema").is_some() {
                self.holds(&content["schema"], &answer.json(), &what);
            }
        }
        self.seen.insert(what);
    }

    /// What is described and was never answered.
    pub(crate) fn unseen(&self) -> Vec<String> {
        let mut unseen = Vec::new();
        for (path, methods) in self.api["paths"].as_object().unwrap() {
            for method in ["get", "post"] {
                let responses = methods[method]["responses"].as_object();
                let statuses = responses.into_iter().flat_map(|responses| responses.keys());
                unseen.extend(statuses.map(|status| format!("{method} {path} {status}")));
            }
        }
        unseen.retain(|what| !self.seen.contains(what));
        unseen.sort();
        unseen
    }

    /// Whether a value is as a schema says: as much of JSON Schema as the description uses.
    fn holds(&self, schema: &Value, value: &Value, what: &str) {
        let schema = self.resolved(schema);
        let types = match &schema["type"] {
            Value::String(one) => vec![one.as_str()],
            several => several.as_array().into_iter().flatten().filter_map(Value::as_str).collect(),
        };
        let is = match value {
            Value::Null => "null",
            Value::Bool(_) => "boolean",
            Value::Number(_) => "integer",
            Value::String(_) => "string",
            Value::Array(_) => "array",
            Value::Object(_) => "object",
        };
        assert!(types.contains(&is), "{what}: {value} is no {types:?}");
        for required in schema["required"].as_array().into_iter().flatten() {
            assert!(
                value.get(required.as_str().unwrap()).is_some(),
                "{what}: {value} lacks {required}"
            );
        }
        for (name, property) in schema["properties"].as_object().into_iter().flatten() {
            if let Some(value) = value.get(name) {
                self.holds(property, value, what);
            }
        }
        if schema["items"].is_object() {
            value
                .as_array()
                .unwrap()
                .iter()
                .for_each(|item| self.holds(&schema["items"], item, what));
        }
    }

    fn resolved<'a>(&'a self, described: &'a Value) -> &'a Value {
        match described["$ref"].as_str() {
            Some(reference) => self.api.pointer(reference.trim_start_matches('#')).unwrap(),
            None => described,
        }
    }
}
