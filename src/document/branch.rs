//! A copy of a document that stands where it is told to stand.

use driftline_core::document::ApplyError;
use driftline_core::id::ChainId;
use yrs::{TextRef, TransactionMut};

use super::{Document, Edit, EditError};

/// A copy of a document with a chain of its own. What it writes goes everywhere, as from any open document. What
/// others write comes in only by [`take`](Self::take), so that a recorded session can be typed again with every edit
/// at exactly the state that it was made on.
pub struct Branch {
    document: Document,
}

impl Branch {
    pub(crate) fn new(document: Document) -> Self {
        Self { document }
    }

    /// The chain on which it writes.
    pub fn chain(&self) -> ChainId {
        self.document.chain()
    }

    /// The text of that name.
    pub fn text(&self, name: &str) -> TextRef {
        self.document.text(name)
    }

    /// Edits the branch, like [`Document::edit`].
    ///
    /// # Errors
    /// [`EditError`], before the closure is run.
    pub fn edit<T>(
        &self,
        change: impl FnOnce(&mut TransactionMut<'_>) -> T,
    ) -> Result<Edit<T>, EditError> {
        self.document.edit(change)
    }

    /// Brings in updates that others wrote.
    ///
    /// # Errors
    /// If one is no Yjs update, or does not fit.
    pub fn take(&self, updates: &[&[u8]]) -> Result<(), ApplyError> {
        self.document.handle.replica.open.apply(updates)
    }
}
