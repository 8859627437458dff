//! What the anchor decided, as it stands in the ledger's log.

use bincode::{Decode, Encode};

use super::{CommandId, Revision, Verdict};
use crate::clock::WallTime;
use crate::codec;
use crate::id::{DeviceId, DocumentId, Hash};
use crate::record::{Cell, Place, RowId, Stamp, Value};

/// A decision, or the part of it that stands in one ledger: the payload of an entry by the anchor. There is a part for
/// the command's bucket and for each bucket whose records change, and one in its author's own, where the author might come
/// not to read the command's any more. In each ledger decisions form one row, and each names the one before.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Decision {
    /// Its place among all of the space, from 1.
    pub order: u64,
    /// Its place among those in this ledger, from 1.
    pub place: u64,
    /// The hash of the one before in this ledger.
    pub previous: Hash,
    /// The other ledgers that it has parts in, with its place there. They show together.
    pub others: Vec<(DocumentId, u64)>,
    /// What was decided upon.
    pub command: CommandId,
    /// Whose command it is.
    pub author: DeviceId,
    /// When, by the anchor's clock: the time that the handler was told.
    pub at: WallTime,
    /// What the author hears; nothing where it is only said what became of a bucket's records.
    pub verdict: Option<Verdict>,
    /// The fields that change, as they stand then; nothing for those that are gone.
    pub writes: Vec<(Place, Option<Cell>)>,
    /// Records that went to another bucket.
    pub departed: Vec<RowId>,
    /// Records that came from another bucket: all their fields are among those that change.
    pub arrived: Vec<RowId>,
    /// What the authors of earlier commands hear.
    pub news: Vec<(Stamp, Revision)>,
    /// What is to happen once, outside: of which kind, and what.
    pub effects: Vec<(String, Value)>,
}

impl Decision {
    /// A decision that says nothing yet, and has no place in a ledger.
    pub(super) fn upon(command: CommandId, author: DeviceId, (order, at): (u64, WallTime)) -> Self {
        Self {
            order,
            place: 0,
            previous: Hash([0; 32]),
            others: Vec::new(),
            command,
            author,
            at,
            verdict: None,
            writes: Vec::new(),
            departed: Vec::new(),
            arrived: Vec::new(),
            news: Vec::new(),
            effects: Vec::new(),
        }
    }

    /// The hash that the next decision names; that before the first is all zeros.
    pub fn hash(&self) -> Hash {
        Hash::of("driftline decision 1", &[&codec::encode(self)])
    }
}
