//! `doc ls`, `doc cat` and `doc export`.

use driftline::Device;

use super::find;
use crate::cli::error::{Error, NameError};
use crate::cli::output::Speaker;
use crate::cli::report::Report;
use crate::cli::request::{DocumentPath, Export, Format};
use driftline::content;

pub(super) async fn list(device: &Device, space: &str, speaker: &Speaker) -> Result<(), Error> {
    let space = find::space(device, space).await?;
    let documents = space.status().await?.documents;
    speaker.report(Report::Documents { space: space.id(), documents }).await;
    Ok(())
}

pub(super) async fn cat(
    device: &Device,
    path: &DocumentPath,
    root: String,
    speaker: &Speaker,
) -> Result<(), Error> {
    let space = find::space(device, &path.space).await?;
    if let Some(text) = space.kept_text(&path.name, &root).await? {
        speaker.report(Report::Text { root, text }).await;
        return Ok(());
    }
    let document = find::document(device, path).await?;
    let content = document.read(|txn| content::root(txn, &root));
    let report = match content {
        Some(content) => root_report(root, content),
        None => {
            let known = document.read(|txn| content::roots(txn));
            return Err(NameError::NoSuchRoot { root, known }.into());
        }
    };
    speaker.report(report).await;
    Ok(())
}

/// A root that is there.
pub(super) fn root_report(root: String, content: serde_json::Value) -> Report {
    match content {
        serde_json::Value::String(text) => Report::Text { root, text },
        content => Report::Content { root, content },
    }
}

pub(super) async fn export(
    device: &Device,
    request: &Export,
    speaker: &Speaker,
) -> Result<(), Error> {
    let document = find::document(device, &request.document).await?;
    let bytes = match request.format {
        Format::Yjs => document.state(),
        Format::Json => document.read(|txn| content::whole(txn)).to_string().into_bytes(),
        Format::Text => document.read(|txn| content::body(txn)).into_bytes(),
    };
    drop(document);
    speaker.bytes(&bytes).await;
    Ok(())
}
