//! What several updates delete, together.

use std::cmp::Reverse;
use std::ops::Range;

use super::write_number;

/// Ranges of clocks, by client.
#[derive(Default)]
pub(in crate::document) struct Deletions {
    ranges: Vec<(u64, Range<u32>)>,
}

impl Deletions {
    pub(in crate::document) fn add(&mut self, client: u64, range: Range<u32>) {
        self.ranges.push((client, range));
    }

    pub(in crate::document) fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    pub(in crate::document) fn ranges(&self) -> impl Iterator<Item = &(u64, Range<u32>)> {
        self.ranges.iter()
    }

    pub(in crate::document) fn into_ranges(self) -> impl Iterator<Item = (u64, Range<u32>)> {
        self.ranges.into_iter()
    }

    pub(super) fn len(&self) -> usize {
        self.ranges.len()
    }

    pub(super) fn truncate(&mut self, len: usize) {
        self.ranges.truncate(len);
    }

    /// Writes them behind an update.
    pub(super) fn write(&mut self, update: &mut Vec<u8>) {
        self.join();
        let clients = || self.ranges.chunk_by(|(a, _), (b, _)| a == b);
        write_number(update, clients().count() as u64);
        for ranges in clients() {
            write_number(update, ranges[0].0);
            write_number(update, ranges.len() as u64);
            for (_, range) in ranges {
                write_number(update, range.start.into());
                write_number(update, (range.end - range.start).into());
            }
        }
    }

    /// Puts them in order, and makes one of those that touch.
    pub(in crate::document) fn join(&mut self) {
        self.ranges.sort_unstable_by_key(|(client, range)| (Reverse(*client), range.start));
        self.ranges.dedup_by(|(client, range), (before, joined)| {
            let touches = client == before && range.start <= joined.end;
            if touches {
                joined.end = joined.end.max(range.end);
            }
            touches
        });
    }
}
