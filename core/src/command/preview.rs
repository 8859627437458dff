//! What the records will be, as far as a device can tell: the confirmed ones, with every undecided command run on top.
//!
//! Devices with the same decisions and the same undecided commands show the same, as these run in one order that
//! depends on nothing else.

use std::collections::{BTreeMap, BTreeSet};

use super::judge::{Case, Judged, judge};
use super::{Call, CommandId, Decision, Registry};
use crate::clock::WallTime;
use crate::id::DeviceId;
use crate::record::{Cell, Place, Table};
use crate::roster::Rank;

/// The confirmed records with the undecided commands on top.
#[derive(Debug, Default)]
pub(super) struct Preview {
    pending: BTreeMap<Turn, Pending>,
    turns: BTreeMap<CommandId, Turn>,
    table: Table,
    /// Fields that changed below, or between, what was run upon them; from the first of these turns on.
    dirty: BTreeSet<Place>,
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

    /// Adds a command. It runs at the next [`settle`](Self::settle).
    pub(super) fn insert(&mut self, turn: Turn, pending: Pending) {
        self.turns.insert(turn.command, turn);
        self.pending.insert(turn, pending);
        self.stale = true;
    }

    /// Takes a command out: it was decided, cancelled, or does not count.
    pub(super) fn remove(&mut self, command: &CommandId) -> Option<Pending> {
        let turn = self.turns.remove(command)?;
        let pending = self.pending.remove(&turn)?;
        self.stale = true;
        Some(pending)
    }

    /// Takes a command out, which left no trace in the confirmed records.
    pub(super) fn drop(&mut self, command: &CommandId) -> Option<Pending> {
        let pending = self.remove(command)?;
        self.dirty.extend(pending.writes().iter().map(|(place, _)| place.clone()));
        Some(pending)
    }

    /// Takes a decision in, which the confirmed records hold now.
    pub(super) fn decided(&mut self, decision: &Decision) -> Option<Pending> {
        let predicted = self.remove(&decision.command);
        let shown = predicted.as_ref().map(Pending::writes).unwrap_or_default();
        // Only what came out differently matters to those that run on top of it.
        let mut places: BTreeMap<&Place, (Option<&Cell>, Option<&Cell>)> = BTreeMap::new();
        for (place, cell) in shown {
            places.entry(place).or_default().0 = Some(cell);
        }
        for (place, cell) in &decision.writes {
            places.entry(place).or_default().1 = Some(cell);
        }
        let differs = |cells: &(Option<&Cell>, Option<&Cell>)| match cells {
            (Some(predicted), Some(decided)) => !predicted.shows_as(decided),
            _ => true,
        };
        let changed = places.iter().filter(|(_, cells)| differs(cells));
        self.dirty.extend(changed.map(|(place, _)| (*place).clone()));
        self.stale = true;
        predicted
    }

    /// Has everything run again.
    pub(super) fn run_anew(&mut self) {
        self.pending.values_mut().for_each(|pending| pending.judged = None);
        self.stale = true;
    }

    /// Runs what has not run, and again what runs on something that changed; says whether anything did.
    pub(super) fn settle(&mut self, registry: &Registry, confirmed: &Table) -> bool {
        if !std::mem::take(&mut self.stale) {
            return false;
        }
        let mut dirty = std::mem::take(&mut self.dirty);
        self.table = confirmed.clone();
        for (turn, pending) in &mut self.pending {
            let meets = |judged: &Judged| dirty.iter().any(|place| judged.footprint.meets(place));
            if pending.judged.as_ref().is_none_or(meets) {
                dirty.extend(pending.writes().iter().map(|(place, _)| place.clone()));
                pending.judged = Some(judge(registry, &self.table, &turn.case(pending)));
                dirty.extend(pending.writes().iter().map(|(place, _)| place.clone()));
            }
            for (place, cell) in pending.writes() {
                self.table.put(place, cell.clone());
            }
        }
        true
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
    fn writes(&self) -> &[(Place, Cell)] {
        self.judged.as_ref().map_or(&[], |judged| &judged.writes)
    }
}
