//! Who is in a space, and who may do what.
//!
//! The roster is a log like every document's. Its entries are [`Act`]s: a member let somebody in, gave a member another
//! role, removed one, closed a ticket. [`Roster`] folds them into roles, whatever order they arrive in.

mod entry;
mod evidence;
mod fold;
mod history;
mod members;
mod pass;
mod quote;
mod scope;
mod ticket;

use bincode::{Decode, Encode};
use rand_core::Rng;
use thiserror::Error;

use crate::clock::WallTime;
use crate::codec;
use crate::id::{DeviceId, Hash, SpaceId};
use crate::identity::{BadSignature, DeviceKey, Signature};

pub use entry::{Act, ParseRankError, Rank, RosterEntry};
pub use fold::{Former, Member};
pub use history::{Leave, Turn};
pub use members::{Reach, Roster};
pub use pass::{BadPass, ParsePassError, Pass, PassTerms};
pub use quote::Quote;
pub(crate) use quote::{is_of_good_size, is_quotable};
pub use scope::Scope;
pub use ticket::{Certificate, Invitation, JoinRequest, ParseTicketError, Ticket};

const PURPOSE: &str = "driftline genesis 1";

/// What a member may do.
#[derive(
    Clone,
    Copy,
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
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Reads everything, writes nothing.
    Reader,
    /// Reads and writes documents.
    Writer,
    /// A writer whose word is final, usually a server that is always on.
    Anchor,
    /// A writer who may also invite.
    Admin,
}

impl Role {
    /// Whether a member of this role may write documents.
    pub fn writes(self) -> bool {
        self >= Self::Writer
    }

    /// The role in a word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Reader => "reader",
            Self::Writer => "writer",
            Self::Anchor => "anchor",
            Self::Admin => "admin",
        }
    }
}

/// The word is not a role.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("“{word}” is not a role: use reader, writer, anchor or admin")]
pub struct ParseRoleError {
    /// What was read.
    pub word: String,
}

impl std::str::FromStr for Role {
    type Err = ParseRoleError;

    fn from_str(word: &str) -> Result<Self, ParseRoleError> {
        [Self::Reader, Self::Writer, Self::Anchor, Self::Admin]
            .into_iter()
            .find(|role| role.name() == word)
            .ok_or_else(|| ParseRoleError { word: word.to_owned() })
    }
}

/// How a space begins. The hash of it, signed, is the space's id, so that nobody can show another.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Genesis {
    body: GenesisBody,
    signature: Signature,
}

#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
struct GenesisBody {
    name: String,
    creator: DeviceId,
    created: WallTime,
    nonce: [u8; 16],
}

impl Genesis {
    /// Begins a space: its creator is its first admin.
    pub fn new(name: &str, creator: &DeviceKey, created: WallTime, rng: &mut dyn Rng) -> Self {
        let mut nonce = [0; 16];
        rng.fill_bytes(&mut nonce);
        let body = GenesisBody { name: name.to_owned(), creator: creator.id(), created, nonce };
        let signature = creator.sign(PURPOSE, &codec::encode(&body));
        Self { body, signature }
    }

    /// The space's id.
    pub fn space(&self) -> SpaceId {
        SpaceId(Hash::of("driftline space 1", &[&codec::encode(self)]).0)
    }

    /// Checks that its creator signed it.
    ///
    /// # Errors
    /// If they did not.
    pub fn verify(&self) -> Result<(), BadSignature> {
        self.body.creator.verify(PURPOSE, &codec::encode(&self.body), &self.signature)
    }

    /// What the space is called.
    pub fn name(&self) -> &str {
        &self.body.name
    }

    /// The first admin.
    pub fn creator(&self) -> DeviceId {
        self.body.creator
    }

    /// When it was created, by its creator's clock.
    pub fn created(&self) -> WallTime {
        self.body.created
    }
}
