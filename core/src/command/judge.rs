//! What becomes of one command: a pure function of the records, the command, the policies and the time.

use std::collections::BTreeSet;

use super::registry::Ended;
use super::transaction::{Footprint, Setting, Side, Transaction};
use super::{Call, CommandId, Failure, Loss, Registry, Revision, Verdict};
use crate::clock::WallTime;
use crate::id::DeviceId;
use crate::record::policy::{Ruled, resolve};
use crate::record::{Cell, Place, Stamp, Table, Value};
use crate::roster::Rank;

/// How many times a handler runs at the most, each time with more fields that others keep.
const MAX_ROUNDS: usize = 64;

/// A command that comes before its judge.
#[derive(Clone, Debug)]
pub struct Case<'a> {
    /// Which one it is.
    pub command: CommandId,
    /// What it asks for.
    pub call: &'a Call,
    /// Whose it is.
    pub author: DeviceId,
    /// The author's rank.
    pub rank: Option<Rank>,
    /// The time of the decision; the author's while it is only predicted.
    pub at: WallTime,
    /// The place of the decision among all; nothing while it is only predicted.
    pub order: Option<u64>,
}

/// What becomes of a command.
#[derive(Clone, Debug)]
pub struct Judged {
    /// What its author hears.
    pub verdict: Verdict,
    /// The fields that change.
    pub writes: Vec<(Place, Cell)>,
    /// What the authors of earlier commands hear.
    pub news: Vec<(Stamp, Revision)>,
    /// What it read, and tried to write.
    pub(super) footprint: Footprint,
}

/// Judges a command upon the records as they stand.
pub fn judge(registry: &Registry, table: &Table, case: &Case<'_>) -> Judged {
    let Some(fields) = registry.upcast(case.call) else {
        return Judged::nothing(Verdict::Obsolete { version: case.call.version });
    };
    let mut trial = Trial {
        registry,
        table,
        case,
        fields,
        pinned: BTreeSet::new(),
        ranked: false,
        yielded: Vec::new(),
    };
    for _ in 0..MAX_ROUNDS {
        if let Some(judged) = trial.round() {
            return judged;
        }
    }
    Judged::nothing(Verdict::Failed { failure: Failure::Unsettled })
}

impl Judged {
    fn nothing(verdict: Verdict) -> Self {
        Self { verdict, writes: Vec::new(), news: Vec::new(), footprint: Footprint::default() }
    }
}

/// The handler's runs, one after the other, until no field yields any more.
struct Trial<'a> {
    registry: &'a Registry,
    table: &'a Table,
    case: &'a Case<'a>,
    fields: Value,
    pinned: BTreeSet<Place>,
    /// Whether somebody of higher rank keeps one of them.
    ranked: bool,
    yielded: Vec<Loss>,
}

/// What became of all that one run wrote.
#[derive(Default)]
struct Outcome {
    writes: Vec<(Place, Cell)>,
    news: Vec<(Stamp, Revision)>,
    contested: Vec<Loss>,
    preceded: Vec<Loss>,
}

impl Trial<'_> {
    /// One run; nothing if it has to run again, as more of its fields yield.
    fn round(&mut self) -> Option<Judged> {
        let Case { command, author, ref rank, at, order, .. } = *self.case;
        let side = if order.is_some() { Side::Anchor } else { Side::Device };
        let setting = Setting { command, author, rank: rank.clone(), at, side };
        let tx = Transaction::new(self.table, &setting, &self.pinned);
        let (ended, footprint) = self.registry.run(&self.case.call.name, &self.fields, tx);
        let output = match ended {
            Ok(output) => output,
            Err(ended) => {
                let verdict = match ended {
                    Ended::Refused(refusal) => Verdict::Refused { refusal },
                    Ended::Failed(failure) => Verdict::Failed { failure },
                };
                return Some(Judged { footprint, ..Judged::nothing(verdict) });
            }
        };
        let before = self.pinned.len();
        let outcome = self.resolve_all(&footprint);
        (self.pinned.len() == before).then(|| self.judged(output, outcome, footprint))
    }

    /// Brings all that the run wrote before the policies.
    fn resolve_all(&mut self, footprint: &Footprint) -> Outcome {
        let mut outcome = Outcome::default();
        let Case { command, author, ref rank, at, order, .. } = *self.case;
        let saw = |stamp: &Stamp| self.case.call.seen.covers(&author, stamp);
        for (place, write) in
            footprint.writes.iter().filter(|(place, _)| !self.pinned.contains(place))
        {
            let mine = Stamp { command, author, rank: rank.clone(), order, at };
            let policy = self.registry.policy(&place.row.collection, &place.field);
            let field = (place, self.table.cell(place));
            let loss = |to| Loss { place: place.clone(), to };
            match resolve(policy, field, (write, mine), &saw, footprint.did_read(place)) {
                Ruled::Stands(cell, news) => {
                    outcome.writes.push((place.clone(), cell));
                    outcome.news.extend(news);
                }
                Ruled::Contested(cell, with, news) => {
                    outcome.writes.push((place.clone(), cell));
                    outcome.news.extend(news);
                    outcome.contested.extend(with.into_iter().map(loss));
                }
                Ruled::Refused(to) => outcome.preceded.push(loss(to)),
                Ruled::Yields(to) => self.yielded.push(loss(to)),
                Ruled::Overruled(to) => {
                    self.ranked = true;
                    self.yielded.push(loss(to));
                }
            }
        }
        self.pinned.extend(self.yielded.iter().map(|loss| loss.place.clone()));
        outcome
    }

    fn judged(&mut self, output: Value, outcome: Outcome, footprint: Footprint) -> Judged {
        let Outcome { writes, news, contested, preceded } = outcome;
        if !preceded.is_empty() {
            let verdict = Verdict::Preceded { fields: preceded };
            return Judged { footprint, ..Judged::nothing(verdict) };
        }
        let mut fields = std::mem::take(&mut self.yielded);
        let verdict = match (contested.is_empty(), self.ranked) {
            (false, _) => {
                fields.extend(contested);
                Verdict::Contested { output, fields }
            }
            (true, true) => Verdict::Overruled { output, fields },
            (true, false) if fields.is_empty() => Verdict::Accepted { output },
            (true, false) => Verdict::Yielded { output, fields },
        };
        Judged { verdict, writes, news, footprint }
    }
}
