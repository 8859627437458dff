//! A disk that forgets: what is applied, what is written and what is saved are three things.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use driftline_storage::{Batch, Engine, EngineError, Pairs};

use crate::random::Dice;

type Rows = BTreeMap<Vec<u8>, Vec<u8>>;

/// A disk. Clones are the same disk: it outlives the process that has a store on it.
#[derive(Clone, Debug, Default)]
pub struct Disk(Arc<Mutex<Platter>>);

#[derive(Debug, Default)]
struct Platter {
    /// What would survive a power cut.
    saved: Rows,
    /// How often something was saved.
    saves: u64,
    /// What was applied since, in order.
    tail: VecDeque<Batch>,
    /// How much of the tail would survive the end of the process.
    written: usize,
    /// How much of the tail was written when the save under way began.
    saving: Option<usize>,
    /// What a read sees: all of it.
    visible: Rows,
    full: bool,
    holding: bool,
}

impl Disk {
    /// A save begins: it will cover what is written by now.
    pub fn begin_save(&self) {
        let mut platter = self.platter();
        platter.saving = Some(platter.written);
    }

    /// The process ends. What was not written may be there all the same, up to any batch.
    pub fn kill(&self, dice: &mut Dice) {
        let mut platter = self.platter();
        let spared = dice.below(platter.tail.len() - platter.written + 1);
        let kept = platter.written + spared;
        platter.tail.truncate(kept);
        platter.written = kept;
        platter.look_again();
    }

    /// The power fails. What was not saved may be there all the same, up to any batch.
    pub fn cut_power(&self, dice: &mut Dice) {
        let mut platter = self.platter();
        let kept = dice.below(platter.tail.len() + 1);
        platter.keep(kept);
    }

    /// The power fails, and nothing is there but what was saved.
    pub fn cut_power_at_worst(&self) {
        self.platter().keep(0);
    }

    /// From now on there is room, or none.
    pub fn set_full(&self, full: bool) {
        self.platter().full = full;
    }

    /// From now on saves take for ever, or no more.
    pub fn hold_saves(&self, hold: bool) {
        self.platter().holding = hold;
    }

    /// From now on another byte comes back of everything that is stored under keys that begin so.
    pub fn rot(&self, beginning: &[u8]) {
        let mut platter = self.platter();
        let Platter { saved, visible, .. } = &mut *platter;
        let rows = saved.iter_mut().chain(visible);
        for (_, value) in rows.filter(|(key, _)| key.starts_with(beginning)) {
            if let Some(last) = value.last_mut() {
                *last ^= 1;
            }
        }
    }

    /// Whether saves take for ever.
    pub fn holds_saves(&self) -> bool {
        self.platter().holding
    }

    /// Whether there is no room.
    pub fn is_full(&self) -> bool {
        self.platter().full
    }

    /// A copy of what would survive a power cut now.
    pub fn saved_copy(&self) -> Self {
        let saved = self.platter().saved.clone();
        Self(Arc::new(Mutex::new(Platter { visible: saved.clone(), saved, ..Platter::default() })))
    }

    /// A copy of all that is visible, as somebody who copies a folder gets it.
    pub fn copy(&self) -> Self {
        let visible = self.platter().visible.clone();
        Self(Arc::new(Mutex::new(Platter {
            saved: visible.clone(),
            visible,
            ..Platter::default()
        })))
    }

    /// Changes with every save.
    pub fn saves(&self) -> u64 {
        self.platter().saves
    }

    fn platter(&self) -> MutexGuard<'_, Platter> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Platter {
    fn keep(&mut self, kept: usize) {
        self.tail.truncate(kept);
        self.settle(kept);
        self.written = 0;
        self.look_again();
    }

    /// The first batches of the tail become saved.
    fn settle(&mut self, count: usize) {
        for batch in self.tail.drain(..count) {
            change(&mut self.saved, batch);
        }
        self.written = self.written.saturating_sub(count);
        self.saves += 1;
    }

    fn look_again(&mut self) {
        self.saving = None;
        self.visible = self.saved.clone();
        for batch in &self.tail {
            change(&mut self.visible, batch.clone());
        }
    }
}

fn change(rows: &mut Rows, batch: Batch) {
    for (key, value) in batch {
        match value {
            Some(value) => _ = rows.insert(key, value),
            None => _ = rows.remove(&key),
        }
    }
}

impl Engine for Disk {
    fn apply(&self, batch: Batch) -> Result<(), EngineError> {
        let mut platter = self.platter();
        if platter.full {
            let source = io::Error::from(io::ErrorKind::StorageFull);
            return Err(EngineError::Io { action: "write to the disk", source });
        }
        change(&mut platter.visible, batch.clone());
        platter.tail.push_back(batch);
        Ok(())
    }

    fn write(&self) -> Result<(), EngineError> {
        let mut platter = self.platter();
        platter.written = platter.tail.len();
        Ok(())
    }

    fn save(&self) -> Result<(), EngineError> {
        let mut platter = self.platter();
        let count = platter.saving.take().unwrap_or(platter.written);
        platter.settle(count);
        Ok(())
    }

    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, EngineError> {
        Ok(self.platter().visible.get(key).cloned())
    }

    fn scan(&self, range: Range<&[u8]>) -> Pairs<'_> {
        let platter = self.platter();
        if range.start >= range.end {
            return Box::new(std::iter::empty());
        }
        let bounds = (
            std::ops::Bound::Included(range.start.to_vec()),
            std::ops::Bound::Excluded(range.end.to_vec()),
        );
        let found = platter.visible.range(bounds);
        let pairs: Vec<_> = found.map(|(key, value)| Ok((key.clone(), value.clone()))).collect();
        Box::new(pairs.into_iter())
    }
}
