//! Records from data that lives elsewhere: the app on the anchor publishes them, and what changes there comes down like
//! any command, decided by the same policies.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{Call, Command, Handler, Transaction};
use crate::id::Hash;
use crate::record::{Key, Record, RowId, Table, Value, ValueError};

/// What the names of the engine's own commands begin with. Only whoever decides may give them.
const OWN: &str = "driftline/";

/// What the field begins with in which a record keeps what a source published of it last.
pub(crate) const MARK: char = '@';

/// How much of what is to be published goes into one command, in bytes.
const PORTION: usize = 128 << 10;

/// A row of data that lives elsewhere: of a table of a database, say. Several types may feed one collection.
///
/// ```
/// use driftline_core::command::Source;
/// # use driftline_core::record::Record;
/// # #[derive(serde::Serialize, serde::Deserialize, Record)]
/// # #[record(crate = "driftline_core")]
/// # struct WorkItem { #[key] id: String, title: String }
///
/// struct TicketRow {
///     id: i64,
///     subject: String,
/// }
///
/// impl Source for TicketRow {
///     const NAME: &'static str = "tickets";
///     type Record = WorkItem;
///
///     fn project(&self) -> WorkItem {
///         WorkItem { id: format!("ticket-{}", self.id), title: self.subject.clone() }
///     }
/// }
/// ```
pub trait Source {
    /// What tells it from others that feed the same collection, for ever.
    const NAME: &'static str;

    /// The record that it comes to. Which bucket that is in, it says itself.
    type Record: Record;

    /// The row as a record.
    fn project(&self) -> Self::Record;
}

/// What changed at a source: the command by which it comes down.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Publish {
    source: String,
    collection: String,
    changed: Vec<Published>,
    gone: Vec<Value>,
}

/// A record of which a source says something new.
#[derive(Debug, Serialize, Deserialize)]
struct Published {
    key: Value,
    /// The fields that are other than it said last.
    fields: BTreeMap<String, Value>,
    /// What all of its fields hash to.
    hashes: Value,
}

impl Command for Publish {
    const NAME: &'static str = "driftline/publish";
    type Output = ();
    type Refusal = ();
}

impl Handler for Publish {
    fn run(&self, tx: &mut Transaction<'_>) -> Result<(), ()> {
        let row =
            |key: &Value| Some(RowId { collection: self.collection.clone(), key: key_of(key)? });
        for Published { key, fields, hashes } in &self.changed {
            let Some(row) = row(key) else { continue };
            for (name, value) in fields {
                tx.set(row.field(name), value.clone());
            }
            tx.set(row.field(&mark(&self.source)), hashes.clone());
        }
        self.gone.iter().filter_map(row).for_each(|row| tx.take_away(&row));
        Ok(())
    }
}

impl Publish {
    /// What is to be given so that records come to what a source says now, in portions; nothing if it says nothing new.
    pub(crate) fn what_changed(
        table: &Table,
        (source, collection): (&str, &str),
        rows: Vec<(Key, Value)>,
    ) -> Vec<Self> {
        let mut portions = Portions { source, collection, full: Vec::new(), last: None, bytes: 0 };
        let mut there = BTreeSet::new();
        for (key, record) in rows {
            let row = RowId { collection: collection.to_owned(), key: key.clone() };
            if let Some(published) = Published::of(table, &row, source, record) {
                portions.room_for(published.size()).changed.push(published);
            }
            there.insert(key);
        }
        let before = table.collection(collection);
        let marked = before.filter(|(_, row)| row.cell(&mark(source)).is_some());
        let gone = marked.map(|(key, _)| key).filter(|key| !there.contains(*key));
        for key in gone {
            portions.room_for(64).gone.push(value_of(key));
        }
        portions.full.into_iter().chain(portions.last).collect()
    }
}

/// What is to be published, in commands of a good size.
struct Portions<'a> {
    source: &'a str,
    collection: &'a str,
    full: Vec<Publish>,
    last: Option<Publish>,
    bytes: usize,
}

impl Portions<'_> {
    /// The command that takes in the next so many bytes.
    fn room_for(&mut self, bytes: usize) -> &mut Publish {
        if self.bytes + bytes > PORTION {
            self.full.extend(self.last.take());
            self.bytes = 0;
        }
        self.bytes += bytes;
        let (source, collection) = (self.source.to_owned(), self.collection.to_owned());
        self.last.get_or_insert_with(|| Publish { source, collection, ..Publish::default() })
    }
}

impl Published {
    /// What is new in a record; nothing if nothing is.
    fn of(table: &Table, row: &RowId, source: &str, record: Value) -> Option<Self> {
        let Value::Map(fields) = record else { return None };
        let hash = |value: &Value| {
            let hash = Hash::of("driftline published field 1", &[value.to_string().as_bytes()]);
            Value::Text(hash.to_string()[..13].to_owned())
        };
        let hashes: BTreeMap<_, _> =
            fields.iter().map(|(name, value)| (name.clone(), hash(value))).collect();
        let known = table.row(row).and_then(|held| held.cell(&mark(source)));
        let known = known.map(|cell| cell.value().clone());
        let said = |name: &String| match &known {
            Some(Value::Map(known)) => known.get(name) == hashes.get(name),
            _ => false,
        };
        let fresh: BTreeMap<_, _> = fields.into_iter().filter(|(name, _)| !said(name)).collect();
        let news = !fresh.is_empty() || known.as_ref() != Some(&Value::Map(hashes.clone()));
        let key = value_of(&row.key);
        news.then_some(Self { key, fields: fresh, hashes: Value::Map(hashes) })
    }

    fn size(&self) -> usize {
        let fields = self.fields.iter().map(|(name, value)| name.len() + value.to_string().len());
        fields.sum::<usize>() + self.hashes.to_string().len() + 64
    }
}

impl Call {
    /// Whether it is one of the engine's own, which only whoever decides may give.
    pub(crate) fn is_of_engine(&self) -> bool {
        self.name.starts_with(OWN)
    }
}

/// Rows as they are published.
///
/// # Errors
/// If one can't be kept: it has fractions, say.
pub fn projected<S: Source>(
    rows: impl IntoIterator<Item = S>,
) -> Result<Vec<(Key, Value)>, ValueError> {
    let rows = rows.into_iter().map(|row| row.project());
    rows.map(|record| Ok((record.key().into(), Value::of(&record)?))).collect()
}

/// The field that keeps what a source said last.
fn mark(source: &str) -> String {
    format!("{MARK}{source}")
}

fn key_of(value: &Value) -> Option<Key> {
    match value {
        Value::Int(number) => Some(Key::Int(*number)),
        Value::Text(text) => Some(Key::Text(text.clone())),
        _ => None,
    }
}

fn value_of(key: &Key) -> Value {
    match key {
        Key::Int(number) => Value::Int(*number),
        Key::Text(text) => Value::Text(text.clone()),
    }
}
