//! Why a command fails.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use driftline::gateway::GatewayError;
use driftline::record::{Value, ValueError};
use driftline::trace::TraceError;
use driftline::{
    BadName, CloseError, CommandId, CopyError, DeviceId, DocumentError, EditError, EngineGone,
    FolderError, ForeseenError, GovernError, GuestError, ImportError, InviteError, JoinError,
    Multiaddr, OpenError, ParseTicketError, ReachError, ShowError, SpaceId, StoryError,
    SubmitError, VerifyError, WhyError,
};
use thiserror::Error;

use super::door::DoorError;
use super::failure::Failure;
use super::secrets::SecretsError;

#[derive(Debug, Error)]
pub(super) enum Error {
    #[error("there is no folder for a user's data on this system: name one with --data DIR")]
    NoDataFolder,
    #[error("no device in {}: run `driftline init`", folder.display())]
    NoDevice { folder: PathBuf },
    #[error(transparent)]
    Open {
        #[from]
        source: OpenError,
    },
    #[error(transparent)]
    Key { source: FolderError },
    #[error("the key is changed only while nobody has the device: end `driftline run` first")]
    KeyInUse { source: FolderError },
    #[error(transparent)]
    Secrets {
        #[from]
        source: SecretsError,
    },
    #[error("guests can't be let in at {address}: choose another address with --http")]
    GuestAddress { address: std::net::SocketAddr, source: io::Error },
    #[error("guests can't be let in")]
    Gateway { source: GatewayError },
    #[error(transparent)]
    Door {
        #[from]
        source: DoorError,
    },
    #[error("can't listen on {address}: choose another address with --listen")]
    Listen { address: Multiaddr, source: io::Error },
    #[error("the device can't be closed in good order")]
    Close { source: CloseError },
    #[error(transparent)]
    Gone {
        #[from]
        source: EngineGone,
    },
    #[error(transparent)]
    Control {
        #[from]
        source: ControlError,
    },
    #[error(transparent)]
    Name {
        #[from]
        source: NameError,
    },
    #[error(transparent)]
    Space {
        #[from]
        source: SpaceError,
    },
    #[error(transparent)]
    Document {
        #[from]
        source: DocumentError,
    },
    #[error(transparent)]
    Edit {
        #[from]
        source: EditError,
    },
    #[error(transparent)]
    Splice {
        #[from]
        source: SpliceError,
    },
    #[error(transparent)]
    Reach {
        #[from]
        source: ReachError,
    },
    #[error(transparent)]
    Command {
        #[from]
        source: CommandError,
    },
    #[error(transparent)]
    Presence {
        #[from]
        source: PresenceError,
    },
    #[error(transparent)]
    Replay {
        #[from]
        source: ReplayError,
    },
    #[error(transparent)]
    Import {
        #[from]
        source: ImportingError,
    },
    #[error(transparent)]
    Why {
        #[from]
        source: WhyError,
    },
    #[error(transparent)]
    Story {
        #[from]
        source: StoryError,
    },
    #[error(transparent)]
    Copy {
        #[from]
        source: CopyError,
    },
    #[error("the root “{root}” is no text, so nothing has a position in it")]
    NoText { root: String },
    #[error(transparent)]
    Verify {
        #[from]
        source: VerifyError,
    },
    #[error(
        "what is stored here is not sound: keep a copy of the folder as it is. A device that joins anew gets what other members have"
    )]
    Unsound,
    #[error("the document can't be followed")]
    Follow { source: driftline::ApplyError },
    #[error("can't write to {to}")]
    Write { to: String, source: io::Error },
    #[error(
        "a Yjs update is no text for a terminal: name a file with --output FILE, or use a pipe"
    )]
    Terminal,
    #[error("interrupted")]
    Interrupted,
    #[error("the system does not give what is needed to run")]
    System { source: io::Error },
    /// What another process said.
    #[error(transparent)]
    Told {
        #[from]
        source: Failure,
    },
}

/// Why the process that has the folder can't be asked, or can't be reached by others.
#[derive(Debug, Error)]
pub(super) enum PresenceError {
    #[error(transparent)]
    Name { source: BadName },
    #[error(transparent)]
    Show { source: ShowError },
}

#[derive(Debug, Error)]
pub(super) enum ControlError {
    #[error(
        "{} is in use by {who}, which does not take commands: wait until it is done, or end it",
        folder.display()
    )]
    NoAnswer { folder: PathBuf, who: String },
    #[error("the process that has {} ended before it had answered", folder.display())]
    Ended { folder: PathBuf },
    #[error("the process that has {} said what this one does not understand", folder.display())]
    Garbled { folder: PathBuf, source: serde_json::Error },
    #[error("what was asked is not understood: are both processes of the same version?")]
    NotUnderstood { source: serde_json::Error },
    #[error("a line of more than {limit} bytes came through the control socket")]
    TooLong { limit: usize },
    #[error("cannot {action} {}", path.display())]
    Socket { action: &'static str, path: PathBuf, source: io::Error },
}

