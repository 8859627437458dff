//! From what a person typed to a space and a document.

use driftline::{Device, Document, Space, SpaceId};

use crate::cli::error::{Error, NameError};
use crate::cli::request::DocumentPath;

/// The space of that id or name, or the only one whose id begins so.
pub(super) async fn space(device: &Device, name: &str) -> Result<Space, Error> {
    let known = device.spaces().await?;
    let names: Vec<_> = known.iter().map(|(space, name)| (space.id(), name.clone())).collect();
    let id = among(&names, name)?;
    // It was among them a moment ago.
    let found = known.into_iter().find(|(space, _)| space.id() == id).map(|(space, _)| space);
    found.ok_or_else(|| NameError::NoSpaces.into())
}

/// The same among these spaces and their names.
pub(super) fn among(known: &[(SpaceId, String)], name: &str) -> Result<SpaceId, NameError> {
    if known.is_empty() {
        return Err(NameError::NoSpaces);
    }
    let id = name.to_ascii_lowercase();
    let pick = |matches: &dyn Fn(&SpaceId, &str) -> bool| -> Vec<_> {
        known.iter().filter(|(space, called)| matches(space, called)).collect()
    };
    // An exact name goes before the beginning of an id.
    let mut found = pick(&|_, called| called == name);
    if found.is_empty() {
        found = pick(&|space, _| !id.is_empty() && space.to_string().starts_with(&id));
    }
    match found.as_slice() {
        [(space, _)] => Ok(*space),
        [] => {
            let known = known.iter().map(|(_, name)| format!("“{name}”")).collect();
            Err(NameError::NoSuchSpace { name: name.to_owned(), known })
        }
        several => {
            let spaces = several.iter().map(|(space, _)| *space).collect();
            Err(NameError::Ambiguous { name: name.to_owned(), spaces })
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
