//! Many small updates made into few, at about the speed of reading them.
//!
//! yrs' own merge is quadratic, and joins nothing. Here the blocks of each client are lined up by their clocks and
//! copied as they stand, except for typing: characters that each follow the one before become one block, as they would
//! once yrs had them. So yrs has to take in a word instead of its letters.

mod deletions;
mod section;
#[cfg(test)]
mod tests;

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::check::{self, BadUpdate, Block, Kind};
use section::Section;

pub(super) use deletions::Deletions;

/// How many updates are merged into one, at most: yrs takes them in while it holds the document's lock.
const MERGED_AT_ONCE: usize = 2_000;

/// How many bytes of updates are merged into one, unless a single one is larger.
const MERGED_BYTES: usize = 128 << 10;

/// What came of several updates.
#[derive(Debug, Default)]
pub struct Merged {
    /// The same as one update, v1, or as several where clocks overlap: to be applied one after the other.
    pub updates: Vec<Vec<u8>>,
    /// Why updates were left out, in their order.
    pub refused: Vec<BadUpdate>,
}

/// Cuts updates into stretches, each of which can be merged without holding up others for long.
pub fn stretches<'a>(mut updates: &'a [&'a [u8]]) -> impl Iterator<Item = &'a [&'a [u8]]> {
    std::iter::from_fn(move || {
        let mut bytes = 0;
        let fits = |update: &&[u8]| {
            bytes += update.len();
            bytes <= MERGED_BYTES
        };
        let fitting = updates.iter().take(MERGED_AT_ONCE).copied().take_while(fits).count();
        let (stretch, rest) = updates.split_at(fitting.max(1).min(updates.len()));
        updates = rest;
        (!stretch.is_empty()).then_some(stretch)
    })
}

/// The updates, merged. One that yrs must not see is left out as a whole.
pub fn merged(updates: &[&[u8]]) -> Merged {
    let mut gathered = Gathered::default();
    let refused = updates.iter().filter_map(|update| gathered.add(update).err()).collect();
    Merged { updates: gathered.write(), refused }
}

/// Blocks by client, the highest first, as Yjs writes them; and what is deleted.
#[derive(Default)]
pub(super) struct Gathered<'a> {
    pub(super) clients: BTreeMap<Reverse<u64>, Vec<Block<'a>>>,
    pub(super) deletions: Deletions,
    /// The blocks of the update that is being read.
    reading: Vec<Block<'a>>,
}

impl<'a> Gathered<'a> {
    pub(super) fn add(&mut self, update: &'a [u8]) -> Result<(), BadUpdate> {
        self.reading.clear();
        let before = self.deletions.len();
        let added = self.read(update).inspect_err(|_| self.deletions.truncate(before));
        added?;
        for blocks in self.reading.chunk_by(|a, b| a.id.client == b.id.client) {
            let client = Reverse(blocks[0].id.client);
            self.clients.entry(client).or_default().extend_from_slice(blocks);
        }
        Ok(())
    }

    /// Adds blocks of one client.
    pub(super) fn insert(&mut self, client: u64, blocks: impl IntoIterator<Item = Block<'a>>) {
        self.clients.entry(Reverse(client)).or_default().extend(blocks);
    }

    /// Takes the blocks out, by client.
    pub(super) fn by_client(&mut self) -> impl Iterator<Item = (u64, Vec<Block<'a>>)> + use<'a> {
        let clients = std::mem::take(&mut self.clients);
        clients.into_iter().map(|(client, blocks)| (client.0, blocks))
    }

    fn read(&mut self, update: &'a [u8]) -> Result<(), BadUpdate> {
        let mut reader = check::each_block(update, |block| {
            // A stored state may say that it does not know some clocks, which nobody needs to hear.
            if block.kind != Kind::Skip {
                self.reading.push(block);
            }
            Ok(())
        })?;
        check::deletions(&mut reader, |client, range, _| {
            self.deletions.add(client, range);
            Ok(())
        })?;
        reader.finish()
    }

    /// Writes one update; and another for what partly overlaps with that, and so on. The last one deletes. If there is
    /// nothing to write, there is none.
    pub(super) fn write(mut self) -> Vec<Vec<u8>> {
        let mut updates = Vec::new();
        while !self.clients.is_empty() || updates.is_empty() && !self.deletions.is_empty() {
            let mut update = Vec::new();
            write_number(&mut update, self.clients.len() as u64);
            let mut overlapping = BTreeMap::new();
            for (client, mut blocks) in self.clients {
                if !blocks.is_sorted_by_key(|block| block.id.clock) {
                    blocks.sort_by_key(|block| block.id.clock);
                }
                let behind = Section::of(&blocks).write(&mut update);
                if !behind.is_empty() {
                    overlapping.insert(client, behind);
                }
            }
            self.clients = overlapping;
            match self.clients.is_empty() {
                true => self.deletions.write(&mut update),
                false => write_number(&mut update, 0),
            }
            updates.push(update);
        }
        updates
    }
}

/// Writes a number seven bits a byte, as lib0 does.
fn write_number(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}
