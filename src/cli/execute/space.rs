//! The device itself, `space` and `invite`.

use driftline::{Device, Invitation, Space, Ticket};

use super::find;
use crate::cli::error::{Error, SpaceError};
use crate::cli::output::Speaker;
use crate::cli::report::{NamedSpace, Report};
use crate::cli::request::Invite;

pub(super) async fn device(device: &Device, speaker: &Speaker) -> Result<(), Error> {
    let (folder, device) = (device.folder().to_owned(), device.id());
    speaker.report(Report::Device { device, folder, existed: true }).await;
    Ok(())
}

pub(super) async fn begin(device: &Device, name: String, speaker: &Speaker) -> Result<(), Error> {
    let space = device.create_space(&name).await?;
    speaker.report(Report::SpaceBegun { space: space.id(), name }).await;
    Ok(())
}

pub(super) async fn list(device: &Device, speaker: &Speaker) -> Result<(), Error> {
    let spaces = device.spaces().await?.into_iter();
    let spaces = spaces.map(|(space, name)| NamedSpace { space: space.id(), name }).collect();
    speaker.report(Report::Spaces { spaces }).await;
    Ok(())
}

pub(super) async fn invite(
    device: &Device,
    request: &Invite,
    speaker: &Speaker,
) -> Result<(), Error> {
    let space = find::space(device, &request.space).await?;
    if let Some(ticket) = &request.close {
        return close(&space, ticket, speaker).await;
    }
    let (role, rank) = (request.role, request.rank.clone());
    let invitation = Invitation { role, rank, lasts: request.expires };
    let ticket = space.invite(invitation).await.map_err(SpaceError::from)?;
    if ticket.addresses().is_empty() {
        let note = "the ticket names no address, because this device listens on none: \
                    start `driftline run` first, and invite again";
        speaker.note(note).await;
    }
    let expires = ticket.certificate().invitation().expires.0;
    let space = space.id();
    speaker.report(Report::Ticket { ticket: ticket.to_string(), space, role, expires }).await;
    Ok(())
}

async fn close(space: &Space, ticket: &str, speaker: &Speaker) -> Result<(), Error> {
    let ticket: Ticket = ticket.parse().map_err(SpaceError::from)?;
    if ticket.space() != space.id() {
        return Err(SpaceError::OtherSpace { space: ticket.space() }.into());
    }
    space.close_ticket(&ticket).await.map_err(SpaceError::from)?;
    speaker.report(Report::TicketClosed { space: space.id() }).await;
    Ok(())
}
