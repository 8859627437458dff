//! What a handler works with: records as they stand, and what it does to them.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::resume_unwind;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::footprint::{Footprint, Scope};
use super::{CommandId, Effect, Failure};
use crate::clock::WallTime;
use crate::id::{DeviceId, Hash};
use crate::record::{Change, Field, Key, Place, Record, RowId, Table, Value, ValueError};
use crate::roster::Rank;

/// How many things a handler may ask for.
const MAX_STEPS: u64 = 100_000;

/// Where a handler runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// On a device, to predict what will come of it.
    Device,
    /// On the anchor, for good.
    Anchor,
}

/// Whose command it is that runs, and when.
#[derive(Clone, Debug)]
pub(super) struct Setting {
    pub(super) command: CommandId,
    pub(super) author: DeviceId,
    pub(super) rank: Option<Rank>,
    pub(super) at: WallTime,
    pub(super) side: Side,
}

/// The records as a command finds them, with what it has done to them so far.
///
/// What the handler reads before it writes, it knows: a write to a field that was read never conflicts. A *blind* write
/// does, when somebody whom the author had not seen wrote the field before. Reading afterwards what was written does not
/// make it less blind.
///
/// A handler that takes more than 100,000 steps, or reads a record as something that it is not, is ended there; its
/// command [fails](Failure), and the next goes on.
#[derive(Debug)]
pub struct Transaction<'a> {
    table: &'a Table,
    setting: &'a Setting,
    /// Fields that others keep: nothing that is written to them stands.
    pinned: &'a BTreeSet<Place>,
    footprint: Footprint,
    steps: u64,
    ids: u64,
}

/// What a handler that is ended early unwinds with.
pub(super) struct Halt(pub(super) Failure);

impl<'a> Transaction<'a> {
    pub(super) fn new(table: &'a Table, setting: &'a Setting, pinned: &'a BTreeSet<Place>) -> Self {
        Self { table, setting, pinned, footprint: Footprint::default(), steps: 0, ids: 0 }
    }

    pub(super) fn into_footprint(self) -> Footprint {
        self.footprint
    }

    /// A record, if it is there: all its fields count as read.
    pub fn get<R: Record>(&mut self, key: impl Into<Key>) -> Option<R> {
        let row = RowId::new(R::COLLECTION, key);
        self.footprint.read(Scope::Row(row.clone()));
        self.row(&row).map(|value| fits(&row, value.to()))
    }

    /// All records of a type, by their keys: the whole collection counts as read.
    pub fn all<R: Record>(&mut self) -> Vec<R> {
        self.footprint.read(Scope::Collection(R::COLLECTION.to_owned()));
        let stored = self.table.collection(R::COLLECTION).map(|(key, _)| key.clone());
        let written = self.footprint.writes.keys().map(|place| &place.row);
        let here = written.filter(|row| row.collection == R::COLLECTION);
        let keys: BTreeSet<_> = stored.chain(here.map(|row| row.key.clone())).collect();
        let rows = keys.into_iter().map(|key| RowId::new(R::COLLECTION, key));
        rows.filter_map(|row| Some(fits(&row, self.row(&row)?.to()))).collect()
    }

    /// One field of a record, if that is there.
    pub fn read<R: Record, T: DeserializeOwned>(
        &mut self,
        key: impl Into<Key>,
        field: Field<R, T>,
    ) -> Option<T> {
        let row = RowId::new(R::COLLECTION, key);
        let place = row.field(field.name());
        self.footprint.read(Scope::Field(row.presence()));
        self.footprint.read(Scope::Field(place.clone()));
        let there = self.value(&row.presence()) == Value::Bool(true);
        there.then(|| fits(&place, self.value(&place).to()))
    }

