//! The answers: what is printed as JSON, and what the words are made of.

use std::path::PathBuf;

use driftline::{DeviceId, DocumentId, Objection, Rank, Role, SpaceId};
use serde::{Deserialize, Serialize};

/// One answer, or a part of it.
#[derive(Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(super) enum Report {
    Device { device: DeviceId, folder: PathBuf, existed: bool },
    Online(Online),
    SpaceBegun { space: SpaceId, name: String },
    Spaces { spaces: Vec<NamedSpace> },
    Ticket { ticket: String, space: SpaceId, role: Role, expires: u64 },
    TicketClosed { space: SpaceId },
    Members { space: SpaceId, members: Vec<Member>, former: Vec<FormerMember> },
    Appointed { space: SpaceId, device: DeviceId, role: Role, rank: Option<Rank> },
    Removed { space: SpaceId, device: DeviceId, you: bool },
    Joined { space: SpaceId, name: String, documents: usize, already: bool },
    Documents { space: SpaceId, documents: Vec<Document> },
    Text { root: String, text: String },
    Content { root: String, content: serde_json::Value },
    Edited { document: DocumentId, root: String, length: u32 },
    Replayed(Replayed),
    Change(Change),
    Missed,
    Status(Status),
    Left,
}

/// A device that stays online; also what a ready-file holds.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Online {
    pub(super) device: DeviceId,
    pub(super) process: u32,
    pub(super) folder: PathBuf,
    pub(super) addresses: Vec<String>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct NamedSpace {
    pub(super) space: SpaceId,
    pub(super) name: String,
}

#[derive(Serialize, Deserialize)]
pub(super) struct Member {
    pub(super) device: DeviceId,
    pub(super) you: bool,
    pub(super) role: Role,
    pub(super) rank: Option<Rank>,
    /// Milliseconds since 1970, by the clock of whoever gave the role.
    pub(super) since: u64,
}

#[derive(Serialize, Deserialize)]
pub(super) struct FormerMember {
    pub(super) device: DeviceId,
    pub(super) you: bool,
    /// Who removed it; itself if it left.
    pub(super) by: DeviceId,
    /// Milliseconds since 1970, by that one's clock.
    pub(super) at: u64,
}

#[derive(Serialize, Deserialize)]
pub(super) struct Replayed {
    /// How many patches were typed.
    pub(super) edits: usize,
    pub(super) agents: usize,
    pub(super) seconds: f64,
    pub(super) edits_per_second: f64,
    pub(super) saved: bool,
    /// Whether the text is now the one that was recorded at the end of the trace.
    pub(super) as_recorded: bool,
}

/// Entries that came into a watched document.
#[derive(Serialize, Deserialize)]
pub(super) struct Change {
    /// Milliseconds since 1970, by the author's clock.
    pub(super) time: u64,
    pub(super) author: DeviceId,
    pub(super) you: bool,
    pub(super) what: Vec<Difference>,
}

/// One difference to a document. Positions and lengths count UTF-16 code units of `body`.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Difference {
    Inserted {
        at: u32,
        text: String,
    },
    /// Something that is not text.
    Embedded {
        at: u32,
    },
    Deleted {
        at: u32,
        length: u32,
    },
    Formatted {
        at: u32,
        length: u32,
    },
    /// Another root than `body` changed.
    Root(String),
}

#[derive(Serialize, Deserialize)]
pub(super) struct Status {
    pub(super) device: DeviceId,
    pub(super) spaces: Vec<Space>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct Space {
    pub(super) space: SpaceId,
    pub(super) name: String,
    pub(super) role: Option<Role>,
    /// By whom and when this device was removed, if it was.
    pub(super) removed: Option<Removal>,
    pub(super) peers: Vec<Peer>,
    pub(super) documents: Vec<Document>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct Removal {
    pub(super) by: DeviceId,
    /// Milliseconds since 1970, by that one's clock.
    pub(super) at: u64,
}

#[derive(Serialize, Deserialize)]
pub(super) struct Peer {
    pub(super) device: DeviceId,
    pub(super) role: Role,
    pub(super) state: State,
    pub(super) address: Option<String>,
    pub(super) transport: Option<String>,
    /// Why it takes no more of something that is here, or has hung up.
    pub(super) objection: Option<Objection>,
}

/// How far this device and a peer are with one another.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum State {
    Away,
    Meeting,
    CatchingUp,
    Live,
}

#[derive(Serialize, Deserialize)]
pub(super) struct Document {
    pub(super) document: DocumentId,
    pub(super) name: String,
    pub(super) entries: u64,
    pub(super) chains: usize,
    pub(super) saved: bool,
    /// How many peers say that they saved all of it.
    pub(super) peers: usize,
    /// How many entries that connected peers offer are not here yet.
    pub(super) behind: u64,
}
