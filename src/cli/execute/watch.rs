//! `doc watch`: who changes what.

mod follower;

use driftline::{Change, Device, Entries};

use super::find;
use crate::cli::error::Error;
use crate::cli::output::Speaker;
use crate::cli::report::{self, Report};
use crate::cli::request::DocumentPath;
use follower::Follower;

pub(super) async fn watch(
    device: &Device,
    path: &DocumentPath,
    speaker: &Speaker,
) -> Result<(), Error> {
    let document = find::document_or_new(device, path).await?;
    // First the stream, then the state: what is in both makes no difference the second time.
    let mut changes = document.changes();
    let mut follower = Follower::new();
    follower.take(&[&document.state()])?;
    speaker.progress("watching", None).await;
    loop {
        match changes.next().await {
            Change::Entries(entries) => {
                let what = follower.take(&entries.updates().collect::<Vec<_>>())?;
                if !what.is_empty() {
                    speaker.report(Report::Change(change(device, &entries, what))).await;
                }
            }
            Change::Missed => {
                follower.take(&[&document.state()])?;
                speaker.report(Report::Missed).await;
            }
        }
    }
}

fn change(device: &Device, entries: &Entries, what: Vec<report::Difference>) -> report::Change {
    let Entries { author, time, .. } = *entries;
    report::Change { time, author, you: author == device.id(), what }
}
