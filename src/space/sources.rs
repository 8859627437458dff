//! Records from data that lives elsewhere.

use driftline_core::command::{CommandId, Source, projected};
use driftline_core::record::{Record, ValueError};
use driftline_core::space::PublishError as NotPublished;
use thiserror::Error;

use super::Space;
use crate::engine::{Asking, EngineGone};

/// Why records can't be published.
#[derive(Debug, Error)]
pub enum PublishError {
    /// Another device decides, or nothing would come of it.
    #[error(transparent)]
    NotPublished {
        /// Why.
        #[from]
        source: NotPublished,
    },
    /// A row can't be kept: it has fractions, say.
    #[error(transparent)]
    Value {
        /// What is wrong with it.
        #[from]
        source: ValueError,
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
    /// Has records come to what the rows of a source say, on the anchor that decides: to be called with all of them
    /// whenever some have changed. Fields that are other than the source said last are written, as the server's own; so
    /// what members have changed meanwhile stands until the source says something new. Records of rows that are not there
    /// any more are taken away. Gives the commands by which all that is done: none if nothing is new.
    ///
    /// # Errors
    /// If this device is not the anchor that decides, or a row can't be kept.
    pub async fn publish<S: Source>(
        &self,
        rows: impl IntoIterator<Item = S>,
    ) -> Result<Vec<CommandId>, PublishError> {
        let (source, collection) = (S::NAME, S::Record::COLLECTION);
        let rows = projected(rows)?;
        let publish = |reply| Asking::Publish { source, collection, rows, reply };
        Ok(self.asked(publish).await??)
    }
}
