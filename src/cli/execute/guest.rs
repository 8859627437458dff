//! `token` and `guest`: who comes in through the gateway.

use driftline::{Device, PassTerms, Role};

use super::find;
use crate::cli::error::{Error, SpaceError};
use crate::cli::output::Speaker;
use crate::cli::report::Report;
use crate::cli::request::{GuestRequest, Token};

pub(super) async fn token(
    device: &Device,
    request: &Token,
    speaker: &Speaker,
) -> Result<(), Error> {
    let space = find::space(device, &request.space).await?;
    let pass = space.pass(&request.name, request.role, request.expires).await;
    let pass = pass.map_err(SpaceError::from)?;
    let PassTerms { space, guest, role, expires, .. } = pass.terms().clone();
    let (pass, expires) = (pass.to_string(), expires.0);
    speaker.report(Report::Pass { pass, space, guest, role, expires }).await;
    Ok(())
}

pub(super) async fn guest(
    device: &Device,
    request: GuestRequest,
    speaker: &Speaker,
) -> Result<(), Error> {
    match request {
        GuestRequest::Role { space, guest, role } => {
            limit(device, &space, guest, Some(role), speaker).await
        }
        GuestRequest::Remove { space, guest } => limit(device, &space, guest, None, speaker).await,
    }
}

async fn limit(
    device: &Device,
    space: &str,
    guest: String,
    role: Option<Role>,
    speaker: &Speaker,
) -> Result<(), Error> {
    let space = find::space(device, space).await?;
    space.limit_guest(&guest, role).await.map_err(SpaceError::from)?;
    speaker.report(Report::GuestLimited { space: space.id(), guest, role }).await;
    Ok(())
}
