//! `doc import`: a document that begins with what a file holds.

use std::path::Path;

use driftline::{Device, Level};

use super::find;
use crate::cli::error::{Error, ImportingError};
use crate::cli::output::Speaker;
use crate::cli::report::Report;
use crate::cli::request::DocumentPath;

/// Larger files are not looked at.
const MAX_FILE_BYTES: u64 = 64 << 20;

pub(super) async fn import(
    device: &Device,
    path: &DocumentPath,
    file: &Path,
    speaker: &Speaker,
) -> Result<(), Error> {
    let named = || file.to_owned();
    let unreadable = |source| ImportingError::Unreadable { file: named(), source };
    let bytes = tokio::fs::metadata(file).await.map_err(unreadable)?.len();
    if bytes > MAX_FILE_BYTES {
        return Err(ImportingError::TooLarge { file: named(), limit: MAX_FILE_BYTES >> 20 }.into());
    }
    let update = tokio::fs::read(file).await.map_err(unreadable)?;
    let document = find::document_or_new(device, path).await?;
    let refused = |source| ImportingError::Refused { file: named(), source };
    document.import(&update).await.map_err(refused)?.reached(Level::Saved).await?;
    let name = path.name.clone();
    speaker.report(Report::Imported { document: document.id(), name }).await;
    Ok(())
}
