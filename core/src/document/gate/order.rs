//! In which order things stand that lie in one row.
//!
//! It is the order that yrs gives them (YATA, Nicolaescu et al. 2016, as Yjs has it), over stretches of clocks and
//! without what they hold. yrs has the same order, but shows it to nobody, and has to be asked before a block comes in.

use std::collections::{BTreeMap, BTreeSet};

use super::super::check::Id;
use super::containers::Container;
use super::lines;

/// How far apart labels are at the ends of a row, so that whoever goes on there finds room.
const STRIDE: u64 = 1 << 32;

/// A stretch of one client's clocks, each of which stands to the right of the one before.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stretch {
    pub(super) id: Id,
    pub(super) len: u32,
    /// What the first stood to the right of, when it was written.
    pub(super) origin: Option<Id>,
    /// What all of them stood to the left of.
    pub(super) right_origin: Option<Id>,
}

/// All rows of a document.
#[derive(Debug, Default)]
pub(super) struct Rows(BTreeMap<Container, Row>);

/// The row of one container.
#[derive(Debug, Default)]
struct Row {
    slots: Vec<Slot>,
    first: Option<usize>,
    /// Where what a client wrote stands, by its first clock.
    clients: BTreeMap<u64, BTreeMap<u32, usize>>,
}

#[derive(Debug)]
struct Slot {
    stretch: Stretch,
    next: Option<usize>,
    /// Grows from left to right.
    label: u64,
}

impl Rows {
    /// The rows of all that is there: by client, in the order of its clocks.
    pub(super) fn of(clients: impl IntoIterator<Item = (u64, Vec<(Container, Stretch)>)>) -> Self {
        let mut rows = Self::default();
        // All that it leans on is there, so there is no rest.
        lines::in_order(clients, |(container, stretch)| rows.insert(*container, *stretch));
        rows
    }

    /// Puts a stretch where yrs does.
    ///
    /// # Errors
    /// If it leans on something that is not here, which is told.
    pub(super) fn insert(&mut self, container: Container, stretch: Stretch) -> Result<(), Id> {
        self.0.entry(container).or_default().insert(stretch)
    }

    /// Whether one stands to the left of the other.
    pub(super) fn are_in_order(&self, container: Container, left: Id, right: Id) -> bool {
        self.0.get(&container).is_some_and(|row| row.are_in_order(left, right))
    }
}

impl Row {
    fn insert(&mut self, stretch: Stretch) -> Result<(), Id> {
        let find = |id: Option<Id>| id.map(|id| self.find(id).ok_or(id)).transpose();
        let (left, right) = (find(stretch.origin)?, find(stretch.right_origin)?);
        if let (Some(left), Some(origin)) = (left, stretch.origin) {
            self.cut(left, origin.clock + 1);
        }
        // The cut may have parted it from what it was found in.
        let right = stretch.right_origin.zip(right).and_then(|(id, _)| {
            let found = self.find(id)?;
            Some(self.cut(found, id.clock))
        });
        let left = self.neighbour(&stretch, left, right);
        match left {
            Some(left) if self.slots[left].stretch.goes_on_with(&stretch) => {
                self.slots[left].stretch.len += stretch.len;
            }
            _ => _ = self.put_behind(left, stretch),
        }
        Ok(())
    }

    fn are_in_order(&self, left: Id, right: Id) -> bool {
        let (Some(one), Some(other)) = (self.find(left), self.find(right)) else { return false };
        match one == other {
            true => left.clock < right.clock,
            false => self.slots[one].label < self.slots[other].label,
        }
    }

    fn find(&self, id: Id) -> Option<usize> {
        let (_, &slot) = self.clients.get(&id.client)?.range(..=id.clock).next_back()?;
        (id.clock < self.slots[slot].stretch.end()).then_some(slot)
    }

    /// Behind what a stretch belongs, of all that others put between the same two.
    fn neighbour(&self, new: &Stretch, left: Option<usize>, right: Option<usize>) -> Option<usize> {
        let mut neighbour = left;
        let mut at = left.map_or(self.first, |left| self.slots[left].next);
        let (mut passed, mut contending) = (BTreeSet::new(), BTreeSet::new());
        while let Some(slot) = at.filter(|_| at != right) {
            let other = self.slots[slot].stretch;
            passed.insert(slot);
            contending.insert(slot);
            let stands_behind = other.origin.and_then(|origin| self.find(origin));
            let goes_first = if other.origin == new.origin {
                if other.id.client >= new.id.client && other.right_origin == new.right_origin {
                    break;
                }
                other.id.client < new.id.client
            } else {
                let Some(before) = stands_behind.filter(|slot| passed.contains(slot)) else {
                    break;
                };
                !contending.contains(&before)
            };
            if goes_first {
                neighbour = Some(slot);
                contending.clear();
            }
            at = self.slots[slot].next;
        }
        neighbour
    }

    /// Parts a slot, so that a clock begins one. Gives the one that it begins.
    fn cut(&mut self, slot: usize, clock: u32) -> usize {
        let stretch = self.slots[slot].stretch;
        let Id { client, clock: start } = stretch.id;
        if clock <= start || clock >= stretch.end() {
            return slot;
        }
        self.slots[slot].stretch.len = clock - start;
        let rest = Stretch {
            id: Id { client, clock },
            len: stretch.end() - clock,
            origin: Some(Id { client, clock: clock - 1 }),
            ..stretch
        };
        self.put_behind(Some(slot), rest)
    }

    fn put_behind(&mut self, left: Option<usize>, stretch: Stretch) -> usize {
        let slot = self.slots.len();
        let next = match left {
            Some(left) => self.slots[left].next.replace(slot),
            None => self.first.replace(slot),
        };
        let label = self.label_between(left, next);
        self.slots.push(Slot { stretch, next, label: label.unwrap_or_default() });
        let Id { client, clock } = stretch.id;
        self.clients.entry(client).or_default().insert(clock, slot);
        if label.is_none() {
            self.label_anew();
        }
        slot
    }

    fn label_between(&self, left: Option<usize>, right: Option<usize>) -> Option<u64> {
        let label = |slot: Option<usize>| slot.map(|slot| self.slots[slot].label);
        match (label(left), label(right)) {
            (None, None) => Some(u64::MAX / 2),
            (Some(left), None) => left.checked_add(STRIDE),
            (None, Some(right)) => right.checked_sub(STRIDE),
            (Some(left), Some(right)) => {
                let label = left + (right - left) / 2;
                (label > left).then_some(label)
            }
        }
    }

    fn label_anew(&mut self) {
        let apart = u64::MAX / (self.slots.len() as u64 + 1);
        let (mut at, mut label) = (self.first, 0);
        while let Some(slot) = at {
            label += apart;
            self.slots[slot].label = label;
            at = self.slots[slot].next;
        }
    }
}

impl Stretch {
    fn end(&self) -> u32 {
        self.id.clock + self.len
    }

    /// Whether the other is what its author typed next, at the same place.
    pub(super) fn goes_on_with(&self, other: &Self) -> bool {
        let last = Id { client: self.id.client, clock: self.end() - 1 };
        other.id == Id { clock: self.end(), ..last }
            && other.origin == Some(last)
            && other.right_origin == self.right_origin
    }
}
