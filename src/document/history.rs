//! A document's past.

use driftline_core::clock::WallTime;
use driftline_core::document::OpenDocument;
use driftline_core::document::history::{self, Stretch};
use yrs::{TextRef, Transact, Transaction};

use super::{Document, WhyError};

/// A document as it was.
pub struct Past {
    open: OpenDocument,
}

impl Document {
    /// Who wrote in the document and when, by their own clocks, the earliest first.
    ///
    /// # Errors
    /// If the log can't be read, or the device is closed.
    pub async fn history(&self) -> Result<Vec<Stretch>, WhyError> {
        let (log, _) = self.log().await?;
        Ok(history::stretches(&log))
    }

    /// The document as it was when all that had been written in it was what was written by then, by the authors' clocks.
    ///
    /// # Errors
    /// If the log can't be read, or the device is closed.
    pub async fn at(&self, time: WallTime) -> Result<Past, WhyError> {
        let (log, _) = self.log().await?;
        Ok(Past { open: history::past(&log, time)? })
    }
}

impl Past {
    /// The text of that name.
    pub fn text(&self, name: &str) -> TextRef {
        self.open.doc().get_or_insert_text(name)
    }

    /// Reads it.
    pub fn read<T>(&self, look: impl FnOnce(&Transaction<'_>) -> T) -> T {
        look(&self.open.doc().transact())
    }
}