    /// Whether a record is there; nothing else of it counts as read.
    pub fn exists<R: Record>(&mut self, key: impl Into<Key>) -> bool {
        let presence = RowId::new(R::COLLECTION, key).presence();
        let there = self.value(&presence) == Value::Bool(true);
        self.footprint.read(Scope::Field(presence));
        there
    }

    /// Writes a whole record, and makes it if it is not there. If it is there, and was not [read](Self::get), this is a
    /// blind write of every field, also of those that hold the same already: to change one, [`write`](Self::write) it.
    pub fn put<R: Record>(&mut self, record: &R) {
        let row = RowId::new(R::COLLECTION, record.key());
        let Value::Map(fields) = fits(&row, Value::of(record)) else {
            halt_at(&row, &"a record is a struct with named fields");
        };
        self.make(&row);
        for (name, value) in fields {
            self.change(row.field(&name), Change::Set(value));
        }
    }

    /// Writes one field of a record, and makes the record if it is not there: then the other fields hold nothing.
    pub fn write<R: Record, T: Serialize>(
        &mut self,
        key: impl Into<Key>,
        field: Field<R, T>,
        value: &T,
    ) {
        let row = RowId::new(R::COLLECTION, key);
        let place = row.field(field.name());
        let value = fits(&place, Value::of(value));
        self.make(&row);
        self.change(place, Change::Set(value));
    }

    /// Adds to a number, in whatever order others do.
    pub fn add<R: Record>(&mut self, key: impl Into<Key>, field: Field<R, i64>, more: i64) {
        self.merge(RowId::new(R::COLLECTION, key), field.name(), Change::Add(more));
    }

    /// Puts something into a set, whatever others put in or take out.
    pub fn include<R: Record, T: Serialize>(
        &mut self,
        key: impl Into<Key>,
        field: Field<R, Vec<T>>,
        item: &T,
    ) {
        let row = RowId::new(R::COLLECTION, key);
        let item = fits(&row, Value::of(item));
        self.merge(row, field.name(), Change::Include(item));
    }

    /// Takes something out of a set, whatever others put in or take out.
    pub fn exclude<R: Record, T: Serialize>(
        &mut self,
        key: impl Into<Key>,
        field: Field<R, Vec<T>>,
        item: &T,
    ) {
        let row = RowId::new(R::COLLECTION, key);
        let item = fits(&row, Value::of(item));
        self.merge(row, field.name(), Change::Exclude(item));
    }

    /// Takes a record away, with all that it holds. It conflicts as a write of all its fields would: where the policy of
    /// one of them is for what somebody wrote whom the author had not seen, the record stays.
    pub fn remove<R: Record>(&mut self, key: impl Into<Key>) {
        self.take_away(&RowId::new(R::COLLECTION, key));
    }

    /// From now on nobody overrules what the field holds: it is paid, or shipped. Who had not seen that is refused, and
    /// who had may still write it. It seals whatever the field holds when the command is decided; where that matters,
    /// read it first.
    pub fn seal<R: Record, T>(&mut self, key: impl Into<Key>, field: Field<R, T>) {
        self.step();
        let place = RowId::new(R::COLLECTION, key).field(field.name());
        self.footprint.lean(place.row.presence());
        if self.footprint.did_clear(&place.row) {
            self.change(place.clone(), Change::Keep);
        }
        self.footprint.writes.entry(place).or_default().seal = true;
    }

    /// Asks for something to happen once, outside: if the command stands, the app on the anchor gets it as a task.
    pub fn effect<E: Effect>(&mut self, effect: &E) {
        self.step();
        let value = fits(&E::NAME, Value::of(effect));
        self.footprint.effects.push((E::NAME.to_owned(), value));
    }

    /// Whose command it is.
    pub fn author(&self) -> DeviceId {
        self.setting.author
    }

    /// The author's rank.
    pub fn rank(&self) -> Option<&Rank> {
        self.setting.rank.as_ref()
    }

    /// The time: the anchor's when it decides, the author's before.
    pub fn now(&self) -> WallTime {
        self.setting.at
    }

