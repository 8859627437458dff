//! How a value becomes rows of the database, and how damage to them is noticed.

use std::ops::Range;

use driftline_core::codec::CodecError;
use driftline_core::id::Hash;
use thiserror::Error;

use crate::engine::{Batch, Engine, EngineError, Pairs};
use crate::key::RowKey;
use crate::store::StoreError;

/// How much of a value goes into one row, in bytes.
///
/// A leaf of the database holds up to some 20 rows and is rewritten as a whole, and has to stay well
/// under what sled keeps in one piece.
pub const PART_BYTES: usize = 4 << 10;

const CHECKSUM_BYTES: usize = 8;
const PURPOSE: &str = "driftline row 1";

/// What is wrong with a row.
#[derive(Debug, Error)]
pub enum Damage {
    /// Its bytes are not those that were stored.
    #[error("its bytes have changed")]
    Changed,
    /// It, or a part of it, is not there.
    #[error("it is missing, or a part of it is")]
    Missing,
    /// Its bytes are those that were stored, but do not decode.
    #[error("it does not decode")]
    Malformed {
        /// What is wrong with them.
        #[from]
        source: CodecError,
    },
}

impl Damage {
    pub(crate) fn to(self, row: &RowKey) -> StoreError {
        StoreError::Damaged { row: row.clone(), source: self }
    }

    /// For `map_err`: what was read from this row does not decode.
    pub(crate) fn of_format(row: &RowKey) -> impl FnOnce(CodecError) -> StoreError {
        |source| Self::from(source).to(row)
    }
}

/// Stores a value that never changes, or never shrinks by a part.
pub(crate) fn put(batch: &mut Batch, row: &RowKey, value: &[u8]) {
    let parts = value.len().div_ceil(PART_BYTES).max(1) as u32;
    for part in 0..parts {
        let start = part as usize * PART_BYTES;
        let bytes = &value[start..value.len().min(start + PART_BYTES)];
        let key = row.part(part);
        let following = (parts - 1 - part).to_be_bytes();
        let checksum = checksum(&key, &following, bytes);
        batch.put(key, [&checksum[..], &following, bytes].concat());
    }
}

/// Stores a value in place of another, which may have had more parts.
pub(crate) fn replace<E: Engine>(
    engine: &E,
    batch: &mut Batch,
    row: &RowKey,
    value: &[u8],
) -> Result<(), StoreError> {
    let first = row.part(0);
    let old = match batch.get(&first) {
        Some(pending) => pending.map(<[u8]>::to_vec),
        None => engine.get(&first)?,
    };
    let parts = old.as_deref().and_then(following).map_or(0, |following| following + 1);
    (0..parts).for_each(|part| batch.remove(row.part(part)));
    put(batch, row, value);
    Ok(())
}

/// Reads the value of a row.
pub(crate) fn get<E: Engine>(engine: &E, row: &RowKey) -> Result<Option<Vec<u8>>, StoreError> {
    let key = row.part(0);
    let Some(stored) = engine.get(&key)? else { return Ok(None) };
    let (following, first) = open(row, &key, &stored)?;
    let mut value = first.to_vec();
    for part in 1..=following {
        let key = row.part(part);
        let stored = engine.get(&key)?.ok_or_else(|| Damage::Missing.to(row))?;
        value.extend_from_slice(open(row, &key, &stored)?.1);
    }
    Ok(Some(value))
}

/// Reads all rows in a range of keys, in order.
pub(crate) fn scan<'a, E: Engine>(engine: &'a E, range: &Range<Vec<u8>>) -> Rows<'a> {
    Rows { pairs: engine.scan(&range.start..&range.end) }
}

/// Rows of a range, put together from their parts.
pub(crate) struct Rows<'a> {
    pairs: Pairs<'a>,
}

impl Iterator for Rows<'_> {
    type Item = Result<(RowKey, Vec<u8>), StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        let pair = self.pairs.next()?;
        Some(self.assemble(pair))
    }
}

impl Rows<'_> {
    /// Gathers the parts that follow a first one.
    fn assemble(
        &mut self,
        first: Result<(Vec<u8>, Vec<u8>), EngineError>,
    ) -> Result<(RowKey, Vec<u8>), StoreError> {
        let (key, stored) = first?;
        let row = match RowKey::split(&key) {
            Some((row, 0)) => row,
            // A part with no first one before it, or a key that is none of ours.
            Some((row, _)) => return Err(Damage::Missing.to(&row)),
            None => return Err(Damage::Changed.to(&RowKey::format())),
        };
        let (following, bytes) = open(&row, &key, &stored)?;
        let mut value = bytes.to_vec();
        for part in 1..=following {
            let (key, stored) = self.pairs.next().ok_or_else(|| Damage::Missing.to(&row))??;
            if key != row.part(part) {
                return Err(Damage::Missing.to(&row));
            }
            value.extend_from_slice(open(&row, &key, &stored)?.1);
        }
        Ok((row, value))
    }
}

/// Checks a stored part: how many follow it, and its bytes.
fn open<'a>(row: &RowKey, key: &[u8], stored: &'a [u8]) -> Result<(u32, &'a [u8]), StoreError> {
    check(key, stored).ok_or_else(|| Damage::Changed.to(row))
}

/// The same; nothing if its bytes have changed.
pub(crate) fn check<'a>(key: &[u8], stored: &'a [u8]) -> Option<(u32, &'a [u8])> {
    let (sum, rest) = stored.split_first_chunk::<CHECKSUM_BYTES>()?;
    let (following, bytes) = rest.split_first_chunk::<4>()?;
    let unchanged = *sum == checksum(key, following, bytes);
    unchanged.then(|| (u32::from_be_bytes(*following), bytes))
}

/// How many parts follow a stored one.
fn following(stored: &[u8]) -> Option<u32> {
    stored.get(CHECKSUM_BYTES..)?.first_chunk().copied().map(u32::from_be_bytes)
}

fn checksum(key: &[u8], following: &[u8; 4], bytes: &[u8]) -> [u8; CHECKSUM_BYTES] {
    let length = (key.len() as u32).to_be_bytes();
    let hash = Hash::of(PURPOSE, &[&length, key, following, bytes]);
    let mut sum = [0; CHECKSUM_BYTES];
    sum.copy_from_slice(&hash.0[..CHECKSUM_BYTES]);
    sum
}
