//! What can be asked of a device: read from the command line, and sent to the process that has the folder.

mod parse;

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use driftline::{CommandId, Rank, Role};
use serde::{Deserialize, Serialize};

pub(super) use parse::{DocumentPath, Splice, span};

/// One command.
#[derive(Subcommand, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Request {
    /// Who the device is: what `init` says where there is one already.
    #[command(skip)]
    Device,
    /// Spaces: begin one, list those that this device is in
    #[command(subcommand)]
    Space(SpaceRequest),
    /// Prints a ticket that lets somebody into a space, alone on the last line; or closes one
    Invite(Invite),
    /// Prints a pass for a guest, who comes to `driftline anchor --http` with a stock Yjs editor; alone on the last line
    Token(Token),
    /// Guests: give one another role, or let one in no more
    #[command(subcommand)]
    Guest(GuestRequest),
    /// Members: list them, give one another role, remove one
    #[command(subcommand)]
    Member(MemberRequest),
    /// Buckets: who may read which part of the records
    #[command(subcommand)]
    Bucket(BucketRequest),
    /// Joins the space that a ticket opens, and waits until what it holds is here
    Join(Join),
    /// Documents: list, read, edit, replay, export, watch
    #[command(subcommand)]
    Doc(DocRequest),
    /// Presence: show yourself to those who are here, see who is
    #[command(subcommand)]
    Presence(PresenceRequest),
    /// Records: list them, read one, watch a collection
    #[command(subcommand)]
    Record(RecordRequest),
    /// Gives a command of the app's, such as book_seat '{"seat": 14}'; its name for ever is the last word printed
    Submit(Submit),
    /// What this device has asked for and is not decided yet
    Outbox {
        /// The space: its name, its id, or how the id begins
        space: String,
    },
    /// What became of what this device has asked for
    Verdicts {
        /// The space: its name, its id, or how the id begins
        space: String,
        /// Go on with what comes, until Ctrl-C
        #[arg(long, env = "DRIFTLINE_FOLLOW", value_parser = clap::builder::FalseyValueParser::new())]
        follow: bool,
        /// Also of what others ask for and this device shows, as it comes
        #[arg(long, requires = "follow", env = "DRIFTLINE_ALL", value_parser = clap::builder::FalseyValueParser::new())]
        all: bool,
    },
    /// Takes back what is not decided yet
    Cancel {
        /// The command, as `submit` or `outbox` printed it
        #[arg(value_name = "ID")]
        command: CommandId,
    },
    /// How it stands: peers, and how far each document got
    Status(Status),
    /// Checks every byte at rest: hashes, signatures, members, updates; ends with 1 if anything is wrong
    #[command(
        long_about = "Checks every byte that this device has at rest, and says what is wrong, and where:\n\n\
        - each row against its checksum\n\
        - each chain from its head to its end: numbers, hashes, signatures, and every update from end to end\n\
        - whether each author was let in, and where chains were cut off\n\
        - each folded document against its log\n\
        - the device's key\n\n\
        Nothing is changed. It ends with 1 if anything is wrong."
    )]
    Verify(Verify),
    /// Writes all that this device has, its key too, into a new folder, also while it runs
    #[command(
        long_about = "Writes all that this device has, its key too, into a new folder: what was there at one moment, \
        also while the device runs.\n\n\
        Keep it as you would the device: unless the key is under a passphrase, whoever has the folder can be this \
        device. `driftline restore` makes a device from it."
    )]
    Backup {
        /// A folder that is new, or empty
        #[arg(value_name = "DIR", value_parser = parse::absolute)]
        folder: PathBuf,
    },
    /// Who wrote a document, or one place in it: when, on what they had seen, and by whose leave
    #[command(
        long_about = "Who wrote a document, or with --at one place in it: when, on what they had seen, and by \
        whose leave.\n\n\
        Times are what the authors' own clocks said. What somebody had seen is what their edits lean on, so they had \
        seen at least that."
    )]
    Why(Why),
}

#[derive(Subcommand, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum SpaceRequest {
    /// Begins a space of one's own; its id is the last word printed
    New {
        /// What to call it
        name: String,
    },
    /// The spaces that this device is in
    Ls,
}

