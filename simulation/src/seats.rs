//! What the apps in a world know of: seats, with a field for each policy, and what may be asked for about them.
//!
//! All that a field holds are numbers, so that whoever tells the rules anew has little to tell.

use std::fmt::Debug;
use std::panic::resume_unwind;
use std::sync::Arc;

use driftline_core::command::{Command, Handler, Registry, Side, Transaction};
use driftline_core::record::{Bucket, Contest, Field, Record, Resolution, Value};
use serde::{Deserialize, Serialize};

/// How many seats there are, from 1.
pub const SEATS: u32 = 4;

/// How many halls there are that not everybody may enter, from 1.
pub const HALLS: i64 = 2;

/// A seat.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, Record)]
#[record(collection = "seats", bucket = Seat::hall, crate = "driftline_core")]
pub struct Seat {
    /// Which one.
    #[key]
    #[serde(default)]
    pub number: u32,
    /// What it costs.
    #[serde(default)]
    pub price: Value,
    /// Whose it is.
    #[policy(first_write)]
    #[serde(default)]
    pub holder: Value,
    /// What somebody remarked.
    #[policy(last_write)]
    #[serde(default)]
    pub remark: Value,
    /// Who keeps it for somebody.
    #[policy(rank(Till > Cart))]
    #[serde(default)]
    pub keeper: Value,
    /// How far it is tilted: nobody wants the mean of two opinions.
    #[policy(reject_both)]
    #[serde(default)]
    pub tilt: Value,
    /// What is wished for it.
    #[policy(keep_both)]
    #[serde(default)]
    pub wish: Value,
    /// How far it was moved.
    #[policy(custom(the_larger))]
    #[serde(default)]
    pub moved: Value,
    /// In which hall it is: only those see it who may enter that.
    #[policy(last_write)]
    #[serde(default)]
    pub hall: Value,
    /// How often somebody sat there.
    #[policy(merge)]
    #[serde(default)]
    pub visits: i64,
    /// Who did.
    #[policy(merge)]
    #[serde(default)]
    pub guests: Vec<i64>,
}

impl Seat {
    /// The bucket of its hall. All other places are everybody's.
    fn hall(&self) -> Bucket {
        match self.hall {
            Value::Int(hall @ 1..=HALLS) => self::hall(hall),
            _ => Bucket::default(),
        }
    }
}

/// The bucket of a hall.
pub fn hall(number: i64) -> Bucket {
    Bucket::from(&*format!("hall-{number}"))
}

/// Of two moves the larger stands, but a move by 7 is made on top of the other, and one by 13 is refused.
fn the_larger(contest: &Contest<'_>) -> Resolution {
    match (&contest.mine.value, &contest.theirs.value) {
        (Value::Int(13), _) => Resolution::Refuse,
        (Value::Int(7), Value::Int(theirs)) => Resolution::Both(Value::Int(theirs + 7)),
        (mine, theirs) if mine > theirs => Resolution::Mine,
        _ => Resolution::Theirs,
    }
}

/// A field that anybody may set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Column {
    /// The value that stands goes on to stand.
    Price,
    /// The first stands.
    Holder,
    /// The last stands.
    Remark,
    /// The higher rank stands.
    Keeper,
    /// Neither stands.
    Tilt,
    /// Both stand.
    Wish,
    /// The app says what stands.
    Moved,
    /// The last stands, and says who sees the seat.
    Hall,
}

impl Column {
    /// All of them, but for the hall.
    pub const ALL: [Self; 7] = [
        Self::Price,
        Self::Holder,
        Self::Remark,
        Self::Keeper,
        Self::Tilt,
        Self::Wish,
        Self::Moved,
    ];

    fn field(self) -> Field<Seat, Value> {
        match self {
            Self::Price => Seat::PRICE,
            Self::Holder => Seat::HOLDER,
            Self::Remark => Seat::REMARK,
            Self::Keeper => Seat::KEEPER,
            Self::Tilt => Seat::TILT,
            Self::Wish => Seat::WISH,
            Self::Moved => Seat::MOVED,
            Self::Hall => Seat::HALL,
        }
    }

    /// The field's name.
    pub fn name(self) -> &'static str {
        self.field().name()
    }
}

/// Sets a field without looking.
#[derive(Clone, Debug, Serialize, Deserialize, Command)]
#[command(name = "set", crate = "driftline_core")]
pub struct Set {
    /// Of which seat.
    pub seat: u32,
    /// Which one.
    pub column: Column,
    /// To what.
    pub to: i64,
}

/// The same, said in a hall: whoever may not enter that does not hear of it before it is decided.
#[derive(Clone, Debug, Serialize, Deserialize, Command)]
#[command(name = "whisper", crate = "driftline_core")]
pub struct Whisper {
    /// In which hall.
    pub hall: i64,
    /// What.
    pub set: Set,
}

/// Looks at a field, and makes it one more.
#[derive(Clone, Debug, Serialize, Deserialize, Command)]
#[command(name = "raise", output = i64, crate = "driftline_core")]
pub struct Raise {
    /// Of which seat.
    pub seat: u32,
    /// Which one.
    pub column: Column,
}

