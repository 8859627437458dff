//! Driftline: a local-first collaboration engine.
//!
//! Every [`Device`] keeps its own data and edits it with no network at all. Devices of one [`Space`] meet peer to
//! peer and bring their [`Document`]s together; a space may have anchors, which are always on.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("device");
//! use driftline::{Device, Level};
//! use driftline::yrs::{GetString, Text};
//!
//! let device = Device::open(path).await?;
//! let space = device.create_space("kitchen").await?;
//!
//! let notes = space.document("notes/today").await?;
//! let body = notes.text("body"); // roots before transactions
//! let edit = notes.edit(|txn| body.push(txn, "milk"))?; // at once, with no IO
//! edit.reached(Level::Saved).await?; // it would survive a power cut
//!
//! assert_eq!(notes.read(|txn| body.get_string(txn)), "milk");
//! device.close().await?;
//! # Ok(())
//! # }
//! ```

pub mod content;
mod device;
mod document;
mod engine;
#[cfg(feature = "gateway")]
pub mod gateway;
mod presence;
mod space;
pub mod trace;
mod verify;

pub use device::{
    CloseError, Connection, CopyError, Damaged, Device, DeviceOptions, DiskState, DiskStatus,
    JoinError, ListenError, OpenError,
};
pub use document::{
    AdmitError, Author, BadCursor, Branch, Change, Changes, Cursor, Delta, Document, Edit,
    EditError, Entries, GuestsError, ImportError, Level, MAX_UPDATE_BYTES, Missed, Past,
    ReachError, Side, Step, TextChanges, Trace, Undo, Updates, WhyError,
};
pub use engine::EngineGone;
pub use presence::{Other, Others, Presence, ShowError};
pub use space::{
    AllAnswers, AllForeseen, Answer, AnswerError, Answers, DeletedDocument, Difference,
    DocumentError, Foreseen, ForeseenError, Foresight, GovernError, Grants, GuestError, GuestNews,
    Invitation, InviteError, Members, News, Outcome, PublishError, Space, StoryError, SubmitError,
    Submitted, Task, Tasks, View, Views, Watch,
};
pub use verify::{Verification, VerifyError};

pub use driftline_core::audit::Place;
pub use driftline_core::clock::WallTime;
pub use driftline_core::command;
pub use driftline_core::command::{
    Command, CommandId, Effect, Handler, OutboxEntry, Registry, Revision, Source, Transaction,
    Verdict,
};
pub use driftline_core::document::check::BadUpdate;
pub use driftline_core::document::history::Stretch;
pub use driftline_core::document::provenance::{Contribution, Origin};
pub use driftline_core::document::{Admission, ApplyError, BadName};
pub use driftline_core::id::{ChainId, DeviceId, DocumentId, Hash, ParseIdError, SpaceId};
pub use driftline_core::presence::PresenceError;
pub use driftline_core::record;
pub use driftline_core::record::{Bucket, Field, Policies, Policy, Record};
pub use driftline_core::roster::{
    BadPass, Former, Leave, Member, ParsePassError, ParseRankError, ParseRoleError,
    ParseTicketError, Pass, PassTerms, Rank, Role, Ticket, Turn,
};
pub use driftline_core::space::{
    DocumentStatus, Extent, Limits as SpaceLimits, Measure, NotPermitted, Objection, PeerState,
    PeerStatus, Rate, Refusal, SpaceStatus, Standing, Stopped,
};
pub use driftline_net::{Limits, Traffic, Transport};
pub use driftline_storage::{
    BackedUp, BackupError, BadArchive, BadPassphrase, Fault, Finding, Folder, FolderError, KeyFile,
    Passphrase, StoreError, Tally,
};
pub use libp2p::Multiaddr;
pub use yrs;
