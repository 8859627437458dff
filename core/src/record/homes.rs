//! In which bucket each record is.

use rpds::RedBlackTreeMapSync;

use super::{Bucket, Home, RowId, Table};
use crate::id::DocumentId;

/// Where records are, and since when. It is about the decided ones alone; a copy costs nothing.
#[derive(Clone, Debug)]
pub struct Homes {
    common: Home,
    /// Those that came to be where they are, or went away; all others were always in the common bucket.
    moved: RedBlackTreeMapSync<RowId, (Home, u64)>,
}

impl Homes {
    /// All records are in the common bucket, which has that ledger.
    pub(crate) fn new(common: DocumentId) -> Self {
        let common = Home { bucket: Bucket::default(), ledger: common };
        Self { common, moved: RedBlackTreeMapSync::default() }
    }

    /// The common bucket.
    pub fn common(&self) -> &Home {
        &self.common
    }

    /// Where a record is, or was before it moved to where it can't be seen from here.
    pub fn of(&self, row: &RowId) -> &Home {
        self.moved.get(row).map_or(&self.common, |(home, _)| home)
    }

    /// Those of the decided records that are in the common bucket: what every member sees.
    pub fn in_common(&self, confirmed: &Table) -> Table {
        let mut common = confirmed.clone();
        let elsewhere = self.moved.iter().filter(|(_, (home, _))| *home != self.common);
        elsewhere.for_each(|(row, _)| common.remove(row));
        common
    }

    /// By which decision it came to be there, as far as that is known.
    pub(crate) fn since(&self, row: &RowId) -> u64 {
        self.moved.get(row).map_or(0, |(_, since)| *since)
    }

    /// A decision has put a record into a bucket, or taken it out of there.
    pub(crate) fn note(&mut self, row: &RowId, home: &Home, order: u64) {
        self.moved.insert_mut(row.clone(), (home.clone(), order));
    }
}
