//! Members, a line each.

use driftline::{DeviceId, Rank, Role};
use owo_colors::{OwoColorize, Stream};

use super::change::time;
use crate::cli::report::{Bucket, FormerMember, Member};

pub(super) fn list(members: &[Member], former: &[FormerMember]) -> String {
    let members = members.iter().map(|member| {
        let who = if member.you { " (this device)" } else { "" };
        let standing = standing(member.role, member.rank.as_ref());
        let standing = standing.if_supports_color(Stream::Stdout, |text| text.green()).to_string();
        format!("{}  {standing} since {}{who}\n", member.device, time(member.since))
    });
    let former = former.iter().map(|former| {
        let how = if former.by == former.device {
            "left".to_owned()
        } else {
            format!("removed by {}", former.by.short())
        };
        let line = format!("{}  {how} at {}", former.device, time(former.at));
        format!("{}\n", line.if_supports_color(Stream::Stdout, |text| text.dimmed()))
    });
    members.chain(former).collect()
}

/// A bucket, and to whom it was granted.
pub(super) fn bucket(bucket: &Bucket) -> String {
    let readers: Vec<_> = bucket.readers.iter().map(DeviceId::short).collect();
    let readers = match readers.is_empty() {
        true => "granted to nobody".to_owned(),
        false => format!("granted to {}", readers.join(", ")),
    };
    match &bucket.bucket {
        Some(name) => format!("{name}  {readers}"),
        None => format!("{}… (this device may not read it)  {readers}", bucket.ledger.short()),
    }
}

pub(super) fn granted(bucket: &str, device: &DeviceId) -> String {
    format!("{} may read “{bucket}” now", device.short())
}

pub(super) fn revoked(bucket: &str, device: &DeviceId) -> String {
    format!(
        "{} may not read “{bucket}” any more: its device forgets the records when it next meets a member",
        device.short()
    )
}

/// A role and a rank, in words.
pub(super) fn standing(role: Role, rank: Option<&Rank>) -> String {
    match rank {
        Some(rank) => format!("{} of rank {rank}", role.name()),
        None => role.name().to_owned(),
    }
}

/// A ticket, alone on the last line.
pub(super) fn ticket(ticket: &str, role: Role, expires: u64) -> String {
    let (role, expires) = (role.name(), time(expires));
    format!(
        "whoever holds this ticket can join as {role} until {expires}, so hand it over like a password:\n{ticket}"
    )
}

/// A guest's pass, alone on the last line.
pub(super) fn pass(pass: &str, guest: &str, role: Role, expires: u64) -> String {
    let (role, expires) = (role.name(), time(expires));
    format!(
        "whoever holds this pass is the guest “{guest}”, a {role}, until {expires}, so hand it over like a password:\n{pass}"
    )
}

/// What a guest's passes give from now on.
pub(super) fn limited(guest: &str, role: Option<Role>) -> String {
    match role {
        Some(role) => format!("the passes that “{guest}” has give {} at the most now", role.name()),
        None => format!("the passes that “{guest}” has let nobody in any more"),
    }
}

/// Somebody is out.
pub(super) fn removed(device: &DeviceId, you: bool) -> String {
    match you {
        true => "this device has left the space".to_owned(),
        false => format!("removed {}: it is told when it next meets a member", device.short()),
    }
}
