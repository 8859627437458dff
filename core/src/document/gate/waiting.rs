//! What leans on something that has not come yet.
//!
//! yrs would keep it too, but forgets what it waits for, and panics where it is merged with what came since. All of
//! it is in the log as well; here it is only kept at hand.

use std::collections::BTreeMap;

use super::super::check::{Block, Id, Reader};
use super::super::merge::{Deletions, Gathered};
use super::containers::Containers;
use super::lines::Rest;

#[derive(Default)]
pub(super) struct Waiting {
    clients: BTreeMap<u64, Held>,
    deletions: Deletions,
}

/// One client's blocks, by the clock they begin at.
pub(super) struct Held {
    client: u64,
    /// What the first of them lacks.
    lacks: Id,
    blocks: BTreeMap<u32, Vec<u8>>,
}

impl Waiting {
    pub(super) fn is_empty(&self) -> bool {
        self.clients.is_empty() && self.deletions.is_empty()
    }

    pub(super) fn hold(&mut self, rest: Rest<'_>) {
        let Some(first) = rest.blocks.first().map(|block| block.id) else { return };
        let fresh = || Held { client: first.client, lacks: rest.lacks, blocks: BTreeMap::new() };
        let held = self.clients.entry(first.client).or_insert_with(fresh);
        if held.blocks.keys().next().is_some_and(|held| first.clock < *held) {
            held.lacks = rest.lacks;
        }
        for block in rest.blocks {
            let bytes = || [block.head, block.content].concat();
            held.blocks.entry(block.id.clock).or_insert_with(bytes);
        }
    }

    /// Lets go of the blocks whose first need wait no more.
    pub(super) fn woken(&mut self, containers: &Containers) -> Vec<Held> {
        let woken = self.clients.extract_if(.., |_, held| containers.has(held.lacks));
        woken.map(|(_, held)| held).collect()
    }

    /// Of these deletions and those that wait, the ones of which something is there. The others wait.
    pub(super) fn due(&mut self, deletions: Deletions, containers: &Containers) -> Deletions {
        let mut due = Deletions::default();
        let waiting = std::mem::take(&mut self.deletions);
        for (client, range) in waiting.into_ranges().chain(deletions.into_ranges()) {
            let end = containers.end(client);
            if range.start < end {
                due.add(client, range.start..range.end.min(end));
            }
            if range.end > end {
                self.deletions.add(client, range.start.max(end)..range.end);
            }
        }
        self.deletions.join();
        due
    }

    /// All of it, to be stored with the document.
    pub(super) fn add_to<'a>(&'a self, gathered: &mut Gathered<'a>) {
        self.clients.values().for_each(|held| held.add_to(gathered));
        for (client, range) in self.deletions.ranges() {
            gathered.deletions.add(*client, range.clone());
        }
    }
}

impl Held {
    pub(super) fn add_to<'a>(&'a self, gathered: &mut Gathered<'a>) {
        let blocks = self.blocks.iter().filter_map(|(clock, bytes)| {
            let id = Id { client: self.client, clock: *clock };
            Block::read(&mut Reader::new(bytes), id).ok()
        });
        gathered.insert(self.client, blocks);
    }
}
