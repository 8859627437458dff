//! The answers: what is printed as JSON, and what the words are made of.

use std::net::SocketAddr;
use std::path::PathBuf;

use driftline::{
    ChainId, CommandId, Damaged, DeviceId, DocumentId, DocumentStatus, Hash, Objection, Rank, Role,
    SpaceId, Stopped,
};
use serde::{Deserialize, Serialize};

/// One answer, or a part of it.
#[derive(Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(super) enum Report {
    Device { device: DeviceId, folder: PathBuf, existed: bool },
    Key { device: DeviceId, file: PathBuf, protected: bool },
    BackedUp { device: DeviceId, folder: PathBuf, rows: u64, bytes: u64 },
    Revived { device: DeviceId, folder: PathBuf, rows: u64 },
    Online(Online),
    SpaceBegun { space: SpaceId, name: String },
    Spaces { spaces: Vec<NamedSpace> },
    Ticket { ticket: String, space: SpaceId, role: Role, expires: u64 },
    TicketClosed { space: SpaceId },
    Pass { pass: String, space: SpaceId, guest: String, role: Role, expires: u64 },
    GuestLimited { space: SpaceId, guest: String, role: Option<Role> },
    Members { space: SpaceId, members: Vec<Member>, former: Vec<FormerMember> },
    Appointed { space: SpaceId, device: DeviceId, role: Role, rank: Option<Rank> },
    Removed { space: SpaceId, device: DeviceId, you: bool },
    Buckets { space: SpaceId, buckets: Vec<Bucket> },
    Granted { space: SpaceId, bucket: String, device: DeviceId },
    Revoked { space: SpaceId, bucket: String, device: DeviceId },
    Joined { space: SpaceId, name: String, documents: usize, already: bool },
    Documents { space: SpaceId, documents: Vec<DocumentStatus> },
    Deleted { space: SpaceId, name: String },
    Imported { document: DocumentId, name: String },
    Restored { space: SpaceId, name: String },
    DeletedDocument { name: String, by: DeviceId, at: u64 },
    Text { root: String, text: String },
    Content { root: String, content: serde_json::Value },
    Stretch(Stretch),
    Edited { document: DocumentId, root: String, length: u32 },
    Replayed(Replayed),
    Change(Change),
    Missed,
    Showing { state: serde_json::Value },
    Present(Present),
    Collections { space: SpaceId, collections: Vec<Collection> },
    Record(Record),
    Story(Story),
    Submitted { command: CommandId, predicted: Option<serde_json::Value> },
    Waiting(Waiting),
    Answer(Answer),
    Cancelled { command: CommandId },
    Status(Status),
    Authors(Authors),
    Trace(Box<Trace>),
    Finding(Box<Finding>),
    Verified(Verified),
    Left,
}

/// Somebody who is here, or was.
#[derive(Serialize, Deserialize)]
pub(super) struct Present {
    pub(super) device: DeviceId,
    /// 0 for the device's own user, another number for somebody who is here through it.
    pub(super) guest: u64,
    /// Nothing if they are gone.
    pub(super) state: Option<serde_json::Value>,
}

/// A bucket, and to whom it was granted.
#[derive(Serialize, Deserialize)]
pub(super) struct Bucket {
    /// Nothing if this device may not read it, and does not know.
    pub(super) bucket: Option<String>,
    /// The document that the roster calls it by.
    pub(super) ledger: DocumentId,
    pub(super) readers: Vec<DeviceId>,
}

/// A collection, and how many records it has.
#[derive(Serialize, Deserialize)]
pub(super) struct Collection {
    pub(super) collection: String,
    pub(super) records: usize,
}

/// A record as it stands, or stood last.
#[derive(Serialize, Deserialize)]
pub(super) struct Record {
    pub(super) collection: String,
    pub(super) key: serde_json::Value,
    /// Nothing if it is not there any more.
    pub(super) fields: Option<serde_json::Value>,
    /// Whether some of it is not decided yet.
    pub(super) tentative: bool,
}

