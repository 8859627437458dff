//! By whose leave somebody is, or was, a member.

use super::fold::Deed;
use super::{Act, Rank, Role, Roster};
use crate::clock::WallTime;
use crate::id::DeviceId;

/// Something that was done about a member's standing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Turn {
    /// Who did it.
    pub by: DeviceId,
    /// When, by that one's clock.
    pub at: WallTime,
    /// Whether it counts, by all that is known.
    pub counts: bool,
    /// What it was.
    pub what: Leave,
}

/// What was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Leave {
    /// They began the space.
    Began,
    /// They were let in.
    Admitted {
        /// As what.
        role: Role,
        /// With which rank.
        rank: Option<Rank>,
        /// The admin who issued the ticket.
        issuer: DeviceId,
        /// The public half of the ticket's key, which names it.
        ticket: DeviceId,
    },
    /// They were given another role.
    Appointed {
        /// Which.
        role: Role,
        /// With which rank.
        rank: Option<Rank>,
    },
    /// They were removed, or left.
    Removed,
}

impl Leave {
    /// The role that they had from then on.
    pub fn role(&self) -> Option<Role> {
        match self {
            Self::Began => Some(Role::Admin),
            Self::Admitted { role, .. } | Self::Appointed { role, .. } => Some(*role),
            Self::Removed => None,
        }
    }
}

impl Roster {
    /// All that was ever done about a device's standing, each after what its author knew of.
    pub fn history(&self, device: &DeviceId) -> Vec<Turn> {
        let genesis = self.genesis();
        let began = (genesis.creator() == *device).then(|| {
            let (by, at) = (genesis.creator(), genesis.created());
            Turn { by, at, counts: true, what: Leave::Began }
        });
        let judged = self.judged();
        let about = judged.filter(|(deed, _)| deed.act.subject() == Some(*device));
        began.into_iter().chain(about.filter_map(turn)).collect()
    }
}

fn turn((deed, counts): (&Deed, bool)) -> Option<Turn> {
    let what = match &deed.act {
        Act::Admit(request) => {
            let certificate = request.certificate();
            let invitation = certificate.invitation();
            let (role, rank) = (invitation.role, invitation.rank.clone());
            let (issuer, ticket) = (certificate.issuer(), certificate.bearer());
            Leave::Admitted { role, rank, issuer, ticket }
        }
        Act::Appoint { role, rank, .. } => Leave::Appointed { role: *role, rank: rank.clone() },
        Act::Remove { .. } => Leave::Removed,
        Act::Close { .. }
        | Act::Delete { .. }
        | Act::Restore { .. }
        | Act::Grant { .. }
        | Act::Revoke { .. }
        | Act::Quote(_) => return None,
    };
    Some(Turn { by: deed.author, at: deed.at, counts, what })
}
