//! The policies told once more, as plainly as can be and with nothing of the engine, for it to be held against.

use quickcheck::{Arbitrary, Gen, quickcheck};

use super::kit::{FIELDS, Step, act, command, decide, ledger};
use crate::command::{Ledger, Revision, Seen, Verdict};
use crate::record::{Cell, Rivals, RowId, Value};

/// What somebody does to a field, all fields being of one record.
#[derive(Clone, Debug)]
struct Deed {
    by: u8,
    field: usize,
    what: What,
    /// How many decisions its author had seen, and how many commands of each.
    decided: u64,
    pending: [u64; 4],
}

#[derive(Clone, Copy, Debug)]
enum What {
    Set(i64),
    /// Reads it, and makes it one more.
    Bump,
    Add(i64),
    Seal,
}

impl Arbitrary for Deed {
    fn arbitrary(g: &mut Gen) -> Self {
        let what = match u8::arbitrary(g) % 8 {
            0 => What::Bump,
            1 => What::Seal,
            2 => What::Add(3),
            _ => What::Set(11 + i64::from(u8::arbitrary(g) % 5)),
        };
        // Only what may be added to has a policy for that.
        let field = if let What::Add(_) = what { 6 } else { usize::arbitrary(g) % 8 };
        let pending = [(); 4].map(|()| u64::from(u8::arbitrary(g) % 8) / 3);
        Self { by: u8::arbitrary(g) % 4, field, what, decided: u64::arbitrary(g) % 12, pending }
    }
}

/// What somebody wrote.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Written {
    by: u8,
    /// As which of their commands, and as which of all that was decided.
    number: u64,
    order: u64,
    value: Option<i64>,
}

/// A field. Where it is contested, what it shows is none of what is contested.
#[derive(Clone, Debug, Default)]
struct Slot {
    shown: Option<Written>,
    before: Option<Written>,
    others: Vec<Written>,
    contested: bool,
    sealed: bool,
}

/// A record by the plain rules, and how many commands each has given.
#[derive(Default)]
struct Oracle {
    slots: [Slot; 8],
    there: bool,
    given: [u64; 4],
    order: u64,
}

/// What the author of a command hears, and those of earlier ones, by whose and which it was.
type Heard = (&'static str, Vec<(u8, u64, &'static str)>);

impl Oracle {
    fn play(&mut self, deed: &Deed) -> Heard {
        let by = usize::from(deed.by);
        self.given[by] += 1;
        self.order += 1;
        let mine = Written { by: deed.by, number: self.given[by], order: self.order, value: None };
        let was_there = self.there;
        let slot = &mut self.slots[deed.field];
        let count = slot.shown.and_then(|written| written.value);
        let value = match deed.what {
            What::Set(value) => Some(value),
            What::Bump => Some(count.map_or(1, |count| count + 1)),
            What::Add(more) => Some(count.unwrap_or(0) + more),
            What::Seal if was_there => return slot.seal(mine),
            What::Seal => return ("accepted", Vec::new()),
        };
        let heard = slot.write(deed, Written { value, ..mine });
        // Who is refused makes no record either; there is one by then.
        self.there = true;
        heard
    }
}

impl Slot {
    fn seal(&mut self, mine: Written) -> Heard {
        self.sealed = true;
        self.shown = self.shown.or(Some(mine));
        ("accepted", Vec::new())
    }

    fn write(&mut self, deed: &Deed, mine: Written) -> Heard {
        let saw = |written: &Written| {
            let pending = deed.pending[usize::from(written.by)];
            written.by == deed.by || written.order <= deed.decided || written.number <= pending
        };
        let unseen = self.unsettled().iter().any(|written| !saw(written));
        let conflict = match deed.what {
            What::Set(_) => unseen,
            What::Bump => unseen && !self.others.is_empty(),
            What::Add(_) | What::Seal => false,
        };
        match conflict {
            true => self.conflict(deed.field, mine),
            false => self.stands(mine),
        }
    }

    /// All that stands against one another, or the one thing that stands.
    fn unsettled(&self) -> Vec<Written> {
        let shown = if self.contested { None } else { self.shown };
        shown.into_iter().chain(self.others.clone()).collect()
    }

    fn stands(&mut self, mine: Written) -> Heard {
        let settled = if self.contested { self.others.clone() } else { Vec::new() };
        if self.shown.is_none_or(|shown| shown.by != mine.by) {
            self.before = self.shown;
        }
        (self.shown, self.others, self.contested) = (Some(mine), Vec::new(), false);
        ("accepted", tell(&settled, "settled"))
    }

    fn conflict(&mut self, field: usize, mine: Written) -> Heard {
        let theirs = self.shown.and_then(|shown| shown.value);
        match (FIELDS[field].name(), self.sealed) {
            ("server_wins", _) => ("yields", Vec::new()),
            ("keep_both", _) => self.beside(mine),
            ("first_write", _) => ("preceded", Vec::new()),
            ("rank", _) => self.by_rank(mine),
            (_, true) => ("preceded", Vec::new()),
            ("reject_both", false) => self.contest(mine),
            ("custom", false) if mine.value == Some(13) => ("preceded", Vec::new()),
            ("custom", false) if mine.value > theirs => self.overrules(mine),
            ("custom", false) => ("yields", Vec::new()),
            _ => self.stands(mine),
        }
    }