#[derive(Args, Serialize, Deserialize)]
pub(super) struct Invite {
    /// The space: its name, its id, or how the id begins
    pub(super) space: String,
    /// What whoever joins may do: reader, writer, admin or anchor
    #[arg(long, default_value = "writer", value_parser = parse::role, env = "DRIFTLINE_ROLE")]
    pub(super) role: Role,
    /// How long the ticket can be used: 90s, 30m, 12h, 7d or 2w
    #[arg(long, default_value = "7d", value_parser = parse::span, env = "DRIFTLINE_EXPIRES")]
    pub(super) expires: Duration,
    /// A word that `rank` policies of the app go by
    #[arg(long, env = "DRIFTLINE_RANK")]
    pub(super) rank: Option<Rank>,
    /// Close this ticket instead: nobody more is let in with it, and whoever is in stays in
    #[arg(long, value_name = "TICKET", conflicts_with_all = ["role", "expires", "rank"])]
    pub(super) close: Option<String>,
}

#[derive(Args, Serialize, Deserialize)]
pub(super) struct Token {
    /// The space: its name, its id, or how the id begins
    pub(super) space: String,
    /// What the guest is called: what they write is signed with that name
    #[arg(long, env = "DRIFTLINE_NAME")]
    pub(super) name: String,
    /// What the guest may do: reader or writer
    #[arg(long, default_value = "writer", value_parser = parse::role, env = "DRIFTLINE_ROLE")]
    pub(super) role: Role,
    /// How long the pass can be used: 90s, 30m, 12h, 7d or 2w
    #[arg(long, default_value = "1h", value_parser = parse::span, env = "DRIFTLINE_EXPIRES")]
    pub(super) expires: Duration,
}

#[derive(Subcommand, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum GuestRequest {
    /// Holds a guest to a role, also where their passes say more. It takes effect at once; passes issued later count
    Role {
        /// The space: its name, its id, or how the id begins
        space: String,
        /// The guest's name
        guest: String,
        /// What they may do at the most: reader or writer
        #[arg(value_parser = parse::role)]
        role: Role,
    },
    /// Takes back the passes that a guest has, and closes their sockets. Passes issued later count
    Remove {
        /// The space: its name, its id, or how the id begins
        space: String,
        /// The guest's name
        guest: String,
    },
}

#[derive(Subcommand, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum MemberRequest {
    /// Who is in a space, and who was
    Ls {
        /// The space: its name, its id, or how the id begins
        space: String,
    },
    /// Gives a member another role
    Role {
        /// The space: its name, its id, or how the id begins
        space: String,
        /// The member: its id, or how the id begins
        member: String,
        /// What it may do from now on: reader, writer, admin or anchor
        #[arg(value_parser = parse::role)]
        role: Role,
        /// A word that `rank` policies of the app go by
        #[arg(long, env = "DRIFTLINE_RANK")]
        rank: Option<Rank>,
    },
    /// Removes a member; one's own device leaves the space
    Remove {
        /// The space: its name, its id, or how the id begins
        space: String,
        /// The member: its id, or how the id begins
        member: String,
    },
}

#[derive(Subcommand, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum BucketRequest {
    /// The buckets of a space, and to whom they were granted
    Ls {
        /// The space: its name, its id, or how the id begins
        space: String,
    },
    /// Lets a member read a bucket's records
    Grant(Grant),
    /// Takes that back: the member's device forgets them
    Revoke(Grant),
}

#[derive(Args, Serialize, Deserialize)]
pub(super) struct Grant {
    /// The space: its name, its id, or how the id begins
    pub(super) space: String,
    /// What the app calls the bucket
    pub(super) bucket: String,
    /// The member: its id, or how the id begins
    pub(super) member: String,
}

#[derive(Args, Serialize, Deserialize)]
pub(super) struct Join {
    /// The ticket, as `driftline invite` printed it
    pub(super) ticket: String,
    /// How long to look for a member, and to wait for what the space holds
    #[arg(long, default_value = "60s", value_parser = parse::span, env = "DRIFTLINE_TIMEOUT")]
    pub(super) timeout: Duration,
}

