//! A decision, taken apart by who may read what of it, and put together again.

use std::collections::BTreeMap;

use super::judge::Judged;
use super::{Decision, Loss, Revision, Verdict};
use crate::id::DeviceId;
use crate::record::{Bucket, Cell, Claim, Home, Homes, Place, RowId, Table};

/// Whether a device may read a bucket.
pub(super) type Reads<'a> = &'a dyn Fn(&DeviceId, &Bucket) -> bool;

/// The parts of a decision, by their buckets.
pub(super) struct Parts<'a> {
    base: &'a Decision,
    /// The bucket that the command travels in.
    home: &'a Home,
    reads: Reads<'a>,
    ledger_of: &'a dyn Fn(Bucket) -> Home,
    parts: BTreeMap<Bucket, (Home, Decision)>,
}

impl<'a> Parts<'a> {
    pub(super) fn new(
        base: &'a Decision,
        home: &'a Home,
        reads: Reads<'a>,
        ledger_of: &'a dyn Fn(Bucket) -> Home,
    ) -> Self {
        Self { base, home, reads, ledger_of, parts: BTreeMap::new() }
    }

    /// Puts each piece of what was judged where those read it who may.
    pub(super) fn take(&mut self, table: &Table, homes: &Homes, judged: Judged) {
        let Judged { verdict, writes, news, effects, mut buckets, .. } = judged;
        // Where each record that is written is now, and where it will be.
        let mut moves: BTreeMap<RowId, (Option<Home>, Home)> = BTreeMap::new();
        for (place, _) in &writes {
            let row = &place.row;
            if !moves.contains_key(row) {
                let now = table.cells(row).next().map(|_| homes.of(row).clone());
                let then = match buckets.remove(row) {
                    Some(Some(bucket)) => (self.ledger_of)(bucket),
                    Some(None) => now.clone().unwrap_or_else(|| self.home.clone()),
                    None => homes.common().clone(),
                };
                moves.insert(row.clone(), (now, then));
            }
        }
        let home_of = |row: &RowId| match moves.get(row) {
            Some((_, then)) => then,
            None => homes.of(row),
        };
        self.say(&verdict, &|row| home_of(row).bucket.clone());
        self.part(self.home).effects = effects;
        for (stamp, revision) in news {
            let place = revision.place();
            let bucket = &home_of(&place.row).bucket;
            let (to, revision) = match (bucket.is_common(), (self.reads)(&stamp.author, bucket)) {
                (true, _) => (Bucket::default(), revision),
                (false, true) => (Bucket::of(&stamp.author), revision),
                (false, false) => (Bucket::of(&stamp.author), revision.blinded()),
            };
            let to = (self.ledger_of)(to);
            self.part(&to).news.push((stamp, revision));
        }
        self.write(table, writes, &moves);
    }

    pub(super) fn into_iter(self) -> impl Iterator<Item = (Home, Decision)> {
        self.parts.into_values()
    }

    /// The verdict goes to whoever reads the command, and to its author, who may come not to read it any more. Values that
    /// one of them may not see are left out.
    fn say(&mut self, verdict: &Verdict, bucket_of: &dyn Fn(&RowId) -> Bucket) {
        let reads = self.reads;
        let (here, author) = (&self.home.bucket, self.base.author);
        let said = verdict.clone().blinded(&|row| {
            let bucket = bucket_of(row);
            !bucket.is_common() && bucket != *here
        });
        self.part(self.home).verdict = Some(said);
        if !here.is_common() {
            let said = verdict.clone().blinded(&|row| !reads(&author, &bucket_of(row)));
            let own = (self.ledger_of)(Bucket::of(&author));
            self.part(&own).verdict = Some(said);
        }
    }

    fn write(
        &mut self,
        table: &Table,
        writes: Vec<(Place, Option<Cell>)>,
        moves: &BTreeMap<RowId, (Option<Home>, Home)>,
    ) {
        for (row, (now, then)) in moves {
            let Some(now) = now.as_ref().filter(|now| *now != then) else { continue };
            let order = self.base.order;
            self.part(now).departed.push(row.clone());
            let part = self.part(then);
            part.arrived.push(row.clone());
            let mut cells: BTreeMap<_, _> =
                table.cells(row).map(|(place, cell)| (place, Some(cell.clone()))).collect();
            let ours = writes.iter().filter(|(place, _)| place.row == *row);
            cells.extend(ours.cloned());
            let cells = cells.into_iter();
            part.writes
                .extend(cells.filter_map(|(at, cell)| Some((at, Some(cell?.arrived(order))))));
        }
        for (place, cell) in writes {
            let Some((now, then)) = moves.get(&place.row) else { continue };
            if now.as_ref().is_none_or(|now| now == then) {
                self.part(then).writes.push((place, cell));
            }
        }
        for (_, part) in self.parts.values_mut() {
            part.writes.sort_by(|(a, _), (b, _)| a.cmp(b));
        }
    }

    fn part(&mut self, home: &Home) -> &mut Decision {
        let part = || (home.clone(), self.base.clone());
        &mut self.parts.entry(home.bucket.clone()).or_insert_with(part).1
    }
}

/// Has records say what a decision makes of them, of which these are the parts that are here. Gives what changed.
///
/// A part of a bucket that came to be read late is of older decisions than what stands there already: what it says of a
/// record that has since gone elsewhere is passed over.
pub(super) fn apply<'a>(
    table: &mut Table,
    homes: &mut Homes,
    parts: impl Iterator<Item = (&'a Home, &'a Decision)> + Clone,
) -> Vec<(Place, Option<Cell>)> {
    let mut changes = BTreeMap::new();
    for (home, part) in parts.clone() {
        for row in &part.departed {
            if homes.of(row) == home && homes.since(row) <= part.order {
                let gone = table.cells(row).map(|(place, _)| (place, None));
                changes.extend(gone);
                homes.note(row, home, part.order);
            }
        }
    }
    for (home, part) in parts {
        for row in &part.arrived {
            if homes.since(row) <= part.order {
                homes.note(row, home, part.order);
            }
        }
        for (place, cell) in &part.writes {
            let row = &place.row;
            if homes.of(row) != home && homes.since(row) <= part.order {
                homes.note(row, home, part.order);
            }
            if homes.of(row) == home && homes.since(row) <= part.order {
                changes.insert(place.clone(), cell.clone());
            }
        }
    }
    let changes: Vec<_> = changes.into_iter().collect();
    changes.iter().for_each(|(place, cell)| table.set(place, cell.clone()));
    changes
}

impl Verdict {
    /// The same without what others wrote to records that are not to be seen.
    fn blinded(mut self, hidden: &dyn Fn(&RowId) -> bool) -> Self {
        for Loss { place, to } in self.losses_mut() {
            if hidden(&place.row) {
                *to = Claim::default();
            }
        }
        self
    }
}

impl Revision {
    /// The same without what others wrote.
    fn blinded(mut self) -> Self {
        *self.claim_mut() = Claim::default();
        self
    }
}
