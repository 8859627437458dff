//! `doc history`, and `doc cat --at`.

use driftline::{Device, WallTime};

use super::document::root_report;
use super::find;
use crate::cli::error::{Error, NameError};
use crate::cli::output::Speaker;
use crate::cli::report::{Report, Stretch};
use crate::cli::request::DocumentPath;
use driftline::content;

pub(super) async fn list(
    device: &Device,
    path: &DocumentPath,
    speaker: &Speaker,
) -> Result<(), Error> {
    let document = find::document(device, path).await?;
    for stretch in document.history().await? {
        let driftline::Stretch { author, first, last, entries } = stretch;
        let you = author == device.id();
        let stretch = Stretch { author, you, first: first.0, last: last.0, entries };
        speaker.report(Report::Stretch(stretch)).await;
    }
    Ok(())
}

pub(super) async fn cat(
    device: &Device,
    path: &DocumentPath,
    root: String,
    at: u64,
    speaker: &Speaker,
) -> Result<(), Error> {
    let document = find::document(device, path).await?;
    let past = document.at(WallTime(at)).await?;
    match past.read(|txn| content::root(txn, &root)) {
        Some(content) => speaker.report(root_report(root, content)).await,
        None => {
            let known = past.read(|txn| content::roots(txn));
            return Err(NameError::NoSuchRoot { root, known }.into());
        }
    }
    Ok(())
}
