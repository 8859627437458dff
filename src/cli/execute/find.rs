//! From what a person typed to a space and a document.

use driftline::{Device, Document, Space, SpaceId};

use crate::cli::error::{Error, NameError};
use crate::cli::request::DocumentPath;

/// The space of that id or name, or the only one whose id begins so.
pub(super) async fn space(device: &Device, name: &str) -> Result<Space, Error> {
    let known = device.spaces().await?;
    if known.is_empty() {
        return Err(NameError::NoSpaces.into());
    }
    let id = name.to_ascii_lowercase();
    let pick = |matches: &dyn Fn(&SpaceId, &str) -> bool| -> Vec<_> {
        known.iter().filter(|(space, called)| matches(&space.id(), called)).collect()
    };
    // An exact name goes before the beginning of an id.
    let mut found = pick(&|_, called| called == name);
    if found.is_empty() {
        found = pick(&|space, _| !id.is_empty() && space.to_string().starts_with(&id));
    }
    match found.as_slice() {
        [(space, _)] => Ok(space.clone()),
        [] => {
            let known = known.iter().map(|(_, name)| format!("“{name}”")).collect();
            Err(NameError::NoSuchSpace { name: name.to_owned(), known }.into())
        }
        several => {
            let spaces = several.iter().map(|(space, _)| space.id()).collect();
            Err(NameError::Ambiguous { name: name.to_owned(), spaces }.into())
        }
    }
}

/// A document that is there; the library would begin one.
pub(super) async fn document(device: &Device, path: &DocumentPath) -> Result<Document, Error> {
    let space = space(device, &path.space).await?;
    let status = space.status().await?;
    if !status.documents.iter().any(|document| document.name == path.name) {
        let known = status.documents.iter().map(|document| format!("“{}”", document.name));
        let (name, known) = (path.name.clone(), known.collect());
        return Err(NameError::NoSuchDocument { name, space: status.name, known }.into());
    }
    Ok(space.document(&path.name).await?)
}

/// A document that begins if it is not there.
pub(super) async fn document_or_new(
    device: &Device,
    path: &DocumentPath,
) -> Result<Document, Error> {
    Ok(space(device, &path.space).await?.document(&path.name).await?)
}
