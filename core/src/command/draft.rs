//! Decisions in the making: each stands upon the one before, and none shows before it is saved and taken in.

use std::collections::BTreeMap;

use super::judge::{Case, Judged, judge};
use super::parts::{Parts, Reads};
use super::{CommandId, Decision, Failure, Ledger, Verdict};
use crate::clock::WallTime;
use crate::codec;
use crate::id::{DeviceId, DocumentId, Hash};
use crate::log::MAX_ENTRY_BYTES;
use crate::record::{Home, Homes, Table};
use crate::roster::Rank;

/// The records of a [`Ledger`] as they will be with the decisions that are made here.
pub struct Draft<'a> {
    ledger: &'a Ledger,
    reads: Reads<'a>,
    table: Table,
    homes: Homes,
    order: u64,
    /// Where ledgers end in which something was decided here: the place of the last decision, and its hash.
    ends: BTreeMap<DocumentId, (u64, Hash)>,
}

impl<'a> Draft<'a> {
    pub(super) fn of(ledger: &'a Ledger, reads: Reads<'a>) -> Self {
        let (table, homes) = (ledger.confirmed().clone(), ledger.homes().clone());
        Self { ledger, reads, table, homes, order: ledger.decided(), ends: BTreeMap::new() }
    }

    /// Decides upon a command, as whoever decides. The parts of the decision are to be written, each into its ledger, and
    /// once they are saved to be [taken in](Ledger::take_decision).
    pub fn decide(
        &mut self,
        command: CommandId,
        author: DeviceId,
        rank: Option<Rank>,
        at: WallTime,
    ) -> Option<Vec<(Home, Decision)>> {
        let order = self.order + 1;
        let (home, cancelled) = match self.ledger.cancelled_in(&command) {
            Some(home) => (home, true),
            None => (self.ledger.home_of(&command)?, false),
        };
        let judged = if cancelled {
            Judged::nothing(Verdict::Cancelled)
        } else {
            let call = self.ledger.undecided(&command)?;
            let case = Case { command, call, author, rank, at, order: Some(order) };
            judge(self.ledger.registry(), (&self.table, &self.homes), &case)
        };
        let base = Decision::upon(command, author, (order, at));
        let mut parts = self.parts(&base, home, judged);
        if parts.iter().any(|(_, part)| codec::encode(part).len() > MAX_ENTRY_BYTES) {
            let failed = Judged::nothing(Verdict::Failed { failure: Failure::TooLarge });
            parts = self.parts(&base, home, failed);
        }
        self.stand_upon(&parts);
        Some(parts)
    }

    /// The parts of a decision, each with its place in its ledger.
    fn parts(&self, base: &Decision, home: &Home, judged: Judged) -> Vec<(Home, Decision)> {
        let (table, homes) = (&self.table, &self.homes);
        let ledger_of = |bucket| self.ledger.home(bucket);
        let mut parts = Parts::new(base, home, self.reads, &ledger_of);
        parts.take(table, homes, judged);
        let parts = parts.into_iter().map(|(home, part)| {
            let (place, previous) = self.end(&home.ledger);
            (home, Decision { place: place + 1, previous, ..part })
        });
        let mut parts: Vec<_> = parts.collect();
        let places: Vec<_> = parts.iter().map(|(home, part)| (home.ledger, part.place)).collect();
        for (home, part) in &mut parts {
            let others = places.iter().filter(|(ledger, _)| *ledger != home.ledger);
            part.others = others.copied().collect();
        }
        parts
    }

    fn end(&self, ledger: &DocumentId) -> (u64, Hash) {
        self.ends.get(ledger).copied().unwrap_or_else(|| self.ledger.end(ledger))
    }

    /// What is decided next stands upon this.
    fn stand_upon(&mut self, parts: &[(Home, Decision)]) {
        self.order += 1;
        for (home, part) in parts {
            self.ends.insert(home.ledger, (part.place, part.hash()));
        }
        let parts = parts.iter().map(|(home, part)| (home, part));
        super::parts::apply(&mut self.table, &mut self.homes, parts);
    }
}
