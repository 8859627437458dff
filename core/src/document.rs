//! Documents: what they are called, and how their logs become Yjs documents.

pub mod check;
mod gate;
pub mod mend;
mod merge;
mod normal;
mod open;
pub mod provenance;

use bincode::{Decode, Encode};
use thiserror::Error;

use crate::codec;
use crate::id::{DocumentId, Hash, SpaceId};

pub use gate::{Gate, Passed};
pub use merge::{Merged, merged, stretches};
pub use normal::Normal;
pub use open::{Admission, ApplyError, OpenDocument};

/// The longest name of a document, in bytes.
pub const MAX_NAME_BYTES: usize = 255;

/// What a document is called in its space.
///
/// Two devices that create "notes/today" offline mean the same document; a deleted and re-made one is
/// of another lineage, never merged with the old.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
pub struct Label {
    name: String,
    lineage: u32,
}

/// The name can't be given to a document.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("a document's name has 1 to {MAX_NAME_BYTES} bytes and no control characters")]
pub struct BadName;

impl Label {
    /// A document of this name, of the first lineage.
    ///
    /// # Errors
    /// If the name is empty, longer than [`MAX_NAME_BYTES`] or holds control characters.
    pub fn new(name: &str) -> Result<Self, BadName> {
        let label = Self { name: name.to_owned(), lineage: 0 };
        match label.is_sound() && !label.is_reserved() {
            true => Ok(label),
            false => Err(BadName),
        }
    }

    /// The space's roster: a document without a name, that no app can ask for.
    pub(crate) fn roster() -> Self {
        Self { name: String::new(), lineage: 0 }
    }

    /// The space's commands and decisions: another document without a name.
    pub(crate) fn ledger() -> Self {
        Self { name: String::new(), lineage: 1 }
    }

    /// Whether this labels the roster.
    pub(crate) fn is_roster(&self) -> bool {
        *self == Self::roster()
    }

    /// Whether this labels the roster or the ledger.
    pub(crate) fn is_reserved(&self) -> bool {
        self.is_roster() || *self == Self::ledger()
    }

    /// Whether a label from a peer is one that [`new`](Self::new) would have made.
    pub(crate) fn is_sound(&self) -> bool {
        let printable = !self.name.chars().any(char::is_control);
        self.is_reserved() || (1..=MAX_NAME_BYTES).contains(&self.name.len()) && printable
    }

    /// A document of the same name that comes after this one was deleted, and is never merged with it.
    pub(crate) fn next(&self) -> Self {
        Self { name: self.name.clone(), lineage: self.lineage + 1 }
    }

    /// The document's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The id of the document so labelled in `space`.
    pub fn document(&self, space: &SpaceId) -> DocumentId {
        let label = codec::encode(self);
        DocumentId(Hash::of("driftline document 1", &[&space.0, &label]).0)
    }
}
