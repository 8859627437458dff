//! Decisions in the making: each stands upon the one before, and none shows before it is saved and taken in.

use super::judge::{Case, judge};
use super::{CommandId, Decision, Failure, Ledger, Verdict};
use crate::clock::WallTime;
use crate::codec;
use crate::id::{DeviceId, Hash};
use crate::log::MAX_ENTRY_BYTES;
use crate::record::Table;
use crate::roster::Rank;

/// The records of a [`Ledger`] as they will be with the decisions that are made here.
#[derive(Debug)]
pub struct Draft<'a> {
    ledger: &'a Ledger,
    table: Table,
    order: u64,
    last: Hash,
}

impl<'a> Draft<'a> {
    pub(super) fn of(ledger: &'a Ledger, last: Hash) -> Self {
        Self { ledger, table: ledger.confirmed().clone(), order: ledger.decided(), last }
    }

    /// Decides upon a command, as whoever decides. The decision is to be written, and once it is saved to be
    /// [taken in](Ledger::take_decision).
    pub fn decide(
        &mut self,
        command: CommandId,
        author: DeviceId,
        rank: Option<Rank>,
        at: WallTime,
    ) -> Option<Decision> {
        let (order, previous) = (self.order + 1, self.last);
        let decision = |verdict| {
            let (writes, news, effects) = (Vec::new(), Vec::new(), Vec::new());
            Decision { order, previous, command, author, at, verdict, writes, news, effects }
        };
        let decided = if self.ledger.is_cancelled(&command) {
            decision(Verdict::Cancelled)
        } else {
            let call = self.ledger.undecided(&command)?;
            let case = Case { command, call, author, rank, at, order: Some(order) };
            let judged = judge(self.ledger.registry(), &self.table, &case);
            let (writes, news, effects) = (judged.writes, judged.news, judged.effects);
            let whole = Decision { writes, news, effects, ..decision(judged.verdict) };
            match codec::encode(&whole).len() <= MAX_ENTRY_BYTES {
                true => whole,
                false => decision(Verdict::Failed { failure: Failure::TooLarge }),
            }
        };
        for (place, cell) in &decided.writes {
            self.table.set(place, cell.clone());
        }
        (self.order, self.last) = (order, decided.hash());
        Some(decided)
    }
}