    /// The first is above the second, and both are above all others.
    fn by_rank(&mut self, mine: Written) -> Heard {
        let height = |by: u8| by.min(2);
        let theirs = self.shown.map_or(2, |shown| height(shown.by));
        match (height(mine.by), self.sealed) {
            (height, _) if height > theirs => ("overruled", Vec::new()),
            (height, false) if height < theirs => self.overrules(mine),
            _ => ("preceded", Vec::new()),
        }
    }

    fn overrules(&mut self, mine: Written) -> Heard {
        let loser = Vec::from_iter(self.shown);
        self.stands(mine);
        ("accepted", tell(&loser, "overruled"))
    }

    fn beside(&mut self, mine: Written) -> Heard {
        let mut all = self.unsettled();
        join(&mut all, mine);
        self.shown = Some(all.remove(0));
        self.others = all;
        ("accepted", Vec::new())
    }

    fn contest(&mut self, mine: Written) -> Heard {
        let mut all = self.unsettled();
        let others: Vec<_> = all.iter().copied().filter(|written| written.by != mine.by).collect();
        join(&mut all, mine);
        if !self.contested {
            self.shown = self.before;
        }
        (self.before, self.others, self.contested) = (self.shown, all, true);
        ("contested", tell(&others, "contested"))
    }
}

/// Who writes again takes the place of what they wrote.
fn join(all: &mut Vec<Written>, mine: Written) {
    match all.iter_mut().find(|written| written.by == mine.by) {
        Some(earlier) => *earlier = mine,
        None => all.push(mine),
    }
}

fn tell(whom: &[Written], what: &'static str) -> Vec<(u8, u64, &'static str)> {
    whom.iter().map(|written| (written.by, written.number, what)).collect()
}

/// What the engine makes of it.
fn engine_plays(anchor: &mut Ledger, deed: &Deed, number: u64) -> Heard {
    let step = match deed.what {
        What::Set(value) => Step::Set(0, deed.field, Value::Int(value)),
        What::Bump => Step::Bump(0, deed.field),
        What::Add(more) => Step::Add(0, more),
        What::Seal => Step::Seal(0, deed.field),
    };
    let pending = (0..4).map(|n| (command(n, 0).chain, deed.pending[usize::from(n)]));
    let (decided, pending) = (deed.decided, pending.collect());
    let seen = Seen { decided, pending, ..Seen::default() };
    let decision = decide(anchor, deed.by, number, act(&[step], seen, 0));
    let heard = match decision.verdict.expect("it is the common part") {
        Verdict::Accepted { .. } => "accepted",
        Verdict::Yielded { .. } => "yields",
        Verdict::Overruled { .. } => "overruled",
        Verdict::Contested { .. } => "contested",
        Verdict::Preceded { .. } => "preceded",
        _ => "something else",
    };
    let news = decision.news.iter().map(|(stamp, revision)| {
        let what = match revision {
            Revision::Overruled { .. } => "overruled",
            Revision::Contested { .. } => "contested",
            Revision::Settled { .. } => "settled",
        };
        (stamp.author.0[0], stamp.command.number, what)
    });
    (heard, news.collect())
}

fn same(cell: Option<&Cell>, slot: &Slot) -> bool {
    let number = |value: &Value| if let Value::Int(number) = value { Some(*number) } else { None };
    let values = |written: &[Written]| written.iter().map(|it| it.value).collect::<Vec<_>>();
    let Some(cell) = cell else { return slot.unsettled().is_empty() };
    let (contested, others) = match &cell.rivals {
        Rivals::None => (false, [].as_slice()),
        Rivals::Kept(others) => (false, others.as_slice()),
        Rivals::Contested(others) => (true, others.as_slice()),
    };
    let others: Vec<_> = others.iter().map(|claim| number(&claim.value)).collect();
    let shown = slot.shown.and_then(|shown| shown.value);
    (number(cell.value()), cell.sealed, contested, others)
        == (shown, slot.sealed, slot.contested, values(&slot.others))
}

quickcheck! {
    fn the_engine_decides_as_the_plain_rules_do(deeds: Vec<Deed>) -> bool {
        let (mut anchor, mut oracle) = (ledger(9), Oracle::default());
        deeds.iter().all(|deed| {
            let told = oracle.play(deed);
            let heard = engine_plays(&mut anchor, deed, oracle.given[usize::from(deed.by)]);
            let row = RowId::new("boards", 0);
            let cell = |field: usize| anchor.confirmed().cell(&row.field(FIELDS[field].name()));
            told == heard && (0..8).all(|field| same(cell(field), &oracle.slots[field]))
        })
    }
}
