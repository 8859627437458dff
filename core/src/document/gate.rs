//! What stands between a document's log and yrs: it lets each block through once all that it leans on is there, and
//! only if it fits where it says that it belongs.
//!
//! The [check](super::check) sees one update at a time, and where a block lands by way of its neighbours is not in its
//! bytes. So a writer could put text under the key of a map, or into a list: yrs panics at the one, and its
//! `Array::to_json` does not come back from the other. Here it is [known](containers) of all that came before where it
//! lies. What does not fit is not left out, for what its author wrote later leans on it: it comes in as something that
//! was deleted.
//!
//! What becomes of a block depends on that block and on what it leans on, which is the same on every device. A stored
//! state has forgotten some of that, but only of what lay in a container that is gone: what leans on it can't be seen
//! whether it is taken in or not.

mod containers;
mod lines;
mod shared;
#[cfg(test)]
mod tests;
mod waiting;

use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::check::{self, BadUpdate, Block, Id, Kind, Nested};
use super::merge::Gathered;
use crate::id::STOCK_CLIENTS;
use containers::{Containers, Holder, Place};
use lines::Rest;
use waiting::Waiting;

pub(super) use shared::SharedGate;

/// The gate of one document.
#[derive(Default)]
pub struct Gate {
    containers: Containers,
    waiting: Waiting,
}

/// What came of updates.
#[derive(Default)]
pub struct Passed {
    /// What yrs may see, to be applied one after the other: nothing in them waits.
    pub updates: Vec<Vec<u8>>,
    /// Why updates were left out, in their order.
    pub refused: Vec<BadUpdate>,
    /// Blocks that come in as something else, and as what.
    pub(super) changed: BTreeMap<Id, Kind>,
    /// The first of those that have a place, and do not fit there.
    pub(super) misfit: Option<Id>,
}

/// What came of what a guest wrote.
#[derive(Default)]
pub(super) struct Admitted {
    pub(super) passed: Passed,
    /// Whether something in it leans on what is not here.
    pub(super) lacks: bool,
}

/// What becomes of a block.
enum Fate {
    /// It comes in as it is.
    Fits(Place),
    /// It comes in as something deleted, so that what leans on it finds its place.
    Struck(Place),
    /// It comes in as no more than its clocks: something deleted would take the key from the value that has it.
    Barred,
    /// The same, because it has no place.
    Lost,
}

impl Gate {
    /// Takes updates in, in any order, and gives what need not wait of them and of what came before.
    pub fn pass(&mut self, updates: &[&[u8]]) -> Passed {
        let mut passed = Passed::default();
        if let [update] = updates
            && self.lets_through(update).is_some()
        {
            passed.updates.push(update.to_vec());
            return passed;
        }
        let mut arrived = Gathered::default();
        passed.refused = updates.iter().filter_map(|update| arrived.add(update).err()).collect();
        self.let_in(arrived, &mut passed);
        self.wake(&mut passed);
        passed
    }

    /// Lets in what can pass at once of what a guest wrote, who has no log: what has to wait is left to them, to be sent
    /// again. What is under ids that are not theirs is passed over.
    pub(super) fn admit(
        &mut self,
        update: &[u8],
        theirs: &dyn Fn(u64) -> bool,
    ) -> Result<Admitted, BadUpdate> {
        let mut arrived = Gathered::default();
        arrived.add(update)?;
        let mut admitted = Admitted::default();
        let others = |client: &Reverse<u64>| client.0 >= STOCK_CLIENTS || !theirs(client.0);
        for (client, blocks) in arrived.clients.extract_if(.., |client, _| others(client)) {
            let here = self.containers.end(client.0);
            admitted.lacks |= blocks.iter().any(|block| block.end() > here);
        }
        let (mut rounds, rest) = self.line_up(&mut arrived, &mut admitted.passed);
        admitted.lacks |= !rest.is_empty();
        for (client, range) in arrived.deletions.into_ranges() {
            let here = self.containers.end(client);
            admitted.lacks |= range.end > here;
            if let Some(last) = rounds.last_mut()
                && range.start < here
            {
                last.deletions.add(client, range.start..range.end.min(here));
            }
        }
        admitted.passed.updates = rounds.into_iter().flat_map(Gathered::write).collect();
        Ok(admitted)
    }

