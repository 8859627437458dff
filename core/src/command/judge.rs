//! What becomes of one command: a pure function of the records, the command, the policies and the time.

use std::collections::{BTreeMap, BTreeSet};

use super::footprint::{Footprint, Scope};
use super::transaction::{Setting, Side, Transaction};
use super::{Call, CommandId, Failure, Loss, Registry, Revision, Verdict};
use crate::clock::WallTime;
use crate::id::DeviceId;
use crate::record::policy::{Ruled, resolve, resolve_removal};
use crate::record::{Bucket, Cell, Homes, Place, Policy, RowId, Stamp, Table, Value, Write};
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
    /// The fields that change; nothing for those that are gone.
    pub writes: Vec<(Place, Option<Cell>)>,
    /// What the authors of earlier commands hear.
    pub news: Vec<(Stamp, Revision)>,
    /// What it asks for outside, by its kind.
    pub effects: Vec<(String, Value)>,
    /// In which buckets the records are then that it writes, and that say so; nothing for those that are gone.
    pub buckets: BTreeMap<RowId, Option<Bucket>>,
    /// All that mattered to it.
    pub(super) touched: BTreeSet<Scope>,
}

/// Judges a command upon the records as they stand.
pub fn judge(registry: &Registry, (table, homes): (&Table, &Homes), case: &Case<'_>) -> Judged {
    let Some(fields) = registry.upcast(case.call) else {
        return Judged::nothing(Verdict::Obsolete { version: case.call.version });
    };
    let mut trial = Trial {
        registry,
        table,
        homes,
        case,
        fields,
        pinned: BTreeSet::new(),
        ranked: false,
        yielded: Vec::new(),
        touched: BTreeSet::new(),
    };
    let judged = (0..MAX_ROUNDS).find_map(|_| trial.round());
    let failed = || Judged::nothing(Verdict::Failed { failure: Failure::Unsettled });
    Judged { touched: trial.touched, ..judged.unwrap_or_else(failed) }
}

impl Judged {
    pub(super) fn nothing(verdict: Verdict) -> Self {
        Self {
            verdict,
            writes: Vec::new(),
            news: Vec::new(),
            effects: Vec::new(),
            buckets: BTreeMap::new(),
            touched: BTreeSet::new(),
        }
    }

    /// Whose writes it names, in what it writes or in its verdict.
    pub(super) fn names(&self) -> impl Iterator<Item = &Stamp> {
        let cells = self.writes.iter().filter_map(|(_, cell)| cell.as_ref());
        let claims = cells.flat_map(Cell::all_claims);
        let lost = self.verdict.losses().iter().map(|loss| &loss.to);
        claims.chain(lost).filter_map(|claim| claim.by.as_ref())
    }
}

/// The handler's runs, one after the other, until no field yields any more.
struct Trial<'a> {
    registry: &'a Registry,
    table: &'a Table,
    homes: &'a Homes,
    case: &'a Case<'a>,
    fields: Value,
    pinned: BTreeSet<Place>,
    /// Whether somebody of higher rank keeps one of them.
    ranked: bool,
    yielded: Vec<Loss>,
    /// What mattered to any of the runs.
    touched: BTreeSet<Scope>,
}

