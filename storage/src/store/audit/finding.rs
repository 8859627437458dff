//! What an audit finds.

use std::path::PathBuf;

use driftline_core::audit::{self, Place};
use driftline_core::id::DeviceId;
use thiserror::Error;

use crate::folder::FolderError;
use crate::key::RowKey;
use crate::row::Damage;

/// Something that is wrong with what is stored.
#[derive(Debug)]
pub struct Finding {
    /// Where.
    pub place: Place,
    /// What the document is called, where that can be read; the roster has no name.
    pub name: Option<String>,
    /// What.
    pub fault: Fault,
}

/// What is wrong with it.
#[derive(Debug, Error)]
pub enum Fault {
    /// The device's key can't be used.
    #[error("the device's key can't be used")]
    Key {
        /// Why.
        source: FolderError,
    },
    /// There is no key.
    #[error("there is no key in {}", path.display())]
    NoKey {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// A row is not what was stored.
    #[error("what is stored as {row} is damaged")]
    Row {
        /// Which row.
        row: RowKey,
        /// What is wrong with it.
        source: Damage,
    },
    /// A row is there that nothing leads to.
    #[error("{row} is stored, and no space has such a thing")]
    Stray {
        /// Which row.
        row: RowKey,
    },
    /// A peer has more of this device's feed than there is.
    #[error("peer {} is said to have more of this device's feed than there is", peer.short())]
    AckedAhead {
        /// Which peer.
        peer: DeviceId,
    },
    /// What the rows say does not agree, or can't be.
    #[error(transparent)]
    Unsound {
        /// What is wrong with it.
        source: audit::Fault,
    },
}

impl Fault {
    /// The fault in a word, for programs.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Key { .. } => "key",
            Self::NoKey { .. } => "no_key",
            Self::Row { .. } => "damaged",
            Self::Stray { .. } => "stray",
            Self::AckedAhead { .. } => "acked_ahead",
            Self::Unsound { source } => source.name(),
        }
    }
}

impl From<Fault> for Finding {
    /// A fault of the device itself.
    fn from(fault: Fault) -> Self {
        Self { place: Place::default(), name: None, fault }
    }
}

impl From<audit::Finding> for Finding {
    fn from(audit::Finding { place, fault }: audit::Finding) -> Self {
        Self { place, name: None, fault: Fault::Unsound { source: fault } }
    }
}
