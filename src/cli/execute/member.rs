//! `member`: who is in a space, and what they may do.

use driftline::{Device, DeviceId, Members, Rank, Role, Space};

use super::find;
use crate::cli::error::{Error, NameError, SpaceError};
use crate::cli::output::Speaker;
use crate::cli::report::{FormerMember, Member, Report};
use crate::cli::request::MemberRequest;

pub(super) async fn member(
    device: &Device,
    request: MemberRequest,
    speaker: &Speaker,
) -> Result<(), Error> {
    match request {
        MemberRequest::Ls { space } => list(device, &space, speaker).await,
        MemberRequest::Role { space, member, role, rank } => {
            appoint(device, (&space, &member), (role, rank), speaker).await
        }
        MemberRequest::Remove { space, member } => remove(device, (&space, &member), speaker).await,
    }
}

async fn list(device: &Device, space: &str, speaker: &Speaker) -> Result<(), Error> {
    let space = find::space(device, space).await?;
    let Members { present, former } = space.members().await?;
    let me = device.id();
    let members = present.into_iter().map(|(device, member)| Member {
        device,
        you: device == me,
        role: member.role,
        rank: member.rank,
        since: member.since.0,
    });
    let former = former.into_iter().map(|(device, former)| FormerMember {
        device,
        you: device == me,
        by: former.by,
        at: former.at.0,
    });
    let (members, former) = (members.collect(), former.collect());
    speaker.report(Report::Members { space: space.id(), members, former }).await;
    Ok(())
}

async fn appoint(
    device: &Device,
    (space, member): (&str, &str),
    (role, rank): (Role, Option<Rank>),
    speaker: &Speaker,
) -> Result<(), Error> {
    let space = find::space(device, space).await?;
    let member = find(&space, member).await?;
    space.appoint(member, role, rank.clone()).await.map_err(SpaceError::from)?;
    speaker.report(Report::Appointed { space: space.id(), device: member, role, rank }).await;
    Ok(())
}

async fn remove(
    device: &Device,
    (space, member): (&str, &str),
    speaker: &Speaker,
) -> Result<(), Error> {
    let space = find::space(device, space).await?;
    let member = find(&space, member).await?;
    space.remove(member).await.map_err(SpaceError::from)?;
    let you = member == device.id();
    speaker.report(Report::Removed { space: space.id(), device: member, you }).await;
    Ok(())
}

/// The only member whose id begins so.
pub(super) async fn find(space: &Space, text: &str) -> Result<DeviceId, Error> {
    let members = space.members().await?.present.into_iter().map(|(device, _)| device);
    let text = text.to_ascii_lowercase();
    let found: Vec<_> = members.filter(|device| device.to_string().starts_with(&text)).collect();
    match found.as_slice() {
        [device] if !text.is_empty() => Ok(*device),
        [] => Err(NameError::NoSuchMember { text }.into()),
        _ => Err(NameError::AmbiguousMember { text, members: found }.into()),
    }
}