    /// Lets through what waited for what has come.
    pub(super) fn wake(&mut self, passed: &mut Passed) {
        loop {
            let woken = self.waiting.woken(&self.containers);
            let mut arrived = Gathered::default();
            woken.iter().for_each(|held| held.add_to(&mut arrived));
            self.let_in(arrived, passed);
            if woken.is_empty() {
                return;
            }
        }
    }

    /// Lets a keystroke through as it stands, which is what most updates are that come alone. If it is anything else,
    /// nothing is done.
    fn lets_through(&mut self, update: &[u8]) -> Option<()> {
        let (mut only, mut blocks, mut early) = (None, 0, false);
        let mut reader = check::each_block(update, |block| {
            (only, blocks) = (Some(block), blocks + 1);
            Ok(())
        });
        let deleted = check::deletions(reader.as_mut().ok()?, |client, clocks, _| {
            early |= clocks.end > self.containers.end(client);
            Ok(())
        });
        deleted.ok()?;
        reader.ok()?.finish().ok()?;
        if blocks > 1 || early || !self.waiting.is_empty() {
            return None;
        }
        let Some(block) = only else { return Some(()) };
        let next = block.id.clock == self.containers.end(block.id.client);
        if let Ok(Fate::Fits(place)) = self.judge(&block)
            && next
        {
            self.containers.add(&block, Some(place));
            return Some(());
        }
        None
    }

    /// Remembers what was written here, which yrs has already.
    pub(super) fn record(&mut self, update: &[u8]) {
        let mut written = Gathered::default();
        // Our own yrs wrote it, and has all that it leans on.
        _ = written.add(update);
        _ = lines::in_order(written.by_client(), |block| {
            if block.end() > self.containers.end(block.id.client) {
                self.let_one_in(block, &mut Passed::default())?;
            }
            Ok(())
        });
    }

    /// From now on a root is read as a list or a tree, in which text has no place. Gives what takes out the text that
    /// is there.
    pub(super) fn read_as(&mut self, root: &str, nested: Nested) -> Vec<Vec<u8>> {
        let mut gathered = Gathered::default();
        for (client, clocks) in self.containers.read_as(root, nested) {
            gathered.deletions.add(client, clocks);
        }
        gathered.write()
    }

    /// Whether anything is here that can't pass yet.
    pub(super) fn keeps_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Whether more waited than is kept at hand, and some of it was let go of.
    pub(super) fn has_forgotten(&self) -> bool {
        self.waiting.has_forgotten()
    }

    /// Whether something has come that what was let go of waited for; asked once, it is not so any more.
    pub(super) fn wants_log(&mut self) -> bool {
        self.waiting.wants_log()
    }

    /// A document's state together with what waits, as one update. There is none where what waits overlaps with
    /// itself, which no honest log does.
    pub(super) fn with_waiting(&self, state: &[u8]) -> Option<Vec<u8>> {
        let mut gathered = Gathered::default();
        // Our own yrs wrote it.
        _ = gathered.add(state);
        self.waiting.add_to(&mut gathered);
        let mut updates = gathered.write();
        updates.pop().filter(|_| updates.is_empty())
    }

