//! The rules for [seats](crate::seats) told once more, as plainly as can be and with nothing of the engine, for what an
//! anchor decides to be held against.

use std::collections::BTreeMap;
use std::fmt;

use driftline_core::command::{Call, CommandId, Seen};
use driftline_core::id::{DeviceId, SpaceId};
use driftline_core::record::Bucket;
use driftline_core::space::ledger_document;
use serde::de::DeserializeOwned;

use crate::seats::{
    Book, Build, Clear, Column, Greet, HALLS, Raise, Set, Settle, Visit, Whisper, hall,
};

/// What the author of a command hears, in a word, and those of earlier ones, by their commands.
pub(crate) type Heard = (&'static str, Vec<(CommandId, &'static str)>);

/// All seats by the plain rules.
#[derive(Debug)]
pub(crate) struct Oracle {
    space: SpaceId,
    seats: BTreeMap<u32, Seat>,
    order: u64,
}

/// All seats with what they hold, one a line, each with its hall.
pub(crate) type State = Vec<(Bucket, String)>;

/// A command that is decided.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Order<'a> {
    pub(crate) command: CommandId,
    pub(crate) author: DeviceId,
    /// The author's rank in a word.
    pub(crate) rank: Option<&'static str>,
    pub(crate) call: &'a Call,
}

#[derive(Debug, Default)]
struct Seat {
    /// Where it is, or was before it was taken away.
    home: Bucket,
    /// Whether it is there, and who said so.
    there: Option<(bool, Written)>,
    fields: BTreeMap<&'static str, Slot>,
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

/// What somebody wrote, by which command and as which of all that was decided.
#[derive(Clone, Debug)]
struct Written {
    value: Held,
    by: DeviceId,
    command: CommandId,
    order: u64,
    /// 0 is the highest.
    height: usize,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Held {
    #[default]
    Nothing,
    Number(i64),
    List(Vec<i64>),
}

/// What is done to a field.
#[derive(Clone, Copy)]
enum How {
    Set(i64),
    /// The same, by somebody who has looked.
    SetKnown(i64),
    Raise,
    Add(i64),
    Include(i64),
    Exclude(i64),
}

/// What becomes of what somebody does to a field.
enum Fate {
    Stands,
    /// It stands, and the one who wrote before hears that it does not any more.
    Overrules(Held),
    Yields,
    Overruled,
    Refused,
    Contests,
    Joins,
}

impl Oracle {
    pub(crate) fn new(space: SpaceId) -> Self {
        Self { space, seats: BTreeMap::new(), order: 0 }
    }

    /// Decides upon the next command.
    pub(crate) fn play(&mut self, order: &Order<'_>) -> Heard {
        let heard = self.decide(order);
        self.seats.values_mut().for_each(|seat| seat.settle_in(self.order));
        heard
    }

    fn decide(&mut self, order: &Order<'_>) -> Heard {
        self.order += 1;
        let height = match order.rank {
            Some("till") => 0,
            Some("cart") => 1,
            _ => 2,
        };
        let (by, command) = (order.author, order.command);
        let mine = Written { value: Held::Nothing, by, command, order: self.order, height };
        let seen = &Eyes { seen: &order.call.seen, space: self.space };
        match order.call.name.as_str() {
            "set" => {
                let Set { seat, column, to } = read(order.call);
                self.seat(seat).write(column.name(), How::Set(to), mine, seen)
            }
            "whisper" => {
                let Whisper { set: Set { seat, column, to }, .. } = read(order.call);
                self.seat(seat).write(column.name(), How::Set(to), mine, seen)
            }
            "raise" => {
                let Raise { seat, column } = read(order.call);
                self.seat(seat).write(column.name(), How::Raise, mine, seen)
            }
            "visit" => {
                let Visit { seat, times } = read(order.call);
                self.seat(seat).write("visits", How::Add(times), mine, seen)
            }
            "greet" => {
                let Greet { seat, guest, comes } = read(order.call);
                let how = if comes { How::Include(guest) } else { How::Exclude(guest) };
                self.seat(seat).write("guests", how, mine, seen)
            }
            "build" => {
                let Build { seat } = read(order.call);
                self.seat(seat).build(mine)
            }
            "clear" => {
                let Clear { seat } = read(order.call);
                self.seat(seat).clear(mine, seen)
            }
            "settle" => {
                let Settle { seat, column } = read(order.call);
                self.seat(seat).settle(column.name(), mine)
            }
            "book" => {
                let Book { seat, guest } = read(order.call);
                match self.seat(seat).value("holder") {
                    Held::Nothing => {
                        self.seat(seat).write("holder", How::SetKnown(guest), mine, seen)
                    }
                    _ => heard("refused"),
                }
            }
            "poison" => heard("failed"),
            _ => heard("obsolete"),
        }
    }

