//! What the records will be, as far as a device can tell: the confirmed ones, with every undecided command run on top.
//!
//! Devices with the same decisions and the same undecided commands show the same, as these run in one order that
//! depends on nothing else. What is shown is as if all had just been run from the start; but only those are run again to
//! which something changed: a change at a place is seen by whoever touches it, up to the next who writes it.

use std::collections::{BTreeMap, BTreeSet};

use super::index::Index;
use super::judge::{Case, Judged, judge};
use super::{Call, CommandId, Registry};
use crate::clock::WallTime;
use crate::id::{ChainId, DeviceId};
use crate::record::{Cell, Home, Homes, Place, Table};
use crate::roster::Rank;

/// The confirmed records with the undecided commands on top.
#[derive(Clone, Debug, Default)]
pub(super) struct Preview {
    pending: BTreeMap<Turn, Pending>,
    turns: BTreeMap<CommandId, Turn>,
    /// How far the authors of undecided commands had seen decisions.
    seen: BTreeSet<(u64, Turn)>,
    index: Index,
    table: Table,
    /// Commands that have to run, or run again.
    due: BTreeSet<Turn>,
    /// Fields that are not as the table has them.
    moved: BTreeSet<Place>,
    stale: bool,
}

/// When a command runs: never before what its author had seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Turn {
    pub(super) clock: u64,
    pub(super) author: DeviceId,
    pub(super) command: CommandId,
}

/// An undecided command.
#[derive(Clone, Debug)]
pub(super) struct Pending {
    pub(super) call: Call,
    /// The bucket that it travels in.
    pub(super) home: Home,
    pub(super) rank: Option<Rank>,
    /// Nothing until it has run.
    pub(super) judged: Option<Judged>,
}

impl Preview {
    /// The records as they are shown.
    pub(super) fn table(&self) -> &Table {
        &self.table
    }

    /// The undecided commands in their order.
    pub(super) fn pending(&self) -> impl DoubleEndedIterator<Item = (&Turn, &Pending)> {
        self.pending.iter()
    }

    pub(super) fn get(&self, command: &CommandId) -> Option<(&Turn, &Pending)> {
        let turn = self.turns.get(command)?;
        Some((turn, self.pending.get(turn)?))
    }

    /// The clock of the last command in order.
    pub(super) fn last_clock(&self) -> u64 {
        self.pending.last_key_value().map_or(0, |(turn, _)| turn.clock)
    }

    /// The last undecided command of each chain.
    pub(super) fn last_of_chains(&self) -> impl Iterator<Item = &Turn> {
        let mut before = None;
        std::iter::from_fn(move || {
            let earlier = match before {
                None => self.turns.last_key_value(),
                Some(chain) => {
                    let first = CommandId { chain, number: 0 };
                    self.turns.range(..first).next_back()
                }
            };
            let (command, turn): (&CommandId, &Turn) = earlier?;
            before = Some::<ChainId>(command.chain);
            Some(turn)
        })
    }

    /// Adds a command. It runs at the next [`settle`](Self::settle).
    pub(super) fn insert(&mut self, turn: Turn, pending: Pending) {
        self.turns.insert(turn.command, turn);
        self.seen.insert((pending.call.seen.latest(), turn));
        self.pending.insert(turn, pending);
        self.due.insert(turn);
        self.stale = true;
    }

    /// Takes a command out, which left no trace in the confirmed records.
    pub(super) fn drop(&mut self, command: &CommandId) -> Option<Pending> {
        let (turn, pending) = self.remove(command)?;
        for (place, _) in pending.writes() {
            self.disturb(place, Some(&turn));
            self.moved.insert(place.clone());
        }
        Some(pending)
    }

    /// Takes in what was decided upon a command, which the confirmed records hold now.
    pub(super) fn decided(
        &mut self,
        command: &CommandId,
        changes: &[(Place, Option<Cell>)],
        order: u64,
    ) {
        self.stale = true;
        self.due.extend(self.index.naming(command));
        let removed = self.remove(command);
        let shown = removed.as_ref().map(|(_, pending)| pending.writes()).unwrap_or_default();
        let mut places: BTreeMap<&Place, Change<'_>> = BTreeMap::new();
        shown.iter().for_each(|(place, cell)| places.entry(place).or_default().from = Some(cell));
        for (place, cell) in changes {
            places.entry(place).or_default().to = Some(cell);
        }
        for (place, change) in places {
            self.moved.insert(place.clone());
            self.moves_down(place, &change, removed.as_ref().map(|(turn, _)| turn), order);
        }
    }

    /// Has everything run again.
    pub(super) fn run_anew(&mut self) {
        self.index = Index::default();
        for pending in self.pending.values_mut() {
            let judged = pending.judged.take();
            self.moved
                .extend(judged.into_iter().flat_map(|judged| judged.writes).map(|(at, _)| at));
        }
        self.due.extend(self.pending.keys());
        self.stale = true;
    }

