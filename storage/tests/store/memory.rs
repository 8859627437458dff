//! A database in memory, whose rows a test can look at and change.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, Mutex};

use driftline_core::id::Hash;
use driftline_storage::{Batch, Engine, EngineError, Pairs};

/// All clones are one database.
#[derive(Clone, Debug, Default)]
pub(crate) struct Memory(Arc<Mutex<BTreeMap<Vec<u8>, Vec<u8>>>>);

impl Memory {
    /// All that is stored.
    pub(crate) fn rows(&self) -> BTreeMap<Vec<u8>, Vec<u8>> {
        self.0.lock().unwrap().clone()
    }

    /// A database that holds these rows.
    pub(crate) fn of(rows: &BTreeMap<Vec<u8>, Vec<u8>>) -> Self {
        Self(Arc::new(Mutex::new(rows.clone())))
    }
}

/// Gives a row the checksum that fits it, as the table in the documentation has it.
pub(crate) fn sign(key: &[u8], stored: &mut [u8]) {
    let length = (key.len() as u32).to_be_bytes();
    let sum = Hash::of("driftline row 1", &[&length, key, &stored[8..12], &stored[12..]]);
    stored[..8].copy_from_slice(&sum.0[..8]);
}

impl Engine for Memory {
    fn apply(&self, batch: Batch) -> Result<(), EngineError> {
        let mut rows = self.0.lock().unwrap();
        for (key, value) in batch {
            match value {
                Some(value) => _ = rows.insert(key, value),
                None => _ = rows.remove(&key),
            }
        }
        Ok(())
    }

    fn write(&self) -> Result<(), EngineError> {
        Ok(())
    }

    fn save(&self) -> Result<(), EngineError> {
        Ok(())
    }

    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, EngineError> {
        Ok(self.0.lock().unwrap().get(key).cloned())
    }

    fn scan(&self, range: Range<&[u8]>) -> Pairs<'_> {
        let rows = self.0.lock().unwrap();
        let found = rows.range(range.start.to_vec()..range.end.to_vec());
        let found: Vec<_> = found.map(|(key, value)| Ok((key.clone(), value.clone()))).collect();
        Box::new(found.into_iter())
    }
}
