//! Records, as an app sees them and how they change.

use std::marker::PhantomData;

use driftline_core::record::{Key, Record, Table, ValueError};
use tokio::sync::watch;

use super::Space;
use super::answers::AnswerError;
use crate::engine::{EngineGone, Shown};

/// The records of a space as they were at one moment. It is cheap to take, and to keep.
#[derive(Clone, Debug)]
pub struct View {
    shown: Shown,
}

/// Hears how the records of one type change: see [`Space::watch`].
pub struct Watch<R> {
    shown: watch::Receiver<Shown>,
    last: Table,
    record: PhantomData<fn() -> R>,
}

/// The records of a space as they change: see [`Space::views`].
pub struct Views {
    shown: watch::Receiver<Shown>,
}

/// One step from what was shown to what is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference<R> {
    /// Records that were not there before, and such that are other than before.
    pub changed: Vec<R>,
    /// The keys of those that are not there any more.
    pub removed: Vec<Key>,
}

impl View {
    /// A record, if it is there, with what is not decided yet.
    ///
    /// # Errors
    /// If its fields are not those of the type.
    pub fn get<R: Record>(&self, key: impl Into<Key>) -> Result<Option<R>, ValueError> {
        self.shown.preview.get(key)
    }

    /// All records of a type, by their keys, with what is not decided yet.
    ///
    /// # Errors
    /// If the fields of one are not those of the type.
    pub fn all<R: Record>(&self) -> Result<Vec<R>, ValueError> {
        self.shown.preview.all()
    }

    /// The records with what is not decided yet, field by field.
    pub fn preview(&self) -> &Table {
        &self.shown.preview
    }

    /// The records as decided, field by field.
    pub fn confirmed(&self) -> &Table {
        &self.shown.confirmed
    }

    /// The decided records of the common bucket, which are every member's to see.
    pub fn common(&self) -> Table {
        let confirmed = &self.shown.confirmed;
        self.shown.homes.as_ref().map_or_else(Table::default, |homes| homes.in_common(confirmed))
    }
}

impl Space {
    /// The records as they stand: a snapshot, taken without waiting for anybody.
    pub fn view(&self) -> View {
        View { shown: self.device.showcase().current(self.id) }
    }

    /// Hears how the records of one type change from now on.
    pub fn watch<R: Record>(&self) -> Watch<R> {
        let mut shown = self.device.showcase().watch(self.id);
        let last = shown.borrow_and_update().preview.clone();
        Watch { shown, last, record: PhantomData }
    }

    /// The records as they stand, then as they stand after each change; changes that nobody waited for come as one.
    pub fn views(&self) -> Views {
        let mut shown = self.device.showcase().watch(self.id);
        shown.mark_changed();
        Views { shown }
    }
}

impl Views {
    /// Resolves with the next view.
    ///
    /// # Errors
    /// If the device is closed.
    pub async fn next(&mut self) -> Result<View, EngineGone> {
        self.shown.changed().await.map_err(|_| EngineGone)?;
        Ok(View { shown: self.shown.borrow_and_update().clone() })
    }
}

impl<R: Record> Watch<R> {
    /// Resolves with the next step from what was shown to what is shown; steps that nobody waited for come as one.
    ///
    /// # Errors
    /// If a record's fields are not those of the type, or the device is closed.
    pub async fn next(&mut self) -> Result<Difference<R>, AnswerError> {
        loop {
            self.shown.changed().await.map_err(|_| EngineGone)?;
            let now = self.shown.borrow_and_update().preview.clone();
            let before = std::mem::replace(&mut self.last, now);
            let (changed, removed) = self.last.difference(&before, R::COLLECTION);
            if !changed.is_empty() || !removed.is_empty() {
                let changed = changed.into_iter().map(|(_, row)| row.to_value().to());
                return Ok(Difference { changed: changed.collect::<Result<_, _>>()?, removed });
            }
        }
    }
}
