//! Whether what the store promised still holds.
//!
//! What was written but not saved survives the process, but not the machine. So a store that was not
//! closed cleanly, and is opened after the machine was restarted, can't know what it has told others and
//! lost since. It says so by drawing a new incarnation.

use driftline_core::codec::{self, CodecError};

use crate::engine::{Batch, Engine};
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
    pub(crate) closed: bool,
}

impl LifeRow {
    pub(crate) fn read<E: Engine>(engine: &E) -> Result<Option<Self>, StoreError> {
        let key = RowKey::life();
        let Some(value) = row::get(engine, &key)? else { return Ok(None) };
        Ok(Some(Self::decode(&value).map_err(Damage::of_format(&key))?))
    }

    pub(crate) fn decode(value: &[u8]) -> Result<Self, CodecError> {
        let (incarnation, boot, closed) = codec::decode(value)?;
        Ok(Self { incarnation, boot, closed })
    }

    pub(crate) fn put(&self, batch: &mut Batch) {
        let value = codec::encode(&(self.incarnation, &self.boot, self.closed));
        row::put(batch, &RowKey::life(), &value);
    }

    /// The life that follows this one, and whether everything that it promised is still there.
    pub(crate) fn followed_by(&self, life: Life) -> (Self, bool) {
        let proven = self.closed || (life.boot.is_some() && life.boot == self.boot);
        let incarnation = if proven { self.incarnation } else { life.fresh };
        (Self { incarnation, boot: life.boot, closed: false }, proven)
    }
}