#[derive(Subcommand, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum DocRequest {
    /// The documents in a space
    Ls {
        /// The space: its name, its id, or how the id begins
        space: String,
    },
    /// Prints a root of a document: text as it is, anything else as JSON
    Cat {
        /// SPACE/NAME: split at the first slash
        #[arg(value_name = "SPACE/NAME")]
        document: DocumentPath,
        /// Which root
        #[arg(long, default_value = "body", env = "DRIFTLINE_ROOT")]
        root: String,
        /// As it was then: a time such as 2026-11-24T18:21:40Z, or how long ago, such as 90s, 12h or 7d
        #[arg(long, value_name = "TIME", value_parser = parse::moment, env = "DRIFTLINE_AT")]
        at: Option<u64>,
    },
    /// Who wrote in a document and when, by their own clocks
    History {
        /// SPACE/NAME: split at the first slash
        #[arg(value_name = "SPACE/NAME")]
        document: DocumentPath,
    },
    /// Inserts into a text or deletes from it, and waits until that is saved
    Edit(Edit),
    /// Types a recorded editing session into the root `body`
    Replay(Replay),
    /// Writes a document to standard output, or to a file
    Export(Export),
    /// Begins a document with what a Yjs file holds, as `export --format yjs` writes it
    #[command(
        long_about = "Begins a document with what a Yjs file (v1) holds, as `export --format yjs` writes it.\n\n\
        What the file shows is written anew, by this device: its history stays behind. A Yjs client that still holds the \
        old document must not be brought together with the new one, or both would stand side by side."
    )]
    Import {
        /// SPACE/NAME: split at the first slash. Nothing may have been written in it
        #[arg(value_name = "SPACE/NAME")]
        document: DocumentPath,
        /// The file
        #[arg(value_name = "FILE", value_parser = parse::absolute)]
        file: PathBuf,
    },
    /// A line for each change, who and what, until Ctrl-C
    Watch {
        /// SPACE/NAME: split at the first slash
        #[arg(value_name = "SPACE/NAME")]
        document: DocumentPath,
    },
    /// Deletes a document for everybody; an admin can restore it
    Delete {
        /// SPACE/NAME: split at the first slash
        #[arg(value_name = "SPACE/NAME")]
        document: DocumentPath,
    },
    /// Brings back a document that was deleted
    Restore {
        /// SPACE/NAME: split at the first slash
        #[arg(value_name = "SPACE/NAME")]
        document: DocumentPath,
    },
    /// The documents that were deleted, by whom and when
    Deleted {
        /// The space: its name, its id, or how the id begins
        space: String,
    },
}

#[derive(Args, Serialize, Deserialize)]
pub(super) struct Edit {
    /// SPACE/NAME: split at the first slash. The document begins with its first edit
    #[arg(value_name = "SPACE/NAME")]
    pub(super) document: DocumentPath,
    /// Which root
    #[arg(long, default_value = "body", env = "DRIFTLINE_ROOT")]
    pub(super) root: String,
    #[command(flatten)]
    pub(super) splice: Splice,
}

#[derive(Args, Serialize, Deserialize)]
pub(super) struct Replay {
    /// SPACE/NAME: split at the first slash. Its body has to be empty
    #[arg(value_name = "SPACE/NAME")]
    pub(super) document: DocumentPath,
    /// The session: JSON in the formats of github.com/josephg/editing-traces, gzipped or not
    #[arg(long, value_name = "FILE", value_parser = parse::absolute, env = "DRIFTLINE_TRACE")]
    pub(super) trace: PathBuf,
    /// At most so many edits a second
    #[arg(long, value_name = "N", env = "DRIFTLINE_RATE")]
    pub(super) rate: Option<std::num::NonZeroU32>,
}