    /// The next decision is of that order.
    pub(crate) fn skip_to(&mut self, order: u64) {
        self.order = order - 1;
    }

    /// The next decision says that the author took the command back.
    pub(crate) fn pass_over(&mut self) {
        self.order += 1;
    }

    /// All seats with what they hold, as people are shown them.
    pub(crate) fn state(&self) -> State {
        let there = self.seats.iter().filter(|(_, seat)| seat.is_there());
        let lines = there.map(|(number, seat)| {
            let fields = seat.fields.iter().map(|(name, slot)| format!("{name} {slot}"));
            let line = format!("{number}: {}\n", fields.collect::<Vec<_>>().join(", "));
            (seat.home.clone(), line)
        });
        lines.collect()
    }

    fn seat(&mut self, number: u32) -> &mut Seat {
        self.seats.entry(number).or_default()
    }
}

impl Seat {
    /// Goes into the hall that it is in now. Whoever is there has seen nothing of it before.
    fn settle_in(&mut self, order: u64) {
        let home = match self.fields.get("hall").map(Slot::value) {
            _ if !self.is_there() => return,
            Some(Held::Number(number @ 1..=HALLS)) => hall(number),
            _ => Bucket::default(),
        };
        if self.home == home {
            return;
        }
        self.home = home;
        let slots = self
            .fields
            .values_mut()
            .flat_map(|slot| slot.shown.iter_mut().chain(&mut slot.before).chain(&mut slot.others));
        let all = slots.chain(self.there.as_mut().map(|(_, by)| by));
        all.for_each(|written| written.order = order);
    }

    fn is_there(&self) -> bool {
        self.there.as_ref().is_some_and(|(there, _)| *there)
    }

    fn value(&self, field: &str) -> Held {
        let slot = self.fields.get(field).filter(|_| self.is_there());
        slot.map(Slot::value).unwrap_or_default()
    }

    fn write(&mut self, field: &'static str, how: How, mine: Written, seen: &Eyes<'_>) -> Heard {
        match &self.there {
            Some((true, _)) => {}
            // Who did not know that it was taken away does not put it back.
            Some((false, by)) if !saw(&mine, (seen, &self.home), by) && !how.looked() => {
                return heard("yielded");
            }
            _ => self.there = Some((true, mine.clone())),
        }
        let value = how.applied(self.value(field));
        let mine = Written { value, ..mine };
        let Some(slot) = self.fields.get_mut(field) else {
            self.fields.insert(field, Slot { shown: Some(mine), ..Slot::default() });
            return heard("accepted");
        };
        let conflict = match how {
            How::Set(_) => slot.is_unseen(&mine, seen, &self.home),
            How::SetKnown(_) | How::Raise => {
                !slot.others.is_empty() && slot.is_unseen(&mine, seen, &self.home)
            }
            How::Add(_) | How::Include(_) | How::Exclude(_) => false,
        };
        let fate = if conflict { slot.fate(field, &mine) } else { Fate::Stands };
        slot.meet(fate, mine)
    }

