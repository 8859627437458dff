//! What the anchor decided, as it stands in the ledger's log.

use bincode::{Decode, Encode};

use super::{CommandId, Revision, Verdict};
use crate::clock::WallTime;
use crate::codec;
use crate::id::{DeviceId, Hash};
use crate::record::{Cell, Place, Stamp, Value};

/// A decision: the payload of an entry by the anchor. All decisions of a space form one row, each naming the one before.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Decision {
    /// Its place among all, from 1.
    pub order: u64,
    /// The hash of the decision before.
    pub previous: Hash,
    /// What was decided upon.
    pub command: CommandId,
    /// Whose command it is.
    pub author: DeviceId,
    /// When, by the anchor's clock: the time that the handler was told.
    pub at: WallTime,
    /// What the author hears.
    pub verdict: Verdict,
    /// The fields that change, as they stand then; nothing for those that are gone.
    pub writes: Vec<(Place, Option<Cell>)>,
    /// What the authors of earlier commands hear.
    pub news: Vec<(Stamp, Revision)>,
    /// What is to happen once, outside: of which kind, and what.
    pub effects: Vec<(String, Value)>,
}

impl Decision {
    /// The hash that the next decision names; that before the first is all zeros.
    pub fn hash(&self) -> Hash {
        Hash::of("driftline decision 1", &[&codec::encode(self)])
    }
}
