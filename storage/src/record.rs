//! What can be appended to the store.

use driftline_core::id::DocumentId;
use driftline_core::log::Frontier;
use driftline_core::space::Change;

/// One thing to keep.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    /// What a space asks for.
    Core(Change),
    /// The folded state of a document, in place of any earlier one.
    Snapshot {
        /// The document.
        document: DocumentId,
        /// Its state.
        snapshot: Snapshot,
    },
    /// A named value, in place of any earlier one.
    Setting {
        /// Its name.
        name: String,
        /// Its value.
        value: Vec<u8>,
    },
}

/// The folded state of a document, so that loading it need not replay its whole log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// The entries that are in it.
    pub frontier: Frontier,
    /// A Yjs update, v1, that holds them all.
    pub state: Vec<u8>,
}

impl From<Change> for Record {
    fn from(change: Change) -> Self {
        Self::Core(change)
    }
}

impl Record {
    /// About how much memory it takes while it waits, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        let point = 80;
        let held = match self {
            Self::Core(Change::Segment { segment, .. }) => segment.body.len(),
            Self::Core(Change::PutBack { segment, .. }) => segment.body.len(),
            Self::Core(_) => 0,
            Self::Snapshot { snapshot, .. } => {
                snapshot.state.len() + snapshot.frontier.len() * point
            }
            Self::Setting { name, value } => name.len() + value.len(),
        };
        held + size_of::<Self>()
    }
}