    fn build(&mut self, mine: Written) -> Heard {
        if self.is_there() {
            return heard("refused");
        }
        let slot = |value| {
            let shown = Some(Written { value, ..mine.clone() });
            Slot { shown, ..Slot::default() }
        };
        self.fields.insert("visits", slot(Held::Number(0)));
        self.fields.insert("guests", slot(Held::List(Vec::new())));
        for column in Column::ALL.into_iter().chain([Column::Hall]) {
            self.fields.insert(column.name(), slot(Held::Nothing));
        }
        self.there = Some((true, mine));
        heard("accepted")
    }

    /// It goes only if every field goes.
    fn clear(&mut self, mine: Written, seen: &Eyes<'_>) -> Heard {
        let mut news = Vec::new();
        let (mut yields, mut overruled, mut refused) = (false, false, false);
        if let Some((true, by)) = &self.there {
            yields = !saw(&mine, (seen, &self.home), by);
            for (field, slot) in &self.fields {
                let fate = match slot.is_unseen(&mine, seen, &self.home) {
                    true => slot.fate(field, &mine),
                    false => Fate::Stands,
                };
                match fate {
                    Fate::Stands if slot.contested => news.extend(tell(&slot.others, "settled")),
                    Fate::Stands => {}
                    Fate::Overrules(_) => news.extend(tell(slot.shown.as_slice(), "overruled")),
                    Fate::Yields | Fate::Contests | Fate::Joins => yields = true,
                    Fate::Overruled => overruled = true,
                    Fate::Refused => refused = true,
                }
            }
        }
        match (overruled, yields, refused) {
            (true, ..) => return heard("overruled"),
            (_, true, _) => return heard("yielded"),
            (.., true) => return heard("preceded"),
            _ => {}
        }
        self.there = Some((false, mine));
        self.fields.clear();
        ("accepted", news)
    }

    fn settle(&mut self, field: &'static str, mine: Written) -> Heard {
        if self.is_there() {
            let fresh = Slot { shown: Some(mine), ..Slot::default() };
            self.fields.entry(field).or_insert(fresh).sealed = true;
        }
        heard("accepted")
    }
}

impl Slot {
    fn value(&self) -> Held {
        self.shown.as_ref().map(|shown| shown.value.clone()).unwrap_or_default()
    }

    /// All that stands against one another, or the one thing that stands.
    fn unsettled(&self) -> Vec<Written> {
        let shown = if self.contested { None } else { self.shown.clone() };
        shown.into_iter().chain(self.others.clone()).collect()
    }

    fn is_unseen(&self, mine: &Written, seen: &Eyes<'_>, home: &Bucket) -> bool {
        self.unsettled().iter().any(|written| !saw(mine, (seen, home), written))
    }

    /// What becomes of something that conflicts.
    fn fate(&self, field: &str, mine: &Written) -> Fate {
        let theirs = self.value();
        match (field, &mine.value) {
            ("price", _) => Fate::Yields,
            ("holder", _) => Fate::Refused,
            ("wish", _) => Fate::Joins,
            ("keeper", value) => {
                let height = self.shown.as_ref().map_or(2, |shown| shown.height);
                match mine.height.cmp(&height) {
                    std::cmp::Ordering::Less if !self.sealed => Fate::Overrules(value.clone()),
                    std::cmp::Ordering::Greater => Fate::Overruled,
                    _ => Fate::Refused,
                }
            }
            // To take away what is contested, or was written, one has to have seen it.
            ("tilt", Held::Nothing) => Fate::Yields,
            (_, _) if self.sealed => Fate::Refused,
            ("tilt", _) => Fate::Contests,
            ("moved", Held::Number(13)) => Fate::Refused,
            ("moved", Held::Number(7)) if theirs != Held::Nothing => {
                Fate::Overrules(How::Add(7).applied(theirs))
            }
            ("moved", value) if *value > theirs => Fate::Overrules(value.clone()),
            ("moved", _) => Fate::Yields,
            _ => Fate::Stands,
        }
    }

