//! Removals that strike at one another.

use std::collections::{BTreeMap, BTreeSet};

use super::Court;
use crate::roster::{Act, Role};

/// Which strong deeds would undo which, directly or through what those rest on.
type Blows = BTreeMap<usize, BTreeSet<usize>>;

impl Court<'_> {
    /// The strong deeds that count: those that their authors were entitled to, less those that another one undoes
    /// without being undone by it in turn, in however many steps.
    pub(super) fn strong_in_force(&mut self) -> BTreeSet<usize> {
        self.judge(&BTreeSet::new(), false);
        let strong = (0..self.deeds.len()).filter(|at| self.counts[*at] && self.is_strong(*at));
        let strong: BTreeSet<_> = strong.collect();
        let blows = self.blows(&strong);
        settle(&strong, &blows)
    }

    fn is_strong(&self, at: usize) -> bool {
        match self.deeds[at].act {
            Act::Remove { .. } => true,
            Act::Appoint { role, .. } => role != Role::Admin,
            Act::Admit(_)
            | Act::Close { .. }
            | Act::Delete { .. }
            | Act::Restore { .. }
            | Act::Grant { .. }
            | Act::Revoke { .. }
            | Act::Quote(_) => false,
        }
    }

    fn blows(&mut self, strong: &BTreeSet<usize>) -> Blows {
        // One that strikes at nothing is not worth a round.
        let strikers = strong
            .iter()
            .copied()
            .filter(|striker| (0..self.deeds.len()).any(|other| self.strikes(*striker, other)));
        let mut blows = Blows::new();
        for striker in strikers.collect::<Vec<_>>() {
            self.judge(&BTreeSet::from([striker]), false);
            let undone = strong.iter().copied().filter(|other| !self.counts[*other]);
            blows.insert(striker, undone.collect());
        }
        blows
    }
}

fn settle(strong: &BTreeSet<usize>, blows: &Blows) -> BTreeSet<usize> {
    let reach: BTreeMap<_, _> = strong.iter().map(|from| (*from, reached(*from, blows))).collect();
    let reaches = |from: &usize, to: &usize| reach[from].contains(to);
    // Those above strike, in however many steps, and are not struck back.
    let above = |at: &usize| {
        let above = strong.iter().filter(|other| reaches(other, at) && !reaches(at, other));
        above.copied().collect::<BTreeSet<_>>()
    };
    let mut order: Vec<_> = strong.iter().map(|at| (above(at), *at)).collect();
    order.sort_by_key(|(above, at)| (above.len(), *at));
    let mut in_force = BTreeSet::new();
    for (above, at) in order {
        let undone =
            above.iter().any(|other| in_force.contains(other) && blows[other].contains(&at));
        if !undone {
            in_force.insert(at);
        }
    }
    in_force
}

fn reached(from: usize, blows: &Blows) -> BTreeSet<usize> {
    let mut reached = BTreeSet::new();
    let mut next = vec![from];
    while let Some(at) = next.pop() {
        let struck = blows.get(&at).into_iter().flatten();
        next.extend(struck.filter(|other| reached.insert(**other)));
    }
    reached
}
