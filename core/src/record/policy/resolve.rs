//! One write meets one field: what the field holds then, and what its authors hear.

use super::{Contest, Policy, Resolution};
use crate::command::Revision;
use crate::record::{Cell, Claim, Place, Rivals, Stamp, Value};
use crate::roster::Rank;

/// What a handler does to a field.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Write {
    /// How the value changes.
    pub change: Change,
    /// Nobody is to overrule it any more.
    pub seal: bool,
}

/// How a handler changes a value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Change {
    /// Not at all.
    #[default]
    Keep,
    /// To this.
    Set(Value),
    /// By so much, from nothing if there is no number. It never conflicts.
    Add(i64),
    /// With this in the set. It never conflicts.
    Include(Value),
    /// Without this in the set. It never conflicts.
    Exclude(Value),
}

/// What became of a write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ruled {
    /// It stands: the field is this now, and the authors of other values hear of it.
    Stands(Cell, Vec<(Stamp, Revision)>),
    /// It does not: the field goes on to hold what it held.
    Yields(Claim),
    /// The same, because the other's rank is higher.
    Overruled(Claim),
    /// The whole command is refused, because of this value.
    Refused(Claim),
    /// Neither it nor these others stand: the field is this now, and the authors of the others hear of it.
    Contested(Cell, Vec<Claim>, Vec<(Stamp, Revision)>),
}

impl Change {
    /// What a field holds afterwards.
    pub fn applied(&self, value: &Value) -> Value {
        match self {
            Self::Keep => value.clone(),
            Self::Set(to) => to.clone(),
            Self::Add(more) => {
                let count = if let Value::Int(count) = value { *count } else { 0 };
                Value::Int(count.saturating_add(*more))
            }
            Self::Include(item) => {
                let mut items = items(value);
                if let Err(at) = items.binary_search(item) {
                    items.insert(at, item.clone());
                }
                Value::List(items)
            }
            Self::Exclude(item) => {
                Value::List(items(value).into_iter().filter(|held| held != item).collect())
            }
        }
    }

    fn merges(&self) -> bool {
        !matches!(self, Self::Set(_))
    }
}

/// What becomes of a write to the field at `place`, which stands as `cell`.
///
/// `mine` is who writes, `saw` says whose writes that author had seen, and `read` whether the handler read the field
/// when it ran here: then it knew what it wrote over.
pub fn resolve(
    policy: &Policy,
    (place, cell): (&Place, Option<&Cell>),
    (write, mine): (&Write, Stamp),
    saw: &dyn Fn(&Stamp) -> bool,
    read: bool,
) -> Ruled {
    let Some(cell) = cell else {
        let value = write.change.applied(&Value::Null);
        let claim = Claim { value, by: Some(mine) };
        let before = policy.looks_back().then(Box::default);
        return Ruled::Stands(Cell { sealed: write.seal, before, ..Cell::of(claim) }, Vec::new());
    };
    let meeting = Meeting { policy, place, cell, write, mine };
    let same = place.is_presence() && write.change == Change::Set(cell.value().clone());
    match meeting.is_unseen(saw, read) && !same && !write.change.merges() {
        true => meeting.conflict(),
        false => meeting.stands(),
    }
}

/// What becomes of the removal of a record, for one of its fields that stands as `cell`: the record can be gone only if
/// this stands for each of them. Policies that keep several values keep what is there.
pub fn resolve_removal(
    policy: &Policy,
    (place, cell): (&Place, &Cell),
    mine: Stamp,
    saw: &dyn Fn(&Stamp) -> bool,
    read: bool,
) -> Ruled {
    let write = &Write { change: Change::Set(Value::Null), seal: false };
    let meeting = Meeting { policy, place, cell, write, mine };
    match policy {
        _ if !meeting.is_unseen(saw, read) => meeting.stands(),
        Policy::RejectBoth | Policy::KeepBoth => Ruled::Yields(cell.claim.clone()),
        _ => meeting.conflict(),
    }
}

/// A write, and the field that it comes to.
struct Meeting<'a> {
    policy: &'a Policy,
    place: &'a Place,
    cell: &'a Cell,
    write: &'a Write,
    mine: Stamp,
}