    fn meet(&mut self, fate: Fate, mine: Written) -> Heard {
        match fate {
            Fate::Yields => heard("yielded"),
            Fate::Overruled => heard("overruled"),
            Fate::Refused => heard("preceded"),
            Fate::Stands => {
                let settled = if self.contested { self.others.clone() } else { Vec::new() };
                self.take(mine);
                ("accepted", tell(&settled, "settled"))
            }
            Fate::Overrules(value) => {
                let loser = Vec::from_iter(self.shown.clone());
                self.take(Written { value, ..mine });
                ("accepted", tell(&loser, "overruled"))
            }
            Fate::Joins => {
                let mut all = self.joined(mine);
                self.shown = Some(all.remove(0));
                self.others = all;
                heard("accepted")
            }
            Fate::Contests => {
                let others: Vec<_> =
                    self.unsettled().into_iter().filter(|other| other.by != mine.by).collect();
                self.others = self.joined(mine);
                if !self.contested {
                    self.shown = self.before.clone();
                }
                (self.before, self.contested) = (self.shown.clone(), true);
                ("contested", tell(&others, "contested"))
            }
        }
    }

    fn take(&mut self, mine: Written) {
        if self.shown.as_ref().is_none_or(|shown| shown.by != mine.by) {
            self.before = self.shown.take();
        }
        (self.shown, self.others, self.contested) = (Some(mine), Vec::new(), false);
    }

    /// Who writes again takes the place of what they wrote.
    fn joined(&self, mine: Written) -> Vec<Written> {
        let mut all = self.unsettled();
        match all.iter().position(|written| written.by == mine.by) {
            Some(at) => all[at] = mine,
            None => all.push(mine),
        }
        all
    }
}

impl How {
    fn looked(self) -> bool {
        matches!(self, Self::SetKnown(_) | Self::Raise)
    }

    fn applied(self, held: Held) -> Held {
        let (count, mut list) = match held {
            Held::Number(number) => (Some(number), Vec::new()),
            Held::List(list) => (None, list),
            Held::Nothing => (None, Vec::new()),
        };
        match self {
            Self::Set(to) | Self::SetKnown(to) => Held::Number(to),
            Self::Raise => Held::Number(count.map_or(1, |count| count + 1)),
            Self::Add(more) => Held::Number(count.unwrap_or(0) + more),
            Self::Include(item) => {
                list.push(item);
                list.sort_unstable();
                list.dedup();
                Held::List(list)
            }
            Self::Exclude(item) => {
                list.retain(|held| *held != item);
                Held::List(list)
            }
        }
    }
}

/// What the author of a command had seen.
struct Eyes<'a> {
    seen: &'a Seen,
    space: SpaceId,
}

/// Whether the author of one thing had seen another, which is in that bucket.
fn saw(mine: &Written, (eyes, home): (&Eyes<'_>, &Bucket), other: &Written) -> bool {
    let Eyes { seen, space } = eyes;
    let pending = seen.pending.get(&other.command.chain).copied().unwrap_or_default();
    let decided = match home.is_common() {
        true => seen.decided,
        false => seen.elsewhere.get(&ledger_document(space, home)).copied().unwrap_or_default(),
    };
    other.by == mine.by || other.order <= decided || other.command.number <= pending
}

fn heard(verdict: &'static str) -> Heard {
    (verdict, Vec::new())
}

fn tell(whom: &[Written], what: &'static str) -> Vec<(CommandId, &'static str)> {
    whom.iter().map(|written| (written.command, what)).collect()
}

fn read<T: DeserializeOwned>(call: &Call) -> T {
    call.fields.to().expect("only what the apps know is given under these names")
}

impl fmt::Display for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => f.write_str("null"),
            Self::Number(number) => number.fmt(f),
            Self::List(items) => {
                let items: Vec<_> = items.iter().map(i64::to_string).collect();
                write!(f, "[{}]", items.join(","))
            }
        }
    }
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sealed = if self.sealed { " sealed" } else { "" };
        let how = match (self.contested, self.others.is_empty()) {
            (true, _) => " contested by",
            (false, false) => " beside",
            (false, true) => "",
        };
        let others: String = self.others.iter().map(|other| format!(" {}", other.value)).collect();
        write!(f, "{}{sealed}{how}{others}", self.value())
    }
}
