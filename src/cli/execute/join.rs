//! `join`: into a space, and up to date with it.

use std::time::Duration;

use driftline::{Device, Space, Ticket};
use tokio::time::{Instant, timeout_at};

use crate::cli::error::{Error, SpaceError};
use crate::cli::output::Speaker;
use crate::cli::report::Report;
use crate::cli::request::Join;

pub(super) async fn join(device: &Device, request: &Join, speaker: &Speaker) -> Result<(), Error> {
    let ticket: Ticket = request.ticket.parse().map_err(SpaceError::from)?;
    let wanted = ticket.certificate().invitation().role;
    if let Some(space) = device.space(ticket.space()).await?
        && space.status().await?.role >= Some(wanted)
    {
        return joined(&space, true, speaker).await;
    }
    let timeout = request.timeout;
    let deadline = Instant::now() + timeout;
    speaker.progress("looking for a member who lets this device in", None).await;
    let space = match timeout_at(deadline, device.join(&ticket)).await {
        Ok(joined) => joined.map_err(SpaceError::from)?,
        Err(_) => {
            let addresses = ticket.addresses().to_vec();
            return Err(SpaceError::NobodyThere { timeout, addresses }.into());
        }
    };
    catch_up(&space, deadline, timeout, speaker).await?;
    joined(&space, false, speaker).await
}

async fn catch_up(
    space: &Space,
    deadline: Instant,
    timeout: Duration,
    speaker: &Speaker,
) -> Result<(), Error> {
    let mut news = space.news().await?;
    let mut caught_up = std::pin::pin!(space.caught_up());
    loop {
        tell_progress(space, speaker).await?;
        let heard = async {
            tokio::select! {
                caught_up = &mut caught_up => caught_up.map(|()| true),
                heard = news.next() => heard.map(|()| false),
            }
        };
        match timeout_at(deadline, heard).await {
            Ok(Ok(true)) => return Ok(()),
            Ok(Ok(false)) => {}
            Ok(Err(gone)) => return Err(gone.into()),
            Err(_) => return Err(SpaceError::NotAllCame { timeout }.into()),
        }
    }
}

async fn tell_progress(space: &Space, speaker: &Speaker) -> Result<(), Error> {
    let documents = space.status().await?.documents;
    let here: u64 = documents.iter().map(|document| document.entries).sum();
    let behind: u64 = documents.iter().map(|document| document.behind).sum();
    speaker.progress("bringing in what the space holds", Some((here, here + behind))).await;
    Ok(())
}

async fn joined(space: &Space, already: bool, speaker: &Speaker) -> Result<(), Error> {
    let status = space.status().await?;
    let (name, documents) = (status.name, status.documents.len());
    speaker.report(Report::Joined { space: space.id(), name, documents, already }).await;
    Ok(())
}
