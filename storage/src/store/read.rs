//! Reading logs back.

use driftline_core::codec;
use driftline_core::id::{ChainId, DocumentId};
use driftline_core::identity::Signature;
use driftline_core::log::{Frontier, Link, MAX_SEGMENT_BYTES, Segment, SegmentError};
use driftline_core::space::ChainRecord;

use super::{Store, StoreError};
use crate::engine::Engine;
use crate::key::{Kind, RowKey};
use crate::record::Snapshot;
use crate::row::{self, Damage};

/// What a segment takes besides its body, in bytes, when it is weighed against a budget.
const SEGMENT_OVERHEAD: usize = 144;

/// Segments read from a document's log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// The segments, in the order of chain and number.
    pub segments: Vec<Segment>,
    /// Whether the budget ended the reading before the log did.
    pub more: bool,
}

/// A document's log, as it is needed to open the document.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DocumentLog {
    /// The latest snapshot, empty if none was stored.
    pub snapshot: Snapshot,
    /// Everything that is not in the snapshot.
    pub segments: Vec<Segment>,
}

impl<E: Engine> Store<E> {
    /// Every chain's entries beyond a frontier, in the order of chain and number, from the start of the
    /// chains on which the frontier is silent. Segments that follow one another are joined as far as
    /// [`MAX_SEGMENT_BYTES`] allows. Stops before `budget` bytes are exceeded, but reads at least one
    /// segment.
    ///
    /// # Errors
    /// If the database can't be read, is damaged, or lacks entries that a chain should have.
    pub fn segments(
        &self,
        document: &DocumentId,
        beyond: &Frontier,
        budget: usize,
    ) -> Result<Reading, StoreError> {
        self.read_log(document, beyond, |_| u64::MAX, budget)
    }

    /// The same, but nothing beyond `upto`, which has to end where segments did that were appended: nothing on
    /// chains on which it is silent, and no segment joined to one that does not count.
    ///
    /// # Errors
    /// If the database can't be read, is damaged, or lacks entries that a chain should have.
    pub fn segments_between(
        &self,
        document: &DocumentId,
        beyond: &Frontier,
        upto: &Frontier,
        budget: usize,
    ) -> Result<Reading, StoreError> {
        self.read_log(document, beyond, |chain| upto.number(chain), budget)
    }

    pub(super) fn read_log(
        &self,
        document: &DocumentId,
        beyond: &Frontier,
        last: impl Fn(&ChainId) -> u64,
        budget: usize,
    ) -> Result<Reading, StoreError> {
        let mut gathered = Gathered { reading: Reading::default(), bytes: 0, budget };
        for found in row::scan(&self.engine, &RowKey::all_of(Kind::End, &document.0)) {
            let (row, value) = found?;
            let record: ChainRecord = codec::decode(&value).map_err(Damage::of_format(&row))?;
            let chain = ChainId(row.id(1));
            let (held, end) = (beyond.number(&chain), record.tip.number.min(last(&chain)));
            if held < end {
                self.gather(document, chain, held..end, &mut gathered)?;
            }
            if gathered.reading.more {
                break;
            }
        }
        Ok(gathered.reading)
    }

    /// The latest snapshot of a document and the entries beyond it.
    ///
    /// # Errors
    /// If the database can't be read or is damaged.
    pub fn document(&self, document: &DocumentId) -> Result<DocumentLog, StoreError> {
        let snapshot = match self.snapshot(document) {
            // It is only there to save time: the log has it all.
            Err(error @ StoreError::Damaged { .. }) => {
                let error: &dyn std::error::Error = &error;
                tracing::warn!(error, "a folded state is passed over, and made again");
                Snapshot::default()
            }
            snapshot => snapshot?.unwrap_or_default(),
        };
        let segments = self.segments(document, &snapshot.frontier, usize::MAX)?.segments;
        Ok(DocumentLog { snapshot, segments })
    }

    /// The latest snapshot of a document.
    ///
    /// # Errors
    /// If the database can't be read or is damaged.
    pub fn snapshot(&self, document: &DocumentId) -> Result<Option<Snapshot>, StoreError> {
        let _unchanged = self.standing();
        let row = RowKey::snapshot(document);
        let Some(value) = row::get(&self.engine, &row)? else { return Ok(None) };
        decode_snapshot(&row, value).map(Some)
    }

