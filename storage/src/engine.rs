//! The seam between the store and a database.

mod place;
mod sled;

use std::collections::BTreeMap;
use std::io;
use std::ops::Range;

use thiserror::Error;

pub use self::place::Place;
pub use self::sled::SledEngine;

/// A key and its value.
pub type Pair = (Vec<u8>, Vec<u8>);

/// Pairs in the order of their keys, from either end.
pub type Pairs<'a> = Box<dyn DoubleEndedIterator<Item = Result<Pair, EngineError>> + 'a>;

/// An ordered map from bytes to bytes that can be made to last, in two steps.
pub trait Engine: Send + Sync + 'static {
    /// Makes all changes of a batch visible to reads at once. If it returns an error, none is promised.
    ///
    /// # Errors
    /// If the database takes no more.
    fn apply(&self, batch: Batch) -> Result<(), EngineError>;

    /// Everything applied before survives the end of the process, however sudden.
    ///
    /// # Errors
    /// If that can't be promised.
    fn write(&self) -> Result<(), EngineError>;

    /// Everything written before survives a loss of power.
    ///
    /// # Errors
    /// If that can't be promised.
    fn save(&self) -> Result<(), EngineError>;

    /// The value under a key.
    ///
    /// # Errors
    /// If it can't be read.
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, EngineError>;

    /// What is stored under keys from `range.start` up to but without `range.end`.
    fn scan(&self, range: Range<&[u8]>) -> Pairs<'_>;

    /// How many bytes are free where the database is; `None` where that is not known.
    fn free_bytes(&self) -> Option<u64> {
        None
    }

    /// What tells this database from a copy of it; `None` where nothing does.
    ///
    /// # Errors
    /// If the system does not say.
    fn place(&self) -> Result<Option<Place>, EngineError> {
        Ok(None)
    }
}

/// Why a database did not do what it was asked.
#[derive(Debug, Error)]
pub enum EngineError {
    /// The system refused to read or write.
    #[error("cannot {action}")]
    Io {
        /// What was being done, in words that follow "cannot".
        action: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// The database itself failed.
    #[error("the database failed")]
    Database {
        /// What sled said.
        #[from]
        source: ::sled::Error,
    },
    /// A value is larger than the database can keep safely.
    #[error("a value of {bytes} bytes is too large for the database")]
    Oversized {
        /// Its size.
        bytes: usize,
    },
}

/// Changes that are made together or not at all. Of two changes to one key the later counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    changes: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
}

impl Batch {
    /// Stores a value under a key.
    pub fn put(&mut self, key: Vec<u8>, value: Vec<u8>) {
        self.changes.insert(key, Some(value));
    }

    /// Removes a key and its value.
    pub fn remove(&mut self, key: Vec<u8>) {
        self.changes.insert(key, None);
    }

    /// What this batch makes of a key: nothing if it leaves it alone, `Some(None)` if it removes it.
    pub fn get(&self, key: &[u8]) -> Option<Option<&[u8]>> {
        self.changes.get(key).map(Option::as_deref)
    }

    /// Whether it changes nothing.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }
}

impl IntoIterator for Batch {
    type Item = (Vec<u8>, Option<Vec<u8>>);
    type IntoIter = std::collections::btree_map::IntoIter<Vec<u8>, Option<Vec<u8>>>;

    fn into_iter(self) -> Self::IntoIter {
        self.changes.into_iter()
    }
}
