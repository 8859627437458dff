//! What can happen to a space.

use bytes::Bytes;

use crate::id::{ChainId, DeviceId, DocumentId};
use crate::log::{Frontier, Segment};

/// Something that happened.
#[derive(Debug)]
pub enum Event {
    /// A connection to a peer was made. Whether it is a member is for the roster to say.
    PeerUp {
        /// Who.
        peer: DeviceId,
    },
    /// The connection to a peer is gone.
    PeerDown {
        /// Who.
        peer: DeviceId,
    },
    /// A frame for this space came in.
    Frame {
        /// From whom.
        peer: DeviceId,
        /// The frame, with its tag.
        frame: Bytes,
    },
    /// Bytes handed over for sending are on their way.
    Sent {
        /// To whom.
        peer: DeviceId,
        /// How many.
        bytes: usize,
    },
    /// The app changed an open document.
    LocalUpdate {
        /// The document.
        document: DocumentId,
        /// The chain that [`Space::author`](super::Space::author) gave for it.
        chain: ChainId,
        /// The Yjs update, v1.
        update: Vec<u8>,
    },
    /// A guest changed an open document, and this device signs for it.
    GuestUpdate {
        /// The chain that [`Space::author`](super::Space::author) gave for the document.
        chain: ChainId,
        /// Who wrote it.
        guest: String,
        /// The Yjs update, v1.
        update: Vec<u8>,
    },
    /// The first batches, up to this one, would survive the end of the process.
    Written {
        /// How many batches.
        upto: u64,
    },
    /// The first batches, up to this one, would survive a power cut.
    Saved {
        /// How many batches.
        upto: u64,
    },
    /// What [`Effect::Read`](super::Effect::Read) asked for.
    Read {
        /// The peer that it is for, or this device itself.
        peer: DeviceId,
        /// The document.
        document: DocumentId,
        /// The entries beyond what the peer holds, each chain's in order.
        segments: Vec<Segment>,
        /// Whether there is more than the budget let through.
        more: bool,
    },
    /// What [`Effect::Mend`](super::Effect::Mend) asked for.
    Mended {
        /// The document.
        document: DocumentId,
        /// A chain that [`Space::author`](super::Space::author) gave for it, and nobody else writes on.
        chain: ChainId,
        /// Where the mended chains end.
        refused: Frontier,
        /// The update that undoes what did not count of them, v1.
        update: Vec<u8>,
    },
    /// What [`Effect::Mend`](super::Effect::Mend) asked for can't be done yet: what is refused leans on something that
    /// is not here. It is asked for again when more of the document is.
    NotMended {
        /// The document.
        document: DocumentId,
    },
    /// What is stored of a chain can't be read from an entry on.
    Lost {
        /// The document.
        document: DocumentId,
        /// The chain.
        chain: ChainId,
        /// The number of the first entry that can't be read.
        first: u64,
    },
    /// Time has passed: [`Space::deadline`](super::Space::deadline) is reached.
    Tick,
}
