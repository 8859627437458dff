//! The story of a record's field.

use driftline_core::command::{Chapter, story};
use driftline_core::log::Frontier;
use driftline_core::record::Place;
use driftline_storage::StoreError;
use thiserror::Error;

use super::Space;
use crate::engine::{EngineGone, Request};

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
        let space = self.id;
        let buckets = self.device.ask(|reply| Request::Buckets { space, reply }).await?;
        let ledgers = buckets.into_iter().map(|(ledger, ..)| ledger);
        let ledgers: Vec<_> = ledgers.collect();
        let log = self.device.look(move |store| {
            let all = Frontier::default();
            let logs = ledgers.iter().map(|ledger| store.segments(ledger, &all, usize::MAX));
            logs.collect::<Result<Vec<_>, _>>()
        });
        let log: Vec<_> = log.await??.into_iter().flat_map(|reading| reading.segments).collect();
        Ok(story(&log, place))
    }
}
