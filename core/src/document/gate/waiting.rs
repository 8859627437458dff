//! What leans on something that has not come yet.
//!
//! yrs would keep it too, but forgets what it waits for, and panics where it is merged with what came since. All of
//! it is in the log as well; here it is only kept at hand, and where that grows too large, the largest part is let go
//! of, until something comes that it waited for. Then it has to be read from the log again.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use super::super::check::{Block, Id, Reader};
use super::super::merge::{Deletions, Gathered};
use super::containers::Containers;
use super::lines::Rest;

/// How much may wait, in bytes of blocks and of what it takes to keep them.
const MAX_BYTES: usize = 8 << 20;

/// What it takes to keep one block, or a range of deletions, in bytes.
const OVERHEAD: usize = 64;

#[derive(Default)]
pub(super) struct Waiting {
    clients: BTreeMap<u64, Held>,
    deletions: Deletions,
    /// What those lack that were let go of, by their clients.
    forgotten: BTreeMap<u64, Id>,
    /// Whether any of that has come.
    wants_log: bool,
}

/// One client's blocks, by the clock they begin at.
pub(super) struct Held {
    client: u64,
    /// What the first of them lacks.
    lacks: Id,
    blocks: BTreeMap<u32, Vec<u8>>,
    bytes: usize,
}

impl Waiting {
    pub(super) fn is_empty(&self) -> bool {
        self.clients.is_empty() && self.deletions.is_empty()
    }

    pub(super) fn hold(&mut self, rest: Rest<'_>) {
        let Some(first) = rest.blocks.first().map(|block| block.id) else { return };
        let (client, lacks) = (first.client, rest.lacks);
        let fresh = || Held { client, lacks, blocks: BTreeMap::new(), bytes: 0 };
        let held = self.clients.entry(first.client).or_insert_with(fresh);
        if held.blocks.keys().next().is_some_and(|held| first.clock < *held) {
            held.lacks = rest.lacks;
        }
        for block in rest.blocks {
            if let Entry::Vacant(place) = held.blocks.entry(block.id.clock) {
                let bytes = [block.head, block.content].concat();
                held.bytes += bytes.len() + OVERHEAD;
                place.insert(bytes);
            }
        }
        self.forget_beyond(MAX_BYTES);
    }

    /// Lets go of the largest parts while there is more than that.
    fn forget_beyond(&mut self, limit: usize) {
        let mut bytes: usize = self.clients.values().map(|held| held.bytes).sum();
        while bytes > limit
            && let Some(largest) = self.clients.values().max_by_key(|held| held.bytes)
        {
            let (client, lacks) = (largest.client, largest.lacks);
            bytes -= largest.bytes;
            self.clients.remove(&client);
            self.forgotten.insert(client, lacks);
        }
    }

    /// Whether something was let go of.
    pub(super) fn has_forgotten(&self) -> bool {
        self.wants_log || !self.forgotten.is_empty()
    }

    /// Whether something has come that what was let go of waited for; asked once, it is not so any more.
    pub(super) fn wants_log(&mut self) -> bool {
        std::mem::take(&mut self.wants_log)
    }

    /// Lets go of the blocks whose first need wait no more.
    pub(super) fn woken(&mut self, containers: &Containers) -> Vec<Held> {
        let forgotten = self.forgotten.extract_if(.., |_, lacks| containers.has(*lacks));
        self.wants_log |= forgotten.count() > 0;
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
        if self.deletions.ranges().count() * OVERHEAD > MAX_BYTES {
            for (client, range) in std::mem::take(&mut self.deletions).into_ranges() {
                self.forgotten.entry(client).or_insert(Id { client, clock: range.start });
            }
        }
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
