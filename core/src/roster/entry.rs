//! What the roster's log says, one act an entry.

use bincode::{Decode, Encode};
use thiserror::Error;

use super::{JoinRequest, Quote, Role};
use crate::document::Label;
use crate::id::{DeviceId, DocumentId};
use crate::log::Frontier;

/// The longest name of a rank, in bytes.
const MAX_RANK_BYTES: usize = 32;

/// An entry of the roster's log: an act, and what its author knew when it was done.
///
/// Who did it is the device of its chain, and when is the time of the entry.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct RosterEntry {
    /// The ends of the roster's log, as the author had it: everything in front of these happened before.
    pub seen: Frontier,
    /// What was done.
    pub act: Act,
}

/// Something that a member did to the roster.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Act {
    /// Countersigned the request of somebody with a ticket: any member may.
    Admit(Box<JoinRequest>),
    /// Gave a member another role or rank: admins may.
    Appoint {
        /// The member.
        device: DeviceId,
        /// What they may do from now on.
        role: Role,
        /// Their rank from now on.
        rank: Option<Rank>,
        /// Where each of their chains ended. It is what still counts of them if the new role does not write.
        cuts: Frontier,
    },
    /// Removed a member: admins may, and everybody themselves.
    Remove {
        /// The member.
        device: DeviceId,
        /// Where each of their chains ends: what comes behind does not count.
        cuts: Frontier,
    },
    /// Closed a ticket, named by its bearer key: admins may.
    Close {
        /// The public half of the ticket's key.
        bearer: DeviceId,
    },
    /// Deleted a document for everybody: admins may. Whoever begins one of that name begins another.
    Delete {
        /// The document.
        document: Label,
    },
    /// Took back that a document was deleted: admins may.
    Restore {
        /// The document.
        document: Label,
    },
    /// Let a member read a bucket, named by its ledger: admins may. What it is called is told to those who read it alone.
    Grant {
        /// The bucket's ledger.
        ledger: DocumentId,
        /// The member.
        device: DeviceId,
    },
    /// Took that back: admins may.
    Revoke {
        /// The bucket's ledger.
        ledger: DocumentId,
        /// The member.
        device: DeviceId,
        /// Where each of their chains ends there: what comes behind does not count, unless they may read it again.
        cuts: Frontier,
    },
    /// Showed a stretch of a chain that was forked: it counts as if it had come as it was written. Everybody may.
    Quote(Box<Quote>),
}

impl Act {
    /// Whose standing the act is about, if it is about anybody's.
    pub(super) fn subject(&self) -> Option<DeviceId> {
        match self {
            Self::Admit(request) => Some(request.device()),
            Self::Appoint { device, .. } | Self::Remove { device, .. } => Some(*device),
            Self::Close { .. }
            | Self::Delete { .. }
            | Self::Restore { .. }
            | Self::Grant { .. }
            | Self::Revoke { .. }
            | Self::Quote(_) => None,
        }
    }
}

/// Where a member stands in a `rank` policy: a word of the app's, such as "terminal".
#[derive(
    Clone,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Encode,
    Decode,
    serde::Serialize,
    serde::Deserialize,
)]
#[serde(transparent)]
pub struct Rank(String);

/// The word can't be a rank.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("“{word}” can't be a rank: use up to {MAX_RANK_BYTES} letters, digits and dashes")]
pub struct ParseRankError {
    /// What was read.
    pub word: String,
}

impl Rank {
    /// The word.
    pub fn name(&self) -> &str {
        &self.0
    }

    /// Whether a rank from a peer is one that parsing would have made.
    pub(super) fn is_sound(&self) -> bool {
        let plain = |char: char| char.is_ascii_alphanumeric() || char == '-' || char == '_';
        (1..=MAX_RANK_BYTES).contains(&self.0.len()) && self.0.chars().all(plain)
    }
}

impl std::str::FromStr for Rank {
    type Err = ParseRankError;

    fn from_str(word: &str) -> Result<Self, ParseRankError> {
        let rank = Self(word.to_owned());
        if rank.is_sound() { Ok(rank) } else { Err(ParseRankError { word: word.to_owned() }) }
    }
}

impl std::fmt::Display for Rank {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}
