//! What a member may read.

use std::collections::BTreeSet;

use crate::id::DocumentId;

/// The ledgers of buckets that somebody may read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scope {
    /// All of them: an anchor's scope, and an admin's.
    pub all: bool,
    /// These.
    pub ledgers: BTreeSet<DocumentId>,
}

impl Scope {
    /// All ledgers.
    pub fn all() -> Self {
        Self { all: true, ledgers: BTreeSet::new() }
    }

    /// Whether a ledger is among them.
    pub fn reads(&self, ledger: &DocumentId) -> bool {
        self.all || self.ledgers.contains(ledger)
    }

    /// Whether there is nothing in it that is not in another.
    pub fn is_within(&self, other: &Self) -> bool {
        other.all || !self.all && self.ledgers.is_subset(&other.ledgers)
    }
}
