//! What the machine asks of the world around it.

use bincode::{Decode, Encode};

use crate::document::Label;
use crate::id::{ChainId, DeviceId, DocumentId, SpaceId};
use crate::log::{ChainHead, Segment, Tip};
use crate::roster::{Admission, Genesis};

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
    /// Keep where a chain ends now.
    Chain {
        /// The document.
        document: DocumentId,
        /// The chain.
        chain: ChainId,
        /// Its end.
        record: ChainRecord,
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
}

/// What a device keeps of a space itself.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct SpaceRecord {
    /// The space's beginning.
    pub genesis: Genesis,
    /// The admissions shown by the member who let this device in, until the roster's log brings them.
    pub admissions: Vec<Admission>,
}

/// Where a chain ends, as kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct ChainRecord {
    /// The number, hash and time of the last entry.
    pub tip: Tip,
    /// This store's feed number when the chain last grew.
    pub feed: u64,
    /// Whether the chain was closed because its author forked it.
    pub closed: bool,
}

/// A place in a store's feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Position {
    /// Which life of the store: it changes whenever what was promised may have been lost.
    pub incarnation: [u8; 16],
    /// How many things the store had taken in.
    pub number: u64,
}
