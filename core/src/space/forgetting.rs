//! Documents that were deleted long enough ago leave the disk.

use super::effect::{Change, Effect};
use super::holdings::Holdings;
use super::{DocumentLog, Space};
use crate::document::Label;
use crate::id::DocumentId;
use crate::roster::Former;

impl Space {
    /// The deleted documents of which anything is still here, and who deleted them.
    pub fn deleted_here(&self) -> impl Iterator<Item = (DocumentId, &Label, &Former)> {
        let deleted = self.roster.deleted();
        let deleted = deleted.map(|(label, by)| (label.document(&self.id), label, by));
        deleted.filter(|(document, ..)| self.index.contains_key(document))
    }

    /// Forgets all that is here of a deleted document. If it is restored later, what other members still have of it
    /// comes back from them.
    ///
    /// Gives false, and does nothing, where the document is not deleted, or nothing else was taken in after it: the place
    /// in this device's feed is stored with what was taken in last, and must not be used twice.
    pub fn forget(&mut self, label: &Label, effects: &mut Vec<Effect>) -> bool {
        let document = label.document(&self.id);
        let others = self.index.iter().filter(|(id, _)| **id != document);
        let latest = others.map(|(_, log)| log.changed).max().unwrap_or_default();
        let settled = |log: &DocumentLog| log.changed < latest && log.saved_feed == log.changed;
        let is_deleted = self.roster.deletion(label).is_some();
        if !is_deleted || !self.index.get(&document).is_some_and(settled) {
            return false;
        }
        self.index.remove(&document);
        self.authors.forget(document);
        self.healing.forget(document);
        self.suspect.remove(&document);
        self.mending.remove(&document);
        self.holdings = Holdings::of(&self.index, self.roster_document);
        self.journal.add(Change::Forget { space: self.id, document });
        self.journal.write(effects);
        true
    }
}