    /// The value of a setting.
    ///
    /// # Errors
    /// If the database can't be read or is damaged.
    pub fn setting(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let _unchanged = self.standing();
        row::get(&self.engine, &RowKey::setting(name))
    }

    /// All settings.
    ///
    /// # Errors
    /// If the database can't be read or is damaged.
    pub fn settings(&self) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
        let _unchanged = self.standing();
        row::scan(&self.engine, &RowKey::all(Kind::Setting))
            .map(|found| found.map(|(row, value)| (row.name(), value)))
            .collect()
    }

    /// Reads on from the entry after `numbers.start` to the end of the segment that holds the one at `numbers.end`.
    fn gather(
        &self,
        document: &DocumentId,
        chain: ChainId,
        numbers: std::ops::Range<u64>,
        gathered: &mut Gathered,
    ) -> Result<(), StoreError> {
        let mut held = numbers.start;
        let start = self.row_at_or_before(document, chain, held + 1)?;
        let range = start.part(0)..RowKey::segment(document, &chain, u64::MAX).part(0);
        for found in row::scan(&self.engine, &range) {
            let (row, value) = found?;
            let segment = read_segment(&row, chain, &value)?;
            let end = end_of(&segment).map_err(Damage::of_format(&row))?;
            if segment.before().number > held || held >= numbers.end {
                break;
            }
            match segment.after(held) {
                Ok(Some(missing)) => match gathered.take(missing) {
                    true => held = end,
                    false => return Ok(()),
                },
                Ok(None) => {}
                Err(SegmentError::Malformed { source }) => {
                    return Err(Damage::from(source).to(&row));
                }
                Err(_) => return Err(Damage::Changed.to(&row)),
            }
        }
        match held < numbers.end {
            true => Err(Damage::Missing.to(&RowKey::segment(document, &chain, held + 1))),
            false => Ok(()),
        }
    }

    /// The row of the segment that holds an entry, or of the last before it.
    pub(super) fn row_at_or_before(
        &self,
        document: &DocumentId,
        chain: ChainId,
        number: u64,
    ) -> Result<RowKey, StoreError> {
        let from = RowKey::segment(document, &chain, 0).part(0);
        let wanted = RowKey::segment(document, &chain, number);
        let to = wanted.part(u32::MAX);
        match self.engine.scan(&from..&to).next_back() {
            Some(pair) => {
                let (key, _) = pair?;
                Ok(RowKey::split(&key).map_or(wanted, |(row, _)| row))
            }
            None => Err(Damage::Missing.to(&wanted)),
        }
    }
}

/// What was read so far, and what may be read.
struct Gathered {
    reading: Reading,
    bytes: usize,
    budget: usize,
}

impl Gathered {
    /// Takes in a segment, unless that is over the budget.
    fn take(&mut self, segment: Segment) -> bool {
        let body = segment.body.len();
        let joined = self.reading.segments.last_mut().filter(|last| {
            last.chain == segment.chain && last.body.len() + body <= MAX_SEGMENT_BYTES
        });
        let bytes = if joined.is_some() { body } else { body + SEGMENT_OVERHEAD };
        if self.bytes > 0 && self.bytes.saturating_add(bytes) > self.budget {
            self.reading.more = true;
            return false;
        }
        self.bytes += bytes;
        match joined {
            Some(last) => last.join(segment),
            None => self.reading.segments.push(segment),
        }
        true
    }
}

pub(super) fn decode_snapshot(row: &RowKey, mut value: Vec<u8>) -> Result<Snapshot, StoreError> {
    let (frontier, used) =
        codec::decode_front::<Frontier>(&value).map_err(Damage::of_format(row))?;
    value.drain(..used);
    Ok(Snapshot { frontier, state: value })
}

pub(super) fn read_segment(
    row: &RowKey,
    chain: ChainId,
    value: &[u8],
) -> Result<Segment, StoreError> {
    let (link, body, signature): (Link, Vec<u8>, Signature) =
        codec::decode(value).map_err(Damage::of_format(row))?;
    Ok(Segment { chain, link, body, signature })
}

/// The number of a segment's last entry.
fn end_of(segment: &Segment) -> Result<u64, codec::CodecError> {
    let mut end = segment.before().number;
    for entry in segment.entries() {
        entry?;
        end += 1;
    }
    Ok(end)
}
