//! How a device's disk is.

use driftline_core::id::{ChainId, DocumentId};

use crate::device::Device;
use crate::engine::{EngineGone, Request};

/// How the disk is that a device is on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DiskStatus {
    /// Whether it takes what it is given.
    pub state: DiskState,
    /// What it has not given back as it was. Members are asked for it, and when one of them has it, it is put back.
    pub damaged: Vec<Damaged>,
}

/// Whether a disk takes what it is given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DiskState {
    /// It does.
    Sound,
    /// There is next to no room on it. Nothing can be edited, and what others write is left with them, until there is;
    /// the device looks every second.
    Full,
    /// It refused to, and nothing more is written: close the device, and open it again when the disk is in order. What
    /// was reported as saved is safe.
    Failed {
        /// What the system said.
        why: String,
    },
}

/// Entries of a chain whose stored bytes have changed.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Damaged {
    /// The document.
    pub document: DocumentId,
    /// What it is called.
    pub name: String,
    /// The chain.
    pub chain: ChainId,
    /// The number of the first entry that can't be read.
    pub entry: u64,
}

impl Device {
    /// How the disk is. [`Space::news`](crate::Space::news) hears of changes.
    ///
    /// # Errors
    /// If the device is closed.
    pub async fn disk(&self) -> Result<DiskStatus, EngineGone> {
        self.ask(|reply| Request::Disk { reply }).await
    }
}