/// What became of all that one run wrote.
#[derive(Default)]
struct Outcome {
    writes: Vec<(Place, Option<Cell>)>,
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
        let (name, fields) = (&self.case.call.name, &self.fields);
        if side == Side::Anchor {
            let tx = Transaction::new(self.table, &setting, &self.pinned);
            if let Err(ended) = self.registry.check(name, fields, tx) {
                return Some(Judged::nothing(ended.verdict()));
            }
        }
        let tx = Transaction::new(self.table, &setting, &self.pinned);
        let (ended, footprint) = self.registry.run(name, fields, tx);
        let pinned = self.pinned.len();
        let judged = match ended {
            Ok(output) => {
                let outcome = self.resolve_all(&footprint);
                let effects = footprint.effects.clone();
                (self.pinned.len() == pinned).then(|| self.judged(output, outcome, effects))
            }
            Err(ended) => Some(Judged::nothing(ended.verdict())),
        };
        self.touched.extend(footprint.touched());
        judged
    }

    /// Brings all that the run did before the policies.
    fn resolve_all(&mut self, footprint: &Footprint) -> Outcome {
        let mut outcome = Outcome::default();
        for (place, ruled) in self.writes_ruled(footprint) {
            self.take(place, ruled, &mut outcome);
        }
        for (place, ruled) in self.removals_ruled(footprint) {
            match ruled {
                Ruled::Stands(_, news) => {
                    outcome.writes.push((place, None));
                    outcome.news.extend(news);
                }
                ruled => {
                    // A record that goes on to hold something can't be gone.
                    if matches!(ruled, Ruled::Yields(_) | Ruled::Overruled(_)) {
                        self.pinned.insert(place.row.presence());
                    }
                    self.take(place, ruled, &mut outcome);
                }
            }
        }
        outcome.writes.sort_by(|(a, _), (b, _)| a.cmp(b));
        outcome
    }

    /// What becomes of the fields that the run wrote.
    fn writes_ruled(&self, footprint: &Footprint) -> Vec<(Place, Ruled)> {
        let counts = |place: &Place| {
            let there = || place.is_presence() || self.leaves(&place.row, footprint);
            !self.pinned.contains(place) && there()
        };
        let rule = |(place, write): (&Place, &Write)| {
            let field = (place, self.table.cell(place));
            let (mine, knew) = ((write, self.stamp()), footprint.knew(place));
            let saw = |by: &Stamp| self.saw(&place.row, by);
            let ruled = resolve(self.policy(place), field, mine, &saw, knew);
            (place.clone(), ruled)
        };
        footprint.writes.iter().filter(|(place, _)| counts(place)).map(rule).collect()
    }

    /// What becomes of the fields of records that the run took away, unless it wrote them anew.
    fn removals_ruled(&self, footprint: &Footprint) -> Vec<(Place, Ruled)> {
        let rows = footprint.cleared().filter_map(|id| Some((id, self.table.row(id)?)));
        let fields =
            rows.flat_map(|(id, row)| row.fields().map(move |(name, cell)| (id.field(name), cell)));
        let rule = |(place, cell): (Place, &Cell)| {
            let (mine, knew) = (self.stamp(), footprint.knew(&place));
            let field = (&place, cell);
            let saw = |by: &Stamp| self.saw(&place.row, by);
            let ruled = resolve_removal(self.policy(&place), field, mine, &saw, knew);
            (place, ruled)
        };
        fields.filter(|(place, _)| !footprint.writes.contains_key(place)).map(rule).collect()
    }

    fn take(&mut self, place: Place, ruled: Ruled, outcome: &mut Outcome) {
        let loss = |to| Loss { place: place.clone(), to };
        match ruled {
            Ruled::Stands(cell, news) => {
                outcome.writes.push((place, Some(cell)));
                outcome.news.extend(news);
            }
            Ruled::Contested(cell, with, news) => {
                outcome.contested.extend(with.into_iter().map(loss));
                outcome.writes.push((place, Some(cell)));
                outcome.news.extend(news);
            }
            Ruled::Refused(to) => outcome.preceded.push(loss(to)),
            Ruled::Yields(to) => {
                self.yielded.push(loss(to));
                self.pinned.insert(place);
            }
            Ruled::Overruled(to) => {
                self.yielded.push(loss(to));
                self.ranked = true;
                self.pinned.insert(place);
            }
        }
    }

    /// Whether the record is there after the run: what it wrote to the fields of one that is not is nothing.
    fn leaves(&self, row: &RowId, footprint: &Footprint) -> bool {
        let presence = row.presence();
        match footprint.writes.get(&presence) {
            Some(write) if !self.pinned.contains(&presence) => {
                write.change.applied(&Value::Null) == Value::Bool(true)
            }
            _ => self.table.is_present(row),
        }
    }

    fn saw(&self, row: &RowId, stamp: &Stamp) -> bool {
        let Case { call, author, .. } = self.case;
        call.seen.covers(author, stamp, call.seen.decided_in(self.homes.of(row)))
    }

    fn policy(&self, place: &Place) -> &Policy {
        self.registry.policy(&place.row.collection, &place.field)
    }

    fn stamp(&self) -> Stamp {
        let Case { command, author, ref rank, at, order, .. } = *self.case;
        Stamp { command, author, rank: rank.clone(), order, at }
    }

    fn judged(&mut self, output: Value, outcome: Outcome, effects: Vec<(String, Value)>) -> Judged {
        let Outcome { writes, news, contested, preceded } = outcome;
        if !preceded.is_empty() {
            return Judged::nothing(Verdict::Preceded { fields: preceded });
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
        match self.buckets(&writes) {
            Ok(buckets) => {
                Judged { verdict, writes, news, effects, buckets, touched: BTreeSet::new() }
            }
            Err(failure) => Judged::nothing(Verdict::Failed { failure }),
        }
    }

    /// The buckets of records, as they are with what is written to them.
    fn buckets(
        &mut self,
        writes: &[(Place, Option<Cell>)],
    ) -> Result<BTreeMap<RowId, Option<Bucket>>, Failure> {
        let said = |row: &&RowId| self.registry.has_buckets(&row.collection);
        let rows: BTreeSet<_> = writes.iter().map(|(place, _)| &place.row).filter(said).collect();
        let mut buckets = BTreeMap::new();
        for row in rows {
            // All of it matters to where it is.
            self.touched.insert(Scope::Row(row.clone()));
            let mut after = self.table.clone();
            let ours = writes.iter().filter(|(place, _)| place.row == *row);
            ours.for_each(|(place, cell)| after.set(place, cell.clone()));
            let record = after.row(row).map(|record| record.to_value());
            let bucket = record.map(|record| self.registry.bucket_of(row, &record)).transpose()?;
            buckets.insert(row.clone(), bucket);
        }
        Ok(buckets)
    }
}