/// Somebody sits there, so many times.
#[derive(Clone, Debug, Serialize, Deserialize, Command)]
#[command(name = "visit", crate = "driftline_core")]
pub struct Visit {
    /// Where.
    pub seat: u32,
    /// How often.
    pub times: i64,
}

/// Somebody is written among the guests, or struck from them.
#[derive(Clone, Debug, Serialize, Deserialize, Command)]
#[command(name = "greet", crate = "driftline_core")]
pub struct Greet {
    /// Of which seat.
    pub seat: u32,
    /// Who.
    pub guest: i64,
    /// Whether they come.
    pub comes: bool,
}

/// Puts a seat there, where there is none.
#[derive(Clone, Debug, Serialize, Deserialize, Command)]
#[command(name = "build", refusal = i64, crate = "driftline_core")]
pub struct Build {
    /// Which one.
    pub seat: u32,
}

/// Takes a seat away.
#[derive(Clone, Debug, Serialize, Deserialize, Command)]
#[command(name = "clear", crate = "driftline_core")]
pub struct Clear {
    /// Which one.
    pub seat: u32,
}

/// Nobody is to overrule what a field holds from then on.
#[derive(Clone, Debug, Serialize, Deserialize, Command)]
#[command(name = "settle", crate = "driftline_core")]
pub struct Settle {
    /// Of which seat.
    pub seat: u32,
    /// Which one.
    pub column: Column,
}

/// Takes a seat for somebody, if nobody has it. Whoever is late hears of the first seat that is free.
#[derive(Clone, Debug, Serialize, Deserialize, Command)]
#[command(name = "book", refusal = Option<u32>, crate = "driftline_core")]
pub struct Book {
    /// Which one.
    pub seat: u32,
    /// For whom.
    pub guest: i64,
}

/// Does harm where it is decided, and nothing where it is only predicted.
#[derive(Clone, Debug, Serialize, Deserialize, Command)]
#[command(name = "poison", crate = "driftline_core")]
pub struct Poison {
    /// Whether it panics; otherwise it goes on for ever.
    pub panics: bool,
}

impl Handler for Set {
    fn run(&self, tx: &mut Transaction<'_>) -> Result<(), ()> {
        tx.write(self.seat, self.column.field(), &Value::Int(self.to));
        Ok(())
    }
}

impl Handler for Whisper {
    fn bucket(&self) -> Bucket {
        hall(self.hall)
    }

    fn run(&self, tx: &mut Transaction<'_>) -> Result<(), ()> {
        self.set.run(tx)
    }
}

impl Handler for Raise {
    fn run(&self, tx: &mut Transaction<'_>) -> Result<i64, ()> {
        let held = tx.read(self.seat, self.column.field()).unwrap_or_default();
        let more = if let Value::Int(number) = held { number.saturating_add(1) } else { 1 };
        tx.write(self.seat, self.column.field(), &Value::Int(more));
        Ok(more)
    }
}

impl Handler for Visit {
    fn run(&self, tx: &mut Transaction<'_>) -> Result<(), ()> {
        tx.add(self.seat, Seat::VISITS, self.times);
        Ok(())
    }
}

impl Handler for Greet {
    fn run(&self, tx: &mut Transaction<'_>) -> Result<(), ()> {
        match self.comes {
            true => tx.include(self.seat, Seat::GUESTS, &self.guest),
            false => tx.exclude(self.seat, Seat::GUESTS, &self.guest),
        }
        Ok(())
    }
}

impl Handler for Build {
    fn run(&self, tx: &mut Transaction<'_>) -> Result<(), i64> {
        if tx.exists::<Seat>(self.seat) {
            return Err(self.seat.into());
        }
        tx.put(&Seat { number: self.seat, ..Seat::default() });
        Ok(())
    }
}

impl Handler for Clear {
    fn run(&self, tx: &mut Transaction<'_>) -> Result<(), ()> {
        tx.remove::<Seat>(self.seat);
        Ok(())
    }
}

impl Handler for Settle {
    fn run(&self, tx: &mut Transaction<'_>) -> Result<(), ()> {
        tx.seal(self.seat, self.column.field());
        Ok(())
    }
}

impl Handler for Book {
    fn run(&self, tx: &mut Transaction<'_>) -> Result<(), Option<u32>> {
        let mut is_free =
            |seat: u32| tx.read(seat, Seat::HOLDER).unwrap_or_default() == Value::Null;
        if !is_free(self.seat) {
            return Err((1..=SEATS).find(|seat| is_free(*seat)));
        }
        tx.write(self.seat, Seat::HOLDER, &Value::Int(self.guest));
        Ok(())
    }
}

impl Handler for Poison {
    fn run(&self, tx: &mut Transaction<'_>) -> Result<(), ()> {
        while tx.side() == Side::Anchor {
            if self.panics {
                // As a panic does, but in silence.
                resume_unwind(Box::new("poison"));
            }
            tx.exists::<Seat>(1);
        }
        Ok(())
    }
}

/// All that the apps know.
pub fn registry() -> Arc<Registry> {
    let registry = Registry::new().record::<Seat>().command::<Set>().command::<Raise>();
    let registry = registry.command::<Visit>().command::<Greet>().command::<Build>();
    let registry = registry.command::<Clear>().command::<Settle>().command::<Book>();
    Arc::new(registry.command::<Poison>().command::<Whisper>())
}