/// How a field of a record came to be what it is.
#[derive(Serialize, Deserialize)]
pub(super) struct Story {
    pub(super) collection: String,
    pub(super) key: serde_json::Value,
    pub(super) field: String,
    /// The first decision before the others.
    pub(super) chapters: Vec<Chapter>,
}

/// A decision that changed a field.
#[derive(Serialize, Deserialize)]
pub(super) struct Chapter {
    pub(super) command: CommandId,
    pub(super) name: String,
    pub(super) author: DeviceId,
    pub(super) rank: Option<Rank>,
    /// How many decisions the author had seen.
    pub(super) seen: u64,
    /// The verdict, with what belongs to it; nothing if it can't be read here.
    pub(super) outcome: Option<serde_json::Value>,
    pub(super) before: Option<serde_json::Value>,
    pub(super) after: Option<serde_json::Value>,
    /// The place of the decision among all.
    pub(super) order: u64,
    /// Milliseconds since 1970, by the decider's clock.
    pub(super) at: u64,
    /// Who decided, and signed it.
    pub(super) decider: DeviceId,
}

/// A command that is not decided yet.
#[derive(Serialize, Deserialize)]
pub(super) struct Waiting {
    pub(super) command: CommandId,
    pub(super) name: String,
    pub(super) fields: serde_json::Value,
    /// The bucket that it travels in: nothing of it is called the common one.
    pub(super) bucket: String,
    /// Milliseconds since 1970, by this device's clock.
    pub(super) since: u64,
    pub(super) why: Why,
}

/// Why a command is not decided yet.
#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Why {
    /// This device may not read the command's bucket any more.
    NotGranted,
    /// The space has no anchor.
    NoAnchor,
    /// No anchor is connected.
    Away,
    /// An anchor is connected, and has not answered yet.
    OnItsWay,
}

/// What became of a command, or changed about that.
#[derive(Serialize, Deserialize)]
pub(super) struct Answer {
    pub(super) command: CommandId,
    /// Whose it is, if it is not this device's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) author: Option<DeviceId>,
    pub(super) name: String,
    /// With a verdict, the fields as they were given.
    pub(super) fields: Option<serde_json::Value>,
    /// Milliseconds since 1970, by the anchor's clock; nothing if it is not decided any more.
    pub(super) at: Option<u64>,
    /// The verdict or the revision, with what belongs to it.
    pub(super) outcome: serde_json::Value,
}

/// Who wrote a document.
#[derive(Serialize, Deserialize)]
pub(super) struct Authors {
    pub(super) document: DocumentId,
    pub(super) authors: Vec<Author>,
}

/// Somebody writing in a document with no pause. Times are in milliseconds since 1970, by the author's clock.
#[derive(Serialize, Deserialize)]
pub(super) struct Stretch {
    pub(super) author: DeviceId,
    pub(super) you: bool,
    pub(super) first: u64,
    pub(super) last: u64,
    pub(super) entries: u64,
}

/// Somebody who wrote in a document. Times are in milliseconds since 1970, by the author's clock.
#[derive(Serialize, Deserialize)]
pub(super) struct Author {
    pub(super) device: DeviceId,
    pub(super) you: bool,
    pub(super) entries: u64,
    pub(super) first: u64,
    pub(super) last: u64,
    /// How many UTF-16 units that they typed stand in the document now.
    pub(super) stands: u64,
    /// What they are now; nothing if they are no member any more.
    pub(super) role: Option<Role>,
    pub(super) history: Vec<Turn>,
}

/// Something that was done about a member's standing.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Turn {
    pub(super) what: Leave,
    pub(super) by: DeviceId,
    /// Milliseconds since 1970, by that one's clock.
    pub(super) at: u64,
    /// Whether it counts, by all that is known.
    pub(super) counts: bool,
    pub(super) role: Option<Role>,
    pub(super) rank: Option<Rank>,
    /// Who issued the ticket, and the public half of its key.
    pub(super) issuer: Option<DeviceId>,
    pub(super) ticket: Option<DeviceId>,
}

