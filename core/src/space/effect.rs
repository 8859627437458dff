//! What the machine asks of the world around it.

use std::sync::Arc;

use bincode::{Decode, Encode};
use bytes::Bytes;
use thiserror::Error;

use super::limits::Objection;
use super::message::Refusal;
use crate::codec::CodecError;
use crate::command::Foreseen;
use crate::document::Label;
use crate::document::check::BadUpdate;
use crate::id::{ChainId, DeviceId, DocumentId, SpaceId};
use crate::log::{ChainHead, Frontier, Segment, SegmentError, Tip};
use crate::roster::Genesis;

/// Something to be done, in the order in which it was asked for.
#[derive(Debug)]
pub enum Effect {
    /// Make these changes to the store, all or none. The machine counts its batches from 1; the answers
    /// are [`Event::Written`](super::Event::Written) and [`Event::Saved`](super::Event::Saved).
    Write(Vec<Change>),
    /// Send a frame to each of these peers.
    Send {
        /// Whom to.
        to: Vec<DeviceId>,
        /// The encoded frame.
        frame: Bytes,
    },
    /// Read a document's entries for a peer, or for this device itself; the answer is [`Event::Read`](super::Event::Read).
    Read {
        /// The peer that they are for.
        peer: DeviceId,
        /// The document.
        document: DocumentId,
        /// What the peer holds already.
        beyond: Frontier,
        /// What may be read at the most. The store shows more: what would not survive the process yet.
        upto: Frontier,
        /// About how many bytes to read at the most.
        budget: usize,
    },
    /// Make a [mend](crate::document::mend) for what does not count in a document, from all that was asked to be
    /// written of it; the answer is [`Event::Mended`](super::Event::Mended).
    Mend {
        /// The document.
        document: DocumentId,
        /// Where what counts of its chains ends.
        counts: Frontier,
        /// Where the chains of which more is here end.
        refused: Frontier,
    },
    /// Entries were taken in: bring them into the document where it is open.
    Apply(Arrival),
    /// Close the connection to a peer that broke the rules.
    Disconnect {
        /// Which one.
        peer: DeviceId,
        /// What it did.
        fault: PeerFault,
    },
    /// Tell whoever watches the space.
    Notify(Notice),
}

/// Entries that were taken into a document's log, local ones too.
#[derive(Clone, Debug)]
pub struct Arrival {
    /// The document.
    pub document: DocumentId,
    /// Who wrote them.
    pub author: DeviceId,
    /// The entries, with the chain that they are on.
    pub segment: Arc<Segment>,
    /// The end of the chain with them.
    pub tip: Tip,
    /// The peer that they came from; nothing if they were written on this device.
    pub origin: Option<DeviceId>,
}

/// What a watcher of a space hears.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// More is saved here, or a peer says that it saved more: waiting edits may have got where they should.
    Progress,
    /// The roster says something new.
    Roster,
    /// What this device [asked for](super::Space::petition) was refused.
    Refused(Refusal),
    /// A document is here that was not here before.
    Document(DocumentId),
    /// Records, or what is to become of commands, may be other than before.
    Records,
    /// What somebody else asked for and this device had shown is decided.
    Foreseen(Arc<Foreseen>),
    /// A peer that is a member came or went, or a session with one changed its state.
    Peers,
    /// What is [shown](super::Space::presence) in a topic is other than before.
    Presence(Arc<str>),
    /// A peer has more of one of this device's own chains than the device itself. It is written no more.
    Retired {
        /// The document.
        document: DocumentId,
        /// The chain.
        chain: ChainId,
    },
    /// A device wrote two different entries of one number. Its chain is closed: nothing more is taken.
    Forked {
        /// The document.
        document: DocumentId,
        /// The chain.
        chain: ChainId,
        /// Whose chain it is.
        author: DeviceId,
    },
}

