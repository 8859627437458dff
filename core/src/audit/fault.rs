//! What can be wrong, and where.

use thiserror::Error;

use crate::codec::CodecError;
use crate::document::ApplyError;
use crate::document::check::BadUpdate;
use crate::id::{ChainId, DeviceId, DocumentId, SpaceId};
use crate::identity::BadSignature;
use crate::log::MAX_ENTRY_BYTES;

/// Something that is wrong with what is stored.
#[derive(Debug)]
pub struct Finding {
    /// Where.
    pub place: Place,
    /// What.
    pub fault: Fault,
}

/// A place in what is stored, as closely as it is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The space.
    pub space: Option<SpaceId>,
    /// The document in it.
    pub document: Option<DocumentId>,
    /// The chain in that.
    pub chain: Option<ChainId>,
    /// The number of the entry on that.
    pub entry: Option<u64>,
}

impl Place {
    /// A space.
    pub fn of_space(space: SpaceId) -> Self {
        Self { space: Some(space), ..Self::default() }
    }

    /// A document.
    pub fn of_document(space: SpaceId, document: DocumentId) -> Self {
        Self { document: Some(document), ..Self::of_space(space) }
    }

    /// A chain.
    pub fn of_chain(space: SpaceId, document: DocumentId, chain: ChainId) -> Self {
        Self { chain: Some(chain), ..Self::of_document(space, document) }
    }

    /// An entry of the chain.
    pub(super) fn at(self, entry: u64) -> Self {
        Self { entry: Some(entry), ..self }
    }
}

/// What is wrong with it.
#[derive(Debug, Error)]
#[allow(missing_docs, reason = "the messages say what the fields are")]
pub enum Fault {
    #[error("the space's beginning is not signed by its creator")]
    Genesis { source: BadSignature },
    #[error("it is stored as this space, and its beginning is that of space {found}")]
    OtherSpace { found: SpaceId },
    #[error("its name belongs to another document")]
    OtherName,
    #[error("its log is here, and its name is not")]
    NoName,
    #[error("the chain's head is not here")]
    NoHead,
    #[error(
        "the head stored for the chain does not hash to the chain's id, or is another document's"
    )]
    WrongHead,
    #[error("the first segment shows another head than the one stored for the chain")]
    OtherHead,
    #[error("where the chain ends is not stored")]
    NoEnd,
    #[error("entries {from} to {to} are missing")]
    Missing { from: u64, to: u64 },
    #[error("it is stored under the number {number}")]
    Misplaced { number: u64 },
    #[error("it is stored twice")]
    Twice,
    #[error("it does not follow the entry before: the hashes differ")]
    Link,
    #[error("it does not decode")]
    Entry { source: CodecError },
    #[error("it holds {bytes} bytes, more than {MAX_ENTRY_BYTES}")]
    TooLarge { bytes: usize },
    #[error("a segment without an entry begins here")]
    Empty,
    #[error("no signature vouches for the chain up to here, and nobody has cut it off here")]
    Signature,
    #[error("its update is not sound")]
    Update { source: BadUpdate },
    #[error("it is a mend that does not decode")]
    Mend { source: CodecError },
    #[error("it does not belong into a roster, or is too large for it")]
    NotOfRoster,
    #[error("the chain is said to end with entry {said}, and ends with entry {found}")]
    Tip { said: u64, found: u64 },
    #[error("the chain is said to end in another hash than its last entry has")]
    TipHash,
    #[error("the last entry is said to be of another time than its chain says")]
    TipTime,
    #[error("the chain's Yjs client is said to stand at clock {said}, and stands at {found}")]
    Clock { said: u32, found: u32 },
    #[error("the chain is marked as this device's own that was given up, and is another's")]
    Retired,
    #[error("the chain has no place in the feed")]
    NoFeed,
    #[error("the chain has place {feed} in the feed, and so has chain {}", other.short())]
    FeedTwice { feed: u64, other: ChainId },
    #[error("a mend is noted up to here, and names another entry")]
    Mended,
    #[error("the chain's author, {}, was never let in", author.short())]
    NeverLetIn { author: DeviceId },
    #[error("the chain's author, {}, was never let in as somebody who writes", author.short())]
    NeverWriter { author: DeviceId },
    #[error("the folded state is of more than is here")]
    SnapshotAhead,
    #[error("the folded state is of another entry than the one here")]
    SnapshotOfOther,
    #[error("the folded state is not sound")]
    SnapshotUnsound { source: BadUpdate },
    #[error("the log does not fold")]
    Fold { source: ApplyError },
    #[error("the folded state differs from what the log folds into")]
    SnapshotDiffers,
}

impl Fault {
    /// The fault in a word, for programs.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Genesis { .. } => "genesis",
            Self::OtherSpace { .. } => "other_space",
            Self::OtherName => "other_name",
            Self::NoName => "no_name",
            Self::NoHead => "no_head",
            Self::WrongHead => "wrong_head",
            Self::OtherHead => "other_head",
            Self::NoEnd => "no_end",
            Self::Missing { .. } => "missing",
            Self::Misplaced { .. } => "misplaced",
            Self::Twice => "twice",
            Self::Link => "link",
            Self::Entry { .. } => "entry",
            Self::TooLarge { .. } => "too_large",
            Self::Empty => "empty",
            Self::Signature => "signature",
            Self::Update { .. } => "update",
            Self::Mend { .. } => "mend",
            Self::NotOfRoster => "not_of_roster",
            Self::Tip { .. } => "tip",
            Self::TipHash => "tip_hash",
            Self::TipTime => "tip_time",
            Self::Clock { .. } => "clock",
            Self::Retired => "retired",
            Self::NoFeed => "no_feed",
            Self::FeedTwice { .. } => "feed_twice",
            Self::Mended => "mended",
            Self::NeverLetIn { .. } => "never_let_in",
            Self::NeverWriter { .. } => "never_writer",
            Self::SnapshotAhead => "snapshot_ahead",
            Self::SnapshotOfOther => "snapshot_of_other",
            Self::SnapshotUnsound { .. } => "snapshot_unsound",
            Self::Fold { .. } => "fold",
            Self::SnapshotDiffers => "snapshot_differs",
        }
    }
}
