//! How much a device holds of what others write into a space, and how fast it listens.
//!
//! They are this device's own: others may hold more or less. What it writes itself counts, and is never refused.

use bincode::{Decode, Encode};
use thiserror::Error;

/// How much a device holds of a space, and how fast it listens to each peer. Sizes are in bytes of entries, as stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Documents in the space. Of this limit and the next two, every member has an equal share: once the space is
    /// full, those who have used less than theirs go on, so that nobody can stop the others by filling it.
    pub documents: u64,
    /// Entries in all its documents.
    pub entries: u64,
    /// Bytes in all its documents.
    pub bytes: u64,
    /// Documents of one author in which nobody else has written.
    pub author_documents: u64,
    /// Chains of one author in all documents.
    pub author_chains: u64,
    /// Chains of one author in one document.
    pub author_chains_in_document: u64,
    /// Bytes of one author in all documents.
    pub author_bytes: u64,
    /// Entries of one author in the roster's log. Each is judged anew whenever the roster changes.
    pub author_acts: u64,
    /// Bytes of one author in the roster's log, which is held in memory.
    pub author_act_bytes: u64,
    /// Entries that a peer may send without being asked for them; other frames count as one, and those of strangers as
    /// [`STRANGER_COST`](super::STRANGER_COST). What this device asks for when it catches up is not counted.
    pub entry_rate: Rate,
    /// Bytes that a peer may send without being asked for them.
    pub byte_rate: Rate,
    /// Spots in which one author shows presence.
    pub author_presences: u64,
    /// Bytes of one author's presence, which is held in memory.
    pub author_presence_bytes: u64,
    /// Bytes of everybody's presence in the space.
    pub presence_bytes: u64,
    /// How much presence of one author is listened to. What goes beyond is passed over, and comes again when it is renewed.
    pub presence_rate: Rate,
}

/// So much a second, in the long run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// What comes back every second.
    pub per_second: u64,
    /// What there is to begin with, and at the most.
    pub burst: u64,
}

/// How much is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// Bytes of a document's entries, as stored; nothing if nobody has written in it.
    pub bytes: Option<u64>,
    /// Documents in the space.
    pub documents: u64,
}

impl Default for Limits {
    /// For a device with a few gigabytes to spare, that nobody well-meaning gets near.
    fn default() -> Self {
        Self {
            documents: 100_000,
            entries: 500_000_000,
            bytes: 16 << 30,
            author_documents: 20_000,
            author_chains: 100_000,
            author_chains_in_document: 1_024,
            author_bytes: 4 << 30,
            author_acts: 4_096,
            author_act_bytes: 16 << 20,
            entry_rate: Rate { per_second: 100_000, burst: 2_000_000 },
            byte_rate: Rate { per_second: 32 << 20, burst: 512 << 20 },
            author_presences: 1_024,
            author_presence_bytes: 1 << 20,
            presence_bytes: 64 << 20,
            presence_rate: Rate { per_second: 1_000, burst: 2_000 },
        }
    }
}

/// What a [limit](Limits) counts.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// Documents in the space.
    Documents,
    /// Entries in the space.
    Entries,
    /// Bytes in the space.
    Bytes,
    /// Documents that an author has to itself.
    AuthorDocuments,
    /// An author's chains.
    AuthorChains,
    /// An author's chains in one document.
    AuthorChainsInDocument,
    /// An author's bytes.
    AuthorBytes,
    /// An author's entries in the roster.
    AuthorActs,
    /// An author's bytes in the roster.
    AuthorActBytes,
}

/// Why a peer takes no more, or hangs up.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, Error, serde::Serialize, serde::Deserialize,
)]
#[serde(tag = "why", rename_all = "snake_case")]
pub enum Objection {
    /// It holds as much as it will. It goes on with everything else, and with this once its limit is raised.
    #[error("{}", full(*.measure, *.limit))]
    Full {
        /// What it holds too much of.
        measure: Measure,
        /// How much it will hold.
        limit: u64,
    },
    /// This device said more, unasked, than it listens to. It listens again after a while.
    #[error(
        "this device sends faster than it listens: {entries} entries and {} a second",
        size(*bytes)
    )]
    TooFast {
        /// How many entries it listens to in a second.
        entries: u64,
        /// How many bytes it listens to in a second.
        bytes: u64,
    },
    /// It speaks other versions of the protocol: one of the two has to be updated.
    #[error("it speaks protocol versions {oldest} to {newest}: update the older one of the two")]
    Version {
        /// The oldest that it speaks.
        oldest: u16,
        /// The newest that it speaks.
        newest: u16,
    },
}

fn full(measure: Measure, limit: u64) -> String {
    match measure {
        Measure::Documents => format!("the space is full there: {limit} documents"),
        Measure::Entries => format!("the space is full there: {limit} entries"),
        Measure::Bytes => format!("the space is full there: {}", size(limit)),
        Measure::AuthorDocuments => {
            format!("it holds {limit} documents of one author in which nobody else writes")
        }
        Measure::AuthorChains => format!("it holds {limit} chains of one author"),
        Measure::AuthorChainsInDocument => {
            format!("it holds {limit} chains of one author in one document")
        }
        Measure::AuthorBytes => format!("it holds {} of one author", size(limit)),
        Measure::AuthorActs => format!("it holds {limit} acts of one author in the roster"),
        Measure::AuthorActBytes => {
            format!("it holds {} of one author's acts in the roster", size(limit))
        }
    }
}

/// Bytes in the largest unit that leaves no remainder.
fn size(bytes: u64) -> String {
    let units = [(30, "GiB"), (20, "MiB"), (10, "KiB")];
    let fits = |(shift, _): &(u32, &str)| bytes > 0 && bytes.trailing_zeros() >= *shift;
    match units.into_iter().find(fits) {
        Some((shift, unit)) => format!("{} {unit}", bytes >> shift),
        None => format!("{bytes} bytes"),
    }
}