/// What a peer did wrong.
#[derive(Debug, Error)]
pub enum PeerFault {
    /// It sent bytes that are no frame.
    #[error("it sent a frame that does not decode")]
    Malformed {
        /// What is wrong with it.
        #[from]
        source: CodecError,
    },
    /// It sent a segment that can't be.
    #[error("it sent a segment that can't be taken")]
    Segment {
        /// What is wrong with it.
        #[from]
        source: SegmentError,
    },
    /// It sent an update that must not be merged.
    #[error("it sent an update that can't be taken")]
    Update {
        /// What is wrong with it.
        #[from]
        source: BadUpdate,
    },
    /// It sent a mend by somebody who may not mend, or one that does not decode.
    #[error("it sent a mend that can't be taken")]
    Mend,
    /// It signed for a guest, and may not, or for one without a name.
    #[error("it signed for a guest, which only anchors and admins may")]
    Guest,
    /// It gave a document a name that does not fit its id, or is no name.
    #[error("it sent a document's name that is not that document's")]
    Label,
    /// It put something into the roster that does not belong there, or is too large.
    #[error("it put something into the roster that does not belong there")]
    Roster,
    /// It put something into the ledger that does not belong there, or commands into another document.
    #[error("it put something into the ledger, or into a document, that does not belong there")]
    Ledger,
    /// It sent presence without a topic, or too large, or that its owner did not sign.
    #[error("it sent presence that is too large, has no topic, or is not signed by its owner")]
    Presence,
    /// It said more than it may, unasked.
    #[error("it sent more than this device listens to")]
    TooFast {
        /// What it was told.
        source: Objection,
    },
    /// It speaks no version of the protocol that this device speaks.
    #[error(
        "it speaks protocol versions {oldest} to {newest}, and this device speaks {}",
        super::message::VERSION
    )]
    Version {
        /// The oldest that it speaks.
        oldest: u16,
        /// The newest that it speaks.
        newest: u16,
    },
}

/// One change to the store. Changes of one batch are made together or not at all, and batches survive
/// in the order in which they were given: none is kept when an earlier one is lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Keep a space.
    Space(SpaceRecord),
    /// Keep a document's name.
    Document {
        /// The space that it is in.
        space: SpaceId,
        /// Its name and lineage.
        label: Label,
        /// How far chains that were cut off are mended.
        mended: Frontier,
    },
    /// Keep the head of a chain.
    Head(ChainHead),
    /// Append a segment to a document's log.
    Segment {
        /// The document.
        document: DocumentId,
        /// The segment, whose first entry follows the last that is kept of its chain.
        segment: Segment,
    },
    /// Store a segment again, in the place of what is stored of its entries, and was lost. It must lead to what is stored
    /// behind it; if it does not, nothing is done.
    PutBack {
        /// The document.
        document: DocumentId,
        /// The segment, which ends no later than what is stored of its chain.
        segment: Box<Segment>,
    },
    /// Keep where a chain ends now.
    Chain {
        /// The document.
        document: DocumentId,
        /// The chain.
        chain: ChainId,
        /// Its end.
        record: ChainRecord,
    },
    /// Forget a document, but for these of its chains.
    Purge {
        /// The space that it is in.
        space: SpaceId,
        /// The document.
        document: DocumentId,
        /// The chains that are kept.
        kept: Vec<ChainId>,
    },
    /// Keep how far this device has followed a peer's feed.
    Seen {
        /// The space.
        space: SpaceId,
        /// The peer.
        peer: DeviceId,
        /// The last of its feed that is kept here.
        position: Position,
    },
    /// Keep how far a peer says that it has saved this device's feed.
    Acked {
        /// The space.
        space: SpaceId,
        /// The peer.
        peer: DeviceId,
        /// The last of this device's feed that the peer saved.
        position: Position,
    },
}

/// What a device keeps of a space itself.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct SpaceRecord {
    /// The space's beginning.
    pub genesis: Genesis,
    /// Whether it is this device's own, and nobody else ever hears of it.
    pub local: bool,
}

/// Where a chain ends, as kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct ChainRecord {
    /// The number, hash and time of the last entry.
    pub tip: Tip,
    /// Where its Yjs client stands: the clock of what it inserts next.
    pub clock: u32,
    /// How many bytes its entries are.
    pub bytes: u64,
    /// This store's feed number when the chain last grew.
    pub feed: u64,
    /// Whether more may be added, and by whom.
    pub state: ChainState,
}

/// Whether more may be added to a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub enum ChainState {
    /// Its author may go on.
    Open,
    /// This device's own, whose end it can't prove any more: it writes no more to it, but takes back from
    /// peers what they still have of it.
    Retired,
    /// Its author wrote two different entries of one number: nothing more is taken.
    Forked,
}

/// A place in a store's feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Position {
    /// Which life of the store: it changes whenever what was promised may have been lost.
    pub incarnation: [u8; 16],
    /// How many things the store had taken in.
    pub number: u64,
}