    /// Runs what has not run, and again what runs on something that changed; says whether there was anything new.
    pub(super) fn settle(
        &mut self,
        registry: &Registry,
        (confirmed, homes): (&Table, &Homes),
    ) -> bool {
        let first = self.due.first().copied();
        self.roll_back(first.as_ref(), confirmed);
        if let Some(first) = first {
            self.run_from(first, registry, homes);
        }
        if self.pending.is_empty() {
            // The same as it is, but one with the confirmed records in memory.
            self.table = confirmed.clone();
        }
        std::mem::take(&mut self.stale)
    }

    /// Brings the table to where that turn finds it.
    fn roll_back(&mut self, first: Option<&Turn>, confirmed: &Table) {
        let mut places = std::mem::take(&mut self.moved);
        if let Some(first) = first {
            let undone = self.pending.range(first..).flat_map(|(_, pending)| pending.writes());
            places.extend(undone.map(|(place, _)| place.clone()));
        }
        for place in places {
            let cell = match self.index.writer_before(&place, first) {
                Some(writer) => self.pending.get(writer).and_then(|pending| pending.cell(&place)),
                None => confirmed.cell(&place),
            };
            self.table.set(&place, cell.cloned());
        }
    }

    /// Brings the table from that turn to the end. Whoever runs again may make others run that come later.
    fn run_from(&mut self, first: Turn, registry: &Registry, homes: &Homes) {
        let turns: Vec<_> = self.pending.range(first..).map(|(turn, _)| *turn).collect();
        for turn in turns {
            if self.due.remove(&turn) {
                self.run(&turn, registry, homes);
            }
            for (place, cell) in self.pending.get(&turn).map(Pending::writes).unwrap_or_default() {
                self.table.set(place, cell.clone());
            }
        }
    }

    fn run(&mut self, turn: &Turn, registry: &Registry, homes: &Homes) {
        let Some(pending) = self.pending.get_mut(turn) else { return };
        let judged = judge(registry, (&self.table, homes), &turn.case(pending));
        let before = pending.judged.replace(judged.clone());
        if let Some(before) = &before {
            self.index.remove(turn, before);
        }
        self.index.add(turn, &judged);
        let before: BTreeMap<_, _> = before.into_iter().flat_map(|judged| judged.writes).collect();
        let after: BTreeMap<_, _> = judged.writes.into_iter().collect();
        for place in before.keys().chain(after.keys()) {
            if before.get(place) != after.get(place) {
                self.disturb(place, Some(turn));
            }
        }
    }

    fn remove(&mut self, command: &CommandId) -> Option<(Turn, Pending)> {
        let turn = self.turns.remove(command)?;
        let pending = self.pending.remove(&turn)?;
        self.seen.remove(&(pending.call.seen.latest(), turn));
        self.due.remove(&turn);
        if let Some(judged) = &pending.judged {
            self.index.remove(&turn, judged);
        }
        self.stale = true;
        Some((turn, pending))
    }

    /// What a field is after that turn is another now: whoever meets it runs again.
    fn disturb(&mut self, place: &Place, after: Option<&Turn>) {
        self.due.extend(self.index.meeting(place, after));
    }

    /// What a command did at its turn is done below all of them now.
    fn moves_down(&mut self, place: &Place, change: &Change<'_>, turn: Option<&Turn>, order: u64) {
        // Whose author had seen the decision before it came here knows what it did not know without it.
        let ahead = self.seen.last().is_some_and(|(decided, _)| *decided >= order);
        let uncovered = self.index.writer_before(place, turn).is_none();
        match turn {
            // Those that came after it find what they have found.
            Some(turn) if uncovered && !ahead && change.is_none() => {
                self.due.extend(self.index.touching_before(place, turn));
            }
            _ => {
                if change.from.is_some() {
                    self.disturb(place, turn);
                }
                if change.to.is_some() {
                    self.disturb(place, None);
                }
            }
        }
    }
}

/// What a command was to do to a field, and what it did.
#[derive(Default)]
struct Change<'a> {
    from: Option<&'a Option<Cell>>,
    to: Option<&'a Option<Cell>>,
}

impl Change<'_> {
    /// Whether both are the same to a command that runs on top of them.
    fn is_none(&self) -> bool {
        match (self.from, self.to) {
            (Some(Some(from)), Some(Some(to))) => from.shows_as(to),
            (Some(None), Some(None)) => true,
            _ => false,
        }
    }
}

impl Turn {
    fn case<'a>(&self, pending: &'a Pending) -> Case<'a> {
        Case {
            command: self.command,
            call: &pending.call,
            author: self.author,
            rank: pending.rank.clone(),
            at: WallTime(pending.call.clock),
            order: None,
        }
    }
}

impl Pending {
    fn writes(&self) -> &[(Place, Option<Cell>)] {
        self.judged.as_ref().map_or(&[], |judged| &judged.writes)
    }

    /// What the command makes of a field.
    fn cell(&self, place: &Place) -> Option<&Cell> {
        let writes = self.writes();
        let at = writes.binary_search_by(|(written, _)| written.cmp(place)).ok()?;
        writes[at].1.as_ref()
    }
}
