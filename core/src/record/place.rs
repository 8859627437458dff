//! Where a value stands.

use std::fmt;

use bincode::{Decode, Encode};
use serde::Serialize;

use crate::command::MARK;

/// What tells one record of a collection from another.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode, Serialize)]
#[serde(untagged)]
pub enum Key {
    /// A number.
    Int(i64),
    /// A text.
    Text(String),
}

/// A record, by its collection and key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode, Serialize)]
pub struct RowId {
    /// The collection.
    pub collection: String,
    /// The key in it.
    pub key: Key,
}

/// A field of a record.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode, Serialize)]
pub struct Place {
    /// The record.
    #[serde(flatten)]
    pub row: RowId,
    /// The field's name; the empty one says whether the record is there.
    pub field: String,
}

impl RowId {
    /// The record of that key.
    pub fn new(collection: &str, key: impl Into<Key>) -> Self {
        Self { collection: collection.to_owned(), key: key.into() }
    }

    /// One of its fields.
    pub fn field(&self, name: &str) -> Place {
        Place { row: self.clone(), field: name.to_owned() }
    }

    /// The place that says whether the record is there.
    pub(crate) fn presence(&self) -> Place {
        self.field("")
    }
}

impl Place {
    /// Whether this is one of the fields that the app has declared.
    pub(crate) fn is_field(&self) -> bool {
        is_field(&self.field)
    }

    /// Whether this says if the record is there.
    pub fn is_presence(&self) -> bool {
        self.field.is_empty()
    }
}

/// Whether that is the name of a field that the app has declared.
pub(super) fn is_field(name: &str) -> bool {
    !name.is_empty() && !name.starts_with(MARK)
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Int(number) => number.fmt(f),
            Self::Text(text) => f.write_str(text),
        }
    }
}

impl fmt::Display for RowId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.collection, self.key)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.is_presence() {
            true => self.row.fmt(f),
            false => write!(f, "{}.{}", self.row, self.field),
        }
    }
}

impl From<i64> for Key {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}

impl From<i32> for Key {
    fn from(number: i32) -> Self {
        Self::Int(number.into())
    }
}

impl From<u32> for Key {
    fn from(number: u32) -> Self {
        Self::Int(number.into())
    }
}

impl From<String> for Key {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<&str> for Key {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}
