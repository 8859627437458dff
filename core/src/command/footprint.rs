//! What a handler touched: what it did, and what that depends upon.

use std::collections::{BTreeMap, BTreeSet};

use crate::record::{Change, Place, RowId, Value, Write};

/// What a handler touched.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Footprint {
    /// What it does to fields.
    pub(super) writes: BTreeMap<Place, Write>,
    /// Fields that it sets without having read them before.
    blind: BTreeSet<Place>,
    /// What it read.
    reads: BTreeSet<Scope>,
    /// What it depends upon and was not told.
    leans: BTreeSet<Scope>,
    /// Records that it took away: whatever they held is gone, also if it makes them anew.
    cleared: BTreeSet<RowId>,
    /// What it asks for outside, by its kind.
    pub(super) effects: Vec<(String, Value)>,
}

/// Something that can matter to a handler.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Scope {
    Collection(String),
    Row(RowId),
    Field(Place),
}

impl Footprint {
    /// The handler is told what is there.
    pub(super) fn read(&mut self, scope: Scope) {
        self.reads.insert(scope);
    }

    /// The handler is not told what is there, but what it does depends on it.
    pub(super) fn lean(&mut self, place: Place) {
        self.leans.insert(Scope::Field(place));
    }

    /// The handler changes a field that holds `stored`.
    pub(super) fn change(&mut self, place: Place, change: Change, stored: impl FnOnce() -> Value) {
        let before = self.writes.get(&place).map(|write| write.change.clone()).unwrap_or_default();
        let sets = |change: &Change| matches!(change, Change::Set(_));
        if sets(&change) && !sets(&before) && !self.did_read(&place) {
            self.blind.insert(place.clone());
        }
        // What was written earlier in this run is what this goes on from.
        let change = match (before, change) {
            (Change::Keep, change) => change,
            (Change::Add(a), Change::Add(b)) => Change::Add(a.saturating_add(b)),
            (_, Change::Set(value)) => Change::Set(value),
            (before, change) => {
                self.reads.insert(Scope::Field(place.clone()));
                Change::Set(change.applied(&before.applied(&stored())))
            }
        };
        self.writes.entry(place).or_default().change = change;
    }

    /// The handler takes a record away, with all that it did to its fields.
    pub(super) fn clear(&mut self, row: &RowId) {
        self.writes.retain(|place, _| place.row != *row || place.is_presence());
        self.leans.insert(Scope::Row(row.clone()));
        self.cleared.insert(row.clone());
    }

    /// Whether the handler took the record away, and perhaps made it anew.
    pub(super) fn did_clear(&self, row: &RowId) -> bool {
        self.cleared.contains(row)
    }

    /// Records that the handler took away.
    pub(super) fn cleared(&self) -> impl Iterator<Item = &RowId> {
        self.cleared.iter()
    }

    /// Whether the handler knew what it wrote over.
    pub(super) fn knew(&self, place: &Place) -> bool {
        self.did_read(place) && !self.blind.contains(place)
    }

    fn did_read(&self, place: &Place) -> bool {
        Scope::around(place).iter().any(|scope| self.reads.contains(scope))
    }

    /// All that mattered to what the handler did, and to what became of that.
    pub(super) fn touched(self) -> impl Iterator<Item = Scope> {
        let written = self.writes.into_keys().map(Scope::Field);
        self.reads.into_iter().chain(self.leans).chain(written)
    }
}

impl Scope {
    /// A field, its record, and the collection of that.
    pub(super) fn around(place: &Place) -> [Self; 3] {
        let row = place.row.clone();
        [Self::Collection(row.collection.clone()), Self::Row(row), Self::Field(place.clone())]
    }
}
