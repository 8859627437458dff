//! Which undecided commands have to do with which fields: so a change finds those that it concerns among thousands.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound::{Excluded, Included, Unbounded};

use super::CommandId;
use super::footprint::Scope;
use super::judge::Judged;
use super::preview::Turn;
use crate::record::Place;

/// What undecided commands touch, write and name, each by its turn.
#[derive(Clone, Debug, Default)]
pub(super) struct Index {
    /// Those that would perhaps do something else if this were another.
    touching: BTreeMap<Scope, BTreeSet<Turn>>,
    /// Those that change this field.
    writing: BTreeMap<Place, BTreeSet<Turn>>,
    /// Those in whose outcome this undecided command is named.
    naming: BTreeMap<CommandId, BTreeSet<Turn>>,
}

impl Index {
    /// Takes in a command that was judged.
    pub(super) fn add(&mut self, turn: &Turn, judged: &Judged) {
        for scope in &judged.touched {
            self.touching.entry(scope.clone()).or_default().insert(*turn);
        }
        for (place, _) in &judged.writes {
            self.writing.entry(place.clone()).or_default().insert(*turn);
        }
        for command in undecided_others(turn, judged) {
            self.naming.entry(command).or_default().insert(*turn);
        }
    }

    /// Takes a command out, which was judged like that.
    pub(super) fn remove(&mut self, turn: &Turn, judged: &Judged) {
        judged.touched.iter().for_each(|scope| take(&mut self.touching, scope, turn));
        judged.writes.iter().for_each(|(place, _)| take(&mut self.writing, place, turn));
        undecided_others(turn, judged).for_each(|command| take(&mut self.naming, &command, turn));
    }

    /// The last command before this turn that changes a field; the last of all, if no turn is given.
    pub(super) fn writer_before(&self, place: &Place, turn: Option<&Turn>) -> Option<&Turn> {
        let end = turn.map_or(Unbounded, Excluded);
        self.writing.get(place)?.range::<Turn, _>((Unbounded, end)).next_back()
    }

    /// The commands that meet what stands at a place after that turn, or before all: up to the next that writes there.
    pub(super) fn meeting(&self, place: &Place, after: Option<&Turn>) -> Vec<Turn> {
        let start = after.map_or(Unbounded, Excluded);
        let writers = self.writing.get(place);
        let next = writers.and_then(|turns| turns.range::<Turn, _>((start, Unbounded)).next());
        let end = next.map_or(Unbounded, Included);
        let touching =
            Scope::around(place).into_iter().filter_map(|scope| self.touching.get(&scope));
        touching.flat_map(|turns| turns.range::<Turn, _>((start, end))).copied().collect()
    }

    /// The commands that have something to do with a field, and run before that turn.
    pub(super) fn touching_before(&self, place: &Place, turn: &Turn) -> Vec<Turn> {
        let touching =
            Scope::around(place).into_iter().filter_map(|scope| self.touching.get(&scope));
        touching.flat_map(|turns| turns.range(..turn)).copied().collect()
    }

    /// The commands in whose outcome that one is named.
    pub(super) fn naming(&self, command: &CommandId) -> impl Iterator<Item = &Turn> {
        self.naming.get(command).into_iter().flatten()
    }
}

fn undecided_others(turn: &Turn, judged: &Judged) -> impl Iterator<Item = CommandId> {
    let undecided = judged.names().filter(|stamp| stamp.order.is_none());
    undecided.map(|stamp| stamp.command).filter(move |command| *command != turn.command)
}

fn take<K: Ord>(turns: &mut BTreeMap<K, BTreeSet<Turn>>, key: &K, turn: &Turn) {
    if let Some(some) = turns.get_mut(key) {
        some.remove(turn);
        if some.is_empty() {
            turns.remove(key);
        }
    }
}
