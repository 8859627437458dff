//! The story of a record's field.

use driftline_core::command::{Chapter, story};
use driftline_core::log::Frontier;
use driftline_core::record::Place;
use driftline_core::space::ledger_document;
use driftline_storage::StoreError;
use thiserror::Error;

use super::Space;
use crate::engine::EngineGone;

/// Why a story can't be told.
#[derive(Debug, Error)]
pub enum StoryError {
    /// What was decided can't be read from the store.
    #[error("what was decided can't be read from the store")]
    Store {
        /// Why.
        #[from]
        source: StoreError,
    },
    /// The device is closed.
    #[error(transparent)]
    Gone {
        /// The engine's end.
        #[from]
        source: EngineGone,
    },
}

impl Space {
    /// The story of a field: each decision that changed it, the first before the others, with whose command it was, what
    /// they had seen, and what it wrote over.
    ///
    /// # Errors
    /// If the store can't be read, or the device is closed.
    pub async fn story(&self, place: &Place) -> Result<Vec<Chapter>, StoryError> {
        let (ledger, all) = (ledger_document(&self.id), Frontier::default());
        let log =
            self.device.look(move |store| store.segments(&ledger, &all, usize::MAX)).await??;
        Ok(story(&log.segments, place))
    }
}