    /// Where this runs. What depends on it can't be predicted.
    pub fn side(&self) -> Side {
        self.setting.side
    }

    /// The command's id.
    pub fn command(&self) -> CommandId {
        self.setting.command
    }

    /// A new id, the same whenever and wherever this command runs.
    pub fn new_id(&mut self) -> String {
        self.ids += 1;
        let CommandId { chain, number } = self.setting.command;
        let parts: [&[u8]; 3] = [&chain.0, &number.to_le_bytes(), &self.ids.to_le_bytes()];
        Hash::of("driftline new id 1", &parts).to_string()[..26].to_owned()
    }

    /// Sets a field of a record, by its name alone.
    pub(super) fn set(&mut self, place: Place, value: Value) {
        self.make(&place.row);
        self.change(place, Change::Set(value));
    }

    /// Takes a record away, by its name alone.
    pub(super) fn take_away(&mut self, row: &RowId) {
        self.change(row.presence(), Change::Set(Value::Bool(false)));
        if !self.pinned.contains(&row.presence()) {
            self.footprint.clear(row);
        }
    }

    fn make(&mut self, row: &RowId) {
        let presence = row.presence();
        if self.value(&presence) != Value::Bool(true) {
            self.change(presence, Change::Set(Value::Bool(true)));
        } else {
            self.footprint.lean(presence);
        }
    }

    fn merge(&mut self, row: RowId, field: &str, change: Change) {
        self.make(&row);
        self.change(row.field(field), change);
    }

    fn change(&mut self, place: Place, change: Change) {
        self.step();
        let anew = self.footprint.did_clear(&place.row) && !place.is_presence();
        let change = if anew { Change::Set(change.applied(&self.current(&place))) } else { change };
        let table = self.table;
        let at = place.clone();
        self.footprint.change(place, change, || stored(table, &at));
    }

    fn row(&mut self, row: &RowId) -> Option<Value> {
        self.step();
        if self.value(&row.presence()) != Value::Bool(true) {
            return None;
        }
        let stored = self.table.row(row).filter(|_| !self.footprint.did_clear(row));
        let mut fields = match stored.map(|row| row.to_value()) {
            Some(Value::Map(fields)) => fields,
            _ => BTreeMap::new(),
        };
        let written = self.footprint.writes.range(row.presence()..);
        for (place, _) in written.take_while(|(place, _)| place.row == *row) {
            if place.is_field() {
                fields.insert(place.field.clone(), self.current(place));
            }
        }
        Some(Value::Map(fields))
    }

    fn value(&mut self, place: &Place) -> Value {
        self.step();
        self.current(place)
    }

    fn current(&self, place: &Place) -> Value {
        let cleared = self.footprint.did_clear(&place.row) && !place.is_presence();
        let stored = if cleared { Value::Null } else { stored(self.table, place) };
        match self.footprint.writes.get(place) {
            Some(write) if !self.pinned.contains(place) => write.change.applied(&stored),
            _ => stored,
        }
    }

    fn step(&mut self) {
        self.steps += 1;
        if self.steps > MAX_STEPS {
            halt(Failure::TooManySteps);
        }
    }
}

fn stored(table: &Table, place: &Place) -> Value {
    table.cell(place).map(|cell| cell.value().clone()).unwrap_or_default()
}

fn fits<T>(place: &impl ToString, read: Result<T, ValueError>) -> T {
    match read {
        Ok(read) => read,
        Err(error) => halt_at(place, &error),
    }
}

fn halt_at(place: &impl ToString, what: &impl ToString) -> ! {
    halt(Failure::BadRecord { place: place.to_string(), what: what.to_string() })
}

/// Ends the handler here. It unwinds as a panic would, so that handlers need no error that they can do nothing about.
fn halt(failure: Failure) -> ! {
    resume_unwind(Box::new(Halt(failure)))
}
