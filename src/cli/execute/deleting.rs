//! `doc delete`, `doc restore` and `doc deleted`.

use driftline::{DeletedDocument, Device};

use super::find;
use crate::cli::error::{Error, SpaceError};
use crate::cli::output::Speaker;
use crate::cli::report::Report;
use crate::cli::request::DocumentPath;

pub(super) async fn delete(
    device: &Device,
    path: &DocumentPath,
    speaker: &Speaker,
) -> Result<(), Error> {
    let space = find::space(device, &path.space).await?;
    space.delete_document(&path.name).await.map_err(SpaceError::from)?;
    let (space, name) = (space.id(), path.name.clone());
    speaker.report(Report::Deleted { space, name }).await;
    Ok(())
}

pub(super) async fn restore(
    device: &Device,
    path: &DocumentPath,
    speaker: &Speaker,
) -> Result<(), Error> {
    let space = find::space(device, &path.space).await?;
    space.restore_document(&path.name).await.map_err(SpaceError::from)?;
    let (space, name) = (space.id(), path.name.clone());
    speaker.report(Report::Restored { space, name }).await;
    Ok(())
}

pub(super) async fn list(device: &Device, space: &str, speaker: &Speaker) -> Result<(), Error> {
    let space = find::space(device, space).await?;
    for DeletedDocument { name, by, at } in space.deleted_documents().await? {
        speaker.report(Report::DeletedDocument { name, by, at: at.0 }).await;
    }
    Ok(())
}