impl Meeting<'_> {
    /// Whether something stands here which the author had not seen, nor the handler read.
    fn is_unseen(&self, saw: &dyn Fn(&Stamp) -> bool, read: bool) -> bool {
        let unseen = self.cell.claims().filter_map(|claim| claim.by.as_ref()).any(|by| !saw(by));
        unseen && !(read && self.cell.rivals == Rivals::None)
    }

    fn conflict(self) -> Ruled {
        let theirs = self.cell.claim.clone();
        match self.policy {
            Policy::ServerWins => Ruled::Yields(theirs),
            Policy::FirstWrite => Ruled::Refused(theirs),
            Policy::LastWrite | Policy::RejectBoth | Policy::Merge | Policy::Custom(_)
                if self.cell.sealed =>
            {
                Ruled::Refused(theirs)
            }
            Policy::LastWrite | Policy::Merge => self.stands(),
            Policy::Rank(ranks) => self.by_rank(ranks),
            Policy::RejectBoth => self.contested(),
            Policy::KeepBoth => self.kept(),
            Policy::Custom(rule) => self.by_rule(*rule),
        }
    }

    /// The write takes the field over.
    fn stands(self) -> Ruled {
        let value = self.write.change.applied(self.cell.value());
        let settled = self.settled(&value);
        Ruled::Stands(self.taken(value), settled)
    }

    fn taken(&self, value: Value) -> Cell {
        if self.write.change == Change::Keep {
            return Cell { sealed: self.cell.sealed || self.write.seal, ..self.cell.clone() };
        }
        let held = &self.cell.claim;
        let own = held.by.as_ref().is_some_and(|by| by.author == self.mine.author);
        // What somebody writes in several steps is gone back from in one.
        let before = if own { self.cell.before.clone() } else { Some(Box::new(held.clone())) };
        Cell {
            claim: self.claim(value),
            sealed: self.cell.sealed || self.write.seal,
            before: before.filter(|_| self.policy.looks_back()),
            rivals: Rivals::None,
        }
    }

    /// Those whose values neither stood nor fell hear what came of it.
    fn settled(&self, value: &Value) -> Vec<(Stamp, Revision)> {
        let Rivals::Contested(claims) = &self.cell.rivals else { return Vec::new() };
        if self.write.change == Change::Keep {
            return Vec::new();
        }
        let news = |claim: &Claim| {
            let loss = self.claim(value.clone());
            Some((claim.by.clone()?, Revision::Settled { place: self.place.clone(), by: loss }))
        };
        claims.iter().filter_map(news).collect()
    }

    fn by_rank(self, ranks: &[Rank]) -> Ruled {
        let height = |stamp: Option<&Stamp>| {
            let rank = stamp.and_then(|stamp| stamp.rank.as_ref());
            rank.and_then(|rank| ranks.iter().position(|word| word == rank)).unwrap_or(ranks.len())
        };
        let theirs = self.cell.claim.clone();
        let (mine, held) = (height(Some(&self.mine)), height(theirs.by.as_ref()));
        match mine.cmp(&held) {
            std::cmp::Ordering::Less if !self.cell.sealed => self.overrules(None),
            std::cmp::Ordering::Greater => Ruled::Overruled(theirs),
            _ => Ruled::Refused(theirs),
        }
    }

    fn by_rule(self, rule: fn(&Contest<'_>) -> Resolution) -> Ruled {
        let mine = self.claim(self.write.change.applied(self.cell.value()));
        let theirs = &self.cell.claim;
        let base = self.cell.before.as_ref().map_or(&Value::Null, |before| &before.value);
        let contest = Contest { place: self.place, base, mine: &mine, theirs };
        match rule(&contest) {
            Resolution::Mine => self.overrules(None),
            Resolution::Both(value) => self.overrules(Some(value)),
            Resolution::Theirs => Ruled::Yields(theirs.clone()),
            Resolution::Refuse => Ruled::Refused(theirs.clone()),
        }
    }

    /// The write takes the field over, and who held it hears of that.
    fn overrules(self, value: Option<Value>) -> Ruled {
        let value = value.unwrap_or_else(|| self.write.change.applied(self.cell.value()));
        let by = self.claim(value.clone());
        let loser = self.cell.claim.by.clone();
        let news = Revision::Overruled { place: self.place.clone(), by };
        Ruled::Stands(self.taken(value), loser.map(|loser| (loser, news)).into_iter().collect())
    }

    /// The field goes back, and everybody hears of everybody else.
    fn contested(self) -> Ruled {
        let mine = self.claim(self.write.change.applied(self.cell.value()));
        let base = match &self.cell.rivals {
            Rivals::Contested(_) => self.cell.claim.clone(),
            Rivals::None | Rivals::Kept(_) => {
                self.cell.before.as_deref().cloned().unwrap_or_default()
            }
        };
        let others: Vec<_> =
            self.cell.claims().filter(|claim| !self.is_mine(claim)).cloned().collect();
        let news = |claim: &Claim| {
            let (place, with) = (self.place.clone(), mine.clone());
            Some((claim.by.clone()?, Revision::Contested { place, with }))
        };
        let news = others.iter().filter_map(news).collect();
        let cell = Cell {
            claim: base.clone(),
            sealed: self.cell.sealed,
            before: Some(Box::new(base)),
            rivals: Rivals::Contested(self.joined(mine)),
        };
        Ruled::Contested(cell, others, news)
    }

    /// The field goes on to show what it shows, and the write is listed beside it.
    fn kept(self) -> Ruled {
        let mine = self.claim(self.write.change.applied(self.cell.value()));
        let mut all = self.joined(mine);
        let shown = all.remove(0);
        let cell = Cell { claim: shown, rivals: Rivals::Kept(all), ..self.cell.clone() };
        Ruled::Stands(cell, Vec::new())
    }

    /// All that was written and nobody has settled, with mine: who writes again takes the place of what they wrote
    /// before.
    fn joined(&self, mine: Claim) -> Vec<Claim> {
        let mut all: Vec<_> = self.cell.claims().cloned().collect();
        match all.iter().position(|claim| self.is_mine(claim)) {
            Some(at) => all[at] = mine,
            None => all.push(mine),
        }
        all
    }

    /// Whether that is by the same author, or by nobody.
    fn is_mine(&self, claim: &Claim) -> bool {
        claim.by.as_ref().is_none_or(|by| by.author == self.mine.author)
    }

    fn claim(&self, value: Value) -> Claim {
        Claim { value, by: Some(self.mine.clone()) }
    }
}

/// The items of a set, in order.
fn items(value: &Value) -> Vec<Value> {
    let mut items = if let Value::List(items) = value { items.clone() } else { Vec::new() };
    items.sort();
    items.dedup();
    items
}
