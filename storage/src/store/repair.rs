//! Putting back what a disk has lost.

use driftline_core::clock::WallTime;
use driftline_core::codec;
use driftline_core::id::{ChainId, DocumentId};
use driftline_core::log::{Frontier, Point, Segment};
use driftline_core::space::ChainRecord;

use super::read::read_segment;
use super::{Store, StoreError, segment_value};
use crate::engine::{Batch, Engine};
use crate::key::RowKey;
use crate::row::{self, Damage};

/// How much of a chain is read at a time to see whether it can be, in bytes.
const STRIDE: usize = 1 << 20;

impl<E: Engine> Store<E> {
    /// The first entry of a chain that can't be read; nothing if all can.
    ///
    /// # Errors
    /// If the database fails.
    pub fn first_unreadable(
        &self,
        document: &DocumentId,
        chain: &ChainId,
    ) -> Result<Option<u64>, StoreError> {
        let mut read = Frontier::default();
        let only = |of: &ChainId| if of == chain { u64::MAX } else { 0 };
        loop {
            match self.read_log(document, &read, only, STRIDE) {
                Ok(reading) => {
                    let Some(last) = reading.segments.last().filter(|_| reading.more) else {
                        return Ok(None);
                    };
                    let (number, hash) = (last.last(), last.before().hash);
                    read.advance(*chain, Point { number, hash });
                }
                Err(StoreError::Damaged { row, .. }) => return Ok(row.place().entry),
                Err(error) => return Err(error),
            }
        }
    }

    /// Puts a segment in the place of all that is stored of its entries, if it leads to what is stored behind them. Where
    /// that can't be read either, it has to follow what is stored before them, and will be found out by what comes next.
    pub(super) fn put_back(
        &self,
        batch: &mut Batch,
        document: &DocumentId,
        segment: &Segment,
    ) -> Result<(), StoreError> {
        let row = RowKey::segment(document, &segment.chain, segment.first());
        let Ok(tip) = segment.walk(WallTime::default()) else { return Ok(()) };
        let end = tip.point();
        let (fits, rest) = match self.behind(document, &segment.chain, end.number)? {
            Some((known, rest)) => (known == end, rest),
            None => (self.ends_before(document, segment)?, None),
        };
        if !fits {
            tracing::error!(%row, "what came for it does not fit what is stored: it is not put back");
            return Ok(());
        }
        let last = RowKey::segment(document, &segment.chain, end.number).part(u32::MAX);
        for pair in self.engine.scan(&row.part(0)..&last) {
            batch.remove(pair?.0);
        }
        for segment in rest.iter().chain([segment]) {
            let row = RowKey::segment(document, &segment.chain, segment.first());
            row::put(batch, &row, &segment_value(segment));
        }
        Ok(())
    }

    /// Whether what is stored before a segment ends where it begins.
    fn ends_before(&self, document: &DocumentId, segment: &Segment) -> Result<bool, StoreError> {
        let before = segment.before();
        if before.number == 0 {
            return Ok(segment.head().is_some_and(|head| head.id() == segment.chain));
        }
        let row = self.row_at_or_before(document, segment.chain, before.number)?;
        let value = row::get(&self.engine, &row)?.ok_or_else(|| Damage::Missing.to(&row))?;
        let tip = read_segment(&row, segment.chain, &value)?.walk(WallTime::default());
        Ok(tip.is_ok_and(|tip| tip.point() == before))
    }

    /// The entry of that number as what is stored behind it knows it, and what is left of its segment behind it.
    fn behind(
        &self,
        document: &DocumentId,
        chain: &ChainId,
        number: u64,
    ) -> Result<Option<(Point, Option<Segment>)>, StoreError> {
        let end = RowKey::end(document, chain);
        let value = row::get(&self.engine, &end)?.ok_or_else(|| Damage::Missing.to(&end))?;
        let record: ChainRecord = codec::decode(&value).map_err(Damage::of_format(&end))?;
        if record.tip.number == number {
            return Ok(Some((record.tip.point(), None)));
        }
        let row = self.row_at_or_before(document, *chain, number + 1)?;
        let value = match row::get(&self.engine, &row) {
            Err(StoreError::Damaged { .. }) => return Ok(None),
            value => value?,
        };
        let Some(value) = value else { return Ok(None) };
        let segment = read_segment(&row, *chain, &value)?;
        // What begins right behind it stays as it is.
        let is_whole = segment.before().number == number;
        let rest = segment.after(number).ok().flatten();
        Ok(rest.map(|rest| (rest.before(), Some(rest).filter(|_| !is_whole))))
    }
}
