//! The decisions that stand in one ledger.

use std::collections::BTreeMap;

use super::Decision;
use crate::id::Hash;
use crate::record::Home;

/// The decisions of one bucket.
#[derive(Clone, Debug)]
pub(super) struct Volume {
    pub(super) home: Home,
    /// How many are in, and the hash of the last, and the place of that among all of the space.
    pub(super) place: u64,
    pub(super) last: Hash,
    pub(super) order: u64,
    /// Those that came before those in front of them, or before their other parts.
    pub(super) waiting: BTreeMap<u64, Decision>,
}

impl Volume {
    pub(super) fn new(home: &Home) -> Self {
        let (home, last) = (home.clone(), Hash([0; 32]));
        Self { home, place: 0, last, order: 0, waiting: BTreeMap::new() }
    }

    pub(super) fn peek(&self) -> Option<&Decision> {
        self.waiting.get(&(self.place + 1))
    }

    /// Goes on to the next decision; nothing if it does not follow on the last.
    pub(super) fn next(&mut self) -> Option<(Home, Decision)> {
        let next = self.waiting.remove(&(self.place + 1))?;
        if next.previous != self.last {
            return None;
        }
        (self.place, self.last, self.order) = (next.place, next.hash(), next.order);
        Some((self.home.clone(), next))
    }
}
