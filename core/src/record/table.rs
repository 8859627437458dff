//! All records of a space, as they stand at one moment.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use rpds::RedBlackTreeMapSync;

use super::place::is_field;
use super::{Cell, Key, Place, Record, RowId, Value, ValueError};

/// Records by collection and key. A copy costs nothing, and stays as it is while the original goes on: what is shown
/// is such a copy, and so is what a command is tried upon.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    rows: RedBlackTreeMapSync<RowId, Row>,
}

/// A record's fields by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Row {
    cells: Arc<BTreeMap<String, Cell>>,
}

impl Table {
    /// A record, if it is there.
    ///
    /// # Errors
    /// If its fields are not those of the type.
    pub fn get<R: Record>(&self, key: impl Into<Key>) -> Result<Option<R>, ValueError> {
        let row = self.row(&RowId::new(R::COLLECTION, key));
        row.map(|row| row.to_value().to()).transpose()
    }

    /// All records of a type, by their keys.
    ///
    /// # Errors
    /// If the fields of one are not those of the type.
    pub fn all<R: Record>(&self) -> Result<Vec<R>, ValueError> {
        self.collection(R::COLLECTION).map(|(_, row)| row.to_value().to()).collect()
    }

    /// The fields of a record, if it is there.
    pub fn row(&self, id: &RowId) -> Option<&Row> {
        self.rows.get(id).filter(|row| row.is_present())
    }

    /// All records of a collection, by their keys.
    pub fn collection(&self, name: &str) -> impl Iterator<Item = (&Key, &Row)> {
        let first = RowId { collection: name.to_owned(), key: Key::Int(i64::MIN) };
        let from = self.rows.range((Bound::Included(first), Bound::Unbounded));
        let name = name.to_owned();
        let rows = from.take_while(move |(id, _)| id.collection == name);
        rows.filter(|(_, row)| row.is_present()).map(|(id, row)| (&id.key, row))
    }

    /// How a collection differs from what it was before: the records that are new or other, and the keys of those that are
    /// not there any more.
    pub fn difference(&self, before: &Self, name: &str) -> (Vec<(&Key, &Row)>, Vec<Key>) {
        let old: BTreeMap<_, _> = before.collection(name).collect();
        let now: BTreeMap<_, _> = self.collection(name).collect();
        let same = |key: &Key, row: &Row| old.get(key).is_some_and(|held| held.shows_as(row));
        let changed =
            now.iter().filter(|(key, row)| !same(key, row)).map(|(key, row)| (*key, *row));
        let removed = old.keys().filter(|key| !now.contains_key(*key)).map(|key| (*key).clone());
        (changed.collect(), removed.collect())
    }

    /// The names of all collections that hold anything.
    pub fn collections(&self) -> Vec<&str> {
        let mut names: Vec<_> = self.rows.keys().map(|id| id.collection.as_str()).collect();
        names.dedup();
        names
    }

    /// A field as it stands. Of a record that was removed, only that is known.
    pub fn cell(&self, place: &Place) -> Option<&Cell> {
        self.rows.get(&place.row)?.cells.get(&place.field)
    }

    /// Whether a record is there.
    pub fn is_present(&self, id: &RowId) -> bool {
        self.row(id).is_some()
    }

    /// All that is known of a record, also of one that was removed: its fields, and whether it is there.
    pub(crate) fn cells(&self, id: &RowId) -> impl Iterator<Item = (Place, &Cell)> {
        let cells = self.rows.get(id).into_iter().flat_map(|row| &*row.cells);
        cells.map(|(name, cell)| (id.field(name), cell))
    }

    /// Takes a whole record out.
    pub(super) fn remove(&mut self, id: &RowId) {
        self.rows.remove_mut(id);
    }

    /// Sets a field, or takes it out.
    pub(crate) fn set(&mut self, place: &Place, cell: Option<Cell>) {
        let Some(row) = self.rows.get_mut(&place.row) else {
            if let Some(cell) = cell {
                let cells = Arc::new(BTreeMap::from([(place.field.clone(), cell)]));
                self.rows.insert_mut(place.row.clone(), Row { cells });
            }
            return;
        };
        let cells = Arc::make_mut(&mut row.cells);
        match cell {
            Some(cell) => _ = cells.insert(place.field.clone(), cell),
            None => _ = cells.remove(&place.field),
        }
        if cells.is_empty() {
            self.rows.remove_mut(&place.row);
        }
    }
}

impl Row {
    /// The fields with what they hold, by their names.
    pub fn fields(&self) -> impl Iterator<Item = (&str, &Cell)> {
        let named = self.cells.iter().filter(|(name, _)| is_field(name));
        named.map(|(name, cell)| (name.as_str(), cell))
    }

    /// A field, or what else is kept under a name.
    pub(crate) fn cell(&self, name: &str) -> Option<&Cell> {
        self.cells.get(name)
    }

    /// The record as one value.
    pub fn to_value(&self) -> Value {
        let fields = self.fields();
        Value::Map(fields.map(|(name, cell)| (name.to_owned(), cell.value().clone())).collect())
    }

    /// Whether both hold the same values, by whomever.
    fn shows_as(&self, other: &Self) -> bool {
        let values = |row: &Self| {
            row.fields()
                .map(|(name, cell)| (name.to_owned(), cell.value().clone()))
                .collect::<Vec<_>>()
        };
        Arc::ptr_eq(&self.cells, &other.cells) || values(self) == values(other)
    }

    fn is_present(&self) -> bool {
        self.cells.get("").is_some_and(|cell| *cell.value() == Value::Bool(true))
    }
}