#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Leave {
    Began,
    Admitted,
    Appointed,
    Removed,
}

/// Where a place in a document comes from.
#[derive(Serialize, Deserialize)]
pub(super) struct Trace {
    pub(super) document: DocumentId,
    pub(super) root: String,
    pub(super) at: u32,
    pub(super) character: Option<char>,
    pub(super) origin: Origin,
    /// What its author saw to the left and to the right of it.
    pub(super) left: Option<Origin>,
    pub(super) right: Option<Origin>,
    /// What its author had seen at least: of each chain the last entry.
    pub(super) seen: Vec<Seen>,
    /// The act by whose leave it was written.
    pub(super) leave: Option<Turn>,
    pub(super) history: Vec<Turn>,
}

/// An entry.
#[derive(Serialize, Deserialize)]
pub(super) struct Origin {
    pub(super) author: DeviceId,
    pub(super) you: bool,
    /// The guest for whom the author signed it.
    pub(super) guest: Option<String>,
    pub(super) chain: ChainId,
    pub(super) entry: u64,
    pub(super) hash: Hash,
    /// Milliseconds since 1970, by its author's clock.
    pub(super) time: u64,
    /// Whether it brought back what was there before.
    pub(super) mends: bool,
    /// The entry whose signature vouches for it.
    pub(super) signed_with: Option<u64>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct Seen {
    pub(super) device: DeviceId,
    pub(super) chain: ChainId,
    pub(super) entry: u64,
}

/// Something that is wrong with what is stored.
#[derive(Serialize, Deserialize)]
pub(super) struct Finding {
    pub(super) space: Option<SpaceId>,
    pub(super) space_name: Option<String>,
    pub(super) document: Option<DocumentId>,
    /// Empty for the roster.
    pub(super) document_name: Option<String>,
    pub(super) chain: Option<ChainId>,
    /// The number of the entry on its chain, from 1.
    pub(super) entry: Option<u64>,
    /// What is wrong, in a word.
    pub(super) fault: String,
    pub(super) what: String,
    pub(super) because: Vec<String>,
}

/// What was checked.
#[derive(Serialize, Deserialize)]
pub(super) struct Verified {
    pub(super) spaces: u64,
    pub(super) documents: u64,
    pub(super) entries: u64,
    pub(super) bytes: u64,
    pub(super) findings: u64,
}

/// A device that stays online; also what a ready-file holds.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Online {
    pub(super) device: DeviceId,
    pub(super) process: u32,
    pub(super) folder: PathBuf,
    pub(super) addresses: Vec<String>,
    /// Where guests come in.
    pub(super) http: Option<SocketAddr>,
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
    /// What is wrong with the disk, if anything is.
    pub(super) disk: Option<Trouble>,
    pub(super) damaged: Vec<Damaged>,
    pub(super) spaces: Vec<Space>,
}

/// Why nothing more is kept.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Trouble {
    Full,
    Failed(String),
}

#[derive(Serialize, Deserialize)]
pub(super) struct Space {
    pub(super) space: SpaceId,
    pub(super) name: String,
    pub(super) role: Option<Role>,
    /// By whom and when this device was removed, if it was.
    pub(super) removed: Option<Removal>,
    pub(super) peers: Vec<Peer>,
    /// Why nothing is decided, if that is so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) stopped: Option<Stopped>,
    pub(super) documents: Vec<DocumentStatus>,
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

/// A value of an app's, or a verdict upon it, as a part of an answer: both are JSON by their nature.
pub(super) fn json(value: &impl Serialize) -> serde_json::Value {
    serde_json::to_value(value).unwrap_or_default()
}
