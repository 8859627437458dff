//! One device's row of entries in one document.

use std::time::Duration;

use bincode::{Decode, Encode};
use rand_core::Rng;

use super::entry::Entry;
use super::frontier::Point;
use crate::clock::WallTime;
use crate::codec;
use crate::id::{ChainId, DeviceId, DocumentId, Hash};

/// What a chain begins with; its hash is the chain's id.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct ChainHead {
    /// The document that the chain belongs to.
    pub document: DocumentId,
    /// The device that alone may write it.
    pub device: DeviceId,
    /// The chain that this device wrote here before, whose end it could not prove any more.
    pub previous: Option<ChainId>,
    /// When the device opened it, by its own clock.
    pub opened: WallTime,
    /// Random, so that a backup restored twice does not open the same chain twice.
    pub nonce: [u8; 16],
}

impl ChainHead {
    /// Opens a new chain.
    pub fn open(
        document: DocumentId,
        device: DeviceId,
        previous: Option<ChainId>,
        opened: WallTime,
        rng: &mut dyn Rng,
    ) -> Self {
        let mut nonce = [0; 16];
        rng.fill_bytes(&mut nonce);
        Self { document, device, previous, opened, nonce }
    }

    /// The chain's id.
    pub fn id(&self) -> ChainId {
        ChainId(Hash::of("driftline chain 1", &[&codec::encode(self)]).0)
    }
}

/// Where a chain ends: the number, hash and claimed time of its last entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Tip {
    /// The number of the last entry; entries count from 1, so 0 is an empty chain.
    pub number: u64,
    /// The hash over the last entry and, through it, over all before.
    pub hash: Hash,
    /// When the author says it wrote the last entry.
    pub time: WallTime,
}

impl Tip {
    /// The end of a chain that has no entry yet.
    pub fn start(chain: ChainId, opened: WallTime) -> Self {
        Self { number: 0, hash: Hash(chain.0), time: opened }
    }

    /// The last entry, without its time.
    pub fn point(&self) -> Point {
        Point { number: self.number, hash: self.hash }
    }

    /// The end after one entry more, given also as its encoded bytes.
    pub(crate) fn followed_by(self, entry: &Entry<'_>, encoded: &[u8]) -> Self {
        Self {
            number: self.number + 1,
            hash: Entry::hash_after(encoded, &self.hash),
            time: self.time + Duration::from_millis(entry.elapsed),
        }
    }
}