/// Why a name on the command line means nothing here.
#[derive(Debug, Error)]
pub(super) enum NameError {
    #[error("this device is in no space: begin one with `driftline space new NAME`, or join one")]
    NoSpaces,
    #[error("no space here is called “{name}”, or has an id that begins so: {}", these(known))]
    NoSuchSpace { name: String, known: Vec<String> },
    #[error("“{name}” can mean several spaces: use more of the id of one of {}", list(spaces))]
    Ambiguous { name: String, spaces: Vec<SpaceId> },
    #[error("no member's id begins with “{text}”: `driftline member ls SPACE` shows who is in")]
    NoSuchMember { text: String },
    #[error("“{text}” can mean several members: use more of the id of one of {}", list(members))]
    AmbiguousMember { text: String, members: Vec<DeviceId> },
    #[error("there is no document “{name}” in {space}: {}", these(known))]
    NoSuchDocument { name: String, space: String, known: Vec<String> },
    #[error("the document has no root “{root}”: {}", these(known))]
    NoSuchRoot { root: String, known: Vec<String> },
    #[error("there are no records in “{collection}”: {}", these(known))]
    NoSuchCollection { collection: String, known: Vec<String> },
    #[error(
        "there is no record “{key}” in “{collection}”: `driftline record ls SPACE {collection}` lists them"
    )]
    NoSuchRecord { collection: String, key: String },
}

/// Why nothing was asked of the anchor, or nothing came of it yet.
#[derive(Debug, Error)]
pub(super) enum CommandError {
    #[error("the command's fields can't be kept")]
    Fields { source: ValueError },
    #[error("the command's own rules are against it: {refusal}. Nothing of it is kept")]
    Refused { refusal: String },
    #[error("the command was not given, and nothing of it is kept")]
    NotGiven { source: SubmitError<Value> },
    #[error(
        "no anchor has decided yet: the command waits, and `driftline verdicts SPACE` tells what comes of it"
    )]
    Undecided { command: CommandId },
    #[error("{command} is not waiting here: it is decided, or was never given by this device")]
    NothingToCancel { command: CommandId },
    #[error(transparent)]
    Foreseen {
        #[from]
        source: ForeseenError,
    },
}

/// Why a space can't be entered, or opened to others.
#[derive(Debug, Error)]
pub(super) enum SpaceError {
    #[error(transparent)]
    Ticket {
        #[from]
        source: ParseTicketError,
    },
    #[error(transparent)]
    Join {
        #[from]
        source: JoinError,
    },
    #[error(
        "no member let this device in within {} s: is one of them online? The ticket names {}",
        timeout.as_secs(), list(addresses)
    )]
    NobodyThere { timeout: Duration, addresses: Vec<String> },
    #[error("joined, but not all that the space holds came within {} s: `driftline run` fetches the rest", timeout.as_secs())]
    NotAllCame { timeout: Duration },
    #[error(transparent)]
    Guest {
        #[from]
        source: GuestError,
    },
    #[error(transparent)]
    Invite {
        #[from]
        source: InviteError,
    },
    #[error("the ticket is for another space, {space}")]
    OtherSpace { space: SpaceId },
    #[error(transparent)]
    Govern {
        #[from]
        source: GovernError,
    },
}

/// Why a text can't be changed like that. Nothing was.
#[derive(Debug, Error)]
pub(super) enum SpliceError {
    #[error(
        "{end} is past the end of the text, which has {length} UTF-16 units: nothing was changed"
    )]
    PastEnd { end: u64, length: u32 },
    #[error(
        "{at} is in the middle of a character, which takes two UTF-16 units: nothing was changed"
    )]
    InsideCharacter { at: u32 },
}

/// Why a document does not begin with what a file holds.
#[derive(Debug, Error)]
pub(super) enum ImportingError {
    #[error("can't read {}", file.display())]
    Unreadable { file: PathBuf, source: io::Error },
    #[error("{} is larger than {limit} MiB, and is not looked at", file.display())]
    TooLarge { file: PathBuf, limit: u64 },
    #[error("{} was not taken in", file.display())]
    Refused { file: PathBuf, source: ImportError },
}

/// Why a trace can't be typed to its end.
#[derive(Debug, Error)]
pub(super) enum ReplayError {
    #[error(transparent)]
    Trace {
        #[from]
        source: TraceError,
    },
    #[error("the document has a body of {length} UTF-16 units: a trace is typed into an empty one")]
    NotEmpty { length: u32 },
    #[error(
        "transaction {transaction} of the trace does not fit: {end} is past the end of the text, which has {length} UTF-16 units"
    )]
    PastEnd { transaction: usize, end: u32, length: u32 },
    #[error("one agent's edits can't be brought to another's")]
    Merge { source: driftline::ApplyError },
}

fn these(known: &[String]) -> String {
    match known {
        [] => "there is none yet".to_owned(),
        known => format!("there is {}", list(known)),
    }
}

fn list(items: &[impl std::fmt::Display]) -> String {
    match items {
        [] => "no addresses".to_owned(),
        items => items.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
    }
}
