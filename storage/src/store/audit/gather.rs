//! Reading rows that may be damaged, and going on behind those that are.

use std::ops::Range;

use driftline_core::id::DocumentId;

use crate::engine::{Engine, EngineError};
use crate::key::{Kind, RowKey};
use crate::row::{self, Damage};

/// What was read of a range of keys.
#[derive(Default)]
pub(super) struct Gathered {
    pub(super) rows: Vec<(RowKey, Vec<u8>)>,
    pub(super) damaged: Vec<(RowKey, Damage)>,
    /// How much that was, damaged or not.
    pub(super) bytes: u64,
}

/// A row of which some parts were read.
struct Partial {
    row: RowKey,
    /// The parts put together; nothing once one was found to be damaged.
    value: Result<Vec<u8>, Damage>,
    /// The number of the part that has to come next, and how many more have to come.
    next: u32,
    following: u32,
}

pub(super) fn gather<E: Engine>(
    engine: &E,
    range: &Range<Vec<u8>>,
) -> Result<Gathered, EngineError> {
    let mut gathered = Gathered::default();
    let mut partial: Option<Partial> = None;
    for pair in engine.scan(&range.start..&range.end) {
        let (key, stored) = pair?;
        gathered.bytes += (key.len() + stored.len()) as u64;
        let (row, part) = RowKey::split(&key).unwrap_or((RowKey::raw(&key), 0));
        if let Some(other) = partial.take_if(|partial| partial.row != row) {
            gathered.finish(other);
        }
        partial.get_or_insert_with(|| Partial::new(row)).add(part, &key, &stored);
    }
    if let Some(partial) = partial {
        gathered.finish(partial);
    }
    Ok(gathered)
}

/// The rows in a range of keys, by these alone.
pub(super) fn keys<E: Engine>(
    engine: &E,
    range: &Range<Vec<u8>>,
) -> Result<Vec<RowKey>, EngineError> {
    let mut keys = Vec::new();
    for pair in engine.scan(&range.start..&range.end) {
        let (key, _) = pair?;
        let row = RowKey::split(&key).map_or_else(|| RowKey::raw(&key), |(row, _)| row);
        if keys.last() != Some(&row) {
            keys.push(row);
        }
    }
    Ok(keys)
}

/// The first row of each document's log that is not known.
pub(super) fn of_strangers<E: Engine>(
    engine: &E,
    is_known: impl Fn(&DocumentId) -> bool,
) -> Result<Vec<RowKey>, EngineError> {
    let mut strangers = Vec::new();
    for kind in [Kind::Head, Kind::End, Kind::Segment, Kind::Snapshot, Kind::Texts] {
        let mut range = RowKey::all(kind);
        while let Some(pair) = engine.scan(&range.start..&range.end).next() {
            let (key, _) = pair?;
            let row = RowKey::split(&key).map_or_else(|| RowKey::raw(&key), |(row, _)| row);
            let document = DocumentId(row.id(0));
            range.start = RowKey::all_of(kind, &document.0).end;
            if !is_known(&document) {
                strangers.push(row);
            }
        }
    }
    Ok(strangers)
}

impl Gathered {
    fn finish(&mut self, partial: Partial) {
        let Partial { row, value, following, .. } = partial;
        match value {
            Ok(_) if following > 0 => self.damaged.push((row, Damage::Missing)),
            Ok(value) => self.rows.push((row, value)),
            Err(damage) => self.damaged.push((row, damage)),
        }
    }
}

impl Partial {
    fn new(row: RowKey) -> Self {
        Self { row, value: Ok(Vec::new()), next: 0, following: 0 }
    }

    fn add(&mut self, part: u32, key: &[u8], stored: &[u8]) {
        let Ok(value) = &mut self.value else { return };
        let in_order = part == self.next && (part == 0 || self.following > 0);
        match row::check(key, stored) {
            Some((following, _)) if part > 0 && following != self.following.wrapping_sub(1) => {
                self.value = Err(Damage::Missing);
            }
            Some((following, bytes)) if in_order => {
                value.extend_from_slice(bytes);
                (self.next, self.following) = (part + 1, following);
            }
            Some(_) => self.value = Err(Damage::Missing),
            None => self.value = Err(Damage::Changed),
        }
    }
}