    /// One of the updates that have passed, as yrs may see it; nothing if a part of it has to wait.
    pub(super) fn cleaned<'a>(&self, passed: &Passed, update: &'a [u8]) -> Option<Cow<'a, [u8]>> {
        let mut gathered = Gathered::default();
        gathered.add(update).ok()?;
        let mut clean = true;
        for block in gathered.clients.values_mut().flatten() {
            if self.containers.end(block.id.client) < block.end() {
                return None;
            }
            if let Some(kind) = passed.changed.get(&block.id) {
                block.kind = *kind;
                clean = false;
            }
        }
        match clean {
            true => Some(update.into()),
            false => gathered.write().pop().map(Cow::Owned),
        }
    }

    fn let_in(&mut self, mut arrived: Gathered<'_>, passed: &mut Passed) {
        let (mut rounds, rest) = self.line_up(&mut arrived, passed);
        rest.into_iter().for_each(|rest| self.waiting.hold(rest));
        if let Some(last) = rounds.last_mut() {
            last.deletions = self.waiting.due(arrived.deletions, &self.containers);
        }
        passed.updates.extend(rounds.into_iter().flat_map(Gathered::write));
    }

    /// Decides on all blocks whose turn it is, and gives them as yrs may see them, round by round; and those that lack
    /// something.
    fn line_up<'a>(
        &mut self,
        arrived: &mut Gathered<'a>,
        passed: &mut Passed,
    ) -> (Vec<Gathered<'a>>, Vec<Rest<'a>>) {
        let mut rounds = vec![Gathered::default()];
        let rest = lines::in_order(arrived.by_client(), |block| {
            let known = self.containers.end(block.id.client);
            if block.end() <= known {
                return Ok(());
            }
            let let_in = self.let_one_in(block, passed)?;
            // yrs cuts off what it has of a block, so it has to have that before.
            if block.id.clock < known {
                rounds.push(Gathered::default());
            }
            if let Some(round) = rounds.last_mut() {
                round.insert(block.id.client, [let_in]);
            }
            Ok(())
        });
        (rounds, rest)
    }

    /// Decides on a block, and gives it as yrs may see it.
    fn let_one_in<'a>(&mut self, block: &Block<'a>, passed: &mut Passed) -> Result<Block<'a>, Id> {
        let fate = self.judge(block)?;
        let kind = match fate {
            Fate::Fits(_) => block.kind,
            Fate::Struck(_) => Kind::Deleted,
            Fate::Barred | Fate::Lost => Kind::Gc,
        };
        let let_in = Block { kind, ..*block };
        self.containers.add(&let_in, fate.place());
        if kind != block.kind {
            passed.changed.insert(block.id, kind);
        }
        if matches!(fate, Fate::Struck(_) | Fate::Barred) {
            passed.misfit.get_or_insert(block.id);
        }
        Ok(let_in)
    }

    fn judge(&mut self, block: &Block<'_>) -> Result<Fate, Id> {
        let place = self.containers.place_of(block)?;
        let Some(place) = place.filter(|_| block.kind != Kind::Gc) else { return Ok(Fate::Lost) };
        Ok(match takes(self.containers.holder(place.container), place.keyed, block) {
            true => Fate::Fits(place),
            false if place.keyed => Fate::Barred,
            false => Fate::Struck(place),
        })
    }
}

impl Fate {
    fn place(&self) -> Option<Place> {
        match self {
            Self::Fits(place) | Self::Struck(place) => Some(*place),
            Self::Barred | Self::Lost => None,
        }
    }
}

/// Whether a container may hold a block. No honest client writes anything else, except for documents within documents,
/// which this engine does not have.
fn takes(holder: Holder, keyed: bool, block: &Block<'_>) -> bool {
    use Kind::{Deleted, Embed, Format, Subdocument, Text, Type, Values};
    if block.kind == Subdocument {
        // yrs reads memory that it has freed where one is deleted together with what it lies in.
        return false;
    }
    if keyed {
        // A key has one value. Several that are gone may have been joined.
        let value = matches!(block.kind, Values | Type(_) | Embed);
        return value && block.len == 1 || block.kind == Deleted;
    }
    let Holder::Nested(nested) = holder else { return true };
    match nested {
        Nested::Map => block.kind == Deleted,
        Nested::Text => {
            matches!(block.kind, Text | Format | Embed | Type(_) | Deleted)
        }
        Nested::Array | Nested::Tree => {
            matches!(block.kind, Values | Type(_) | Deleted)
        }
    }
}
