//! Whether what the store promised still holds.
//!
//! What was written but not saved survives the process, but not the machine. So a store that was not
//! closed cleanly, and is opened after the machine was restarted, can't know what it has told others and
//! lost since. Nor can a copy: what it was copied from may have gone on. Both say so by drawing a new incarnation.

use driftline_core::codec::{self, CodecError};

use crate::engine::{Batch, Engine, Place};
use crate::key::RowKey;
use crate::row::{self, Damage};
use crate::store::StoreError;

/// What the world outside says when a store is opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Life {
    /// Names this run of the machine: it is the same until power is lost. `None` where that is unknown.
    pub boot: Option<String>,
    /// Fresh random bytes: the new incarnation, should one be needed.
    pub fresh: [u8; 16],
}

impl Life {
    /// The life of a store on this machine. Linux names its boot; elsewhere it is unknown.
    pub fn on_this_machine(fresh: [u8; 16]) -> Self {
        let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok();
        Self { boot: boot.map(|boot| boot.trim().to_owned()), fresh }
    }
}

/// The stored half of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LifeRow {
    pub(crate) incarnation: [u8; 16],
    pub(crate) boot: Option<String>,
    pub(crate) place: Option<Place>,
    pub(crate) closed: bool,
}

/// What of a store's promises holds when it is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ends {
    /// Everything that was ever written is there.
    Proven,
    /// The machine stopped before all was saved.
    Lost,
    /// It is a copy: the original, or another copy, may have gone on since.
    Copied,
}

impl LifeRow {
    /// The first life of a store.
    pub(crate) fn begin(life: Life, place: Option<Place>) -> Self {
        Self { incarnation: life.fresh, boot: life.boot, place, closed: false }
    }

    pub(crate) fn read<E: Engine>(engine: &E) -> Result<Option<Self>, StoreError> {
        let key = RowKey::life();
        let Some(value) = row::get(engine, &key)? else { return Ok(None) };
        Ok(Some(Self::decode(&value).map_err(Damage::of_format(&key))?))
    }

    pub(crate) fn decode(value: &[u8]) -> Result<Self, CodecError> {
        let (incarnation, boot, place, closed) = codec::decode(value)?;
        let place: Option<(Option<u64>, Option<u64>)> = place;
        let place = place.map(|(inode, born)| Place { inode, born });
        Ok(Self { incarnation, boot, place, closed })
    }

    pub(crate) fn put(&self, batch: &mut Batch) {
        let place = self.place.map(|Place { inode, born }| (inode, born));
        let value = codec::encode(&(self.incarnation, &self.boot, place, self.closed));
        row::put(batch, &RowKey::life(), &value);
    }

    /// The life that follows this one, and what of all that it promised still holds.
    pub(crate) fn followed_by(&self, life: Life, place: Option<Place>) -> (Self, Ends) {
        let same_boot = life.boot.is_some() && life.boot == self.boot;
        let ends = match self.closed || same_boot {
            _ if place != self.place => Ends::Copied,
            true => Ends::Proven,
            false => Ends::Lost,
        };
        let incarnation = if ends == Ends::Proven { self.incarnation } else { life.fresh };
        (Self { incarnation, boot: life.boot, place, closed: false }, ends)
    }
}