#[derive(Args, Serialize, Deserialize)]
pub(super) struct Export {
    /// SPACE/NAME: split at the first slash
    #[arg(value_name = "SPACE/NAME")]
    pub(super) document: DocumentPath,
    /// As what
    #[arg(long, env = "DRIFTLINE_FORMAT")]
    pub(super) format: Format,
    /// A file to write to
    #[arg(long, value_name = "FILE", env = "DRIFTLINE_OUTPUT")]
    #[serde(skip)]
    pub(super) output: Option<PathBuf>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Format {
    /// One Yjs update, v1, that any Yjs client can load
    Yjs,
    /// All roots, as JSON
    Json,
    /// The text of the root `body`
    Text,
}

#[derive(Subcommand, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum PresenceRequest {
    /// Shows something to all who are here, such as '{"at": 4}', until Ctrl-C
    Set {
        /// SPACE/NAME: split at the first slash. No document need be called so
        #[arg(value_name = "SPACE/NAME")]
        document: DocumentPath,
        /// What to show, as JSON of at most 4 KiB
        #[arg(value_name = "JSON", value_parser = parse::json)]
        state: serde_json::Value,
        /// Not until Ctrl-C, but for so long: 90s, 30m, 12h, 7d or 2w
        #[arg(long = "for", value_name = "SPAN", value_parser = parse::span, env = "DRIFTLINE_FOR")]
        lasts: Option<Duration>,
    },
    /// Who else is here, and what they show
    Ls {
        /// SPACE/NAME: split at the first slash
        #[arg(value_name = "SPACE/NAME")]
        document: DocumentPath,
    },
    /// A line for each who comes, shows something else, or goes, until Ctrl-C
    Watch {
        /// SPACE/NAME: split at the first slash
        #[arg(value_name = "SPACE/NAME")]
        document: DocumentPath,
    },
}

#[derive(Subcommand, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum RecordRequest {
    /// The records of a collection, or the collections of a space
    Ls {
        /// The space: its name, its id, or how the id begins
        space: String,
        /// The collection
        collection: Option<String>,
    },
    /// One record
    Get {
        /// The space: its name, its id, or how the id begins
        space: String,
        /// The collection
        collection: String,
        /// The record's key
        key: String,
    },
    /// A line for each record that changes, until Ctrl-C
    Watch {
        /// The space: its name, its id, or how the id begins
        space: String,
        /// The collection
        collection: String,
    },
}

#[derive(Args, Serialize, Deserialize)]
pub(super) struct Submit {
    /// The space: its name, its id, or how the id begins
    pub(super) space: String,
    /// What the app calls the command
    pub(super) command: String,
    /// Its fields, as JSON
    #[arg(value_name = "JSON", value_parser = parse::json)]
    pub(super) fields: serde_json::Value,
    /// The version of the command that these are the fields of
    #[arg(long, default_value_t = 1, env = "DRIFTLINE_COMMAND_VERSION")]
    pub(super) version: u32,
    /// The bucket that it travels in, if this program does not know the command; otherwise the common one
    #[arg(long, env = "DRIFTLINE_BUCKET")]
    pub(super) bucket: Option<String>,
    /// Wait for the verdict, but not longer than this: 90s, 30m, 12h, 7d or 2w
    #[arg(long, value_name = "SPAN", value_parser = parse::span, env = "DRIFTLINE_WAIT")]
    pub(super) wait: Option<Duration>,
}

#[derive(Args, Serialize, Deserialize)]
pub(super) struct Verify {
    /// One space alone: its name, its id, or how the id begins
    pub(super) space: Option<String>,
}

#[derive(Args, Serialize, Deserialize)]
pub(super) struct Why {
    /// SPACE/NAME of a document, or SPACE/COLLECTION/KEY[.FIELD] of a record: split at the first slash
    #[arg(value_name = "SPACE/NAME")]
    pub(super) document: DocumentPath,
    /// A position in the text, counted in UTF-16 code units: who typed the character that stands there
    #[arg(long, value_name = "POS", env = "DRIFTLINE_AT")]
    pub(super) at: Option<u32>,
    /// Which root the position is in
    #[arg(long, default_value = "body", env = "DRIFTLINE_ROOT")]
    pub(super) root: String,
}

#[derive(Args, Serialize, Deserialize)]
pub(super) struct Status {
    /// One space: its name, its id, or how the id begins
    pub(super) space: Option<String>,
}
